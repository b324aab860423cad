"""Lines that are JSON documents; each column is a path into them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from seatrial.retrain.parse.extracted import Extracted, in_columns
from seatrial.retrain.parse.parsed import Fault
from seatrial.wording.text import one_line

_NO_JSON: Final = "the line is not a JSON document"
_TOO_DEEP: Final = Fault("the JSON document is nested too deeply", "the JSON document is nested too deeply")
_BARE: Final = Fault(
    "the JSON document is neither an object nor a list", "the JSON document is neither object nor list"
)


class PathExtractor:
    """Takes the values of columns from JSON documents.

    Args:
        paths: dotted path by column (`event.user.id`, `items.0`); a number is an index where a list is.
    """

    def __init__(self, paths: Mapping[str, str]) -> None:
        self._decode: Callable[[str], Any] = msgspec.json.Decoder().decode
        self._getters = {column: _getter(tuple(path.split("."))) for column, path in paths.items()}

    def extract(self, texts: Sequence[str]) -> Extracted:
        """Values are what JSON has; None is null, and a path that leads nowhere."""
        origins: list[int] = []
        values: list[Any] = []
        getters = tuple(self._getters.values())
        faults: dict[int, Fault] = {}
        for index, text in enumerate(texts):
            document = self._document(text)
            if type(document) is Fault:
                faults[index] = document
            else:
                origins.append(index)
                values += [get(document) for get in getters]
        return Extracted(origins=origins, values=in_columns(values, tuple(self._getters)), faults=faults)

    def _document(self, text: str) -> Any:  # noqa: ANN401 - JSON; or the fault
        try:
            document = self._decode(text)
        except (msgspec.DecodeError, UnicodeError) as error:
            return Fault(f"{_NO_JSON}: {one_line(str(error), 120)}", _NO_JSON)
        except RecursionError:
            return _TOO_DEEP
        return document if isinstance(document, dict | list) else _BARE


def _getter(parts: tuple[str, ...]) -> Callable[[Any], Any]:
    """What follows a path."""
    first = parts[0]

    def shallow(document: Any) -> Any:  # noqa: ANN401 - JSON
        return document.get(first) if type(document) is dict else _inside(document, first)

    def deep(document: Any) -> Any:  # noqa: ANN401 - JSON
        for part in parts:
            document = document.get(part) if type(document) is dict else _inside(document, part)
        return document

    return shallow if len(parts) == 1 else deep


def _inside(document: Any, part: str) -> Any:  # noqa: ANN401 - JSON
    """An element of a list; None of anything else."""
    if not isinstance(document, list) or not (part.isascii() and part.isdigit()):
        return None
    index = int(part)
    return document[index] if index < len(document) else None
