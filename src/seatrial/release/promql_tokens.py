"""PromQL cut into words: as much of its grammar as is needed to change a query without printing it anew.

The parsers that there are for Python know one version of the language, and give back a query of their own making. Here
what is not understood stays as it was written, and Prometheus itself says whether it is right.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from seatrial.records import UsageError

WHERE: Final = "PromQL"
_STRING: Final = r'"(?:\\.|[^"\\\n])*"|' + r"'(?:\\.|[^'\\\n])*'|`[^`]*`"
_PATTERN: Final = re.compile(
    rf"""(?P<space>\s+|\#[^\n]*)
    |(?P<string>{_STRING})
    |(?P<braces>\{{(?:{_STRING}|\#[^\n]*|[^{{}}"'`\#])*+\}})
    |(?P<range>\[[^\[\]]*\])
    |(?P<variable>\$\w+|\$\{{\w+\}})
    |(?P<number>(?:\d|\.\d)[\w.]*)
    |(?P<name>[A-Za-z_:][\w:]*)
    |(?P<sign>[()]|[=!<>]=|=~|!~|[-+*/%^<>=,@])""",
    re.VERBOSE,
)
STRINGS: Final = re.compile(_STRING)
GROUPINGS: Final = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
_WORDS: Final = GROUPINGS | {"and", "or", "unless", "atan2", "bool", "offset", "inf", "nan"}


class Kind(StrEnum):
    """What a word is."""

    SPACE = "space"
    STRING = "string"
    BRACES = "braces"
    RANGE = "range"
    VARIABLE = "variable"
    NUMBER = "number"
    NAME = "name"
    WORD = "word"
    SIGN = "sign"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A word of a query, and where it stands."""

    kind: Kind
    text: str
    start: int

    @property
    def end(self) -> int:
        """Where the next one begins."""
        return self.start + len(self.text)

    def says(self, *texts: str) -> bool:
        """Whether it is one of these signs or words."""
        return self.kind in {Kind.SIGN, Kind.WORD} and self.text.casefold() in texts


def every_token(query: str) -> Iterator[Token]:
    """All words, spaces and comments as well: together they are the query.

    Raises:
        UsageError: something in it is no PromQL.
    """
    place = 0
    while place < len(query):
        found = _PATTERN.match(query, place)
        if found is None:
            raise UsageError(
                f"PromQL can't go on with {query[place : place + 20]!r} at character {place + 1}",
                where=shown_query(query),
                remedy="look for a quote or bracket that isn't closed",
            )
        kind = Kind(found.lastgroup or "")
        text = found[0]
        if kind is Kind.NAME and text.casefold() in _WORDS:
            kind = Kind.WORD
        yield Token(kind=kind, text=text, start=place)
        place = found.end()


def tokens(query: str) -> list[Token]:
    """The words of a query, without spaces and comments. Raises UsageError where it can't be cut."""
    return [token for token in every_token(query) if token.kind is not Kind.SPACE]


def pairs(found: Sequence[Token], query: str) -> Mapping[int, int]:
    """Index of the closing parenthesis by that of the opening one. Raises UsageError where one is missing."""
    closing: dict[int, int] = {}
    opened: list[int] = []
    for index, token in enumerate(found):
        if token.says("("):
            opened.append(index)
        elif token.says(")"):
            if not opened:
                raise _unbalanced(query)
            closing[opened.pop()] = index
    if opened:
        raise _unbalanced(query)
    return closing


def is_call(found: Sequence[Token], index: int) -> bool:
    """Whether a parenthesis follows."""
    return index + 1 < len(found) and found[index + 1].says("(")


def selector_end(found: Sequence[Token], index: int) -> int | None:
    """The last index of the selector that begins here; None if none does."""
    token = found[index]
    if token.kind is Kind.BRACES:
        return index
    if token.kind is not Kind.NAME or is_call(found, index):
        return None
    return index + 1 if index + 1 < len(found) and found[index + 1].kind is Kind.BRACES else index


def _unbalanced(query: str) -> UsageError:
    return UsageError(
        "a parenthesis has no partner", where=shown_query(query), remedy="count the parentheses of the query"
    )


def shown_query(query: str) -> str:
    """A query for a message: on one line, at most 200 characters."""
    line = " ".join(query.split())
    return f"{WHERE}: {line if len(line) <= 200 else line[:199] + '…'}"  # noqa: PLR2004 - as said
