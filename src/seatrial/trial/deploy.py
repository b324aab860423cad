"""Start a cell and wait until it is healthy; a cell that isn't in time is stopped and becomes a row of the report."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from string import Template

import httpx

from seatrial.ports import Clock, Launch, Runtime
from seatrial.records import HealthSpec, PermanentError, SeatrialError, Stage, TemporaryError, UsageError
from seatrial.trial.cells import CellRun

ATTEMPTS = 3
FIRST_PAUSE = 0.01
LONGEST_PAUSE = 0.1
LONGEST_LOOK = 1.0
_OPERATORS = frozenset({"&&", "||", "|", ";", ">", ">>", "<", "&"})


def start(
    cell: CellRun,
    *,
    run: str,
    project: Path,
    env: Mapping[str, str],
    log: Path,
    runtime: Runtime,
    clock: Clock,
    http: httpx.Client,
) -> None:
    """Start one cell and wait until its health path answers below 400; on failure it is marked as failed.

    A deployment that loses its port to another process between choosing and binding is started again on a new one.
    """
    cell.enter(Stage.START, "starting")
    try:
        if cell.cell.deployment.url is None:
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    _launch(cell, run=run, project=project, env=env, log=log, runtime=runtime, clock=clock, http=http)
                    break
                except TemporaryError:
                    if attempt == ATTEMPTS:
                        raise
        else:
            began = clock.monotonic()
            _wait_until_healthy(cell, cell.cell.deployment.url, clock, http)
            cell.ready_seconds = clock.monotonic() - began
    except SeatrialError as error:
        cell.fail(error, log_tail=cell.instance.log_tail() if cell.instance else "")
        cell.stop()


def _launch(
    cell: CellRun,
    *,
    run: str,
    project: Path,
    env: Mapping[str, str],
    log: Path,
    runtime: Runtime,
    clock: Clock,
    http: httpx.Client,
) -> None:
    port = runtime.free_port()
    full = {**env, "PORT": str(port)}
    began = clock.monotonic()
    cell.log = log
    cell.instance = runtime.start(
        Launch(
            run=run,
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
    _wait_until_healthy(cell, url, clock, http)
    cell.ready_seconds = clock.monotonic() - began
    cell.url = url


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


def _wait_until_healthy(cell: CellRun, url: str, clock: Clock, http: httpx.Client) -> None:
    health: HealthSpec = cell.cell.deployment.health
    end = clock.monotonic() + health.deadline
    pause = FIRST_PAUSE
    seen = "nothing answered"
    while True:
        _check_alive(cell)
        try:
            answer = http.get(url + health.path, timeout=max(min(LONGEST_LOOK, end - clock.monotonic()), 0.01))
            if answer.status_code < 400:  # noqa: PLR2004 - HTTP's own boundary
                _check_alive(cell)
                return
            seen = f"{health.path} answered {answer.status_code}"
        except httpx.TimeoutException:
            seen = f"{health.path} did not answer in time"
        except httpx.HTTPError as error:
            seen = str(error) or type(error).__name__
        if clock.monotonic() + pause > end:
            _check_alive(cell)
            raise PermanentError(
                f"not healthy within {health.deadline:g} s: {seen}",
                where=cell.id,
                remedy="check health.path and the log, or raise health.deadline",
            )
        clock.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)


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
