"""Segments: the same rows are the same bytes, whatever file they came in."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from seatrial.datasets.segments import keep_file, write_quarantine, write_segment
from seatrial.records import ColumnKind, ColumnSpec, PermanentError, UsageError
from tests.datasets.making import COLUMNS, NOON, Place, Row, place_in, rows_in, write_rows

ROWS: list[Row] = [(3, 7, "Alien", 4.5, True), (1, 8, None, 0.1, None), (2, 9, 'a "b",\nc', -0.0, False)]


def test_a_segment_holds_the_columns_of_the_dataset_alone(tmp_path: Path) -> None:
    """Rows stay in their order; where they came from is left out; nothing is left beside the file."""
    with place_in(tmp_path) as place:
        file = write_rows(tmp_path, ROWS, _partition="'t/0'", _offset="1", other="2")
        segment = write_segment(file, COLUMNS, "time", place.store)
        data = place.store.get(segment.digest)

        assert ROWS == rows_in(data, tmp_path)
        assert [column.name for column in COLUMNS] == _columns(tmp_path / "read.parquet")
        assert (3, len(data)) == (segment.rows, segment.size)
        assert (NOON + timedelta(microseconds=1), NOON + timedelta(microseconds=3)) == (
            segment.earliest,
            segment.latest,
        )
        assert {file.name, "read.parquet", "store", "retrain.db", "retrain.lock"} >= {
            each.name for each in tmp_path.iterdir() if not each.name.startswith("retrain.db-")
        }


def test_the_same_rows_are_the_same_segment(tmp_path: Path) -> None:
    """However the file was cut into groups of rows, and whatever else was in it."""
    rows = [(number, number % 99, f"m{number % 77}", number / 3, None) for number in range(300_000)]
    with place_in(tmp_path) as place, duckdb.connect() as connection:
        found = set()
        for group in (2_048, 122_880, 1_000_000):
            file = tmp_path / f"{group}.parquet"
            columns = (
                "to_timestamp(i) AS time, i % 99 AS user, 'm' || i % 77 AS movie, i / 3 AS rating, NULL::BOOL AS liked"
            )
            query = f"SELECT {columns}, {group} AS _group FROM range({len(rows)}) AS t(i)"
            connection.execute(f"COPY ({query}) TO '{file}' (FORMAT parquet, ROW_GROUP_SIZE {group})")
            found.add(write_segment(file, COLUMNS, "time", place.store))

        assert 1 == len(found)
        assert len(rows) == found.pop().rows


def _columns(file: Path) -> list[str]:
    with duckdb.connect() as connection:
        return [str(name) for name, *_ in connection.sql(f"SELECT * FROM '{file}'").description]


def test_a_quarantine_keeps_all_columns(tmp_path: Path) -> None:
    """Why a row is in it among them."""
    with place_in(tmp_path) as place:
        segment = place.quarantine(ROWS, "rating below 1")
        (tmp_path / "read.parquet").write_bytes(place.store.get(segment.digest))

        assert [*(column.name for column in COLUMNS), "_why"] == _columns(tmp_path / "read.parquet")
        assert 3 == segment.rows
        assert NOON + timedelta(microseconds=3) == segment.latest
        assert segment == place.quarantine(ROWS, "rating below 1")


def test_times_are_not_needed(tmp_path: Path) -> None:
    """Without a time column, or without rows, a segment has no times."""
    with place_in(tmp_path) as place:
        for column, rows in (("", ROWS), ("time", [])):
            segment = write_segment(write_rows(tmp_path, rows), COLUMNS, column, place.store)
            assert (None, None, len(rows)) == (segment.earliest, segment.latest, segment.rows)
        assert None is write_quarantine(write_rows(tmp_path, ROWS), "when", place.store).earliest


def _written(place: Place, given: str, kind: ColumnKind, *, optional: bool = False) -> list[object]:
    """What a column of SQL values becomes in a segment of a column of this kind."""
    file = place.folder / "given.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"SET TimeZone = 'UTC'; COPY (SELECT {given}) TO '{file}' (FORMAT parquet)")
        column = ColumnSpec(name="x", kind=kind, optional=optional)
        segment = write_segment(file, (column,), "", place.store)
        file.write_bytes(place.store.get(segment.digest))
        return [value for (value,) in connection.sql(f"SELECT x::VARCHAR FROM '{file}'").fetchall()]


@pytest.mark.parametrize(
    ("given", "kind", "expected"),
    [
        ("unnest([1.0, 2.0, NULL, 'nan'::DOUBLE]) AS x", ColumnKind.INTEGER, ["1", "2", None, None]),
        ("unnest([1, 255])::UTINYINT AS x", ColumnKind.INTEGER, ["1", "255"]),
        ("NULL AS x", ColumnKind.INTEGER, [None]),
        ("7::INTEGER AS x", ColumnKind.NUMBER, ["7.0"]),
        ("1.25::DECIMAL(5, 2) AS x", ColumnKind.NUMBER, ["1.25"]),
        ("DATE '2026-05-01' AS x", ColumnKind.TIME, ["2026-05-01 00:00:00+00"]),
        ("TIMESTAMP '2026-05-01 12:00:00' AS x", ColumnKind.TIME, ["2026-05-01 12:00:00+00"]),
        ("TIMESTAMP_NS '2026-05-01 12:00:00.123456789' AS x", ColumnKind.TIME, ["2026-05-01 12:00:00.123457+00"]),
    ],
)
def test_values_take_the_type_of_their_column(
    tmp_path: Path, given: str, kind: ColumnKind, expected: list[object]
) -> None:
    """Where nothing is lost by it: whole numbers that a library kept as floats, times of another precision."""
    with place_in(tmp_path) as place:
        assert expected == _written(place, given, kind)


@pytest.mark.parametrize(
    ("given", "kind", "why"),
    [
        ("'7' AS x", ColumnKind.INTEGER, "values of type VARCHAR are no integers"),
        ("7 AS x", ColumnKind.TEXT, "values of type INTEGER are no texts"),
        ("TRUE AS x", ColumnKind.NUMBER, "values of type BOOLEAN are no numbers"),
        ("1.5::DOUBLE AS x", ColumnKind.INTEGER, "column x holds something else than whole numbers"),
        ("1e300::DOUBLE AS x", ColumnKind.INTEGER, "column x holds something else than whole numbers"),
        ("9e18::DOUBLE AS x", ColumnKind.INTEGER, "column x holds something else than whole numbers"),
        ("18446744073709551615::UBIGINT AS x", ColumnKind.INTEGER, "out of range for the destination"),
        ("1 AS y", ColumnKind.INTEGER, "no column x"),
    ],
)
def test_values_that_would_be_changed_are_refused(tmp_path: Path, given: str, kind: ColumnKind, why: str) -> None:
    """With the column and the type in the message; the store gets nothing."""
    with place_in(tmp_path) as place:
        with pytest.raises((UsageError, PermanentError), match=why):
            _written(place, given, kind)

        assert not (tmp_path / "store").exists()
        assert [] == list(tmp_path.glob(".segment*"))


def test_an_optional_column_may_be_missing(tmp_path: Path) -> None:
    """Then it is missing in each row."""
    with place_in(tmp_path) as place:
        assert [None] == _written(place, "1 AS y", ColumnKind.INTEGER, optional=True)


def test_names_of_columns_are_never_read_as_sql(tmp_path: Path) -> None:
    """Quotes and all."""
    name = "x\" + 1 --'; .%s"
    column = replace(COLUMNS[1], name=name)
    time = ColumnSpec(name='when "?"', kind=ColumnKind.TIME)
    file = tmp_path / "it's.parquet"
    with place_in(tmp_path) as place, duckdb.connect() as connection:
        quoted = [each.name.replace('"', '""') for each in (column, time)]
        select = f'SELECT 5 AS "{quoted[0]}", TIMESTAMP \'2026-05-01 12:00:00\' AS "{quoted[1]}"'
        connection.execute(f"COPY ({select}) TO '{str(file).replace(chr(39), chr(39) * 2)}' (FORMAT parquet)")
        segment = write_segment(file, (column, time), time.name, place.store)
        assert NOON == segment.earliest
        file.write_bytes(place.store.get(segment.digest))
        assert [name, time.name] == [str(each) for each, *_ in connection.from_parquet(str(file)).description]


def test_a_file_that_is_no_parquet_is_named(tmp_path: Path) -> None:
    """Broken or gone."""
    file = tmp_path / "rows.parquet"
    with place_in(tmp_path) as place:
        with pytest.raises(PermanentError, match="could not be read") as refused:
            write_segment(file, COLUMNS, "time", place.store)
        assert str(file) == refused.value.where
        file.write_bytes(b"no parquet at all")
        with pytest.raises(PermanentError, match="could not be read"):
            write_segment(file, COLUMNS, "time", place.store)


def test_other_files_are_kept_as_they_are(tmp_path: Path) -> None:
    """Dead lines, say."""
    file = tmp_path / "dead.jsonl"
    file.write_text('{"line": "?"}\n')
    with place_in(tmp_path) as place:
        assert b'{"line": "?"}\n' == place.store.get(keep_file(file, place.store))
