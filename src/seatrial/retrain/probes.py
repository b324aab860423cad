"""Looks at what happens outside: events that wait in a stream, and whether predictions drifted or went wrong.

An alarm sounds only when the interval is beyond the bound: what chance can explain begins no training.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from seatrial.ports import Stream
from seatrial.records import AlarmSpec, Verdict
from seatrial.retrain.schedule import Finding

if TYPE_CHECKING:
    from seatrial.telemetry.log import PredictionLog
    from seatrial.telemetry.quality import QualityStep
    from seatrial.telemetry.scores import Score

_COMPLEMENT: Final = {"error_rate": "accuracy"}
"""Metrics that are 1 less another."""


def new_rows(stream: Stream, head: Callable[[], Mapping[str, int]]) -> int:
    """Events that no version of the dataset has taken.

    Args:
        stream: where they are.
        head: offsets of the newest version; empty where there is none.

    Raises:
        TemporaryError, PermanentError: the stream does not answer.
    """
    return stream.waiting(head())


def find_alarm(
    alarm: AlarmSpec,
    now: datetime,
    *,
    target: str,
    version: str | None,
    reference: Callable[[], Path | None],
) -> Finding:
    """Whether an alarm sounds.

    Args:
        alarm: what is looked for.
        now: end of what is looked at, timezone-aware.
        target: the prediction log: a folder, or `s3://bucket/prefix`.
        version: that holds the stage. Where it has answered, quality is that of its answers alone; what another one
            answered must not begin a training when that one has gone.
        reference: file with the rows that the inputs are compared with; None where nobody knows it. Asked for drift alone.

    Raises:
        UsageError: the log or the reference can't be read.
        TemporaryError: the bucket does not answer.
    """
    from seatrial.telemetry.log import open_log  # noqa: PLC0415 - DuckDB: only those who set an alarm pay for it
    from seatrial.telemetry.window import Selection  # noqa: PLC0415

    selection = Selection(since=now - timedelta(seconds=alarm.window), until=now)
    if alarm.kind == "quality":
        with open_log(target, selection) as log:
            return _quality(alarm, log, version)
    path = reference()
    if path is None:
        return _untold("nobody knows what the model in the stage was trained on; name a reference: in the alarm")
    with open_log(target, selection) as log:
        return _drift(alarm, log, path)


def _drift(alarm: AlarmSpec, log: "PredictionLog", path: Path) -> Finding:
    from seatrial.telemetry.drift import LIMIT, find_drift  # noqa: PLC0415
    from seatrial.telemetry.reference import read_reference  # noqa: PLC0415

    if not log.inputs:
        return _untold(f"nothing was predicted within {_span(alarm)}")
    limit = LIMIT if alarm.above is None else alarm.above
    report = find_drift(log, read_reference(str(path)), limit=limit)
    drifted = [column for column in report.whole.columns if column.verdict is Verdict.FAIL]
    if not drifted:
        return Finding(sounds=False, said=f"no input drifted by more than {limit:g}")
    worst = max(drifted, key=lambda column: column.low or 0.0)
    others = f", and {len(drifted) - 1} more drifted" if len(drifted) > 1 else ""
    return Finding(
        sounds=True,
        said=f"drift of {worst.column}: stability index {_interval(worst.psi, worst.low, worst.high)}, above {limit:g}, "
        f"over {worst.rows:,} rows within {_span(alarm)}{others}",
    )


def _quality(alarm: AlarmSpec, log: "PredictionLog", version: str | None) -> Finding:
    from seatrial.telemetry.quality import find_quality  # noqa: PLC0415
    from seatrial.telemetry.window import Bucket  # noqa: PLC0415

    report = find_quality(log, Bucket.ALL, metrics=(_COMPLEMENT.get(alarm.metric, alarm.metric),))
    step = _chosen(report.steps, version)
    if step is None:
        return _untold(f"nothing was predicted within {_span(alarm)}")
    score = _score(step, alarm.metric)
    if score.value is None or score.low is None or score.high is None:
        return _untold(f"{step.labelled:,} of {step.rows:,} predictions within {_span(alarm)} have a label: too few")
    found = f"{alarm.metric} of version {step.version or '?'} is {_interval(score.value, score.low, score.high)}"
    over = f"over {step.labelled:,} labelled rows within {_span(alarm)}"
    if alarm.above is not None and score.low > alarm.above:
        return Finding(sounds=True, said=f"{found}, above {alarm.above:g}, {over}")
    if alarm.below is not None and score.high < alarm.below:
        return Finding(sounds=True, said=f"{found}, below {alarm.below:g}, {over}")
    return Finding(sounds=False, said=f"{found}, {over}")


def _chosen(steps: "tuple[QualityStep, ...]", version: str | None) -> "QualityStep | None":
    """That of the version in the stage; where it has not answered, of the one with most labels."""
    own = next((step for step in steps if step.version == version), None)
    return own or max(steps, key=lambda step: (step.labelled, step.rows), default=None)


def _score(step: "QualityStep", metric: str) -> "Score":
    from seatrial.telemetry.scores import Score  # noqa: PLC0415

    found = step.scores[_COMPLEMENT.get(metric, metric)]
    if metric not in _COMPLEMENT:
        return found
    value, low, high = (None if end is None else 1 - end for end in (found.value, found.high, found.low))
    return Score(value=value, low=low, high=high)


def _untold(note: str) -> Finding:
    return Finding(sounds=False, said="", note=note)


def _interval(value: float | None, low: float | None, high: float | None) -> str:
    shown = ["?" if figure is None else f"{figure:.3g}" for figure in (value, low, high)]
    return f"{shown[0]} ({shown[1]} to {shown[2]})"


def _span(alarm: AlarmSpec) -> str:
    """`24 h`, as people say it."""
    for seconds, unit in ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min")):
        if alarm.window >= seconds:
            return f"{alarm.window / seconds:.3g} {unit}"
    return f"{alarm.window:.3g} s"
