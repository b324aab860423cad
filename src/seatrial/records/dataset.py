"""Datasets: what was collected from a stream, kept as immutable versions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class ColumnKind(StrEnum):
    """What a column holds. TIME: a moment, kept in UTC with microseconds."""

    INTEGER = "integer"
    NUMBER = "number"
    TEXT = "text"
    TIME = "time"
    BOOLEAN = "boolean"


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSpec:
    """One column of a dataset, and what its values may be.

    Attributes:
        low, high: least and largest value (of numbers), both allowed.
        values: the only ones allowed (as text); empty: all.
        pattern: regular expression that all of a text has to match; empty: none.
        optional: whether it may be missing.
    """

    name: str
    kind: ColumnKind
    low: float | None = None
    high: float | None = None
    values: tuple[str, ...] = ()
    pattern: str = ""
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A part of a partition: the offsets from `start` up to, and without, `end`."""

    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Rows in one Parquet file of the store.

    Attributes:
        digest: of the file.
        rows, size: how many, and bytes of the file.
        earliest, latest: values of the time column; None without one or without rows.
    """

    digest: str
    rows: int
    size: int
    earliest: datetime | None = None
    latest: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetDraft:
    """A version that is about to be appended.

    Attributes:
        dataset: its name.
        parent: number of the version that it is appended to; None for the first. Where another is the newest by then,
            somebody else was faster, and nothing is appended.
        run: the retraining that made it. The same run again changes nothing and gives the version that it made.
        added: its new rows; None if there are none.
        quarantined: rows that the checks refused; None if there are none.
        dead: digest of the file of lines that could not be parsed, in the store; empty where there are none.
        spans: what it took from the stream, by partition.
        columns: of its rows.
        counts: `lines`, `parsed`, `ignored`, `dead`, `quarantined`, `lost` and whatever else was counted.
        note: one sentence, where there is something to say of it.
    """

    dataset: str
    parent: int | None
    run: str
    created: datetime
    columns: tuple[ColumnSpec, ...]
    added: Segment | None = None
    quarantined: Segment | None = None
    dead: str = ""
    spans: Mapping[str, Span] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetVersion:
    """One immutable version: everything that its parent holds, and `added`.

    Attributes:
        number: counts from 1 within its dataset.
        digest: `sha256:…` over the parent's digest and everything else here but the number, the time, the run and the note,
            so that the same rows taken from the same places are the same version wherever they are.
        rows, size: of all segments together.
        offsets: where the next one goes on, by partition.
    """

    dataset: str
    number: int
    digest: str
    created: datetime
    run: str
    columns: tuple[ColumnSpec, ...]
    parent: int | None = None
    parent_digest: str = ""
    added: Segment | None = None
    quarantined: Segment | None = None
    dead: str = ""
    spans: Mapping[str, Span] = field(default_factory=dict)
    offsets: Mapping[str, int] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    rows: int = 0
    size: int = 0
    note: str = ""

    @property
    def id(self) -> str:
        """As people write it: `ratings@3`."""
        return f"{self.dataset}@{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPointer:
    """Where a version is kept in the project's git repository, by DVC.

    Attributes:
        file: the pointer (`data/ratings.parquet.dvc`), relative to the repository.
        digest: DVC's (`md5:…`).
        commit: of the pointer; empty where nothing was committed.
        pushed: whether commit and data were pushed.
    """

    file: str
    digest: str
    commit: str = ""
    pushed: bool = False
