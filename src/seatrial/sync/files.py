"""What a ref has under the configured paths: committed content only, read from git's objects without a checkout.

- Contents are the bytes as committed; no line ends and no filters are applied.
- A symbolic link is copied as the file that it points to where that file is copied too. Every other link is left out.
- A submodule is left out: its files are another repository's.
- A pointer of Git LFS is replaced by the object that it names, from this clone's store; nothing is fetched.
- A name that is no UTF-8 or has control characters is left out, because not every target could hold it.
- `.seatrial` is never copied.

What is left out is said.
"""

import hashlib
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Final, TypeVar

from seatrial.records import PermanentError, UsageError
from seatrial.sync.listed import listed
from seatrial.trial.change.axes import translate
from seatrial.trial.change.git import SUBMODULE_MODE, Entry, Git, Repository, decode
from seatrial.trial.change.trees import is_own

_LINK: Final = "120000"
_EXECUTABLE: Final = "100755"
_BATCH: Final = 32 << 20
_LONGEST_POINTER: Final = 1024
_POINTER: Final = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:ext-[^\n]*\n)*oid sha256:([0-9a-f]{64})\nsize (\d+)\n"
)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeFile:
    """One file that is copied.

    Attributes:
        path: relative to the project, with slashes.
        digest: `sha256:…` of its bytes, with `+x` after it where it is executable.
        size: in bytes.
        oid: git's object.
        kept: Git LFS's object, a file on this machine; None where git itself has the bytes.
    """

    path: str
    digest: str
    size: int
    oid: str
    kept: Path | None = None

    @property
    def executable(self) -> bool:
        """Whether it may be run as a program."""
        return self.digest.endswith("+x")


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """The code of a ref.

    Attributes:
        files: by path.
        stored: the names that the target has for them, by path.
        read: gives the bytes of some of them by path, some 32 MiB at a time (or one file that is larger).
        notes: what was left out.
    """

    files: Mapping[str, CodeFile]
    stored: Mapping[str, str]
    read: Callable[[Sequence[CodeFile]], Iterator[Mapping[str, bytes]]]
    notes: tuple[str, ...] = ()

    @property
    def digests(self) -> dict[str, str]:
        """By path."""
        return {path: file.digest for path, file in self.files.items()}


def read_code(repository: Repository, tree: str, patterns: Sequence[str], name: Callable[[str, bytes], str]) -> Code:
    """The files of `tree` below the project that the patterns take.

    Args:
        repository: where the project lies.
        tree: id of the ref's tree.
        patterns: as in .gitignore, counted from the project; one that begins with `!` takes files out again.
        name: what the target calls a file, from its path and bytes.

    Raises:
        UsageError: a pattern is malformed, no file matches, or an object of Git LFS is not on this machine.
        PermanentError: git misses an object.
    """
    taken = _Patterns(patterns)
    entries = [
        replace(entry, path=repository.relative(entry.path)) for entry in repository.git.files(tree, repository.project)
    ]
    chosen = [entry for entry in entries if taken.match(entry.path) and not is_own(entry.path)]
    if not chosen:
        raise UsageError(
            f"no file of this ref matches {', '.join(map(repr, patterns))}",
            where="sync.paths",
            remedy="name the code's folder, as `src/**`; `seatrial sync --prune` removes folders of deleted branches",
        )
    plain, notes = _sorted_out(repository.git, chosen)
    files, stored = _read(repository, plain, name)
    return Code(files=files, stored=stored, read=partial(_contents, repository.git), notes=notes)


def _contents(git: Git, files: Sequence[CodeFile]) -> Iterator[Mapping[str, bytes]]:
    for batch in _batches(files, lambda file: file.size):
        blobs = _blobs(git, [file.oid for file in batch if file.kept is None])
        yield {file.path: _kept(file.kept) if file.kept else blobs[file.oid] for file in batch}


class _Patterns:
    """Patterns of paths, tried in their order; the last one that matches counts."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._runs = [
            (negated, re.compile("|".join(map(_expression, group)), re.DOTALL))
            for negated, group in groupby(patterns, key=lambda pattern: pattern.startswith("!"))
        ]

    def match(self, path: str) -> bool:
        taken = False
        for negated, expression in self._runs:
            if taken is negated and expression.match(path):
                taken = not negated
        return taken


def _expression(pattern: str) -> str:
    try:
        expression = translate(pattern.removeprefix("!"))
        re.compile(expression)
    except (ValueError, re.error) as error:
        raise UsageError(
            f"the pattern {pattern!r} is malformed: {error}",
            where="sync.paths",
            remedy="patterns are written as in .gitignore: `src/**`, `*.py`, `!src/notes/`",
        ) from None
    return expression


def _sorted_out(git: Git, entries: Sequence[Entry]) -> tuple[list[Entry], tuple[str, ...]]:
    """The files to copy, links replaced by what they point to; and notes on the rest."""
    nameable = [entry for entry in entries if _is_nameable(entry.path)]
    files = {entry.path: entry for entry in nameable if entry.mode not in {_LINK, SUBMODULE_MODE}}
    links = [entry for entry in nameable if entry.mode == _LINK]
    followed = _followed(git, links, files)
    left_out = {
        "its name can't be kept everywhere": [entry.path for entry in entries if not _is_nameable(entry.path)],
        "a submodule": [entry.path for entry in nameable if entry.mode == SUBMODULE_MODE],
        "a link to what is not copied": [entry.path for entry in links if entry.path not in followed],
    }
    notes = tuple(f"left out, {why}: {listed(paths)}" for why, paths in left_out.items() if paths)
    return sorted([*files.values(), *followed.values()], key=lambda entry: entry.path), notes


def _is_nameable(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return not any(char < " " or char == "\x7f" for char in path)


def _followed(git: Git, links: Sequence[Entry], files: Mapping[str, Entry]) -> dict[str, Entry]:
    """Links to files that are copied too, by path; each with the file's object under the link's name."""
    targets = _blobs(git, [link.oid for link in links])
    leads = {link.path: _lead(link.path, decode(targets[link.oid])) for link in links}
    followed = {}
    for link in leads:
        target: str | None = link
        # As many steps as there are links, so that a ring ends.
        for _ in leads:
            target = leads.get(target, target) if target is not None else None
        if target is not None and target in files:
            followed[link] = replace(files[target], path=link)
    return followed


def _lead(link: str, target: str) -> str | None:
    """The path below the project that a link points to; None if that is outside."""
    joined = posixpath.normpath(posixpath.join(posixpath.dirname(link), target))
    return None if joined.startswith(("/", "../")) or joined == ".." else joined


def _read(
    repository: Repository, entries: Sequence[Entry], name: Callable[[str, bytes], str]
) -> tuple[dict[str, CodeFile], dict[str, str]]:
    sizes = _sizes(repository.git, [entry.oid for entry in entries])
    files: dict[str, CodeFile] = {}
    stored: dict[str, str] = {}
    missing: list[str] = []
    for batch in _batches(entries, lambda entry: sizes[entry.oid]):
        blobs = _blobs(repository.git, [entry.oid for entry in batch])
        for entry in batch:
            data, kept = blobs[entry.oid], _pointed_to(repository, blobs[entry.oid])
            if kept is not None and not kept.is_file():
                missing.append(entry.path)
                continue
            data = data if kept is None else _kept(kept)
            files[entry.path] = _code_file(entry, data, kept)
            stored[entry.path] = name(entry.path, data)
    if missing:
        raise UsageError(
            f"Git LFS keeps {listed(missing)}, and this clone has not fetched {'it' if len(missing) == 1 else 'them'}",
            where="sync.paths",
            remedy="run `git lfs fetch` for this ref (GitHub Actions: `lfs: true`), or take them out with `!PATTERN`",
        )
    return files, stored


def _code_file(entry: Entry, data: bytes, kept: Path | None) -> CodeFile:
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}{'+x' if entry.mode == _EXECUTABLE else ''}"
    return CodeFile(path=entry.path, digest=digest, size=len(data), oid=entry.oid, kept=kept)


def _pointed_to(repository: Repository, data: bytes) -> Path | None:
    """Where Git LFS keeps what a pointer names; None if this is no pointer."""
    match = _POINTER.fullmatch(data) if len(data) <= _LONGEST_POINTER else None
    if match is None:
        return None
    oid = match[1].decode()
    return repository.common / "lfs" / "objects" / oid[:2] / oid[2:4] / oid


def _kept(path: Path) -> bytes:
    """An object of Git LFS, if it is what its name says."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PermanentError(f"it can't be read: {error.strerror}", where=str(path)) from error
    if hashlib.sha256(data).hexdigest() != path.name:
        raise PermanentError(
            "this object of Git LFS is damaged",
            where=str(path),
            remedy="remove it and run `git lfs fetch`; `git lfs fsck` finds others",
        )
    return data


def _sizes(git: Git, oids: Sequence[str]) -> dict[str, int]:
    wanted = list(dict.fromkeys(oids))
    lines = git.run("cat-file", "--batch-check", stdin="".join(f"{oid}\n" for oid in wanted).encode()).text.split("\n")
    facts = [line.split(" ") for line in lines if line]
    found = {fact[0]: int(fact[2]) for fact in facts if len(fact) == 3}  # noqa: PLR2004 - id, type, size
    return {oid: found.get(oid, 0) for oid in wanted}


def _blobs(git: Git, oids: Sequence[str]) -> dict[str, bytes]:
    blobs = git.blobs(oids)
    missing = [oid for oid in oids if oid not in blobs]
    if missing:
        raise PermanentError(
            f"git has no object {missing[0][:12]} of this ref",
            where=str(git.folder),
            remedy="the clone is damaged or partial: run `git fsck`, or fetch the ref again",
        )
    return blobs


def _batches(items: Sequence[_T], size: Callable[[_T], int]) -> Iterator[list[_T]]:
    """The items in their order, in groups of at most 32 MiB or one item."""
    batch: list[_T] = []
    held = 0
    for item in items:
        if batch and held + size(item) > _BATCH:
            yield batch
            batch, held = [], 0
        batch.append(item)
        held += size(item)
    if batch:
        yield batch
