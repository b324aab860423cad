"""DVC by its command: found, run without a shell, and its refusals told with what can be done about them."""

import re
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from seatrial.ports import Clock
from seatrial.records import SeatrialError, TemporaryError, UsageError
from seatrial.retrain.commands import stopped_by
from seatrial.trial.build.commands import Command, Commands, Finished
from seatrial.trial.change.git import Repository

_LONGEST_SECONDS: Final = 24 * 3600.0
_LOOK_SECONDS: Final = 0.1
# Nobody is asked anything, nobody is told of the use, and no newer DVC is looked for (it is not, where CI is set).
_QUIET: Final = {"DVC_NO_ANALYTICS": "1", "CI": "true", "NO_COLOR": "1"}
_SOLICITING: Final = re.compile(r"\s*Having any troubles\?.*", re.DOTALL)
_REFUSALS: Final[tuple[tuple[str, type[SeatrialError], str], ...]] = (
    (r"acquire.{0,20}lock|is busy", TemporaryError, "another DVC is at work here: run it again when it has ended"),
    (
        r"already tracked by SCM",
        UsageError,
        "take the file out of git and commit that: `git rm --cached`, then run again",
    ),
    (r"config file error|no remote", UsageError, "set DVC's remote (`dvc remote list`), or leave out dvc.push"),
    (r"overlap|outside of DVC project", UsageError, "give the dataset a file of its own under dvc.path"),
    (r"No space left", TemporaryError, "free some space, and run it again"),
)


@dataclass(frozen=True, slots=True)
class Dvc:
    """DVC in one project.

    Attributes:
        held: a lock that it goes on holding if this process dies before it.
    """

    program: str
    project: Path
    environment: Mapping[str, str]
    log: Path
    commands: Commands
    stop: Callable[[], bool]
    held: int | None = None

    def add(self, path: str) -> None:
        """Take a file into the cache and write its pointer. Raises SeatrialError."""
        done = self._run("add", "--", path)
        if done.exit_status:
            raise _refused("dvc add", path, done, UsageError, "mend what it says, and run it again")

    def push(self, pointer: str, remote: str) -> None:
        """Send what a pointer names to a remote (empty: the default). Raises SeatrialError."""
        chosen = ("--remote", remote) if remote else ()
        done = self._run("push", *chosen, "--", pointer)
        if done.exit_status:
            raise _refused(
                "dvc push", pointer, done, TemporaryError, "see that the remote can be reached; run it again"
            )

    def keeps(self, md5: str) -> bool:
        """Whether a file's bytes are in the cache."""
        out = self.log.with_suffix(".out")
        done = self._run("cache", "dir", stdout=out)
        if done.exit_status:
            return False
        cache = self.project / out.read_text(encoding="utf-8").strip()
        return any((root / md5[:2] / md5[2:]).exists() for root in (cache / "files" / "md5", cache))

    def check(self) -> None:
        """Raise TemporaryError if it was told to stop."""
        if self.stop():
            self.commands.stop()
        self.commands.check()

    def _run(self, *args: str, stdout: Path | None = None) -> Finished:
        command = Command(
            argv=(self.program, *args),
            cwd=self.project,
            env=self.environment,
            log=self.log,
            timeout=_LONGEST_SECONDS,
            where=f"dvc {args[0]}",
            stdout=stdout,
            inherit=() if self.held is None else (self.held,),
        )
        self.check()
        with stopped_by(self.stop, self.commands):
            return self.commands.run(command)


def open_dvc(project: Path, repository: Repository, *, log: Path, clock: Clock, stop: Callable[[], bool]) -> Dvc:
    """DVC of a project. Raises UsageError if there is none."""
    environment = repository.git.environment(_QUIET)
    beside = Path(sys.executable).with_name("dvc")
    program = shutil.which("dvc", path=environment.get("PATH")) or (str(beside) if beside.is_file() else None)
    if program is None:
        raise UsageError("dvc was not found on the PATH", where=str(project), remedy="install it: `pip install dvc`")
    folder = project.resolve()
    if not any((each / ".dvc").is_dir() for each in (folder, *folder.parents) if each.is_relative_to(repository.top)):
        raise UsageError(
            "this is no repository of DVC", where=str(project), remedy="run `dvc init` there, and commit it"
        )
    return Dvc(program, folder, environment, log, Commands(clock), stop)


def _refused(action: str, path: str, done: Finished, otherwise: type[SeatrialError], remedy: str) -> SeatrialError:
    """The error that says what DVC said last."""
    said = _SOLICITING.sub("", done.log_tail.rpartition("ERROR: ")[2].strip()) or done.ended
    told = " ".join(said.split())[:500]
    for pattern, kind, known in _REFUSALS:
        if re.search(pattern, said, re.IGNORECASE):
            return kind(f"{action} was refused: {told}", where=path, remedy=known)
    return otherwise(f"{action} failed: {told}", where=path, remedy=remedy)
