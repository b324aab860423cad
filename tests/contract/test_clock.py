"""The contract of the Clock port, on the shipped fake and the system's clock."""

from datetime import UTC, timedelta

import pytest

from seatrial.adapters.clock import SystemClock
from seatrial.ports import Clock
from seatrial.testing import FakeClock


@pytest.fixture(params=[FakeClock, SystemClock])
def clock(request: pytest.FixtureRequest) -> Clock:
    """Each clock in turn."""
    made: Clock = request.param()
    return made


def test_now_is_in_utc(clock: Clock) -> None:
    """The wall clock knows its zone, and it is UTC."""
    assert UTC == clock.now().tzinfo


def test_sleep_lets_at_least_that_much_time_pass(clock: Clock) -> None:
    """Both kinds of time have moved on after a sleep."""
    wall, monotonic = clock.now(), clock.monotonic()

    clock.sleep(0.01)

    assert clock.monotonic() - monotonic >= 0.0099
    assert clock.now() - wall >= timedelta(seconds=0.0099)


@pytest.mark.parametrize("seconds", [0.0, -5.0])
def test_nothing_to_sleep_goes_on_and_never_back(clock: Clock, seconds: float) -> None:
    """A sleep of nothing or less is no error and doesn't turn time back."""
    before = clock.monotonic()

    clock.sleep(seconds)

    assert clock.monotonic() >= before


def test_only_sleep_moves_the_fake_clock() -> None:
    """A test decides what time it is."""
    clock = FakeClock()

    clock.sleep(90.0)

    assert 90.0 == clock.monotonic()
    assert timedelta(seconds=90) == clock.now() - FakeClock().now()
