"""Envoy as a gateway: what is not in the contract of all proxies."""

import json
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import httpx
import msgspec
import pytest

from seatrial.adapters.clock import SystemClock
from seatrial.adapters.runtime.process import ProcessRuntime
from seatrial.adapters.traffic.envoy.config import LINGER_SECONDS
from seatrial.adapters.traffic.envoy.names import CLUSTERS_FILE
from seatrial.adapters.traffic.envoy.traffic import EnvoyTraffic
from seatrial.records import Arm, GatewaySpec, PermanentError, Sticky, TemporaryError, UsageError
from seatrial.testing import Asked
from tests.adapters.launching import NO_CGROUPS, unique
from tests.adapters.traffic.gates import RealGate, envoy_gate, lines, routing, service
from tests.waiting import wait_until

ARM = "x-seatrial-arm"


class Skipping(SystemClock):
    """Time of which a test can skip some."""

    def __init__(self) -> None:
        self.skipped = 0.0

    def monotonic(self) -> float:
        """The real seconds and the skipped ones."""
        return super().monotonic() + self.skipped


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealGate]:
    """Envoy in a folder whose path is longer than that of a socket may be."""
    folder = tmp_path_factory.mktemp("gateway") / ("deep" * 30)
    with envoy_gate(folder) as made:
        made.traffic.keep()
        yield made


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A service of the test's own."""
    return str(request.node.originalname).removeprefix("test_").replace("_", "-")[:60]


def adapter(folder: Path, port: int, *, mark: str = "", **spec: object) -> EnvoyTraffic:
    """A gateway of its own, that was not started."""
    runtime = ProcessRuntime(SystemClock(), NO_CGROUPS)
    settings = GatewaySpec(port=port, **spec)  # type: ignore[arg-type]
    marked = mark or unique(f"envoy-{folder.name}")
    return EnvoyTraffic(spec=settings, folder=folder, runtime=runtime, clock=SystemClock(), mark=marked)


def raw(address: str, request: Sequence[str]) -> str:
    """The answer to a request that no client library would send."""
    url = httpx.URL(address)
    with closing(socket.create_connection((url.host, url.port or 80), 5.0)) as connection:
        connection.sendall("\r\n".join([*request, "connection: close", "", ""]).encode())
        found = b""
        while piece := connection.recv(65536):
            found += piece
    return found.decode()


def test_a_second_gateway_at_one_address_is_refused(gate: RealGate, tmp_path: Path) -> None:
    """It says which address is taken and what to do; the first one is left alone."""
    port = httpx.URL(gate.traffic.status().address).port
    assert port is not None
    second = adapter(tmp_path, port)

    with pytest.raises(PermanentError, match=re.escape(f"127.0.0.1:{port}: Address already in use")) as caught:
        second.keep()

    assert "gateway.port" in caught.value.remedy
    assert not second.status().running
    assert gate.traffic.status().running


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    """With how to get it."""
    traffic = adapter(tmp_path, 1, binary="/no/such/envoy")

    with pytest.raises(PermanentError, match="/no/such/envoy") as caught:
        traffic.keep()

    assert "seatrial[gateway]" in caught.value.remedy


def test_a_program_that_fails_is_quoted(tmp_path: Path) -> None:
    """What it said last is in the error."""
    program = tmp_path / "envoy"
    program.write_text("#!/bin/sh\necho this is no Envoy\nexit 3\n")
    program.chmod(0o755)
    port = ProcessRuntime(SystemClock(), NO_CGROUPS).free_port()

    with pytest.raises(PermanentError, match="this is no Envoy"):
        adapter(tmp_path / "gateway", port, binary=str(program)).keep()


def test_a_host_is_an_address(tmp_path: Path) -> None:
    """A name would have to be looked up by somebody."""
    with pytest.raises(UsageError, match="example"):
        adapter(tmp_path, 1, host="gateway.example")


def test_what_is_asked_of_one_that_does_not_run_is_kept(tmp_path: Path, gate: RealGate) -> None:
    """It is a temporary error, and wanted by whoever comes next."""
    wanted = routing(gate, service("iris"), weight=100)
    with pytest.raises(TemporaryError, match="does not run"):
        adapter(tmp_path, 1).apply(wanted)

    assert [wanted] == list(adapter(tmp_path, 1).wanted())


def test_a_refused_routing_leaves_everything_as_it_was(gate: RealGate, name: str) -> None:
    """Envoy's own words are in the error; other services, and this one's former routing, go on."""
    gate.traffic.apply(routing(gate, service(name), weight=1000))
    other = Sticky(kind="header", name="no\nheader")

    with pytest.raises(PermanentError, match=r"refuses what it was asked for: .*HeaderName"):
        gate.traffic.apply(routing(gate, service(name, other), weight=0))

    assert "canary" == gate.ask(Asked(path=f"/{name}")).headers[ARM]
    gate.traffic.apply(routing(gate, service(f"{name}-2"), weight=1000))
    assert "canary" == gate.ask(Asked(path=f"/{name}-2")).headers[ARM]


def test_own_answers_are_json(gate: RealGate, name: str) -> None:
    """They say what is wrong, and which request it was."""
    answers = [httpx.get(f"{gate.traffic.status().address}{path}") for path in ("/nobody", f"/{name}")]

    assert [("no service answers here", 404)] * 2 == [(one.json()["error"], one.json()["status"]) for one in answers]
    assert [one.headers["x-request-id"] for one in answers] == [one.json()["request_id"] for one in answers]


@pytest.mark.slow
def test_one_unwell_side_is_left_and_both_are_asked(gate: RealGate, name: str) -> None:
    """Checks that fail on one side move its requests; where all of them fail the checks may be wrong."""
    gate.traffic.apply(routing(gate, service(name), stable=("s0",), weight=0))

    gate.upstreams.unwell.add(f"{name}.s0")
    wait_until(lambda: "canary" == gate.ask(Asked(path=f"/{name}")).headers[ARM])
    gate.upstreams.unwell.add(f"{name}.c0")

    wait_until(lambda: "stable" == gate.ask(Asked(path=f"/{name}")).headers[ARM])
    assert {200} == {gate.ask(Asked(path=f"/{name}")).status for _ in range(20)}


def test_one_living_replica_keeps_its_side(gate: RealGate, name: str) -> None:
    """Once the dead ones are known, nothing of the side goes to the other; until then no request fails."""
    gate.traffic.apply(routing(gate, service(name), stable=("s0", "s1", "s2"), weight=0))
    gate.down(f"{name}.s0")
    gate.down(f"{name}.s1")

    def served() -> set[tuple[str, str]]:
        answers = [gate.ask(Asked(path=f"/{name}")) for _ in range(100)]
        assert {200} == {one.status for one in answers}
        return {(one.headers[ARM], one.endpoint) for one in answers}

    # Twice in a row: a check that comes late on a busy machine may move a request once.
    wait_until(lambda: {("stable", f"{name}.s2")} == served() == served(), 30.0)


@pytest.mark.slow
def test_what_was_let_go_is_there_again_when_it_is_wanted(gate: RealGate, name: str) -> None:
    """A canary that came and went leaves the routing as it was, long after the one before it was forgotten."""
    alone, beside = routing(gate, service(name), canary=None), routing(gate, service(name))

    def clusters() -> set[str]:
        found = json.loads((gate.folder() / "clusters.json").read_bytes())
        return {one["name"] for one in found["resources"] if one["name"].startswith(f"{name}/")}

    gate.traffic.apply(alone)
    first = clusters()
    gate.traffic.apply(beside)
    wait_until(lambda: gate.traffic.keep().running and first.isdisjoint(clusters()), 30.0, poll=0.1)

    gate.traffic.apply(alone)

    assert {(200, "stable")} == {
        (one.status, one.headers[ARM]) for one in (gate.ask(Asked(path=f"/{name}")) for _ in range(20))
    }


def test_what_was_sent_is_not_sent_again(gate: RealGate, name: str) -> None:
    """Unless retries were asked for: then as often as that."""
    gate.traffic.apply(routing(gate, service(name), canary=None))
    gate.traffic.apply(routing(gate, service(f"{name}-2", retries=2), canary=None))

    def tries(name: str, trouble: str) -> int:
        before = len(gate.upstreams.seen)
        assert gate.ask(Asked(path=f"/{name}/{trouble}", method="POST")).status >= 500
        return len(gate.upstreams.seen) - before

    assert [1, 1] == [tries(name, "?status=500"), tries(name, "?reset=1")]
    assert [3, 3] == [tries(f"{name}-2", "?status=500"), tries(f"{name}-2", "?reset=1")]


def test_a_late_answer_is_given_up(gate: RealGate, name: str) -> None:
    """504 after the service's own time; the log knows who was asked, and that nobody answered."""
    gate.traffic.apply(routing(gate, service(name, timeout=0.2), weight=1000))

    assert 504 == gate.ask(Asked(path=f"/{name}?sleep=1")).status
    (line,) = lines(gate, name, 1)
    assert (Arm.CANARY, None, 504, f"{name}.c0", "UT") == (
        line.assigned,
        line.served,
        line.status,
        line.endpoint,
        line.flags,
    )
    assert 0.19 <= line.seconds < 1.0


def test_whoever_goes_away_is_told_from_an_answer(gate: RealGate, name: str) -> None:
    """Status 0: nothing was sent, since nobody waited for it."""
    gate.traffic.apply(routing(gate, service(name), canary=None))

    with suppress(httpx.ReadTimeout):
        httpx.get(f"{gate.traffic.status().address}/{name}?sleep=1", timeout=0.2)

    (line,) = lines(gate, name, 1)
    assert (0, None, "DC") == (line.status, line.served, line.flags)


def test_callers_cannot_steer_the_gateway(gate: RealGate, name: str) -> None:
    """Headers by which Envoy would try again, or a request would pass for a copy, do not get through."""
    gate.traffic.apply(routing(gate, service(name), canary=None))
    before = len(gate.upstreams.seen)
    headers = {"x-envoy-retry-on": "5xx", "x-envoy-max-retries": "3", "x-seatrial-mirror": "1"}

    gate.ask(Asked(path=f"/{name}?status=500", headers=headers))

    (seen,) = gate.upstreams.seen[before:]
    assert set() == headers.keys() & seen.headers.keys()


def test_a_path_is_what_it_means(gate: RealGate, name: str) -> None:
    """`/predict/../train` is not below the safe `/predict`."""
    spec = service(name, safe_paths=(f"/{name}/predict",))
    gate.traffic.apply(routing(gate, spec, mirror=1000))

    for path in ("predict/../train", "predict/%2e%2e/train", "predict/./again"):
        answer = raw(gate.traffic.status().address, [f"POST /{name}/{path} HTTP/1.1", "host: x", "content-length: 0"])
        assert answer.startswith("HTTP/1.1 200")
    wait_until(lambda: gate.copies(f"{name}.c0"))

    assert [f"/{name}/predict/again"] == [one.path for one in gate.upstreams.seen if one.name == f"{name}.c0"]


def test_a_copy_is_marked_and_has_the_requests_id(gate: RealGate, name: str) -> None:
    """So that what the canary logged can be laid beside what stable answered."""
    gate.traffic.apply(routing(gate, service(name), mirror=1000))

    gate.ask(Asked(path=f"/{name}", headers={"x-request-id": "the-same"}))
    wait_until(lambda: gate.copies(f"{name}.c0"))

    seen = {one.name.rpartition(".")[2][0]: one.headers for one in gate.upstreams.seen if one.name.startswith(name)}
    assert ("the-same", "the-same") == (seen["s"]["x-request-id"], seen["c"]["x-request-id"])
    assert ("1", None) == (seen["c"]["x-seatrial-mirror"], seen["s"].get("x-seatrial-mirror"))


def test_a_share_of_the_safe_requests_is_copied(gate: RealGate, name: str) -> None:
    """Half of them, within what chance allows."""
    gate.traffic.apply(routing(gate, service(name), mirror=500))

    for _ in range(200):
        gate.ask(Asked(path=f"/{name}"))

    in_force = gate.traffic.read(name)
    assert in_force is not None
    assert 500 == in_force.mirror
    wait_until(lambda: gate.copies(f"{name}.c0") > 60)
    assert gate.copies(f"{name}.c0") < 140


def test_a_side_may_be_named_by_host(gate: RealGate, name: str) -> None:
    """A name is looked up; it is no address."""
    wanted = routing(gate, service(name), stable=("s0",), canary=None)
    (endpoint,) = wanted.stable.endpoints
    named = replace(endpoint, host="localhost")

    gate.traffic.apply(replace(wanted, stable=replace(wanted.stable, endpoints=(named,))))

    assert f"{name}.s0" == gate.ask(Asked(path=f"/{name}")).endpoint


def test_a_service_without_replicas_answers_that_there_are_none(gate: RealGate, name: str) -> None:
    """503, and it is in the log."""
    gate.traffic.apply(routing(gate, service(name), stable=(), canary=None))

    assert 503 == gate.ask(Asked(path=f"/{name}")).status
    assert ["UH"] == [line.flags for line in lines(gate, name, 1)]


def test_the_log_is_for_this_user_only(gate: RealGate, name: str) -> None:
    """It holds users' keys, so do the files that came before it; the sockets are doors to everything."""
    gate.traffic.apply(routing(gate, service(name), canary=None))
    gate.ask(Asked(path=f"/{name}"))
    lines(gate, name, 1)
    gate.traffic.rotate_log()

    files = [*gate.traffic.log_files(), *(gate.folder() / one for one in ("admin.sock", "probe.sock", "units.key"))]

    assert {0o600} == {stat.S_IMODE(path.stat().st_mode) for path in files}


def test_the_same_again_changes_nothing(gate: RealGate, name: str) -> None:
    """Nothing is written, so that Envoy has nothing to do."""
    wanted = routing(gate, service(name), weight=10)
    gate.traffic.apply(wanted)
    before = {path.name: path.stat().st_mtime_ns for path in gate.folder().rglob("*.json")}

    gate.traffic.apply(wanted)

    assert before == {path.name: path.stat().st_mtime_ns for path in gate.folder().rglob("*.json")}


def test_what_was_left_is_let_go_when_it_is_idle(tmp_path: Path, gate: RealGate) -> None:
    """Clusters that no route names stay for a while, and as long as they have something to answer, and not for ever."""
    clock = Skipping()
    runtime = ProcessRuntime(clock, NO_CGROUPS)
    spec = GatewaySpec(port=runtime.free_port())
    traffic = EnvoyTraffic(spec=spec, folder=tmp_path, runtime=runtime, clock=clock, mark=unique("envoy-tidy"))

    def clusters() -> int:
        return len(msgspec.json.decode((tmp_path / CLUSTERS_FILE).read_bytes())["resources"])

    try:
        traffic.keep()
        for stable in ("s0", "s1", "s2"):
            traffic.apply(routing(gate, service("tidy"), stable=(stable,), canary=None))
        clock.skipped += LINGER_SECONDS / 2
        traffic.keep()
        assert 3 == clusters()

        clock.skipped += LINGER_SECONDS
        traffic.keep()

        assert 1 == clusters()
        assert 200 == httpx.get(f"http://127.0.0.1:{spec.port}/tidy").status_code
    finally:
        runtime.sweep(unique("envoy-tidy"))
        traffic.stop()


def test_another_port_moves_the_gateway(tmp_path: Path, gate: RealGate) -> None:
    """The one that listens where it shall no longer is ended, with what it was asked for in force at the new address."""
    runtime = ProcessRuntime(SystemClock(), NO_CGROUPS)
    old, new = runtime.free_port(), runtime.free_port()
    first = adapter(tmp_path, old)
    try:
        first.keep()
        first.apply(routing(gate, service("moving"), canary=None))

        second = adapter(tmp_path, new)
        second.keep()

        assert 200 == httpx.get(f"http://127.0.0.1:{new}/moving").status_code
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://127.0.0.1:{old}/moving")
    finally:
        runtime.sweep(unique(f"envoy-{tmp_path.name}"))
        for traffic in (first, second):
            traffic.stop()


def test_it_outlives_seatrial(tmp_path: Path, gate: RealGate) -> None:
    """Kill -9 of whoever started it does nothing to its requests; the next one takes over the same process."""
    port = ProcessRuntime(SystemClock(), NO_CGROUPS).free_port()
    traffic = adapter(tmp_path, port)
    with suppress(TemporaryError):
        traffic.apply(routing(gate, service("orphan"), weight=1000))
    program = (
        "import os, sys; from pathlib import Path; from tests.adapters.traffic.test_envoy import adapter;"
        "adapter(Path(sys.argv[1]), int(sys.argv[2]), mark=sys.argv[3]).keep(); os.kill(os.getpid(), 9)"
    )
    try:
        mark = unique(f"envoy-{tmp_path.name}")
        started = subprocess.run([sys.executable, "-c", program, str(tmp_path), str(port), mark], check=False)
        assert -signal.SIGKILL == started.returncode
        before = traffic.status()
        assert "canary" == httpx.get(f"{before.address}/orphan").headers[ARM]

        after = traffic.keep()

        assert (True, before.pid, 0) == (after.running, after.pid, after.restarts)
        traffic.apply(routing(gate, service("orphan"), weight=0))
        assert "stable" == httpx.get(f"{before.address}/orphan").headers[ARM]
    finally:
        ProcessRuntime(SystemClock(), NO_CGROUPS).sweep(unique(f"envoy-{tmp_path.name}"))
        traffic.stop()
