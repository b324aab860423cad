"""Start a cell and wait until it is healthy; a cell that isn't in time is stopped and becomes a row of the report."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

import httpx

from seatrial.ports import Clock, Launch, Runtime
from seatrial.records import PermanentError, SeatrialError, Stage, TemporaryError, UsageError
from seatrial.trial.build.commands import StoppedError
from seatrial.trial.cells import CellRun

ATTEMPTS = 3
FIRST_PAUSE = 0.01
LONGEST_PAUSE = 0.1
LONGEST_LOOK = 1.0
_OPERATORS = frozenset({"&&", "||", "|", ";", ">", ">>", "<", "&"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Starter:
    """Starts the cells of one run; safe to use from many threads.

    Attributes:
        run: mark of the trial, unique on this machine.
        runtime: starts the processes.
        clock: for the deadline.
        http: asks the health paths.
        check: raises StoppedError once the trial was interrupted, so that nobody waits for a deadline any more.
    """

    run: str
    runtime: Runtime
    clock: Clock
    http: httpx.Client
    check: Callable[[], None]

    def start(self, cell: CellRun, *, project: Path, env: Mapping[str, str], log: Path) -> None:
        """Start one cell and wait until its health path answers below 400; on failure it is marked as failed.

        A deployment that loses its port to another process between choosing and binding is started again on a new one.
        """
        cell.enter(Stage.START, "starting")
        try:
            if cell.cell.deployment.url is None:
                self._launch_on_a_free_port(cell, project, env, log)
            else:
                cell.ready_seconds = self._wait_until_healthy(cell, cell.cell.deployment.url)
        except StoppedError:
            cell.stop()
        except SeatrialError as error:
            cell.fail(error, log_tail=cell.instance.log_tail() if cell.instance else "")
            cell.stop()

    def _launch_on_a_free_port(self, cell: CellRun, project: Path, env: Mapping[str, str], log: Path) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._launch(cell, project, env, log)
            except TemporaryError:
                self.check()
                if attempt == ATTEMPTS:
                    raise
            else:
                return

    def _launch(self, cell: CellRun, project: Path, env: Mapping[str, str], log: Path) -> None:
        port = self.runtime.free_port()
        full = {**env, "PORT": str(port)}
        cell.log = log
        cell.instance = self.runtime.start(
            Launch(
                run=self.run,
                cell=cell.id,
                command=command_line(cell.cell.deployment.run or "", full, where=cell.id),
                cwd=project,
                env=full,
                port=port,
                log=log,
                resources=cell.cell.deployment.resources,
            )
        )
        cell.limits = cell.instance.limits
        url = f"http://127.0.0.1:{port}"
        cell.ready_seconds = self._wait_until_healthy(cell, url)
        cell.url = url

    def _wait_until_healthy(self, cell: CellRun, url: str) -> float:
        """Seconds until it was healthy. Raises PermanentError at the deadline, or if it ended before."""
        health = cell.cell.deployment.health
        began = self.clock.monotonic()
        end = began + health.deadline
        pause = FIRST_PAUSE
        while True:
            self.check()
            _check_alive(cell)
            seen = ask_health(self.http, url + health.path, max(min(LONGEST_LOOK, end - self.clock.monotonic()), 0.01))
            _check_alive(cell)
            if seen is None:
                return self.clock.monotonic() - began
            if self.clock.monotonic() + pause > end:
                raise PermanentError(
                    f"not healthy within {health.deadline:g} s: {health.path} {seen}",
                    where=cell.id,
                    remedy="check health.path and the log, or raise health.deadline",
                )
            self.clock.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)


def ask_health(http: httpx.Client, url: str, timeout: float) -> str | None:
    """None if what answers at `url` within `timeout` seconds is healthy, otherwise what was seen instead."""
    try:
        answer = http.get(url, timeout=timeout)
    except httpx.TimeoutException:
        return "did not answer in time"
    except httpx.HTTPError as error:
        return f"could not be asked ({error or type(error).__name__})"
    return None if answer.status_code < httpx.codes.BAD_REQUEST else f"answered {answer.status_code}"


def command_line(text: str, env: Mapping[str, str], *, where: str) -> list[str]:
    """The words of a command, with `$NAME` filled in from `env`. Raises UsageError.

    Split before filling in, so that a value with spaces stays one argument and nothing is run by a shell.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(
            f"the command {text!r} can't be split into words: {error}", where=where, remedy="close the quotes"
        ) from None
    if not words:
        raise UsageError("the command is empty", where=where, remedy="say how the deployment is started")
    operators = _OPERATORS.intersection(words)
    if operators:
        raise UsageError(
            f"the command holds {min(operators)!r}, but it is run by no shell",
            where=where,
            remedy="put the steps into a script, or write: sh -c '…'",
        )
    return [Template(word).safe_substitute(env) for word in words]


def _check_alive(cell: CellRun) -> None:
    """Raise if the process has ended, so that whoever else answers on its port isn't taken for it."""
    if cell.instance is None:
        return
    status = cell.instance.status()
    if status.running:
        return
    tail = cell.instance.log_tail()
    if "address already in use" in tail.lower() or "errno 98" in tail.lower():
        raise TemporaryError("its port was taken by another process", where=cell.id, remedy="run the trial again")
    cell.fail_if_dead("it ended before it was healthy")
    raise PermanentError("it ended before it was healthy", where=cell.id)
