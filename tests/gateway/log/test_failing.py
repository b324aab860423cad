"""Requests that went wrong, as lines for people."""

from pathlib import Path

from seatrial.gateway.log.failing import MOST, failing, shown
from seatrial.records import Arm
from tests.gateway.log.making import Site, at, line


def test_a_line_says_when_which_and_what() -> None:
    """Time, request id, status, what went wrong in our words and the proxy's, replica, path."""
    one = line(1.5, status=503, flags="UC", seconds=0.25, endpoint="wine-canary-0", request_id="abc")

    assert ("2026-11-20 12:00:01.500 abc 503 reset (UC), 250 ms, wine-canary-0: POST /predict",) == shown(
        [failing(one, "reset")]
    )


def test_where_nobody_answered_it_says_so() -> None:
    """No status, no replica."""
    one = line(0.0, status=0, served=None, endpoint="", version="", request_id="")

    assert ("2026-11-20 12:00:00.000 - --- no answer, 100 ms, no replica: POST /predict",) == shown(
        [failing(one, "no answer")]
    )


def test_nothing_that_a_caller_sent_can_do_harm() -> None:
    """Questions, logins, control characters and endless paths are left out."""
    path = "/a\x1b[31m\n" + "x" * 500 + "?password=secret"
    (text,) = shown([failing(line(0.0, status=500, path=path, request_id="http://me:secret@host"), "5xx")])

    assert "secret" not in text
    assert text.isprintable()
    assert len(text) < 400


def test_the_last_ones_of_a_side_in_a_span_are_told(tmp_path: Path) -> None:
    """The oldest first."""
    site = Site(tmp_path)
    site.log.write(line(float(second), assigned=Arm.CANARY, status=500) for second in range(30))
    site.log.write([line(5.0, status=500), line(6.0, assigned=Arm.CANARY)])
    site.pass_to(31.0)

    told = site.book.failing("wine", Arm.CANARY, at(0.0), at(10.0), count=3)
    others = site.book.failing("cars", Arm.CANARY, at(0.0), at(100.0))
    site.close()

    assert ["r7", "r8", "r9"] == [text.split()[2] for text in told]
    assert () == others


def test_of_very_many_the_last_are_kept(tmp_path: Path) -> None:
    """A crashing canary must not fill the disk with its failures."""
    site = Site(tmp_path)
    for window in range(3):
        begin = window * 10.0
        site.log.write(line(begin + part / 200, status=500, request_id=f"{window}-{part}") for part in range(1000))
        site.pass_to(begin + 11.0)
    told = site.book.failing("wine", Arm.STABLE, at(0.0), at(100.0), count=10_000)
    site.close()

    assert MOST == len(told)
    assert "2-999" == told[-1].split()[2]
