"""The keeper of the access log: a duty of the server that reads what came, counts it, and puts old files away.

Counting is in the turn, since the judge waits for it; putting files away is in a thread of its own, since nobody does. A
full disk stops neither: windows are shown from memory, and files that can't be put away wait, up to a bound.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

from seatrial.gateway.log.aggregate import Aggregate
from seatrial.gateway.log.book import Book, State
from seatrial.gateway.log.failing import Failures
from seatrial.gateway.log.follow import Bunch, Follower
from seatrial.gateway.log.moments import MILLISECONDS, length_of, milliseconds, moment_of
from seatrial.gateway.log.onward import FARTHEST, OnwardClock
from seatrial.gateway.log.shelve import Shelver
from seatrial.ports import Clock
from seatrial.records import AccessLine, SeatrialError

TURN_SECONDS: Final = 0.25
SETTLE_SECONDS: Final = 1.0
"""After so long every line of a window is in the log: proxies flush theirs every half second."""
ROTATE_BYTES: Final = 64 << 20
ROTATE_SECONDS: Final = 600.0
log = logging.getLogger("seatrial.server")


class AccessLog(Protocol):
    """What is needed of `seatrial.ports.Traffic`."""

    def log_files(self) -> Sequence[Path]:
        """The access log, the oldest file first."""
        ...

    def rotate_log(self) -> Path | None:
        """Begin a new file."""
        ...

    def read_line(self, line: bytes) -> AccessLine | None:
        """A line as a record."""
        ...


Observe = Callable[[AccessLine], None]
"""Is told of each request, once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogMeans:
    """The surroundings of a keeper of the access log.

    Attributes:
        traffic: the proxy whose log it is; None while there is none.
        seconds: length of the windows of each service that has another than ten seconds.
        clock: the machine's.
        telemetry: directory that old files go to, as Parquet.
        observe: is told of each request; what it is told once more after kill -9, it has not counted before.
    """

    traffic: Callable[[], AccessLog | None]
    seconds: Callable[[], Mapping[str, float]]
    clock: Clock
    telemetry: Path
    observe: Observe = lambda _: None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFigures:
    """What a keeper did since it began.

    Attributes:
        lines: that were counted.
        unreadable: lines that nobody understood, and pieces that were no lines.
        late: lines of windows that were over; they were counted in the next.
        lost: requests that are in no archive, since it could not be written for too long.
    """

    lines: int = 0
    unreadable: int = 0
    late: int = 0
    lost: int = 0


class LogKeeper:
    """Keeps the access log: call it with the event that ends it, in a thread of its own.

    Attributes:
        book: the windows.
        clock: never goes back; releases that work with windows take their time from it, too.
        figures: what was done.
    """

    def __init__(self, book: Book, means: LogMeans) -> None:
        self.book, self._means = book, means
        state = _believable(book.state, means.clock)
        self.clock = OnwardClock(means.clock, moment_of(state.horizon) if state.horizon else None)
        self._aggregate = Aggregate(means.seconds(), state.opened, state.horizon)
        self._follower = Follower(state.positions)
        self._failures = Failures()
        self._committed = state.horizon
        self._rotated = means.clock.monotonic()
        self._shelver = Shelver(means.telemetry, means.clock)
        self._troubles: dict[str, str] = {}
        self._caught_up = True
        self.figures = LogFigures()

    def __call__(self, stop: threading.Event) -> None:
        """Keep the log until `stop` is set."""
        try:
            while not stop.is_set():
                if self.turn():
                    stop.wait(TURN_SECONDS)
        finally:
            self.close()

    @property
    def troubles(self) -> Sequence[str]:
        """What goes wrong, in words."""
        told = [f"{what}: {trouble}" for what, trouble in sorted(self._troubles.items())]
        return [*told, *filter(None, (self.book.trouble, self._shelver.trouble))]

    def turn(self) -> bool:
        """One round: count what came, show the windows that are over, put old files away; whether the log is read to its end.

        Never raises.
        """
        traffic = self._means.traffic()
        if traffic is None:
            return True
        self._caught_up = True
        self._guarded("access log", lambda: self._count(traffic))
        self._guarded("access log's files", lambda: self._tidy(traffic))
        return self._caught_up

    def close(self) -> None:
        """End after the file that is being put away."""
        self._shelver.close()

    def _count(self, traffic: AccessLog) -> None:
        self._aggregate.cut(self._means.seconds())
        now = milliseconds(self.clock.now())
        bunch = self._follower.read(traffic.log_files())
        self._caught_up = bunch.caught_up
        latest = self._add(traffic, bunch, now)
        settled = (now if bunch.caught_up else min(now, latest)) - length_of(SETTLE_SECONDS)
        self._advance(settled)

    def _add(self, traffic: AccessLog, bunch: Bunch, now: int) -> int:
        """Count lines; the time of the latest one, 0 if there is none."""
        horizon, latest = self._aggregate.horizon, 0
        counted = late = unreadable = 0
        for text in bunch.lines:
            try:
                line = traffic.read_line(text)
            except Exception:  # noqa: BLE001 - one line that nobody understands must not hold up all others
                unreadable += 1
                continue
            if line is None:
                continue
            counted += 1
            self._means.observe(line)
            at = milliseconds(line.time)
            late += at < horizon
            latest = max(latest, at)
            what = self._aggregate.add(line, now)
            if what is not None and what.error:
                self._failures.add(line, what)
        self.figures = replace(
            self.figures,
            lines=self.figures.lines + counted,
            late=self.figures.late + late,
            unreadable=self.figures.unreadable + unreadable + bool(bunch.skipped),
        )
        return latest

    def _advance(self, settled: int) -> None:
        """Show the windows that are over, if any may be."""
        shortest = self._aggregate.shortest
        if settled // shortest <= self._committed // shortest:
            return
        over = self._aggregate.close(settled)
        state = State(
            positions=self._follower.positions, opened=self._aggregate.opened(), horizon=self._aggregate.horizon
        )
        self.book.commit(state, over, self._failures.take())
        self._committed = self._aggregate.horizon

    def _tidy(self, traffic: AccessLog) -> None:
        files = traffic.log_files()
        self._rotate(traffic, files)
        kept = self.book.state.positions
        done = [path for path in files[:-1] if kept.get(self._follower.name_of(path)) == _size(path)]
        if self.book.trouble:
            self._shelver.bound(done)
        elif done:
            self._shelver.shelve(done, traffic.read_line, self.book.settle)
        self.figures = replace(self.figures, lost=self._shelver.lost)

    def _rotate(self, traffic: AccessLog, files: Sequence[Path]) -> None:
        size = _size(files[-1]) if files else 0
        age = self._means.clock.monotonic() - self._rotated
        if size >= ROTATE_BYTES or (size and age >= ROTATE_SECONDS):
            self._rotated = self._means.clock.monotonic()
            traffic.rotate_log()

    def _guarded(self, what: str, do: Callable[[], object]) -> None:
        """Do it; turns are many, and the same trouble is told once."""
        try:
            do()
        except SeatrialError as error:
            if self._is_news(what, error):
                log.error("%s: %s", what, error)  # noqa: TRY400 - what it says is enough
        except Exception as error:
            if self._is_news(what, error):
                log.exception("%s", what)
        else:
            self._troubles.pop(what, None)

    def _is_news(self, what: str, error: Exception) -> bool:
        before, self._troubles[what] = self._troubles.get(what), str(error)
        return before != str(error)


def _believable(state: State, clock: Clock) -> State:
    """A state without a horizon that a wrong clock brought about: windows begin again now."""
    now = milliseconds(clock.now())
    if state.horizon - now > FARTHEST.total_seconds() * MILLISECONDS:
        return State(positions=state.positions, horizon=now)
    return state


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0
