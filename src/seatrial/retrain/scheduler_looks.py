"""Looks at streams and prediction logs, as rarely as they are dear, and their trouble told once and not every few seconds."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from seatrial.ports import Clock
from seatrial.records import AlarmSpec, RetrainSpec, SeatrialError
from seatrial.retrain.schedule import Finding

ROWS_SECONDS: Final = 15.0
ALARM_SECONDS: Final = (60.0, 3600.0)
ALARM_PART: Final = 24
"""A window is looked at so often in its own length, but not more often and not more rarely than that."""
_NOTHING: Final = Finding(sounds=False, said="")
log = logging.getLogger("seatrial.server")


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """How to look at what begins runs of one loop; each may take long, and raise.

    Attributes:
        new_rows: events in the stream that no version of the dataset has taken.
        alarm: whether an alarm sounds.
    """

    new_rows: Callable[[], int]
    alarm: Callable[[AlarmSpec], Finding]


class Troubles:
    """Tells of each thing what is wrong with it, once until that changes."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._said: dict[str, str] = {}

    def error(self, what: str, error: Exception) -> None:
        """Something went wrong."""
        if isinstance(error, SeatrialError):
            self.note(what, f"{error.what} ({error.where})" if error.where else error.what)
        elif self._said.get(what) != (text := f"{type(error).__name__}: {error}"):
            self._said[what] = text
            log.error("%s broke; it is looked at again in a moment", what, exc_info=error)

    def note(self, what: str, text: str) -> None:
        """Something is worth to be known; nothing, where the text is empty."""
        if text and self._said.get(what) != text:
            self._say(f"{what}: {text}")
        self._said[what] = text

    def over(self, what: str) -> None:
        """It goes well."""
        self._said.pop(what, None)


class PatientLooks:
    """Looks for one loop that never raise, and that are rare: in between nothing is new. For one thread at a time.

    Args:
        spec: the loop.
        looks: how to look.
        busy: whether a run of the loop waits or is on.
        clock: by which looks are rare.
        troubles: are told what goes wrong.
    """

    def __init__(
        self, spec: RetrainSpec, looks: Looks, busy: Callable[[], bool], clock: Clock, troubles: Troubles
    ) -> None:
        self._spec = spec
        self._looks = looks
        self._clock = clock
        self._troubles = troubles
        self._next: dict[object, float] = {}
        self.busy = busy

    def new_rows(self) -> int:
        """Events in the stream that no version has taken; 0 where it can't be told now."""
        if not self._is_time("rows", ROWS_SECONDS):
            return 0
        what = f"counting new events for {self._spec.name}"
        try:
            rows = self._looks.new_rows()
        except Exception as error:  # noqa: BLE001 - a stream that doesn't answer stops nothing else
            self._troubles.error(what, error)
            return 0
        self._troubles.over(what)
        return rows

    def alarm(self, spec: AlarmSpec) -> Finding:
        """Whether an alarm sounds; it doesn't where it can't be told now."""
        least, most = ALARM_SECONDS
        if not self._is_time(spec, min(most, max(least, spec.window / ALARM_PART))):
            return _NOTHING
        what = f"the {spec.metric or spec.kind} alarm of {self._spec.name} on {spec.log}"
        try:
            found = self._looks.alarm(spec)
        except Exception as error:  # noqa: BLE001 - a log that can't be read stops nothing else
            self._troubles.error(what, error)
            return _NOTHING
        self._troubles.note(what, found.note)
        return found

    def _is_time(self, what: object, seconds: float) -> bool:
        now = self._clock.monotonic()
        if now < self._next.get(what, now):
            return False
        self._next[what] = now + seconds
        return True
