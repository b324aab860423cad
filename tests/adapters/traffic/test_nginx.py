"""nginx as a gateway: its configuration as data, its lines, and what its leader is for."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.adapters.traffic.nginx.directives import Directive, line, literal, quoted, text
from seatrial.adapters.traffic.nginx.lines import LineReader
from seatrial.adapters.traffic.nginx.render import Place, render
from seatrial.adapters.traffic.units import UnitHash
from seatrial.records import (
    AccessLine,
    Arm,
    Backend,
    Endpoint,
    GatewaySpec,
    Routing,
    ServiceSpec,
    Sticky,
    UsageError,
)
from seatrial.testing import Asked
from tests.adapters.traffic.gates import proxy_gate, routing, service
from tests.waiting import wait_until

READ = LineReader(UnitHash(b"key"))
LINE = {
    "at": "1795265806.146",
    "sv": "wine",
    "fo": "",
    "as": "canary",
    "se": "canary",
    "ve": "2",
    "ep": "wine-canary.0.1",
    "id": "1cdf",
    "me": "POST",
    "pa": "/wine/predict",
    "un": "anna",
    "co": "200",
    "us": "0.003",
    "up": "0.002",
    "uh": "0.001",
    "bs": "256",
    "br": "18",
}


def wine(**changes: Any) -> Routing:
    """Two replicas of version 1, one of version 2."""
    sides = [(("s0", 3001), ("s1", 3002)), (("c0", 3003),)]
    stable, canary = (
        Backend(
            version=version, endpoints=tuple(Endpoint(name=name, host="127.0.0.1", port=port) for name, port in side)
        )
        for version, side in zip("12", sides, strict=True)
    )
    spec = ServiceSpec(name="wine", model="wine", prefix="/wine", **changes.pop("spec", {}))
    return Routing(service=spec, stable=stable, canary=canary, **changes)


def rendered(wanted: Routing) -> list[Directive]:
    """The configuration of this one service."""
    place = Place(spec=GatewaySpec(port=8080), folder=Path("/g"), log=Path("/g/access.log"), generation="abc")
    return list(flat(render({"wine": wanted}, place)))


def flat(directives: list[Directive]) -> Iterator[Directive]:
    """All directives, whatever they are in."""
    for one in directives:
        yield one
        yield from flat(list(one.body or ()))


def bodies(found: list[Directive], *words: str) -> list[tuple[tuple[str, ...], ...]]:
    """What is in the blocks that begin so."""
    return [tuple(each.words for each in one.body or ()) for one in found if one.words[: len(words)] == words]


def test_a_share_is_a_range_that_begins_at_zero() -> None:
    """20 % is the first fifth of all keys, so that who is in it stays in it when it grows."""
    found = rendered(wine(weight=200))

    assert [(("20.0%", "canary"), ("*", "stable"))] == bodies(found, "split_clients", "$request_id")
    assert [(("0.1%", "canary"), ("*", "stable"))] == bodies(rendered(wine(weight=1)), "split_clients")
    assert [] == bodies(rendered(wine(weight=0)), "split_clients")


def test_the_other_side_stands_in() -> None:
    """As backup, which nginx asks where nobody else answers."""
    (stable, canary) = bodies(rendered(wine()), "upstream")

    plain = ("max_fails=1", "fail_timeout=2s")
    assert (
        ("server", "127.0.0.1:3001", *plain),
        ("server", "127.0.0.1:3002", *plain),
        ("server", "127.0.0.1:3003", *plain, "backup"),
        ("keepalive", "64"),
    ) == stable
    assert ("server", "127.0.0.1:3001", *plain, "backup") in canary


def test_users_are_told_apart_by_what_the_service_says() -> None:
    """By header or by cookie, whatever its name."""
    by_header = rendered(wine(weight=500, spec={"sticky": Sticky(kind="header", name="X-User-Id")}))
    by_cookie = rendered(wine(weight=500, spec={"sticky": Sticky(kind="cookie", name="visitor-id")}))

    assert [(("", "$request_id"), ("default", "$http_x_user_id"))] == bodies(
        by_header, "map", "$http_x_user_id", "$st_key_wine_0"
    )
    assert [(("default", ""), (r"~(^|;[ ]*)visitor\-id=(?<st_cookie_0>[^;]*)", "$st_cookie_0"))] == bodies(
        by_cookie, "map", "$http_cookie"
    )


def test_the_servers_of_a_service_time_out_as_it_says() -> None:
    """Its seconds, and as many tries as it wants."""
    found = {one.words for one in rendered(wine(spec={"timeout": 2.5, "retries": 1}))}

    assert {("proxy_read_timeout", "2500ms"), ("proxy_next_upstream_tries", "2")} <= found
    assert ("proxy_next_upstream", "error") in {one.words for one in rendered(wine())}


def words_of(written: str) -> list[str]:
    """The words of one directive, as nginx reads them."""
    found = re.findall(r'"((?:[^"\\]|\\.)*)"|([^\s;"{}]+)', written.removesuffix(";\n"), re.DOTALL)
    return [re.sub(r"\\(.)", r"\1", given, flags=re.DOTALL) if given or not plain else plain for given, plain in found]


@given(st.text(st.characters(exclude_categories=("Cs", "Cc"))))
def test_a_word_stays_one_word(word: str) -> None:
    """Whatever is in it: nothing gets out of its quotes."""
    assert ["location", word] == words_of(text([line("location", word)]))


@given(st.text())
def test_a_literal_has_no_variable(value: str) -> None:
    """Each dollar is one that nginx fills in for itself."""
    assert [] == re.findall(r"\$(?!\{st_dollar\})", literal(value))
    assert value == literal(value).replace("${st_dollar}", "$")


def test_quotes_are_left_out_where_they_are_not_needed() -> None:
    """People read these files."""
    assert ["/wine", '"a b"', '""'] == [quoted(word) for word in ("/wine", "a b", "")]


def read(**changes: str) -> AccessLine | None:
    """The line with changes."""
    return READ(msgspec.json.encode({**LINE, **changes}))


def test_a_line_is_a_record() -> None:
    """Times are in milliseconds, and none takes no time."""
    found, quick = read(), read(us="0.000")

    assert found is not None
    assert quick is not None
    assert (Arm.CANARY, Arm.CANARY, "2", "wine-canary.0.1", 200, 0.003, 0.002) == (
        found.assigned,
        found.served,
        found.version,
        found.endpoint,
        found.status,
        found.seconds,
        found.upstream_seconds,
    )
    assert UnitHash(b"key")("anna") == found.unit
    assert 0 < quick.seconds < 0.001


@pytest.mark.parametrize(
    ("changes", "flags", "status", "served"),
    [
        pytest.param({"co": "504", "uh": "-"}, "UT", 504, None, id="late"),
        pytest.param({"co": "502", "uh": "-"}, "UF", 502, None, id="refused"),
        pytest.param({"co": "503", "uh": "", "up": "", "ep": "", "se": ""}, "UH", 503, None, id="nobody"),
        pytest.param({"co": "499", "uh": "-"}, "DC", 0, None, id="gone"),
        pytest.param({"uh": "-, 0.001", "se": "stable"}, "", 200, Arm.STABLE, id="second try"),
        pytest.param({"co": "503"}, "", 503, Arm.CANARY, id="own 503"),
    ],
)
def test_who_did_not_serve_is_told(changes: dict[str, str], flags: str, status: int, served: Arm | None) -> None:
    """In Envoy's words; what a replica itself says is an answer, whatever it is."""
    found = read(**changes)

    assert found is not None
    assert (flags, status, served) == (found.flags, found.status, found.served)


@given(st.binary())
def test_garbage_is_no_line(data: bytes) -> None:
    """And no error."""
    assert READ(data) is None


def test_a_side_is_named_by_address(tmp_path: Path) -> None:
    """Nginx looks names up when it likes, and tells of addresses only."""
    with proxy_gate("nginx", tmp_path) as gate:
        wanted = wine()
        host = Backend(version="1", endpoints=(Endpoint(name="s0", host="models.example", port=80),))
        with pytest.raises(UsageError, match=r"models\.example"):
            gate.traffic.apply(Routing(service=wanted.service, stable=host))


def test_an_nginx_without_its_leader_is_replaced(tmp_path: Path) -> None:
    """It has no mark by which it could be found; its socket leads to it."""
    with proxy_gate("nginx", tmp_path) as gate:
        gate.traffic.keep()
        gate.traffic.apply(routing(gate, service("wine"), canary=None))
        before = gate.traffic.status()
        assert before.pid is not None
        leader = psutil.Process(before.pid).parent()
        assert leader is not None
        os.kill(leader.pid, signal.SIGKILL)
        wait_until(lambda: not leader.is_running() or leader.status() == "zombie")

        after = gate.traffic.keep()

        assert (True, 1) == (after.running, after.restarts)
        assert before.pid != after.pid
        assert 200 == gate.ask(Asked(path="/wine")).status
