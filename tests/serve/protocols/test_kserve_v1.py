"""KServe's V1 protocol: instances in, predictions out, for every form of model."""

import math
from typing import Any

import numpy as np
import pytest

from seatrial.records.serving import Field, Form, Signature
from seatrial.serve.codec import Limits, Refused
from seatrial.serve.model import Outputs
from tests.serve.protocols.models import (
    ROW,
    VALUES,
    all_endpoints,
    answer,
    anything,
    image,
    pair,
    refusal,
    rows,
    same,
    v1,
    wine,
)


@pytest.mark.parametrize(
    "document",
    [
        {"instances": [ROW, VALUES]},
        {"instances": [VALUES, VALUES], "signature_name": "serving_default"},
        {"signature_name": "serving_default", "inputs": [ROW, ROW]},
        {"inputs": {name: [value, value] for name, value in ROW.items()}},
    ],
)
def test_rows_come_by_name_by_position_and_by_column(document: Any) -> None:
    """As KServe and TensorFlow Serving have them."""
    assert same([VALUES, VALUES], rows(v1(wine()), document))
    assert {"predictions": [1.5, 2.5]} == answer(v1(wine()), document, Outputs(np.array([0.5, 1.5, 2.5])), start=1)


def test_one_instance_is_a_list_of_one() -> None:
    """The protocol knows no single rows."""
    outputs = Outputs(np.array(["good"]), np.array([[0.5, 0.5]]))
    assert {"predictions": ["good"]} == answer(v1(wine()), {"instances": [ROW]}, outputs)


def test_a_model_of_one_field_takes_bare_values() -> None:
    """As TensorFlow Serving does."""
    codec = v1(Signature(form=Form.COLUMNS, fields=(Field(name="x"),)))
    assert [[1.0], [2.5]] == rows(codec, {"instances": [1, 2.5]})


@pytest.mark.parametrize(
    ("document", "status", "message"),
    [
        (ROW, 400, 'found an object with 3 fields, expected {"instances": …} or {"inputs": …}'),
        ([ROW], 400, "found an array of 1 value, expected"),
        (b"", 400, "the body is empty"),
        ({"instances": 3}, 422, "instances is 3, expected rows"),
        ({"instances": ROW}, 422, "found an object with 3 fields, expected an array of rows"),
        ({"instances": [1, 2, 3]}, 422, "3 of 3 rows are not valid; the first: row 0: found 1, expected an object or"),
        ({"instances": []}, 422, "there are no rows"),
        ({"instances": [VALUES] * 4}, 413, "4 rows in one request, at most 3"),
        ({"instances": [VALUES], "parameters": {}}, 422, '"parameters" may not stand beside "instances"'),
        ({"instances": [{**ROW, "pH": 20}]}, 422, "pH is 20, expected a number of at least 0 and below 14"),
    ],
)
def test_what_is_wrong_is_said(document: Any, status: int, message: str) -> None:
    """In the words of `POST /predict`."""
    refused = refusal(v1(wine(), Limits(rows=3)), document)
    assert status == refused.status
    assert message in refused.message


def test_arrays_are_rows_without_their_batch_axis() -> None:
    """Bare for a model with one tensor, else by name."""
    pixels = [[1, 2, 3], [4, 5, 6]]
    expected = np.array([pixels, pixels], dtype=np.float32)
    for document in (
        {"instances": [pixels, pixels]},
        {"instances": [{"pixels": pixels}] * 2},
        {"inputs": [pixels] * 2},
    ):
        assert same(expected, rows(v1(image()), document)["pixels"])
    batch = rows(v1(pair()), {"instances": [{"ids": [1, 2], "scale": 0.5}, {"ids": [3, 4], "scale": 1}]})
    assert same(np.array([[1, 2], [3, 4]]), batch["ids"])
    assert same(np.array([0.5, 1], dtype=np.float32), batch["scale"])


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ({"instances": [[[1, 2, 3], [4, 5]]]}, 422),
        ({"instances": [{"pixels": [[1, 2, 3]] * 2}, {}]}, 422),
        ({"instances": {}}, 400),
        ({"instances": []}, 422),
        ({"pixels": []}, 400),
        ({"instances": [[[1, 2, math.nan], [4, 5, 6]]]}, 422),
        ({"instances": [[[0, 0, 0]] * 2] * 4}, 413),
    ],
)
def test_arrays_that_do_not_fit_are_refused(document: Any, status: int) -> None:
    """With the status that columns have."""
    assert status == refusal(v1(image(), Limits(rows=3)), document).status


def test_any_json_is_an_instance() -> None:
    """As it is."""
    values = [{"user": 1}, [1, 2], None, "x"]
    assert values == rows(v1(anything()), {"instances": values})
    assert {"predictions": [{"a": 1}, 2, 3, 4]} == answer(
        v1(anything()), {"instances": values}, Outputs([{"a": 1}, 2, 3, 4])
    )
    assert 400 == refusal(v1(anything()), {"instances": 1}).status
    assert 422 == refusal(v1(anything()), {"instances": []}).status


def test_nan_is_refused_here_too() -> None:
    """The protocol has no place for it."""
    with pytest.raises(Refused, match="NaN or infinite"):
        answer(v1(wine()), {"instances": [ROW]}, Outputs(np.array([math.nan])))


def test_the_routes_have_the_name_and_version_of_the_model() -> None:
    """And are counted under one name each."""
    found = all_endpoints(wine())
    assert [
        ("POST", ("/predict",), "/predict"),
        ("POST", ("/v1/models/wine:predict",), "/v1/models/wine:predict"),
        ("POST", ("/v2/models/wine/infer", "/v2/models/wine/versions/7/infer"), "/v2/models/wine/infer"),
    ] == [(endpoint.method, endpoint.paths, endpoint.handler) for endpoint in found]
