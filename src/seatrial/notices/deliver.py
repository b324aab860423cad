"""One notice to several receivers, each by itself: none waits for another, and what failed is told, not raised."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from seatrial.ports import Clock, Notify
from seatrial.records import Notice, NotifySpec, SeatrialError


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What became of a notice at one receiver; `why` and `remedy` where it did not arrive."""

    receiver: str
    arrived: bool
    why: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeTools:
    """What is needed to tell people of a project.

    Attributes:
        project: its name.
        receivers: as configured.
        clock: the time.
        open: what brings notices to a receiver; raises UsageError where its URL can't work.
    """

    project: str
    receivers: tuple[NotifySpec, ...]
    clock: Clock
    open: Callable[[NotifySpec], Notify]


def deliver(
    notice: Notice, receivers: Sequence[NotifySpec], opened: Callable[[NotifySpec], Notify]
) -> tuple[Delivery, ...]:
    """Send the notice once to each of `receivers`, all at the same time; what became of it, in their order."""
    if not receivers:
        return ()
    with ThreadPoolExecutor(len(receivers)) as pool:
        return tuple(pool.map(lambda spec: _delivered(notice, spec, opened), receivers))


def _delivered(notice: Notice, spec: NotifySpec, opened: Callable[[NotifySpec], Notify]) -> Delivery:
    try:
        opened(spec).send(notice)
    except SeatrialError as error:
        return Delivery(receiver=spec.name, arrived=False, why=error.what, remedy=error.remedy)
    return Delivery(receiver=spec.name, arrived=True)
