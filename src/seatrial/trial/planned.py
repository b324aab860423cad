"""What is decided of a trial before anything of it runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from seatrial.records import Change, Plan, Project, Role
from seatrial.trial.build.lay import Layer
from seatrial.trial.change.git import Repository


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A trial that can begin.

    Attributes:
        project: the configuration that judges both versions.
        inputs: tree that requests, tests and metric functions are read from; None: the candidate's.
        layers: by name of the version, the registered files that are laid over its tree.
    """

    project: Project
    repository: Repository
    change: Change
    plan: Plan
    inputs: str | None = None
    layers: Mapping[str, Layer] = field(default_factory=dict)

    @property
    def inputs_tree(self) -> str | None:
        """The tree that requests, tests and metric functions are read from; None where the candidate has no files."""
        return self.inputs or next((cell.version.tree for cell in self.plan.cells if cell.role is Role.CANDIDATE), None)
