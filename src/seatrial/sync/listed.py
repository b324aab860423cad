"""File names in a sentence: a few of them, none that could play tricks on a terminal."""

from collections.abc import Sequence
from typing import Final

from seatrial.trial.change.git import shown

_MOST: Final = 5


def listed(paths: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(paths) - _MOST} more" if len(paths) > _MOST else ""
    return ", ".join(map(printable, paths[:_MOST])) + more


def printable(path: str) -> str:
    """A name in which everything that can't be shown is escaped."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in shown(path))
