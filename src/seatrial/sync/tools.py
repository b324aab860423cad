"""What a sync works with; `seatrial.wiring.open_sync` puts it together."""

from collections.abc import Mapping
from dataclasses import dataclass

from seatrial.ports import Clock, CodeTarget
from seatrial.records import SyncSpec
from seatrial.trial.change.git import Repository


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncTools:
    """The tools for copying one project's code.

    Attributes:
        project: its name.
        spec: where the code goes.
        repository: where the project lies.
        target: the opened target.
        clock: for waiting until another sync has done its part.
        environ: where continuous integration says what it built.
    """

    project: str
    spec: SyncSpec
    repository: Repository
    target: CodeTarget
    clock: Clock
    environ: Mapping[str, str]
