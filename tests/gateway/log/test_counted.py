"""What a request counts as for the judge."""

from typing import Any

import pytest

from seatrial.gateway.log.counted import Counted, counted
from seatrial.records import Arm
from tests.gateway.log.making import line


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({}, ""),
        ({"status": 301}, ""),
        ({"status": 404}, ""),
        ({"status": 401}, ""),
        ({"status": 400}, "refused"),
        ({"status": 422}, "refused"),
        ({"status": 408}, "timeout"),
        ({"status": 429}, "429"),
        ({"status": 500}, "5xx"),
        ({"status": 503}, "5xx"),
        ({"status": 504, "served": None, "flags": "UT"}, "timeout"),
        ({"status": 504}, "timeout"),
        ({"status": 503, "served": None, "flags": "UF,URX"}, "unreachable"),
        ({"status": 503, "served": None, "flags": "UH"}, "no replica"),
        ({"status": 503, "served": None, "flags": "UC"}, "reset"),
        ({"status": 200, "flags": "UC"}, "reset"),
        ({"status": 0, "served": None, "flags": "DC"}, "gave up"),
        ({"status": 499, "served": None}, "gave up"),
        ({"status": 0, "served": None}, "no answer"),
        ({"status": 200, "flags": "DC"}, ""),
    ],
)
def test_errors_are_what_the_version_is_to_blame_for(given: dict[str, Any], error: str) -> None:
    """No answer, 5xx, 408, 429, 400 and 422; other 4xx, and callers who leave in the middle of an answer, are not."""
    found = counted(line(**given))

    assert found is not None
    assert error == found.error


@pytest.mark.parametrize("given", [{"mirrored": True}, {"forced": True}])
def test_copies_and_testers_requests_do_not_count(given: dict[str, Any]) -> None:
    """Nobody got the one, and nobody was dealt the other."""
    assert counted(line(**given)) is None


def test_a_canary_that_stable_stands_in_for_has_failed() -> None:
    """However well stable answered; and its latency says nothing of the canary."""
    found = counted(line(assigned=Arm.CANARY, served=Arm.STABLE, status=200))

    assert Counted(error="failed over", timed=False, own=False) == found


@pytest.mark.parametrize(("status", "error"), [(200, ""), (500, "5xx")])
def test_stable_that_the_canary_stands_in_for_is_only_as_wrong_as_that_answer(status: int, error: str) -> None:
    """Stable's trouble is no reason to promote, and its latency isn't known."""
    found = counted(line(assigned=Arm.STABLE, served=Arm.CANARY, status=status))

    assert Counted(error=error, timed=False, own=False) == found


@pytest.mark.parametrize(
    ("given", "timed"),
    [
        ({"status": 500}, True),
        ({"status": 422}, True),
        ({"status": 504, "served": None, "flags": "UT"}, True),
        ({"status": 0, "served": None, "flags": "DC"}, True),
        ({"status": 503, "served": None, "flags": "UF"}, False),
        ({"status": 503, "served": None, "flags": "UH"}, False),
        ({"status": 200, "flags": "UC"}, False),
    ],
)
def test_latency_is_of_answers_and_of_waiting_in_vain(given: dict[str, Any], *, timed: bool) -> None:
    """A canary that times out is slow; one that refuses connections isn't quick."""
    found = counted(line(**given))

    assert found is not None
    assert timed == found.timed
