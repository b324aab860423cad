"""Runs the trial of one deployment as a child process, from its first line of progress to its last process.

The child prints its progress as JSON on standard error (`seatrial trial --progress json`); whatever else it says is kept
as the end of its log, bounded and without secrets. It is tied to its worker (`leash.py`), so that it ends when the worker
does, in whatever way.
"""

import os
import select
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import msgspec
import psutil

from seatrial.bot import leash
from seatrial.logs import Redactor, shown
from seatrial.ports import Clock, Runtime
from seatrial.records import PermanentError
from seatrial.trial.progress import Progress

LOOK_SECONDS: Final = 0.5
GRACE_SECONDS: Final = 20.0
_RUN_VARIABLE: Final = "SEATRIAL_RUN"
_TAIL_BYTES: Final = 16 << 10
_LINE_BYTES: Final = 64 << 10
_DRAIN_SECONDS: Final = 2.0
_PROGRESS: Final = msgspec.json.Decoder(Progress)


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A command that is tied to this process.

    Attributes:
        command: no shell.
        cwd: its working directory.
        environment: all of it.
        mark: by which its processes are found when nobody is left who knows them.
        longest: seconds after which it is ended.
        gently: whether it ends by itself on SIGINT (and, when the worker is gone, SIGTERM); otherwise it is killed.
        limits: by the names of `resource.RLIMIT_…`.
    """

    command: tuple[str, ...]
    cwd: Path
    environment: Mapping[str, str]
    mark: str
    longest: float
    gently: bool = True
    limits: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a child ended.

    Attributes:
        status: exit status, negative for a signal.
        tail: the end of what it said, safe to show.
        output: what it printed, the first 64 KiB.
        stopped: whether somebody wanted its end.
        timed_out: whether its time ran out.
    """

    status: int
    tail: str = ""
    output: bytes = b""
    stopped: bool = False
    timed_out: bool = False

    @property
    def told(self) -> str:
        """In words."""
        if self.timed_out:
            return "its time ran out"
        if self.status >= 0:
            return f"exit status {self.status}"
        with suppress(ValueError):
            return signal.Signals(-self.status).name
        return f"signal {-self.status}"


def nothing(_progress: Progress) -> None:
    """Watch nothing."""


class Runner:
    """Runs children. Safe to use from many threads; a child is tied to the thread that runs it.

    Args:
        clock: how long they take.
        runtime: stops what they leave behind.
        grace: seconds between asking a child to end and killing it.
    """

    def __init__(self, clock: Clock, runtime: Runtime, *, grace: float = GRACE_SECONDS) -> None:
        self._clock = clock
        self._runtime = runtime
        self._grace = grace

    def run(self, child: Child, *, wanted: Callable[[], bool], watch: Callable[[Progress], None] = nothing) -> Ended:
        """Run it to its end.

        Args:
            child: what to run.
            wanted: asked twice a second; False ends it.
            watch: told of its progress, from another thread.

        Raises:
            PermanentError: it can't be started.
        """
        process = _start(child)
        said = _Said(Redactor(child.environment), watch)
        readers = [_reader(said.read, process.stderr), _reader(said.keep, process.stdout)]
        stopped = timed_out = False
        try:
            deadline = self._clock.monotonic() + child.longest
            while not _ended_within(process, LOOK_SECONDS):
                stopped = not wanted()
                timed_out = self._clock.monotonic() > deadline
                if stopped or timed_out:
                    break
        finally:
            died = self._end(process, child)
        for reader in readers:
            reader.join(_DRAIN_SECONDS)
        if died:
            self._runtime.sweep(child.mark)
        return Ended(
            status=process.returncode, tail=said.tail(), output=said.output, stopped=stopped, timed_out=timed_out
        )

    def _end(self, process: "subprocess.Popen[bytes]", child: Child) -> bool:
        """Have it ended, with everything below it; whether it had to be killed, or was."""
        if process.poll() is None:
            if child.gently:
                process.send_signal(signal.SIGINT)
                _ended_within(process, self._grace)
            if process.poll() is None:
                _kill(process)
        return process.wait() < 0


class _Said:
    """What a child says: progress is handed on, the end of the rest is kept."""

    def __init__(self, redactor: Redactor, watch: Callable[[Progress], None]) -> None:
        self._redactor = redactor
        self._watch = watch
        self._lines: deque[bytes] = deque()
        self._size = 0
        self.output = b""

    def read(self, stream: IO[bytes]) -> None:
        """Read standard error to its end, so that the child is never blocked."""
        while line := stream.readline(_LINE_BYTES):
            progress = _progress(line)
            if progress is not None:
                self._watch(progress)
                continue
            self._lines.append(line)
            self._size += len(line)
            while self._size > _TAIL_BYTES and len(self._lines) > 1:
                self._size -= len(self._lines.popleft())

    def keep(self, stream: IO[bytes]) -> None:
        """Read standard output to its end, and keep the beginning."""
        self.output = stream.read(_LINE_BYTES)
        while stream.read(_LINE_BYTES):
            pass

    def tail(self) -> str:
        """The end of what it said."""
        text = self._redactor.clean(b"".join(list(self._lines))[-_TAIL_BYTES:]).decode("utf-8", "replace")
        return "\n".join(shown(line) for line in text.rstrip().split("\n"))


def _progress(line: bytes) -> Progress | None:
    if not line.startswith(b"{"):
        return None
    try:
        return _PROGRESS.decode(line)
    except msgspec.MsgspecError:
        return None


def _start(child: Child) -> "subprocess.Popen[bytes]":
    death = signal.SIGTERM if child.gently else signal.SIGKILL
    limits = [f"{name}={most}" for name, most in (child.limits or {}).items()]
    tied = [sys.executable, "-I", "-S", leash.__file__, str(int(death)), str(os.getpid()), str(len(limits)), *limits]
    try:
        return subprocess.Popen(
            [*tied, *child.command],
            cwd=child.cwd,
            env={**child.environment, _RUN_VARIABLE: child.mark},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise PermanentError(f"the trial's process can't be started: {reason}", where=str(child.cwd)) from error


def _reader(read: Callable[[IO[bytes]], None], stream: IO[bytes] | None) -> threading.Thread:
    def reading() -> None:
        if stream is not None:
            with stream:
                read(stream)

    thread = threading.Thread(target=reading, name="child", daemon=True)
    thread.start()
    return thread


def _ended_within(process: "subprocess.Popen[bytes]", seconds: float) -> bool:
    """Whether it has ended by then; sleeps until it does, without looking again and again."""
    if process.poll() is not None:
        return True
    descriptor = os.pidfd_open(process.pid)
    try:
        poller = select.poll()
        poller.register(descriptor, select.POLLIN)
        poller.poll(seconds * 1000)
    finally:
        os.close(descriptor)
    return process.poll() is not None


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """SIGKILL to it and everything below it, which may be in sessions of its own."""
    below: list[psutil.Process] = []
    with suppress(psutil.Error):
        below = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    for each in below:
        with suppress(psutil.Error):
            each.kill()
