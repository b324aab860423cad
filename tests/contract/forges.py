"""The forges that the contract of the Forge port runs on, each with what sets its scene behind the adapter's back.

A forge plugs in with a module `tests/forges/NAME/opener.py` that has

- `FEATURES: frozenset[str]`: those of `ALL_FEATURES` that this forge has, and
- `opened() -> AbstractContextManager[Scene]`: a forge with one repository, empty of pull requests. Those in `SERVERS`
  are given the running server.

A scene is shared by the tests of a module, so that each test opens a pull request of its own, from a branch of its own.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from importlib.util import find_spec
from typing import Protocol

from seatrial.ports import Forge

NAMES = ("memory", "local", "github", "github_app", "gitlab", "gitea")
SERVERS = frozenset({"gitea"})
ALL_FEATURES = frozenset(
    {
        "accounts",  # it knows who may do what
        "drafts",  # a pull request can be a draft
        "forks",  # a pull request can come from a fork
        "git",  # git can fetch from `clone_url`
        "labels",  # a pull request has labels
        "others",  # people comment as well
        "reactions",  # a comment takes reactions
        "rights",  # a token can lack a right
        "states",  # a pull request is closed and merged
    },
)


class Light(StrEnum):
    """What people see of a check. `red` is whatever is neither green nor under way: it does not let a change pass."""

    WAITING = "waiting"
    GREEN = "green"
    RED = "red"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCheck:
    """A check as the forge shows it, one of each name.

    Attributes:
        title: the line beside it.
        url: empty, or the forge's own, where none was said.
    """

    name: str
    light: Light
    title: str
    url: str = ""


class Scene(Protocol):
    """One forge with one repository, and what people and their git do there."""

    forge: Forge  # with a token that may do all that is needed
    repository: str
    account: str  # whose token the forge has; the comments' author
    writer: str  # may push, and comments as "other"
    reader: str  # is known there, and may not push
    stranger: str  # has an account on the forge, and no right in the repository
    admin: str
    secrets: tuple[str, ...]  # that no message may hold

    def open_pull(self, branch: str, *, fork: bool = False, draft: bool = False, labels: Sequence[str] = ()) -> int:
        """Push a new branch with one commit, open a pull request from it into `main`, entitled `Change BRANCH`."""
        ...

    def push(self, branch: str) -> str:
        """Push one more commit to a branch (of the fork, where its pull request is from there); its id."""
        ...

    def tip(self, branch: str) -> str:
        """Id of the newest commit of a branch (of the fork likewise)."""
        ...

    def close_pull(self, number: int) -> None:
        """Close it without merging."""
        ...

    def merge_pull(self, number: int) -> None:
        """Merge it."""
        ...

    def comment_as_other(self, number: int, text: str) -> str:
        """The writer comments; the comment's id."""
        ...

    def reactions(self, number: int, comment: str) -> Sequence[str]:
        """Reactions on a comment, in the forge's words."""
        ...

    def checks(self, commit: str) -> Sequence[ShownCheck]:
        """What is shown of a commit's checks."""
        ...

    def kept(self, commit: str) -> int:
        """How many records of checks the forge keeps of a commit, those that are shown no more included."""
        ...

    def reading(self) -> Forge:
        """The same forge with a token that may read and not write."""
        ...


def forges() -> tuple[str, ...]:
    """Names of the forges that are plugged in."""
    return tuple(
        name for name in NAMES if find_spec(f"tests.forges.{name}") and find_spec(f"tests.forges.{name}.opener")
    )


def having(*features: str) -> tuple[str, ...]:
    """Names of the forges that have the features."""
    wanted = frozenset(features)
    if not wanted <= ALL_FEATURES:
        raise ValueError(features)
    return tuple(name for name in forges() if wanted <= import_module(f"tests.forges.{name}.opener").FEATURES)


def opener(name: str) -> Callable[..., AbstractContextManager[Scene]]:
    """What opens a forge, by its name."""
    found: Callable[..., AbstractContextManager[Scene]] = import_module(f"tests.forges.{name}.opener").opened
    return found
