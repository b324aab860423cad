"""Working trees that tests write to, commit to and break."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from seatrial.trial.change.git import Repository, open_repository


class Work:
    """A working tree under a test's control: write files, run git, commit."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def git(self, *args: str) -> str:
        """Run git here and return its output."""
        done = subprocess.run(["git", "-C", str(self.folder), *args], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode("utf-8", "surrogateescape").removesuffix("\n")

    def write(self, files: Mapping[str, str | bytes | None]) -> None:
        """Write files by path; None removes one."""
        for name, content in files.items():
            path = self.folder / name
            if content is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(self, files: Mapping[str, str | bytes | None]) -> str:
        """Write files and commit everything; the commit's id."""
        self.write(files)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "a change")
        return self.git("rev-parse", "HEAD")

    def repository(self, project: str = ".") -> Repository:
        """The repository as seatrial sees it."""
        return open_repository(self.folder / project)

    def names(self, tree: str) -> list[str]:
        """All paths of a tree."""
        return self.git("ls-tree", "-r", "-z", "--name-only", tree).split("\0")[:-1]


def init(folder: Path) -> Work:
    """An empty repository with the branch `main`."""
    folder.mkdir(parents=True, exist_ok=True)
    work = Work(folder)
    work.git("init", "--quiet", "--initial-branch=main")
    return work


def pointer(md5: str, path: str) -> str:
    """The contents of a DVC pointer file."""
    return f"outs:\n- md5: {md5}\n  size: 3\n  hash: md5\n  path: {path}\n"


def lock(*entries: tuple[str, str], command: str = "python train.py") -> str:
    """The contents of a `dvc.lock` with one stage that writes these (path, md5)."""
    outs = "".join(f"    - path: {path}\n      hash: md5\n      md5: {md5}\n" for path, md5 in entries)
    return f"schema: '2.0'\nstages:\n  train:\n    cmd: {command}\n    outs:\n{outs}"
