"""Fakes of the ports, shipped so that users' tests, like ours, need no processes, disks or waiting.

They pass the same contract suites as the real adapters (`tests/contract/`). Nothing here draws random numbers or reads
the system's clock, so a test that uses them does the same thing every time.

    clock = FakeClock()
    runtime = FakeRuntime(clock, {"forest@candidate": Script(dies_after=3.0, exit_status=1, log="no such model")})
    instance = runtime.start(launch)
    clock.sleep(3.0)
    assert Status(running=False, exit_status=1) == instance.status()
"""

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from seatrial.adapters.runtime.loopback import PortReserve
from seatrial.ports import Launch, Status
from seatrial.records import Limits, PermanentError, SeatrialError, UsagePoint

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class FakeClock:
    """Time that passes only when someone sleeps. Safe to use from many threads.

    Args:
        start: the wall clock at the beginning, timezone-aware.
    """

    def __init__(self, start: datetime = _EPOCH) -> None:
        self._start = start
        self._elapsed = 0.0
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The wall clock, timezone-aware UTC."""
        return self._start.astimezone(UTC) + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        with self._lock:
            return self._elapsed

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass, at once."""
        with self._lock:
            self._elapsed += max(0.0, seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What one fake deployment does. The default runs quietly until it is stopped.

    Attributes:
        start_error: raised instead of starting.
        dies_after: seconds until it ends by itself; None if it doesn't.
        exit_status: with which it then ends (negative: by that signal).
        note: what its status then says, as `out of memory (limit 256 MiB)`.
        ignores_sigterm: it takes the whole grace to stop and is killed.
        cores: CPU that it uses while it runs, in cores.
        memory: bytes that it holds, or a function from seconds since its start to bytes.
        log: what it wrote.
        limits: what is said of its limits.
        serve: called at the start, for what should really listen on `launch.port`; returns what ends it.
    """

    start_error: SeatrialError | None = None
    dies_after: float | None = None
    exit_status: int = 0
    note: str = ""
    ignores_sigterm: bool = False
    cores: float = 0.1
    memory: int | Callable[[float], int] = 50 << 20
    log: str = ""
    limits: Limits = field(default_factory=lambda: Limits(kind="none"))
    serve: Callable[[Launch], Callable[[], None]] | None = None


class FakeInstance:
    """A deployment that follows a script; made by `FakeRuntime.start`.

    Attributes:
        launch: with what it was started.
        stops: how often it was told to stop.
    """

    def __init__(self, launch: Launch, script: Script, clock: FakeClock) -> None:
        self.launch = launch
        self.stops = 0
        self._script = script
        self._clock = clock
        self._started = clock.monotonic()
        self._final: Status | None = None
        self._end_serving = script.serve(launch) if script.serve else None

    @property
    def limits(self) -> Limits:
        """As scripted."""
        return self._script.limits

    @property
    def usage_source(self) -> str:
        """`psutil`, or the kind of the scripted limits."""
        return "psutil" if self.limits.kind == "none" else self.limits.kind

    def status(self) -> Status:
        """Running until the script or a stop ends it."""
        dies_after = self._script.dies_after
        if self._final is None and dies_after is not None and self._age() >= dies_after:
            self._finish(self._script.exit_status, self._script.note)
        return self._final or Status(running=True)

    def usage(self) -> UsagePoint | None:
        """As scripted, while it runs."""
        if not self.status().running:
            return None
        age, memory = self._age(), self._script.memory
        held = memory(age) if callable(memory) else memory
        return UsagePoint(at=age, cpu_seconds=self._script.cores * age, memory=held)

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of the scripted log."""
        return "\n".join(self._script.log.splitlines()[-lines:]) if lines > 0 else ""

    def stop(self, grace: float = 5.0) -> None:
        """End it by SIGTERM, or after `grace` seconds by SIGKILL if it ignores that."""
        self.stops += 1
        if not self.status().running:
            return
        if self._script.ignores_sigterm:
            self._clock.sleep(grace)
        self._finish(-9 if self._script.ignores_sigterm else -15)

    def _age(self) -> float:
        return self._clock.monotonic() - self._started

    def _finish(self, exit_status: int, note: str = "") -> None:
        self._final = Status(running=False, exit_status=exit_status, note=note)
        if self._end_serving is not None:
            self._end_serving()


class FakeRuntime:
    """A Runtime that starts nothing but follows scripts.

    Args:
        clock: by which the scripts run.
        scripts: per cell; a cell without one follows `default`.
        default: the script of all other cells.

    Attributes:
        instances: everything that was started, in order.
    """

    def __init__(
        self, clock: FakeClock, scripts: Mapping[str, Script] | None = None, *, default: Script | None = None
    ) -> None:
        self.instances: list[FakeInstance] = []
        self._clock = clock
        self._ports = PortReserve()
        self._scripts = scripts or {}
        self._default = default or Script()

    def start(self, launch: Launch) -> FakeInstance:
        """Start one; raises what its script says."""
        script = self._scripts.get(launch.cell, self._default)
        if script.start_error is not None:
            raise script.start_error
        instance = FakeInstance(launch, script, self._clock)
        self.instances.append(instance)
        return instance

    def free_port(self) -> int:
        """A port that is really free, so that `Script.serve` can listen on it."""
        return self._ports.free_port()

    def sweep(self, run: str) -> int:
        """Stop what still runs of `run`; how many that were."""
        left = [instance for instance in self.instances if instance.launch.run == run and instance.status().running]
        for instance in left:
            instance.stop(grace=0.0)
        return len(left)

    def describe(self) -> Mapping[str, str]:
        """That it is a fake."""
        return {"runtime": "fake", "cgroup": "none"}


class MemoryStore:
    """A Store in memory."""

    def __init__(self) -> None:
        self._artifacts: dict[str, bytes] = {}

    def put(self, data: bytes) -> str:
        """Store bytes, return their digest."""
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        self._artifacts[digest] = bytes(data)
        return digest

    def put_file(self, path: Path) -> str:
        """Store a file's bytes, return their digest. Raises PermanentError if it can't be read."""
        try:
            return self.put(path.read_bytes())
        except OSError as error:
            raise PermanentError(f"can't be read: {error.strerror}", where=str(path)) from error

    def get(self, digest: str) -> bytes:
        """The bytes. Raises PermanentError if there are none."""
        if digest not in self._artifacts:
            raise PermanentError(f"there is no artifact {digest}", where="memory")
        return self._artifacts[digest]

    def has(self, digest: str) -> bool:
        """Whether it is there."""
        return digest in self._artifacts
