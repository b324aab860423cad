"""The check of a commit: queued, running with the live phase of each deployment, then the verdict.

Nothing but a pass is green: inconclusive is `neutral` and says how many more requests would settle it, broken is
`action_required`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from seatrial.forge.annotations import Place, annotations, annotations_of
from seatrial.forge.comment import Sheet, broken_sheet
from seatrial.forge.live import Live, live_table, live_title
from seatrial.records import (
    Check,
    CheckPhase,
    Conclusion,
    ForgeLimits,
    PublishTarget,
    Report,
    SeatrialError,
    Verdict,
)
from seatrial.trial.report import headline, render_markdown
from seatrial.wording.fit import Layout, fit
from seatrial.wording.inert import prose
from seatrial.wording.text import count, one_line

NAME = "seatrial"
LONGEST_TITLE = 140
_CONCLUSIONS = {
    Verdict.PASS: Conclusion.SUCCESS,
    Verdict.FAIL: Conclusion.FAILURE,
    Verdict.INCONCLUSIVE: Conclusion.NEUTRAL,
    Verdict.ERROR: Conclusion.ACTION_REQUIRED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckMaker:
    """Makes the checks of one run.

    Attributes:
        target: whose commit it is.
        key: of the run.
        limits: of the forge.
        started: when the run began.
    """

    target: PublishTarget
    key: str
    limits: ForgeLimits
    started: datetime

    def queued(self) -> Check:
        """It waits for its turn."""
        return replace(self._check(CheckPhase.QUEUED, "Queued"), started=None)

    def running(self, live: Live) -> Check:
        """It runs: how many deployments are how far, and a row for each."""
        return self._check(CheckPhase.RUNNING, live_title(live), summary=self._lines(live_table(live)))

    def ended(self, report: Report, *, lines: Mapping[str, Place], newer: str) -> Check:
        """It came to a verdict.

        Args:
            report: of the trial.
            lines: where the configuration speaks of each deployment.
            newer: the commit that superseded this one; empty if none did.
        """
        return replace(
            self._check(CheckPhase.DONE, _superseded(newer, verdict_title(report))),
            conclusion=_CONCLUSIONS[report.verdict],
            summary=self._report(report),
            annotations=annotations(report, lines, self.limits.annotations),
            ended=report.ended,
        )

    def broken(self, error: SeatrialError, *, log: str, newer: str, at: datetime) -> Check:
        """It came to no result."""
        return replace(
            self._check(CheckPhase.DONE, _superseded(newer, f"Broken: {error.what}")),
            conclusion=Conclusion.ACTION_REQUIRED,
            summary=self._sheet(broken_sheet(error, self.target, self.limits, log=log)),
            annotations=annotations_of(error)[: self.limits.annotations],
            ended=at,
        )

    def cancelled(self, why: str, *, newer: str, at: datetime) -> Check:
        """It was ended before it came to a result."""
        title = f"Superseded by {newer[:12]}" if newer else f"Cancelled: {why}" if why else "Cancelled"
        return replace(
            self._check(CheckPhase.DONE, title, summary=self._lines(prose(why, 600) if why else "")),
            conclusion=Conclusion.CANCELLED,
            ended=at,
        )

    def _check(self, phase: CheckPhase, title: str, *, summary: str = "") -> Check:
        target = self.target
        return Check(
            repository=target.repository,
            commit=target.commit,
            name=f"{NAME} / {one_line(target.project, 80)}" if target.several else NAME,
            key=self.key,
            phase=phase,
            title=one_line(title, LONGEST_TITLE),
            summary=summary,
            url=target.report_url or target.run_url,
            started=self.started,
        )

    def _report(self, report: Report) -> str:
        most = self.limits.summary
        return render_markdown(report, limit=most, mermaid=False, details=self.limits.details) if most else ""

    def _lines(self, markdown: str) -> str:
        """As many of its lines as the forge takes."""
        return self._sheet(Sheet(parts={"all": lambda _: markdown}, lines=("all",))) if markdown else ""

    def _sheet(self, sheet: Sheet) -> str:
        if not self.limits.summary:
            return ""
        parts = {**sheet.parts, "note": lambda level: "<sub>Shortened to fit.</sub>" if level else ""}
        layout = Layout(parts=parts, gives_way=sheet.details, note="note", by_lines=sheet.lines)
        return fit(layout, self.limits.summary)


def verdict_title(report: Report) -> str:
    """`Fail: …` with the figures that decide; `Inconclusive: needs about 1,200 more requests; …`."""
    said = headline(report)
    open_ = most_needed(report)
    if report.verdict is Verdict.INCONCLUSIVE and open_:
        said = f"needs about {count(open_, 'more request')}; {said}"
    return f"{_WORDS[report.verdict]}: {said}"


_WORDS = {
    Verdict.PASS: "Pass",
    Verdict.FAIL: "Fail",
    Verdict.INCONCLUSIVE: "Inconclusive",
    Verdict.ERROR: "Broken",
}


def most_needed(report: Report) -> int:
    """How many more requests per cell would settle every open metric; 0 where nothing tells."""
    return max(
        (c.needs.requests for d in report.deployments for c in d.comparisons if c.verdict and c.needs), default=0
    )


def _superseded(newer: str, title: str) -> str:
    return f"Superseded by {newer[:12]}. {title}" if newer else title
