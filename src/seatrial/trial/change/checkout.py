"""Puts a version's files on disk as a git worktree, one folder per version, and takes them away again.

Many may be made at once: adding a worktree is serialised by a lock file that the system releases when its holder dies
(git itself races there), filling it is not. What a killed run left behind is found through git's own list, and only
worktrees below the folder of runs are ever removed.
"""

import fcntl
import os
import re
import shutil
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from seatrial.records import PermanentError, TemporaryError, UsageError
from seatrial.trial.change.git import SUBMODULE_MODE, Entry, Git, Repository, shown
from seatrial.trial.change.trees import temporary_index

# The same tree always makes the same commit, so that a second checkout adds no object.
_AUTHOR: Final = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "seatrial"), ("EMAIL", "seatrial@localhost"), ("DATE", "@0 +0000"))
}
_LOCK: Final = "seatrial-worktrees"
_ATTEMPTS: Final = 5


@dataclass(frozen=True, slots=True)
class Checkout:
    """A version's files on disk.

    Attributes:
        folder: the worktree, which holds the whole repository.
        project: the project's folder in it, where commands run.
        notes: what could not be put there (submodules that this machine does not have).
    """

    folder: Path
    project: Path
    notes: tuple[str, ...] = ()


def checkout(repository: Repository, tree: str, into: Path) -> Checkout:
    """Make a worktree with the files of `tree` at `into`, which must not exist yet or be empty.

    Safe to call from several threads and processes at once for different folders.

    Raises:
        UsageError: `into` holds files already, or a filter (git-lfs…) that the files need is missing.
        TemporaryError: other git processes kept the repository busy.
        PermanentError: the disk is full, or git fails in another way.
    """
    if into.exists() and any(into.iterdir()):
        raise UsageError("the folder for a checkout is not empty", where=str(into), remedy="remove it or name another")
    message = "seatrial: a version under trial"
    commit = repository.git.run("commit-tree", tree, "-m", message, env=_AUTHOR).text
    _add(repository, commit, into)
    try:
        git = Git(into, repository.git.environ)
        git.run("read-tree", "--reset", "-u", "HEAD", settings={"checkout.workers": "0"})
        notes = _fill_submodules(repository, tree, into)
    except BaseException:
        remove_checkout(repository, into)
        raise
    return Checkout(into, into / repository.project, notes)


def remove_checkout(repository: Repository, folder: Path) -> bool:
    """Remove one worktree, its files and git's record of it; whether there was one. Safe to call twice.

    Raises:
        PermanentError: a file can't be removed.
    """
    if _place(folder) not in _worktrees(repository):
        return False
    _remove_files(folder)
    with _serialised(repository):
        removed = repository.git.attempt("worktree", "remove", "--force", "--force", os.fspath(folder))
    if removed.status != 0 and _place(folder) in _worktrees(repository):
        raise PermanentError(f"the worktree can't be removed: {removed.err[:500]}", where=str(folder))
    return True


def prune(repository: Repository, runs: Path, *, keep: Collection[Path] = ()) -> tuple[Path, ...]:
    """Remove the worktrees below `runs` that killed trials left behind; which ones they were.

    `keep` names the folders of runs that are still going; worktrees at or below them stay, and so does every worktree
    outside `runs`.
    """
    root, kept = _place(runs), [_place(folder) for folder in keep]
    stale = [
        folder
        for folder in _worktrees(repository)
        if folder.is_relative_to(root) and not any(folder.is_relative_to(place) for place in kept)
    ]
    return tuple(folder for folder in stale if remove_checkout(repository, folder))


def _add(repository: Repository, commit: str, into: Path) -> None:
    """Register an empty worktree; a git process of somebody else may be in the way for a moment."""
    try:
        into.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(into.parent, error) from error
    args = ("worktree", "add", "--detach", "--no-checkout", "--quiet", os.fspath(into.absolute()), commit)
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with _serialised(repository):
                repository.git.run(*args)
        except TemporaryError:
            if attempt == _ATTEMPTS:
                raise
        else:
            return


@contextmanager
def _serialised(repository: Repository) -> Iterator[None]:
    """Hold the lock among all threads and processes of seatrial that change the list of worktrees."""
    place = repository.common / _LOCK
    try:
        lock = place.open("w")
    except OSError as error:
        raise _unwritable(place, error) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _unwritable(place: Path, error: OSError) -> UsageError:
    return UsageError(
        f"it can't be written: {error.strerror}",
        where=shown(str(place)),
        remedy="give yourself permission to write there, or free some space",
    )


def _worktrees(repository: Repository) -> tuple[Path, ...]:
    """The folders of all linked worktrees, also of those whose files are gone."""
    with _serialised(repository):
        listed = repository.git.run("worktree", "list", "--porcelain").text.split("\n")
    folders = [Path(line.removeprefix("worktree ")) for line in listed if line.startswith("worktree ")]
    return tuple(_place(folder) for folder in folders[1:])


def _place(folder: Path) -> Path:
    """A folder's name without symbolic links, whether it exists or not."""
    return folder.resolve()


def _remove_files(folder: Path) -> None:
    """Remove a folder, also where a build took write permission away from some of it."""
    if not folder.exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists():
        return
    for place, _, _ in os.walk(folder):
        Path(place).chmod(stat.S_IRWXU)
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise PermanentError(f"it can't be removed: {error.strerror}", where=str(folder)) from error


def _fill_submodules(repository: Repository, tree: str, into: Path) -> tuple[str, ...]:
    """Put the files of submodules in place from clones that are on this machine; nothing is fetched."""
    entries = [entry for entry in repository.git.files(tree) if entry.mode == SUBMODULE_MODE]
    if not entries:
        return ()
    names = _names_of_submodules(repository, into)
    notes = [_fill_submodule(repository, entry, names.get(entry.path), into) for entry in entries]
    return tuple(note for note in notes if note)


def _names_of_submodules(repository: Repository, into: Path) -> dict[str, str]:
    """The name of the submodule at each path, from the version's `.gitmodules`."""
    args = ("config", "-z", "--file", os.fspath(into / ".gitmodules"), "--get-regexp", r"^submodule\..*\.path$")
    pairs = (line.split("\n", 1) for line in repository.git.attempt(*args).text.split("\0") if "\n" in line)
    return {path: re.sub(r"^submodule\.(.*)\.path$", r"\1", key) for key, path in pairs}


def _fill_submodule(repository: Repository, entry: Entry, name: str | None, into: Path) -> str:
    """Write one submodule's files; the note on why not, or an empty text."""
    places = [repository.top / entry.path / ".git"]
    if name and ".." not in name.split("/"):
        places.append(repository.common / "modules" / name)
    if any(place.is_dir() and _write_files(repository, place, entry.oid, into / entry.path) for place in places):
        return ""
    return (
        f"the submodule {shown(entry.path)} is empty, because commit {entry.oid[:7]} of it is not on this machine; "
        "run `git submodule update --init`"
    )


def _write_files(repository: Repository, git_dir: Path, commit: str, target: Path) -> bool:
    """Write a commit's files of another repository to `target`; whether that repository has the commit."""
    target.mkdir(parents=True, exist_ok=True)
    with temporary_index() as env:
        args = (f"--git-dir={git_dir}", f"--work-tree={target}", "read-tree", "--reset", "-u", commit)
        return Git(target, repository.git.environ).attempt(*args, env=env).status == 0
