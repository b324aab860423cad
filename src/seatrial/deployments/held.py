"""One instance in the hands of a supervisor: is it ready, does it still answer, what does it use, has it gone?"""

import logging
import signal
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass, field

from seatrial.deployments.book import Started
from seatrial.deployments.means import Means, Prepared
from seatrial.deployments.state import DOOR, Phase, Seen
from seatrial.ports import Instance
from seatrial.records import ReplicaStatus, SeatrialError, UsagePoint

ASK_SECONDS = 1.0
FIRST_ASK_SECONDS = 0.1
SILENT_SECONDS = 30.0
"""What answered before and does not for so long is started anew; a busy replica is not."""
USAGE_SECONDS = 2.0
DOOR_GRACE, GRACE = 5.0, 45.0
"""Seconds from SIGTERM to SIGKILL; the model server gives its requests 30."""
log = logging.getLogger("seatrial.server")


@dataclass(slots=True, kw_only=True)
class Held:
    """An instance, and what was last seen of it.

    Attributes:
        started: its line in the book.
        phase: as far as is known.
        answered: monotonic seconds of its last good answer, or of when we began to ask.
        complaint: what its health path said instead of being well.
        wrong: what it serves instead of what it should; no hope then.
        takes: a door that waits to be given a socket.
    """

    started: Started
    instance: Instance
    phase: Phase
    answered: float
    complaint: str = "has not been asked yet"
    wrong: str = ""
    takes: bool = False
    ask_at: float = 0.0
    asking: Future[str] | None = None
    stopping: Future[None] | None = None
    usage: list[UsagePoint] = field(default_factory=list)
    measured_at: float = 0.0

    @property
    def gone(self) -> bool:
        """Whether it was told to end and has."""
        return self.stopping is not None and self.stopping.done() and self.stopping.exception() is None

    def look(self, means: Means, prepared: Prepared | None) -> bool:
        """See how it is; whether it has just become ready."""
        if self.stopping is not None:
            self._stop_again_if_it_stayed(means.threads)
            return False
        if not self.instance.status().running:
            self.phase = Phase.ENDED
            return False
        if self.started.index == DOOR:
            return False
        self._measure(means.clock.monotonic())
        return self._hear(means) or self._ask(means, prepared)

    def stop(self, threads: Executor, let_go: Callable[[Started], None] | None = None) -> None:
        """Tell it to end, and what it left behind where it has ended.

        Args:
            threads: where that is done.
            let_go: what comes before it while it runs.
        """
        self.phase = Phase.STOPPING
        if self.stopping is None:
            self.stopping = threads.submit(self._end, let_go)

    def _end(self, let_go: Callable[[Started], None] | None) -> None:
        if let_go is not None and self.instance.status().running:
            try:
                let_go(self.started)
            except Exception:
                log.exception("%s could not be let go", self.started.cell)
        self.instance.stop(DOOR_GRACE if self.started.index == DOOR else GRACE)

    def seen(self, means: Means) -> Seen:
        """What the plan has to know of it."""
        started = self.started
        return Seen(
            cell=started.cell,
            index=started.index,
            fingerprint=started.fingerprint,
            phase=self.phase,
            behind_door=started.behind_door,
            sick=self._sick(means) if self.phase in {Phase.STARTING, Phase.SILENT} else "",
        )

    def ready_seconds(self, means: Means) -> float | None:
        """For how long it has been ready; None if it never was."""
        since = self.started.ready
        return None if since is None else max(0.0, (means.clock.now() - since).total_seconds())

    def ending(self) -> str:
        """How it ended, in one sentence."""
        status = self.instance.status()
        parts = [status.note, _last_words(self.instance.log_tail())]
        return ": ".join(filter(None, [_ended(status.exit_status), *parts]))

    def shown(self, restarts: int) -> ReplicaStatus:
        """What people are shown of it."""
        last = self.usage[-1] if self.usage else None
        return ReplicaStatus(
            index=self.started.index,
            ready=self.phase is Phase.READY,
            restarts=restarts,
            cpu_seconds=last.cpu_seconds if last else None,
            cores=self._cores(),
            memory=last.memory if last else None,
            enforced=self._enforced(),
            reason=self._condition(),
            since=self.started.started,
        )

    def _stop_again_if_it_stayed(self, threads: Executor) -> None:
        stopping = self.stopping
        if stopping is not None and stopping.done() and stopping.exception() is not None:
            self.stopping = threads.submit(self.instance.stop, 0.0)

    def _hear(self, means: Means) -> bool:
        """Take the answer to the last question; whether it is the first good one."""
        asking = self.asking
        if asking is None or not asking.done():
            return False
        self.asking = None
        now = means.clock.monotonic()
        self.ask_at = now + (FIRST_ASK_SECONDS if self.phase is Phase.STARTING else ASK_SECONDS)
        self.complaint = asking.result()
        if self.complaint:
            if self.phase is Phase.READY:
                self.phase = Phase.SILENT
            return False
        first = self.phase is Phase.STARTING
        self.phase, self.answered = Phase.READY, now
        return first

    def _ask(self, means: Means, prepared: Prepared | None) -> bool:
        """Ask its health path, in another thread; nothing is known of that yet."""
        if self.asking is None and means.clock.monotonic() >= self.ask_at:
            check = prepared if self.phase is Phase.STARTING else None
            self.asking = means.threads.submit(self._inquire, means, check)
        return False

    def _inquire(self, means: Means, prepared: Prepared | None) -> str:
        url = f"http://127.0.0.1:{self.started.port}"
        complaint = means.ask(url + self.started.health)
        if not complaint and prepared is not None and prepared.fingerprint == self.started.fingerprint:
            try:
                prepared.check(url)
            except SeatrialError as error:
                self.wrong = complaint = " → ".join(filter(None, [error.what, error.remedy]))
        return complaint

    def _sick(self, means: Means) -> str:
        """Why it should be stopped; empty while there is hope."""
        if self.wrong:
            return self.wrong
        if self.phase is Phase.STARTING:
            age = (means.clock.now() - self.started.started).total_seconds()
            late = age > self.started.deadline
            return f"not ready within {self.started.deadline:g} s: {self._last_complaint}" if late else ""
        silent = means.clock.monotonic() - self.answered > SILENT_SECONDS
        return f"no good answer for {SILENT_SECONDS:g} s: {self._last_complaint}" if silent else ""

    @property
    def _last_complaint(self) -> str:
        if self.started.index == DOOR:
            return f"{self.started.health} does not hand out its socket"
        return f"{self.started.health} {self.complaint or 'does not answer'}"

    def _measure(self, now: float) -> None:
        """Read its usage now and then; of the last readings two are kept, for the rate."""
        last = self.usage[-1] if self.usage else None
        if last is not None and now - self.measured_at < USAGE_SECONDS:
            return
        point = self.instance.usage()
        if point is not None:
            self.measured_at = now
            self.usage[:] = [*self.usage[-1:], point]

    def _cores(self) -> float | None:
        if len(self.usage) < 2:  # noqa: PLR2004 - a rate is between two
            return None
        first, last = self.usage
        seconds = last.at - first.at
        return max(0.0, last.cpu_seconds - first.cpu_seconds) / seconds if seconds > 0 else None

    def _enforced(self) -> str:
        limits = self.instance.limits
        what = [name for name, on in (("cpu", limits.cpu_enforced), ("memory", limits.memory_enforced)) if on]
        parts = [f"{' and '.join(what)} by {limits.kind}"] if what else []
        return "; ".join([*parts, *limits.notes])

    def _condition(self) -> str:
        if self.phase is Phase.READY:
            return ""
        return {Phase.SILENT: self._last_complaint, Phase.STOPPING: "stopping"}.get(self.phase, "starting")


def _ended(exit_status: int | None) -> str:
    if exit_status is None:
        return "it ended"
    if exit_status < 0:
        with suppress(ValueError):
            return f"it was ended by {signal.Signals(-exit_status).name}"
    return f"it ended with exit status {exit_status}"


def _last_words(tail: str) -> str:
    """The line of a log's end that says most: the last that speaks of an error, else the last one."""
    lines = [line.strip() for line in tail.splitlines() if line.strip() and not line.startswith("[seatrial: ")]
    telling = [line for line in lines if "error" in line.lower()]
    return (telling or lines or [""])[-1][:300]
