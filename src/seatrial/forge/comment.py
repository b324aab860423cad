"""The one comment of a project in a pull request: the decision first, everything else below it or folded.

A comment is a hidden line, what is said of the commit it is about (a `Sheet`), and the fold of earlier commits. Sheets know
in which order they give way where a forge takes only so much; the fold gives way before the verdict and the tables do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from seatrial.forge.history import earlier_part, link_to, main_text, marker_part, sign_of
from seatrial.forge.live import Live, live_table
from seatrial.forge.marker import Outcome, State
from seatrial.records import ForgeLimits, PublishTarget, Report, SeatrialError
from seatrial.trial.report.markdown import (
    DETAILS_GIVE_WAY,
    LINES_THAT_STAY,
    VERDICT_GIVES_WAY,
    report_parts,
)
from seatrial.wording import text
from seatrial.wording.fit import Layout, Render, fit
from seatrial.wording.inert import code, details, fence, prose
from seatrial.wording.unfold import unfolded

_HISTORY_GIVES_WAY = ("earlier", "earlier", "marker", "earlier", "marker")
_MARKER_GIVES_WAY = ("marker", "marker")
_TALK = "<sub>Talk to it in a comment (with write access): `/seatrial run`, `/seatrial run --attribute`, `/seatrial cancel`, `/seatrial explain METRIC`.</sub>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What a comment says of the commit that it is about.

    Attributes:
        parts: by name, in order, as in `wording.fit`.
        details: names of the parts in the order in which they give way before the fold of earlier commits does.
        verdict: likewise after it.
        lines: names of the parts whose lines stay longest.
        rest: where everything is that did not fit, as Markdown; empty if that need not be said.
    """

    parts: Mapping[str, Render]
    details: Sequence[str] = ()
    verdict: Sequence[str] = ()
    lines: Sequence[str]
    rest: str = ""


def compose(sheet: Sheet, state: State, project: str, limits: ForgeLimits) -> str:
    """A comment's whole text, at most as long as the forge takes.

    Args:
        sheet: what is said of the commit.
        state: what the comment shall remember; its earlier commits are shown.
        project: name of the project.
        limits: of the forge.
    """
    parts: dict[str, Render] = {
        "marker": marker_part(project, state),
        **sheet.parts,
        "note": partial(_note, sheet.rest),
        "earlier": earlier_part(state.earlier, folds=limits.details),
    }
    layout = Layout(
        parts=parts,
        gives_way=(*sheet.details, *_HISTORY_GIVES_WAY, *sheet.verdict, *_MARKER_GIVES_WAY),
        note="note",
        whole=("marker",),
        by_lines=sheet.lines,
    )
    return fit(layout, limits.comment)


def with_history(body: str, state: State, project: str, limits: ForgeLimits) -> str:
    """A comment that somebody else wrote, with other commits in its fold."""
    main = main_text(body)
    return compose(Sheet(parts={"main": lambda _: main}, lines=("main",)), state, project, limits)


def _note(rest: str, level: int) -> str:
    return f"<sub>Shortened to fit here; {rest}</sub>" if level and rest else ""


def report_sheet(report: Report, target: PublishTarget, limits: ForgeLimits) -> Sheet:
    """The result of a trial: verdict, links, tables, details."""
    found = report_parts(report, mermaid=limits.mermaid, details=limits.details)
    verdict = found.pop("verdict")
    return Sheet(
        parts={"verdict": verdict, "links": _links(target), **found, "talk": _talk(target)},
        details=(*DETAILS_GIVE_WAY, "talk"),
        verdict=VERDICT_GIVES_WAY,
        lines=(LINES_THAT_STAY[0], "links", *LINES_THAT_STAY[1:]),
        rest=_rest(target, report.run),
    )


def live_sheet(outcome: Outcome, live: Live, target: PublishTarget) -> Sheet:
    """A trial that waits or runs: which commit, and where its deployments are."""
    said = {
        Outcome.QUEUED: "The trial of this commit waits for its turn.",
        Outcome.RUNNING: "The trial of this commit is under way; its result will stand here.",
    }[outcome]
    head = f"{_heading(outcome, target)}\n\n{said}"
    return _short_sheet(head, target, {"phases": lambda level: "" if level else live_table(live)}, rest="phases")


def broken_sheet(error: SeatrialError, target: PublishTarget, limits: ForgeLimits, *, log: str = "") -> Sheet:
    """A trial that came to no result: what broke, where, what to do about it, and the end of its log."""
    first, _, more = error.what.partition("\n")
    lines = [f"**{prose(first, 600)}**"]
    lines += [f"Where: {code(error.where, 300)}"] if error.where else []
    lines += [f"What to do: {prose(error.remedy, 600)}"] if error.remedy else []
    head = "\n\n".join([_heading(Outcome.BROKEN, target), *lines, "Nothing was judged, and no data never passes."])
    said = "\n".join(part for part in (more, log) if part.strip())

    def tail(level: int) -> str:
        kept = (40, 10, 3, 0)[level]
        if not said or not kept:
            return ""
        block = details("The end of its log", fence(text.last_lines(said, kept)))
        return block if limits.details else unfolded(block)

    return _short_sheet(head, target, {"log": tail}, rest="log", steps=3)


def cancelled_sheet(why: str, target: PublishTarget) -> Sheet:
    """A trial that was ended before it came to a result."""
    head = f"{_heading(Outcome.CANCELLED, target)}\n\n**{prose(why or 'somebody asked for it', 600)}**"
    return _short_sheet(head, target, {})


def superseded_sheet(newer: str, target: PublishTarget) -> Sheet:
    """A commit that is no longer the newest, while nothing is known of the newest yet."""
    by = f" by {code(newer[:12])}" if newer else ""
    said = f"Commit {code(target.commit[:12])} was superseded{by}, of which there is no result yet."
    return _short_sheet(f"{_heading(Outcome.SUPERSEDED, target)}\n\n{said}", target, {})


def _short_sheet(
    head: str, target: PublishTarget, more: Mapping[str, Render], *, rest: str = "", steps: int = 1
) -> Sheet:
    return Sheet(
        parts={"verdict": lambda _: head, "links": _links(target), **more, "talk": _talk(target)},
        details=(*([rest] * steps if rest else []), "talk"),
        lines=("verdict", "links"),
        rest=_rest(target, ""),
    )


def _heading(outcome: Outcome, target: PublishTarget) -> str:
    return f"## {sign_of(outcome)} {outcome.value.capitalize()}: {prose(target.project, 80)}"


def _links(target: PublishTarget) -> Render:
    found = [
        link_to(words, url)
        for words, url in (("full report", target.report_url), ("run", target.run_url))
        if link_to(words, url) != words
    ]
    line = " · ".join([f"Commit {code(target.commit[:12])}", *found])
    return lambda _: line


def _talk(target: PublishTarget) -> Render:
    return lambda level: "" if level or not target.listens else _TALK


def _rest(target: PublishTarget, run: str) -> str:
    for words, url in (("the full report", target.report_url), ("the run", target.run_url)):
        if (link := link_to(words, url)) != words:
            return f"{link} holds everything."
    return (
        f"report.html and report.json of run {code(run)} hold everything." if run else "the run's log holds everything."
    )
