"""What a retraining works with: the ports and folders that `wiring` chose."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from seatrial.datasets.book import DatasetBook
from seatrial.datasets.cache import SegmentCache
from seatrial.ports import Store, Stream
from seatrial.records import ModelVersion, Notice, Project, PromotionResult, Release, RetrainSpec, StreamSpec
from seatrial.registry.tools import RegistryTools
from seatrial.retrain.book import RetrainBook
from seatrial.retrain.progress import RetrainProgress
from seatrial.trial.tools import Tools


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """A version that is handed over to a trial, and by it to its stage.

    Attributes:
        key: the same for the same handing over, so that it is done once.
        trial_only: whether the stage is left to a release.
    """

    key: str
    version: ModelVersion
    stage: str
    trial_only: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainTools:
    """The surroundings of retrainings.

    Attributes:
        mark: is in the id of every run: several machines may share the books.
        project: what its `seatrial.yaml` says.
        book: runs, claims and schedules.
        datasets: dataset versions.
        archive: keeps segments, dead lines and models by digest.
        files: the same as files of this machine.
        registry: opened with the project's stages.
        trial: workspace, clock, journal and stacks.
        environ: of the caller, for `${NAME}`.
        stream: opens a stream.
        promote: begins the promotion of a version, unless it was begun; `promoted` waits for its end.
        release: begins the release of a version, unless it was begun since the moment given.
        follow: waits for the end of a release.
        receivers: the names of those who want a notice.
        tell: sees to it that one of them (its name) gets the notice of a run (its id), and doesn't wait for that.
        interrupted: whether somebody ended it.
        leave: raises LeftUnfinished if the process is about to end.
        wait: lets seconds pass; raises LeftUnfinished if the process is about to end.
        watch: told how far it is.
    """

    mark: str
    project: Project
    book: RetrainBook
    datasets: DatasetBook
    archive: Store
    files: SegmentCache
    registry: RegistryTools
    trial: Tools
    environ: Mapping[str, str]
    stream: Callable[[StreamSpec], Stream]
    promote: Callable[[Handover], None]
    promoted: Callable[[Handover], PromotionResult]
    release: Callable[[RetrainSpec, ModelVersion, str], str]
    follow: Callable[[str], Release]
    receivers: Callable[[Notice], tuple[str, ...]]
    tell: Callable[[Notice, str, str], None]
    interrupted: Callable[[], bool]
    leave: Callable[[], None]
    wait: Callable[[float], None]
    watch: Callable[[RetrainProgress], None]
