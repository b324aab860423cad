"""`POST /predict` for models of any JSON and of tensors, and the routes that a Python class declares."""

import json
import math
from typing import Any

import numpy as np
import pytest

from seatrial.serve.codec import Codec, Limits, Refused
from seatrial.serve.model import Outputs
from seatrial.serve.protocols import endpoints
from tests.serve.protocols.models import (
    SECONDS,
    Declared,
    answer,
    anything,
    image,
    info,
    pair,
    predict,
    refusal,
    rows,
    same,
)

# Any JSON.


@pytest.mark.parametrize(
    "value",
    [
        {"user": 1},
        [1, 2],
        [],
        {},
        None,
        "x",
        3,
        {"inputs": 1},
        {"inputs": {}},
        {"inputs": [1], "k": 2},
        {"dataframe_split": [1]},
    ],
)
def test_the_body_is_one_row(value: Any) -> None:
    """As it is."""
    codec = predict(anything())
    assert [value] == rows(codec, value)
    assert {"prediction": {"a": [1]}, "latency": 0.000123} == answer(codec, value, Outputs([0, {"a": [1]}]), start=1)


@pytest.mark.parametrize("name", ["inputs", "instances"])
def test_an_envelope_with_nothing_beside_is_many_rows(name: str) -> None:
    """Answered by a list."""
    codec = predict(anything())
    assert [{"user": 1}, 2] == rows(codec, {name: [{"user": 1}, 2]})
    assert {"prediction": ["a", 1], "latency": 0.000123} == answer(codec, {name: [{"user": 1}, 2]}, Outputs(["a", 1]))


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (b"", 400, "empty"),
        (b"{", 400, "not_json"),
        (b'"\xff"', 400, "not_utf8"),
        (b"[NaN]", 422, "invalid"),
        (b"[" * 5 + b"]" * 5, 422, "too_deep"),
        (b'{"inputs": []}', 422, "no_rows"),
        (b'{"inputs": [1, 2, 3, 4]}', 413, "too_many_rows"),
    ],
)
def test_what_is_no_json_or_too_much_of_it_is_refused(body: bytes, status: int, kind: str) -> None:
    """Nothing else is."""
    refused = refusal(predict(anything(), Limits(rows=3, depth=4)), body)
    assert (status, kind) == (refused.status, refused.kind)


# Tensors.

PIXELS = [[1, 2, 3], [4, 5, 6.5]]
ONE = np.array([PIXELS], dtype=np.float32)
TWO = np.array([PIXELS, PIXELS], dtype=np.float32)


@pytest.mark.parametrize("document", [PIXELS, {"pixels": PIXELS}, {"inputs": PIXELS}, {"inputs": {"pixels": PIXELS}}])
def test_an_array_without_the_batch_axis_is_one_row(document: Any) -> None:
    """Bare, by name, or in an envelope."""
    assert same(ONE, rows(predict(image()), document)["pixels"])
    outputs = Outputs(np.array([[0.5, 1.0]], dtype=np.float32))
    assert {"prediction": [0.5, 1.0], "latency": 0.000123} == answer(predict(image()), document, outputs)


@pytest.mark.parametrize(
    "document",
    [
        [PIXELS, PIXELS],
        {"pixels": [PIXELS, PIXELS]},
        {"inputs": [PIXELS, PIXELS]},
        {"instances": [PIXELS, PIXELS]},
        {"instances": [{"pixels": PIXELS}, {"pixels": PIXELS}]},
    ],
)
def test_an_array_with_the_batch_axis_is_many_rows(document: Any) -> None:
    """Answered by lists."""
    assert same(TWO, rows(predict(image()), document)["pixels"])
    outputs = Outputs(np.array([1, 2]))
    assert {"prediction": [1, 2], "latency": 0.000123} == answer(predict(image()), document, outputs)


def test_several_tensors_come_by_name() -> None:
    """All of them with the batch axis, or none."""
    one = rows(predict(pair()), {"ids": [1, 2], "scale": 0.5})
    many = rows(predict(pair()), {"ids": [[1, 2]], "scale": [0.5]})
    for batch in (one, many):
        assert same(np.array([[1, 2]]), batch["ids"])
        assert same(np.array([0.5], dtype=np.float32), batch["scale"])


@pytest.mark.parametrize(
    ("codec", "document", "message"),
    [
        (
            predict(image()),
            [[1, 2], [3, 4]],
            "pixels has the shape [2, 2], expected the shape [2, 3] for one row, [n, 2, 3]",
        ),
        (predict(image()), [1, 2], "pixels has the shape [2]"),
        (predict(image()), 3, "pixels has the shape []"),
        (predict(image()), [[1, 2, 3], [4]], "pixels has arrays of different lengths at level 2"),
        (predict(image()), [[1, 2, 3], [4, 5, "6"]], 'pixels[1][2] is "6", expected a number that fits float32'),
        (predict(image()), [[[1, 2, 3], [4, 5, True]]], "pixels[0][1][2] is true, expected a number that fits float32"),
        (predict(image()), [[1, 2, 3], [4, 5, 1e39]], "pixels[1][2] is 1e39, expected a number that fits float32"),
        (predict(image()), [[1, 2, 3], [4, 5, math.nan]], "pixels[1][2] is NaN, expected a number"),
        (predict(image()), {"image": PIXELS}, 'the fields are "image", expected an object with "pixels"'),
        (predict(image()), {"instances": [PIXELS, [1]]}, "pixels has arrays of different lengths"),
        (predict(image()), {"instances": [{"pixels": PIXELS}, 3]}, 'row 1: found 3, expected an object with "pixels"'),
        (predict(pair()), [1, 2], 'found an array of 2 values, expected an object with "ids", "scale"'),
        (predict(pair()), {"ids": [[1], [2]], "scale": [0.5]}, "scale has the shape [1]"),
        (predict(pair()), {"ids": [1.5], "scale": 0.5}, "ids[0] is 1.5, expected an integer that fits int64"),
        (predict(pair()), {"ids": [], "scale": 0.5}, "ids has the shape [0]"),
        (predict(image()), [], "pixels has the shape [0]"),
    ],
)
def test_an_array_that_does_not_fit_is_refused_in_words(codec: Codec, document: Any, message: str) -> None:
    """422."""
    refused = refusal(codec, document)
    assert 422 == refused.status
    assert message in refused.message


def test_too_many_rows_of_an_array_are_refused() -> None:
    """413."""
    assert 413 == refusal(predict(image(), Limits(rows=1)), [PIXELS, PIXELS]).status
    assert 413 == refusal(predict(image(), Limits(rows=1)), {"instances": [PIXELS, PIXELS]}).status


# Routes of a Python class.


def route(path: str = "/recommend/{user}", method: str = "GET") -> Codec:
    """Its codec."""
    return endpoints(anything(), info(), Limits(), (Declared(method, path),))[-1].codec


def asked(codec: Codec, target: str, body: bytes = b"") -> Any:
    """The row that the model gets."""
    return codec.decode(body, {b":path": target.encode("latin-1")}).batch


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/recommend/42", {"user": "42"}),
        ("/recommend/42?", {"user": "42"}),
        ("/recommend/42?k=10&genre=a&genre=b", {"user": "42", "k": "10", "genre": ["a", "b"]}),
        ("/recommend/42?k=&empty", {"user": "42", "k": "", "empty": ""}),
        ("/recommend/J%C3%BCrgen%20M%2FM?q=%C3%A4+b", {"user": "Jürgen M/M", "q": "ä b"}),
        ("/recommend/\xc3\xa4", {"user": "ä"}),
        ("/recomm%65nd/42", {"user": "42"}),
        ("/recommend/42?user=43", {"user": "42"}),
    ],
)
def test_path_and_query_become_an_object(target: str, expected: dict[str, Any]) -> None:
    """Of strings, decoded; what comes twice is a list; the path goes before the query."""
    assert [expected] == asked(route(), target)


def test_several_places_and_plain_paths() -> None:
    """Each place is one segment."""
    codec = route("/users/{user}/films/{film}.json")
    assert [{"user": "1", "film": "a.b"}] == asked(codec, "/users/1/films/a.b.json")
    assert [{"n": "3"}] == asked(route("/popular"), "/popular?n=3")


def test_the_json_body_of_a_post_is_under_body() -> None:
    """And may be absent."""
    codec = route(method="POST")
    assert [{"user": "42", "body": {"k": [1]}}] == asked(codec, "/recommend/42", b'{"k": [1]}')
    assert [{"user": "42"}] == asked(codec, "/recommend/42", b" ")


@pytest.mark.parametrize(
    ("target", "body", "status"),
    [
        ("/recommend/a/b", b"", 404),
        ("/recommend/", b"", 404),
        ("/recommend/%ff", b"", 400),
        ("/recommend/\xff", b"", 400),
        ("/recommend/1?q=%ff", b"", 400),
        ("/recommend/1?q=\xff", b"", 400),
        ("/recommend/1?" + "a=1&" * 200, b"", 400),
        ("/recommend/1", b"{", 400),
        ("/recommend/1", b"[NaN]", 422),
        ("/recommend/1", b"[" * 100 + b"]" * 100, 422),
    ],
)
def test_a_wrong_path_query_or_body_is_refused(target: str, body: bytes, status: int) -> None:
    """Each with its status."""
    with pytest.raises(Refused) as caught:
        asked(route(), target, body)
    assert status == caught.value.status


def test_the_answer_is_the_models_value_as_it_is() -> None:
    """Nothing around it."""
    codec = route()
    found = codec.decode(b"", {b":path": b"/recommend/1"})
    made = codec.encode(found, Outputs([[], ["Alien", 1]]), 1, SECONDS)
    assert (200, ["Alien", 1]) == (made.status, json.loads(made.body))


def test_a_wrong_content_type_of_a_body_is_refused() -> None:
    """As everywhere."""
    with pytest.raises(Refused) as caught:
        route(method="POST").decode(b"<a/>", {b":path": b"/recommend/1", b"content-type": b"text/xml"})
    assert 415 == caught.value.status
