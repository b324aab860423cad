"""Queries of a release in PromQL: names filled in safely, and counters over a window in place of since the start of time.

    sum(flask_http_request_duration_seconds_sum) / sum(flask_http_request_duration_seconds_count)

is a mean since the servers were started: a canary that was fast for an hour may be slow for many minutes before it shows.
So a counter that a query names without a range is taken over the threshold's window, `increase(NAME[300s])`, which also
sees restarts. What is a counter is told from its name, as the conventions of Prometheus have it: `_total`, `_sum`,
`_count`, `_bucket`. Where that can't be done safely, the query is refused and the message shows how to write it.
"""

import re
from collections.abc import Mapping
from typing import Final

from seatrial.records import UsageError
from seatrial.release.promql_counters import duration, over_window
from seatrial.release.promql_tokens import STRINGS, Kind, Token, every_token, shown_query

_VARIABLE: Final = re.compile(r"\$(?:(\w+)|\{(\w+)\})")
_WINDOW: Final = "window"


def fill(query: str, *, seconds: float, names: Mapping[str, str]) -> str:
    """The query that Prometheus is asked: variables filled in, counters over the window.

    Args:
        query: with `$window` where a duration stands, and the other variables in quotes.
        seconds: length of the window.
        names: values of the other variables (`version`, `service`, `arm`). They are escaped as the string and, after `=~`
            and `!~`, as the pattern that they stand in asks for: a value is always meant literally.

    Raises:
        UsageError: there is no such variable, one stands outside of quotes, or a counter stands where `increase` can't be
            put safely.
    """
    return over_window(substituted(query, seconds, names), seconds)


def substituted(query: str, seconds: float, names: Mapping[str, str]) -> str:
    """The query with its variables filled in, and nothing else changed. As for `fill`, which it is a part of."""
    return "".join(_token_filled(token, query, seconds, names) for token in every_token(query))


def _token_filled(token: Token, query: str, seconds: float, names: Mapping[str, str]) -> str:
    if token.kind is Kind.STRING:
        return _string_filled(token.text, names, pattern=False)
    if token.kind is Kind.BRACES:
        return _braces_filled(token.text, query, names)
    if token.kind not in {Kind.VARIABLE, Kind.RANGE}:
        return token.text

    def value(found: re.Match[str]) -> str:
        if _name(found) != _WINDOW:
            raise _misplaced(_name(found), query, names)
        return duration(seconds)

    return _VARIABLE.sub(value, token.text)


def _braces_filled(text: str, query: str, names: Mapping[str, str]) -> str:
    parts: list[str] = []
    place = 0
    for string in STRINGS.finditer(text):
        between = text[place : string.start()]
        parts += [between, _string_filled(string[0], names, pattern=between.rstrip().endswith("~"))]
        place = string.end()
        _check_plain(between, query, names)
    _check_plain(text[place:], query, names)
    return "".join([*parts, text[place:]])


def _check_plain(text: str, query: str, names: Mapping[str, str]) -> None:
    if found := _VARIABLE.search(text):
        raise _misplaced(_name(found), query, names)


def _string_filled(text: str, names: Mapping[str, str], *, pattern: bool) -> str:
    quote = text[0]

    def value(found: re.Match[str]) -> str:
        name = _name(found)
        if name not in names:
            return found[0]
        return _escaped(re.escape(names[name]) if pattern else names[name], quote, name)

    return _VARIABLE.sub(value, text)


def _escaped(value: str, quote: str, name: str) -> str:
    if quote != "`":
        return value.replace("\\", "\\\\").replace(quote, f"\\{quote}").replace("\n", "\\n")
    if quote in value:
        raise UsageError(
            f"the value of ${name} holds a backtick, which no string in backticks can hold",
            where="PromQL",
            remedy=f'write "${name}" in double quotes',
        )
    return value


def _name(found: re.Match[str]) -> str:
    return str(found[1] or found[2])


def _misplaced(name: str, query: str, names: Mapping[str, str]) -> UsageError:
    known = ", ".join(f"${one}" for one in sorted({*names, _WINDOW}))
    if name in names:
        return UsageError(f"${name} stands outside of quotes", where=shown_query(query), remedy=f'write "${name}"')
    return UsageError(f"there is no variable ${name}", where=shown_query(query), remedy=f"known are {known}")
