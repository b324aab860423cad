"""A gateway under test: the shipped fake, or a real proxy with replicas behind it, asked in the same way."""

import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import httpx
import pytest

from seatrial.adapters.clock import SystemClock
from seatrial.adapters.runtime.process import ProcessRuntime
from seatrial.adapters.traffic.envoy.traffic import EnvoyTraffic
from seatrial.adapters.traffic.haproxy.traffic import HaproxyTraffic
from seatrial.adapters.traffic.nginx.traffic import NginxTraffic
from seatrial.ports import Traffic
from seatrial.records import AccessLine, Backend, Endpoint, GatewaySpec, Routing, ServiceSpec, Sticky
from seatrial.testing import Answered, Asked, FakeClock, MemoryTraffic
from tests.adapters.launching import NO_CGROUPS
from tests.adapters.traffic.upstreams import Upstreams
from tests.waiting import wait_until

TRAFFIC: Mapping[str, Callable[..., Traffic]] = {
    "envoy": EnvoyTraffic,
    "nginx": NginxTraffic,
    "haproxy": HaproxyTraffic,
}


class Gate(Protocol):
    """A gateway that tests ask; `mirrors` says whether it can copy requests."""

    mirrors: bool

    @property
    def traffic(self) -> Traffic:
        """The port."""
        ...

    def endpoint(self, name: str) -> Endpoint:
        """A replica, started if it is new."""
        ...

    def down(self, name: str) -> None:
        """End a replica without a word."""
        ...

    def up(self, name: str) -> None:
        """Let it take requests again."""
        ...

    def ask(self, asked: Asked) -> Answered:
        """Send a request."""
        ...

    def copies(self, endpoint: str) -> int:
        """How many copied requests a replica got."""
        ...

    def begin(self, endpoint: str, asked: Asked) -> Callable[[], Answered]:
        """Send a request that stays with a replica until the returned function is called."""
        ...

    def anew(self) -> None:
        """Let another seatrial go on with what this one left; the proxy runs on."""
        ...

    def kill(self) -> None:
        """End the proxy by kill -9."""
        ...

    def folder(self) -> Path:
        """Where its log is."""
        ...


class MemoryGate:
    """The shipped fake."""

    mirrors = True

    def __init__(self, folder: Path) -> None:
        self.traffic = MemoryTraffic(FakeClock(), folder=folder)
        self._folder = folder
        self._copied: list[str] = []

    def endpoint(self, name: str) -> Endpoint:
        """A replica."""
        return Endpoint(name=name, host="127.0.0.1", port=1)

    def down(self, name: str) -> None:
        """End a replica."""
        self.traffic.down.add(name)

    def up(self, name: str) -> None:
        """Bring it back."""
        self.traffic.down.discard(name)

    def ask(self, asked: Asked) -> Answered:
        """Send a request."""
        answered = self.traffic.request(asked)
        self._copied += [answered.copied] if answered.copied else []
        return answered

    def copies(self, endpoint: str) -> int:
        """Copied requests that a replica got."""
        return self._copied.count(endpoint)

    def begin(self, endpoint: str, asked: Asked) -> Callable[[], Answered]:
        """Send a request that takes its time."""
        self.traffic.busy[endpoint] = 1

        def end() -> Answered:
            del self.traffic.busy[endpoint]
            return self.ask(asked)

        return end

    def anew(self) -> None:
        """Nothing changes: there is no other process."""

    def kill(self) -> None:
        """End the proxy at once."""
        self.traffic.running = False

    def folder(self) -> Path:
        """Where the log is."""
        return self._folder


class RealGate:
    """A proxy with replicas behind it.

    Args:
        make: a new adapter, as every seatrial makes its own.
        folder: in which the proxy's log is.
        upstreams: the replicas.
    """

    def __init__(self, make: Callable[[], Traffic], folder: Path, upstreams: Upstreams, *, mirrors: bool) -> None:
        self.mirrors = mirrors
        self.upstreams = upstreams
        self._make = make
        self._folder = folder
        self.traffic = make()
        self._earlier: list[Traffic] = []
        self._client = httpx.Client(base_url=self.traffic.status().address, timeout=10.0)

    def endpoint(self, name: str) -> Endpoint:
        """A replica."""
        return self.upstreams.endpoint(name)

    def down(self, name: str) -> None:
        """End a replica."""
        self.upstreams.down(name)

    def up(self, name: str) -> None:
        """Bring it back."""
        self.upstreams.up(name)

    def ask(self, asked: Asked) -> Answered:
        """Send a request."""
        headers = {**asked.headers, "host": asked.host}
        if asked.cookies:
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in asked.cookies.items())
        answer = self._client.request(asked.method, asked.path, headers=headers)
        body = answer.json() if answer.content else {}
        cookies = dict(answer.cookies)
        self._client.cookies.clear()
        return Answered(
            status=answer.status_code, endpoint=body.get("name", ""), headers=dict(answer.headers), cookies=cookies
        )

    def copies(self, endpoint: str) -> int:
        """Copied requests that a replica got."""
        seen = [one for one in self.upstreams.seen if one.name == endpoint]
        return sum("x-seatrial-mirror" in one.headers for one in seen)

    def begin(self, endpoint: str, asked: Asked) -> Callable[[], Answered]:
        """Send a request that takes its time."""
        answers: list[Answered] = []
        slow = Asked(path=f"{asked.path}?sleep=1.2", method=asked.method, headers=asked.headers)
        before = len(self.upstreams.seen)
        thread = threading.Thread(target=lambda: answers.append(self.ask(slow)))
        thread.start()
        wait_until(lambda: any(one.name == endpoint for one in self.upstreams.seen[before:]))

        def end() -> Answered:
            thread.join()
            return answers[0]

        return end

    def anew(self) -> None:
        """Another seatrial takes over."""
        self._earlier.append(self.traffic)
        self.traffic = self._make()
        self.traffic.keep()

    def kill(self) -> None:
        """End the proxy at once."""
        pid = self.traffic.status().pid
        assert pid is not None
        os.kill(pid, 9)
        wait_until(lambda: not self.traffic.status().running)

    def folder(self) -> Path:
        """Where the log is."""
        return self._folder

    def close(self) -> None:
        """Let go of everything; the proxy has ended."""
        self._client.close()
        for traffic in (*self._earlier, self.traffic):
            traffic.stop()


@contextmanager
def envoy_gate(folder: Path) -> Iterator[RealGate]:
    """Envoy at a port of its own; ended afterwards."""
    with proxy_gate("envoy", folder) as gate:
        yield gate


@contextmanager
def proxy_gate(kind: str, folder: Path) -> Iterator[RealGate]:
    """A proxy of this kind at a port of its own; ended afterwards. The test is skipped where there is no such program."""
    if not shutil.which(kind, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"):
        pytest.skip(f"there is no {kind} on this machine")
    runtime = ProcessRuntime(SystemClock(), NO_CGROUPS)
    spec = GatewaySpec(proxy=kind, port=runtime.free_port())
    mark = f"test-gateway-{os.getpid()}-{spec.port}"

    def make() -> Traffic:
        fresh = ProcessRuntime(SystemClock(), NO_CGROUPS)
        return TRAFFIC[kind](spec=spec, folder=folder, runtime=fresh, clock=SystemClock(), mark=mark)

    with Upstreams() as upstreams:
        gate = RealGate(make, folder, upstreams, mirrors=kind != "haproxy")
        try:
            yield gate
        finally:
            runtime.sweep(mark)
            gate.close()


@dataclass(slots=True)
class Load:
    """What clients got that ask again and again."""

    answers: list[Answered] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    @property
    def failed(self) -> list[object]:
        """What was not a good answer."""
        return [*self.errors, *(one for one in self.answers if one.status != 200)]


@contextmanager
def loaded(gate: Gate, asked: Asked, *, clients: int = 2) -> Iterator[Load]:
    """Some clients ask again and again while the block runs; at least 20 requests before and after it."""
    load, over = Load(), threading.Event()

    def client() -> None:
        while not over.is_set():
            try:
                load.answers.append(gate.ask(asked))
            except Exception as error:  # noqa: BLE001 - it is what the test looks for
                load.errors.append(error)
            time.sleep(0.001)

    def more() -> None:
        begun = len(load.answers) + len(load.errors)
        wait_until(lambda: len(load.answers) + len(load.errors) >= begun + 20)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        more()
        yield load
        more()
    finally:
        over.set()
        for thread in threads:
            thread.join()


def service(name: str, sticky: Sticky | None = None, **changes: object) -> ServiceSpec:
    """A service at `/NAME`."""
    settings: Mapping[str, object] = {"prefix": f"/{name}", "sticky": sticky, **changes}
    return ServiceSpec(name=name, model=name, **settings)  # type: ignore[arg-type]


def routing(  # noqa: D417 - the others are the routing's
    gate: Gate,
    spec: ServiceSpec,
    *,
    weight: int = 0,
    mirror: int = 0,
    stable: Sequence[str] = ("s0", "s1"),
    canary: Sequence[str] | None = ("c0",),
) -> Routing:
    """Version 1 beside version 2.

    Args:
        stable, canary: which replicas, named within the service.
    """

    def side(version: str, names: Sequence[str]) -> Backend:
        return Backend(version=version, endpoints=tuple(gate.endpoint(f"{spec.name}.{name}") for name in names))

    return Routing(
        service=spec,
        stable=side("1", stable),
        canary=None if canary is None else side("2", canary),
        weight=weight,
        mirror=mirror,
    )


def lines(gate: Gate, name: str, count: int) -> list[AccessLine]:
    """The log's lines of a service, once there are so many."""

    def found() -> list[AccessLine]:
        read = [
            gate.traffic.read_line(line)
            for path in gate.traffic.log_files()
            for line in path.read_bytes().splitlines(keepends=True)
            if line.endswith(b"\n")
        ]
        return [line for line in read if line is not None and line.service == name]

    wait_until(lambda: len(found()) >= count)
    return found()
