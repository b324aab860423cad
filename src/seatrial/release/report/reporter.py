"""Writes the reports of a project's releases: when somebody asks, when people are told, and when one has ended.

A report is made from what is on disk alone, so that it can be made again at any time, by whoever.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from seatrial.pages.forms import ReportFiles
from seatrial.pages.picture import pictures
from seatrial.ports import Clock, Store
from seatrial.records import MirrorReport, PlatformPoint, Release, ReleasePhase, ReleaseReport, UsageError
from seatrial.release.book import ReleaseBook
from seatrial.release.kept import Kept
from seatrial.release.report import charts
from seatrial.release.report.build import Seen, build_report
from seatrial.release.report.write import write_report

PLATFORM_SECONDS: Final = 30.0
LOOK_SECONDS: Final = 2.0
PLATFORM: Final = "platform.jsonl"
_LATELY: Final = 20
log = logging.getLogger("seatrial.server")


def _not_mirrored(_: Release) -> MirrorReport | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportMeans:
    """What reports are made from.

    Attributes:
        project: its name.
        folder: where each release has a folder of its own.
        failing: lines of the canary's failing requests.
        mirrored: what the canary answered to copies; None where nobody wrote that down.
        one: held while a report is made or drawn. A hundred releases may end at once, and who moves requests needs the
            machine more than those who wait for a report.
    """

    project: str
    folder: Path
    book: ReleaseBook
    clock: Clock
    failing: Callable[[Release], Sequence[str]]
    mirrored: Callable[[Release], MirrorReport | None] = _not_mirrored
    one: threading.Lock = field(default_factory=threading.Lock)


def report_of(release: Release, means: ReportMeans) -> ReleaseReport:
    """The report of what is known by now."""
    kept = Kept(means.folder / release.id)
    seen = Seen(
        release=release,
        events=[event for _, event in means.book.events(release.id)],
        windows=[observed.window for observed in kept.windows() if not observed.warm],
        judgements=kept.judgements(),
        failing=means.failing(release),
        platform=list(_platform(means.folder / release.id / PLATFORM)),
        mirrored=means.mirrored(release) if release.spec.mirrors else None,
    )
    return build_report(seen, project=means.project, now=means.clock.now())


def write_for(release: Release, means: ReportMeans) -> ReportFiles:
    """Write the report's files into the release's folder. Raises OSError."""
    with means.one:
        return write_report(report_of(release, means), means.folder / release.id)


def draw(release: Release, means: ReportMeans) -> tuple[str, ...]:
    """The plots that go with a notice, as files; none where the extra for pictures is not installed."""
    with means.one:
        return tuple(map(str, _draw(release, means)))


def _draw(release: Release, means: ReportMeans) -> Sequence[Path]:
    report = report_of(release, means)
    specs = {"evidence": charts.evidence(report), "latency": charts.latency(report)}
    found = {name: spec for name, spec in specs.items() if spec is not None}
    paths = [means.folder / release.id / f"{name}.png" for name in found]
    try:
        drawn = pictures(list(found.values()))
    except UsageError:
        return ()
    for path, data in zip(paths, drawn, strict=True):
        path.write_bytes(data)
    return paths


def keep_digest(release: Release, means: ReportMeans, store: Store) -> str:
    """Write the report, and keep `report.json` in a store as evidence; its digest."""
    return store.put_file(write_for(release, means).json)


class Reporter:
    """A duty of the server: notes what replicas use while a release runs, and writes the report of one that has ended."""

    def __init__(self, means: ReportMeans, platform: Callable[[], Sequence[PlatformPoint]]) -> None:
        self._means = means
        self._platform = platform
        self._noted_at = float("-inf")
        self._written: set[str] = set()

    def __call__(self, stop: threading.Event) -> None:
        """Until `stop` is set."""
        while not stop.is_set():
            try:
                self.turn()
            except Exception:
                log.exception("reports of releases could not be written; they are tried again")
            stop.wait(LOOK_SECONDS)

    def turn(self) -> None:
        """Note what is to be noted, and write what has ended."""
        running = self._means.book.running()
        now = self._means.clock.monotonic()
        if running and now - self._noted_at >= PLATFORM_SECONDS:
            self._noted_at = now
            self._note(running)
        for release in self._means.book.past(limit=_LATELY):
            if release.phase is ReleasePhase.ENDED and release.id not in self._written:
                if not _is_whole(self._means.folder / release.id / "report.json"):
                    write_for(release, self._means)
                self._written.add(release.id)

    def _note(self, running: Sequence[Release]) -> None:
        points = self._platform()
        for release in running:
            lines = [msgspec.json.encode(point) + b"\n" for point in points if point.service == release.service]
            folder = self._means.folder / release.id
            if lines and folder.is_dir():
                with (folder / PLATFORM).open("ab") as file:
                    file.write(b"".join(lines))


def _is_whole(path: Path) -> bool:
    """Whether a report tells the end."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=ReleaseReport)
    except (OSError, msgspec.DecodeError):
        return False
    return found.release.phase is ReleasePhase.ENDED


def _platform(path: Path) -> Iterator[PlatformPoint]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return
    for line in lines:
        try:
            yield msgspec.json.decode(line, type=PlatformPoint)
        except msgspec.DecodeError:
            continue
