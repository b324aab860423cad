"""Lines that a function of the project reads."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from seatrial.records import UsageError
from seatrial.retrain.parse.extracted import Extracted
from seatrial.retrain.parse.parsed import Fault
from seatrial.trial.own import load_own
from seatrial.wording.text import one_line

LineFunction = Callable[[str], Any]
_REASON = 200


class FunctionExtractor:
    """Asks a function for the rows of each line.

    Args:
        function: gets a line; gives a mapping by column, several (a list), or None for a line that is none of its business.
            Whatever it raises makes the line dead: ValueError is the way to say so; anything else is a mistake in it that
            must not end the run by itself. Too many dead lines do.
    """

    def __init__(self, function: LineFunction) -> None:
        self._function = function

    def extract(self, texts: Sequence[str]) -> Extracted:
        """Values are what the function gives; keys that are no columns are left out later."""
        origins: list[int] = []
        rows: list[Mapping[str, Any]] = []
        faults: dict[int, Fault] = {}
        ignored = 0
        for index, text in enumerate(texts):
            found = self._rows(text)
            if isinstance(found, Fault):
                faults[index] = found
            elif found is None:
                ignored += 1
            else:
                origins += [index] * len(found)
                rows += found
        names = dict.fromkeys(name for row in rows for name in row)
        values = {name: [row.get(name) for row in rows] for name in names}
        return Extracted(origins=origins, values=values, faults=faults, ignored=ignored)

    def _rows(self, text: str) -> Sequence[Mapping[str, Any]] | Fault | None:
        try:
            found = self._function(text)
        except ValueError as error:
            return _said(str(error) or "the function raised ValueError without a reason")
        except Exception as error:  # noqa: BLE001 - one line that it can't take must not end the run
            return _said(f"the function raised {type(error).__name__}: {error}")
        if found is None:
            return None
        rows = found if isinstance(found, list) else [found]
        wrong = next((row for row in rows if not isinstance(row, Mapping)), None)
        if wrong is not None:
            return _said(
                f"the function gave a {type(wrong).__name__}, which is neither a dict nor a list of dicts nor None"
            )
        return rows


def _said(reason: str) -> Fault:
    shortened = one_line(reason, _REASON)
    return Fault(shortened, shortened)


def load_line_function(name: str, project: Path) -> LineFunction:
    """The project's `module:function`, with the module found in the project's folder.

    Raises:
        UsageError: there is none.
    """
    found = load_own(name, project, what="the parser's function", where="parse.function")
    if not callable(found):
        raise UsageError(f"{name!r} is not a function", where="parse.function", remedy="name a function")
    return found
