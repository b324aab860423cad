"""The requests that went wrong, as lines for people: in a notice of an abort, and in the report.

They may be published, so a line says which path and never which question (no query string, no logins), and has no
control characters, whatever a caller sent.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import msgspec

from seatrial.gateway.log.counted import Counted
from seatrial.gateway.log.moments import milliseconds, moment_of
from seatrial.logs import redact
from seatrial.records import AccessLine
from seatrial.records.traffic import THOUSAND

MOST: Final = 200
"""Of one side that are kept between two commits, and of a service's side altogether."""
_LONGEST: Final = 160


class Failing(msgspec.Struct, array_like=True, frozen=True):
    """One request that went wrong. `at`: milliseconds since 1970; `path` as it may be shown."""

    service: str
    arm: str
    at: int
    request_id: str
    method: str
    path: str
    status: int
    error: str
    flags: str
    endpoint: str
    version: str
    seconds: float


class Failures:
    """The latest of each side since they were last taken."""

    def __init__(self) -> None:
        self._found: defaultdict[tuple[str, str], list[AccessLine]] = defaultdict(list)
        self._errors: defaultdict[tuple[str, str], list[str]] = defaultdict(list)

    def add(self, line: AccessLine, what: Counted) -> None:
        """Keep a line that went wrong."""
        key = (line.service, line.assigned.value)
        lines, errors = self._found[key], self._errors[key]
        lines.append(line)
        errors.append(what.error)
        if len(lines) >= 2 * MOST:
            del lines[:MOST], errors[:MOST]

    def take(self) -> list[Failing]:
        """Those that were kept, and begin anew."""
        taken = [
            failing(line, error)
            for key, lines in self._found.items()
            for line, error in list(zip(lines, self._errors[key], strict=True))[-MOST:]
        ]
        self._found.clear()
        self._errors.clear()
        return taken


def failing(line: AccessLine, error: str) -> Failing:
    """A line as it is kept and may be shown."""
    return Failing(
        service=line.service,
        arm=line.assigned.value,
        at=milliseconds(line.time),
        request_id=_shown(line.request_id),
        method=_shown(line.method),
        path=_shown(without_query(line.path)),
        status=line.status,
        error=error,
        flags=_shown(line.flags),
        endpoint=line.endpoint,
        version=line.version,
        seconds=line.seconds,
    )


def without_query(path: str) -> str:
    """A path without query and fragment."""
    return path.partition("?")[0].partition("#")[0]


def shown(failures: Sequence[Failing]) -> tuple[str, ...]:
    """One line each: time, request id, status, what went wrong, replica, path."""
    return tuple(_line(one) for one in failures)


def _line(one: Failing) -> str:
    status = str(one.status) if one.status else "---"
    why = f"{one.error} ({one.flags})" if one.flags else one.error
    where = one.endpoint or one.version or "no replica"
    return (
        f"{moment_of(one.at):%Y-%m-%d %H:%M:%S}.{one.at % THOUSAND:03d} {one.request_id or '-'} {status} {why}, "
        f"{one.seconds * THOUSAND:.0f} ms, {where}: {one.method} {one.path}"
    )


def _shown(text: str) -> str:
    clean = "".join(letter if letter.isprintable() else "?" for letter in redact(text))
    return clean if len(clean) <= _LONGEST else f"{clean[: _LONGEST - 1]}…"
