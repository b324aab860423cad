"""The child process that compiles: it opens the model, so that the server itself never holds scikit-learn for it.

The job comes as JSON on stdin; the result is an entry (see `cache`) or an error in the job's folder. Standard output
belongs to the model's own code, and standard error is shown if the child breaks.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from seatrial.records.errors import PermanentError, SeatrialError, TemporaryError, UsageError
from seatrial.serve.options import ServeOptions

_ERROR_NAME: Final = "error.json"
_KINDS: Final = {kind.__name__: kind for kind in (UsageError, TemporaryError, PermanentError)}
_TOLD: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What the child has to do.

    Attributes:
        options: model, signature file, trusted digests and tolerance; nothing else counts.
        digest: what the artifact has to be.
        folder: where the entry goes.
        seconds: after which the child ends itself, whether or not its parent still lives.
        sample: a file of rows to check besides the sampled ones; None for none.
    """

    options: ServeOptions
    digest: str
    folder: Path
    seconds: float
    sample: Path | None = None


class ChildFailedError(Exception):
    """The child broke or took too long; the message is a clause."""


def command() -> list[str]:
    """How the child is started: the same Python, without the current directory on its path."""
    return [sys.executable, "-P", "-m", "seatrial.serve.compile"]


def environment(own: Mapping[str, str], path: Sequence[str]) -> dict[str, str]:
    """The environment of the child: this one, in which it finds the same modules.

    Args:
        own: of this process.
        path: `sys.path` of this process.
    """
    return {**own, "PYTHONPATH": os.pathsep.join(entry or str(Path.cwd()) for entry in path)}


def run_child(job: Job) -> None:
    """Compiles in a child process; the entry is in the job's folder afterwards.

    Raises:
        SeatrialError: the model can't be opened: what its loader says.
        ChildFailedError: the child broke, or took longer than it may.
    """
    process = subprocess.Popen(
        command(),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment(os.environ, sys.path),
        start_new_session=True,
    )
    try:
        _, said = process.communicate(msgspec.json.encode(job, enc_hook=str), timeout=job.seconds)
    except subprocess.TimeoutExpired:
        raise ChildFailedError(f"the compilation took longer than {job.seconds:g} s") from None
    finally:
        _end(process)
    _raise_error(job.folder)
    if process.returncode:
        raise ChildFailedError(_last_words(process.returncode, said.decode(errors="replace")))


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends whatever the child has started, and the child itself if it still runs."""
    if process.returncode is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _last_words(code: int, said: str) -> str:
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    line = next((each for each in reversed(said[-_TOLD:].splitlines()) if each.strip()), "it said nothing")
    return f"the compilation ended with {how}: {line.strip()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """An error on its way from the child."""

    kind: str
    what: str
    where: str
    remedy: str


def _raise_error(folder: Path) -> None:
    path = folder / _ERROR_NAME
    if path.exists():
        told = msgspec.json.decode(path.read_bytes(), type=_Told)
        raise _KINDS.get(told.kind, PermanentError)(told.what, where=told.where, remedy=told.remedy)


def do(job: Job, compile_to: Callable[[Job], None]) -> int:
    """The child's work: what `compile_to` raises for the user is written down for the parent.

    Returns:
        The exit code.
    """
    try:
        compile_to(job)
    except SeatrialError as error:
        kind = next((name for name, each in _KINDS.items() if isinstance(error, each)), PermanentError.__name__)
        told = _Told(kind=kind, what=error.what, where=error.where, remedy=error.remedy)
        (job.folder / _ERROR_NAME).write_bytes(msgspec.json.encode(told))
    return 0


def read_job(text: bytes) -> Job:
    """The job that the parent wrote."""
    return msgspec.json.decode(text, type=Job, dec_hook=lambda kind, value: kind(value))
