"""How a foreign configuration's surroundings are read: from a folder, or from a tree of git that is checked out nowhere."""

import posixpath
from collections.abc import Sequence
from typing import Protocol


class Files(Protocol):
    """The files of one version of a project; paths have slashes and count from the project."""

    def read(self, path: str) -> bytes | None:
        """The contents of a file; None if there is no such file."""
        ...

    def names(self, folder: str) -> Sequence[str]:
        """The names of what a folder holds; empty if there is no such folder."""
        ...


def inside(path: str) -> str:
    """A path as `Files` take it, without `.` and `..`; empty for the project itself and for what is outside of it."""
    if "\0" in path or "\\" in path or path.startswith("/"):
        return ""
    clean = posixpath.normpath(path or ".")
    return "" if clean == "." or clean.split("/")[0] == ".." else clean


def joined(*parts: str) -> str:
    """Parts of a path, put together; empty where they lead outside."""
    return inside("/".join(part for part in parts if part))


def has(files: Files, path: str) -> bool:
    """Whether there is such a file."""
    return bool(path) and files.read(path) is not None


def text_of(files: Files, path: str) -> str:
    """The text of a file; empty without one."""
    return (files.read(path) or b"").decode("utf-8", "replace") if path else ""
