"""Makes the git trees of a trial: of the working tree, of an overlay, of a mixture of two versions.

A tree object holds still while the user goes on editing, is read by every git command, and costs no second copy. All
are made through a temporary index: nobody's index, stash, references or files are touched, only objects are added,
and git removes those by itself after two weeks.
"""

import os
import posixpath
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from seatrial.records import PermanentError, UsageError
from seatrial.trial.change.git import Difference, Entry, Repository, encode

# What seatrial keeps for itself in a project is no part of any version of it.
OWN_FOLDER = ".seatrial"


def is_own(path: str) -> bool:
    """Whether a path lies in seatrial's own folder."""
    return OWN_FOLDER in path.split("/")


def snapshot(repository: Repository, *, without: Sequence[str] = ()) -> str:
    """The tree of the working tree as it is now, with new files that git does not ignore; its id.

    Args:
        repository: whose working tree.
        without: files and folders (counted from the project) that stay as git has them, because they are large and of no
            use here.

    Raises:
        UsageError: git can't read a file, or a filter that the repository needs is missing.
    """
    # The user's own index knows which files are unchanged; its time stamp is part of that knowledge.
    index = repository.git_dir / "index"
    with temporary_index(copied_from=index) as env:
        # The exclusion keeps git from storing what may be large; what somebody committed there goes afterwards.
        own = (f":(exclude,glob)**/{OWN_FOLDER}/**", f":(exclude,glob)**/{OWN_FOLDER}")
        left = [
            f":(exclude,literal){path}" for path in map(repository.within, without) if not _ignores(repository, path)
        ]
        repository.git.run("add", "--all", "--", ":/", *own, *left, env=env)
        listed = repository.git.run("ls-files", "-z", "--", f":(glob)**/{OWN_FOLDER}/**", env=env).out
        if listed:
            repository.git.run("update-index", "-z", "--force-remove", "--stdin", stdin=listed, env=env)
        return repository.git.run("write-tree", "--missing-ok", env=env).text


def _ignores(repository: Repository, path: str) -> bool:
    """Whether git ignores a path of the repository; it would take its exclusion for a wish to add it, and refuse."""
    return repository.git.attempt("check-ignore", "--quiet", "--", f"./{path}").status == 0


def edit(repository: Repository, tree: str, changes: Iterable[Difference]) -> str:
    """The tree that results from making `changes` to `tree`; its id.

    An added file takes the place of a folder of its name, and the other way round.
    """
    lines = [_index_line(change) for change in changes]
    if not lines:
        return tree
    with temporary_index() as env:
        repository.git.run("read-tree", tree, env=env)
        repository.git.run("update-index", "-z", "--index-info", stdin=b"".join(lines), env=env)
        return repository.git.run("write-tree", "--missing-ok", env=env).text


def overlay(repository: Repository, tree: str, folder: str) -> str:
    """The tree with the files of `folder` (counted from the project) laid over the project's folder; its id.

    Raises:
        UsageError: the folder is the project itself, lies outside the repository or has no file in the tree.
    """
    where = f"overlay: {folder}"
    place = posixpath.normpath(repository.within(folder))
    holds_project = f"{repository.project}/".startswith(f"{place}/") or place == "."
    if posixpath.isabs(folder) or place.split("/")[0] == ".." or holds_project:
        raise UsageError(
            "the overlay has to be a folder below or beside the project, inside the repository",
            where=where,
            remedy="name a folder such as `baseline`, relative to seatrial.yaml",
        )
    files = repository.git.files(tree, place)
    if not files:
        raise UsageError(
            "the overlay holds no file that git knows or would add",
            where=where,
            remedy="check its name, that it isn't empty, and that .gitignore does not name it",
        )
    return edit(repository, tree, [_laid_over(repository, entry, place) for entry in files])


def _laid_over(repository: Repository, entry: Entry, folder: str) -> Difference:
    path = repository.within(entry.path.removeprefix(f"{folder}/"))
    return Difference(path, None, Entry(entry.mode, entry.oid, path))


def _index_line(change: Difference) -> bytes:
    """One line of `git update-index -z --index-info`; mode 0 removes the path."""
    entry = change.after or change.before
    if entry is None:
        raise ValueError("a difference has at least one side")
    mode = change.after.mode if change.after else "0"
    return f"{mode} {entry.oid}\t".encode() + encode(change.path) + b"\0"


@contextmanager
def temporary_index(*, copied_from: Path | None = None) -> Iterator[Mapping[str, str]]:
    """The environment of commands that use an index of their own, which is removed at the end."""
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="seatrial-index-"))
            index = Path(folder, "index")
            if copied_from is not None and copied_from.exists():
                shutil.copy2(copied_from, index)
        except OSError as error:
            raise PermanentError(
                f"no temporary file can be written: {error.strerror}",
                where=tempfile.gettempdir(),
                remedy="free some space, or set TMPDIR to a folder that can be written",
            ) from error
        yield {"GIT_INDEX_FILE": os.fspath(index)}
