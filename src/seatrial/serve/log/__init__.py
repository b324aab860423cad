"""The prediction log's writer: what was answered, and what turned out to be right, as Parquet segments.

It exists so that a model's quality can be asked for later without a database beside the server, and so that asking
costs the requests nothing: handing a batch over takes less than two microseconds. `records.telemetry` is the layout,
`docs/reference/prediction-log.md` tells it to users.

    answered.py    what the hot path hands over
    feedback.py    the body of POST /feedback
    writer.py      PredictionLog: the buffer, the thread and its timing
    scribe.py      the thread's work: sampling, columns, segments
    columns.py     batches as Arrow columns; values.py: single values, redaction
    lane.py        what waits, and the numbers of segments
    segments.py    Parquet
    places.py      directories and buckets; courier.py: the thread that writes to them
    upkeep.py      the thread that tidies up: compaction.py, retention.py
"""

from seatrial.serve.log.answered import Answered, Label, Logged, Unanswered
from seatrial.serve.log.compaction import Compacted, compact
from seatrial.serve.log.feedback import read_feedback
from seatrial.serve.log.writer import PredictionLog, check_target, new_worker

__all__ = [
    "Answered",
    "Compacted",
    "Label",
    "Logged",
    "PredictionLog",
    "Unanswered",
    "check_target",
    "compact",
    "new_worker",
    "read_feedback",
]
