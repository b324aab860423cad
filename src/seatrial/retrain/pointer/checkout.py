"""The folder that people work in: what is put into it, what is never overwritten there, and how it follows a commit."""

import os
import shutil
from pathlib import Path
from typing import Final

from seatrial.files import write_whole
from seatrial.ports import Clock
from seatrial.records import TemporaryError, UsageError
from seatrial.retrain.pointer.commit import Made, entry, put_entries
from seatrial.retrain.pointer.dvc import Dvc
from seatrial.retrain.pointer.place import Place, has_line, md5_of, pointed_at, with_line, without_line
from seatrial.trial.change.git import Repository

_TRIES: Final = 20
_PAUSE_SECONDS: Final = 0.1


class Checkout:
    """The working tree of a repository, at one place of it.

    Args:
        repository: that it is of.
        place: of the dataset.
        clock: for waiting for another git.
    """

    def __init__(self, repository: Repository, place: Place, clock: Clock) -> None:
        self._git = repository.git
        self._place = place
        self._clock = clock
        self._pointer = repository.top / place.pointer
        self._ignore = repository.top / place.ignore

    @property
    def branch(self) -> str:
        """The branch that is checked out; empty for none."""
        return self._git.attempt("symbolic-ref", "--quiet", "--short", "HEAD").text

    @property
    def head(self) -> str:
        """The commit that is checked out. Raises UsageError if there is none yet."""
        (commit,) = self._git.resolve("HEAD^{commit}")
        if commit is None:
            raise UsageError("the repository has no commit yet", where=str(self._git.folder), remedy="commit something")
        return commit

    def refuse_uncommitted(self, md5: str) -> None:
        """Raise UsageError if somebody changed or staged the pointer and has not committed it."""
        allowed = {"", md5, self._committed}
        if {self._written, pointed_at(self._git.read("", self._place.pointer), self._place.pointer)} <= allowed:
            return
        raise UsageError(
            "this pointer has changes that are not committed",
            where=self._place.pointer,
            remedy=f"commit them, or `git restore --staged --worktree {self._place.pointer}`, and run again",
        )

    def lay(self, data: Path, md5: str, dvc: Dvc) -> bool:
        """Put the data in their place; whether that changed anything.

        Raises:
            UsageError: what is there would be lost.
        """
        file = self._place.file
        found = self._found()
        if found == md5:
            return False
        if found and found not in {self._written, self._committed} and not dvc.keeps(found):
            raise UsageError(
                "this file was changed, and DVC doesn't keep it: it would be lost",
                where=str(file),
                remedy="`dvc add` it and commit that, or move it away, and run again",
            )
        file.parent.mkdir(parents=True, exist_ok=True)
        # The same name each time: what a killed process left there is written over.
        beside = file.with_name(f".{file.name}.seatrial")
        shutil.copyfile(data, beside)
        beside.replace(file)
        return True

    def take_away(self) -> None:
        """The data again, which DVC did not take; what was there before DVC has."""
        self._place.file.unlink(missing_ok=True)

    def written(self) -> tuple[bytes, bool]:
        """The pointer as DVC wrote it, and whether the `.gitignore` beside it keeps the data out of git."""
        return self._pointer.read_bytes(), has_line(_bytes(self._ignore), self._place.line)

    def settle(self, made: Made, branch: str) -> None:
        """Take the checkout along to a commit, where that changes nothing but the pointer; else leave it where it was."""
        if self._git.attempt("merge-base", "--is-ancestor", made.commit, "HEAD").status == 0:
            return
        if (self.branch, self.head, self._written) == (branch, made.parent, made.md5) and self.follow(made, branch):
            return
        self.put_back(made.md5)

    def follow(self, made: Made, branch: str) -> bool:
        """Move a branch that is checked out on to a commit; False if it was moved meanwhile.

        The index comes first: a process that dies between the two leaves a pointer that is staged, as a person would.
        """
        self._stage(made)
        moved = self._git.attempt(
            "update-ref", "-m", "seatrial: pointer", f"refs/heads/{branch}", made.commit, made.parent
        )
        return moved.status == 0

    def put_back(self, md5: str) -> None:
        """The pointer as it was committed, where it is the one that was written for these data."""
        if self._written != md5 or self._committed == md5:
            return
        pointer = f":(top,literal){self._place.pointer}"
        if self._committed:
            self._git.attempt("restore", "--source=HEAD", "--staged", "--worktree", "--", pointer)
        else:
            self._git.attempt("rm", "--cached", "--quiet", "--ignore-unmatch", "--", pointer)
            self._pointer.unlink(missing_ok=True)
        self._put_back_ignore()

    def _put_back_ignore(self) -> None:
        committed, now = self._git.read("HEAD", self._place.ignore), _bytes(self._ignore)
        if now is None or has_line(committed, self._place.line):
            return
        kept = without_line(now, self._place.line)
        if kept or committed is not None:
            write_whole(self._ignore, kept)
        else:
            self._ignore.unlink()

    def _stage(self, made: Made) -> None:
        """What a commit changed, in the user's index; what else is staged stays as it is."""
        files = dict(made.files)
        if self._place.ignore in files:
            staged = self._git.read("", self._place.ignore) or b""
            files[self._place.ignore] = with_line(staged, self._place.line)
            write_whole(self._ignore, with_line(_bytes(self._ignore) or b"", self._place.line))
        lines = [entry(self._git, path, content) for path, content in files.items()]
        for _ in range(_TRIES):
            done = put_entries(self._git, lines)
            if done.status == 0:
                return
            self._clock.sleep(_PAUSE_SECONDS)
        raise TemporaryError(
            f"git's index can't be written: {done.err[:300]}",
            where=str(self._git.folder),
            remedy="wait for the git that holds it, and run again; the commit is made already",
        )

    @property
    def _written(self) -> str:
        """The md5 that the pointer in the working tree names; empty for none."""
        return pointed_at(_bytes(self._pointer), self._place.pointer)

    @property
    def _committed(self) -> str:
        """The md5 that the pointer of the commit that is checked out names; empty for none."""
        return pointed_at(self._git.read("HEAD", self._place.pointer), self._place.pointer)

    def _found(self) -> str:
        """The md5 of the file that is there; empty for none. Raises UsageError for what is no file."""
        file = self._place.file
        if file.is_file():
            return md5_of(file)
        if os.path.lexists(file):
            raise UsageError(
                "something that is no file is in its place", where=str(file), remedy="give another dvc.path"
            )
        return ""


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
