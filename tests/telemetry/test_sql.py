"""Anyone's own questions: they are answered, and reach nothing but the log."""

from pathlib import Path
from typing import Any

import pytest

from seatrial.records import UsageError
from seatrial.telemetry.log import open_log
from seatrial.telemetry.sql import Answer, ask, last_rows
from tests.telemetry.making import at, label, prediction, write_labels, write_predictions


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three predictions, one with a label, and a file beside the log that is none of anyone's business."""
    folder = tmp_path / "log"
    write_predictions(
        folder, [prediction(request_id=one, time=at(n), prediction=n + 0.5) for n, one in enumerate("abc")]
    )
    write_labels(folder, [label("b", 2.0)])
    (tmp_path / "secret.csv").write_text("x\nhush\n")
    return folder


def asked(root: Path, query: str, most: int | None = None) -> Answer:
    """The answer to one question."""
    with open_log(str(root)) as log:
        return ask(log, query, most=most)


@pytest.mark.parametrize(
    ("expected", "query"),
    [
        ([(3,)], "SELECT count(*) FROM predictions"),
        ([("b", 1.5, 2.0)], "SELECT request_id, prediction, label FROM labelled;"),
        ([("b",)], "FROM labels SELECT request_id"),
        ([(1.5,)], "WITH one AS (SELECT 1.5 AS x) SELECT x FROM one -- with a comment"),
        ([("2026-11-20 12:00:02",)], "SELECT max(time)::VARCHAR FROM predictions WHERE time > '2026-11-20'"),
        ([("2026-11-20 12:00:00+00",)], "SELECT TIMESTAMPTZ '2026-11-20 12:00:00+00'"),
        ([("wine", 3)], "PIVOT predictions ON version IN ('v1') USING count(*) GROUP BY model"),
    ],
)
def test_selects_are_answered(root: Path, expected: list[Any], query: str) -> None:
    """In DuckDB's SQL; decimals are numbers, and zoned times texts, which every format can show."""
    assert expected == list(asked(root, query).rows)


@pytest.mark.parametrize("query", ["DESCRIBE predictions", "SUMMARIZE predictions", "SHOW TABLES", "VALUES (1)"])
def test_the_views_can_be_looked_at(root: Path, query: str) -> None:
    """They are queries, too."""
    assert asked(root, query).rows


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_csv('{secret}')",
        "SELECT * FROM '{secret}'",
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM read_csv('http://127.0.0.1:9/x.csv')",
        "COPY predictions TO '{log}/out.parquet'",
        "COPY (SELECT 1) TO '{segment}'",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '{segment}'",
        "WITH x AS (COPY (SELECT 1) TO '{segment}') SELECT 1",
        "ATTACH '{log}/x.db'",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "SET allowed_paths = ['{secret}']",
        "RESET enable_external_access",
        "INSTALL httpfs",
        "LOAD httpfs",
        "CREATE TABLE x AS SELECT 1",
        "DROP VIEW predictions",
        "PRAGMA database_list",
        "PIVOT predictions ON version USING count(*)",
        "SELECT 1; SELECT 2",
        "SELECT 1) TO 'x' --",
        "SELEC 1",
        "",
        "-- nothing",
        "SELECT nothing FROM predictions",
        "SELECT error('no')",
    ],
)
def test_everything_else_is_refused(root: Path, query: str) -> None:
    """Other files, the network, writing, settings; and what is no query at all. Nothing is changed by any of it."""
    (segment,) = (root / "predictions").rglob("*.parquet")
    before = {path: path.read_bytes() for path in root.parent.rglob("*") if path.is_file()}
    with pytest.raises(UsageError):
        asked(root, query.format(secret=root.parent / "secret.csv", log=root, segment=segment))
    assert before == {path: path.read_bytes() for path in root.parent.rglob("*") if path.is_file()}


def test_the_message_is_duckdbs(root: Path) -> None:
    """It shows the place in the query as it was written."""
    with pytest.raises(UsageError) as caught:
        asked(root, "SELECT nothing FROM predictions")
    assert "nothing" in caught.value.what
    assert "LINE 1: SELECT nothing FROM predictions" in caught.value.what


def test_rows_are_bounded_and_the_rest_is_said(root: Path) -> None:
    """For a terminal; an exact fit has no rest."""
    query = "SELECT request_id FROM predictions ORDER BY ALL"
    assert ((("a",), ("b",)), True) == (asked(root, query, 2).rows, asked(root, query, 2).more)
    assert (3, False) == (len(asked(root, query, 3).rows), asked(root, query, 3).more)


def test_records_are_rows_by_name(root: Path) -> None:
    """For JSON."""
    assert [{"id": "a", "n": 1}] == asked(root, "SELECT request_id AS id, 1 AS n FROM predictions LIMIT 1").records()


def test_a_damaged_segment_does_not_stop_a_query(root: Path) -> None:
    """Even one whose pages are damaged, which shows only when they are read."""
    broken = write_predictions(root, [prediction(request_id=str(n)) for n in range(50)], numbers=(2, 2))
    data = broken.read_bytes()
    broken.write_bytes(data[:4] + bytes(100) + data[104:])
    with open_log(str(root)) as log:
        assert 3 == len(ask(log, "SELECT * FROM predictions").rows)
        assert 1 == len(log.warnings)


def test_the_last_rows_are_shown_the_newest_last(root: Path) -> None:
    """With the columns that fit a terminal, or with all."""
    with open_log(str(root)) as log:
        short, every = last_rows(log, 2, every=False), last_rows(log, 2, every=True)
    assert ["b", "c"] == [row[1] for row in short.rows]
    assert ("2026-11-20 12:00:02.000", "2.5") == (short.rows[-1][0], short.rows[-1][-1])
    assert "batch_rows" in every.columns
