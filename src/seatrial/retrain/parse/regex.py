"""Lines that a regular expression is searched for in, after the parts before it are split off."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from seatrial.retrain.parse.extracted import Extracted, in_columns
from seatrial.retrain.parse.parsed import Fault

_NOT_FOUND: Final = Fault("the pattern is not found in it", "the pattern is not found in it")


class RegexExtractor:
    """Takes the values of columns from groups and from the parts before the pattern's.

    Args:
        pattern: searched for in the rest of the line.
        fields: columns of the groups without a name, in their order.
        prefix: columns of the parts before the rest.
        separator: between those.
    """

    def __init__(self, pattern: str, fields: tuple[str, ...], prefix: tuple[str, ...], separator: str) -> None:
        compiled = re.compile(pattern)
        self._search = compiled.search
        self._names = (*prefix, *_group_columns(compiled, fields))
        self._parts = len(prefix)
        self._separator = separator
        few = f"the line has fewer than {self._parts + 1} parts"
        self._too_few = Fault(few, few)

    def extract(self, texts: Sequence[str]) -> Extracted:
        """Values are texts; None is a group that took no part in the match."""
        separator, times, search = self._separator, self._parts, self._search
        origins: list[int] = []
        faults: dict[int, Fault] = {}
        # One flat list: the garbage collector looks at a list for each line again and again, and at texts never.
        values: list[str | None] = []
        for index, text in enumerate(texts):
            parts = text.split(separator, times)
            rest = parts.pop()
            if len(parts) < times:
                faults[index] = self._too_few
                continue
            found = search(rest)
            if found is None:
                faults[index] = _NOT_FOUND
                continue
            values += parts
            values += found.groups()
            origins.append(index)
        return Extracted(origins=origins, values=in_columns(values, self._names), faults=faults)


def _group_columns(compiled: "re.Pattern[str]", fields: tuple[str, ...]) -> Iterator[str]:
    """The column of each group, in the order of the groups."""
    named = {number: name for name, number in compiled.groupindex.items()}
    unnamed = iter(fields)
    for number in range(1, compiled.groups + 1):
        yield named[number] if number in named else next(unnamed)
