"""Latency over time: percentiles of requests, not of rows."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.telemetry.latency import LatencyReport, find_latency
from seatrial.telemetry.log import open_log
from seatrial.telemetry.window import Bucket, Selection
from tests.telemetry.making import NOON, at, prediction, write_predictions

SECONDS = st.integers(1, 10_000_000).map(lambda micros: micros / 1e6)


def found(root: Path, by: Bucket = Bucket.MINUTE, selection: Selection | None = None) -> LatencyReport:
    """The report on a log."""
    with open_log(str(root), selection) as log:
        return find_latency(log, by)


def test_each_version_has_a_row_for_each_step(tmp_path: Path) -> None:
    """In the order of time, then of the version; steps without a request are not there."""
    rows = [
        prediction(time=at(second), version=version)
        for second, version in ((1, "v2"), (0, "v1"), (59, "v1"), (60, "v1"), (200, "v1"))
    ]
    write_predictions(tmp_path, rows)
    steps = found(tmp_path).steps
    assert [(at(0), "v1", 2), (at(0), "v2", 1), (at(60), "v1", 1), (at(180), "v1", 1)] == [
        (step.time, step.version, step.requests) for step in steps
    ]


@pytest.mark.parametrize(
    ("expected", "by"),
    [(NOON, Bucket.HOUR), (NOON.replace(hour=0), Bucket.DAY), (None, Bucket.ALL)],
)
def test_steps_may_be_longer(tmp_path: Path, expected: object, by: Bucket) -> None:
    """An hour, a day in UTC, or everything."""
    write_predictions(tmp_path, [prediction(time=at(second)) for second in (0, 100, 3599)])
    (step,) = found(tmp_path, by).steps
    assert (expected, 3) == (step.time, step.requests)


def test_several_rows_of_a_request_count_once(tmp_path: Path) -> None:
    """A thousand rows of one slow request don't outweigh a fast one."""
    slow = [prediction(request_id="slow", row=row, total_seconds=1.0) for row in range(1000)]
    write_predictions(tmp_path, [*slow, prediction(request_id="fast", total_seconds=0.5)])
    (step,) = found(tmp_path).steps
    assert (2, 1001, 0.75) == (step.requests, step.rows, step.total.p50)


def test_errors_are_a_share_of_requests(tmp_path: Path) -> None:
    """The client's and the server's apart; an error has no prediction but a latency."""
    statuses = [200, 200, 200, 200, 302, 400, 422, 499, 500, 503]
    write_predictions(tmp_path, [prediction(status=status) for status in statuses])
    (step,) = found(tmp_path).steps
    assert (3, 2, 0.5) == (step.client_errors, step.server_errors, step.errors)


def test_parts_that_were_not_measured_are_none(tmp_path: Path) -> None:
    """A request that was refused never waited for the model."""
    write_predictions(tmp_path, [prediction(status=422, queue_seconds=None, model_seconds=None, prediction=None)])
    (step,) = found(tmp_path).steps
    assert (None, None) == (step.queue.p50, step.model.p99)
    assert step.total.p50 == pytest.approx(0.004)


@settings(max_examples=20)
@given(
    st.lists(
        st.tuples(SECONDS, SECONDS, SECONDS),
        min_size=1,
        max_size=60,
    )
)
def test_percentiles_are_those_of_numpy(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[float, float, float]]
) -> None:
    """Interpolated between two requests; of the total, the queue and the model."""
    root = tmp_path_factory.mktemp("log")
    names = ("total_seconds", "queue_seconds", "model_seconds")
    write_predictions(root, [prediction(**dict(zip(names, values, strict=True))) for values in parts])
    (step,) = found(root).steps
    expected = np.percentile(np.array(parts), [50, 90, 95, 99], axis=0)
    for place, one in enumerate((step.total, step.queue, step.model)):
        assert (one.p50, one.p90, one.p95, one.p99) == pytest.approx(tuple(expected[:, place]), rel=1e-5)


def test_a_window_without_requests_has_no_steps(tmp_path: Path) -> None:
    """It is an empty answer, not an error."""
    write_predictions(tmp_path, [prediction()])
    assert () == found(tmp_path, selection=Selection(version="v9")).steps
