"""What the configuration says of the gateway, read again whenever the file changes.

A server lives for months, and is started by the first `seatrial deploy`, often before there is any service.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from seatrial.config import CONFIG_NAME, find_project
from seatrial.ports import Clock
from seatrial.records import GatewaySpec, Project, ServiceSpec

SETTLED_SECONDS = 1.0
Mark = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """The proxy, and the services that it answers for; `windows`: seconds of each service's windows, by name."""

    gateway: GatewaySpec = field(default_factory=GatewaySpec)
    services: tuple[ServiceSpec, ...] = ()
    windows: Mapping[str, float] = field(default_factory=dict)


class SetupReader:
    """Reads a project's `seatrial.yaml` where it has changed; without one there are no services.

    A file that is gone, or that changed a moment ago, may be in the middle of being written: what it said before holds.
    """

    def __init__(self, project: Path, clock: Clock) -> None:
        self._project = project
        self._clock = clock
        self._read: Mark | None = None
        self._seen: tuple[Mark, float] | None = None
        self._setup = Setup()

    def __call__(self) -> Setup:
        """What it says now. Raises SeatrialError for a file that can't be read, once; then it is as it was before."""
        mark = self._mark()
        if mark is not None and mark != self._read and (self._read is None or self._has_settled(mark)):
            self._read = mark
            found = find_project(self._project)
            self._setup = Setup() if found is None else _setup(found)
        return self._setup

    def _has_settled(self, mark: Mark) -> bool:
        now = self._clock.monotonic()
        if self._seen is None or self._seen[0] != mark:
            self._seen = (mark, now)
        return now - self._seen[1] >= SETTLED_SECONDS

    def _mark(self) -> Mark | None:
        try:
            stat = (self._project / CONFIG_NAME).stat()
        except OSError:
            return None
        return (stat.st_mtime_ns, stat.st_size, stat.st_ino)


def _setup(project: Project) -> Setup:
    windows = {name: release.window for name, release in project.releases.items()}
    return Setup(gateway=project.gateway, services=project.services, windows=windows)
