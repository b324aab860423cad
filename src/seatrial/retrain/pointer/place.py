"""Where a version is kept, seen from the project and from the repository, and what a pointer says."""

import hashlib
import posixpath
from dataclasses import dataclass
from pathlib import Path

from seatrial.records import UsageError
from seatrial.trial.change.dvc import MalformedPointerError, targets
from seatrial.trial.change.git import Repository


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The file of a dataset.

    Attributes:
        path: of the data, relative to the project.
        file: the same on this machine.
        data, pointer, ignore: of the data, DVC's pointer and the `.gitignore` beside it, relative to the repository.
        line: by which that `.gitignore` keeps the data out of git.
    """

    path: str
    file: Path
    data: str
    pointer: str
    ignore: str
    line: str


def place_of(path: str, project: Path, repository: Repository) -> Place:
    """The place of a configured path. Raises UsageError if it is outside the project."""
    plain = posixpath.normpath(path)
    if posixpath.isabs(plain) or plain.startswith("..") or plain == ".":
        raise UsageError("this is no file in the project", where=f"dvc.path: {path}", remedy="give a path inside it")
    data = posixpath.normpath(repository.within(plain))
    return Place(
        path=plain,
        file=project / plain,
        data=data,
        pointer=f"{data}.dvc",
        ignore=posixpath.join(posixpath.dirname(data), ".gitignore"),
        line=f"/{posixpath.basename(data)}",
    )


def pointed_at(content: bytes | None, pointer: str) -> str:
    """The md5 that a pointer names; empty for none and for what is no pointer."""
    if content is None:
        return ""
    try:
        return targets(pointer, content)[0].digest
    except MalformedPointerError:
        return ""


def md5_of(path: Path) -> str:
    """DVC's digest of a file (since DVC 3: of its bytes as they are)."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def with_line(content: bytes, line: str) -> bytes:
    """A `.gitignore` with a line, once."""
    if has_line(content, line):
        return content
    end = b"\n" if content and not content.endswith(b"\n") else b""
    return content + end + line.encode() + b"\n"


def without_line(content: bytes, line: str) -> bytes:
    """The same without it."""
    return b"".join(each for each in content.splitlines(keepends=True) if each.strip() != line.encode())


def has_line(content: bytes | None, line: str) -> bool:
    """Whether it is there."""
    return content is not None and line.encode() in (each.strip() for each in content.splitlines())
