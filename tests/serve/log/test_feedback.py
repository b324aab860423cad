"""What callers may send to `POST /feedback`, and what they are told."""

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.serve.codec import Refused
from seatrial.serve.log import Label, read_feedback

A = Label(request_id="a", label=5)
B = Label(request_id="b", row=2, label="good")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"request_id": "a", "label": 5}', [A]),
        (b'[{"request_id": "a", "label": 5}, {"request_id": "b", "row": 2, "label": "good"}]', [A, B]),
        (b'{"request_id": "a", "label": 5}\n\n{"request_id": "b", "row": 2, "label": "good"}\r\n', [A, B]),
        (b' {"request_id": "a",\n "label": 5}\n', [A]),
    ],
    ids=["one", "list", "lines", "one over several lines"],
)
def test_labels_come_one_by_one_or_together(body: bytes, expected: list[Label]) -> None:
    """An object, a list, or JSON lines."""
    assert expected == read_feedback(body)


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"", 400, "The body is not JSON: Input data was truncated."),
        (b"nonsense", 400, "The body is not JSON: JSON is malformed: invalid character (byte 4)."),
        (b'{"request_id": "a", "label": 5}\n{"request', 400, "Line 2 of the body is not JSON: Input data was truncated."),
        (b"[" * 100_000, 400, "The body is nested too deeply."),
        (b"[]", 422, "There is no label in the body."),
        (b"5", 422, '1 of 1 labels cannot be taken: label 0: 5 where an object such as {"request_id": "…", "label": 5} is expected'),
        (b'{"label": 5}', 422, "1 of 1 labels cannot be taken: label 0, field 'request_id': null where the id of a request: text of 1 to 512 characters is expected"),
        (b'{"request_id": "a"}', 422, "1 of 1 labels cannot be taken: label 0, field 'label': null where any JSON value but null is expected"),
        (b'{"request_id": "a", "label": null}', 422, "1 of 1 labels cannot be taken: label 0, field 'label': null where any JSON value but null is expected"),
        (b'{"request_id": "a", "row": -1, "label": 5}', 422, "1 of 1 labels cannot be taken: label 0, field 'row': -1 where the number of a row of the request, from 0 is expected"),
        (b'{"request_id": "a", "row": true, "label": 5}', 422, "1 of 1 labels cannot be taken: label 0, field 'row': true where the number of a row of the request, from 0 is expected"),
        (b'{"request_id": "a", "lable": 5}', 422, "1 of 1 labels cannot be taken: label 0, field 'lable': 5 where only request_id, row and label is expected"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(body: bytes, status: int, message: str) -> None:
    """With the place, what stood there and what was expected."""
    with pytest.raises(Refused) as caught:
        read_feedback(body)
    assert (status, message) == (caught.value.status, caught.value.message)


def test_every_wrong_label_is_told_and_none_counts() -> None:
    """At most twenty of them, each with its number."""
    body = msgspec.json.encode([{"request_id": "a", "label": 5}, *({"request_id": ""} for _ in range(30))])
    with pytest.raises(Refused) as caught:
        read_feedback(body)
    assert list(range(1, 21)) == [one.row for one in caught.value.complaints]
    assert caught.value.message.startswith("30 of 31 labels cannot be taken: label 1, ")


def test_a_long_value_is_told_shortened() -> None:
    """An answer to a bad request stays small."""
    body = msgspec.json.encode({"request_id": "x" * 10_000, "label": 5})
    with pytest.raises(Refused) as caught:
        read_feedback(body)
    assert len(caught.value.message) < 300


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.text(), lambda one: st.lists(one) | st.dictionaries(st.text(), one)).map(
        msgspec.json.encode
    )
)
def test_whatever_is_sent_is_taken_or_refused(body: Any) -> None:
    """No body raises anything else."""
    with suppress(Refused):
        assert read_feedback(body)
