"""Logs in buckets are read and labelled as those in directories are."""

from pathlib import Path

import pytest

from seatrial.records import TemporaryError, UsageError
from seatrial.telemetry.labels import import_labels
from seatrial.telemetry.log import open_log
from seatrial.telemetry.segments import list_segments
from seatrial.telemetry.window import Selection
from tests.telemetry.conftest import Bucket
from tests.telemetry.making import NOON, at, prediction, write_predictions


def count(target: str, selection: Selection | None = None) -> tuple[int, int]:
    """How many predictions and how many of them labelled a log shows."""
    query = "SELECT (SELECT count(*) FROM predictions), (SELECT count(*) FROM labelled)"
    with open_log(target, selection) as log:
        ((predictions, labelled),) = log.run(lambda connection: connection.execute(query).fetchall())
    return predictions, labelled


def test_a_log_in_a_bucket_is_read(bucket: Bucket) -> None:
    """All segments; with a window, those of other dates are not fetched, so that a damaged one isn't noticed there."""
    write_predictions(bucket.folder, [prediction(request_id="a")])
    write_predictions(bucket.folder, [prediction(request_id="b")], numbers=(2, 2))
    old = write_predictions(bucket.folder, [prediction(time=at(-10 * 86_400))], day="2026-11-10", worker="w2")
    assert (3, 0) == count(bucket.url)
    old.write_bytes(b"PAR1")
    with open_log(bucket.url, Selection(since=at(-3600))) as log:
        assert [] == log.warnings
    with open_log(bucket.url) as log:
        (warning,) = log.warnings
    assert "date=2026-11-10" in warning


def test_labels_are_imported_into_a_bucket(bucket: Bucket, tmp_path: Path) -> None:
    """And found by the next query."""
    write_predictions(bucket.folder, [prediction(request_id="a")])
    file = tmp_path / "labels.csv"
    file.write_text("request_id,label\na,5\n")
    assert 1 == import_labels(bucket.url, file, now=NOON)
    assert (1, 1) == count(bucket.url)
    assert ["predictions", "labels"] == [one.kind for one in list_segments(bucket.url).segments]


def test_a_bucket_without_a_log_is_refused(bucket: Bucket) -> None:
    """As a directory without one."""
    with pytest.raises(UsageError, match="no prediction was logged here"):
        count(bucket.url)


def test_a_bucket_that_refuses_is_named(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the variables to look at, and without the secret."""
    write_predictions(bucket.folder, [prediction()])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush-hush")
    with pytest.raises(TemporaryError) as caught:
        count(bucket.url)
    assert (bucket.url, True) == (caught.value.where, "AWS_SECRET_ACCESS_KEY" in caught.value.remedy)
    assert "hush-hush" not in str(caught.value)
