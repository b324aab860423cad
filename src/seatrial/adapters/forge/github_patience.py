"""How long GitHub is waited for: what passes by itself is tried again, as long as a person would bear it.

A wait is a wait of the clock that was passed in. A request that may have been carried out although no answer came (5xx, a
connection that broke) is repeated only after a look at whether it was, so that no comment stands there twice.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final, TypeVar

from seatrial.ports import Clock
from seatrial.records import TemporaryError

T = TypeVar("T")
PAUSES: Final = (1.0, 2.0, 4.0, 8.0)
_SECONDARY: Final = 60.0
_MINUTE: Final = 60.0


class PassingError(Exception):
    """One attempt failed in a way that may pass.

    Args:
        why: for the message, if it does not pass.
        wait: seconds that GitHub asks for; None where it does not say.
        unsure: whether the request may have been carried out.
    """

    def __init__(self, why: str, *, wait: float | None = None, unsure: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.wait = wait
        self.unsure = unsure


class Patience:
    """Repeats attempts; safe to use from many threads.

    While a rate limit is spent nobody asks: GitHub bans those who go on. So there is one of it for all that share a limit.

    Args:
        seconds: that one call waits at most, all its waits together.
        where: named by errors.
    """

    def __init__(self, clock: Clock, seconds: float, where: str) -> None:
        self._clock = clock
        self._seconds = seconds
        self._where = where
        self._closed_until: datetime | None = None

    def through(self, attempt: Callable[[], T], look: Callable[[], T | None]) -> T:
        """What an attempt gives at last.

        Args:
            attempt: raises PassingError.
            look: asked after an attempt that may have been carried out: its result if it was, or None.

        Raises:
            TemporaryError: it did not pass, or would take too long.
        """
        left = self._seconds
        for pause in (*PAUSES, None):
            try:
                self._check_open()
                return attempt()
            except PassingError as trouble:
                left = self._wait(trouble, pause, left)
                if trouble.unsure and (found := look()) is not None:
                    return found
        raise AssertionError("the last pause is None, which raises")

    def _check_open(self) -> None:
        closed = self._closed_until
        wait = 0.0 if closed is None else (closed - self._clock.now()).total_seconds()
        if wait > 0:
            raise PassingError("its rate limit is spent", wait=wait)

    def _wait(self, trouble: PassingError, pause: float | None, left: float) -> float:
        if trouble.wait is not None:
            self._closed_until = self._clock.now() + timedelta(seconds=trouble.wait)
        wait = pause if trouble.wait is None else trouble.wait
        if wait is None or pause is None or wait > left:
            raise self._given_up(trouble) from trouble
        self._clock.sleep(wait)
        return left - wait

    def _given_up(self, trouble: PassingError) -> TemporaryError:
        if trouble.wait is None:
            return TemporaryError(
                f"GitHub does not answer: {trouble.why}",
                where=self._where,
                remedy="try again later; https://www.githubstatus.com tells whether GitHub itself has troubles",
            )
        again = self._clock.now() + timedelta(seconds=trouble.wait)
        return TemporaryError(
            f"GitHub takes no requests for a while: {trouble.why}",
            where=self._where,
            remedy=f"try again after {again.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC, in {_shown(trouble.wait)}",
        )


def limit_wait(headers: dict[str, str], now: datetime) -> float:
    """Seconds until a spent rate limit takes requests again.

    Args:
        headers: of the refusal, with names in lower case. The primary limit names a moment on GitHub's clock, which is
            read from the same answer; the secondary names seconds, or nothing at all: then a minute is the advice.
        now: on the own clock, where the answer has no date.
    """
    after = headers.get("retry-after", "")
    if after.isdecimal():
        return float(after)
    reset = headers.get("x-ratelimit-reset", "")
    if headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal():
        # The reset is some time within that second.
        return max(0.0, int(reset) - server_time(headers, now).timestamp()) + 1.0
    return _SECONDARY


def server_time(headers: Mapping[str, str], now: datetime) -> datetime:
    """The time on GitHub's clock when it answered, in whole seconds; `now` where the answer has no date."""
    try:
        found = parsedate_to_datetime(headers.get("date", ""))
    except ValueError:
        return now
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _shown(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 2 * _MINUTE else f"{seconds / _MINUTE:.0f} minutes"
