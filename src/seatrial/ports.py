"""The ports: what the rooms need from the world, as Protocols.

One contract suite per port (`tests/contract/`) runs on the shipped fake, the embedded default and every real adapter.
Only `wiring` knows which adapter stands behind a port.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from seatrial.records import Limits, Resources, UsagePoint


class Clock(Protocol):
    """Time. Nothing inside asks the system directly."""

    def now(self) -> datetime:
        """The wall clock, timezone-aware UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary origin; never goes back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """One process to start.

    Attributes:
        run: mark of the trial, unique on this machine; leftovers are found by it.
        cell: unique within the run.
        command: run through no shell; `$PORT` and other `$NAME`s of `env` in it are already filled in.
        cwd: working directory.
        env: the whole environment.
        port: loopback port that it must listen on.
        log: file that gets its standard output and error.
        resources: limits to enforce where this machine can.
    """

    run: str
    cell: str
    command: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    port: int
    log: Path
    resources: Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """`running` is False once it has ended; then `exit_status` is set (negative: by that signal). `note` says more: `out of memory`."""

    running: bool
    exit_status: int | None = None
    note: str = ""


class Instance(Protocol):
    """One started deployment."""

    @property
    def limits(self) -> Limits:
        """What is enforced and what is not."""
        ...

    @property
    def usage_source(self) -> str:
        """How `usage` is read: `cgroup v1`, `cgroup v2` or `psutil`."""
        ...

    def status(self) -> Status:
        """Whether it runs, or how it ended."""
        ...

    def usage(self) -> UsagePoint | None:
        """Usage of the whole process tree now; None once it has ended."""
        ...

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of its log, safe to show: at most 8 KiB, undecodable bytes replaced, secrets of its environment masked."""
        ...

    def stop(self, grace: float = 5.0) -> None:
        """End the whole process tree: SIGTERM, then SIGKILL after `grace` seconds. Safe to call twice."""
        ...


class Runtime(Protocol):
    """Starts deployments and stops them, also those that a crashed run left behind."""

    def start(self, launch: Launch) -> Instance:
        """Start one. Raises PermanentError if the command can't be started at all."""
        ...

    def free_port(self) -> int:
        """A loopback port that nothing listens on, and that isn't given out twice in a row."""
        ...

    def sweep(self, run: str) -> int:
        """Stop everything that run `run` left behind (kill -9 of seatrial); how many processes were stopped."""
        ...

    def describe(self) -> Mapping[str, str]:
        """What this runtime can do here, for `seatrial doctor`."""
        ...


class Store(Protocol):
    """Artifacts by digest (`sha256:…`). The same bytes are stored once; a digest never changes its meaning."""

    def put(self, data: bytes) -> str:
        """Store bytes, return their digest."""
        ...

    def put_file(self, path: Path) -> str:
        """Store a file's bytes, return their digest."""
        ...

    def get(self, digest: str) -> bytes:
        """The bytes. Raises PermanentError if there are none or if they no longer match."""
        ...

    def has(self, digest: str) -> bool:
        """Whether it is there."""
        ...
