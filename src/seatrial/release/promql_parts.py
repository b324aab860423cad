"""Parts of a query: the selector that a sum is of, and what a ratio divides by."""

from collections.abc import Mapping, Sequence

from seatrial.records import UsageError
from seatrial.release.promql_tokens import Kind, Token, is_call, pairs, selector_end, shown_query, tokens


def samples_query(filled: str) -> str | None:
    """How many requests a ratio is of: what it divides by, as a number.

    Args:
        filled: by `fill`.

    Returns:
        A query; None where the query is no ratio of counters, or divides by several things.
    """
    found = tokens(filled)
    closing = pairs(found, filled)
    divisors = {
        _counted(filled, found, operand)
        for index, token in enumerate(found)
        if token.says("/") and (operand := _operand(found, closing, index + 1)) is not None
    }
    only = divisors.pop() if len(divisors) == 1 else None
    return f"sum({only})" if only else None


def counter_selector(query: str) -> str:
    """The selector of counters in a query that is one, or a sum of one: `sum by (le) (x_bucket{…})` is `x_bucket{…}`.

    Raises:
        UsageError: the query is something else, from which windows can't be counted.
    """
    found = tokens(query)
    closing = pairs(found, query)
    first, last = 0, len(found) - 1
    while first < last and (inner := _summed(found, closing, first, last)) is not None:
        first, last = inner
    if first > last or selector_end(found, first) != last:
        raise UsageError(
            "windows are counted from the counters themselves, and this is something else",
            where=shown_query(query),
            remedy='write a selector such as http_requests_total{version="$version"}, without rate, increase or a range',
        )
    return query[found[first].start : found[last].end]


def sibling(selector: str, ending: str, other: str) -> str | None:
    """The same selector of another part of a histogram: `x_bucket{…}` and `x_sum{…}`; None where its name ends otherwise."""
    found = tokens(selector)
    if not found or found[0].kind is not Kind.NAME or not found[0].text.endswith(ending):
        return None
    return found[0].text.removesuffix(ending) + other + selector[found[0].end :]


def _operand(found: Sequence[Token], closing: Mapping[int, int], index: int) -> tuple[int, int] | None:
    """First and last index of what stands to the right of an operator."""
    while index < len(found) and found[index].kind is Kind.WORD:
        index = closing[index + 1] + 1 if is_call(found, index) else index + 1
    if index >= len(found):
        return None
    first = index
    if found[index].kind is Kind.NAME and index + 1 < len(found) and found[index + 1].says("by", "without"):
        index += 2
    elif found[index].kind is Kind.NAME and is_call(found, index):
        index += 1
    if index in closing:
        last = closing[index]
        if last + 1 < len(found) and found[last + 1].says("by", "without") and is_call(found, last + 1):
            last = closing[last + 2]
        # sum by (x) (…): what stands in the second parentheses.
        return (first, closing[last + 1]) if last + 1 in closing and index != first else (first, last)
    end = selector_end(found, index)
    return None if end is None else (first, end)


def _counted(query: str, found: Sequence[Token], operand: tuple[int, int]) -> str | None:
    """A divisor as a number of requests, per window where it was per second; None if it counts nothing."""
    first, last = operand
    if not any(
        token.kind is Kind.NAME and token.text.endswith(("_count", "_total")) for token in found[first : last + 1]
    ):
        return None
    parts: list[str] = []
    place = found[first].start
    for index in range(first, last + 1):
        token = found[index]
        if token.text.casefold() in {"rate", "irate"} and is_call(found, index):
            parts += [query[place : token.start], "increase"]
            place = token.end
    return "".join([*parts, query[place : found[last].end]])


def _summed(found: Sequence[Token], closing: Mapping[int, int], first: int, last: int) -> tuple[int, int] | None:
    """What `sum(…)`, `sum by (…) (…)`, `sum(…) by (…)` or `(…)` is of; None if this is none of them."""
    if found[first].says("(") and closing[first] == last:
        return first + 1, last - 1
    if found[first].text.casefold() != "sum" or first + 1 > last:
        return None
    opening = first + 1
    if found[opening].says("by", "without") and is_call(found, opening):
        opening = closing[opening + 1] + 1
    if opening not in closing:
        return None
    end = closing[opening]
    trailing = end + 1 < last and found[end + 1].says("by", "without") and is_call(found, end + 1)
    if (closing[end + 2] if trailing else end) != last:
        return None
    return opening + 1, end - 1
