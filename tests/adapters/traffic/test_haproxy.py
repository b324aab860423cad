"""HAProxy as a gateway: its configuration as text, its lines, and the writer of its log."""

import os
import shlex
import signal
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.adapters.traffic.haproxy.lines import LineReader
from seatrial.adapters.traffic.haproxy.render import Place, name_of, quoted, render, said, shares
from seatrial.adapters.traffic.units import UnitHash
from seatrial.records import AccessLine, Arm, Backend, Endpoint, GatewaySpec, Routing, ServiceSpec
from seatrial.testing import Asked
from tests.adapters.traffic.gates import RealGate, lines, proxy_gate, routing, service

READ = LineReader(UnitHash(b"key"))
LINE = {
    "be": "1795265806145399",
    "en": "1795265806146954",
    "sv": "wine",
    "fo": "-",
    "as": "canary",
    "ep": "canary:wine-canary.0.1",
    "ve": "2",
    "id": "1cdf",
    "me": "POST",
    "pa": "\\/wine\\/predict",
    "un": "anna",
    "ts": "--",
    "bs": "256",
    "br": "-",
    "co": 200,
    "tr": 1,
}


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealGate]:
    """HAProxy, running."""
    with proxy_gate("haproxy", tmp_path_factory.mktemp("gateway")) as made:
        made.traffic.keep()
        yield made


def wine(**changes: Any) -> Routing:
    """A replica of version 1, one of version 2."""
    stable, canary = (
        Backend(version=version, endpoints=(Endpoint(name=name, host="127.0.0.1", port=port),))
        for version, name, port in (("1", "s0", 3001), ("2", "c0", 3003))
    )
    spec = ServiceSpec(name="wine", model="wine", prefix="/wine", **changes.pop("spec", {}))
    return Routing(service=spec, stable=stable, canary=canary, **changes)


def section(text: str, head: str) -> list[str]:
    """The lines of a section."""
    _, _, after = text.partition(f"{head}\n")
    return [one.strip() for one in after.partition("\n\n")[0].splitlines()]


def rendered(wanted: Routing, host: str = "127.0.0.1") -> str:
    """The configuration of this one service."""
    return render({"wine": wanted}, Place(spec=GatewaySpec(host=host, port=8080), generation="abc"))


def test_shares_are_not_in_the_file() -> None:
    """They are in a map that a running worker is told to change."""
    assert rendered(wine(weight=1)) == rendered(wine(weight=999))
    assert {"wine": 1, "-": 0} == shares({"wine": wine(weight=1)})


def test_the_other_side_stands_in() -> None:
    """As backup, which HAProxy asks where nobody else answers."""
    servers = [one for one in section(rendered(wine()), "backend wine:canary") if one.startswith("server")]

    assert [("server canary:c0 127.0.0.1:3003", False), ("server stable:s0 127.0.0.1:3001", True)] == [
        (one.partition(" check")[0], one.endswith(" backup")) for one in servers
    ]


def test_a_service_is_asked_as_it_says() -> None:
    """Its seconds, tries and health path."""
    found = section(rendered(wine(spec={"timeout": 2.5, "retries": 1, "health": "/ok"})), "backend wine:stable")

    assert {"timeout server 2500ms", "retries 1", "option httpchk GET '/ok'"} <= set(found)


@pytest.mark.parametrize(("host", "there"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "[::1]")])
def test_an_old_worker_passes_on_to_the_gateway(host: str, there: str) -> None:
    """Wherever that listens."""
    assert f"server gateway {there}:8080" in section(rendered(wine(), host), "backend seatrial:onward")


@given(st.text(st.characters(exclude_categories=("Cs", "Cc"))))
def test_a_word_stays_one_word(word: str) -> None:
    """Whatever is in it: HAProxy reads quotes as a shell does."""
    assert [word] == shlex.split(quoted(word))
    assert [word.replace("%", "%%")] == shlex.split(said(word))


@given(st.text(min_size=1), st.text(min_size=1))
def test_services_have_names_of_their_own(one: str, other: str) -> None:
    """In HAProxy's letters."""
    assert (one == other) == (name_of(one) == name_of(other))
    assert set(name_of(one)) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


def read(**changes: object) -> AccessLine | None:
    """The line with changes."""
    return READ(msgspec.json.encode({**LINE, **changes}).replace(b"\\\\/", b"\\/"))


def test_a_line_is_a_record() -> None:
    """Times are in microseconds; a dash is nothing."""
    found = read()

    assert found is not None
    assert (Arm.CANARY, Arm.CANARY, "2", "wine-canary.0.1", 200, "/wine/predict", False, 0) == (
        found.assigned,
        found.served,
        found.version,
        found.endpoint,
        found.status,
        found.path,
        found.forced,
        found.bytes_received,
    )
    assert UnitHash(b"key")("anna") == found.unit
    assert 0.001555 == pytest.approx(found.seconds)


@pytest.mark.parametrize(
    ("changes", "flags", "status", "served"),
    [
        pytest.param({"co": 504, "ts": "sH", "tr": -1}, "UT", 504, None, id="late"),
        pytest.param({"co": 502, "ts": "SH", "tr": -1}, "UC", 502, None, id="reset"),
        pytest.param({"co": 503, "ts": "SC", "tr": -1, "ep": "<NOSRV>"}, "UH", 503, None, id="nobody"),
        pytest.param({"co": 400, "ts": "CH", "tr": -1}, "DC", 0, None, id="gone"),
        pytest.param({"ep": "stable:wine.0.1"}, "", 200, Arm.STABLE, id="stand-in"),
        pytest.param({"co": 503}, "", 503, Arm.CANARY, id="own 503"),
    ],
)
def test_who_did_not_serve_is_told(changes: dict[str, object], flags: str, status: int, served: Arm | None) -> None:
    """In Envoy's words; what a replica itself says is an answer, whatever it is."""
    found = read(**changes)

    assert found is not None
    assert (flags, status, served) == (found.flags, found.status, found.served)


@given(st.binary())
def test_garbage_is_no_line(data: bytes) -> None:
    """And no error."""
    assert READ(data) is None


def test_no_line_is_lost_with_the_writer(gate: RealGate) -> None:
    """Lines wait in the pipe while it is away, and it is started again."""
    gate.traffic.apply(routing(gate, service("writer"), canary=None))
    os.kill(int((gate.folder() / "writer.pid").read_text()), signal.SIGKILL)
    for _ in range(20):
        gate.ask(Asked(path="/writer"))

    assert gate.traffic.keep().running

    assert 20 == len(lines(gate, "writer", 20))


def test_a_kept_connection_gets_the_new_rules_at_once(gate: RealGate) -> None:
    """Its next request comes to the old worker, which passes it on, unlogged; the new one answers and logs it."""
    with httpx.Client(base_url=gate.traffic.status().address) as client:
        gate.traffic.apply(routing(gate, service("kept"), canary=None))
        assert "1" == client.get("/kept").headers["x-seatrial-version"]
        gate.traffic.apply(routing(gate, service("kept-2"), weight=1000))

        answer = client.get("/kept-2", headers={"x-request-id": "mine"})

    assert ("canary", "mine") == (answer.headers["x-seatrial-arm"], answer.headers["x-request-id"])
    assert ["mine"] == [line.request_id for line in lines(gate, "kept-2", 1)]


def test_the_log_tells_of_requests_only(gate: RealGate) -> None:
    """Not of servers that went down, nor of workers that ended."""
    gate.traffic.apply(routing(gate, service("only"), canary=None))
    gate.down("only.s0")
    for _ in range(4):
        gate.ask(Asked(path="/only"))
    gate.traffic.remove("only")
    lines(gate, "only", 4)

    written = [line for path in gate.traffic.log_files() for line in path.read_bytes().splitlines()]

    assert [] == [line for line in written if gate.traffic.read_line(line) is None]


def test_the_log_is_for_this_user_only(gate: RealGate) -> None:
    """So are the sockets, which are doors to everything."""
    files = [*gate.traffic.log_files(), *(gate.folder() / one for one in ("control.sock", "master.sock", "log.pipe"))]

    assert {0o600} == {path.stat().st_mode & 0o777 for path in files}
