"""How the prediction log lies on a disk or in a bucket: the contract between the server that writes it and the queries.

    TARGET/predictions/date=2026-11-21/WORKER-000001-000001.parquet   one row an answered row of a request
    TARGET/labels/date=2026-11-21/WORKER-000001-000001.parquet        what came in later, by request id
    TARGET/requests/date=2026-11-21/WORKER-000001-000001.parquet      the gateway's access log, one row a request

Dates are UTC. A segment is written beside its place under a name that begins with a dot, and renamed when it is whole.
Each process of a server numbers its segments from 1 under a name of its own (WORKER, unique for ever, without a
hyphen). A compacted segment says in its name which ones it holds (`WORKER-000001-000040`), so that a reader who finds
both it and its parts, because a crash came between writing it and deleting them, leaves the parts out.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

PREDICTIONS = "predictions"
LABELS = "labels"
REQUESTS = "requests"

INPUT_PREFIX = "input_"

PREDICTION_COLUMNS = {
    "time": "timestamp[us, UTC]",  # when the answer was ready
    "request_id": "string",
    "row": "int32",  # of the request, from 0
    "model": "string",
    "version": "string",
    "route": "string",  # path template
    "status": "int16",  # HTTP
    "queue_seconds": "float32",  # received until the model began
    "model_seconds": "float32",  # of the whole batch
    "total_seconds": "float32",  # received until answered
    "batch_rows": "int32",
    "prediction": "float64",  # null where the answer is no number
    "answer": "string",  # JSON of an answer that is no number (class names, lists, objects)
    "probability": "float64",  # of the predicted class
    "inputs": "string",  # JSON of the row, for models that take no columns; else one column a field, input_NAME
}
"""Columns of predictions besides `input_NAME` (float64 for numbers, bool, or string), which are null where redacted."""

LABEL_COLUMNS = {
    "time": "timestamp[us, UTC]",  # when the label came in
    "request_id": "string",
    "row": "int32",
    "label": "float64",  # null where the label is no number
    "label_text": "string",  # JSON of a label that is no number
}
"""Columns of labels. Of several labels for one row the latest counts."""

REQUEST_COLUMNS = {
    "time": "timestamp[us, UTC]",  # when it was answered or given up
    "request_id": "string",  # that of the predictions, too
    "service": "string",
    "assigned": "string",  # the arm that it was dealt to: stable or canary
    "served": "string",  # the arm that answered; null where nobody did
    "version": "string",  # that answered
    "endpoint": "string",  # replica that answered
    "method": "string",
    "path": "string",  # without query
    "status": "int16",  # HTTP; 0: no answer was sent
    "error": "string",  # the kind of error that it counts as; null for none
    "flags": "string",  # why there was no good answer, in the proxy's words
    "seconds": "float64",  # from the first byte received to the last one sent
    "upstream_seconds": "float64",  # of these, waiting for the replica
    "bytes_received": "int64",
    "bytes_sent": "int64",
    "unit": "string",  # user or session, hashed
    "mirrored": "bool",  # a copy, whose answer nobody got
    "forced": "bool",  # a tester chose the arm
}
"""Columns of requests, which the gateway writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One Parquet file: which worker wrote it, and which of its numbers it holds, both ends included."""

    path: str
    worker: str
    first: int
    last: int

    @classmethod
    def parse(cls, path: str) -> "Segment | None":
        """The segment that a path names; None for other files (unfinished ones among them)."""
        name = PurePosixPath(path).name
        if name.startswith(".") or not name.endswith(".parquet"):
            return None
        parts = name.removesuffix(".parquet").rsplit("-", 2)
        if len(parts) != 3 or not (parts[1].isdigit() and parts[2].isdigit()):  # noqa: PLR2004 - worker, first, last
            return None
        return cls(path=path, worker=parts[0], first=int(parts[1]), last=int(parts[2]))

    @property
    def size(self) -> int:
        """How many original segments it holds."""
        return self.last - self.first + 1


def segment_name(worker: str, first: int, last: int) -> str:
    """The file name of a segment."""
    return f"{worker}-{first:06d}-{last:06d}.parquet"


def visible(paths: Iterable[str]) -> list[Segment]:
    """The segments to read: those that no larger one of the same worker holds already, by worker and number.

    Compaction stays inside one date, so paths of several dates may be mixed.
    """
    by_worker: defaultdict[str, list[Segment]] = defaultdict(list)
    for segment in filter(None, map(Segment.parse, paths)):
        by_worker[segment.worker].append(segment)
    return [kept for worker in sorted(by_worker) for kept in _outermost(by_worker[worker])]


def _outermost(segments: list[Segment]) -> list[Segment]:
    kept: list[Segment] = []
    for segment in sorted(segments, key=lambda one: (one.first, -one.last)):
        if not kept or segment.last > kept[-1].last:
            kept.append(segment)
    return kept
