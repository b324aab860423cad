"""A release: a version on its way to all users, step by step, and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from seatrial.records.judgement import JudgePolicy, Threshold
from seatrial.records.verdict import Verdict


class StepKind(StrEnum):
    """MIRROR: the canary gets copies. WEIGHT: it gets a share of the requests. APPROVAL: a person has to say go on."""

    MIRROR = "mirror"
    WEIGHT = "weight"
    APPROVAL = "approval"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseStep:
    """One step.

    Attributes:
        share: thousandths: of copies or of requests.
        dwell: least seconds that it lasts.
        decided: whether it also lasts until the judge says promote; only the last weight may go without.
    """

    kind: StepKind
    share: int = 0
    dwell: float = 0.0
    decided: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSpec:
    """Where the windows come from.

    Attributes:
        kind: the gateway's access log, the model servers' own metrics, or a Prometheus.
        url: of the Prometheus.
        requests, errors, latency: PromQL of counters (for `latency`: of the `_bucket` series) with `$version` in it, from
            which increases over a window are taken.
    """

    kind: Literal["access-log", "serve", "prometheus"] = "access-log"
    url: str = ""
    requests: str = ""
    errors: str = ""
    latency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseSpec:
    """How a service is released, from `services.NAME.release` of the configuration.

    Attributes:
        stage: of the registry that the version gets in the end.
        longest: seconds after which it ends without a verdict.
        at_timeout: what is done then.
        bake: seconds that the old version is kept ready to return after the promotion.
        if_running: what a second release of the service does.
        window: seconds.
    """

    stage: str = "Production"
    steps: tuple[ReleaseStep, ...] = (ReleaseStep(kind=StepKind.WEIGHT, share=200, decided=True),)
    longest: float = 12 * 3600.0
    at_timeout: Literal["abort", "promote", "pause"] = "abort"
    bake: float = 0.0
    if_running: Literal["refuse", "wait", "replace"] = "refuse"
    window: float = 10.0
    source: SourceSpec = SourceSpec()
    policy: JudgePolicy = field(default_factory=JudgePolicy)
    thresholds: tuple[Threshold, ...] = ()

    @property
    def mirrors(self) -> bool:
        """Whether the canary gets copies at some step."""
        return any(step.kind is StepKind.MIRROR and step.share for step in self.steps)


class ReleasePhase(StrEnum):
    """Where a release stands.

    WAITING: for another of this service. STARTING: its canary. STEPPING: through its steps. PAUSED: until a person
    says resume. PROMOTING: stable is being replaced. BAKING: the old version is kept ready. ABORTING: everything goes
    back to stable. ENDED: see the outcome.
    """

    WAITING = "waiting"
    STARTING = "starting"
    STEPPING = "stepping"
    PAUSED = "paused"
    PROMOTING = "promoting"
    BAKING = "baking"
    ABORTING = "aborting"
    ENDED = "ended"


class ReleaseOutcome(StrEnum):
    """How it ended. ABORTED: stable has everything, as before. ROLLED_BACK: it had been promoted, and the old version is back."""

    PROMOTED = "promoted"
    ABORTED = "aborted"
    ROLLED_BACK = "rolled back"


class ReleaseEventKind(StrEnum):
    """What a line of the timeline is about."""

    PHASE = "phase"
    WEIGHT = "weight"
    VERDICT = "verdict"
    ORDER = "order"
    TROUBLE = "trouble"
    REPLICA = "replica"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseEvent:
    """One line of the timeline. `weight`: thousandths in force from then on, where that is what it says."""

    at: datetime
    kind: ReleaseEventKind
    text: str
    weight: int | None = None
    who: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One release as it is now; what is kept of it between two looks.

    Attributes:
        id: sorts by start: `20261121-031544-7f3a`.
        model, number: the version that is released; `digest` of its files.
        baseline: number of the version that was stable when it began; None where there was none.
        step: index of the current step; `step_since` when it began.
        weight: thousandths that were last asked for.
        before_pause: the phase to return to.
        why: one sentence on why it stands where it stands, or ended as it did.
        dry_run: it judges and decides, but moves nothing.
        approved: indexes of the approvals that were given.
        spec: as it was when it began: a change of the file does not reach a release that runs.
        begun: when it came to its turn; users are counted from here.
        mirror: thousandths of copies that were last asked for.
        verdict: what its end is worth: pass on the judge's word alone, fail for harm, inconclusive, error.
        elapsed: seconds that it has stepped, which `longest` bounds; approvals and pauses are not among them.
        phase_elapsed, step_elapsed: seconds in this phase and step; a jump of the wall clock changes none of the three.
        mark: monotonic reading up to which they are counted.
        step_judged: seconds of windows that were judged within the step, with its weight in force; `step_requests` is how
            many of the canary's requests these held.
        overruled: when a person said go on although the split was not what was asked for; it is counted anew from there.
        replaced: stable was told to run the version; `promoted` is when all of it did.
        promoted_by: the person who promoted it; empty for the judge's word.
        held: numbers of the versions that held the stage when it began; `moved`: it took the stage from them.
        told: what people were told already.
    """

    id: str
    service: str
    model: str
    number: int
    started: datetime
    spec: ReleaseSpec
    digest: str = ""
    baseline: int | None = None
    baseline_digest: str = ""
    phase: ReleasePhase = ReleasePhase.WAITING
    phase_since: datetime | None = None
    before_pause: ReleasePhase | None = None
    step: int = 0
    step_since: datetime | None = None
    weight: int = 0
    judged_to: datetime | None = None
    outcome: ReleaseOutcome | None = None
    ended: datetime | None = None
    verdict_at: datetime | None = None
    why: str = ""
    who: str = ""
    dry_run: bool = False
    approved: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    folder: str = ""
    begun: datetime | None = None
    mirror: int = 0
    verdict: Verdict | None = None
    elapsed: float = 0.0
    phase_elapsed: float = 0.0
    step_elapsed: float = 0.0
    mark: float | None = None
    step_judged: float = 0.0
    step_requests: int = 0
    overruled: datetime | None = None
    replaced: bool = False
    promoted: datetime | None = None
    promoted_by: str = ""
    held: tuple[int, ...] = ()
    moved: bool = False
    told: tuple[str, ...] = ()


class OrderKind(StrEnum):
    """What a person tells a release to do."""

    PAUSE = "pause"
    RESUME = "resume"
    APPROVE = "approve"
    PROMOTE = "promote"
    ABORT = "abort"
    ROLL_BACK = "rollback"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformPoint:
    """What the replicas of one version used at one moment, as cAdvisor would tell."""

    at: datetime
    service: str
    version: str
    replica: str
    cpu_seconds: float
    memory: int
    restarts: int
    cores: float | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
