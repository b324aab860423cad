"""What the tests of the prediction log are made of: models, batches, logs, and reading back what is on the disk."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from seatrial.records.serving import Engine, EngineChoice, Field, Form, Kind, ModelInfo, Signature, Tensor
from seatrial.records.telemetry import visible
from seatrial.serve.log import Answered, PredictionLog, Unanswered
from seatrial.serve.log.places import Place, open_place
from seatrial.serve.log.scribe import Entry, Scribe
from seatrial.serve.model import Batch, Outputs
from seatrial.serve.options import LogOptions

NOON = 1_795_262_400.0
"""2026-11-21 12:00 UTC."""
DAY = 86_400.0

INFO = ModelInfo(
    name="wine",
    version="7",
    digest="sha256:00",
    flavour="sklearn",
    source="wine.joblib",
    stack={},
    choice=EngineChoice(engine=Engine.NATIVE, reason="a test"),
)
NUMBERS = Signature(form=Form.COLUMNS, fields=(Field(name="alcohol"), Field(name="density", optional=True)))
MIXED = Signature(
    form=Form.COLUMNS,
    fields=(
        Field(name="age", kind=Kind.INTEGER, dtype="int64"),
        Field(name="member", kind=Kind.BOOLEAN, dtype="bool"),
        Field(name="country", kind=Kind.STRING, dtype="object", optional=True),
    ),
)
CLASSES = Signature(form=Form.COLUMNS, fields=(Field(name="alcohol"),), classes=("bad", "good"))
ANY_JSON = Signature(form=Form.JSON)
TENSORS = Signature(form=Form.TENSORS, tensors=(Tensor(name="pixels", dtype="float32", shape=(None, None)),))


@dataclass(slots=True)
class Request:
    """A request as a batcher keeps it."""

    request_id: str
    count: int = 1
    start: int = 0
    handler: str = "/predict"
    status: int = 200
    received: float = 99.0


def answered(
    batch: Batch,
    predictions: Any,
    *,
    requests: Sequence[Request] | None = None,
    time: float = NOON,
    probabilities: Any = None,
    arrays: Mapping[str, Any] | None = None,
) -> Answered:
    """A batch whose rows are requests r0, r1 … of one row each unless others are given."""
    rows = len(predictions)
    return Answered(
        time=time,
        begun=99.25,
        model_seconds=0.5,
        finished=100.0,
        requests=requests or [Request(f"r{row}", start=row) for row in range(rows)],
        batch=batch,
        outputs=Outputs(predictions=predictions, probabilities=probabilities, arrays=arrays or {}),
    )


def numbers(*ids: str, time: float = NOON) -> Answered:
    """A batch of NUMBERS with one single-row request an id."""
    rows = [[float(index), 0.5] for index in range(len(ids))]
    requests = [Request(request_id, start=index) for index, request_id in enumerate(ids)]
    return answered(rows, np.arange(len(ids), dtype=np.float64), requests=requests, time=time)


def unanswered(request_id: str, status: int = 422, time: float = NOON) -> Unanswered:
    """A request that was refused."""
    return Unanswered(time, request_id, "/predict", status, 99.0, 99.5)


@dataclass
class Tally:
    """What the callbacks were told."""

    written: int = 0
    dropped: int = 0
    failed: list[int] = field(default_factory=list)

    def wrote(self, rows: int) -> None:
        """For `on_written`."""
        self.written += rows

    def lost(self, rows: int) -> None:
        """For `on_dropped`."""
        self.dropped += rows


def open_log(
    options: LogOptions,
    tally: Tally | None = None,
    *,
    signature: Signature = NUMBERS,
    worker: str = "w1",
    clock: Callable[[], float] = lambda: NOON,
) -> PredictionLog:
    """A log with a thread, as the server has it."""
    counts = tally or Tally()
    return PredictionLog(
        options,
        INFO,
        signature,
        worker=worker,
        clock=clock,
        on_written=counts.wrote,
        on_dropped=counts.lost,
        on_failed=counts.failed.append,
    )


@dataclass
class Desk:
    """A scribe whose segments go to a place at once, without threads."""

    scribe: Scribe
    place: Place

    def convert(self, entries: Sequence[Entry]) -> None:
        """Takes entries in."""
        self.scribe.convert(entries)

    def write(self) -> None:
        """Writes everything."""
        goal = self.scribe.mark()
        while sealed := self.scribe.next(goal):
            self.place.write(sealed.path, self.scribe.encode(sealed))
            self.scribe.done(sealed)


def desk(
    place: Place | Path,
    signature: Signature = NUMBERS,
    *,
    worker: str = "w1",
    sample: float = 1.0,
    redact: tuple[str, ...] = (),
    segment_rows: int = 100_000,
) -> Desk:
    """What the log's thread works with, without the thread."""
    options = LogOptions(target="unused", sample=sample, redact=redact, segment_rows=segment_rows)
    scribe = Scribe(options, INFO, signature, worker=worker, rest=lambda: None)
    return Desk(scribe, open_place(str(place)) if isinstance(place, Path) else place)


def write(
    folder: Path, signature: Signature, *entries: Entry, redact: tuple[str, ...] = (), sample: float = 1.0
) -> None:
    """Writes entries as one segment."""
    made = desk(folder, signature, redact=redact, sample=sample)
    made.convert(entries)
    made.write()


def segments(folder: Path, kind: str = "predictions") -> list[str]:
    """The names of all whole segments, those that another holds among them."""
    return sorted(path.name for path in folder.glob(f"{kind}/*/[!.]*.parquet"))


def rows(
    folder: Path, columns: str = "* EXCLUDE (time)", kind: str = "predictions", order: str = "time, request_id, row"
) -> list[Any]:
    """All rows that a reader of the log sees; single values where there is one column."""
    paths = [one.path for one in visible(str(path) for path in folder.glob(f"{kind}/*/*"))]
    if not paths:
        return []
    with duckdb.connect() as connection:
        query = f"SELECT {columns} FROM read_parquet($paths, union_by_name => true) ORDER BY {order}"
        found = connection.execute(query, {"paths": paths}).fetchall()
    return [row[0] for row in found] if found and len(found[0]) == 1 else found
