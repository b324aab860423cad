"""What the registry keeps: versions of models, the stages that they hold, and the ledger of who moved what, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from seatrial.records.errors import UsageError
from seatrial.records.serving import Signature
from seatrial.records.verdict import Verdict


class ActorKind(StrEnum):
    """Who acts: a person, or a run that seatrial made."""

    PERSON = "person"
    RUN = "run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who did something.

    Attributes:
        name: of the person (`ada@example.org`), or of the person or CI account for whom the run acted.
        via: where the name comes from (`GITHUB_ACTOR`, `git config user.email`, `login`), so that a reader can weigh it.
    """

    name: str
    kind: ActorKind = ActorKind.PERSON
    via: str = ""


class StageGate(StrEnum):
    """What guards a stage. OPEN: people may set it. PROMOTION: only a promotion run that passed."""

    OPEN = "open"
    PROMOTION = "promotion"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSpec:
    """One stage of the project's.

    Attributes:
        name: as people write it; matched without regard to case.
        several: whether several versions of one model may hold it at once; otherwise a newcomer displaces the holder.
        people: names of those who may set an open stage; empty: everyone.
        displaced_to: stage of a version that a newcomer displaced; empty: the initial one.
    """

    name: str
    several: bool = True
    gate: StageGate = StageGate.OPEN
    people: tuple[str, ...] = ()
    displaced_to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRules:
    """The stages of a project in their order; the first is the one that every version begins in.

    `break_glass` says whether people may enter a guarded stage in an emergency, with a reason.
    """

    stages: tuple[StageSpec, ...] = (
        StageSpec(name="None"),
        StageSpec(name="Staging"),
        StageSpec(name="Production", several=False, gate=StageGate.PROMOTION),
    )
    break_glass: bool = False

    @property
    def initial(self) -> str:
        """Name of the stage that every version begins in."""
        return self.stages[0].name

    @property
    def final(self) -> StageSpec:
        """What promotion leads to (`Production`): the last stage that it guards, or the last one if it guards none."""
        guarded = [stage for stage in self.stages if stage.gate is StageGate.PROMOTION]
        return guarded[-1] if guarded else self.stages[-1]

    def get(self, name: str) -> StageSpec:
        """The stage of this name, whatever its case. Raises UsageError that lists the known ones."""
        for stage in self.stages:
            if stage.name.casefold() == name.casefold():
                return stage
        raise UsageError(
            f"there is no stage {name!r}", remedy=f"the stages are {', '.join(stage.name for stage in self.stages)}"
        )

    def aimed_at(self, name: str) -> StageSpec:
        """The stage of this name; the final one where none is named. Raises as `get`."""
        return self.get(name) if name else self.final

    def displaced(self, stage: StageSpec) -> str:
        """Where the holder of `stage` goes when a newcomer displaces it."""
        return stage.displaced_to or self.initial


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrySpec:
    """Where the registry is and which stages it has, from `registry` of the configuration.

    Attributes:
        url: `postgresql://…`, `sqlite:///…`, or `http(s)://…` of an MLflow server; `${NAME}` refers to the caller's
            environment. None: SQLite in the project's workspace.
        artifacts: folder (relative to the project) or `s3://bucket/prefix` for the files of the versions; None: the
            workspace's store. An MLflow server keeps them itself.
        ledger: database of the ledger where `url` is an MLflow server, which has none; one for all who move models
            there. None: SQLite in the project's workspace.
    """

    url: str | None = None
    artifacts: str | None = None
    ledger: str | None = None
    rules: StageRules = field(default_factory=StageRules)


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    r"""The files of a version, by digest.

    Attributes:
        digest: `sha256:…` of the file; of a folder, of the listing of its files (`NAME\0DIGEST\n`, sorted by name),
            exactly as `seatrial serve` computes it, so that the served model can be told to be the registered one.
        name: of the file or folder (`model.joblib`), because loaders go by it.
        folder: whether it is one.
        size: bytes of all files.
        files: how many.
    """

    digest: str
    name: str
    folder: bool = False
    size: int = 0
    files: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """What a version was made from; None where it is not known.

    Attributes:
        commit, branch: of the project's repository.
        data: version of the data: a digest, or DVC's md5 (`md5:…`).
        stack: digest of the resolved software environment.
        run: of the training or retraining.
        parent: number of the version that it came from.
    """

    commit: str | None = None
    branch: str | None = None
    data: str | None = None
    stack: str | None = None
    run: str | None = None
    parent: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionDraft:
    """A version that is about to be registered: everything but what the registry itself gives it."""

    model: str
    creator: Actor
    created: datetime
    lineage: Lineage = Lineage()
    flavour: str | None = None
    signature: Signature | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """One registered version. All but `tags` and `stage` never change.

    `number` counts from 1 within its model.
    """

    model: str
    number: int
    artifact: Artifact
    stage: str
    creator: Actor
    created: datetime
    lineage: Lineage = Lineage()
    flavour: str | None = None
    signature: Signature | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str = ""

    @property
    def id(self) -> str:
        """As people write it: `wine@3`."""
        return f"{self.model}@{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSummary:
    """One model in a list. `holders` are the numbers of the versions in each stage but the initial one."""

    name: str
    versions: int
    latest: int
    updated: datetime
    holders: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a promotion run found of one version; the registry moves nothing into a guarded stage without a passed one.

    Attributes:
        run: id of the promotion run.
        artifact: digest of what was tried.
        baseline: number of the version that it was compared with; None where the stage was empty.
        report: digest of the report in the store.
        url: where people find the run.
    """

    run: str
    model: str
    number: int
    artifact: str
    verdict: Verdict
    finished: datetime
    baseline: int | None = None
    report: str | None = None
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A wish to move a version into a stage; the registry carries it out whole or refuses it.

    Attributes:
        to: stage.
        run: the promotion run that passed; None where a person moves it. The same move of the same run again changes
            nothing and gives the first one's entries.
        expected: holders of `to` when it was decided; if they are others by now, somebody else was first and the
            move is refused. None where that doesn't matter.
        break_glass: a person enters a guarded stage in an emergency; needs `reason`.
    """

    model: str
    number: int
    to: str
    actor: Actor
    at: datetime
    reason: str = ""
    run: str | None = None
    expected: tuple[int, ...] | None = None
    break_glass: bool = False


class EntryKind(StrEnum):
    """What a line of the ledger tells. DISPLACED: it left a stage because a newcomer took it, in the same transaction."""

    REGISTERED = "registered"
    MOVED = "moved"
    DISPLACED = "displaced"
    BROKE_GLASS = "broke glass"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One line of the ledger: who, when, from → to, on which evidence.

    Attributes:
        seq: 1, 2, 3 … without gaps, over all models.
        source: stage before; empty for a registration.
        run, report: the promotion run and the digest of its report, where there was one.
        evidence: digest of what the line rests on (`seatrial.registry.ledger.digest_of`), so that this can't be edited
            later either: of a registration, all that was registered; of a promotion, what the run found.
        commit, data, stack, artifact: of the version, as they were then.
        previous: `digest` of the line before; empty for the first.
        digest: `sha256:…` over all other fields, `previous` among them, so that no line can be edited or removed unseen.
    """

    seq: int
    at: datetime
    kind: EntryKind
    model: str
    number: int
    source: str
    to: str
    actor: Actor
    reason: str = ""
    run: str | None = None
    report: str | None = None
    evidence: str | None = None
    commit: str | None = None
    data: str | None = None
    stack: str | None = None
    artifact: str = ""
    previous: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerHead:
    """The end of the ledger, kept apart from its lines: number and digest of the last one; 0 and empty before the first.

    Whoever notes it elsewhere can tell later that nothing before it was rewritten.
    """

    seq: int = 0
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """All that the registry's ledger can be checked against, as it was at one moment.

    Attributes:
        entries: every line, in order.
        head: as it is stored beside them.
        stages: the stage that each version holds by the registry's tables, by model and number.
        evidence: of every promotion run, by its id.
        versions: every registered version; None where they are kept elsewhere and were not asked for.
        damaged: number of each line that is there but can't be read as one, and why.
    """

    entries: tuple[LedgerEntry, ...]
    head: LedgerHead
    stages: Mapping[tuple[str, int], str]
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    versions: tuple[ModelVersion, ...] | None = None
    damaged: Mapping[int, str] = field(default_factory=dict)
