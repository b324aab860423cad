"""What a new project has to do with git.

A new one gets a first commit, which is what a trial compares the first change with; an existing one is asked what it is
like.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol

MESSAGE: Final = "Begin with seatrial init"
_NOBODY: Final[Mapping[str, str]] = MappingProxyType({"user.name": "seatrial", "user.email": "seatrial@localhost"})
_BRANCH: Final = re.compile(r"[A-Za-z0-9._/-]+")
_ORIGIN: Final = "refs/remotes/origin/"


class Answer(Protocol):
    """What a git command answered."""

    @property
    def status(self) -> int:
        """0 where it did what it should."""
        ...

    @property
    def text(self) -> str:
        """What it printed."""
        ...


class Git(Protocol):
    """Git in one folder, as `seatrial.trial.change.git` has it."""

    @property
    def folder(self) -> Path:
        """Where it works."""
        ...

    def attempt(self, *args: str) -> Answer:
        """Run a command, whatever it answers."""
        ...

    def run(self, *args: str, settings: Mapping[str, str] = ...) -> Answer:
        """Run a command that has to succeed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The first commit, and what people should know of it."""

    commit: str
    notes: tuple[str, ...] = ()


def start_repository(git: Git, *, branch: str, origin: str = "") -> Start:
    """Make a repository of a folder and commit everything in it, also what the user's own settings ignore.

    Args:
        git: in the folder.
        branch: its only branch.
        origin: address of the remote `origin`; empty: none.

    Raises:
        SeatrialError: git refused, or is not there.
    """
    around = git.attempt("rev-parse", "--show-toplevel")
    git.run("init", "--quiet", f"--initial-branch={branch}")
    git.run("add", "--all", "--force")
    known = all(git.attempt("var", f"GIT_{who}_IDENT").status == 0 for who in ("AUTHOR", "COMMITTER"))
    git.run("commit", "--quiet", "--message", MESSAGE, settings={} if known else _NOBODY)
    if origin:
        git.run("remote", "add", "origin", origin)
    notes = []
    if not known:
        notes.append(
            "git does not know your name, so the first commit has seatrial's; `git config` sets user.name and user.email, "
            "and `git commit --amend --reset-author --no-edit` puts them there"
        )
    if around.status == 0:
        notes.append(f"it lies inside another git repository, {around.text}, which takes no notice of its files")
    return Start(commit=git.run("rev-parse", "HEAD").text, notes=tuple(notes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What an existing folder is in.

    Attributes:
        branch: the default branch of its repository; `main` where that is not clear.
        below: the folder as seen from the top of the repository, as `models/wine/`; empty at the top.
        versioned: whether there is a repository at all.
    """

    branch: str = "main"
    below: str = ""
    versioned: bool = True


def look_around(git: Git) -> Surroundings:
    """Find out what a folder is in. Raises SeatrialError if git is not there."""
    prefix = git.attempt("rev-parse", "--show-prefix")
    if prefix.status != 0:
        return Surroundings(versioned=False)
    found = next((branch for branch in _candidates(git) if _BRANCH.fullmatch(branch)), "main")
    return Surroundings(branch=found, below=prefix.text)


def _candidates(git: Git) -> tuple[str, ...]:
    """Names that the default branch may have, the likeliest first."""
    of_origin = git.attempt("symbolic-ref", "--quiet", f"{_ORIGIN}HEAD").text.removeprefix(_ORIGIN)
    usual = [
        branch
        for branch in ("main", "master")
        for place in ("refs/heads/", _ORIGIN)
        if git.attempt("rev-parse", "--quiet", "--verify", f"{place}{branch}").status == 0
    ]
    current = git.attempt("symbolic-ref", "--quiet", "--short", "HEAD").text
    return (of_origin, *usual, current)
