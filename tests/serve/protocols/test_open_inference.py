"""The Open Inference Protocol V2: tensors in and out, as JSON and as bytes."""

import json
import math
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from seatrial.records.serving import Field, Form, Kind, Signature, Tensor
from seatrial.serve.codec import Answer, Codec, Limits, Refused
from seatrial.serve.model import Outputs
from seatrial.serve.protocols import metadata, server_metadata
from tests.serve.protocols.models import (
    CAR,
    JSON_HEADERS,
    SECONDS,
    VALUES,
    answer,
    anything,
    as_body,
    cars,
    image,
    info,
    numbers,
    pair,
    predict,
    refusal,
    rows,
    same,
    told,
    v2,
    wine,
)

LENGTH = b"inference-header-content-length"
DTYPES = {
    "BOOL": "bool",
    "UINT8": "uint8",
    "UINT16": "uint16",
    "UINT32": "uint32",
    "UINT64": "uint64",
    "INT8": "int8",
    "INT16": "int16",
    "INT32": "int32",
    "INT64": "int64",
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
}


def tensor(data: Any, shape: list[Any], datatype: str = "FP64", name: str = "x", **more: Any) -> dict[str, Any]:
    """One input as JSON."""
    return {"name": name, "shape": shape, "datatype": datatype, "data": data, **more}


def request(*inputs: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A request."""
    return {"inputs": [*inputs], **more}


def binary(*inputs: tuple[str, str, list[int], bytes], **more: Any) -> tuple[bytes, dict[bytes, bytes]]:
    """Body and headers of a request with tensors as bytes: name, datatype, shape, bytes."""
    described = [
        {"name": name, "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": len(data)}}
        for name, datatype, shape, data in inputs
    ]
    head = json.dumps(request(*described, **more)).encode()
    headers = {LENGTH: b"%d" % len(head), b"content-type": b"application/octet-stream"}
    return head + b"".join(data for _, _, _, data in inputs), headers


def strings(*values: str) -> bytes:
    """The binary form of BYTES."""
    return b"".join(struct.pack("<I", len(value.encode())) + value.encode() for value in values)


def split(made: Answer) -> tuple[Any, bytes]:
    """JSON and bytes of an answer."""
    length = int(dict(made.headers)[LENGTH])
    return json.loads(made.body[:length]), made.body[length:]


# Columns.


@pytest.mark.parametrize(
    "sent",
    [
        tensor([VALUES, VALUES], [2, 3]),
        tensor([*VALUES, *VALUES], [2, 3]),
        tensor([[[value] for value in VALUES]] * 2, [2, 3]),
        tensor([[9.4, 3.5, 2019.0]] * 2, [2, 3]),
        tensor([VALUES, VALUES], [2, 3], name="alcohol"),
    ],
)
def test_one_tensor_has_all_columns(sent: dict[str, Any]) -> None:
    """By whatever name, nested or flat."""
    assert np.array_equal([VALUES, VALUES], np.asarray(rows(v2(wine()), request(sent))))


@pytest.mark.parametrize("datatype", ["FP64", "FP32"])
@pytest.mark.parametrize("data", [[VALUES], VALUES])
def test_a_tensor_of_floats_is_rounded_to_its_datatype(datatype: str, data: Any) -> None:
    """As MLServer does: the model gets what the caller said that it is."""
    expected = np.array([VALUES], dtype=DTYPES[datatype]).astype(float)
    batch = rows(v2(wine()), request(tensor(data, [1, 3], datatype)))
    assert np.array_equal(expected, np.asarray(batch, dtype=float))


@pytest.mark.parametrize("datatype", [name for name in DTYPES if name != "BOOL"])
def test_a_matrix_comes_as_every_number(datatype: str) -> None:
    """As JSON and as bytes, alike."""
    array = np.array([[1, 2, 100], [3, 4, 101]], dtype=DTYPES[datatype])
    codec = v2(numbers(3))
    assert np.array_equal(array, rows(codec, request(tensor(array.tolist(), [2, 3], datatype))))
    body, headers = binary(("x", datatype, [2, 3], array.tobytes()))
    assert same(array, codec.decode(body, headers).batch)


COLUMNS = [
    tensor([1.5, 2], [2], name="km"),
    tensor([3, 5], [2, 1], "INT8", name="doors"),
    tensor([True, False], [2], "BOOL", name="diesel"),
    tensor([["red"], ["blue"]], [2, 1], "BYTES", name="colour"),
    tensor(["Ada", "Bob"], [2], "BYTES", name="owner"),
]
TWO_CARS = [[1.5, 3, True, "red", "Ada"], [2.0, 5, False, "blue", "Bob"]]


def test_each_column_may_have_a_tensor() -> None:
    """In any order, as MLServer's pandas codec has it, with or without its content type."""
    for more in ({}, {"parameters": {"content_type": "pd"}}):
        assert same(TWO_CARS, rows(v2(cars()), request(*COLUMNS, **more)))
        assert same(TWO_CARS, rows(v2(cars()), request(*reversed(COLUMNS), **more)))


def test_columns_may_come_as_bytes() -> None:
    """Each of its own datatype, mixed with JSON."""
    body, headers = binary(
        ("km", "FP64", [2], np.array([1.5, 2]).tobytes()),
        ("doors", "INT8", [2, 1], np.array([3, 5], dtype=np.int8).tobytes()),
        ("diesel", "BOOL", [2], b"\x01\x00"),
        ("colour", "BYTES", [2, 1], strings("red", "blue")),
        ("owner", "BYTES", [2], strings("Ada", "Bob")),
    )
    assert same(TWO_CARS, v2(cars()).decode(body, headers).batch)


def test_columns_that_are_left_out_are_missing_values() -> None:
    """So are NaN in numbers, and null."""
    names = ("doors", "diesel", "owner")
    kept = [column for column in COLUMNS if column["name"] in names]
    expected = [[math.nan, 3, True, None, "Ada"], [math.nan, 5, False, None, "Bob"]]
    assert same(expected, rows(v2(cars()), request(*kept)))
    assert same(expected, rows(v2(cars()), request(tensor([None, None], [2], name="km"), *kept)))
    body, headers = binary(
        ("km", "FP32", [1], np.array([math.nan], dtype=np.float32).tobytes()),
        ("doors", "INT8", [1], b"\x03"),
        ("diesel", "BOOL", [1], b"\x01"),
        ("owner", "BYTES", [1], strings("Ada")),
    )
    assert same(expected[:1], v2(cars()).decode(body, headers).batch)


def test_a_matrix_may_hold_missing_values_where_fields_are_optional() -> None:
    """As null in JSON and as NaN in bytes."""
    codec = v2(Signature(form=Form.COLUMNS, fields=(Field(name="a", optional=True), Field(name="b"))))
    expected = np.array([[math.nan, 1.0]])
    assert np.array_equal(expected, np.asarray(rows(codec, request(tensor([[None, 1.0]], [1, 2])))), equal_nan=True)
    body, headers = binary(("x", "FP64", [1, 2], expected.tobytes()))
    assert np.array_equal(expected, np.asarray(codec.decode(body, headers).batch), equal_nan=True)


def test_a_table_of_strings_is_a_table() -> None:
    """For models that take nothing else."""
    fields = (Field(name="a", kind=Kind.STRING, dtype="object"), Field(name="b", kind=Kind.STRING, dtype="object"))
    codec = v2(Signature(form=Form.COLUMNS, fields=fields))
    assert [["x", "y"]] == rows(codec, request(tensor([["x", "y"]], [1, 2], "BYTES")))


def test_a_row_is_judged_as_it_is_by_predict() -> None:
    """The same values, the same complaints."""
    wrong = {**CAR, "doors": 4, "owner": "Ada"}
    columns = [
        tensor([wrong["km"]], [1], name="km"),
        tensor([wrong["doors"]], [1], "INT64", name="doors"),
        tensor([wrong["diesel"]], [1], "BOOL", name="diesel"),
        tensor([wrong["colour"]], [1], "BYTES", name="colour"),
        tensor([wrong["owner"]], [1], "BYTES", name="owner"),
    ]
    expected = refusal(predict(cars()), wrong)
    found = refusal(v2(cars()), request(*columns))
    assert (expected.message, expected.complaints) == (found.message, found.complaints)


# What is wrong with a request.


MALFORMED: list[tuple[Any, int, str]] = [
    ({}, 400, "missing required field `inputs`"),
    ([], 400, "this is no request of the Open Inference Protocol"),
    (request(), 400, "Expected `array` of length >= 1"),
    (request({"name": "x", "shape": [1, 3], "datatype": "FP64"}), 400, '"x" has no data'),
    (request(tensor([VALUES], [1, 3], "FP8")), 400, '"FP8" is no datatype'),
    (request(tensor([VALUES], [1, 3], "BF16")), 400, '"BF16" is no datatype'),
    (request(tensor([VALUES], [2, 3])), 400, "x has 3 values, expected 6 for the shape [2, 3]"),
    (request(tensor([VALUES], [-1, 3])), 400, "Expected `int` >= 0"),
    (request(tensor([VALUES], ["1", 3])), 400, "Expected `int`"),
    (request(tensor([[1, 2], [3]], [1, 3])), 400, "x has arrays of different lengths"),
    (request(tensor(3, [1, 3])), 400, "x has 1 values"),
    (request(tensor(None, [1, 3])), 400, "x has 1 values"),
    (request(tensor([VALUES], [1, 3]), id=7), 400, "Expected `str | null`, got `int`"),
    (request(tensor([VALUES], [1, 3]), outputs=[{"name": "logits"}]), 400, '"logits" is no output'),
    (
        request(tensor([VALUES], [1, 3]), outputs=[{"name": "predict", "parameters": {"classification": 3}}]),
        400,
        "classification of ",
    ),
    (request(tensor([VALUES], [1, 3], parameters={"binary_data_size": 24})), 400, "expected at most 0"),
    (request(tensor([VALUES], [1, 3], parameters={"binary_data_size": "24"})), 400, "expected at most 0"),
    (request(tensor([VALUES], [1, 3], parameters={"binary_data_size": -1})), 400, "expected at most 0"),
    (
        request(tensor([[1.0, 2.0]], [1, 2])),
        422,
        "x has the shape [1, 2], expected [n, 3], or a tensor for each of 3 fields",
    ),
    (request(tensor(VALUES, [3])), 422, "x has the shape [3], expected [n, 3]"),
    (request(tensor([9.4], [1], name="alcohol")), 422, '"pH" has no tensor'),
    (request(tensor([9.4], [1], name="a"), tensor([9.4], [1], name="b")), 422, '"a" is not a field'),
    (request(tensor([9.4], [1], name="pH"), tensor([9.4], [1], name="pH")), 400, "two tensors have the same name"),
    (request(tensor([[9.4, True, 2019]], [1, 3])), 422, "x[0][1] is true, expected a number that fits float64"),
    (request(tensor([[9.4, "3", 2019]], [1, 3])), 422, 'x[0][1] is "3", expected a number that fits float64'),
    (request(tensor([[9.4, 20, 2019]], [1, 3])), 422, "pH is 20.0, expected a number of at least 0 and below 14"),
    (request(tensor([[9.4, 3, 2019.5]], [1, 3])), 422, "year is 2019.5, expected an integer of at least 1900"),
    (request(tensor([["a", "b", "c"]], [1, 3], "BYTES")), 422, 'alcohol is "a", expected a number'),
    (request(tensor([[True, False, True]], [1, 3], "BOOL")), 422, "alcohol is true, expected a number"),
    (request(tensor([[300, 1, 1]], [1, 3], "INT8")), 422, "x[0][0] is 300, expected an integer that fits int8"),
    (request(tensor([], [0, 3])), 422, "there are no rows"),
    (request(tensor([[9.4, 3.5, math.nan]], [1, 3])), 422, "NaN"),
    (b"{", 400, "the body is not JSON"),
    (b"", 400, "the body is empty"),
    (b'{"inputs": [{"name": "\xff"}]}', 400, "the body is not UTF-8: byte 22 is 0xff"),
    (b'{"inputs": [{"name": "x", "shape": [1, 3], "datatype": "BYTES", "data": ["\xff"]}]}', 400, "not UTF-8"),
    (b'{"inputs": ' + b"[" * 100_000, 400, "Expected `object`, got `array`"),
    (
        b'{"inputs": [{"name": "x", "shape": [1], "datatype": "FP64"}], "parameters": {"a": ' + b"[" * 100_000,
        422,
        "nested deeper than 32 levels",
    ),
    (request(tensor([[[[[[1]]]]]] * 3, [1, 3])), 422, "year is 1.0, expected an integer of at least 1900"),
]


@pytest.mark.parametrize(("document", "status", "message"), MALFORMED)
def test_what_does_not_follow_the_protocol_is_refused_in_words(document: Any, status: int, message: str) -> None:
    """400 for its form, 422 for its values; always with `error`."""
    found, error = told(v2(wine()), document)
    assert status == found
    assert message in error["error"]


def test_too_many_rows_are_refused_before_they_are_read() -> None:
    """By the shape alone, in each manner of asking."""
    codec = v2(wine(), Limits(rows=2))
    columns = [tensor([1.0] * 3, [3], name=name) for name in ("alcohol", "pH", "year")]
    for document in (request(tensor([VALUES] * 3, [3, 3])), request(*columns)):
        assert 413 == refusal(codec, document).status
    body, headers = binary(("x", "FP64", [3, 3], np.array([VALUES] * 3).tobytes()))
    assert 413 == refusal(codec, body, headers).status
    assert 413 == refusal(v2(image(), Limits(rows=2)), request(tensor([0.0] * 18, [3, 2, 3]))).status
    assert 413 == refusal(v2(anything(), Limits(rows=2)), request(tensor([0.0] * 3, [3]))).status


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (("x", "FP64", [1, 3], b"\0" * 23), "the binary data of x has 23 bytes, expected 24 for 3 values of FP64"),
        (("x", "FP64", [2**31, 3], b"\0" * 24), "at most 10000 are answered"),
        (("x", "BYTES", [1, 3], strings("a", "b")), "has 2 strings in 10 bytes, expected 3 and nothing behind them"),
        (("x", "BYTES", [1, 3], strings("a", "b", "c", "d")), "has 3 strings in 20 bytes, expected 3 and nothing"),
        (("x", "BYTES", [1, 3], b"\x01"), "has a length of less than 4 bytes, expected 4"),
        (("x", "BYTES", [1, 3], b"\xff\xff\xff\xffx"), "has 1 bytes of a string, expected 4294967295"),
        (("x", "BYTES", [1, 3], struct.pack("<I", 2) + b"a\xff"), "a string of x is not UTF-8: its byte 1 is 0xff"),
    ],
)
def test_binary_data_have_to_be_what_their_shape_says(sent: tuple[str, str, list[int], bytes], message: str) -> None:
    """Neither more nor less."""
    body, headers = binary(sent)
    assert message in refusal(v2(wine()), body, headers).message


@pytest.mark.parametrize("length", [b"", b"-1", b"1.5", b"x", b"\xff", b"9" * 5000, b"1000"])
def test_a_wrong_length_of_the_json_is_refused(length: bytes) -> None:
    """Whatever is written there."""
    refused = refusal(v2(wine()), request(tensor([VALUES], [1, 3])), {LENGTH: length})
    assert (400, "malformed") == (refused.status, refused.kind)
    assert "Inference-Header-Content-Length" in refused.message


def test_bytes_that_belong_to_no_tensor_are_refused() -> None:
    """The caller has miscounted."""
    body, headers = binary(("x", "FP64", [1, 3], np.array([VALUES]).tobytes()))
    assert "4 bytes behind the JSON belong to no tensor" == refusal(v2(wine()), body + b"1234", headers).message


# Answers.


def test_an_id_is_given_back() -> None:
    """Whatever it is, and none if there was none."""
    codec, outputs = v2(wine()), Outputs(np.array([1.0]))
    assert 'a "b" ä' == answer(codec, request(tensor([VALUES], [1, 3]), id='a "b" ä'), outputs)["id"]
    assert "id" not in answer(codec, request(tensor([VALUES], [1, 3])), outputs)


def test_the_rows_of_one_request_are_those_from_its_start() -> None:
    """Requests share a batch."""
    outputs = Outputs(np.array([1.0, 2.0, 3.0]), np.array([[0.1, 0.9], [0.2, 0.8], [0.3, 0.7]]))
    document = request(tensor([VALUES], [1, 3]), outputs=[{"name": "predict"}, {"name": "predict_proba"}])
    found = answer(v2(wine(classes=(0, 1))), document, outputs, start=2)["outputs"]
    assert [[3.0], [0.3, 0.7]] == [output["data"] for output in found]
    assert [[1, 1], [1, 2]] == [output["shape"] for output in found]


def test_the_name_of_the_prediction_is_an_output_too() -> None:
    """Who knows it from `POST /predict` may use it here."""
    document = request(tensor([VALUES], [1, 3]), outputs=[{"name": "quality"}])
    found = answer(v2(wine(output="quality")), document, Outputs(np.array([6.5])))["outputs"]
    assert [("quality", [6.5])] == [(output["name"], output["data"]) for output in found]


def test_probabilities_that_the_model_does_not_have_are_refused() -> None:
    """Once it has answered without, for its signature doesn't tell."""
    document = request(tensor([VALUES], [1, 3]), outputs=[{"name": "predict_proba"}])
    with pytest.raises(Refused, match="no predict_proba") as caught:
        answer(v2(wine()), document, Outputs(np.array([6.5])))
    assert (400, "unknown_output") == (caught.value.status, caught.value.kind)


@pytest.mark.parametrize(
    ("predictions", "datatype", "data"),
    [
        (np.array([1.5]), "FP64", [1.5]),
        (np.array([1.5], dtype=np.float32), "FP64", [1.5]),  # as announced, whichever engine computes
        (np.array([1], dtype=np.uint8), "UINT8", [1]),
        (np.array([True]), "BOOL", [True]),
        (np.array(["ä"]), "BYTES", ["ä"]),
        (np.array(["ä"], dtype=object), "BYTES", ["ä"]),
        (np.array([7], dtype=object), "BYTES", ["7"]),
        ([3], "INT64", [3]),
        ([3.5], "FP64", [3.5]),
        ([True], "BOOL", [True]),
        (["ä"], "BYTES", ["ä"]),
        ([{"a": [1]}], "BYTES", ['{"a":[1]}']),
        ([[1, 2]], "BYTES", ["[1,2]"]),
        ([None], "BYTES", ["null"]),
        ([10**30], "BYTES", [str(10**30)]),
    ],
)
def test_predictions_of_every_type_have_a_datatype(predictions: Any, datatype: str, data: Any) -> None:
    """Those that the protocol has no name for become strings of JSON."""
    found = answer(v2(wine()), request(tensor([VALUES], [1, 3])), Outputs(predictions))["outputs"][0]
    assert (datatype, data, [1, 1]) == (found["datatype"], found["data"], found["shape"])


def test_json_cannot_carry_nan_and_bytes_can() -> None:
    """422 for the one, an answer for the other."""
    outputs = Outputs(np.array([math.nan]))
    with pytest.raises(Refused, match="NaN or infinite"):
        answer(v2(wine()), request(tensor([VALUES], [1, 3])), outputs)
    document = request(tensor([VALUES], [1, 3]), parameters={"binary_data_output": True})
    made = v2(wine()).encode(v2(wine()).decode(as_body(document), JSON_HEADERS), outputs, 0, SECONDS)
    _, data = split(made)
    assert math.isnan(struct.unpack("<d", data)[0])


def test_each_output_may_be_bytes_or_json() -> None:
    """What an output says of itself goes before what the request says of all."""
    codec = v2(wine(classes=("no", "yes")))
    wanted = [{"name": "predict"}, {"name": "predict_proba", "parameters": {"binary_data": False}}, {"name": "predict"}]
    document = request(tensor([VALUES], [1, 3]), outputs=wanted, parameters={"binary_data_output": True})
    outputs = Outputs(np.array(["yes"]), np.array([[0.25, 0.75]]))
    made = codec.encode(codec.decode(as_body(document), JSON_HEADERS), outputs, 0, SECONDS)
    assert b"application/octet-stream" == made.content_type
    head, data = split(made)
    assert strings("yes", "yes") == data
    assert [7, None, 7] == [output["parameters"].get("binary_data_size") for output in head["outputs"]]
    assert [None, [0.25, 0.75], None] == [output.get("data") for output in head["outputs"]]


NUMBERS = st.sampled_from([*DTYPES.values()]).flatmap(
    lambda dtype: arrays.arrays(dtype, arrays.array_shapes(min_dims=1, max_dims=3, max_side=3))
)


@given(NUMBERS)
def test_arrays_survive_the_way_through_bytes(array: Any) -> None:
    """In and out, bit by bit; NaN in a model's answer included."""
    shape, datatype = [*array.shape], next(name for name, dtype in DTYPES.items() if dtype == str(array.dtype))
    tensors = (Tensor(name="x", dtype=str(array.dtype), shape=tuple([None] * array.ndim)),)
    codec = v2(Signature(form=Form.TENSORS, tensors=tensors))
    body, headers = binary(("x", datatype, shape, array.tobytes()), parameters={"binary_data_output": True})
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        assert 422 == refusal(codec, body, headers).status
        body, headers = binary(
            ("x", datatype, shape, np.zeros_like(array).tobytes()), parameters={"binary_data_output": True}
        )
    asked = codec.decode(body, headers)
    if np.isfinite(array).all():
        assert same(array, asked.batch["x"])  # type: ignore[call-overload] # a mapping
    head, data = split(codec.encode(asked, Outputs(array), 0, SECONDS))
    assert array.tobytes() == data
    assert (datatype, shape) == (head["outputs"][0]["datatype"], head["outputs"][0]["shape"])


@given(st.lists(st.text(max_size=4), min_size=1, max_size=4))
def test_strings_survive_the_way_through_bytes(values: list[str]) -> None:
    """Whatever characters they have."""
    codec = v2(Signature(form=Form.COLUMNS, fields=(Field(name="s", kind=Kind.STRING, dtype="object"),)))
    body, headers = binary(("s", "BYTES", [len(values), 1], strings(*values)), parameters={"binary_data_output": True})
    asked = codec.decode(body, headers)
    assert [[value] for value in values] == asked.batch
    assert strings(*values) == split(codec.encode(asked, Outputs(values), 0, SECONDS))[1]


# Models of tensors.


def test_a_tensor_is_converted_to_what_the_model_takes() -> None:
    """From any number that can be; the name of the only one doesn't matter."""
    data = np.arange(12).reshape(2, 2, 3)
    for datatype in ("FP32", "FP64", "FP16", "INT64", "UINT8"):
        batch = rows(v2(image()), request(tensor(data.tolist(), [2, 2, 3], datatype, name="input")))
        assert same(data.astype(np.float32), batch["pixels"])


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (
            [tensor([0.0] * 4, [1, 2, 2])],
            "x has the shape [1, 2, 2], expected [n, 2, 3] with the same n in each tensor",
        ),
        ([tensor([0.0] * 6, [2, 3])], "x has the shape [2, 3], expected [n, 2, 3]"),
        ([tensor([], [1, 0, 3])], "x has the shape [1, 0, 3]"),
        ([tensor([True] * 6, [1, 2, 3], "BOOL")], None),
        ([tensor(["a"] * 6, [1, 2, 3], "BYTES")], "x is BYTES, which is no float32"),
        ([tensor([1e39] * 6, [1, 2, 3])], "x[0][0][0] is 1e39, expected a number that fits float32"),
        (
            [tensor([0.0] * 6, [1, 2, 3]), tensor([0.0] * 6, [1, 2, 3], name="y")],
            'the tensors are "x", "y", expected "pixels"',
        ),
    ],
)
def test_a_tensor_that_does_not_fit_is_refused(inputs: list[dict[str, Any]], message: str | None) -> None:
    """By shape, by kind or by range."""
    if message is None:
        assert same(np.ones((1, 2, 3), np.float32), rows(v2(image()), request(*inputs))["pixels"])
    else:
        assert message in refusal(v2(image()), request(*inputs)).message


def test_a_model_of_two_tensors_answers_all_it_gives() -> None:
    """Or those that are named."""
    document = request(
        tensor([[1, 2], [3, 4]], [2, 2], "INT32", name="ids"), tensor([0.5, 1], [2], "FP32", name="scale")
    )
    batch = rows(v2(pair()), document)
    assert same(np.array([[1, 2], [3, 4]]), batch["ids"])
    assert same(np.array([0.5, 1], dtype=np.float32), batch["scale"])
    logits, label = np.array([[0.5, 1], [2, 3]], dtype=np.float32), np.array([1, 0])
    outputs = Outputs(logits, arrays={"logits": logits, "label": label})
    found = answer(v2(pair()), document, outputs)["outputs"]
    assert [("logits", [2, 2], "FP32"), ("label", [2], "INT64")] == [
        (output["name"], output["shape"], output["datatype"]) for output in found
    ]
    found = answer(v2(pair()), document | {"outputs": [{"name": "label"}]}, outputs)["outputs"]
    assert [("label", [1, 0])] == [(output["name"], output["data"]) for output in found]


@pytest.mark.parametrize(
    "inputs",
    [
        [tensor([[1]], [1, 1], "INT64", name="ids")],
        [tensor([[1]], [1, 1], "INT64", name="ids"), tensor([0.5], [1], name="size")],
        [tensor([[1]], [1, 1], "INT64", name="ids"), tensor([0.5, 1], [2], name="scale")],
        [tensor([[1.5]], [1, 1], name="ids"), tensor([0.5], [1], name="scale")],
    ],
)
def test_two_tensors_have_to_be_there_and_agree(inputs: list[dict[str, Any]]) -> None:
    """In names, rows and kinds."""
    assert refusal(v2(pair()), request(*inputs)).status in (400, 422)


# Models of any JSON.


def test_any_json_is_a_tensor_of_rows() -> None:
    """Numbers as nested lists, strings as they are or as JSON, several tensors as objects."""
    codec = v2(anything())
    assert [[1.0, 2.0], [3.0, 4.0]] == rows(codec, request(tensor([1, 2, 3, 4], [2, 2])))
    assert ["a", "b"] == rows(codec, request(tensor(["a", "b"], [2, 1], "BYTES")))
    as_json: dict[str, Any] = {"parameters": {"content_type": "pd_json"}}
    assert [{"user": 1}, [2]] == rows(codec, request(tensor(['{"user": 1}', "[2]"], [2], "BYTES", **as_json)))
    both = request(tensor([1], [1], "INT64", name="a"), tensor(["x"], [1], "BYTES", name="b"))
    assert [{"a": 1, "b": "x"}] == rows(codec, both)


@pytest.mark.parametrize("text", ["{", "[NaN]", "[" * 100])
def test_strings_that_should_be_json_are_judged(text: str) -> None:
    """As a body is."""
    sent = tensor([text], [1], "BYTES", parameters={"content_type": "json"})
    assert refusal(v2(anything()), request(sent)).status in (400, 422)


# Who answers.


def test_the_metadata_say_what_may_be_sent_and_who_computes() -> None:
    """Columns by name, or one tensor where names were made up; and the engine with its evidence."""
    named = metadata(wine(classes=(0, 1)), info())
    assert ("wine", ["7"], "sklearn") == (named["name"], named["versions"], named["platform"])
    assert [("alcohol", "FP64", [-1, 1]), ("pH", "FP64", [-1, 1]), ("year", "INT64", [-1, 1])] == [
        (one["name"], one["datatype"], one["shape"]) for one in named["inputs"]
    ]
    assert [("predict", "INT64", [-1, 1]), ("predict_proba", "FP64", [-1, 2])] == [
        (one["name"], one["datatype"], one["shape"]) for one in named["outputs"]
    ]
    assert "onnx" == named["seatrial"]["engine"]
    assert 200 == named["seatrial"]["evidence"]["rows"]
    assert [{"name": "input", "datatype": "FP64", "shape": [-1, 4]}] == metadata(numbers(4), info())["inputs"]
    assert [-1, 2, 3] == metadata(image(), info())["inputs"][0]["shape"]
    assert ["logits", "label"] == [one["name"] for one in metadata(pair(), info())["outputs"]]


@pytest.mark.parametrize("signature", [wine(), numbers(3), image(), pair()])
def test_what_the_metadata_describe_is_taken(signature: Signature) -> None:
    """Each described tensor, with one row of ones."""
    inputs = []
    for described in metadata(signature, info())["inputs"]:
        shape = [1 if size == -1 else size for size in described["shape"]]
        ones = np.full(shape, 2000 if described["name"] == "year" else 1).tolist()
        inputs.append({**described, "shape": shape, "data": ones})
    codec: Codec = v2(signature)
    assert 1 == codec.decode(as_body(request(*inputs)), JSON_HEADERS).count


def test_the_server_says_that_it_reads_bytes() -> None:
    """As Triton does, so that clients know."""
    assert ("seatrial", ["binary_tensor_data"]) == (server_metadata()["name"], server_metadata()["extensions"])
