"""Labels from files: what is read, and how it gets into a log."""

from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from seatrial.records import UsageError
from seatrial.records.telemetry import Segment
from seatrial.serve.log.compaction import compact
from seatrial.telemetry.labels import import_labels, read_labels
from seatrial.telemetry.log import open_log
from tests.telemetry.making import NOON, at, label, prediction, write_labels, write_predictions

Rows = list[tuple[str, int, float | None, str | None]]


def read(path: Path) -> Rows:
    """What a file's labels become."""
    with duckdb.connect() as connection:
        count = read_labels(path, connection, "given")
        rows = connection.execute("SELECT * FROM given ORDER BY ALL").fetchall()
    assert count == len(rows)
    return rows


@pytest.mark.parametrize(
    ("expected", "name", "text"),
    [
        ([("007", 0, 5.0, None), ("a", 2, 4.5, None)], "l.csv", "request_id,row,label\n007,0,5\na,2,4.5\n"),
        ([("a", 0, 5.0, None)], "l.tsv", "label\trequest_id\n5\ta\n"),
        ([("a", 0, None, '"good"'), ("b", 0, None, '"5"')], "l.csv", "request_id,label\na,good\nb,5\n"),
        ([("a", 0, 1.0, None), ("b", 1, 2.5, None)], "l.jsonl", '{"request_id":"a","label":1}\n{"request_id":"b","row":1,"label":2.5}\n'),
        ([("a", 0, None, '"good"'), ("b", 0, None, "true")], "l.jsonl", '{"request_id":"a","label":"good"}\n{"request_id":"b","label":true}\n'),
        ([("a", 0, None, "[1,2]")], "l.json", '[{"request_id":"a","label":[1,2]}]'),
        ([("a", 0, 3.0, None)], "l.csv", "request_id,label,comment\na,1,x\na,2,y\na,3,z\n"),
        ([("b", 0, 3.0, None)], "l.csv", "request_id,label\na,\n,2\nb,3\n"),
        ([], "l.csv", "request_id,label\n"),
    ],
)  # fmt: skip
def test_labels_are_read_from_tables_and_json(tmp_path: Path, expected: Rows, name: str, text: str) -> None:
    """Ids stay texts; labels are numbers if all are; the last label of a row counts; what is empty is none."""
    path = tmp_path / name
    path.write_text(text)
    assert expected == read(path)


def test_numbers_and_texts_may_be_mixed_in_json(tmp_path: Path) -> None:
    """There, each label says itself what it is."""
    path = tmp_path / "l.jsonl"
    path.write_text('{"request_id":"a","label":1}\n{"request_id":"b","label":"good"}\n{"request_id":"c","label":0.5}\n')
    assert [("a", 0, 1.0, None), ("b", 0, None, '"good"'), ("c", 0, 0.5, None)] == read(path)


def test_labels_are_read_from_parquet(tmp_path: Path) -> None:
    """With its types: a text is a text there, even one of digits."""
    path = tmp_path / "l.parquet"
    duckdb.execute(f"COPY (SELECT 'a' AS request_id, 1 AS row, '5' AS label) TO '{path}'")
    assert [("a", 1, 5.0, None)] == read(path)
    duckdb.execute(f"COPY (SELECT 17 AS request_id, true AS label) TO '{path}'")
    assert [("17", 0, None, "true")] == read(path)


@pytest.mark.parametrize(
    ("name", "text"),
    [("l.csv", "id,label\na,1\n"), ("l.csv", "request_id,truth\na,1\n"), ("l.xlsx", "x"), ("l.parquet", "x"), ("l.json", "{")],
)  # fmt: skip
def test_files_that_hold_no_labels_are_refused(tmp_path: Path, name: str, text: str) -> None:
    """The message names the file and says what one looks like."""
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        read(path)
    assert (str(path), True) == (caught.value.where, bool(caught.value.remedy))


def test_imported_labels_are_a_segment_of_the_log(tmp_path: Path) -> None:
    """Under the date on which they came in, by a name that the server's compaction understands."""
    path = tmp_path / "l.csv"
    path.write_text("request_id,label\na,5\nb,6\n")
    assert 2 == import_labels(str(tmp_path), path, now=NOON)
    (file,) = [one for one in (tmp_path / "labels").rglob("*") if one.is_file()]
    segment = Segment.parse(str(file))
    assert ("date=2026-11-20", True) == (file.parent.name, segment is not None and "-" not in segment.worker)
    query = f"SELECT epoch_us(time), request_id, row, label, label_text FROM '{file}' ORDER BY request_id"
    micros = round(NOON.timestamp() * 1_000_000)
    assert [(micros, "a", 0, 5.0, None), (micros, "b", 0, 6.0, None)] == duckdb.execute(query).fetchall()
    assert () == compact(str(tmp_path)).broken


@pytest.mark.parametrize(("expected", "now"), [(7.0, at(10)), (4.0, at(-10))])
def test_an_import_wins_over_what_came_before(tmp_path: Path, expected: float, now: datetime) -> None:
    """And not over what comes after."""
    write_predictions(tmp_path, [prediction(request_id="a")])
    write_labels(tmp_path, [label("a", 4.0)])
    path = tmp_path / "l.csv"
    path.write_text("request_id,label\na,7\n")
    import_labels(str(tmp_path), path, now=now)
    with open_log(str(tmp_path)) as log:
        rows = log.run(lambda connection: connection.execute("SELECT label FROM labelled").fetchall())
    assert [(expected,)] == rows


def test_an_import_of_nothing_writes_nothing(tmp_path: Path) -> None:
    """No empty segments."""
    path = tmp_path / "l.csv"
    path.write_text("request_id,label\n")
    assert 0 == import_labels(str(tmp_path), path, now=NOON)
    assert not (tmp_path / "labels").exists()
