"""A table of text, before anybody decides how it is drawn."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table: headings, rows of as many cells, which columns stand right, which are never wrapped, and lines below."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: frozenset[str] = frozenset()
    unwrapped: frozenset[str] = frozenset({"time", "verdict"})
    below: tuple[str, ...] = ()
