"""What a comment asks of seatrial: `/seatrial run`, `run --attribute`, `cancel` and `explain METRIC`.

A comment quotes others, shows code and carries hidden notes of templates; a command counts only where its author wrote it
as a line of its own. Who may command is not decided here.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from seatrial.wording.inert import code
from seatrial.wording.text import one_line

PREFIX = "/seatrial"
KNOWN = (f"{PREFIX} run", f"{PREFIX} run --attribute", f"{PREFIX} cancel", f"{PREFIX} explain METRIC")
_COMMAND = re.compile(rf"^ {{0,3}}{PREFIX}(?=\s|$)(.*)$", re.IGNORECASE)
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_DASHES = re.compile(r"^[\u2013\u2014](?=\w)")
_LONGEST = 65_536
_LONGEST_METRIC = 200


class CommandKind(StrEnum):
    """What is asked. `unknown` is for a mistyped command, which deserves an answer."""

    RUN = "run"
    CANCEL = "cancel"
    EXPLAIN = "explain"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command.

    Attributes:
        attribute: of `run`: whether each axis shall be tried by itself.
        metric: of `explain`.
        error: of an unknown one: what is wrong and which are known, as Markdown that holds nothing of its author's.
    """

    kind: CommandKind
    attribute: bool = False
    metric: str = ""
    error: str = ""


def parse_command(text: str) -> Command | None:
    """The first command in a comment; None where there is none.

    Commands stand at the start of a line, outside blocks of code, quotes and hidden notes. Case does not count.
    """
    for line in _own_lines(text[:_LONGEST]):
        found = _COMMAND.match(line)
        if found is not None:
            return _read(found[1])
    return None


def _own_lines(text: str) -> Iterator[str]:
    """The lines that the comment's author said, not showed, quoted or hid."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    # Where no note ends any more, nobody looks for its end again and again: a comment may open thousands.
    last_end = max((index for index, line in enumerate(lines) if "-->" in line), default=-1)
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if mark := _FENCE.match(line):
            at = _after(lines, at, partial(_closes, mark[1]), otherwise=len(lines))
        elif line.rstrip() == ">>>":
            at = _after(lines, at, lambda each: each.rstrip() == ">>>", otherwise=len(lines))
        else:
            said, opened, hidden = line.partition("<!--")
            yield said
            if opened and "-->" not in hidden:
                unended = at if said.strip() else len(lines)
                at = unended if at > last_end else _after(lines, at, lambda each: "-->" in each, otherwise=unended)


def _after(lines: Sequence[str], at: int, ends: Callable[[str], bool], *, otherwise: int) -> int:
    """The index after the first line from `at` on that `ends` something; `otherwise` where nothing does."""
    return next((index + 1 for index in range(at, len(lines)) if ends(lines[index])), otherwise)


def _closes(fence: str, line: str) -> bool:
    mark = _FENCE.match(line)
    return mark is not None and mark[1].startswith(fence) and not line.strip(" \t`~")


def _read(rest: str) -> Command:
    words = [_DASHES.sub("--", word) for word in rest.split()]
    if not words:
        return _unknown("a command is missing")
    kind, arguments = words[0].casefold(), words[1:]
    if kind == "explain":
        return _explain(" ".join(arguments))
    if kind == "run":
        return _run([word.casefold() for word in arguments])
    if kind == "cancel":
        return _unknown(f"{code(f'{PREFIX} cancel')} takes no words") if arguments else Command(kind=CommandKind.CANCEL)
    return _unknown(f"{code(f'{PREFIX} {_shown(words[0])}')} is not known")


def _run(options: list[str]) -> Command:
    other = [option for option in options if option != "--attribute"]
    if other:
        return _unknown(f"{code(f'{PREFIX} run')} does not know {code(_shown(other[0]))}")
    return Command(kind=CommandKind.RUN, attribute=bool(options))


def _explain(metric: str) -> Command:
    name = one_line(metric.strip("`\"' "), _LONGEST_METRIC)
    if not name:
        return _unknown(f"{code(f'{PREFIX} explain')} needs the name of a metric")
    return Command(kind=CommandKind.EXPLAIN, metric=name)


def _unknown(what: str) -> Command:
    known = ", ".join(code(each) for each in KNOWN)
    return Command(kind=CommandKind.UNKNOWN, error=f"{what[0].upper()}{what[1:]}. Known are {known}.")


def _shown(word: str) -> str:
    return one_line(word, 40)
