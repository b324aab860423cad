"""What a request counts as: whose it is, whether it went wrong, and whether its latency says anything of that side.

The judge compares what users got, by the side that they were dealt to. So a request whose side was gone and that the
other side answered is told apart:

- dealt to the canary, answered by stable: an error of the canary. A canary that crashes must not look fine because
  stable stands in for it, and stable must not look worse for it.
- dealt to stable, answered by the canary: stable's request, wrong only if that answer was. Stable's trouble is no reason
  to promote, nor the canary's fault.

Neither tells a latency of the side that it was dealt to.

Wrong is what the version is to blame for: no answer, 5xx, 408 and 429 (it did not keep up), 400 and 422 (it refused the
input: both sides get the same callers, so a canary with more of these has changed what it takes). Other 4xx are the
caller's own affair: a wrong path, no right to ask.
"""

from dataclasses import dataclass
from typing import Final

from seatrial.records import AccessLine, Arm

FAILED_OVER: Final = "failed over"
TIMEOUT: Final = "timeout"
RESET: Final = "reset"
UNREACHABLE: Final = "unreachable"
NO_REPLICA: Final = "no replica"
GAVE_UP: Final = "gave up"
NO_ANSWER: Final = "no answer"
BROKEN: Final = "5xx"
BUSY: Final = "429"
REFUSED: Final = "refused"

_SERVER_ERROR = 500
_BY_STATUS: Final = {400: REFUSED, 422: REFUSED, 408: TIMEOUT, 429: BUSY, 499: GAVE_UP, 504: TIMEOUT}
_BY_FLAG: Final = {
    "UT": TIMEOUT,
    "SI": TIMEOUT,
    "DT": TIMEOUT,
    "UMSDR": TIMEOUT,
    "UC": RESET,
    "UR": RESET,
    "LR": RESET,
    "UPE": RESET,
    "UF": UNREACHABLE,
    "UH": NO_REPLICA,
    "UO": NO_REPLICA,
    "NC": NO_REPLICA,
    "NR": NO_REPLICA,
    "DF": NO_REPLICA,
}
"""Envoy's response flags that tell why there was no good answer."""
_WAITED: Final = frozenset({TIMEOUT, GAVE_UP})
_SILENT: Final = frozenset({RESET, UNREACHABLE, NO_REPLICA, NO_ANSWER, FAILED_OVER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What a line counts as.

    Attributes:
        error: its kind; empty if nothing went wrong.
        timed: whether its seconds tell of the side that it was dealt to: that side answered, or was waited for in vain.
        own: whether that side answered, so that version and replica are its own.
    """

    error: str = ""
    timed: bool = True
    own: bool = True


_FINE: Final = Counted()


def counted(line: AccessLine) -> Counted | None:
    """What a line counts as for the judge; None for copies and for requests whose side a tester chose."""
    if line.mirrored or line.forced:
        return None
    own = line.served is line.assigned
    if own and not line.flags and _answered_well(line.status):
        return _FINE
    error = error_of(line)
    answered = own and error not in _SILENT
    return Counted(error=error, timed=answered or (error in _WAITED and line.served in {None, line.assigned}), own=own)


def error_of(line: AccessLine) -> str:
    """The kind of error that a line counts as; empty for none."""
    if line.assigned is Arm.CANARY and line.served is Arm.STABLE:
        return FAILED_OVER
    flagged = _flagged(line.flags) if line.flags else ""
    if line.status == 0:
        return flagged or (GAVE_UP if _left(line.flags) else NO_ANSWER)
    if flagged:
        return flagged
    return _BY_STATUS.get(line.status, BROKEN if line.status >= _SERVER_ERROR else "")


def _answered_well(status: int) -> bool:
    return 0 < status < _SERVER_ERROR and status not in _BY_STATUS


def _flagged(flags: str) -> str:
    return next((kind for flag in flags.split(",") if (kind := _BY_FLAG.get(flag))), "")


def _left(flags: str) -> bool:
    """Whether the caller went away before there was an answer."""
    return "DC" in flags.split(",")
