"""nginx as a gateway, where a site has it.

It changes a share by reading its file again: new workers take over, old ones end with their last request. A client's
connection that waits for its next request would be cut by that, so connections are not kept open.
"""

import hashlib
import os
import shutil
import threading
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

import msgspec

from seatrial.adapters.traffic.configured import check_addresses, check_words
from seatrial.adapters.traffic.files import write_whole
from seatrial.adapters.traffic.kept import KeptRoutings
from seatrial.adapters.traffic.logs import LogFiles
from seatrial.adapters.traffic.memory import in_force
from seatrial.adapters.traffic.nginx.directives import text
from seatrial.adapters.traffic.nginx.lines import LineReader
from seatrial.adapters.traffic.nginx.process import LOG, NAME, NginxProcess
from seatrial.adapters.traffic.nginx.render import CONFIG, IN_FORCE, STATUS_SOCKET, Place, render
from seatrial.adapters.traffic.proxy import address_of, wait_for
from seatrial.adapters.traffic.sockets import get
from seatrial.adapters.traffic.units import open_units
from seatrial.ports import Clock, Runtime
from seatrial.records import (
    AccessLine,
    GatewaySpec,
    InForce,
    PermanentError,
    ProxyStatus,
    Routing,
    TemporaryError,
)

FORCE_SECONDS: Final = 5.0
REOPEN_SECONDS: Final = 5.0
_GENERATIONS: Final = 8


class NginxTraffic:
    """Implements `seatrial.ports.Traffic`. Safe to use from many threads.

    Args:
        spec: of the gateway.
        folder: its own; made if need be.
        runtime: what runs the process; the process must be able to outlive seatrial.
        clock: time.
        mark: by which this project's gateway is found on this machine.

    Raises:
        PermanentError: the folder can't be written, or what was asked for earlier can't be read.
    """

    def __init__(self, *, spec: GatewaySpec, folder: Path, runtime: Runtime, clock: Clock, mark: str) -> None:
        self._spec = spec
        self._folder = folder.resolve()
        self._clock = clock
        self._kept = KeptRoutings(self._folder / "routings")
        self._files = LogFiles(self._folder)
        self._process = NginxProcess(spec=spec, folder=self._folder, runtime=runtime, clock=clock, mark=mark)
        self._addresses: dict[str, tuple[str, int]] = {}
        for routing in self._kept.all().values():
            self._know(routing)
        self._note = ""
        self._lock = threading.RLock()
        self._read_line = LineReader(open_units(self._folder))

    def keep(self) -> ProxyStatus:
        """Start nginx if it does not run, or take over the one that an earlier seatrial started."""
        with self._lock:
            if not self._process.adopt():
                self._files.begin()
                self._render()
                self._process.start()
                self._note = ""
            elif not self._is_in_force():
                self._look_after()
            return self.status()

    def status(self) -> ProxyStatus:
        """How it is: whether it answers, whoever started it."""
        runs = self._process.generation() is not None
        return ProxyStatus(
            running=runs,
            address=address_of(self._spec),
            kind=NAME,
            version=self._process.version if runs else "",
            pid=self._process.pid if runs else None,
            restarts=self._process.restarts,
            note=self._note,
        )

    def stop(self) -> None:
        """End it after the requests that it holds."""
        with self._lock:
            self._process.stop()

    def apply(self, routing: Routing) -> None:
        """Write it down, and have new workers take over."""
        check_words(routing)
        check_addresses(routing)
        with self._lock:
            before = self._kept.get(routing.service.name)
            if before == routing and self._is_in_force():
                return
            self._kept.put(routing)
            self._know(routing)
            self._must_run()
            try:
                self._bring_into_force()
            except PermanentError:
                self._take_back(routing.service.name, before)
                raise
            self._note = ""

    def remove(self, service: str) -> None:
        """Answer for a service no more."""
        with self._lock:
            if self._kept.get(service) is None:
                return
            self._kept.drop(service)
            if self._process.generation() is not None:
                self._bring_into_force()

    def wanted(self) -> Sequence[Routing]:
        """What it was last asked for, by service."""
        with self._lock:
            return list(self._kept.all().values())

    def read(self, service: str) -> InForce | None:
        """What the workers that run now do: each configuration tells it by a file of its own."""
        body = get(self._folder, STATUS_SOCKET, "/services.json")
        if body is None:
            raise self._silent()
        return msgspec.json.decode(body, type=dict[str, InForce]).get(service)

    def pending(self, service: str, endpoints: Collection[str]) -> int:  # noqa: ARG002 - names are enough here
        """How many connections to these there are: nginx does not tell of requests, but an old worker closes the idle ones.

        Of an endpoint that is still dealt requests those that wait for one count, too.
        """
        wanted = {self._addresses[name] for name in endpoints if name in self._addresses}
        return sum(address in wanted for address in self._process.connections())

    def log_files(self) -> Sequence[Path]:
        """The access log, the oldest file first."""
        return self._files.all()

    def rotate_log(self) -> Path | None:
        """Begin a new file; the one that is now complete."""
        with self._lock:
            final = self._files.turn_over()
            if final is None:
                return None
            self._process.reopen_log()
            if not wait_for(lambda: not self._process.holds(final), REOPEN_SECONDS, self._clock):
                raise TemporaryError(
                    "nginx still writes to the access log that was to be complete",
                    where=str(final),
                    remedy=f"it is complete once nginx has opened its log again; see {LOG} beside it",
                )
            return final

    def read_line(self, line: bytes) -> AccessLine | None:
        """A line of the access log as a record."""
        return self._read_line(line)

    # what is in force

    def _know(self, routing: Routing) -> None:
        """Remember where each endpoint is, also once it is no longer named."""
        for side in (routing.stable, routing.canary):
            for endpoint in side.endpoints if side is not None else ():
                self._addresses[endpoint.name] = (endpoint.host, endpoint.port)

    def _configuration(self, generation: str) -> str:
        place = Place(
            spec=self._spec,
            folder=self._folder,
            log=self._files.current,
            generation=generation,
            user="root" if os.geteuid() == 0 else "",
        )
        return text(render(self._kept.all(), place))

    def _generation(self) -> str:
        """Of what is wanted now."""
        return hashlib.sha256(self._configuration("").encode()).hexdigest()[:16]

    def _render(self) -> str:
        """Write the configuration under a generation of its own, with what it means beside it."""
        generation = self._generation()
        told = {name: in_force(routing) for name, routing in self._kept.all().items()}
        shown = self._folder / IN_FORCE / generation
        write_whole(shown / "services.json", msgspec.json.encode(told))
        write_whole(shown / "generation", generation.encode())
        write_whole(self._folder / CONFIG, self._configuration(generation).encode())
        return generation

    def _is_in_force(self) -> bool:
        return self._process.generation() == self._generation()

    def _bring_into_force(self) -> None:
        generation = self._render()
        self._process.check()
        self._process.reload()
        if not wait_for(lambda: self._process.is_alone(generation), FORCE_SECONDS, self._clock):
            raise TemporaryError(
                "nginx did not take its configuration in time",
                where=str(self._folder / CONFIG),
                remedy=f"the end of {self._folder / LOG} may say why; it is asked again",
            )
        self._tidy()

    def _tidy(self) -> None:
        """An old worker that still has a connection tells what it does, so the last few generations stay."""
        known = sorted((self._folder / IN_FORCE).iterdir(), key=lambda path: path.stat().st_mtime_ns, reverse=True)
        for old in known[_GENERATIONS:]:
            shutil.rmtree(old, ignore_errors=True)

    def _look_after(self) -> None:
        """What was not confirmed is brought into force; what stands in the way is told."""
        try:
            self._bring_into_force()
            self._note = ""
        except (TemporaryError, PermanentError) as error:
            self._note = error.what

    def _take_back(self, service: str, before: Routing | None) -> None:
        """A refused routing must not stand in the way of other services."""
        if before is None:
            self._kept.drop(service)
        else:
            self._kept.put(before)
        self._render()

    def _must_run(self) -> None:
        if self._process.generation() is None:
            raise self._silent()

    def _silent(self) -> TemporaryError:
        return TemporaryError(
            "the gateway does not run",
            where=address_of(self._spec),
            remedy=f"seatrial's server keeps it running; see its log and {self._folder / LOG}",
        )
