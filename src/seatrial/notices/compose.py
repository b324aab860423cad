"""What people are told of what happened: one pure function a kind of event, from its record to a notice.

A notice has to be right at a glance: the verdict and what holds now come first, the worst metrics above the others, and
all of it fits a screen; the report, which is linked, has the rest. Nothing reads as done before its record says that it
is, and whatever was refused says why.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final

from seatrial.records import (
    DeployState,
    DeployStatus,
    EventKind,
    Notice,
    PromotionResult,
    Report,
    Resources,
    Verdict,
)
from seatrial.wording.rows import Row, rows
from seatrial.wording.text import MISSING, count, one_line, quantity

MOST_ROWS: Final = 15
_MOST_NOTES: Final = 3
_SUBJECT: Final = 140
_SENTENCE: Final = 300
_CELL: Final = 60


def trial_notice(report: Report, *, link: str) -> Notice:
    """Of a trial that ended, or was interrupted.

    Args:
        report: its record.
        link: where people read the report: a URL or a path; empty where there is none.
    """
    ended = "" if report.complete else "interrupted "
    return _notice(
        key=f"trial:{report.run}" if report.complete else f"trial:{report.run}:interrupted",
        event=EventKind.TRIAL,
        project=report.project,
        what=f"{ended}trial of {report.change.candidate.described or 'the candidate'}",
        verdict=report.verdict,
        sentences=(report.headline, _compared(report)),
        report=report,
        link=link,
    )


def promotion_notice(result: PromotionResult, report: Report | None, *, project: str, link: str) -> Notice:
    """Of a promotion run that ended.

    The notice of a version that was not promoted never says pass, whatever its trial found: that is FAIL here.

    Args:
        result: its record.
        report: of the trial in it; None where it came to none.
        project: whose it is.
        link: where people read the report; empty where there is none.
    """
    name = f"{result.model} v{result.number}"
    held = result.promoted or result.verdict is not Verdict.PASS
    return _notice(
        key=f"promotion:{result.run}",
        event=EventKind.PROMOTION,
        project=project,
        what=f"{name} holds {result.stage} now" if result.promoted else f"{name} was not promoted to {result.stage}",
        verdict=result.verdict if held else Verdict.FAIL,
        sentences=(_refusal(result), result.headline, _holder(result), *result.notes[:_MOST_NOTES]),
        report=report,
        link=link,
    )


def _refusal(result: PromotionResult) -> str:
    if result.promoted or not (result.refused or result.verdict is Verdict.PASS):
        return ""
    although = ", although its trial passed" if result.verdict is Verdict.PASS else ""
    return f"Refused{although}: {result.refused or 'no reason was given'}"


def _holder(result: PromotionResult) -> str:
    """Who holds the stage now and who did before."""
    if result.promoted:
        before = f"v{result.baseline} held {result.stage} before" if result.baseline is not None else ""
        return before or f"Nobody held {result.stage} before"
    if result.baseline is None:
        return f"It had no version in {result.stage} to be compared with"
    return f"It was compared with v{result.baseline} of {result.stage}"


_STATES: Final = {
    DeployState.STARTING: ("is starting", None),
    DeployState.READY: ("is ready", Verdict.PASS),
    DeployState.DEGRADED: ("is degraded", Verdict.ERROR),
    DeployState.FAILED: ("failed", Verdict.ERROR),
    DeployState.STOPPED: ("is stopped", None),
}


def deployment_notice(status: DeployStatus, *, project: str, what: str) -> Notice:
    """Of a deployment that was asked for or whose state changed.

    What the notice says became of it comes from the state alone. READY is pass, DEGRADED and FAILED are error; what is
    starting or was stopped has no verdict. Its link is where the deployment answers.

    Args:
        status: as last seen.
        project: whose it is.
        what: why this is told, in a few words: `deploy`, `scaled from 1 to 3 replicas`, `the supervisor saw it change`.
    """
    wish = status.wish
    told, verdict = _STATES[status.state]
    seen = status.seen.isoformat() if status.seen else ""
    ready = sum(replica.ready for replica in status.replicas)
    reasons = tuple(f"Replica {each.index}: {each.reason}" for each in status.replicas if each.reason)
    return _notice(
        key=f"deployment:{wish.name}:{wish.created.isoformat()}:{seen}:{status.state.value}",
        event=EventKind.DEPLOYMENT,
        project=project,
        what=f"{wish.name} {told}",
        verdict=verdict,
        sentences=(
            f"{wish.model} v{wish.number}, {ready} of {count(wish.replicas, 'replica')} ready{_limits(wish.resources)}",
            *reasons[:_MOST_NOTES],
            f"Why you hear of it: {what}" if what else "",
        ),
        link=status.url,
    )


def sample_notice(project: str, *, now: datetime) -> Notice:
    """To try whether a receiver can be reached. It has no verdict, so that nobody takes it for one."""
    return _notice(
        key=f"sample:{project}:{now.isoformat()}",
        event=EventKind.TRIAL,
        project=project,
        what="a test of this receiver",
        verdict=None,
        sentences=(
            "This receiver works: seatrial sends its notices here",
            "Nothing was tried, promoted or deployed; someone ran: seatrial notify test",
        ),
    )


def _limits(resources: Resources) -> str:
    cpu = f"{resources.cpu:g} CPU" if resources.cpu is not None else ""
    memory = quantity(resources.memory, "B") if resources.memory is not None else ""
    told = " and ".join(filter(None, (cpu, memory)))
    return f", each with {told}" if told else ""


def _compared(report: Report) -> str:
    baseline, candidate = report.change.baseline.described, report.change.candidate.described
    return f"Tried {candidate} beside {baseline}" if baseline and candidate else ""


def _notice(
    *,
    key: str,
    event: EventKind,
    project: str,
    what: str,
    verdict: Verdict | None,
    sentences: Iterable[str],
    report: Report | None = None,
    link: str = "",
) -> Notice:
    """A notice of any kind: its text on one line each, with the verdict table of `report`."""
    found = _worst_first(rows(report)) if report is not None else ()
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
    return tuple(f"{_about(row)}{row.note}" for row in telling[:_MOST_NOTES])


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
