"""Rows on their way into one file."""

from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.retrain.spool import Spool, natural
from tests.retrain.collect.collecting import places, ratings, table
from tests.retrain.parse.batches import batch, regex_parser


def test_rows_that_do_not_fit_into_memory_are_all_there(tmp_path: Path) -> None:
    """Also those that were written to disk in many pieces, in their order."""
    parser = regex_parser()
    spool = Spool(tmp_path / "own", parser.schema, memory=4_000)
    for begin in range(0, 2_000, 10):
        spool.add(parser.parse(batch(*ratings(10, first=begin), offset=begin)))
    spool.write_rows(tmp_path / "rows.parquet")
    assert list(range(2_000)) == table(str(tmp_path / "rows.parquet"))["user"]


def test_row_groups_are_as_large_as_memory_allows(tmp_path: Path) -> None:
    """A group is in memory as a whole, when it is written and when it is read."""
    parser = regex_parser()
    spool = Spool(tmp_path / "own", parser.schema, memory=500_000)
    long = [line.replace(b"/m+", b"/" + b"a" * 50_000) for line in ratings(100)]
    spool.add(parser.parse(batch(*long)))
    file = tmp_path / "rows.parquet"
    spool.write_rows(file)
    question = f"select distinct row_group_id, row_group_num_rows from parquet_metadata('{file}')"
    groups = duckdb.connect().execute(question).fetchall()
    assert 100 == sum(rows for _, rows in groups)
    assert 10 >= max(rows for _, rows in groups) > 5


def test_files_are_gone_with_the_spool(tmp_path: Path) -> None:
    """And a new one begins empty, whatever an old one left."""
    parser = regex_parser()
    spool = Spool(tmp_path / "own", parser.schema, memory=10)
    spool.add(parser.parse(batch(*ratings(10))))
    again = Spool(tmp_path / "own", parser.schema)
    assert [] == list((tmp_path / "own").iterdir())
    again.close()
    assert [] == list(tmp_path.iterdir())


def test_partitions_sort_as_people_count() -> None:
    """Ten comes after nine; names with and without numbers can be compared."""
    assert ["a/2", "a/9", "a/10", "b", "b.jsonl", "²"] == sorted(
        ["a/10", "²", "b", "a/9", "b.jsonl", "a/2"], key=natural
    )


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 7)), max_size=30),
    st.integers(1, 5_000),
    st.sets(st.integers(0, 3)),
)
def test_whatever_comes_in_whatever_order(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[tuple[int, int]], memory: int, dropped: set[int]
) -> None:
    """All rows are there once, by partition and offset, but those of partitions that were dropped."""
    folder = tmp_path_factory.mktemp("spool")
    parser = regex_parser()
    spool = Spool(folder / "own", parser.schema, memory=memory)
    counts = [0] * 4
    for partition, size in pieces:
        begin = counts[partition]
        counts[partition] += size
        spool.add(parser.parse(replace(batch(*ratings(size, begin), offset=begin), partition=f"p/{partition}")))
    for partition in dropped:
        assert counts[partition] == spool.drop(f"p/{partition}")
    spool.write_rows(folder / "rows.parquet")
    expected = [
        (f"p/{partition}", number)
        for partition in range(4)
        if partition not in dropped
        for number in range(counts[partition])
    ]
    assert expected == places(str(folder / "rows.parquet"))
