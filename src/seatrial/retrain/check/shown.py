"""Values of untrusted rows as people see them: short, on one line, with nothing hidden in them."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from seatrial.wording.text import one_line

_SHORT: Final = 40


def shown(value: object) -> str | None:
    """A value; None for none. Text is in quotes."""
    match value:
        case None:
            return None
        case str():
            return f"'{one_line(value, _SHORT)}'"
        case bool() | np.bool_():
            return "true" if value else "false"
        case float() | np.floating():
            return None if np.isnan(value) else figure(float(value))
        case _:
            return one_line(str(value), _SHORT)


def all_shown(values: Sequence[Any]) -> list[str | None]:
    """Many values, of which most come often."""
    known: dict[Any, str | None] = {}
    return [known[value] if value in known else known.setdefault(value, shown(value)) for value in values]


def figure(value: float) -> str:
    """A number, whole ones without a decimal point."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)  # noqa: PLR2004 - exact up to there


def listed(values: Sequence[str], most: int = 5) -> str:
    """`red, green, blue, …`: the first few."""
    return ", ".join([*(one_line(value, _SHORT) for value in values[:most]), *(["…"] if len(values) > most else [])])
