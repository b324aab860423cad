"""A proxy that is simulated: the shipped fake of the Traffic port, see `seatrial.testing`.

Requests are told to it instead of being sent, and it does with them what a real proxy does: deals them, keeps users on
their side, goes over to the other arm when one is gone, copies the safe ones, and writes a log.
"""

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import blake2b
from pathlib import Path
from posixpath import normpath

import msgspec

from seatrial.adapters.traffic.logs import LogFiles
from seatrial.adapters.traffic.matching import may_be_mirrored, service_for
from seatrial.adapters.traffic.units import UnitHash
from seatrial.ports import Clock
from seatrial.records import (
    AccessLine,
    Arm,
    Backend,
    Endpoint,
    GatewaySpec,
    InForce,
    ProxyStatus,
    Routing,
    SeatrialError,
    TemporaryError,
    UsageError,
)
from seatrial.records.traffic import ARM_HEADER, REQUEST_ID_HEADER, THOUSAND, VERSION_HEADER


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request that is told to a `MemoryTraffic`. Names of headers are in lower case."""

    path: str = "/"
    method: str = "GET"
    host: str = "localhost"
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What came of it.

    Attributes:
        endpoint: name of the replica that answered; empty where nobody did.
        copied: name of the canary's replica that got a copy; empty where none did.
        headers: of the answer.
        cookies: that the answer sets.
    """

    status: int
    endpoint: str = ""
    copied: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)


Behaviour = Callable[[Asked, Endpoint], tuple[int, float]]
"""What a replica makes of a request: status, and seconds."""


def _well(_asked: Asked, _endpoint: Endpoint) -> tuple[int, float]:
    return 200, 0.005


class MemoryTraffic:
    """A Traffic without a proxy. Safe to use from many threads.

    Args:
        clock: time of the log's lines.
        folder: where the log is written; without one there is no log.
        spec: of the gateway; only its address is shown.
        mirrors: whether it can copy requests; if not, a routing with a mirror is a UsageError, as with HAProxy.
        errors: the first calls of `apply` raise these, one each; what was asked for is kept, and not in force.
        behave: what a replica makes of a request: (status, seconds).

    Attributes:
        applied: every routing that came into force, in order.
        errors: what the next calls of `apply` raise.
        down: names of endpoints that take no connection.
        busy: requests that endpoints have still to answer, by name.
        running: whether the proxy runs; set it to False to kill it.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        folder: Path | None = None,
        spec: GatewaySpec | None = None,
        mirrors: bool = True,
        errors: Sequence[SeatrialError] = (),
        behave: Behaviour = _well,
    ) -> None:
        self.applied: list[Routing] = []
        self.errors = list(errors)
        self.down: set[str] = set()
        self.busy: dict[str, int] = {}
        self.running = False
        self._clock = clock
        self._spec = spec or GatewaySpec()
        self._mirrors = mirrors
        self._behave = behave
        self._files = LogFiles(folder) if folder is not None else None
        self._hash = UnitHash(b"memory")
        self._wanted: dict[str, Routing] = {}
        self._in_force: dict[str, Routing] = {}
        self._meddled: dict[str, InForce] = {}
        self._starts = 0
        self._counts: dict[str, int] = {}
        self._lock = threading.RLock()

    def keep(self) -> ProxyStatus:
        """Run from now on; what was asked for is in force again."""
        with self._lock:
            if not self.running:
                self.running = True
                self._starts += 1
                self._in_force = dict(self._wanted)
                self._meddled.clear()
            return self.status()

    def status(self) -> ProxyStatus:
        """How it is."""
        return ProxyStatus(
            running=self.running,
            address=f"http://{self._spec.host}:{self._spec.port}",
            kind="memory",
            version="1",
            pid=1 if self.running else None,
            restarts=max(0, self._starts - 1),
        )

    def stop(self) -> None:
        """Run no more."""
        with self._lock:
            self.running = False
            self._starts = 0

    def apply(self, routing: Routing) -> None:
        """Do this with a service's requests, or raise the next of `errors`."""
        name = routing.service.name
        if routing.mirror and not self._mirrors:
            raise UsageError(
                "this proxy can't mirror requests", where=name, remedy="take another proxy, or no mirror step"
            )
        with self._lock:
            self._wanted[name] = routing
            if self.errors:
                raise self.errors.pop(0)
            self._must_run()
            self._meddled.pop(name, None)
            if self._in_force.get(name) != routing:
                self._in_force[name] = routing
                self.applied.append(routing)

    def remove(self, service: str) -> None:
        """Answer for a service no more."""
        with self._lock:
            for known in (self._wanted, self._in_force, self._meddled):
                known.pop(service, None)

    def wanted(self) -> Sequence[Routing]:
        """What it was last asked for, by service."""
        with self._lock:
            return [self._wanted[name] for name in sorted(self._wanted)]

    def read(self, service: str) -> InForce | None:
        """What is in force."""
        with self._lock:
            self._must_run()
            routing = self._in_force.get(service)
            return self._meddled.get(service) or (None if routing is None else in_force(routing))

    def meddle(self, other: InForce) -> None:
        """Let `read` say this, as if somebody else had changed it, until something is applied to that service."""
        with self._lock:
            self._meddled[other.service] = other

    def pending(self, service: str, endpoints: Collection[str]) -> int:  # noqa: ARG002 - names are enough here
        """As `busy` says."""
        return sum(self.busy.get(name, 0) for name in endpoints)

    def log_files(self) -> Sequence[Path]:
        """The log, the oldest file first."""
        return self._files.all() if self._files is not None else ()

    def rotate_log(self) -> Path | None:
        """Begin a new file."""
        with self._lock:
            return self._files.turn_over() if self._files is not None else None

    def read_line(self, line: bytes) -> AccessLine | None:
        """A line as a record."""
        try:
            return msgspec.json.decode(line, type=AccessLine)
        except msgspec.DecodeError:
            return None

    def request(self, asked: Asked) -> Answered:
        """What happens to a request. Raises TemporaryError if the proxy does not run."""
        with self._lock:
            self._must_run()
            path = _normal(asked.path.partition("?")[0])
            identity = asked.headers.get(REQUEST_ID_HEADER) or f"request-{self._count('requests')}"
            services = [routing.service for routing in self._in_force.values()]
            service = service_for(services, asked.host, path)
            if service is None:
                return Answered(status=404, headers={REQUEST_ID_HEADER: identity})
            return self._deal(asked, self._in_force[service.name], path, identity)

    def _deal(self, asked: Asked, routing: Routing, path: str, identity: str) -> Answered:
        unit, cookies = _unit(asked, routing, identity)
        forced = _forced(asked, routing)
        drawn = int.from_bytes(blake2b((unit or identity).encode(), digest_size=8).digest()) % THOUSAND
        dealt = Arm.CANARY if routing.canary is not None and drawn < routing.weight else Arm.STABLE
        assigned = forced or dealt
        served, endpoint = self._endpoint(routing, assigned)
        status, seconds = (503, 0.0) if endpoint is None else self._behave(asked, endpoint)
        line = AccessLine(
            time=self._clock.now() + timedelta(seconds=seconds),
            service=routing.service.name,
            request_id=identity,
            method=asked.method,
            path=path,
            status=status,
            seconds=seconds,
            assigned=assigned,
            served=served,
            version=_version(routing, served, endpoint),
            endpoint=endpoint.name if endpoint is not None else "",
            flags="" if endpoint is not None else "UH",
            unit=self._hash(unit),
            forced=forced is not None,
        )
        self._write(line)
        headers = {REQUEST_ID_HEADER: identity}
        if served is not None:
            headers |= {ARM_HEADER: served.value, VERSION_HEADER: line.version}
        copied = "" if forced else self._copy(asked, routing, path)
        return Answered(status=status, endpoint=line.endpoint, copied=copied, headers=headers, cookies=cookies)

    def _endpoint(self, routing: Routing, assigned: Arm) -> tuple[Arm | None, Endpoint | None]:
        """Who answers: the assigned side in turn, else the other one."""
        sides = {Arm.STABLE: routing.stable, Arm.CANARY: routing.canary}
        other = Arm.STABLE if assigned is Arm.CANARY else Arm.CANARY
        for arm in (assigned, other):
            alive = self._alive(sides[arm])
            if alive:
                return arm, alive[self._count(f"{routing.service.name}/{arm}") % len(alive)]
        return None, None

    def _alive(self, side: Backend | None) -> list[Endpoint]:
        return [] if side is None else [one for one in side.endpoints if one.name not in self.down]

    def _copy(self, asked: Asked, routing: Routing, path: str) -> str:
        count = self._count(f"{routing.service.name}/copies")
        alive = self._alive(routing.canary)
        due = count * routing.mirror // THOUSAND > (count - 1) * routing.mirror // THOUSAND
        if not alive or not due or not may_be_mirrored(routing.service, asked.method, path):
            return ""
        return alive[count % len(alive)].name

    def _count(self, what: str) -> int:
        self._counts[what] = self._counts.get(what, 0) + 1
        return self._counts[what]

    def _write(self, line: AccessLine) -> None:
        if self._files is None:
            return
        self._files.begin()
        with self._files.current.open("ab") as file:
            file.write(msgspec.json.encode(line) + b"\n")

    def _must_run(self) -> None:
        if not self.running:
            raise TemporaryError("the proxy does not run", where=self.status().address, remedy="keep it")


def _normal(path: str) -> str:
    """The path that is meant: `/predict/../train` is `/train`."""
    short = normpath(f"/{path.lstrip('/')}")
    return f"{short}/" if path.endswith("/") and short != "/" else short


def in_force(routing: Routing) -> InForce:
    """What a proxy that does what it is asked for says of it."""
    canary = routing.canary or Backend(version="")
    return InForce(
        service=routing.service.name,
        weight=routing.weight if routing.canary is not None else 0,
        mirror=routing.mirror if routing.canary is not None else 0,
        stable_version=routing.stable.version,
        canary_version=canary.version,
        stable=tuple(endpoint.name for endpoint in routing.stable.endpoints),
        canary=tuple(endpoint.name for endpoint in canary.endpoints),
    )


def _forced(asked: Asked, routing: Routing) -> Arm | None:
    """The arm that a tester chose, if there is one of that name."""
    chosen = asked.headers.get(ARM_HEADER, "")
    known = {Arm.STABLE.value} | ({Arm.CANARY.value} if routing.canary is not None else set())
    return Arm(chosen) if chosen in known else None


def _unit(asked: Asked, routing: Routing, identity: str) -> tuple[str, dict[str, str]]:
    """The key that keeps a user on one side, and the cookies that a new user gets."""
    sticky = routing.service.sticky
    if sticky is None:
        return "", {}
    if sticky.kind == "header":
        return asked.headers.get(sticky.name.lower(), ""), {}
    known = asked.cookies.get(sticky.name, "")
    return (known, {}) if known else (identity, {sticky.name: identity})


def _version(routing: Routing, served: Arm | None, endpoint: Endpoint | None) -> str:
    if served is None or endpoint is None:
        return ""
    side = routing.canary if served is Arm.CANARY and routing.canary is not None else routing.stable
    return endpoint.version or side.version
