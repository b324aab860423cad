"""Waiting for a condition with a deadline, instead of sleeping and hoping."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(condition: Callable[[], T], deadline: float = 10.0, *, poll: float = 0.005) -> T:
    """The first true value of `condition`; fails the test after `deadline` seconds."""
    end = time.monotonic() + deadline
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"still {value!r} after {deadline:g} s: {condition}")
        time.sleep(poll)
    return value
