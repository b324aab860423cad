"""Access lines made by hand, and the log of a proxy that a test writes itself."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from seatrial.adapters.traffic.logs import LogFiles
from seatrial.gateway.log.book import Book
from seatrial.gateway.log.keeper import LogKeeper, LogMeans
from seatrial.records import AccessLine, Arm
from seatrial.testing import FakeClock

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
_LINE = msgspec.json.Decoder(AccessLine)


def at(seconds: float) -> datetime:
    """So many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def line(after: float = 0.0, **given: Any) -> AccessLine:
    """A request that stable answered well, so many seconds after noon; whatever isn't given is plain."""
    assigned = given.get("assigned", Arm.STABLE)
    plain: dict[str, Any] = {
        "time": at(after),
        "service": "wine",
        "request_id": f"r{after:g}",
        "method": "POST",
        "path": "/predict",
        "status": 200,
        "seconds": 0.1,
        "assigned": assigned,
        "served": assigned,
        "version": "2" if assigned is Arm.CANARY else "1",
        "endpoint": f"wine-{assigned}-0",
    }
    return AccessLine(**(plain | given))


class SetClock(FakeClock):
    """A clock that can be set."""

    def __init__(self, start: datetime) -> None:
        super().__init__(start)
        self._off = timedelta()

    def now(self) -> datetime:
        """The wall clock, as it was set."""
        return super().now() + self._off

    def set(self, moment: datetime) -> None:
        """Set the wall clock; what passes is not changed by that."""
        self._off += moment - self.now()


class HandLog:
    """The access log of a proxy, written by a test: an `AccessLog`."""

    def __init__(self, folder: Path) -> None:
        self.files = LogFiles(folder)
        self.files.begin()

    def write(self, lines: Iterable[AccessLine]) -> None:
        """Append whole lines."""
        self.append(b"".join(msgspec.json.encode(one) + b"\n" for one in lines))

    def append(self, data: bytes) -> None:
        """Append bytes, as a proxy does with what it has buffered."""
        with self.files.current.open("ab") as file:
            file.write(data)

    def log_files(self) -> Sequence[Path]:
        """See `Traffic.log_files`."""
        return self.files.all()

    def rotate_log(self) -> Path | None:
        """See `Traffic.rotate_log`."""
        return self.files.turn_over()

    def read_line(self, text: bytes) -> AccessLine | None:
        """See `Traffic.read_line`; raises for what is no JSON, as no proxy should."""
        return None if text == b"null" else _LINE.decode(text)


class Site:
    """A project whose access log is kept: folders, a clock that a test moves, and one keeper after another."""

    def __init__(self, folder: Path, **seconds: float) -> None:
        self.folder = folder
        self.clock = SetClock(NOON)
        self.log = HandLog(folder / "log")
        self.seconds = seconds
        self.observed: list[AccessLine] = []
        self._books: list[Book] = []
        self.begin()

    def begin(self) -> None:
        """A new process, after the last one was killed."""
        self.book = Book(self.folder)
        self._books.append(self.book)
        means = LogMeans(
            traffic=lambda: self.log,
            seconds=lambda: self.seconds,
            clock=self.clock,
            telemetry=self.folder / "telemetry",
            observe=self.observed.append,
        )
        self.keeper = LogKeeper(self.book, means)

    def close(self) -> None:
        """The end of all processes."""
        self.keeper.close()
        for book in self._books:
            book.close()

    def set_back(self, seconds: float) -> None:
        """Somebody sets the machine's clock back."""
        self.clock.set(self.clock.now() - timedelta(seconds=seconds))

    def pass_to(self, seconds: float) -> None:
        """Let the clock go on to so many seconds after noon, and take a turn."""
        self.clock.sleep(seconds - (self.clock.now() - NOON).total_seconds())
        self.keeper.turn()
