"""A cell on its way through the trial: it gathers what each step finds out and ends as a `CellResult`.

A cell that fails stays: its failure, with the stage and the end of its log, is its row in the report.
"""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from seatrial.ports import Clock, Instance
from seatrial.records import (
    Cell,
    CellResult,
    Failure,
    Limits,
    Package,
    SeatrialError,
    Stage,
    TestResult,
    Usage,
    UsagePoint,
)
from seatrial.trial.progress import Progress, Watcher

LOG_TAIL = 8192


class CellRun:
    """One cell while the trial runs; written by one thread at a time, except for its usage."""

    def __init__(self, cell: Cell, watch: Watcher) -> None:
        self.cell = cell
        self.stage = Stage.CHECKOUT
        self.failure: Failure | None = None
        self.instance: Instance | None = None
        self.url: str | None = cell.deployment.url
        self.project: Path | None = None
        self.log: Path | None = None
        self.ready_seconds: float | None = None
        self.stack_digest: str | None = None
        self.stack_bytes: int | None = None
        self.packages: tuple[Package, ...] = ()
        self.build_seconds: float | None = None
        self.build_cached = False
        self.limits: Limits | None = None
        self.driven_seconds = 0.0
        self.requests = 0
        self.planned = 0
        self.tests: list[TestResult] = []
        self.scrape: dict[str, float] = {}
        self.usage: list[UsagePoint] = []
        self._watch = watch

    @property
    def id(self) -> str:
        """The cell's id."""
        return self.cell.id

    @property
    def lives(self) -> bool:
        """Whether it has not failed."""
        return self.failure is None

    def enter(self, stage: Stage, detail: str = "", *, done: int = 0, total: int = 0) -> None:
        """Go on to a stage, and say so."""
        self.stage = stage
        self._watch(Progress(cell=self.id, stage=stage, detail=detail, done=done, total=total))

    def fail(self, error: SeatrialError | str, *, exit_status: int | None = None, log_tail: str = "") -> None:
        """End here; the first failure stays."""
        if self.failure is not None:
            return
        message = str(error) if isinstance(error, str) else error.what
        if isinstance(error, SeatrialError) and error.remedy:
            message = f"{message} → {error.remedy}"
        self.failure = Failure(
            stage=self.stage, message=message, exit_status=exit_status, log_tail=log_tail[-LOG_TAIL:]
        )
        self._watch(Progress(cell=self.id, stage=self.stage, detail=message.splitlines()[0], failed=True))

    def fail_if_dead(self, what: str) -> bool:
        """Fail with the exit status and the log if its process has ended; whether it has."""
        if self.instance is None:
            return False
        status = self.instance.status()
        if status.running:
            return False
        note = f": {status.note}" if status.note else ""
        self.fail(
            f"{what}{note}",
            exit_status=status.exit_status,
            log_tail=self.instance.log_tail(),
        )
        return True

    def is_alive(self) -> bool:
        """Whether its process runs; a deployment behind a URL counts as alive."""
        return self.instance is None or self.instance.status().running

    def current_usage(self) -> UsagePoint | None:
        """Its usage now."""
        return self.instance.usage() if self.instance else None

    def stop(self) -> None:
        """Stop its process tree, if it has one."""
        if self.instance is not None:
            self.instance.stop()

    def result(self, folder: Path) -> CellResult:
        """What was seen of it; paths relative to `folder`."""
        return CellResult(
            cell=self.id,
            stage=self.stage,
            failure=self.failure,
            ready_seconds=self.ready_seconds,
            stack_digest=self.stack_digest,
            stack_bytes=self.stack_bytes,
            packages=self.packages,
            build_seconds=self.build_seconds,
            build_cached=self.build_cached,
            limits=self.limits,
            usage=Usage(source=self.instance.usage_source, points=tuple(self.usage)) if self.instance else None,
            driven_seconds=self.driven_seconds,
            requests=self.requests,
            tests=tuple(self.tests),
            scrape=dict(self.scrape),
            log=str(self.log.relative_to(folder)) if self.log and self.log.is_relative_to(folder) else None,
        )


class UsageSampler:
    """Reads the usage of all running cells four times a second, in a thread of its own.

    Every cell's points are thinned to at most `MOST` by dropping every other one and doubling the interval.
    """

    MOST = 1200

    def __init__(self, cells: Sequence[CellRun], clock: Clock, interval: float = 0.25) -> None:
        self._cells = cells
        self._clock = clock
        self._interval = interval
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="usage", daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End, with a last reading."""
        self._stop.set()
        self._thread.join()
        self._read()

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            self._read()

    def _read(self) -> None:
        for cell in self._cells:
            point = cell.current_usage()
            if point is not None:
                cell.usage.append(point)
            if len(cell.usage) > self.MOST:
                del cell.usage[1::2]
                self._interval = min(self._interval * 2, 4.0)
