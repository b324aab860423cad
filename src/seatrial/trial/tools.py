"""What a trial works with: the ports and folders that `wiring` chose."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seatrial.journal import Journal
from seatrial.ports import Clock, Runtime, Store
from seatrial.trial.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """The surroundings of a trial.

    Attributes:
        project: folder that holds `seatrial.yaml`.
        stacks: where environments are cached, shared by all projects of the user.
        machine: facts of this machine for the report.
    """

    project: Path
    workspace: Workspace
    clock: Clock
    runtime: Runtime
    store: Store
    journal: Journal
    stacks: Path
    machine: Mapping[str, str]
