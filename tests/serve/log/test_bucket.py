"""An object store as the place of segments, with servers that speak S3's protocol."""

import secrets
from contextlib import closing
from pathlib import Path

import pytest

from seatrial.records.errors import UsageError
from seatrial.serve.log import Label, check_target, compact
from seatrial.serve.log.places import Bucket
from seatrial.serve.log.retention import expire
from seatrial.serve.log.scribe import Stamped
from seatrial.serve.log.segments import decode
from seatrial.serve.options import LogOptions
from tests.serve.log.conftest import BUCKET, SECRET, ObjectStore, rclone
from tests.serve.log.makers import NOON, Tally, desk, numbers, open_log, rows
from tests.waiting import wait_until

TARGET = f"s3://{BUCKET}/team/wine"
FIRST = "predictions/date=2026-11-21/w1-000001-000001.parquet"


def fetched(folder: Path) -> Path:
    """The whole log, copied to a folder."""
    place = Bucket(TARGET)
    for one in place.list(""):
        copy = folder / "fetched" / one.path
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(place.read(one.path))
    return folder / "fetched"


@pytest.mark.usefixtures("object_store")
def test_a_bucket_does_what_a_directory_does() -> None:
    """Write, list, read, read a part, delete; what is gone is told as with files."""
    place = Bucket(TARGET)
    assert [] == place.list("predictions")
    place.write(FIRST, memoryview(b"0123456789"))
    [found] = place.list("predictions")
    assert (FIRST, True) == (found.path, found.modified > NOON - 1e9)
    assert b"0123456789" == place.read(FIRST)
    with closing(place.open(FIRST)) as file:
        file.seek(-3, 2)
        assert b"789" == file.read(3)
    place.delete([FIRST, FIRST.replace("w1", "w2")])
    place.delete([FIRST])
    place.delete([])
    assert ([], 0) == (place.list(""), place.sweep(1e12))
    for missing in (place.read, place.open):
        with pytest.raises(FileNotFoundError):
            missing(FIRST)


@pytest.mark.usefixtures("object_store")
def test_of_a_large_file_only_the_end_is_read() -> None:
    """A footer says how many rows there are, however many."""
    place = Bucket(TARGET)
    made = desk(place)
    ids = [secrets.token_hex(16) for _ in range(70_000)]
    made.convert([numbers(*ids)])
    made.write()
    assert len(place.read(FIRST)) > 1024 * 1024
    with closing(place.open(FIRST)) as file:
        assert len(ids) == decode(file).rows


@pytest.mark.usefixtures("object_store")
def test_a_log_in_a_bucket_is_written_compacted_and_read(tmp_path: Path) -> None:
    """Rows, labels and compaction as on a disk, below the prefix that was named."""
    log = open_log(LogOptions(target=TARGET, flush_seconds=3600))
    for name in ("a", "b", "c"):
        log.offer(numbers(name))
        log.label(name, 0, 1)
        log.flush().result(30)
    log.close(30)
    assert 6 == compact(TARGET, clock=lambda: 1e12).merged
    folder = fetched(tmp_path)
    assert ["a", "b", "c"] == rows(folder, "request_id")
    assert ["a", "b", "c"] == rows(folder, "request_id", kind="labels")
    assert 2 == len(Bucket(TARGET).list(""))


@pytest.mark.usefixtures("object_store")
def test_retention_deletes_in_a_bucket() -> None:
    """Whole segments that are old."""
    place = Bucket(TARGET)
    made = desk(place)
    made.convert([numbers("a"), Stamped(time=NOON, label=Label(request_id="a", label=1))])
    made.write()
    assert 0 == expire(place, 7, NOON)
    assert 2 == expire(place, 7, 4e9)
    assert [] == place.list("")


@pytest.mark.slow
@pytest.mark.parametrize("object_store", [rclone], indirect=True)
def test_a_bucket_that_is_away_for_a_while_loses_nothing(object_store: ObjectStore, tmp_path: Path) -> None:
    """Rows wait, and are written when it answers again."""
    tally = Tally()
    log = open_log(LogOptions(target=TARGET, flush_seconds=0.05), tally)
    log.offer(numbers("a"))
    wait_until(lambda: tally.written == 1, 30)
    object_store.stop()
    log.offer(numbers("b"))
    wait_until(lambda: tally.failed, 60)
    assert log.offer(numbers("c"))
    object_store.start()
    wait_until(lambda: log.waiting == 0, 60)
    log.close(30)
    assert (["a", "b", "c"], 3, 0) == (rows(fetched(tmp_path), "request_id"), tally.written, tally.dropped)


@pytest.mark.parametrize("object_store", [rclone], indirect=True)
@pytest.mark.usefixtures("object_store")
def test_wrong_credentials_are_told_at_the_check_without_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message may end in a log that many can read."""
    check_target(TARGET)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", f"wrong-{SECRET}")
    with pytest.raises(UsageError, match="the prediction log can't be written") as caught:
        check_target(TARGET)
    assert SECRET not in str(caught.value)


def test_plain_http_is_refused_to_other_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Inputs of a model don't travel unencrypted by accident."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://192.0.2.1:9000")
    with pytest.raises(UsageError, match="the prediction log can't be written"):
        check_target(TARGET)
