"""News goes out at most every so often, and nobody waits for it."""

import threading

from seatrial.forge.mailbox import Mailbox
from seatrial.testing import FakeClock
from tests.waiting import wait_until


def test_the_first_news_goes_out_at_once_and_the_next_when_it_is_time() -> None:
    """By the clock that was given."""
    clock, sent = FakeClock(), threading.Semaphore(0)
    box = Mailbox(sent.release, clock, every=5)
    box.tell()
    assert sent.acquire(timeout=30)
    box.tell()
    clock.sleep(4)
    box.tell()
    assert not sent.acquire(blocking=False)
    clock.sleep(1)
    box.tell()
    assert sent.acquire(timeout=30)
    box.close()


def test_what_waits_goes_out_without_more_news() -> None:
    """The last step before a long silence is shown."""
    clock, sent = FakeClock(), []
    box = Mailbox(lambda: sent.append(clock.monotonic()), clock, every=0.2)
    box.tell()
    wait_until(lambda: sent == [0.0])
    box.tell()
    clock.sleep(0.2)
    wait_until(lambda: sent == [0.0, 0.2])
    box.close()


def test_a_closed_box_sends_nothing() -> None:
    """Neither what waits nor what comes."""
    clock, sent = FakeClock(), []
    box = Mailbox(lambda: sent.append(1), clock, every=5)
    box.tell()
    wait_until(lambda: sent == [1])
    box.tell()
    box.close()
    clock.sleep(9)
    box.tell()
    assert sent == [1]


def test_a_box_that_never_had_news_has_no_thread() -> None:
    """Closing it is all the same."""
    before = threading.active_count()
    box = Mailbox(lambda: None, FakeClock(), every=5)
    box.close()
    box.close()
    assert threading.active_count() == before
