"""Publishes a trial where people decide: one comment in the pull request and one check of the commit.

The verdict does not depend on a forge: whatever can't be published is told in `problems`, with what would mend it, and the
other half is published all the same.
"""

import threading
from collections.abc import Mapping

from seatrial.forge.annotations import Place
from seatrial.forge.attempts import Attempts
from seatrial.forge.check import CheckMaker
from seatrial.forge.comment import (
    Sheet,
    broken_sheet,
    cancelled_sheet,
    compose,
    live_sheet,
    report_sheet,
    superseded_sheet,
)
from seatrial.forge.live import Live
from seatrial.forge.mailbox import Mailbox
from seatrial.forge.marker import Entry, Outcome, bounded_headline
from seatrial.forge.upsert import Mine, Upserted, upsert
from seatrial.ports import Clock, Forge
from seatrial.records import Check, Published, PublishTarget, Report, SeatrialError
from seatrial.trial.progress import Progress
from seatrial.trial.report import headline
from seatrial.wording.text import one_line

EVERY = 5.0
"""Seconds between two updates of a running trial's check."""
COMMENT_EVERY = 60.0
"""Seconds between two updates of a running trial's comment."""
_COMMENT = "The comment was not written"
_CHECK = "The check was not set"


class Publisher:
    """Publishes one run of a trial. Safe to use from many threads; no method raises for the forge's troubles.

    Every method can be called again, also by another process with the same `key`: there is one comment and one check.

    Args:
        forge: where.
        target: whose result it is; without a number there is a check only.
        clock: for times, and for what must not be done too often.
        key: of the run; another run of the same commit has another one.
        lines: where the configuration speaks of each deployment (`annotations.deployment_lines`), for remarks there.
    """

    def __init__(
        self,
        forge: Forge,
        target: PublishTarget,
        *,
        clock: Clock,
        key: str,
        lines: Mapping[str, Place] | None = None,
    ) -> None:
        self._forge = forge
        self._target = target
        self._clock = clock
        self._key = key
        self._lines = lines or {}
        self._began = clock.now()
        self._limits = forge.limits
        self._checks = CheckMaker(target=target, key=key, limits=self._limits, started=self._began)
        self._attempts = Attempts(clock)
        self._live = Live()
        self._lock = threading.Lock()
        self._box = Mailbox(self._tell_live, clock, every=EVERY)
        self._comment_due = clock.monotonic() + COMMENT_EVERY
        self._told = ""

    @property
    def problems(self) -> tuple[str, ...]:
        """What could not be published and what would mend it, one sentence each."""
        return self._attempts.told

    def queued(self) -> None:
        """The trial waits."""
        self._say_live(Outcome.QUEUED, Live())
        self._set_live(self._checks.queued())

    def running(self) -> None:
        """The trial has begun."""
        live = self._snapshot()
        self._say_live(Outcome.RUNNING, live)
        self._set_live(self._checks.running(live))

    def watch(self, progress: Progress) -> None:
        """A step of the trial; another thread shows it soon. Returns at once."""
        with self._lock:
            self._live.hear(progress)
        self._box.tell()

    def ended(self, report: Report) -> Published:
        """The trial came to a verdict."""
        self._box.close()
        sheet = report_sheet(report, self._target, self._limits)
        said = self._say(self._mine(Outcome.of(report.verdict), sheet, headline(report)))
        return self._set(self._checks.ended(report, lines=self._lines, newer=said.newer), said)

    def broken(self, error: SeatrialError, *, log: str = "") -> Published:
        """The trial came to no result.

        Args:
            error: what broke, where, and what to do about it.
            log: what was written last.
        """
        self._box.close()
        sheet = broken_sheet(error, self._target, self._limits, log=log)
        said = self._say(self._mine(Outcome.BROKEN, sheet, error.what))
        return self._set(self._checks.broken(error, log=log, newer=said.newer, at=self._clock.now()), said)

    def cancelled(self, why: str, *, superseded_by: str = "") -> Published:
        """The trial was ended before it came to a result.

        Args:
            why: one sentence.
            superseded_by: the commit that was pushed since, where that is why.
        """
        self._box.close()
        outcome, sheet = Outcome.CANCELLED, cancelled_sheet(why, self._target)
        if superseded_by:
            outcome, sheet = Outcome.SUPERSEDED, superseded_sheet(superseded_by, self._target)
        said = self._say(self._mine(outcome, sheet, why))
        newer = superseded_by or said.newer
        return self._set(self._checks.cancelled(why, newer=newer, at=self._clock.now()), said)

    def close(self) -> None:
        """Show no progress any more; somebody else goes on with the trial, or nobody."""
        self._box.close()

    def _tell_live(self) -> None:
        """The latest steps, in the check, and now and then in the comment; by the mailbox's thread."""
        live = self._snapshot()
        self._set_live(self._checks.running(live))
        phases = ", ".join(f"{phase.deployment} {phase.words}" for phase in live.phases())
        if phases != self._told and self._clock.monotonic() >= self._comment_due:
            self._told = phases
            self._comment_due = self._clock.monotonic() + COMMENT_EVERY
            self._say_live(Outcome.RUNNING, live)

    def _snapshot(self) -> Live:
        with self._lock:
            return Live(cells=dict(self._live.cells), whole=self._live.whole)

    def _mine(self, outcome: Outcome, sheet: Sheet, said: str = "") -> Mine:
        """What this run has to say in the comment."""
        target, limits = self._target, self._limits
        return Mine(
            entry=Entry(
                commit=target.commit,
                outcome=outcome,
                headline=bounded_headline(said),
                run=one_line(self._key, 200),
                link=target.report_url or target.run_url,
                at=self._began,
            ),
            project=target.project,
            current=lambda state: compose(sheet, state, target.project, limits),
            superseded=lambda state, head: compose(superseded_sheet(head, target), state, target.project, limits),
        )

    def _say_live(self, outcome: Outcome, live: Live) -> None:
        mine = self._mine(outcome, live_sheet(outcome, live, self._target))
        if self._target.number is not None:
            self._attempts.once(_COMMENT, lambda: upsert(self._forge, self._target, mine, self._clock, final=False))

    def _set_live(self, check: Check) -> None:
        self._attempts.once(_CHECK, lambda: self._forge.set_check(check))

    def _say(self, mine: Mine) -> Upserted:
        """Bring a result into the comment."""
        if self._target.number is None:
            return Upserted(comment=None)
        done = self._attempts.patiently(
            _COMMENT, lambda: upsert(self._forge, self._target, mine, self._clock, final=True)
        )
        return done or Upserted(comment=None)

    def _set(self, check: Check, said: Upserted) -> Published:
        """Set the check of a result."""
        self._attempts.patiently(_CHECK, lambda: self._forge.set_check(check))
        return Published(comment=said.comment.url if said.comment else "", problems=self.problems)
