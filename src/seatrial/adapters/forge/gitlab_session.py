"""HTTP with patience that is written down: what a GitLab server asks to try later, or fails to answer, is tried again.

python-gitlab can retry as well, but sleeps for as long as a server names: an hour, where a rate limit is spent.
"""

from collections.abc import Mapping
from typing import Any, Final

import requests

from seatrial.ports import Clock
from seatrial.records import TemporaryError

TRIES: Final = 4
LONGEST_WAIT: Final = 60.0
_FIRST_WAIT: Final = 0.5
# A server that answers these has not done what it was asked: a rate limit, and another update of the same status.
_NOT_DONE: Final = frozenset({409, 429})
_MAY_PASS: Final = frozenset({408, 425, 500, 502, 503, 504, *range(520, 528)})
_REPEATABLE: Final = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_LOST: Final = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)


class PatientSession(requests.Session):
    """Tries four times, and waits for 60 seconds at most in all. What a repetition would do twice is sent once.

    Args:
        clock: that it waits by.
        limit: seconds until the server has to answer, each time.
    """

    def __init__(self, clock: Clock, limit: float) -> None:
        super().__init__()
        self._clock = clock
        self._limit = limit

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # noqa: ANN401 (as requests declares them)
        """Send until there is an answer that stays.

        Raises:
            TemporaryError: the rate limit is spent for longer than it waits.
        """
        kwargs["timeout"] = self._limit
        repeatable = request.method in _REPEATABLE
        left = LONGEST_WAIT
        for attempt in range(1, TRIES):
            try:
                answer = super().send(request, **kwargs)
            except _LOST:
                if not repeatable:
                    raise
                wait = _backoff(attempt)
            else:
                if answer.status_code not in (_NOT_DONE | _MAY_PASS if repeatable else _NOT_DONE):
                    return answer
                wait = max(self._asked(answer.headers), _backoff(attempt))
                if wait > left:
                    return _later(answer, wait)
            self._clock.sleep(wait)
            left -= wait
        return super().send(request, **kwargs)

    def _asked(self, headers: Mapping[str, str]) -> float:
        """Seconds that the server asks to wait; 0 if it names none."""
        after, reset = headers.get("Retry-After", ""), headers.get("RateLimit-Reset", "")
        if after.isdecimal():
            return float(after)
        return max(0.0, float(reset) - self._clock.now().timestamp()) if reset.isdecimal() else 0.0


def _backoff(attempt: int) -> float:
    return float(_FIRST_WAIT * 2 ** (attempt - 1))


def _later(answer: requests.Response, wait: float) -> requests.Response:
    if answer.status_code != requests.codes.too_many_requests:
        return answer
    raise TemporaryError(
        f"GitLab's rate limit is spent for another {wait:.0f} s",
        remedy="try again then, or give seatrial a token of its own",
    )
