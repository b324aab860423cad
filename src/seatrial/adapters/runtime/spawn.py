"""Starting a process so that it is inside its cgroups before its first own instruction; see `enter.py` for how."""

import errno
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from seatrial.adapters.runtime import enter
from seatrial.ports import Launch
from seatrial.records import PermanentError

_REMEDIES = {
    errno.ENOENT: "check the spelling, and that the deployment's stack installs it",
    errno.EACCES: "make it executable (chmod +x)",
    errno.ENOEXEC: "give the script a first line like #!/usr/bin/env python3, or name its interpreter in `run`",
    errno.E2BIG: "shorten the command or the environment",
}


class JoinRefusedError(Exception):
    """The kernel didn't let the process into a cgroup. Never leaves this package: it is started without, and says so."""


def spawn(launch: Launch, env: dict[str, str], entries: Sequence[Path]) -> subprocess.Popen[bytes]:
    """Start the command as leader of a new session, inside the groups of `entries`; returns once it has been exec'd.

    Raises:
        PermanentError: it can't be started: no such command, folder or log, or not executable.
        JoinRefusedError: a group didn't take it.
    """
    if not launch.command:
        raise PermanentError("there is no command to run", where=launch.cell, remedy="set `run` in seatrial.yaml")
    log = _open_log(launch)
    reader, writer = os.pipe()
    try:
        process = _helper(launch, env, entries, log=log, report=writer)
    except BaseException:
        os.close(reader)
        raise
    finally:
        os.close(log)
        os.close(writer)
    with open(reader, "rb") as failures:  # noqa: PTH123 - a descriptor, not a path
        failure = os.fsdecode(failures.read())
    if failure:
        process.wait()
        _raise(failure, launch)
    return process


def _open_log(launch: Launch) -> int:
    try:
        launch.log.parent.mkdir(parents=True, exist_ok=True)
        return os.open(launch.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    except OSError as error:
        raise PermanentError(
            f"its log can't be opened: {error.strerror}",
            where=f"{launch.cell}: {launch.log}",
            remedy="make the folder writable, or free space on its disk",
        ) from error


def _helper(
    launch: Launch, env: dict[str, str], entries: Sequence[Path], *, log: int, report: int
) -> subprocess.Popen[bytes]:
    arguments = [str(report), str(len(entries)), *map(str, entries), *launch.command]
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", enter.__file__, *arguments],
            cwd=launch.cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[report],
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise _unstartable(launch, error) from error


def _unstartable(launch: Launch, error: OSError | ValueError) -> PermanentError:
    if not launch.cwd.is_dir():
        return PermanentError(f"the working directory {launch.cwd} isn't there", where=launch.cell)
    if isinstance(error, ValueError):
        return PermanentError(f"the command or its environment is malformed: {error}", where=launch.cell)
    return PermanentError(
        f"can't be started: {error.strerror}", where=launch.cell, remedy=_REMEDIES.get(error.errno or 0, "")
    )


def _raise(failure: str, launch: Launch) -> None:
    """Turn the helper's `join ERRNO FILE` or `exec ERRNO COMMAND` into the error that it means."""
    step, number, what = failure.split(" ", 2)
    if step == "join":
        raise JoinRefusedError(f"{what}: {os.strerror(int(number))}")
    raise PermanentError(
        f"{what} can't be started: {os.strerror(int(number))}",
        where=launch.cell,
        remedy=_REMEDIES.get(int(number), ""),
    )
