"""What nginx and HAProxy do beyond the contract of all proxies, each started once for all of these tests."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import httpx
import psutil
import pytest

from seatrial.adapters.clock import SystemClock
from seatrial.adapters.runtime.process import ProcessRuntime
from seatrial.adapters.traffic.configured import check_words
from seatrial.ports import Traffic
from seatrial.records import Arm, GatewaySpec, PermanentError, Routing, Sticky, UsageError
from seatrial.testing import Asked
from seatrial.wiring import open_traffic
from tests.adapters.launching import NO_CGROUPS, unique
from tests.adapters.traffic.gates import TRAFFIC, RealGate, lines, proxy_gate, routing, service
from tests.waiting import wait_until

ARM = "x-seatrial-arm"


@pytest.fixture(scope="module", params=["nginx", "haproxy"])
def gate(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealGate]:
    """Each in a folder whose path is longer than that of a socket may be, with a space in it."""
    folder = tmp_path_factory.mktemp("gateway") / ("deep" * 30) / "my gateway"
    with proxy_gate(request.param, folder) as made:
        made.traffic.keep()
        yield made


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A service of the test's own."""
    return str(request.node.originalname).removeprefix("test_").replace("_", "-")[:60]


def another(gate: RealGate, folder: Path, port: int, **spec: object) -> Traffic:
    """A gateway of the same kind, that was not started."""
    kind = gate.traffic.status().kind
    settings = GatewaySpec(proxy=kind, port=port, **spec)  # type: ignore[arg-type]
    runtime = ProcessRuntime(SystemClock(), NO_CGROUPS)
    return TRAFFIC[kind](spec=settings, folder=folder, runtime=runtime, clock=SystemClock(), mark=unique(folder.name))


def family(pid: int) -> list[psutil.Process]:
    """A process and those that it started."""
    return [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]


def test_a_second_gateway_at_one_address_is_refused(gate: RealGate, tmp_path: Path) -> None:
    """It says which address is taken and what to do; the first one is left alone."""
    port = httpx.URL(gate.traffic.status().address).port
    assert port is not None
    second = another(gate, tmp_path, port)
    try:
        with pytest.raises(PermanentError, match=re.escape(f"127.0.0.1:{port}: Address already in use")):
            second.keep()

        assert not second.status().running
        assert gate.traffic.status().running
    finally:
        second.stop()


def test_a_missing_program_is_named(gate: RealGate, tmp_path: Path) -> None:
    """With how to get it."""
    port = ProcessRuntime(SystemClock(), NO_CGROUPS).free_port()
    traffic = another(gate, tmp_path, port, binary="/no/such/program")
    try:
        with pytest.raises(PermanentError, match="/no/such/program") as caught:
            traffic.keep()
    finally:
        traffic.stop()

    assert "apt-get install" in caught.value.remedy


def test_a_program_that_fails_is_quoted(gate: RealGate, tmp_path: Path) -> None:
    """What it said last is in the error."""
    program = tmp_path / "proxy"
    program.write_text("#!/bin/sh\necho this is no proxy\nexit 3\n")
    program.chmod(0o755)
    port = ProcessRuntime(SystemClock(), NO_CGROUPS).free_port()
    traffic = another(gate, tmp_path / "gateway", port, binary=str(program))
    try:
        with pytest.raises(PermanentError, match="this is no proxy"):
            traffic.keep()
    finally:
        traffic.stop()


def test_a_refused_routing_leaves_everything_as_it_was(gate: RealGate, name: str) -> None:
    """The proxy's own words are in the error; other services, and this one's former routing, go on."""
    gate.traffic.apply(routing(gate, service(name), weight=1000))
    wanted = routing(gate, service(name), weight=0)
    (endpoint,) = wanted.canary.endpoints if wanted.canary is not None else ()
    broken = replace(wanted.stable, endpoints=(replace(endpoint, port=70000),))

    with pytest.raises(PermanentError, match=r"refuses its configuration: .*port"):
        gate.traffic.apply(replace(wanted, stable=broken))

    assert "canary" == gate.ask(Asked(path=f"/{name}")).headers[ARM]
    gate.traffic.apply(routing(gate, service(f"{name}-2"), weight=1000))
    assert "canary" == gate.ask(Asked(path=f"/{name}-2")).headers[ARM]


@pytest.mark.parametrize("word", ["no\nheader", "a b", "x;", "x' }"])
def test_words_that_mean_something_else_are_refused(gate: RealGate, name: str, word: str) -> None:
    """Nothing can be written into the configuration by way of a name."""
    wanted = routing(gate, service(name), canary=None)
    for spec in (
        replace(wanted.service, sticky=Sticky(kind="header", name=word)),
        replace(wanted.service, sticky=Sticky(kind="cookie", name=word)),
        replace(wanted.service, hosts=(word,)),
        replace(wanted.service, name=word),
        replace(wanted.service, prefix="/a\n}"),
    ):
        with pytest.raises(UsageError, match="can't be written"):
            gate.traffic.apply(replace(wanted, service=spec))

    assert gate.traffic.read(name) is None


@pytest.mark.parametrize("kind", ["envoy", "nginx", "haproxy"])
def test_the_configuration_names_the_proxy(kind: str, tmp_path: Path) -> None:
    """Each is there; one that isn't is refused with what there is."""
    assert kind == open_traffic(GatewaySpec(proxy=kind), tmp_path).status().kind
    with pytest.raises(UsageError, match="no proxy 'traefik'") as caught:
        open_traffic(GatewaySpec(proxy="traefik"), tmp_path)
    assert kind in caught.value.remedy


@pytest.mark.parametrize("prefix", ["/it's $1 %d", '/a "b" {c}; #', "/back\\slash ${x}", "/-f /etc/passwd"])
def test_a_prefix_may_be_anything_else(gate: RealGate, prefix: str) -> None:
    """It is one word of the configuration, and means itself; so does a version."""
    wanted = routing(gate, service("hostile", prefix=prefix), stable=("s0",), canary=None)
    hostile = replace(wanted.stable, version="1 $host %[src] 'x'")
    check_words(wanted)

    gate.traffic.apply(replace(wanted, stable=hostile))

    plain = routing(gate, service("hostile", prefix="/hostile"), stable=("s0",), canary=None)
    gate.traffic.apply(replace(plain, stable=hostile))
    assert hostile.version == gate.ask(Asked(path="/hostile")).headers["x-seatrial-version"]


def test_what_was_sent_is_not_sent_again(gate: RealGate, name: str) -> None:
    """Unless retries were asked for: then as often as that, at most."""
    gate.traffic.apply(routing(gate, service(name), canary=None))
    for trouble in ("reset", "status"):
        gate.traffic.apply(routing(gate, service(f"{name}-{trouble}", retries=1), canary=None))
    address = gate.traffic.status().address

    def tries(name: str, trouble: str) -> int:
        before = len(gate.upstreams.seen)
        assert httpx.post(f"{address}/{name}/?{trouble}").status_code >= 500
        return len(gate.upstreams.seen) - before

    assert [1, 1] == [tries(name, "status=503"), tries(name, "reset=1")]
    assert [2, 2] == [tries(f"{name}-status", "status=503"), tries(f"{name}-reset", "reset=1")]


def test_a_late_answer_is_given_up(gate: RealGate, name: str) -> None:
    """504 after the service's own time; the log knows who was asked, and that nobody answered."""
    gate.traffic.apply(routing(gate, service(name, timeout=0.2), weight=1000))

    answer = httpx.get(f"{gate.traffic.status().address}/{name}?sleep=1")

    assert (504, {"error": "no answer in time"}) == (answer.status_code, answer.json())
    (line,) = lines(gate, name, 1)
    assert (Arm.CANARY, None, 504, f"{name}.c0", "UT") == (
        line.assigned,
        line.served,
        line.status,
        line.endpoint,
        line.flags,
    )
    assert 0.2 <= line.seconds < 1.0


def test_a_reset_is_told_from_an_answer(gate: RealGate, name: str) -> None:
    """Nobody served, and the replica that broke off is named."""
    gate.traffic.apply(routing(gate, service(name), stable=("s0",), canary=None))

    assert httpx.post(f"{gate.traffic.status().address}/{name}?reset=1").status_code in {502, 503}
    (line,) = lines(gate, name, 1)
    assert (Arm.STABLE, None, f"{name}.s0") == (line.assigned, line.served, line.endpoint)
    assert line.flags


def test_whoever_goes_away_is_told_from_an_answer(gate: RealGate, name: str) -> None:
    """Status 0: nothing was sent, since nobody waited for it."""
    gate.traffic.apply(routing(gate, service(name), canary=None))

    with suppress(httpx.ReadTimeout):
        httpx.get(f"{gate.traffic.status().address}/{name}?sleep=1", timeout=0.2)

    (line,) = lines(gate, name, 1)
    assert (0, None, "DC") == (line.status, line.served, line.flags)


def test_a_service_without_replicas_answers_that_there_are_none(gate: RealGate, name: str) -> None:
    """503, and it is in the log."""
    gate.traffic.apply(routing(gate, service(name), stable=(), canary=None))

    assert 503 == gate.ask(Asked(path=f"/{name}")).status
    assert ["UH"] == [line.flags for line in lines(gate, name, 1)]


def test_callers_cannot_pass_for_copies(gate: RealGate, name: str) -> None:
    """What only the gateway says does not get through."""
    gate.traffic.apply(routing(gate, service(name), canary=None))
    before = len(gate.upstreams.seen)
    headers = {"x-seatrial-mirror": "1", "x-seatrial-version": "9", ARM: "stable"}

    gate.ask(Asked(path=f"/{name}", headers=headers))

    (seen,) = gate.upstreams.seen[before:]
    assert set() == headers.keys() & seen.headers.keys()


def test_another_port_moves_the_gateway(gate: RealGate, tmp_path: Path) -> None:
    """It listens where it shall, and no longer where it did, with what it was asked for."""
    runtime = ProcessRuntime(SystemClock(), NO_CGROUPS)
    old, new = runtime.free_port(), runtime.free_port()
    first = another(gate, tmp_path, old)
    try:
        first.keep()
        first.apply(routing(gate, service("moving"), canary=None))

        second = another(gate, tmp_path, new)
        second.keep()

        assert 200 == httpx.get(f"http://127.0.0.1:{new}/moving").status_code
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://127.0.0.1:{old}/moving")
    finally:
        another(gate, tmp_path, new).stop()
        first.stop()


@pytest.mark.slow
def test_a_hundred_services_are_loaded(gate: RealGate, tmp_path: Path) -> None:
    """They come into force together when the proxy is started."""
    traffic = another(gate, tmp_path, ProcessRuntime(SystemClock(), NO_CGROUPS).free_port())
    routings = [many(gate, number) for number in range(100)]
    for wanted in routings:
        with suppress(Exception):
            traffic.apply(wanted)
    try:
        status = traffic.keep()

        found = [traffic.read(f"many-{number}") for number in range(100)]
        assert [number * 10 for number in range(100)] == [one.weight for one in found if one is not None]
        assert 200 == httpx.get(f"{status.address}/many-99/x").status_code
    finally:
        traffic.stop()


def many(gate: RealGate, number: int) -> Routing:
    """One of many services, all with the same replicas."""
    one = routing(gate, service("many"))
    spec = service(f"many-{number}", Sticky(kind="cookie", name="the-visitor"))
    return replace(one, service=spec, weight=number * 10)


def test_nothing_stays_when_the_first_process_is_killed(gate: RealGate, name: str) -> None:
    """Workers whose master was killed end, so that the address is free for the next one."""
    gate.traffic.apply(routing(gate, service(name), canary=None))
    pid = gate.traffic.status().pid
    assert pid is not None
    before = family(pid)

    gate.kill()

    wait_until(lambda: not any(process.is_running() and process.status() != "zombie" for process in before))
    assert gate.traffic.keep().running
    assert 200 == gate.ask(Asked(path=f"/{name}")).status
