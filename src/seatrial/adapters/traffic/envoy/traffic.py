"""Envoy as a gateway: the embedded default of the Traffic port.

It reads its configuration from files in its folder, so that nothing needs to run beside it, and it goes on as it was told
when seatrial is gone. One worker thread is enough for thousands of requests a second, and with one it can be seen that a
change has reached it.
"""

import threading
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from seatrial.adapters.traffic.envoy.admin import Admin
from seatrial.adapters.traffic.envoy.config import Config, RefusedError
from seatrial.adapters.traffic.envoy.lines import LineReader
from seatrial.adapters.traffic.envoy.process import LOG, NAME, EnvoyProcess
from seatrial.adapters.traffic.envoy.reading import Reading
from seatrial.adapters.traffic.kept import KeptRoutings
from seatrial.adapters.traffic.logs import LogFiles, holds_open
from seatrial.adapters.traffic.proxy import address_of, wait_for
from seatrial.adapters.traffic.units import open_units
from seatrial.ports import Clock, Runtime
from seatrial.records import (
    AccessLine,
    GatewaySpec,
    InForce,
    PermanentError,
    ProxyStatus,
    Routing,
    SeatrialError,
    TemporaryError,
)

SETTLE_SECONDS: Final = 1.0
REOPEN_SECONDS: Final = 5.0
OUTDATED: Final = "it runs as another version of seatrial started it; end it and keep it to renew it"


class EnvoyTraffic:
    """Implements `seatrial.ports.Traffic`. Safe to use from many threads.

    Args:
        spec: of the gateway.
        folder: its own; made if need be.
        runtime: what runs the process; the process must be able to outlive seatrial.
        clock: time.
        mark: by which this project's gateway is found on this machine.

    Raises:
        UsageError: the gateway's host is no address.
        PermanentError: the folder can't be written, or what was asked for earlier can't be read.
    """

    def __init__(self, *, spec: GatewaySpec, folder: Path, runtime: Runtime, clock: Clock, mark: str) -> None:
        self._spec = spec
        self._folder = folder.resolve()
        self._clock = clock
        self._kept = KeptRoutings(self._folder / "routings")
        self._files = LogFiles(self._folder)
        self._admin = Admin(self._folder)
        self._config = Config(self._folder, self._admin, clock)
        self._reading = Reading(self._admin)
        self._process = EnvoyProcess(
            spec=spec, folder=self._folder, runtime=runtime, admin=self._admin, clock=clock, mark=mark
        )
        self._looked_after = float("-inf")
        self._version: tuple[int, str] = (0, "")
        self._note = ""
        self._lock = threading.RLock()
        self._log_lock = threading.Lock()
        self._read_line = LineReader(open_units(self._folder))

    def keep(self) -> ProxyStatus:
        """Start Envoy if it does not run, or take over the one that an earlier seatrial started."""
        with self._lock:
            self._adopt()
            if not self._process.running:
                self._start()
            self._look_after()
            return self.status()

    def status(self) -> ProxyStatus:
        """How it is: whether it answers, whoever started it."""
        pid = self._admin.pid()
        return ProxyStatus(
            running=pid is not None,
            address=address_of(self._spec),
            kind=NAME,
            version=self._version_of(pid) if pid is not None else "",
            pid=pid,
            restarts=self._process.restarts,
            note=self._note or (OUTDATED if self._process.outdated else ""),
        )

    def stop(self) -> None:
        """End it after the requests that it holds: it takes new ones for a second, and asks clients to come no more."""
        with self._lock:
            self._adopt()
            self._process.stop()

    def apply(self, routing: Routing) -> None:
        """Bring it into force."""
        with self._lock:
            before = self._kept.get(routing.service.name)
            self._kept.put(routing)
            self._must_run()
            try:
                self._config.bring(self._wanted)
            except RefusedError as refused:
                error = self._refused(routing.service.name)
                self._take_back(routing.service.name, before)
                raise error from refused
            self._note = ""

    def remove(self, service: str) -> None:
        """Answer for a service no more."""
        with self._lock:
            if self._kept.get(service) is None:
                return
            self._kept.drop(service)
            if self._process.running:
                try:
                    self._config.bring(self._wanted)
                except RefusedError as refused:
                    raise self._refused(service) from refused

    def wanted(self) -> Sequence[Routing]:
        """What it was last asked for, by service."""
        with self._lock:
            return self._wanted

    def read(self, service: str) -> InForce | None:
        """What the running Envoy says that it does."""
        return self._reading.read(service)

    def pending(self, service: str, endpoints: Collection[str]) -> int:
        """How many requests these endpoints have to answer, copies among them; none if Envoy does not run."""
        if self._admin.pid() is None:
            return 0
        return sum(count for name, count in self._admin.hosts(service) if name in endpoints)

    def log_files(self) -> Sequence[Path]:
        """The access log, the oldest file first."""
        return self._files.all()

    def rotate_log(self) -> Path | None:
        """Begin a new file; the one that is now complete."""
        with self._log_lock:
            final = self._files.turn_over()
            if final is not None:
                self._reopen(final)
            return final

    def read_line(self, line: bytes) -> AccessLine | None:
        """A line of the access log as a record."""
        return self._read_line(line)

    @property
    def _wanted(self) -> list[Routing]:
        return list(self._kept.all().values())

    # look after it

    def _adopt(self) -> None:
        """Take over what runs; a log that was being turned over when its seatrial died is opened again."""
        if self._process.adopt():
            with suppress(TemporaryError):
                self._admin.post("/reopen_logs")

    def _start(self) -> None:
        self._config.lay(self._wanted)
        self._files.begin()
        self._process.start()
        self._note = ""

    def _look_after(self) -> None:
        """What was not confirmed is brought into force, and what is no longer needed is let go; once a second at most."""
        now = self._clock.monotonic()
        if now - self._looked_after < SETTLE_SECONDS:
            return
        self._looked_after = now
        try:
            if not self._config.is_in_force(self._wanted):
                self._config.bring(self._wanted, within=SETTLE_SECONDS)
            self._config.tidy()
        except RefusedError:
            self._note = f"it refuses its configuration: {self._process.said(1)}"
        except TemporaryError as error:
            self._note = error.what

    def _version_of(self, pid: int) -> str:
        known, version = self._version
        if known != pid:
            with suppress(SeatrialError):
                version = self._admin.version()
                self._version = (pid, version)
        return version

    # ask it for things

    def _must_run(self) -> None:
        self._adopt()
        if not self._process.running:
            raise TemporaryError(
                "the gateway does not run",
                where=address_of(self._spec),
                remedy=f"seatrial's server keeps it running; see its log and {self._folder / LOG}",
            )

    def _refused(self, service: str) -> PermanentError:
        return PermanentError(
            f"Envoy refuses what it was asked for: {self._process.said(1)}",
            where=f"services.{service}",
            remedy="mend what it complains of; the gateway goes on as it was",
        )

    def _take_back(self, service: str, before: Routing | None) -> None:
        """A refused routing must not stand in the way of other services."""
        if before is None:
            self._kept.drop(service)
        else:
            self._kept.put(before)
        with suppress(RefusedError, TemporaryError):
            self._config.take_back(self._wanted)

    def _reopen(self, final: Path) -> None:
        pid = self._admin.pid()
        if pid is None:
            return
        self._admin.post("/reopen_logs")
        if not wait_for(lambda: not holds_open(pid, final), REOPEN_SECONDS, self._clock):
            raise TemporaryError(
                "Envoy still writes to the access log that was to be complete",
                where=str(final),
                remedy="it is complete once Envoy has opened its log again; see proxy.log beside it",
            )
