"""Starts a program that goes on when whoever started it ends: in a session of its own, without a terminal."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from seatrial.adapters.runtime.processes import CELL_VARIABLE, RUN_VARIABLE
from seatrial.records import PermanentError


def start_detached(
    command: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path
) -> "subprocess.Popen[bytes]":
    """Start it.

    Args:
        command: no shell.
        cwd: its working directory.
        env: its environment; marks of a run that we may be a part of are left out, so that no sweep ends it.
        log: gets its output, after what is there.

    Raises:
        PermanentError: it can't be started, or its log can't be written.
    """
    own = {name: value for name, value in env.items() if name not in {RUN_VARIABLE, CELL_VARIABLE}}
    try:
        with log.open("ab") as output:
            return subprocess.Popen(
                command,
                cwd=cwd,
                env=own,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
    except OSError as error:
        raise PermanentError(
            f"{command[0]} can't be started: {error.strerror}", where=str(log), remedy="see whether it is there"
        ) from error
