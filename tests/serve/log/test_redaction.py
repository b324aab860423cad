"""A value that must not be kept is in no file, whatever form it came in."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.records.serving import Field, Form, Kind, Signature
from seatrial.serve.log import Label
from seatrial.serve.log.scribe import Stamped
from seatrial.serve.log.values import json_text
from tests.serve.log.makers import ANY_JSON, MIXED, NOON, NUMBERS, TENSORS, answered, rows, write

SECRET = "J4ne-Do3-s3cret"
SECRET_NUMBER = 8_123_456_789.0625

leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
documents = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "email", "é"]), inner, max_size=3)
    ),
    max_leaves=10,
)


def with_secret(document: Any) -> Any:
    """The document, with the secret under each key that is redacted."""
    if isinstance(document, dict):
        return {key: [{"deep": SECRET}] if key == "email" else with_secret(one) for key, one in document.items()}
    return [with_secret(one) for one in document] if isinstance(document, list) else document


def everything(folder: Path) -> str:
    """All that can be read from all files, and their bytes."""
    raw = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file()).decode("latin-1")
    return raw + repr(rows(folder)) + repr(rows(folder, kind="labels"))


@settings(max_examples=25)
@given(inputs=st.lists(documents, min_size=1, max_size=4), answer=documents, label=documents)
def test_a_redacted_key_is_null_at_any_depth(inputs: list[Any], answer: Any, label: Any) -> None:
    """In inputs, answers and labels alike."""
    batch = [{"email": SECRET, "rest": with_secret(one)} for one in inputs]
    answers = [{"email": [SECRET], "rest": with_secret(answer)} for _ in inputs]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        judged = Label(request_id="r0", label={"email": SECRET, "rest": with_secret(label)})
        write(folder, ANY_JSON, answered(batch, answers), Stamped(time=NOON, label=judged), redact=("email",))
        assert len(inputs) == len(rows(folder, "inputs"))
        assert all('"email":null' in text for text in rows(folder, "inputs"))
        assert SECRET not in everything(folder)


def test_without_redaction_the_value_would_be_found(tmp_path: Path) -> None:
    """The search of these tests finds what is there."""
    write(tmp_path, ANY_JSON, answered([{"email": SECRET}], [1.0]))
    assert SECRET in everything(tmp_path)


def test_a_redacted_column_is_there_and_null(tmp_path: Path) -> None:
    """Its type stays, so that files with and without redaction are read together."""
    write(tmp_path, MIXED, answered([[41, True, SECRET]], np.array([1.0])), redact=("country",))
    assert [(41.0, True, None)] == rows(tmp_path, "input_age, input_member, input_country")
    assert SECRET not in everything(tmp_path)


@pytest.mark.parametrize("batch", [[[SECRET_NUMBER, 2.0]], np.array([[SECRET_NUMBER, 2.0]])], ids=["rows", "array"])
def test_a_redacted_number_is_null(tmp_path: Path, batch: Any) -> None:
    """Neither in the values nor in the statistics of the file."""
    write(tmp_path, NUMBERS, answered(batch, np.array([1.0])), redact=("alcohol",))
    assert [(None, 2.0)] == rows(tmp_path, "input_alcohol, input_density")
    packed = np.float64(SECRET_NUMBER).tobytes().decode("latin-1")
    assert packed not in everything(tmp_path)


def test_all_columns_may_be_redacted(tmp_path: Path) -> None:
    """Then latency and predictions are left."""
    write(tmp_path, NUMBERS, answered([[1.0, 2.0]], np.array([3.0])), redact=("alcohol", "density"))
    assert [(3.0, None, None)] == rows(tmp_path, "prediction, input_alcohol, input_density")


def test_a_redacted_tensor_is_null(tmp_path: Path) -> None:
    """By its name."""
    write(tmp_path, TENSORS, answered({"pixels": np.array([[8125.5]])}, np.array([1.0])), redact=("pixels",))
    assert ['{"pixels":null}'] == rows(tmp_path, "inputs")


def test_the_prediction_is_left_out_by_its_name(tmp_path: Path) -> None:
    """What a model says of a person may be what must not be kept."""
    signature = Signature(
        form=Form.COLUMNS, fields=(Field(name="age", kind=Kind.INTEGER),), output="diagnosis", classes=("ill", "well")
    )
    chances = np.array([[0.75, 0.25]])
    write(tmp_path, signature, answered([[41]], np.array(["ill"]), probabilities=chances), redact=("diagnosis",))
    assert [(41.0, None, None, None)] == rows(tmp_path, "input_age, prediction, answer, probability")


class Hiding:
    """An object of a user's, with something in it."""

    def __repr__(self) -> str:
        """What must not be written."""
        return SECRET


def test_of_a_strange_object_only_the_type_is_told() -> None:
    """Its text could hold anything."""
    assert '{"a":"<Hiding>"}' == json_text({"a": Hiding()})
