"""A real repository of git and DVC: a bare remote, a folder as DVC's remote, and clones that people work in."""

import os
import shlex
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from seatrial.adapters.clock import SystemClock
from seatrial.records import ColumnKind, ColumnSpec, DataPointer, DatasetVersion, DvcSpec, Segment
from seatrial.retrain.pointer import point

CREATED = datetime(2026, 11, 20, 20, tzinfo=UTC)
SPEC = DvcSpec(path="data/ratings.parquet", git_push=True)
LEAN = replace(SPEC, push=False)
POINTER = "data/ratings.parquet.dvc"
DVC = Path(sys.executable).with_name("dvc")
_PERSON = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "DVC_NO_ANALYTICS": "1",
    "CI": "true",
}


@dataclass(frozen=True)
class World:
    """A folder with `remote.git`, `store` (DVC's remote) and `work`, the project that a loop runs in."""

    root: Path

    @property
    def work(self) -> Path:
        """The project's folder."""
        return self.root / "work"

    @property
    def environ(self) -> dict[str, str]:
        """Of whoever runs the loop, without a shim."""
        path = f"{self.root / 'shims'}{os.pathsep}{DVC.parent}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, **_PERSON, "PATH": path}

    def git(self, *args: str, at: Path | None = None) -> str:
        """What git answers in the project or another clone."""
        return run("git", *args, at=at or self.work)

    def clone(self, name: str) -> Path:
        """Another person's clone."""
        run("git", "clone", "--quiet", str(self.root / "remote.git"), name, at=self.root)
        return self.root / name

    def commit(self, clone: Path, path: str, content: str) -> str:
        """Somebody's commit of one file, pushed."""
        (clone / path).parent.mkdir(parents=True, exist_ok=True)
        (clone / path).write_text(content)
        self.git("add", "--force", path, at=clone)
        self.git("commit", "--quiet", "-m", f"change {path}", at=clone)
        self.git("push", "--quiet", at=clone)
        return self.git("rev-parse", "HEAD", at=clone)

    def shim(self, program: str, words: str, *, before: str = ":", after: str = ":") -> None:
        """See to it that something happens once, before or after the next command of a program that has these words."""
        real = DVC if program == "dvc" else shutil.which(program)
        used = self.root / "shims" / f"{program}.used"
        used.unlink(missing_ok=True)
        script = f"""#!/bin/bash
case " $* " in *{shlex.quote(words)}*) wanted=yes ;; esac
if [ -n "$wanted" ] && [ ! -e {shlex.quote(str(used))} ]; then
  touch {shlex.quote(str(used))}
  {before}
  {shlex.quote(str(real))} "$@"; status=$?
  {after}
  exit $status
fi
exec {shlex.quote(str(real))} "$@"
"""
        place = self.root / "shims" / program
        place.parent.mkdir(exist_ok=True)
        place.write_text(script)
        place.chmod(place.stat().st_mode | stat.S_IXUSR)

    def point(
        self, number: int, spec: DvcSpec = LEAN, *, folder: str = ".", stop: Callable[[], bool] = lambda: False
    ) -> DataPointer:
        """Keep a version by DVC; `folder` is the project's in its repository."""
        data = self.root / "run" / "dataset.parquet"
        data.parent.mkdir(exist_ok=True)
        data.write_text(f"rows of version {number}\n")
        return point(
            spec,
            data,
            version(number),
            project=self.work / folder,
            environ=self.environ,
            log=self.root / "run" / "dvc.log",
            clock=SystemClock(),
            stop=stop,
        )


def version(number: int) -> DatasetVersion:
    """Version `number` of `ratings`."""
    return DatasetVersion(
        dataset="ratings",
        number=number,
        digest=f"sha256:{number:064}",
        created=CREATED,
        run=f"20261120-20000{number}-7f3a",
        columns=(ColumnSpec(name="rating", kind=ColumnKind.INTEGER),),
        added=Segment(digest="sha256:0", rows=10, size=100),
        rows=10 * number,
    )


def make(root: Path) -> World:
    """All of it, with one commit that everybody has."""
    run("git", "init", "--quiet", "--bare", "--initial-branch=main", "remote.git", at=root)
    run("git", "clone", "--quiet", "remote.git", "work", at=root)
    world = World(root)
    world.git("remote", "set-url", "origin", "../remote.git")
    run(str(DVC), "init", "--quiet", at=world.work)
    (root / "store").mkdir()
    (world.work / ".dvc" / "config").write_text(
        "[core]\n    remote = here\n['remote \"here\"']\n    url = ../../store\n"
    )
    (world.work / "train.py").write_text("print('training')\n")
    world.git("add", "--all")
    world.git("commit", "--quiet", "-m", "first")
    world.git("push", "--quiet", "--set-upstream", "origin", "main")
    return world


def run(*command: str, at: Path) -> str:
    """What a command prints; it has to succeed."""
    done = subprocess.run(command, cwd=at, env={**os.environ, **_PERSON}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.rstrip("\n")
