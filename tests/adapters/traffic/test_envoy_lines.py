"""Lines of Envoy's access log."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.adapters.traffic.envoy.lines import LineReader
from seatrial.adapters.traffic.units import UnitHash
from seatrial.records import AccessLine, Arm

READ = LineReader(UnitHash(b"key"))
LINE = {
    "at": "1795265806.145399",
    "as": "canary",
    "se": "canary",
    "ve": "2",
    "ep": "wine-canary.0.1",
    "sv": "wine",
    "id": "1cdfd6b8",
    "me": "POST",
    "pa": "/wine/predict",
    "un": "anna",
    "co": 200,
    "de": "via_upstream",
    "fl": "-",
    "us": 1555,
    "ms": 1,
    "up": 1439,
    "bs": 256,
    "br": 180,
}


def read(**changes: Any) -> AccessLine | None:
    """The line with changes; None takes something away."""
    return READ(msgspec.json.encode({name: value for name, value in {**LINE, **changes}.items() if value is not None}))


def test_a_line_is_a_record() -> None:
    """The time is that of the answer, in microseconds."""
    assert (
        AccessLine(
            time=datetime(2026, 11, 21, 12, 56, 46, 146954, tzinfo=UTC),
            service="wine",
            request_id="1cdfd6b8",
            method="POST",
            path="/wine/predict",
            status=200,
            seconds=0.001555,
            assigned=Arm.CANARY,
            served=Arm.CANARY,
            version="2",
            endpoint="wine-canary.0.1",
            unit=UnitHash(b"key")("anna"),
            bytes_sent=256,
            bytes_received=180,
            upstream_seconds=0.001439,
        )
        == read()
    )


def test_who_was_asked_in_vain_did_not_serve() -> None:
    """The replica is named, so that its errors can be counted; the arm that served is none."""
    line = read(co=503, de="upstream_reset_before_response_started{connection_termination}", fl="UC", up=None)

    assert line is not None
    assert (None, "", "wine-canary.0.1", "UC", None) == (
        line.served,
        line.version,
        line.endpoint,
        line.flags,
        line.upstream_seconds,
    )


def test_fail_over_shows() -> None:
    """Dealt to one arm, answered by the other."""
    line = read(se="stable", ve="1")

    assert line is not None
    assert (Arm.CANARY, Arm.STABLE, "1") == (line.assigned, line.served, line.version)


def test_what_had_no_answer_has_a_duration_nevertheless() -> None:
    """In whole milliseconds, as Envoy gives it."""
    line = read(us=None, ms=1200, co=0, fl="DC", de="downstream_remote_disconnect")

    assert line is not None
    assert (1.2, 0, None) == (line.seconds, line.status, line.served)


def test_nobody_has_no_key() -> None:
    """And a tester's choice shows."""
    line = read(un=None, fo="yes")

    assert line is not None
    assert ("", True) == (line.unit, line.forced)


@pytest.mark.parametrize("changes", [{"sv": None}, {"at": "never"}, {"at": "1e99"}, {"co": "two hundred"}])
def test_other_lines_are_none(changes: dict[str, Any]) -> None:
    """Answers of the gateway's own, and what Envoy never writes."""
    assert read(**changes) is None


@given(st.binary(max_size=200))
def test_no_bytes_are_an_error(line: bytes) -> None:
    """Whatever is in the file."""
    assert READ(line) is None or isinstance(READ(line), AccessLine)


@given(st.integers(0, 400))
def test_no_beginning_of_a_line_is_an_error(length: int) -> None:
    """A file that is being written ends anywhere."""
    whole = msgspec.json.encode(LINE)

    assert (READ(whole[:length]) is None) == (length < len(whole))
