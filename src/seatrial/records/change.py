"""What changed: two versions of a project and the files between them, sorted into axes."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Axis(StrEnum):
    """The kind of thing that a changed file belongs to. `other` (documents, settings of tools) moves no metric."""

    CODE = "code"
    DATA = "data"
    MODEL = "model"
    STACK = "stack"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One state of the project: a git tree, or a service that already runs at a URL.

    Attributes:
        name: `baseline`, `candidate`, or `baseline+data` for a mixed version of an attribution.
        tree: git tree id of the whole repository; None for a URL.
        commit: commit id that the tree came from; None for a URL, an overlay or a mixed tree.
        described: for people: `main (1a2b3c4)`, `working tree`, `overlay baseline/`.
        dirty: whether it holds changes that are in no commit.
        url: where it already runs; None for a tree.
        registered: `wine@3` where the files of that registered version are laid over the tree; None for a tree as git
            has it.
    """

    name: str
    tree: str | None = None
    commit: str | None = None
    described: str = ""
    dirty: bool = False
    url: str | None = None
    registered: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """One changed path, relative to the project; a DVC pointer carries the path that it points to."""

    path: str
    status: Literal["added", "removed", "modified"]
    axis: Axis
    baseline_digest: str | None = None
    candidate_digest: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisChange:
    """What changed on one axis. The versions are digests over the axis's files (the md5 for one DVC target)."""

    axis: Axis
    files: tuple[FileChange, ...]
    baseline_version: str
    candidate_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The difference under trial.

    `project` is the project's folder inside the repository (`.` for its root). `notes` say in words why these two
    versions were chosen and what the list of files leaves out.
    """

    project: str
    baseline: Version
    candidate: Version
    axes: tuple[AxisChange, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def changed_axes(self) -> tuple[Axis, ...]:
        """The axes that can move a metric and that changed, in a fixed order."""
        return tuple(change.axis for change in self.axes if change.axis is not Axis.OTHER)
