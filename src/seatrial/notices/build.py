"""How a notice is laid out, whatever it is about: text on one line each, and the worst rows of its table first."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from seatrial.records import EventKind, Notice, Verdict
from seatrial.wording.rows import Row
from seatrial.wording.text import MISSING, count, one_line

MOST_ROWS: Final = 15
MOST_NOTES: Final = 3
_SUBJECT: Final = 140
_SENTENCE: Final = 300
_CELL: Final = 60


def build(
    *,
    key: str,
    event: EventKind,
    project: str,
    what: str,
    verdict: Verdict | None,
    sentences: Iterable[str],
    judged: Sequence[Row] = (),
    link: str = "",
) -> Notice:
    """A notice of any kind: its text on one line each, with a verdict table.

    Args:
        key: the same for the same message.
        event: what it is about.
        project: whose it is.
        what: what happened, for the subject.
        verdict: None for what has none.
        sentences: the most important first; what an earlier one says already is left out.
        judged: rows of the table, in any order.
        link: where people read the rest; empty where they can't.
    """
    found = _worst_first(judged)
    headings, cells = _table(found)
    told = [*sentences, *_notes(found), _left_out(found)]
    return Notice(
        key=key,
        event=event,
        project=one_line(project, _CELL),
        subject=one_line(f"{project}: {what}{f' – {verdict.value}' if verdict else ''}", _SUBJECT),
        verdict=verdict,
        sentences=_distinct(_sentence(each) for each in told if each.strip()),
        headings=headings,
        rows=cells,
        link=link,
    )


def _worst_first(found: Sequence[Row]) -> tuple[Row, ...]:
    return tuple(sorted(found, key=lambda row: -row.verdict.severity if row.verdict else 0))


def _table(found: Sequence[Row]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Headings and rows; which deployment a row is about is only said where there are several."""
    if not found:
        return (), ()
    columns: dict[str, Callable[[Row], str]] = {
        "verdict": lambda row: row.verdict.value if row.verdict else MISSING,
        "deployment": lambda row: row.deployment,
        "metric": lambda row: row.metric or MISSING,
        "change": lambda row: row.change or MISSING,
        "difference": lambda row: " ".join(filter(None, (row.difference, row.interval))) or MISSING,
        "allowed": lambda row: row.held or MISSING,
    }
    if len({row.deployment for row in found}) == 1:
        del columns["deployment"]
    shown = tuple(tuple(one_line(cell(row), _CELL) for cell in columns.values()) for row in found[:MOST_ROWS])
    return tuple(columns), shown


def _notes(found: Sequence[Row]) -> tuple[str, ...]:
    """Why the worst rows are what they are."""
    telling = [row for row in found if row.note and row.verdict is not Verdict.PASS]
    return tuple(f"{_about(row)}{row.note}" for row in telling[:MOST_NOTES])


def _about(row: Row) -> str:
    """Of whom a note speaks; that of a broken deployment says so itself."""
    return f"{row.deployment} {row.metric}: " if row.metric else ""


def _left_out(found: Sequence[Row]) -> str:
    rest = len(found) - MOST_ROWS
    return f"{count(rest, 'more row is', 'more rows are')} in the report" if rest > 0 else ""


def _sentence(told: str) -> str:
    line = one_line(told, _SENTENCE)
    return line if line.endswith((".", "…", "!", "?")) else f"{line}."


def _distinct(sentences: Iterable[str]) -> tuple[str, ...]:
    """Without those that an earlier one says already."""
    kept: list[str] = []
    for sentence in sentences:
        if not any(sentence.rstrip(".") in earlier for earlier in kept):
            kept.append(sentence)
    return tuple(kept)
