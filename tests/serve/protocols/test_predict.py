"""`POST /predict` for columns: every shape of body, every answer, and what is said of a wrong one."""

import json
import math
from typing import Any

import numpy as np
import pytest

from seatrial.records import UsageError
from seatrial.records.serving import Field, Form, Kind, Signature
from seatrial.serve.codec import Codec, Limits, Refused
from seatrial.serve.model import Outputs
from tests.serve.protocols.models import (
    CAR,
    JSON_HEADERS,
    ROW,
    VALUES,
    answer,
    cars,
    numbers,
    predict,
    refusal,
    rows,
    same,
    told,
    wine,
)

ONE_ROW: dict[str, Any] = {
    "by name": ROW,
    "by position": VALUES,
    "inputs by name": {"inputs": ROW},
    "inputs by position": {"inputs": VALUES},
    "names in another order": dict(reversed(ROW.items())),
    "an integer where a number goes": {**ROW, "alcohol": 9.4},
}
MANY_ROWS: dict[str, Any] = {
    "by name": [ROW, ROW],
    "by position": [VALUES, VALUES],
    "mixed": [ROW, VALUES],
    "inputs by name": {"inputs": [ROW, ROW]},
    "inputs by position": {"inputs": [VALUES, VALUES]},
    "inputs by column": {"inputs": {name: [value, value] for name, value in ROW.items()}},
    "instances by name": {"instances": [ROW, ROW]},
    "instances by position": {"instances": [VALUES, VALUES]},
    "records": {"dataframe_records": [ROW, ROW]},
    "split": {"dataframe_split": {"columns": [*ROW], "data": [VALUES, VALUES]}},
    "split in another order": {
        "dataframe_split": {"columns": [*ROW][::-1], "data": [VALUES[::-1]] * 2, "index": [0, 1]}
    },
    "split without columns": {"dataframe_split": {"data": [VALUES, VALUES]}},
}


@pytest.mark.parametrize("case", ONE_ROW)
def test_one_row_is_answered_by_one_value(case: str) -> None:
    """In whichever shape it came."""
    codec = predict(wine())
    assert same([VALUES], rows(codec, ONE_ROW[case]))
    assert {"prediction": 6.5, "latency": 0.000123} == answer(codec, ONE_ROW[case], Outputs(np.array([6.5])))


@pytest.mark.parametrize("case", MANY_ROWS)
def test_many_rows_are_answered_by_lists(case: str) -> None:
    """In whichever shape they came."""
    codec = predict(wine())
    assert same([VALUES, VALUES], rows(codec, MANY_ROWS[case]))
    outputs = Outputs(np.array([9.0, 6.5, 7.5]))
    assert {"prediction": [6.5, 7.5], "latency": 0.000123} == answer(codec, MANY_ROWS[case], outputs, start=1)


def test_a_list_of_one_row_is_answered_by_a_list() -> None:
    """Who sends a list reads a list."""
    assert [6.5] == answer(predict(wine()), [ROW], Outputs(np.array([6.5])))["prediction"]


@pytest.mark.parametrize("space", [b" ", b"\n", b"\t\r\n "])
def test_white_space_changes_nothing(space: bytes) -> None:
    """Wherever JSON allows it."""
    body = space.join([b"", b"[", b"[", b"9.4", b",", b"3.5", b",", b"2019", b"]", b"]", b""])
    assert same([VALUES], rows(predict(wine()), body))


def test_the_rows_of_one_request_are_those_from_its_start() -> None:
    """Requests share a batch."""
    outputs = Outputs(np.array([1.0, 2.0, 3.0]), np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]]))
    codec = predict(wine(classes=(2.0, 3.0)))
    assert {"prediction": 3.0, "probability": 0.3, "latency": 0.000123} == answer(codec, ROW, outputs, start=2)


def test_probability_is_that_of_the_predicted_class() -> None:
    """Not of the highest: a support vector machine may predict another."""
    outputs = Outputs(np.array(["good", "bad"]), np.array([[0.4, 0.6], [0.7, 0.3]]))
    found = answer(predict(wine(classes=("good", "bad"))), [ROW, ROW], outputs)
    assert {"prediction": ["good", "bad"], "probability": [0.4, 0.3], "latency": 0.000123} == found


def test_without_classes_probability_is_the_highest() -> None:
    """The model didn't say which column is which."""
    outputs = Outputs(np.array([1]), np.array([[0.4, 0.6]]))
    assert 0.6 == answer(predict(wine()), ROW, outputs)["probability"]


@pytest.mark.parametrize("name", ["quality", "latency", "probability", 'a "quoted" näme'])
def test_the_prediction_has_the_name_of_the_signature(name: str) -> None:
    """Even one that another key of the answer has: the prediction wins."""
    outputs = Outputs(np.array([6.5]), np.array([[1.0]]))
    assert 6.5 == answer(predict(wine(output=name)), ROW, outputs)[name]


@pytest.mark.parametrize(
    ("predictions", "expected"),
    [
        (np.array([6], dtype=np.int64), 6),
        (np.array([6.5], dtype=np.float32), 6.5),
        (np.array([True]), True),
        (np.array(["good"]), "good"),
        (np.array(["good"], dtype=object), "good"),
        (np.array([[1.5, 2.5]]), [1.5, 2.5]),
        ([{"a": [1, np.float32(0.5)]}], {"a": [1, 0.5]}),
        ([None], None),
        ([np.array([1, 2])], [1, 2]),
        (np.array([1e-300]), 1e-300),
        (np.array([1 / 3]), 1 / 3),
    ],
)
def test_predictions_of_every_type_have_a_json_value(predictions: Any, expected: Any) -> None:
    """Numpy's scalars are no exception, and floats come back as they were."""
    assert expected == answer(predict(wine()), ROW, Outputs(predictions))["prediction"]


@pytest.mark.parametrize(
    "predictions",
    [
        np.array([math.nan]),
        np.array([math.inf]),
        [{"a": [-math.inf]}],
        [np.float32("nan")],
        np.array([[1.0, math.nan]]),
    ],
)
@pytest.mark.parametrize("document", [ROW, [ROW]])
def test_an_answer_that_is_not_finite_is_refused(predictions: Any, document: Any) -> None:
    """JSON has neither NaN nor infinity, and null would be a lie."""
    with pytest.raises(Refused, match="NaN or infinite") as caught:
        answer(predict(wine()), document, Outputs(predictions))
    assert (422, "not_finite") == (caught.value.status, caught.value.kind)


def test_an_answer_with_null_that_was_null_is_fine() -> None:
    """The search for NaN finds none."""
    assert [{"a": None}] == answer(predict(wine()), [ROW], Outputs([{"a": None}]))["prediction"]


@pytest.mark.parametrize("value", [object(), {1: {2: object()}}, 1j, "\ud800"])
def test_an_answer_that_is_no_json_is_a_fault_of_the_model(value: Any) -> None:
    """500, in words."""
    with pytest.raises(Refused, match="not JSON") as caught:
        answer(predict(wine()), ROW, Outputs([value]))
    assert (500, "bad_answer") == (caught.value.status, caught.value.kind)


def test_a_field_may_be_called_inputs() -> None:
    """Its value is a scalar, an envelope's never is."""
    signature = Signature(form=Form.COLUMNS, fields=(Field(name="inputs"), Field(name="instances")))
    codec = predict(signature)
    row = {"inputs": 1.0, "instances": 2.0}
    assert [[1.0, 2.0]] == rows(codec, row)
    assert [[1.0, 2.0]] == rows(codec, {"inputs": row})
    assert [[1.0, 2.0]] == rows(codec, {"instances": [row]})
    only = predict(Signature(form=Form.COLUMNS, fields=(Field(name="inputs"),)))
    assert [[1.0]] == rows(only, {"inputs": 1})
    assert [[1.0], [2.0]] == rows(only, {"inputs": {"inputs": [1, 2]}})


def test_optional_fields_may_be_null_or_absent() -> None:
    """The model gets NaN for numbers and None for the rest."""
    codec = predict(cars())
    expected = [[math.nan, 5, True, None, "Ada"]]
    full = {**CAR, "km": None, "colour": None}
    absent = {name: value for name, value in CAR.items() if name not in ("km", "colour")}
    for document in (full, absent, [*full.values()], [full], {"inputs": absent}):
        assert same(expected, rows(codec, document))


def test_integers_may_be_written_with_a_point() -> None:
    """5.0 is an integer in JSON Schema; the model gets 5."""
    assert same([[9.4, 3.5, 2019]], rows(predict(wine()), [9.4, 3.5, 2019.0]))
    assert same([[1.0, 5, True, "red", "Ada"]], rows(predict(cars()), {**CAR, "km": 1, "doors": 5.0}))


def test_of_a_key_that_comes_twice_the_last_counts() -> None:
    """As in Python, JavaScript and msgspec; even if the first was wrong."""
    codec = predict(wine())
    assert same([VALUES], rows(codec, b'{"alcohol": 1, "pH": 3.5, "year": 2019, "alcohol": 9.4}'))
    assert same([VALUES], rows(codec, b'{"alcohol": "x", "pH": 3.5, "year": 2019, "alcohol": 9.4}'))
    assert "alcohol is" in refusal(codec, b'{"alcohol": 1, "pH": 3.5, "year": 2019, "alcohol": "x"}').message


def test_escaped_names_are_the_same_names() -> None:
    r"""A key may be written with \u."""
    assert same([VALUES], rows(predict(wine()), rb'{"\u0061lcohol": 9.4, "pH": 3.5, "year": 2019}'))
    assert same([VALUES], rows(predict(wine()), rb'{"\u0069nputs": [9.4, 3.5, 2019]}'))


@pytest.mark.parametrize("name", ['a "b"', "a\\b", "a\nb", "ä 漢 🚢", "", "f0", "a.b"])
def test_names_may_be_odd(name: str) -> None:
    """Also those that the quick path can't look for."""
    codec = predict(Signature(form=Form.COLUMNS, fields=(Field(name=name), Field(name="f1"))))
    assert [[1.0, 2.0]] == rows(codec, {name: 1, "f1": 2})
    assert [[1.0, 2.0]] == rows(codec, [{name: 1, "f1": 2}])
    assert name == refusal(codec, {name: "x", "f1": 2}).complaints[0].field


WRONG: list[tuple[Any, str]] = [
    ({**ROW, "pH": 20}, "pH is 20, expected a number of at least 0 and below 14"),
    ({**ROW, "pH": 14}, "pH is 14, expected a number of at least 0 and below 14"),
    ({**ROW, "pH": "3"}, 'pH is "3", expected a number of at least 0 and below 14'),
    ({**ROW, "pH": True}, "pH is true, expected a number of at least 0 and below 14"),
    ({**ROW, "pH": None}, "pH is null, expected a number of at least 0 and below 14"),
    ({**ROW, "pH": [3]}, "pH is an array of 1 value, expected a number of at least 0 and below 14"),
    ({**ROW, "pH": {}}, "pH is an object with 0 fields, expected a number of at least 0 and below 14"),
    ({**ROW, "alcohol": math.nan}, "alcohol is NaN, expected a number"),
    ({**ROW, "alcohol": -math.inf}, "alcohol is -Infinity, expected a number"),
    (b'{"alcohol": 1e999, "pH": 3, "year": 2019}', "alcohol is Infinity, expected a number"),
    (b'{"alcohol": -' + b"9" * 5000 + b', "pH": 3, "year": 2019}', "alcohol is -Infinity, expected a number"),
    ({**ROW, "alcohol": 10**400}, "alcohol is an integer of 1329 bits, expected a number"),
    ({**ROW, "year": 2019.5}, "year is 2019.5, expected an integer of at least 1900"),
    ({**ROW, "year": 10**30}, "year is an integer of 100 bits, expected an integer of at least 1900"),
    ({**ROW, "year": True}, "year is true, expected an integer of at least 1900"),
    ({"alcohol": 9.4, "pH": 3.5}, "year is missing, expected an integer of at least 1900"),
    ({**ROW, "colour": 1}, '"colour" is not a field'),
    ({"Alcohol": 9.4, "pH": 3.5, "year": 2019}, '"Alcohol" is not a field; did you mean "alcohol"?'),
    ([1.0, 2.0], "found 2 values, expected an array of 3 values (alcohol, pH, year)"),
    (3, "found 3, expected an object or an array of 3 values (alcohol, pH, year)"),
    ("x", 'found "x", expected an object or an array of 3 values (alcohol, pH, year)'),
    (None, "found null, expected an object or an array of 3 values (alcohol, pH, year)"),
    ({"inputs": 3}, "inputs is 3, expected rows"),
    ({"inputs": [ROW], "id": 7}, '"id" may not stand beside "inputs"'),
    ({"instances": ROW}, "found an object with 3 fields, expected an array of rows"),
    ({"dataframe_split": [1]}, 'dataframe_split is an array of 1 value, expected {"columns": […], "data": [[…], …]}'),
    ({"dataframe_split": {"columns": ["pH", "pH"], "data": [[1, 2]]}}, "columns are names, each once"),
    (
        {"dataframe_split": {"columns": ["pH"], "data": [VALUES]}},
        "found 3 values, expected an array of 1 value, one a column",
    ),
    ({"inputs": {"pH": [1, 2], "year": [3]}}, '"year" has 1 value, expected as many as "pH" has (2)'),
]


@pytest.mark.parametrize(("document", "message"), WRONG)
def test_a_wrong_value_is_named_with_what_was_expected(document: Any, message: str) -> None:
    """422, in one sentence."""
    refused = refusal(predict(wine()), document)
    assert (422, "invalid") == (refused.status, refused.kind)
    assert message in refused.message


def test_the_error_document_says_row_field_value_and_expectation() -> None:
    """For programs."""
    status, document = told(predict(wine()), [ROW, {**ROW, "pH": 20}])
    assert 422 == status
    message = "pH is 20, expected a number of at least 0 and below 14"
    detail = {
        "row": 1,
        "field": "pH",
        "value": 20,
        "expected": "a number of at least 0 and below 14",
        "message": message,
    }
    assert {"error": f"row 1: {message}", "details": [detail]} == document


def test_all_wrong_rows_are_counted_and_the_first_twenty_values_told() -> None:
    """Not only the first."""
    documents = [ROW, *({**ROW, "pH": 20 + number} for number in range(30))]
    status, document = told(predict(wine()), documents)
    assert 422 == status
    assert document["error"].startswith("30 of 31 rows are not valid; the first: row 1: pH is 20, expected")
    assert [*range(1, 21)] == [detail["row"] for detail in document["details"]]


def test_all_wrong_values_of_a_row_are_told() -> None:
    """Each with its own reason."""
    status, document = told(predict(wine()), {"alcohol": "a", "pH": -1, "colour": 1})
    assert 422 == status
    assert ["colour", "alcohol", "pH", "year"] == [detail["field"] for detail in document["details"]]
    assert document["error"].startswith("4 values are not valid; the first: ")


def test_a_value_that_is_not_finite_is_a_string_in_the_error() -> None:
    """The error itself has to be JSON."""
    _, document = told(predict(wine()), [math.nan, math.inf, 2019])
    assert ["NaN", "Infinity"] == [detail["value"] for detail in document["details"]]


@pytest.mark.parametrize("text", ["x" * 10_000, '"}]\\', "\x00\x1f", "é" * 500, "</script>"])
def test_long_or_hostile_text_does_not_break_the_error(text: str) -> None:
    """As a value, and as a name."""
    for document in ({**ROW, "pH": text}, {**ROW, text: 1}):
        _, told_document = told(predict(wine()), document)
        assert all(len(str(value)) < 300 for detail in told_document["details"] for value in detail.values())


def test_a_choice_is_told_with_its_alternatives() -> None:
    """Of every kind."""
    codec = predict(cars())
    message = refusal(codec, {**CAR, "colour": "green", "doors": 4}).complaints
    assert ["doors is 4, expected one of 3, 5", 'colour is "green", expected one of "red", "blue" or null'] == [
        complaint.message for complaint in message
    ]


@pytest.mark.parametrize(
    ("body", "status", "kind", "message"),
    [
        (b"", 400, "empty", "the body is empty, expected JSON"),
        (b" \r\n", 400, "empty", "the body is empty, expected JSON"),
        (b"{", 400, "not_json", "the body is not JSON: it ends too early, at byte 1"),
        (b"alcohol=9", 400, "not_json", "the body is not JSON: invalid character at byte 0"),
        (b'{"alcohol": 9,}', 400, "not_json", "the body is not JSON: trailing comma in object at byte 14"),
        (b"[1] [2]", 400, "not_json", "the body is not JSON: trailing characters at byte 4"),
        (b"[NaN, oops]", 400, "not_json", "the body is not JSON: invalid character at byte 1"),
        (b'{"\xff": 1}', 400, "not_utf8", "the body is not UTF-8: byte 2 is 0xff"),
        (b'["\xc3\xa9", "\xe9"]', 400, "not_utf8", "the body is not UTF-8: byte 8 is 0xe9"),
        ("[1]".encode("utf-16"), 400, "not_utf8", "the body is not UTF-8: byte 0 is 0xff"),
        (b"[]", 422, "no_rows", "there are no rows, expected at least one"),
        (b'{"inputs": []}', 422, "no_rows", "there are no rows, expected at least one"),
        (b'{"inputs": {"pH": []}}', 422, "no_rows", "there are no rows, expected at least one"),
        (b"[" * 40 + b"]" * 40, 422, "too_deep", "the JSON is nested deeper than 32 levels"),
        (b"[" * 500_000, 422, "too_deep", "the JSON is nested deeper than 32 levels"),
        (b'{"a":' * 300_000, 422, "too_deep", "the JSON is nested deeper than 32 levels"),
    ],
)
def test_what_is_no_request_at_all(body: bytes, status: int, kind: str, message: str) -> None:
    """Each has its own answer, with the place where it goes wrong."""
    refused = refusal(predict(wine()), body)
    assert (status, kind, message) == (refused.status, refused.kind, refused.message)


@pytest.mark.parametrize("several", [[VALUES] * 4, [ROW] * 4, {"inputs": [VALUES] * 4}, {"inputs": {"pH": [1] * 4}}])
def test_too_many_rows_are_refused_before_they_are_read(several: Any) -> None:
    """413, also for columns and envelopes."""
    refused = refusal(predict(wine(), Limits(rows=3)), several)
    assert (413, "too_many_rows") == (refused.status, refused.kind)
    assert "4 rows in one request, at most 3 are answered" == refused.message


def test_as_many_rows_as_allowed_are_answered() -> None:
    """The limit is inclusive."""
    assert 3 == len(rows(predict(wine(), Limits(rows=3)), [VALUES] * 3))


@pytest.mark.parametrize(
    "kind",
    [b"multipart/form-data; boundary=x", b"image/png", b"text/html", b"Application/XML", b"application/x-protobuf"],
)
def test_a_body_that_says_it_is_no_json_is_refused(kind: bytes) -> None:
    """415: whoever sends a form or a picture has mistaken the route."""
    refused = refusal(predict(wine()), ROW, {b"content-type": kind})
    assert (415, "wrong_type") == (refused.status, refused.kind)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {b"content-type": b"application/json; charset=UTF-8"},
        {b"content-type": b"application/x-www-form-urlencoded"},
        {b"content-type": b"text/plain"},
        {b"content-type": b"application/vnd.api+json"},
        {b"content-type": b""},
        {b"content-type": b"\xff\x00"},
        {b"content-encoding": b"identity"},
    ],
)
def test_other_content_types_are_not_looked_at(headers: dict[bytes, bytes]) -> None:
    """What curl sends by default is not what is meant."""
    assert same([VALUES], predict(wine()).decode(json.dumps(ROW).encode(), headers).batch)


def test_compressed_bodies_are_refused() -> None:
    """415: a small body could become a large one."""
    refused = refusal(predict(wine()), ROW, {**JSON_HEADERS, b"content-encoding": b"gzip"})
    assert (415, "wrong_type") == (refused.status, refused.kind)


@pytest.mark.parametrize("fields", [(), (Field(name="a"), Field(name="a"))])
def test_a_signature_without_distinct_fields_is_not_served(fields: tuple[Field, ...]) -> None:
    """Said at the start, not at the first request."""
    with pytest.raises(UsageError, match="no two of the same name"):
        predict(Signature(form=Form.COLUMNS, fields=fields))


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        (Field(name="x", dtype="float32"), 3.4028235e38, 3.5e38),
        (Field(name="x", dtype="float16"), 65504, 65520),
        (Field(name="x", kind=Kind.INTEGER, dtype="uint8"), 255, 256),
        (Field(name="x", kind=Kind.INTEGER, dtype="int8"), -128, -129),
        (Field(name="x", kind=Kind.INTEGER, dtype="uint64"), 2**64 - 1, 2**64),
        (Field(name="x", kind=Kind.INTEGER, dtype="uint64"), 0, -1),
        (Field(name="x", kind=Kind.INTEGER, dtype="int64"), -(2**63), -(2**63) - 1),
        (Field(name="x", kind=Kind.INTEGER, dtype="float64"), 2**63 - 1, 2**63),
        (Field(name="x", kind=Kind.NUMBER, dtype="int64"), 5, 5.5),
        (Field(name="x", kind=Kind.INTEGER, minimum=0.5, maximum=2.5), 1, 3),
        (
            Field(name="x", kind=Kind.INTEGER, minimum=1, maximum=3, exclusive_minimum=True, exclusive_maximum=True),
            2,
            1,
        ),
        (Field(name="x", minimum=1, exclusive_minimum=True), 1.0000000000000002, 1),
        (Field(name="x", choices=(1.5, 2.0)), 2, 3.0),
        (Field(name="x", kind=Kind.INTEGER, choices=(1, 2)), 2.0, 3),
        (Field(name="x", kind=Kind.BOOLEAN, dtype="bool", choices=(True,)), True, False),
        (Field(name="x", minimum=-math.inf, maximum=math.inf), 1.7976931348623157e308, 10**309),
    ],
)
@pytest.mark.parametrize("form", ["name", "position", "names", "positions"])
def test_ranges_are_those_of_the_field_within_its_dtype(field: Field, good: Any, bad: Any, form: str) -> None:
    """The last that fits, and the first that doesn't, in each shape of body."""
    codec = predict(Signature(form=Form.COLUMNS, fields=(field,)))
    shapes: dict[str, Any] = {
        "name": lambda value: {"x": value},
        "position": lambda value: [value],
        "names": lambda value: [{"x": value}],
        "positions": lambda value: [[value]],
    }
    assert [[good]] == rows(codec, shapes[form](good))
    assert 422 == refusal(codec, shapes[form](bad)).status


def test_the_answer_to_an_overloaded_server_says_when_to_come_back() -> None:
    """Retry-After, as the standard has it."""
    made = predict(wine()).refuse(Refused(503, "overloaded", "busy"))
    assert (503, ((b"retry-after", b"1"),)) == (made.status, made.headers)


def test_codecs_of_two_models_are_their_own() -> None:
    """Nothing is shared."""
    first: Codec = predict(numbers(2))
    second: Codec = predict(wine())
    assert [[1.0, 2.0]] == rows(first, [1, 2])
    assert same([VALUES], rows(second, VALUES))
