"""HAProxy as a gateway, where a site has it.

Shares are changed in the running worker. Who answers is changed by a reload: a new worker takes over the listening
socket, and old ones answer what they hold. HAProxy can't copy requests.
"""

import hashlib
import threading
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

from seatrial.adapters.traffic.configured import check_words
from seatrial.adapters.traffic.files import write_whole
from seatrial.adapters.traffic.haproxy.control import Control
from seatrial.adapters.traffic.haproxy.lines import LineReader
from seatrial.adapters.traffic.haproxy.process import LOG, NAME, HaproxyProcess, LogWriter
from seatrial.adapters.traffic.haproxy.render import (
    CONFIG,
    SHARES,
    Place,
    backends_of,
    name_of,
    render,
    server_name,
    shares,
)
from seatrial.adapters.traffic.kept import KeptRoutings
from seatrial.adapters.traffic.logs import LogFiles
from seatrial.adapters.traffic.memory import in_force
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
    TemporaryError,
    UsageError,
)

FORCE_SECONDS: Final = 5.0
REOPEN_SECONDS: Final = 5.0


class HaproxyTraffic:
    """Implements `seatrial.ports.Traffic`. Safe to use from many threads.

    Args:
        spec: of the gateway.
        folder: its own; made if need be.
        runtime: what runs the processes; they must be able to outlive seatrial.
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
        self._control = Control(self._folder)
        self._process = HaproxyProcess(
            spec=spec, folder=self._folder, runtime=runtime, control=self._control, clock=clock, mark=mark
        )
        self._writer = LogWriter(folder=self._folder, files=self._files, runtime=runtime, mark=mark)
        self._note = ""
        self._lock = threading.RLock()
        self._read_line = LineReader(open_units(self._folder))

    def keep(self) -> ProxyStatus:
        """Start HAProxy and the writer of its log if they don't run, or take over those of an earlier seatrial."""
        with self._lock:
            self._writer.keep()
            if not self._process.adopt():
                self._render()
                self._process.start()
                self._note = ""
            elif not self._is_in_force():
                self._look_after()
            return self.status()

    def status(self) -> ProxyStatus:
        """How it is: whether it answers, whoever started it."""
        info = self._info()
        return ProxyStatus(
            running=bool(info),
            address=address_of(self._spec),
            kind=NAME,
            version=info.get("version", "").partition("-")[0],
            pid=self._control.pid() if info else None,
            restarts=self._process.restarts,
            note=self._note or _lost(info),
        )

    def stop(self) -> None:
        """End it after the requests that it holds, and then the writer of its log."""
        with self._lock:
            self._process.stop()
            self._writer.stop()

    def apply(self, routing: Routing) -> None:
        """Write it down, and change the share in the running worker, or have a new worker take over."""
        if routing.mirror:
            raise UsageError(
                "HAProxy can't copy requests",
                where=f"services.{routing.service.name}",
                remedy="take steps without a mirror, or gateway.proxy: envoy",
            )
        check_words(routing)
        with self._lock:
            before = self._kept.get(routing.service.name)
            if before == routing and self._is_in_force():
                return
            self._kept.put(routing)
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
            if self._info():
                self._bring_into_force()

    def wanted(self) -> Sequence[Routing]:
        """What it was last asked for, by service."""
        with self._lock:
            return list(self._kept.all().values())

    def read(self, service: str) -> InForce | None:
        """What the worker that takes new connections does: its map of shares, and the file that it has read."""
        generation = self._must_run()["description"]
        try:
            told = self._meaning(generation).read_bytes()
        except FileNotFoundError:
            return None
        routed = msgspec.json.decode(told, type=dict[str, InForce]).get(service)
        if routed is None or not routed.canary_version:
            return routed
        return replace(routed, weight=self._control.shares(SHARES).get(name_of(service), 0))

    def pending(self, service: str, endpoints: Collection[str]) -> int:
        """How many requests these endpoints have to answer, in all workers; none if HAProxy does not run."""
        if not self._info():
            return 0
        servers = {server_name(endpoint, arm) for endpoint in endpoints for arm in ("stable", "canary")}
        return self._control.requests(backends_of(service), servers)

    def log_files(self) -> Sequence[Path]:
        """The access log, the oldest file first."""
        return self._files.all()

    def rotate_log(self) -> Path | None:
        """Begin a new file, which the writer sees by itself; the one that is now complete."""
        with self._lock:
            final = self._files.turn_over()
            if final is not None and not wait_for(lambda: not self._writer.holds(final), REOPEN_SECONDS, self._clock):
                raise TemporaryError(
                    "the access log that was to be complete is still written to",
                    where=str(final),
                    remedy="it is complete once its writer has opened the new one; see writer.log beside it",
                )
            return final

    def read_line(self, line: bytes) -> AccessLine | None:
        """A line of the access log as a record."""
        return self._read_line(line)

    # what is in force

    def _generation(self, routings: Mapping[str, Routing]) -> str:
        """Of everything but the shares."""
        text = render(routings, Place(spec=self._spec, generation=""))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _meaning(self, generation: str) -> Path:
        return self._folder / f"in-force-{generation}.json"

    def _render(self) -> str:
        """Write the configuration, the shares, and what they mean; the generation."""
        routings = self._kept.all()
        generation = self._generation(routings)
        told = {name: in_force(routing) for name, routing in routings.items()}
        write_whole(self._meaning(generation), msgspec.json.encode(told))
        rows = "".join(f"{name} {share}\n" for name, share in shares(routings).items())
        write_whole(self._folder / SHARES, rows.encode())
        text = render(routings, Place(spec=self._spec, generation=generation))
        write_whole(self._folder / CONFIG, text.encode())
        return generation

    def _is_in_force(self) -> bool:
        routings = self._kept.all()
        with suppress(TemporaryError):
            return self._is_loaded(self._generation(routings)) and self._control.shares(SHARES) == shares(routings)
        return False

    def _is_loaded(self, generation: str) -> bool:
        return self._info().get("description") == generation

    def _bring_into_force(self) -> None:
        generation = self._render()
        if not self._is_loaded(generation):
            self._reload(generation)
        held = self._control.shares(SHARES)
        for name, share in shares(self._kept.all()).items():
            if held.get(name) != share:
                self._control.set_share(SHARES, name, share)

    def _reload(self, generation: str) -> None:
        """Wait until the new worker answers, and all others pass on what they get."""
        self._process.check()
        self._process.reload()
        if not wait_for(lambda: self._is_alone(generation), FORCE_SECONDS, self._clock):
            raise TemporaryError(
                "HAProxy did not take its configuration in time",
                where=str(self._folder / CONFIG),
                remedy=f"the end of {self._folder / LOG} may say why; it is asked again",
            )
        for old in self._folder.glob("in-force-*.json"):
            if old != self._meaning(generation):
                old.unlink(missing_ok=True)

    def _is_alone(self, generation: str) -> bool:
        with suppress(TemporaryError):
            return self._is_loaded(generation) and self._control.stays() == 1
        return False

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

    def _must_run(self) -> dict[str, str]:
        if not (info := self._info()):
            raise TemporaryError(
                "the gateway does not run",
                where=address_of(self._spec),
                remedy=f"seatrial's server keeps it running; see its log and {self._folder / LOG}",
            )
        return info

    def _info(self) -> dict[str, str]:
        """What the worker that takes new connections tells of itself; empty where none does."""
        with suppress(TemporaryError):
            return self._control.info()
        return {}


def _lost(info: Mapping[str, str]) -> str:
    lost = int(info.get("droppedlogs", "0"))
    return f"{lost} lines of its log were lost" if lost else ""
