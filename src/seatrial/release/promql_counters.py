"""Counters in a query: what is told from their names, taken over a window, and what can't be told safely, refused."""

from collections.abc import Mapping, Sequence
from typing import Final

from seatrial.records import UsageError
from seatrial.release.promql_tokens import (
    GROUPINGS,
    STRINGS,
    Kind,
    Token,
    is_call,
    pairs,
    selector_end,
    shown_query,
    tokens,
)

COUNTERS: Final = ("_total", "_sum", "_count", "_bucket")
_BLIND: Final = frozenset({"absent", "timestamp"})
"""Functions that look at whether and when there is a sample, not at its value."""


def over_window(query: str, seconds: float) -> str:
    """The query with every counter that has no range taken over a window; anything else as it was. Raises UsageError."""
    found = tokens(query)
    closing = pairs(found, query)
    _check_unnamed(found, query)
    parts: list[str] = []
    place = 0
    for first, last in _bare_counters(found, closing):
        _check_safe(found, closing, first, last, query)
        start, end = found[first].start, found[last].end
        rest = _modifiers(found, last + 1)
        stop = found[rest].end if rest is not None else end
        growth = f"increase({query[start:end]}[{duration(seconds)}]{query[end:stop]})"
        parts += [query[place:start], growth]
        place = stop
    return "".join([*parts, query[place:]])


def duration(seconds: float) -> str:
    """A duration as PromQL writes it: `300s`, `2500ms`."""
    return f"{round(seconds)}s" if seconds == round(seconds) else f"{round(seconds * 1000)}ms"


def _bare_counters(found: Sequence[Token], closing: Mapping[int, int]) -> list[tuple[int, int]]:
    """First and last index of each selector of a counter that has no range."""
    bare: list[tuple[int, int]] = []
    index = 0
    while index < len(found):
        token = found[index]
        if token.kind is Kind.WORD and token.text.casefold() in GROUPINGS and is_call(found, index):
            index = closing[index + 1] + 1
            continue
        last = selector_end(found, index)
        if last is None:
            index += 1
            continue
        ranged = last + 1 < len(found) and found[last + 1].kind is Kind.RANGE
        if token.kind is Kind.NAME and token.text.endswith(COUNTERS) and not ranged:
            bare.append((index, last))
        index = last + 1
    return bare


def _modifiers(found: Sequence[Token], index: int) -> int | None:
    """The last index of `offset 5m` that begins here; None if there is none."""
    if index >= len(found) or not found[index].says("offset"):
        return None
    signed = index + 1 < len(found) and found[index + 1].says("-", "+")
    return min(index + (2 if signed else 1), len(found) - 1)


def _check_unnamed(found: Sequence[Token], query: str) -> None:
    """Counters whose names stand in the braces can't be told from their labels."""
    for before, token, after in zip([None, *found], found, [*found[1:], None], strict=False):
        unnamed = token.kind is Kind.BRACES and (before is None or before.kind is not Kind.NAME)
        ranged = after is not None and after.kind is Kind.RANGE
        if unnamed and not ranged and any(text[1:-1].endswith(COUNTERS) for text in STRINGS.findall(token.text)):
            raise _unsure("a counter is named in braces", token.text, query)


def _check_safe(found: Sequence[Token], closing: Mapping[int, int], first: int, last: int, query: str) -> None:
    """Raise UsageError where `increase` around a selector would not mean what the query means."""
    selector = query[found[first].start : found[last].end]
    if ":" in found[first].text:
        raise _unsure(f"{found[first].text} seems to be a recording rule, which may be no counter", selector, query)
    rest = _modifiers(found, last + 1)
    after = (rest if rest is not None else last) + 1
    if after < len(found) and found[after].says("@"):
        raise _unsure(f"{found[first].text} is asked for a fixed time", selector, query)
    for opening, end in closing.items():
        if not opening < first < end:
            continue
        if end + 1 < len(found) and found[end + 1].kind is Kind.RANGE:
            raise _unsure(f"{found[first].text} stands in a subquery", selector, query)
        if opening > 0 and found[opening - 1].text.casefold() in _BLIND:
            raise _unsure(f"{found[first].text} stands in {found[opening - 1].text}()", selector, query)


def _unsure(what: str, selector: str, query: str) -> UsageError:
    return UsageError(
        f"{what}: whether its growth over the window is meant, or its value, isn't clear",
        where=shown_query(query),
        remedy=f"write increase({selector}[$window]), or last_over_time({selector}[5m]) for its value",
    )
