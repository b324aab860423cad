"""What a value has to be to be of a column's kind: the one definition, a value at a time.

`quick.py` does the same for many values at once where they are as they should be. Tests hold the two together.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from seatrial.records import ColumnKind
from seatrial.retrain.parse.times import to_microseconds
from seatrial.wording.text import clip

LOWEST: Final = -(2**63)
HIGHEST: Final = 2**63 - 1
INTEGER: Final = re.compile(r"\s*[+-]?[0-9]+\s*", re.ASCII)
_BOOLEANS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_SHOWN: Final = 40
_UNSHOWN: Final[Mapping[type, str]] = {list: "a list", dict: "an object"}


class WrongValueError(ValueError):
    """A value is not of its column's kind; the message goes on after the value: `is not an integer`."""


Converter = Callable[[Any], Any]
"""Gives a value of the column's kind (of a time, microseconds since 1970). Raises WrongValueError."""


def converter(kind: ColumnKind, time_format: str) -> Converter:
    """What converts values, none of which is missing, to a kind."""
    if kind is ColumnKind.TIME:
        return lambda value: _time(value, time_format)
    return _CONVERTERS[kind]


def is_missing(value: Any, kind: ColumnKind) -> bool:  # noqa: ANN401 - whatever a line holds
    """Whether there is no value: None, and blank text of anything that is not text itself."""
    return value is None or (kind is not ColumnKind.TEXT and isinstance(value, str) and not value.strip())


def shown(value: Any) -> str:  # noqa: ANN401 - whatever a line holds
    """A value for a sentence: quoted, on one line, shortened."""
    if isinstance(value, str):
        return repr(clip(value, _SHOWN))
    try:
        return _UNSHOWN.get(type(value)) or clip(repr(value), _SHOWN)
    except Exception:  # noqa: BLE001 - an integer of thousands of digits; an object of a project whose repr is broken
        return f"a {type(value).__name__}"


def _integer(value: Any) -> int:  # noqa: ANN401 - whatever a line holds
    value = _plain(value)
    if isinstance(value, str):
        return _in_range(_integer_of_text(value))
    if isinstance(value, float) and value.is_integer():
        return _in_range(int(value))
    if isinstance(value, int) and not isinstance(value, bool):
        return _in_range(value)
    raise WrongValueError("is not an integer")


def _integer_of_text(value: str) -> int:
    if INTEGER.fullmatch(value) is None:
        raise WrongValueError("is not an integer")
    try:
        return int(value)
    except ValueError:  # Python reads no more than 4,300 digits
        return HIGHEST + 1


def _in_range(value: int) -> int:
    if not LOWEST <= value <= HIGHEST:
        raise WrongValueError("is beyond 64 bits")
    return value


def _number(value: Any) -> float:  # noqa: ANN401 - whatever a line holds
    value = _plain(value)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise WrongValueError("is not a number")
    if isinstance(value, str) and (not value.isascii() or "_" in value):
        raise WrongValueError("is not a number")
    try:
        number = float(value)
    except ValueError:
        raise WrongValueError("is not a number") from None
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise WrongValueError("is not a finite number")
    return number


def _text(value: Any) -> str:  # noqa: ANN401 - whatever a line holds
    value = _plain(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _text_of_number(value)
    if not isinstance(value, str):
        raise WrongValueError("is not text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise WrongValueError("is not valid Unicode") from None
    return str(value)


def _text_of_number(value: float) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        raise WrongValueError("is not a finite number")
    try:
        return str(value)
    except ValueError:
        raise WrongValueError("has too many digits") from None


def _boolean(value: Any) -> bool:  # noqa: ANN401 - whatever a line holds
    value = _plain(value)
    if isinstance(value, bool):
        return value
    found = _BOOLEANS.get(str(value).strip().lower()) if isinstance(value, int | str) else None
    if found is None:
        raise WrongValueError("is not a boolean")
    return found


def _time(value: Any, time_format: str) -> int:  # noqa: ANN401 - whatever a line holds
    try:
        return to_microseconds(_plain(value), time_format)
    except (ValueError, OverflowError):
        raise WrongValueError(f"is not a time ({time_format})") from None


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a line holds
    """What numpy and pandas wrap, without it; a function of a project may give such."""
    return value.item() if isinstance(value, np.generic) else value


_CONVERTERS: Final[Mapping[ColumnKind, Converter]] = {
    ColumnKind.INTEGER: _integer,
    ColumnKind.NUMBER: _number,
    ColumnKind.TEXT: _text,
    ColumnKind.BOOLEAN: _boolean,
}
