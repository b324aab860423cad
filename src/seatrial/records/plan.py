"""Which cells will run: one cell is one version of one deployment."""

from dataclasses import dataclass
from enum import StrEnum

from seatrial.records.change import Axis, Version
from seatrial.records.deployment import DeploymentSpec


class Role(StrEnum):
    """What a cell is for. `mixed` cells serve attribution only."""

    BASELINE = "baseline"
    CANDIDATE = "candidate"
    MIXED = "mixed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One version of one deployment, as that version's own configuration starts it.

    `axes` are the axes whose files come from the candidate: none for the baseline, all for the candidate.
    """

    deployment: DeploymentSpec
    version: Version
    role: Role
    axes: tuple[Axis, ...] = ()

    @property
    def id(self) -> str:
        """Unique within a plan: `forest@candidate`."""
        return f"{self.deployment.name}@{self.version.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that a trial will run.

    `added` and `removed` name deployments that only the candidate or only the baseline has.
    """

    cells: tuple[Cell, ...]
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def deployments(self) -> tuple[str, ...]:
        """Names, in the order of the configuration."""
        return tuple(dict.fromkeys(cell.deployment.name for cell in self.cells))

    def cell(self, deployment: str, role: Role) -> Cell | None:
        """The first cell of a deployment with this role; None if it has none."""
        return next((cell for cell in self.of(deployment) if cell.role is role), None)

    def of(self, deployment: str) -> tuple[Cell, ...]:
        """The cells of one deployment."""
        return tuple(cell for cell in self.cells if cell.deployment.name == deployment)
