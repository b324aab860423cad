"""What stands in the log for each kind of model and answer."""

import math
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.records.serving import Field, Form, Signature
from seatrial.records.telemetry import LABEL_COLUMNS, PREDICTION_COLUMNS
from seatrial.serve.log import Answered, Label
from seatrial.serve.log.columns import PredictionColumns
from seatrial.serve.log.scribe import Stamped
from seatrial.serve.model import Batch
from tests.serve.log.makers import (
    ANY_JSON,
    CLASSES,
    INFO,
    MIXED,
    NOON,
    NUMBERS,
    TENSORS,
    Request,
    answered,
    rows,
    unanswered,
    write,
)

DUCKDB_TYPES = {
    "timestamp[us, UTC]": "TIMESTAMP WITH TIME ZONE",
    "string": "VARCHAR",
    "int16": "SMALLINT",
    "int32": "INTEGER",
    "float32": "FLOAT",
    "float64": "DOUBLE",
    "bool": "BOOLEAN",
}


def types(folder: Path, kind: str) -> dict[str, str]:
    """The columns of the files as DuckDB names their types."""
    with duckdb.connect() as connection:
        described = connection.execute(f"DESCRIBE SELECT * FROM '{folder}/{kind}/date=*/*.parquet'").fetchall()
    return {name: kind for name, kind, *_ in described if name != "date"}


def test_a_segment_has_the_columns_of_the_contract_and_one_a_field(tmp_path: Path) -> None:
    """Names and types are those of `records.telemetry`; numbers are float64 whatever the model takes."""
    write(tmp_path, MIXED, answered([[41, True, "NL"]], np.array([1.0])))
    contract = {name: DUCKDB_TYPES[kind] for name, kind in PREDICTION_COLUMNS.items()}
    inputs = {"input_age": "DOUBLE", "input_member": "BOOLEAN", "input_country": "VARCHAR"}
    assert contract | inputs == types(tmp_path, "predictions")


def test_a_row_says_who_answered_whom_when_and_how_fast(tmp_path: Path) -> None:
    """Time is UTC, latency parts are seconds, and rows of one request are counted from 0."""
    requests = [Request("a", start=0, received=99.0), Request("b", count=2, start=1, status=422, received=98.5)]
    write(
        tmp_path, NUMBERS, answered([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], np.array([7.0, 8.0, 9.0]), requests=requests)
    )
    columns = (
        "epoch(time), request_id, row, model, version, route, status, queue_seconds, model_seconds, total_seconds, batch_rows, "
        "prediction, answer, probability, inputs, input_alcohol, input_density"
    )
    empty = (None, None, None)
    assert [
        (NOON, "a", 0, "wine", "7", "/predict", 200, 0.25, 0.5, 1.0, 3, 7.0, *empty, 1.0, 2.0),
        (NOON, "b", 0, "wine", "7", "/predict", 422, 0.75, 0.5, 1.5, 3, 8.0, *empty, 3.0, 4.0),
        (NOON, "b", 1, "wine", "7", "/predict", 422, 0.75, 0.5, 1.5, 3, 9.0, *empty, 5.0, 6.0),
    ] == rows(tmp_path, columns)


def test_a_refused_request_has_a_row_without_inputs(tmp_path: Path) -> None:
    """Failures can be counted beside answers; what the model would have said is null."""
    write(tmp_path, NUMBERS, unanswered("bad", status=413))
    columns = "request_id, row, status, total_seconds, queue_seconds, prediction, answer, input_alcohol"
    assert [("bad", 0, 413, 0.5, None, None, None, None)] == rows(tmp_path, columns)


def test_rows_of_batches_keep_their_requests_whatever_is_left_out(tmp_path: Path) -> None:
    """A request that went away in between leaves a hole in its batch, and no other row moves into it."""
    whole = answered([[0.0, 0.0], [1.0, 1.0]], np.array([0.0, 1.0]), requests=[Request("x"), Request("y", start=1)])
    holed = answered(
        [[2.0, 2.0], [3.0, 3.0], [4.0, 4.0], [5.0, 5.0]],
        np.array([2.0, 3.0, 4.0, 5.0]),
        requests=[Request("p", start=0), Request("q", start=2, count=2)],
    )
    write(tmp_path, NUMBERS, whole, holed)
    assert [("p", 0, 2.0, 2.0), ("q", 0, 4.0, 4.0), ("q", 1, 5.0, 5.0), ("x", 0, 0.0, 0.0), ("y", 0, 1.0, 1.0)] == rows(
        tmp_path, "request_id, row, prediction, input_alcohol"
    )


@given(
    batches=st.lists(st.lists(st.integers(1, 7), min_size=1, max_size=4), min_size=1, max_size=5),
    piece=st.integers(1, 6),
    arrays=st.booleans(),
)
def test_every_row_stands_with_its_own_request_and_prediction(
    batches: list[list[int]], piece: int, *, arrays: bool
) -> None:
    """However rows are split into batches, requests and pieces, nothing is mixed up, lost or doubled."""
    made, expected, value = [], [], 0
    for number, counts in enumerate(batches):
        requests: list[Request] = []
        inputs: list[list[float]] = []
        for index, count in enumerate(counts):
            requests.append(Request(f"{number}.{index}", count=count, start=len(inputs)))
            for row in range(count):
                expected.append((f"{number}.{index}", row, float(value), float(value), f"/{number}"))
                inputs.append([float(value), 0.0])
                value += 1
        for request in requests:
            request.handler = f"/{number}"
        batch: Batch = np.array(inputs) if arrays else inputs
        made.append(answered(batch, np.array([one[0] for one in inputs]), requests=requests))
    columns = PredictionColumns(INFO, NUMBERS, frozenset(), piece)
    dated = list(columns.of_answered(made))
    assert all(one.rows <= piece for one in dated)
    names = ("request_id", "row", "prediction", "input_alcohol", "route")
    assert expected == [
        row for one in dated for row in zip(*(one.batch.column(name).to_pylist() for name in names), strict=True)
    ]


@pytest.mark.parametrize(
    ("predictions", "expected"),
    [
        (np.array([3, 5]), [(3.0, None), (5.0, None)]),
        (np.array([0.5, 1.5], np.float32), [(0.5, None), (1.5, None)]),
        (np.array(["red", "white"]), [(None, '"red"'), (None, '"white"')]),
        (np.array([True, False]), [(None, "true"), (None, "false")]),
        (np.array([[1, 2], [3, 4]]), [(None, "[1,2]"), (None, "[3,4]")]),
        ([7, {"items": ["é"]}], [(7.0, None), (None, '{"items":["é"]}')]),
        ([None, 2**80], [(None, "null"), (float(2**80), None)]),
        (np.array([math.nan, math.inf]), [(None, '"NaN"'), (None, '"Infinity"')]),
    ],
    ids=["integers", "float32", "class names", "booleans", "vectors", "json", "null and big", "not finite"],
)
def test_numbers_are_predictions_and_everything_else_is_an_answer(
    tmp_path: Path, predictions: Any, expected: list[tuple[float | None, str | None]]
) -> None:
    """`prediction` can be averaged; whatever is no number is JSON in `answer`, and nothing is in both."""
    write(tmp_path, ANY_JSON, answered([1, 2], predictions))
    assert expected == rows(tmp_path, "prediction, answer")


def test_all_arrays_of_a_model_with_several_are_its_answer(tmp_path: Path) -> None:
    """The first output is the prediction where it is a number; `answer` then holds all of them."""
    arrays = {"score": np.array([0.5, 1.5]), "box": np.array([[1, 2], [3, 4]])}
    write(tmp_path, ANY_JSON, answered([1, 2], arrays["score"], arrays=arrays))
    assert [(0.5, '{"score":0.5,"box":[1,2]}'), (1.5, '{"score":1.5,"box":[3,4]}')] == rows(
        tmp_path, "prediction, answer"
    )


def test_the_probability_is_that_of_the_predicted_class(tmp_path: Path) -> None:
    """A model with a threshold of its own may predict a class that is not the most probable."""
    chances = np.array([[0.9, 0.1], [0.7, 0.3]])
    write(tmp_path, CLASSES, answered([[1.0], [2.0]], np.array(["bad", "good"]), probabilities=chances))
    assert [0.9, 0.3] == rows(tmp_path, "probability")


def test_without_class_names_the_highest_probability_counts(tmp_path: Path) -> None:
    """And a batch without probabilities beside it has none."""
    first = answered([[1.0, 1.0]], np.array([1]), requests=[Request("a")], probabilities=np.array([[0.2, 0.8]]))
    second = answered([[1.0, 1.0]], np.array([1]), requests=[Request("b")])
    write(tmp_path, NUMBERS, first)
    assert [0.8] == rows(tmp_path, "probability")
    write(tmp_path, NUMBERS, second)
    assert [None] == rows(tmp_path, "probability")


def test_batches_with_and_without_probabilities_may_be_neighbours(tmp_path: Path) -> None:
    """Rows without one are null."""
    first = answered([[1.0]], np.array(["good"]), requests=[Request("a")], probabilities=np.array([[0.2, 0.8]]))
    second = answered([[1.0]], np.array(["good"]), requests=[Request("b")])
    write(tmp_path, CLASSES, first, second)
    assert [0.8, None] == rows(tmp_path, "probability")


@pytest.mark.parametrize("value", [None, math.nan])
def test_a_missing_number_is_null(tmp_path: Path, value: float | None) -> None:
    """So that an average over the column leaves it out."""
    write(tmp_path, NUMBERS, answered([[1.0, value], [2.0, 0.25]], np.array([1.0, 2.0])))
    assert [None, 0.25] == rows(tmp_path, "input_density")


def test_columns_of_several_kinds_keep_them(tmp_path: Path) -> None:
    """Booleans, texts and numbers, with null where a value is missing."""
    batch = [[41, True, "NL"], [2**70, False, None], [None, None, "\ud800"]]
    write(tmp_path, MIXED, answered(batch, np.array([1.0, 2.0, 3.0])))
    assert [(41.0, True, "NL"), (float(2**70), False, None), (None, None, "?")] == rows(
        tmp_path, "input_age, input_member, input_country"
    )


def test_a_text_is_cut_at_its_bound(tmp_path: Path) -> None:
    """A row stays small whatever a caller sends."""
    write(tmp_path, MIXED, answered([[1, True, "x" * 100_000]], np.array([1.0])))
    assert [65_536] == rows(tmp_path, "length(input_country)")


def test_json_inputs_are_text(tmp_path: Path) -> None:
    """Models that take any JSON have no columns of their own."""
    write(tmp_path, ANY_JSON, answered([{"user": 7}, [1, "é"]], [1.0, 2.0]))
    assert ['{"user":7}', '[1,"é"]'] == rows(tmp_path, "inputs")


def test_json_that_is_too_long_leaves_its_length(tmp_path: Path) -> None:
    """The text stays JSON, and tells that something was left out."""
    write(tmp_path, ANY_JSON, answered(["x" * 70_000], [1.0]))
    assert ['{"omitted_bytes":70002}'] == rows(tmp_path, "inputs")


def test_tensor_inputs_are_text_a_row(tmp_path: Path) -> None:
    """One mapping from the tensor's name to nested lists a row, over batches of several requests."""
    first = answered({"pixels": np.array([[1.5, 2.5]])}, np.array([1.0]), requests=[Request("a")])
    second = answered({"pixels": np.array([[3.5], [4.5]])}, np.array([1.0, 2.0]), requests=[Request("b", count=2)])
    write(tmp_path, TENSORS, first, second)
    assert ['{"pixels":[1.5,2.5]}', '{"pixels":[3.5]}', '{"pixels":[4.5]}'] == rows(tmp_path, "inputs")


def test_a_large_tensor_leaves_its_shape(tmp_path: Path) -> None:
    """Pictures are not copied into the log."""
    write(tmp_path, TENSORS, answered({"pixels": np.zeros((1, 3, 224, 224))}, np.array([1.0])))
    assert ['{"pixels":{"omitted_shape":[3,224,224]}}'] == rows(tmp_path, "inputs")


def test_rows_are_filed_by_their_own_utc_date(tmp_path: Path) -> None:
    """A segment belongs to one date, so a batch after midnight begins another."""
    midnight = NOON + 12 * 3600
    late = answered([[1.0, 1.0]], np.array([1.0]), requests=[Request("late")], time=midnight - 0.001)
    early = answered([[2.0, 1.0]], np.array([2.0]), requests=[Request("early")], time=midnight)
    write(tmp_path, NUMBERS, late, early)
    found = {path.parent.name: path.name for path in tmp_path.glob("predictions/*/*")}
    expected = {"date=2026-11-21": "w1-000001-000001.parquet", "date=2026-11-22": "w1-000002-000002.parquet"}
    assert expected == found


def test_one_answer_of_an_unheard_of_kind_costs_no_other_row(tmp_path: Path) -> None:
    """Fewer predictions than rows is a defect of the model; the rows around it are logged."""
    broken = answered([[1.0, 1.0], [2.0, 2.0]], np.array([1.0]), requests=[Request("broken", count=2)])
    write(tmp_path, NUMBERS, answered([[1.0, 1.0]], np.array([1.0])), broken, unanswered("z"))
    assert ["r0", "z"] == rows(tmp_path, "request_id")


def test_labels_have_the_columns_of_the_contract(tmp_path: Path) -> None:
    """Numbers can be averaged; everything else is JSON."""
    labels = [
        Label(request_id="a", label=5),
        Label(request_id="b", row=2, label="good"),
        Label(request_id="c", label=True),
    ]
    write(tmp_path, NUMBERS, *(Stamped(time=NOON + index, label=one) for index, one in enumerate(labels)))
    assert {name: DUCKDB_TYPES[kind] for name, kind in LABEL_COLUMNS.items()} == types(tmp_path, "labels")
    expected = [("a", 0, 5.0, None), ("b", 2, None, '"good"'), ("c", 0, None, "true")]
    assert expected == rows(tmp_path, "request_id, row, label, label_text", kind="labels")


def test_segments_of_different_models_are_read_together(tmp_path: Path) -> None:
    """A version with other columns beside it is fine: what the one has not is null there."""
    other = Signature(form=Form.COLUMNS, fields=(Field(name="alcohol"), Field(name="sugar")))
    write(tmp_path / "one", NUMBERS, answered([[1.0, 2.0]], np.array([1.0]), requests=[Request("a")]))
    write(tmp_path / "two", other, answered([[3.0, 4.0]], np.array([1.0]), requests=[Request("b")]))
    names = "request_id, input_alcohol, input_density, input_sugar"
    query = f"SELECT {names} FROM read_parquet('{tmp_path}/*/predictions/*/*', union_by_name => true) ORDER BY 1"
    with duckdb.connect() as connection:
        assert [("a", 1.0, 2.0, None), ("b", 3.0, None, 4.0)] == connection.execute(query).fetchall()


def test_what_the_hot_path_hands_over_is_never_changed(tmp_path: Path) -> None:
    """The batch still belongs to whoever made it."""
    one: Answered = answered([[1.0, None]], np.array([1.0]))
    write(tmp_path, NUMBERS, one)
    assert [[1.0, None]] == one.batch
