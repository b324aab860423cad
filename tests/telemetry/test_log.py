"""Opening a log: what is read, what is left out, and that nothing stops a query."""

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from seatrial.records import UsageError
from seatrial.records.telemetry import LABEL_COLUMNS, PREDICTION_COLUMNS
from seatrial.telemetry.log import PredictionLog, open_log
from seatrial.telemetry.window import Selection
from tests.telemetry.making import at, label, prediction, write_labels, write_predictions


def ids(log: PredictionLog) -> list[str]:
    """The request ids that a log shows."""
    rows = log.run(lambda connection: connection.execute("SELECT request_id FROM predictions ORDER BY ALL").fetchall())
    return [row[0] for row in rows]


def columns(log: PredictionLog, view: str) -> list[tuple[str, ...]]:
    """Names, types and more of a view's columns."""
    return log.run(lambda connection: connection.execute(f"DESCRIBE {view}").fetchall())


def zeroed(data: bytes, start: int) -> bytes:
    """With a hundred zeros somewhere in it: at the beginning of the metadata, or of the first page."""
    return data[:start] + bytes(100) + data[start + 100 :]


def test_all_segments_of_all_workers_and_dates_are_read(tmp_path: Path) -> None:
    """Beside them, files of other names are not."""
    write_predictions(tmp_path, [prediction(request_id="a")])
    write_predictions(tmp_path, [prediction(request_id="b")], numbers=(2, 2))
    write_predictions(tmp_path, [prediction(request_id="c")], worker="w2")
    write_predictions(tmp_path, [prediction(request_id="d")], worker="w3", day="2026-11-21")
    shutil.copy(
        write_predictions(tmp_path, [prediction(request_id="e")], worker="w4"),
        tmp_path / "predictions" / "date=2026-11-20" / ".w5-000001-000001.parquet.0123456789abcdef",
    )
    with open_log(str(tmp_path)) as log:
        assert (["a", "b", "c", "d", "e"], []) == (ids(log), log.warnings)


def test_a_compacted_segment_stands_for_its_parts(tmp_path: Path) -> None:
    """A crash can leave both; no row counts twice."""
    for number, one in ((1, "a"), (2, "b"), (3, "c")):
        write_predictions(tmp_path, [prediction(request_id=one)], numbers=(number, number))
    write_predictions(tmp_path, [prediction(request_id="a"), prediction(request_id="b")], numbers=(1, 2))
    with open_log(str(tmp_path)) as log:
        assert ["a", "b", "c"] == ids(log)


def test_the_views_have_the_columns_of_the_contract(tmp_path: Path) -> None:
    """Inputs come after them; times are UTC without a zone; without any label the views of labels are empty."""
    write_predictions(tmp_path, [prediction(input_alcohol=9.4)], inputs={"alcohol": "float64"})
    with open_log(str(tmp_path)) as log:
        described = {view: columns(log, view) for view in ("predictions", "labels", "labelled")}
        assert [*PREDICTION_COLUMNS, "input_alcohol"] == [row[0] for row in described["predictions"]]
        assert list(LABEL_COLUMNS) == [row[0] for row in described["labels"]]
        assert "TIMESTAMP" == described["predictions"][0][1]
        assert {"alcohol": "DOUBLE"} == log.inputs
        assert [(0,)] == log.run(lambda connection: connection.execute("SELECT count(*) FROM labelled").fetchall())


def test_versions_with_other_inputs_are_read_together(tmp_path: Path) -> None:
    """A column that a segment lacks is null there; one of two types becomes text."""
    write_predictions(tmp_path, [prediction(request_id="a", input_x=1.0)], inputs={"x": "float64"})
    write_predictions(
        tmp_path,
        [prediction(request_id="b", input_x="red", input_y=2.0)],
        numbers=(2, 2),
        inputs={"x": "string", "y": "float64"},
    )
    with open_log(str(tmp_path)) as log:
        rows = log.run(
            lambda connection: connection.execute(
                "SELECT input_x, input_y FROM predictions ORDER BY request_id"
            ).fetchall()
        )
    assert [("1.0", None), ("red", 2.0)] == rows


def test_a_segment_that_lacks_columns_or_has_other_types_is_read(tmp_path: Path) -> None:
    """Someone else may write segments; what isn't there is null, and what can be converted is."""
    path = write_predictions(tmp_path, [prediction()])
    duckdb.execute(
        f"COPY (SELECT TIMESTAMP '2026-11-20 12:00:00' AS time, 'a' AS request_id, 0::BIGINT AS row, 7 AS prediction) TO '{path}'"
    )
    with open_log(str(tmp_path)) as log:
        rows = log.run(
            lambda connection: connection.execute(
                "SELECT time::VARCHAR, row, prediction, version FROM predictions"
            ).fetchall()
        )
    assert [("2026-11-20 12:00:00", 0, 7.0, None)] == rows


def test_only_the_selection_is_shown(tmp_path: Path) -> None:
    """The beginning of the window belongs to it, its end doesn't."""
    rows = [prediction(request_id=f"{second}", time=at(second)) for second in range(4)]
    rows += [
        prediction(request_id="v2", version="v2", time=at(1)),
        prediction(request_id="kserve", route="/v2", time=at(1)),
    ]
    write_predictions(tmp_path, rows)
    selection = Selection(since=at(1), until=at(3), version="v1", route="/predict")
    with open_log(str(tmp_path), selection) as log:
        assert ["1", "2"] == ids(log)


def test_values_of_the_user_are_quoted(tmp_path: Path) -> None:
    """A version may hold an apostrophe."""
    write_predictions(tmp_path, [prediction(request_id="a", version="it's"), prediction(request_id="b")])
    with open_log(str(tmp_path), Selection(version="it's")) as log:
        assert ["a"] == ids(log)


@pytest.mark.parametrize(
    ("expected", "damage"),
    [
        ("it is empty", lambda _: b""),
        ("it is no Parquet file", lambda _: b"hello" * 10),
        ("its end is missing", lambda data: data[: len(data) // 2]),
        ("its end is missing", lambda data: data[:-1]),
        ("its metadata are damaged", lambda data: data[:-8] + b"\xff\xff\xff\x7f" + data[-4:]),
        ("", lambda data: zeroed(data, len(data) - 8 - int.from_bytes(data[-8:-4], "little"))),
        ("", lambda data: zeroed(data, 4)),
    ],
)
def test_a_damaged_segment_is_named_and_left_out(
    tmp_path: Path, expected: str, damage: Callable[[bytes], bytes]
) -> None:
    """Whatever is broken, its end, its metadata or its pages: the other segments are read all the same."""
    write_predictions(tmp_path, [prediction(request_id="a")])
    broken = write_predictions(tmp_path, [prediction(request_id=str(n)) for n in range(50)], numbers=(2, 2))
    broken.write_bytes(damage(broken.read_bytes()))
    with open_log(str(tmp_path)) as log:
        rows = log.run(lambda connection: connection.execute("SELECT * FROM predictions").fetchall())
        (warning,) = log.warnings
    assert (1, "a") == (len(rows), rows[0][1])
    assert warning.startswith("predictions/date=2026-11-20/w1-000002-000002.parquet is left out: ")
    assert expected in warning


def test_the_parts_of_a_damaged_compacted_segment_are_read_instead(tmp_path: Path) -> None:
    """As long as they are there."""
    write_predictions(tmp_path, [prediction(request_id="a")], numbers=(1, 1))
    write_predictions(tmp_path, [prediction(request_id="a"), prediction(request_id="b")], numbers=(1, 2)).write_bytes(
        b""
    )
    write_predictions(tmp_path, [prediction(request_id="b")], numbers=(2, 2))
    with open_log(str(tmp_path)) as log:
        assert (["a", "b"], 1) == (ids(log), len(log.warnings))


def test_damaged_labels_leave_the_others(tmp_path: Path) -> None:
    """Labels are segments as well."""
    write_predictions(tmp_path, [prediction(request_id="a")])
    write_labels(tmp_path, [label("a", 4.0)])
    write_labels(tmp_path, [label("a", 5.0)], number=2).write_bytes(b"PAR1")
    with open_log(str(tmp_path)) as log:
        rows = log.run(lambda connection: connection.execute("SELECT label FROM labelled").fetchall())
        assert ([(4.0,)], 1) == (rows, len(log.warnings))


def test_segments_that_are_compacted_while_the_log_is_open_are_read(tmp_path: Path) -> None:
    """A query that misses a segment is put again to what lies there now, without a warning."""
    parts = [
        write_predictions(tmp_path, [prediction(request_id=one)], numbers=(number, number))
        for number, one in ((1, "a"), (2, "b"))
    ]
    with open_log(str(tmp_path)) as log:
        write_predictions(tmp_path, [prediction(request_id="a"), prediction(request_id="b")], numbers=(1, 2))
        for part in parts:
            part.unlink()
        assert (["a", "b"], []) == (ids(log), log.warnings)


def test_a_mistake_in_a_query_is_no_damage(tmp_path: Path) -> None:
    """It is raised as it is, and nothing is left out for it."""
    write_predictions(tmp_path, [prediction()])
    with open_log(str(tmp_path)) as log:
        with pytest.raises(duckdb.Error):
            log.run(lambda connection: connection.execute("SELECT nothing FROM predictions"))
        assert [] == log.warnings


def test_of_several_labels_the_latest_counts(tmp_path: Path) -> None:
    """Also where it is a text and an earlier one was a number, and for each row of a request by itself."""
    write_predictions(tmp_path, [prediction(request_id="a", row=row) for row in range(3)])
    write_labels(
        tmp_path,
        [label("a", 4.0, time=at(2)), label("a", 3.0, time=at(1)), label("a", 1.0, row=1), label("b", 9.0)],
    )
    write_labels(tmp_path, [label("a", None, json='"good"', row=1, time=at(9))], worker="w2", day="2026-11-21")
    with open_log(str(tmp_path)) as log:
        rows = log.run(
            lambda connection: connection.execute("SELECT row, label, label_text FROM labelled ORDER BY row").fetchall()
        )
    assert [(0, 4.0, None), (1, None, '"good"')] == rows


@pytest.mark.parametrize("target", ["nothing", "file", ""])
def test_where_no_log_is_the_message_says_so(tmp_path: Path, target: str) -> None:
    """A directory that isn't there, one without a log, and a file."""
    (tmp_path / "file").touch()
    with pytest.raises(UsageError) as caught, open_log(str(tmp_path / target)):
        pass
    assert "seatrial serve --log" in caught.value.remedy
