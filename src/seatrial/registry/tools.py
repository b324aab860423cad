"""What commands on the registry work with: the ports and folders that `wiring` chose."""

from dataclasses import dataclass
from pathlib import Path

from seatrial.ports import Clock, Registry, Store
from seatrial.records import RegistrySpec, StageRules


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryTools:
    """The registry of one project, and its surroundings.

    Attributes:
        rules: the project's stages.
        store: where the files of versions are, where the registry does not keep them itself.
        project: its folder, which may have no `seatrial.yaml`.
        root: its workspace, `.seatrial`.
        spec: as it was configured; `url` still with `${NAME}` in it.
    """

    registry: Registry
    rules: StageRules
    clock: Clock
    store: Store
    project: Path
    root: Path
    spec: RegistrySpec
