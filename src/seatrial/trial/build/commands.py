"""Runs a command to its end, with a log, a deadline and nothing left behind.

Builds, installations and tests are other people's programs: they print secrets, hang, and start helpers of their own.
Each gets its own session and a mark of the run in its environment (the next trial finds by it what a killed one left),
its output passes through `logs.copy_bounded`, and when it ends, in whatever way, its whole process group is ended.
"""

import os
import signal
import subprocess
import threading
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from seatrial.logs import Redactor, tail
from seatrial.ports import Clock
from seatrial.records import PermanentError, TemporaryError
from seatrial.trial.build.logs import copy_bounded

RUN_VARIABLE = "SEATRIAL_RUN"
_GRACE = 2.0
_DRAIN = 1.0
_REMEDIES: Mapping[type[OSError], str] = {
    FileNotFoundError: "check the spelling, and that the stack installs it",
    PermissionError: "make it executable (chmod +x)",
}


class StoppedError(TemporaryError):
    """The whole trial was stopped: whatever was under way has not failed, it was not finished."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command to run.

    Attributes:
        argv: program and arguments, no shell.
        cwd: working directory.
        env: the whole environment; its `PATH` finds the program.
        log: file that its output is appended to, without secrets.
        timeout: seconds after which it is ended.
        where: what it belongs to, for messages: a cell or file.
        stdout: file for its standard output alone, if that is to be read afterwards.
        inherit: descriptors that it keeps open (locks).
    """

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    log: Path
    timeout: float
    where: str = ""
    stdout: Path | None = None
    inherit: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How it ended: `exit_status` is negative for a signal; `log_tail` is safe to show."""

    exit_status: int
    seconds: float
    timed_out: bool
    log_tail: str

    @property
    def ended(self) -> str:
        """In words: `exit status 1`, `SIGKILL`."""
        if self.exit_status >= 0:
            return f"exit status {self.exit_status}"
        with suppress(ValueError):
            return signal.Signals(-self.exit_status).name
        return f"signal {-self.exit_status}"


class Commands:
    """Runs commands; safe to use from many threads.

    Args:
        clock: measures how long they take.
        run: id of the trial, put into their environment as `SEATRIAL_RUN`, so that a later sweep finds them.
    """

    def __init__(self, clock: Clock, run: str = "") -> None:
        self.clock = clock
        self._run = run
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def run(self, command: Command) -> Finished:
        """Run one command and wait for its end.

        Raises:
            PermanentError: it can't be started.
            StoppedError: `stop` was called.
        """
        began = self.clock.monotonic()
        with ExitStack() as stack:
            process, pumps = self._start(command, stack)
            timed_out = _wait(process, command.timeout)
            _end_tree(process, gently=timed_out)
        for pump in pumps:
            pump.join(_DRAIN)
        self.check()
        return Finished(
            exit_status=process.returncode,
            seconds=self.clock.monotonic() - began,
            timed_out=timed_out,
            log_tail=tail(command.log),
        )

    def stop(self) -> None:
        """End everything that runs (Ctrl-C) and refuse to start more; safe to call twice and from any thread."""
        with self._lock:
            self._stopped = True
            running = [process for process in self._running if process.returncode is None]
        for process in running:
            _kill(process, _descendants(process))

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped

    def check(self) -> None:
        """Raise StoppedError if `stop` was called."""
        if self._stopped:
            raise StoppedError("the trial was interrupted", remedy="run it again; finished work is kept")

    def _start(self, command: Command, stack: ExitStack) -> tuple[subprocess.Popen[bytes], list[threading.Thread]]:
        redactor = Redactor(command.env)
        log = _open(command.log, "ab")
        with self._lock:
            try:
                self.check()
                process = _spawn(command, self._environment(command))
            except BaseException:
                log.close()
                raise
            self._running.add(process)
        stack.callback(self._forget, process)
        if command.stdout is None:
            return process, [_pump(process.stdout, log, redactor)]
        apart = _open(command.stdout, "wb")
        return process, [_pump(process.stderr, log, redactor), _pump(process.stdout, apart, redactor)]

    def _environment(self, command: Command) -> dict[str, str]:
        return {**command.env, RUN_VARIABLE: self._run} if self._run else dict(command.env)

    def _forget(self, process: subprocess.Popen[bytes]) -> None:
        """Whatever happened (Ctrl-C in this thread included), nothing of it stays."""
        if process.returncode is None:
            _end_tree(process, gently=False)
        with self._lock:
            self._running.discard(process)


def _spawn(command: Command, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command.argv,
            cwd=command.cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if command.stdout is None else subprocess.PIPE,
            pass_fds=command.inherit,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise PermanentError(
            f"{command.argv[0]!r} can't be started: {reason}",
            where=command.where,
            remedy=_REMEDIES.get(type(error), "") if isinstance(error, OSError) else "",
        ) from error


def _open(path: Path, mode: str) -> IO[bytes]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open(mode, buffering=0)
    except OSError as error:
        raise PermanentError(
            f"the log can't be written: {error.strerror}", where=str(path), remedy="free space, or make it writable"
        ) from error


def _pump(source: IO[bytes] | None, target: IO[bytes], redactor: Redactor) -> threading.Thread:
    thread = threading.Thread(target=_copy, args=(source, target, redactor), name="seatrial-log", daemon=True)
    thread.start()
    return thread


def _copy(source: IO[bytes], target: IO[bytes], redactor: Redactor) -> None:
    with source, target:
        copy_bounded(source, target, redactor)


def _wait(process: subprocess.Popen[bytes], timeout: float) -> bool:
    """Wait for the end; whether the time ran out first."""
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        return True
    return False


def _end_tree(process: subprocess.Popen[bytes], *, gently: bool) -> None:
    """End what is left of it: helpers that outlived the command too."""
    if process.returncode is None:
        strays = _descendants(process)
        if gently:
            _signal_group(process, signal.SIGTERM)
            _wait(process, _GRACE)
        _kill(process, strays)
        process.wait()
    _signal_group(process, signal.SIGKILL)


def _descendants(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Its children and theirs, found while it lives: afterwards nobody knows whose they were."""
    with suppress(psutil.Error):
        return list(psutil.Process(process.pid).children(recursive=True))
    return []


def _kill(process: subprocess.Popen[bytes], strays: Iterable[psutil.Process]) -> None:
    """SIGKILL to its process group and to descendants that may have left the group."""
    _signal_group(process, signal.SIGKILL)
    for stray in strays:
        with suppress(psutil.Error):
            stray.kill()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
