"""Makes prediction logs as `seatrial.records.telemetry` says that they are."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from arro3.core import Array, DataType, RecordBatch, Schema
from arro3.core import Field as Column
from arro3.io import write_parquet

from seatrial.records.telemetry import (
    INPUT_PREFIX,
    LABEL_COLUMNS,
    LABELS,
    PREDICTION_COLUMNS,
    PREDICTIONS,
    segment_name,
)

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
WORKER = "w1"

_TYPES = {
    "timestamp[us, UTC]": DataType.timestamp("us", tz="UTC"),
    "string": DataType.string(),
    "int16": DataType.int16(),
    "int32": DataType.int32(),
    "float32": DataType.float32(),
    "float64": DataType.float64(),
    "bool": DataType.bool(),
}


def at(seconds: float) -> datetime:
    """So many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def prediction(**given: Any) -> dict[str, Any]:
    """One row; whatever isn't given is plain."""
    row: dict[str, Any] = dict.fromkeys(PREDICTION_COLUMNS) | {
        "time": NOON,
        "request_id": "r",
        "row": 0,
        "model": "wine",
        "version": "v1",
        "route": "/predict",
        "status": 200,
        "queue_seconds": 0.001,
        "model_seconds": 0.002,
        "total_seconds": 0.004,
        "batch_rows": 1,
        "prediction": 5.0,
    }
    return row | given


def label(
    request_id: str, value: float | None, *, time: datetime = NOON, row: int = 0, json: str | None = None
) -> dict[str, Any]:
    """One label."""
    return {"time": time, "request_id": request_id, "row": row, "label": value, "label_text": json}


def write_predictions(
    root: Path,
    rows: Sequence[Mapping[str, Any]],
    *,
    numbers: tuple[int, int] = (1, 1),
    worker: str = WORKER,
    day: str = "2026-11-20",
    inputs: Mapping[str, str] | None = None,
) -> Path:
    """A segment of predictions; `inputs` names further columns (without prefix) and their types."""
    extra = {f"{INPUT_PREFIX}{name}": kind for name, kind in (inputs or {}).items()}
    return _write(root / PREDICTIONS / f"date={day}" / segment_name(worker, *numbers), rows, PREDICTION_COLUMNS | extra)


def write_labels(
    root: Path, rows: Sequence[Mapping[str, Any]], *, number: int = 1, worker: str = WORKER, day: str = "2026-11-20"
) -> Path:
    """A segment of labels."""
    return _write(root / LABELS / f"date={day}" / segment_name(worker, number, number), rows, LABEL_COLUMNS)


def _write(path: Path, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    schema = Schema([Column(name, _TYPES[kind], nullable=True) for name, kind in columns.items()])
    arrays = [_column([row.get(name) for row in rows], kind) for name, kind in columns.items()]
    batch, noted = RecordBatch.from_arrays(arrays, schema=schema), {"seatrial.rows": str(len(rows))}
    write_parquet(batch, path, compression="zstd(1)", key_value_metadata=noted)
    return path


def _column(values: list[Any], kind: str) -> Array:
    if kind.startswith("timestamp"):
        stamps = [round(value.timestamp() * 1_000_000) for value in values]
        return Array(stamps, DataType.int64()).cast(_TYPES[kind])
    return Array(values, _TYPES[kind])
