"""Waits until a moment to a tenth of a millisecond, which the timers of an event loop can't: they tick in milliseconds.

A request that leaves half a millisecond late adds as much to its latency; for a model that answers in two, that is a
lot. On Linux a timer file descriptor (timerfd_create(2)) wakes the loop in time and burns no CPU on waiting, which
would disturb the cell on the same machine. Elsewhere the loop's own timer is used.
"""

import asyncio
import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

_CLOCK_MONOTONIC = 1
_NANOSECONDS = 1_000_000_000
_TICK = 0.001


class Pacer(Protocol):
    """Something that waits."""

    async def until(self, moment: float) -> None:
        """Return at `moment` of the clock, never before; at once if it is past."""
        ...


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class LoopPacer:
    """Waits by the loop's timer, up to about a millisecond late."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic

    async def until(self, moment: float) -> None:
        """Return at `moment`; whole ticks only, as shorter ones would keep the loop busy."""
        while (left := moment - self._monotonic()) > 0:  # noqa: ASYNC110 - time is the only event
            await asyncio.sleep(max(left, _TICK))


class TimerPacer:
    """Waits by a timer file descriptor. One waiter at a time."""

    def __init__(self, monotonic: Callable[[], float], libc: ctypes.CDLL, descriptor: int) -> None:
        self._monotonic = monotonic
        self._settime = libc.timerfd_settime
        self._descriptor = descriptor
        self._waiter: asyncio.Future[None] | None = None

    async def until(self, moment: float) -> None:
        """Return at `moment`."""
        while (left := moment - self._monotonic()) > 0:
            self._waiter = asyncio.get_running_loop().create_future()
            self._arm(left)
            await self._waiter

    def fired(self) -> None:
        """The descriptor is readable."""
        try:
            os.read(self._descriptor, 8)
        except BlockingIOError:
            return
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _arm(self, seconds: float) -> None:
        whole, part = divmod(max(1, int(seconds * _NANOSECONDS)), _NANOSECONDS)
        value = _Itimerspec(_Timespec(0, 0), _Timespec(whole, part))
        self._settime(self._descriptor, 0, ctypes.byref(value), None)


@contextmanager
def open_pacer(monotonic: Callable[[], float]) -> Iterator[Pacer]:
    """A pacer for the running loop, the finest that this system has. `monotonic` is the clock that moments are of."""
    libc = ctypes.CDLL(None)
    descriptor = _timer_descriptor(libc)
    if descriptor is None:
        yield LoopPacer(monotonic)
        return
    loop = asyncio.get_running_loop()
    pacer = TimerPacer(monotonic, libc, descriptor)
    loop.add_reader(descriptor, pacer.fired)
    try:
        yield pacer
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def _timer_descriptor(libc: ctypes.CDLL) -> int | None:
    """A new timer file descriptor; None where the system has none (os.timerfd_create came with Python 3.13)."""
    if not hasattr(libc, "timerfd_create"):
        return None
    descriptor = int(libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC))
    return descriptor if descriptor >= 0 else None
