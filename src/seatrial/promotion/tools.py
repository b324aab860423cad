"""What a promotion works with: the ports and folders that `wiring` chose."""

from collections.abc import Callable
from dataclasses import dataclass

from seatrial.ports import Registry, Store
from seatrial.records import Notice, Project
from seatrial.trial.run import Outcome
from seatrial.trial.tools import Tools
from seatrial.trial.versions import VersionTrialRequest

Attempt = Callable[[VersionTrialRequest], Outcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionTools:
    """The surroundings of promotions.

    Attributes:
        mark: is in the id of every run: several machines may share the registry, which knows evidence by its run.
        project: what its `seatrial.yaml` says.
        registry: opened with the project's stages.
        archive: the registry's store; a report that evidence names is kept there too, so that others can read it.
        trial: the surroundings of the trials in them; the journal and workspace are the promotions' too.
        attempt: runs the trial of a request; its outcome is `interrupted` where somebody ended it.
        receivers: the names of those who want a notice.
        tell: sees to it that one of them (its name) gets the notice of a run (its id), and doesn't wait for that.
    """

    mark: str
    project: Project
    registry: Registry
    archive: Store
    trial: Tools
    attempt: Attempt
    receivers: Callable[[Notice], tuple[str, ...]]
    tell: Callable[[Notice, str, str], None]
