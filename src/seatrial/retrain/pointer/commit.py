"""The commit of a pointer, put together by git's plumbing: no working tree, no index of anybody's, no hook has part in it.

Source: git-scm.com/book, Git Internals (hash-object, read-tree, write-tree, commit-tree); git-interpret-trailers.
"""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from seatrial.records import DatasetVersion, UsageError
from seatrial.retrain.pointer.place import Place, pointed_at, with_line
from seatrial.trial.change.git import Git, GitResult, Repository

DATASET: Final = "Seatrial-Dataset"
RUN: Final = "Seatrial-Run"
_AUTHOR: Final = ("seatrial", "seatrial@localhost")
_TOLD: Final = ("%H", "%P", "%an", *(f"%(trailers:key={key},valueonly,separator=%x20)" for key in (DATASET, RUN)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A commit that points to a version.

    Attributes:
        parent: what it was made on.
        md5: that its pointer names.
        files: what it changed, by path in the repository: whole contents.
    """

    commit: str
    parent: str
    md5: str
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Touch:
    """A commit that changed the pointer, and what its trailers say."""

    commit: str
    parent: str
    author: str
    dataset: str
    run: str


def text_of(version: DatasetVersion, place: Place) -> str:
    """The commit's message."""
    added = version.added.rows if version.added is not None else 0
    return (
        f"Point {place.data} to {version.id}\n\n{version.rows:,} rows, {added:,} of them new.\n\n"
        f"{DATASET}: {version.id}\n{RUN}: {version.run}\n"
    )


def find(git: Git, tip: str, place: Place, version: DatasetVersion) -> Made | None:
    """The commit that an earlier attempt of the same run made for the same version, if `tip` has it."""
    for touch in _touches(git, tip, place, "--fixed-strings", f"--grep={RUN}: {version.run}"):
        if (touch.dataset, touch.run) == (version.id, version.run):
            return _made(git, touch, place)
    return None


def standing(git: Git, tip: str, place: Place, md5: str) -> Made | None:
    """The commit by which `tip` points to these bytes already, whoever made it."""
    if pointed_at(git.read(tip, place.pointer), place.pointer) != md5:
        return None
    return next((_made(git, touch, place) for touch in _touches(git, tip, place, "-1")), None)


def make(
    repository: Repository, tip: str, place: Place, version: DatasetVersion, pointer: bytes, *, ignored: bool
) -> Made:
    """A commit on `tip` that changes nothing but the pointer, and the `.gitignore` beside it if it has to.

    Made again on the same commit it is the same.

    Args:
        repository: where it is made; no branch of it is moved.
        tip: that it is made on.
        place: of the dataset.
        version: that it points to.
        pointer: as DVC wrote it.
        ignored: whether it is that `.gitignore` that keeps the data out of git.

    Raises:
        UsageError: as `refuse_others`.
    """
    git = repository.git
    refuse_others(git, tip, place, version)
    files = {place.pointer: pointer}
    before = git.read(tip, place.ignore) or b""
    if ignored and with_line(before, place.line) != before:
        files[place.ignore] = with_line(before, place.line)
    commit = _written(repository, tip, files, version, text_of(version, place))
    return Made(commit=commit, parent=tip, md5=pointed_at(pointer, place.pointer), files=files)


def refuse_others(git: Git, tip: str, place: Place, version: DatasetVersion) -> None:
    """Raise UsageError if somebody else changed the pointer and the checkout doesn't know of it.

    A pointer may take the place of an older version's, and of one that stands in the checkout.
    """
    last = next(iter(_touches(git, tip, place, "-1")), None)
    there = git.read(tip, place.pointer)
    if last is None or there is None:
        return
    name, _, number = last.dataset.rpartition("@")
    known = name == version.dataset and number.isdecimal()
    if known and int(number) < version.number:
        return
    if not known and there == git.read("HEAD", place.pointer):
        return
    whose = f"run {last.run} ({last.dataset})" if known else last.author
    raise UsageError(
        f"{whose} changed the pointer in {last.commit[:12]}: {version.id} does not take its place",
        where=place.pointer,
        remedy="look at that commit; take it into the checkout (`git pull`) if the new version shall follow it, or revert it",
    )


def entry(git: Git, path: str, content: bytes, mode: str = "100644") -> str:
    """A file in git's store, as a line of an index."""
    oid = git.run("hash-object", "-w", "--stdin", f"--path={path}", stdin=content).text
    return f"{mode} {oid}\t{path}"


def put_entries(git: Git, lines: Iterable[str], env: Mapping[str, str] = MappingProxyType({})) -> GitResult:
    """Put files into an index: the user's, or that which `env` names."""
    return git.attempt(
        "update-index", "--add", "--index-info", stdin="".join(f"{each}\n" for each in lines).encode(), env=env
    )


def _written(
    repository: Repository, tip: str, files: Mapping[str, bytes], version: DatasetVersion, message: str
) -> str:
    git = repository.git
    with tempfile.TemporaryDirectory(prefix="seatrial-index-") as folder:
        env = {"GIT_INDEX_FILE": f"{folder}/index"}
        git.run("read-tree", tip, env=env)
        put = put_entries(git, [entry(git, path, content) for path, content in files.items()], env)
        if put.status:
            raise UsageError(f"git can't keep the pointer there: {put.err}", where=version.id, remedy="change dvc.path")
        tree = git.run("write-tree", env=env).text
    return git.run(
        "commit-tree", tree, "-p", tip, "-F", "-", stdin=message.encode(), env=_signed(git, tip, version)
    ).text


def _signed(git: Git, tip: str, version: DatasetVersion) -> dict[str, str]:
    """Who commits, and when: never before the parent, and the same whenever it is done again."""
    parent = int(git.run("show", "-s", "--format=%ct", tip).text)
    when = f"{max(parent, int(version.created.timestamp()))} +0000"
    env = {"GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when}
    if git.attempt("var", "GIT_COMMITTER_IDENT", settings={"user.useConfigOnly": "true"}).status == 0:
        return env
    name, address = _AUTHOR
    own = {"GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": address}
    return {**env, **own, "GIT_COMMITTER_NAME": name, "GIT_COMMITTER_EMAIL": address}


def _touches(git: Git, tip: str, place: Place, *options: str) -> Iterator[_Touch]:
    """The commits that changed the pointer, newest first."""
    told = git.run(
        "log", "-z", f"--format={'%x00'.join(_TOLD)}", *options, tip, "--", f":(top,literal){place.pointer}"
    ).text
    fields = [field.strip() for field in told.split("\0")]
    for commit, parents, author, dataset, run in zip(*[iter(fields)] * len(_TOLD), strict=False):
        yield _Touch(commit=commit, parent=parents.partition(" ")[0], author=author, dataset=dataset, run=run)


def _made(git: Git, touch: _Touch, place: Place) -> Made:
    pointer = git.read(touch.commit, place.pointer) or b""
    ignore = git.read(touch.commit, place.ignore)
    files = {place.pointer: pointer}
    if ignore is not None and ignore != git.read(touch.parent, place.ignore):
        files[place.ignore] = ignore
    return Made(commit=touch.commit, parent=touch.parent, md5=pointed_at(pointer, place.pointer), files=files)
