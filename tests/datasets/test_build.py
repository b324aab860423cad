"""A version's file: exact, the same each time, and never of damaged segments."""

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from seatrial.datasets.build import FileForm, build, lay_aside, lay_file
from seatrial.datasets.cache import SegmentCache
from seatrial.datasets.rows import Within
from seatrial.datasets.segments import write_segment
from seatrial.ports import Store
from seatrial.records import ColumnKind, ColumnSpec, PermanentError, Segment, UsageError
from tests.datasets.making import COLUMNS, NOON, Place, Row, place_in, rows_in

ROWS: list[Row] = [(0, 1, "Alien", 4.5, True), (10, 2, None, 0.1, None), (20, 3, "", -0.0, False)]


def test_csv_tells_missing_from_empty(tmp_path: Path) -> None:
    """What is missing is empty, an empty text is quoted; times are in UTC with microseconds."""
    with place_in(tmp_path) as place:
        version = place.append([*ROWS, (30, 4, 'a "b",\nc', 1e-300, None)])
        expected = (
            "time,user,movie,rating,liked\n"
            "2026-05-01T12:00:00.000000Z,1,Alien,4.5,true\n"
            "2026-05-01T12:00:00.000010Z,2,,0.1,\n"
            '2026-05-01T12:00:00.000020Z,3,"",-0.0,false\n'
            '2026-05-01T12:00:00.000030Z,4,"a ""b"",\nc",1e-300,\n'
        )

        assert expected == place.built(version, FileForm.CSV).decode()


def test_a_version_without_rows_has_columns(tmp_path: Path) -> None:
    """In both forms."""
    with place_in(tmp_path) as place:
        version = place.append(None)

        assert b"time,user,movie,rating,liked\n" == place.built(version, FileForm.CSV)
        assert [] == rows_in(place.built(version), tmp_path)


def test_many_rows_keep_their_order(tmp_path: Path) -> None:
    """Over segments, groups of rows and threads."""
    parts: list[list[Row]] = [
        [(0, part * 200_000 + number, None, 0.0, None) for number in range(200_000)] for part in range(2)
    ]
    with place_in(tmp_path) as place:
        for part in parts:
            version = place.append(None, added=_many(place, part[0][1], len(part)))
        users = [row[1] for row in rows_in(place.built(version), tmp_path)]
        lines = place.built(version, FileForm.CSV).decode().splitlines()

        assert list(range(400_000)) == users
        assert [str(number) for number in range(400_000)] == [line.split(",")[1] for line in lines[1:]]


def _many(place: Place, first: int, count: int) -> Segment:
    """A segment of users that count."""
    file = place.folder / "many.parquet"
    with duckdb.connect() as connection:
        columns = "to_timestamp(0) AS time, i AS user, NULL::VARCHAR AS movie, 0.5 AS rating, NULL::BOOL AS liked"
        connection.execute(
            f"COPY (SELECT {columns} FROM range({first}, {first + count}) t(i)) TO '{file}' (FORMAT parquet)"
        )
    return write_segment(file, COLUMNS, "time", place.store)


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        (None, None, [1, 2, 3, 4, 5]),
        (10, None, [2, 3, 5]),
        (None, 10, [1, 4]),
        (10, 20, [2, 5]),
        (11, 12, [5]),
        (21, None, []),
        (5, 5, []),
    ],
)
def test_a_range_of_time_has_its_begin_and_not_its_end(
    tmp_path: Path, since: int | None, until: int | None, expected: list[int]
) -> None:
    """Over all segments; those outside are not even fetched."""
    with place_in(tmp_path) as place:
        first = place.segment(ROWS)
        second = place.segment([(-5, 4, None, 1.0, None), (11, 5, None, 1.0, None)])
        target = tmp_path / "built"
        within = Within(time="time", since=_at(since), until=_at(until))
        rows = build([first, second], place.files, target, columns=COLUMNS, within=within)

        assert expected == [row[1] for row in rows_in(target.read_bytes(), tmp_path)]
        assert len(expected) == rows
        if since == 21:
            assert [] == list(tmp_path.glob("segments/*"))


def _at(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else NOON + timedelta(microseconds=microseconds)


def test_columns_may_change_from_version_to_version(tmp_path: Path) -> None:
    """A new column is missing in older rows, one that went is left out, whole numbers become numbers; older versions stay."""
    with place_in(tmp_path) as place:
        before = place.append(ROWS)
        first = place.built(before)
        wider = ColumnSpec(name="device", kind=ColumnKind.TEXT, optional=True)
        number = ColumnSpec(name="user", kind=ColumnKind.NUMBER)
        after = place.append([(40, 9, None, 1.0, None)], columns=(number, COLUMNS[0], wider))
        assert (
            "user,time,device\n"
            "1.0,2026-05-01T12:00:00.000000Z,\n"
            "2.0,2026-05-01T12:00:00.000010Z,\n"
            "3.0,2026-05-01T12:00:00.000020Z,\n"
            "9.0,2026-05-01T12:00:00.000040Z,\n"
        ) == place.built(after, FileForm.CSV).decode()
        assert first == place.built(before)
        with pytest.raises(UsageError, match="values of type VARCHAR are no numbers") as refused:
            place.built(replace(after, columns=(ColumnSpec(name="movie", kind=ColumnKind.NUMBER),)))
        assert "another name" in refused.value.remedy


def test_what_was_damaged_is_not_built(tmp_path: Path) -> None:
    """A segment that is gone, that has other bytes, or other rows than the book says; the old file stays."""
    with place_in(tmp_path) as place:
        segment = place.segment(ROWS)
        target = tmp_path / "out.parquet"
        target.write_text("old")
        with pytest.raises(PermanentError, match="hold 3 rows, and 4 were stored"):
            build([replace(segment, rows=4)], place.files, target, columns=COLUMNS)
        with pytest.raises(PermanentError, match="there is no artifact"):
            build([replace(segment, digest=f"sha256:{1:064x}")], place.files, target, columns=COLUMNS)
        _overwrite(_stored(tmp_path, segment.digest), b"other")
        _overwrite(tmp_path / "segments" / segment.digest.removeprefix("sha256:"), b"other")
        with pytest.raises(PermanentError, match="damaged"):
            build([segment], place.files, target, columns=COLUMNS)

        assert "old" == target.read_text()
        assert [] == list(tmp_path.glob(".out*"))


def _stored(folder: Path, digest: str) -> Path:
    bare = digest.removeprefix("sha256:")
    return folder / "store" / bare[:2] / bare[2:]


def _overwrite(file: Path, data: bytes) -> None:
    file.chmod(0o644)
    file.write_bytes(data)


def test_a_target_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """Here: in no folder."""
    with place_in(tmp_path) as place:
        segment = place.segment(ROWS)
        for form in FileForm:
            with pytest.raises(PermanentError, match=r"could not be|can't be"):
                build([segment], place.files, tmp_path / "nowhere" / "x", columns=COLUMNS, form=form)


def test_quarantines_and_dead_lines_are_laid_out_as_they_are(tmp_path: Path) -> None:
    """A quarantine also as CSV, with the reasons."""
    with place_in(tmp_path) as place:
        digest = place.quarantine(ROWS[:1], "late, and old").digest
        target = tmp_path / "out"
        lay_aside(digest, place.files, target)
        assert place.store.get(digest) == target.read_bytes()
        lay_aside(digest, place.files, target, FileForm.CSV)
        assert (
            'time,user,movie,rating,liked,_why\n2026-05-01T12:00:00.000000Z,1,Alien,4.5,true,"late, and old"\n'
        ) == target.read_text()
        dead = place.store.put(b"dead\n")
        lay_file(dead, place.files, target)
        assert b"dead\n" == target.read_bytes()


class _Counting:
    """A store that is far away: every file that is fetched is counted."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.fetched: list[str] = []

    def put(self, data: bytes) -> str:
        return self.store.put(data)

    def put_file(self, path: Path) -> str:
        return self.store.put_file(path)

    def get(self, digest: str) -> bytes:
        return self.store.get(digest)

    def has(self, digest: str) -> bool:
        return self.store.has(digest)

    def get_file(self, digest: str, path: Path) -> None:
        self.fetched.append(digest)
        self.store.get_file(digest, path)


def test_a_segment_is_fetched_once(tmp_path: Path) -> None:
    """And again only if its copy was damaged; one that is on this disk anyway is not copied at all."""
    with place_in(tmp_path) as place:
        segment = place.segment(ROWS)
        far = _Counting(place.store)
        files = SegmentCache(far, tmp_path / "cache")
        first = files.file(segment.digest)
        assert segment.digest == f"sha256:{hashlib.sha256(first.read_bytes()).hexdigest()}"
        assert first == files.file(segment.digest)
        assert [segment.digest] == far.fetched
        _overwrite(first, b"other")
        assert place.store.get(segment.digest) == files.file(segment.digest).read_bytes()
        assert 2 == len(far.fetched)
        assert [first] == list((tmp_path / "cache").iterdir())

        near = SegmentCache(far, tmp_path / "other", lambda digest: _stored(tmp_path, digest))
        assert _stored(tmp_path, segment.digest) == near.file(segment.digest)
        assert 2 == len(far.fetched)
        assert not (tmp_path / "other").exists()
