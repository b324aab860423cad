"""Windows from the gateway's access log: every request exactly, as `seatrial.gateway.log` counted it."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby

from seatrial.gateway.log.book import KEEP_SECONDS, Book, Kept
from seatrial.gateway.log.moments import MILLISECONDS, length_of, milliseconds, moment_of
from seatrial.gateway.log.tally import Tally, side
from seatrial.ports import Watched
from seatrial.records import Arm, ArmWindow, Window


class AccessLogMetrics:
    """Metrics from the book of windows. Safe to use from many threads.

    Windows that are longer than those that were counted are put together from these; of history that was counted in
    longer ones nothing is known. Windows of more than a day ago are forgotten: what is asked for begins there.

    Args:
        book: that the keeper of the access log writes.
    """

    def __init__(self, book: Book) -> None:
        self._book = book

    def windows(self, watched: Watched, since: datetime, until: datetime) -> Sequence[Window]:
        """See `seatrial.ports.Metrics`. A window is complete about a second after its end, once the log has been read."""
        length = length_of(watched.seconds)
        horizon = self._book.horizon
        first = max(-(-milliseconds(since) // length), -(-(horizon - KEEP_SECONDS * MILLISECONDS) // length))
        after = min(milliseconds(until), horizon) // length
        if after <= first:
            return ()
        found = self._found(watched.service, first * length, after * length, length)
        return tuple(_window(watched, index * length, length, found.get(index, ())) for index in range(first, after))

    def _found(self, service: str, since: int, until: int, length: int) -> dict[int, tuple[Kept, ...]]:
        """What was counted, by the number of the window that it belongs to."""
        whole = (kept for kept in self._book.windows(service, since, until) if _fits(kept, length))
        return {index: tuple(some) for index, some in groupby(whole, lambda kept: kept.start // length)}


def _fits(kept: Kept, length: int) -> bool:
    return kept.start // length == (kept.start + kept.length - 1) // length


def _window(watched: Watched, start: int, length: int, kept: Sequence[Kept]) -> Window:
    tallies = [tally for one in kept for tally in one.tallies]
    stable = side(tallies, Arm.STABLE, watched.stable)
    canary = side(tallies, Arm.CANARY, watched.canary)
    keyed = any(tally.fresh for tally in (stable, canary))
    before = milliseconds(watched.begun) - length
    return Window(
        start=moment_of(start),
        seconds=length / MILLISECONDS,
        weight=0.0,
        stable=_arm(stable, before, keyed=keyed),
        canary=_arm(canary, before, keyed=keyed),
    )


def _arm(tally: Tally, before: int, *, keyed: bool) -> ArmWindow:
    """An arm with its first-seen users: those last seen in a window that began at `before` or earlier, or never."""
    new = sum(_new(tally.fresh, before)) + tally.keyless
    return tally.arm_window(new if keyed else None)


def _new(fresh: dict[int, int], before: int) -> Iterator[int]:
    return (count for seen, count in fresh.items() if seen <= before)
