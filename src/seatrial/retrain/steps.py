"""What the steps of a retraining hand to each other, beside the records that everybody knows.

Everything here is kept by the engine as JSON between two steps, so that another process can go on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from seatrial.records import Notice, RetrainOutcome, RetrainResult, RetrainSpec, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What will be done: the loop as it is configured at the begin, and the stage whose version is the baseline."""

    spec: RetrainSpec
    stage: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """The run and its start."""

    run: str
    started: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """Whether the model is this run's alone. `held_by`: the run that has it, where this one does not wait."""

    held_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What there was when this run came to its turn.

    Attributes:
        dataset: number of the newest version; None before the first.
        offsets: where the stream is read on, by partition.
        baseline: number of the version that holds the stage; None if nobody does.
        sealed_from: rows before this moment the baseline may have seen in training; None: not known, or there is none.
        tried_rows: rows of the newest dataset version that a model was trained on and judged; 0 if none was.
        note: what people should know of the comparison; empty for nothing.
    """

    dataset: int | None = None
    offsets: Mapping[str, int] = field(default_factory=dict)
    baseline: int | None = None
    sealed_from: datetime | None = None
    tried_rows: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The dataset version that came of it; `added`: new rows in it."""

    number: int
    digest: str
    rows: int
    added: int
    offsets: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """The stream was told. `note`: why it was not; empty where it was."""

    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """The number in the registry."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseBegun:
    """The release that was begun for it."""

    release: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver:
    """What became of it after it was registered."""

    outcome: RetrainOutcome
    verdict: Verdict
    headline: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is said of it, and to whom (the receivers' names)."""

    result: RetrainResult
    notice: Notice
    receivers: tuple[str, ...] = ()
