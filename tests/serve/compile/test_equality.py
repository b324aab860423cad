"""What counts as the same answer, and what is said where it isn't."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seatrial.records.serving import Field, Form, Signature
from seatrial.serve.compile.equality import compare, rows_are_independent
from seatrial.serve.model import Batch, Outputs
from tests.serve.compile.models import Sums, signature

TOLERANCE = 1e-5
COLUMN = signature(Field(name="x0"), Field(name="x1"))
ROWS: list[list[Any]] = [[float(index), 1.0] for index in range(20)]


def numbers(*values: float) -> Outputs:
    """A regressor's answer."""
    return Outputs(predictions=np.array(values))


def labels(values: list[Any], probabilities: list[list[float]] | None = None) -> Outputs:
    """A classifier's answer."""
    return Outputs(
        predictions=np.array(values), probabilities=None if probabilities is None else np.array(probabilities)
    )


@given(arrays(np.float64, st.integers(1, 20), elements=st.floats(allow_nan=True, allow_infinity=True)))
def test_an_answer_equals_itself(values: Any) -> None:
    """Whatever the numbers, NaN and infinity too: the same answer is exactly equal."""
    found = compare(Outputs(predictions=values), Outputs(predictions=values.copy()), TOLERANCE)
    assert (True, True, 0.0, None) == (found.equal, found.exact, found.largest_difference, found.row)


@given(
    arrays(np.float64, st.integers(1, 20), elements=st.floats(-1e6, 1e6).filter(lambda each: abs(each) > 1e-3)),
    st.floats(1e-9, 1e3),
)
def test_the_unit_does_not_matter(values: Any, unit: float) -> None:
    """The same relative change counts alike in grams and in tons."""
    changed = values * (1 + 3e-6)
    one = compare(Outputs(predictions=values), Outputs(predictions=changed), TOLERANCE)
    other = compare(Outputs(predictions=values * unit), Outputs(predictions=changed * unit), TOLERANCE)
    assert one.largest_difference == pytest.approx(other.largest_difference, rel=1e-6)


def test_numbers_are_compared_relative_to_themselves() -> None:
    """A million may differ by ten at a tolerance of 1e-5, and not by eleven."""
    assert compare(numbers(1e6, 1e6), numbers(1e6, 1e6 + 9.9), TOLERANCE).equal
    found = compare(numbers(1e6, 1e6), numbers(1e6, 1e6 + 11), TOLERANCE)
    assert (False, 1) == (found.equal, found.row)
    assert pytest.approx(1.1e-5) == found.largest_difference
    assert "row 1 is answered 1000011, not 1000000" == found.problem


def test_numbers_near_zero_are_held_to_the_typical_one() -> None:
    """Beside answers of 100 an answer of 0 may be off by 0.001; beside answers of 1e-6 it may not."""
    assert compare(numbers(0, 100, 100), numbers(9e-4, 100, 100), TOLERANCE).equal
    assert not compare(numbers(0, 100, 100), numbers(2e-3, 100, 100), TOLERANCE).equal
    assert not compare(numbers(0, 1e-6, 1e-6), numbers(1e-9, 1e-6, 1e-6), TOLERANCE).equal


def test_each_output_has_its_own_scale() -> None:
    """Of two outputs the small one is not hidden by the large one."""
    expected = np.array([[1e6, 1e-3], [1e6, 2e-3]])
    actual = expected * [1, 1 + 1e-3]
    assert not compare(Outputs(predictions=expected), Outputs(predictions=actual), TOLERANCE).equal


@pytest.mark.parametrize("other", [math.nan, math.inf, -math.inf])
def test_only_one_finite_answer_is_a_difference(other: float) -> None:
    """NaN or infinity in place of a number is beyond any tolerance."""
    found = compare(numbers(1.0, 2.0), numbers(1.0, other), 1e9)
    assert (False, 1, math.inf) == (found.equal, found.row, found.largest_difference)


def test_probabilities_are_compared_as_they_are() -> None:
    """A probability of 1e-7 may be 8e-6: the difference counts, not its share."""
    expected = labels(["a"], [[1 - 1e-7, 1e-7]])
    assert compare(expected, labels(["a"], [[1 - 8e-6, 8e-6]]), TOLERANCE, classes=("a", "b")).equal
    assert not compare(expected, labels(["a"], [[1 - 2e-5, 2e-5]]), TOLERANCE, classes=("a", "b")).equal


def test_another_label_is_a_difference() -> None:
    """One wrong label among many is told with its row."""
    found = compare(
        labels(["a", "b"], [[0.9, 0.1], [0.2, 0.8]]),
        labels(["a", "a"], [[0.9, 0.1], [0.2, 0.8]]),
        TOLERANCE,
        classes=("a", "b"),
    )
    assert (False, 1) == (found.equal, found.row)
    assert "1 of 2 rows get another class, first row 1: 'a', not 'b'" == found.problem


def test_a_tie_may_fall_either_way() -> None:
    """Where the original's probabilities tie, either label is its answer; how often is told."""
    probabilities = [[0.5, 0.5 - 1e-9], [0.9, 0.1]]
    found = compare(labels([0, 0], probabilities), labels([1, 0], probabilities), TOLERANCE, classes=(0, 1))
    assert (True, False, 1) == (found.equal, found.exact, found.ties)


def test_labels_without_probabilities_have_no_ties() -> None:
    """A classifier that only labels has to label alike."""
    assert not compare(labels([0, 0]), labels([0, 1]), TOLERANCE, classes=(0, 1)).equal


def test_true_is_not_one() -> None:
    """JSON tells truth values from numbers."""
    assert not compare(labels([True, False]), labels([1, 0]), TOLERANCE, classes=(False, True)).equal


@pytest.mark.parametrize(
    ("actual", "problem"),
    [
        (numbers(1.0), "it gives 1 answers for 2 rows"),
        (Outputs(predictions=np.array([[1.0], [2.0]])), "its answers have the shape (2, 1), not (2,)"),
        (Outputs(predictions=np.array([1.0, 2.0]), probabilities=np.ones((2, 1))), "only one of the two gives"),
        (Outputs(predictions=["1", "2"]), "row 0 is answered '1', not 1.0"),
    ],
    ids=["rows", "shape", "probabilities", "type"],
)
def test_other_shapes_are_a_difference(actual: Outputs, problem: str) -> None:
    """Answers of another form are never equal."""
    assert problem in compare(numbers(1.0, 2.0), actual, 1e9).problem


def test_further_outputs_are_compared_by_name() -> None:
    """Of a model with several outputs, each counts."""
    expected, actual = (
        Outputs(predictions=np.ones(2), arrays={"a": np.ones(2), "b": np.full(2, value)}) for value in (1.0, 2.0)
    )
    assert not compare(expected, actual, TOLERANCE).equal


def test_any_json_is_compared_by_value() -> None:
    """A recommender's lists are equal or not."""
    expected = Outputs(predictions=[["film", 3], {"id": None}])
    assert compare(expected, Outputs(predictions=[["film", 3], {"id": None}]), TOLERANCE).equal
    assert not compare(expected, Outputs(predictions=[["film", 4], {"id": None}]), TOLERANCE).equal


def test_rows_that_are_answered_alike_are_independent() -> None:
    """A model that looks at each row alone answers it alike in any company."""
    found = rows_are_independent(Sums(COLUMN), ROWS, TOLERANCE)
    assert (True, True, 20) == (found.equal, found.exact, found.rows)


def test_rows_that_depend_on_their_batch_are_found() -> None:
    """A model that mixes its rows is found out, with the largest difference."""
    found = rows_are_independent(Sums(COLUMN, noise=0.01), ROWS, TOLERANCE)
    assert not found.equal
    assert pytest.approx(0.19 / 10.19, rel=0.1) == found.largest_difference


def test_last_digits_do_not_make_rows_dependent() -> None:
    """Differences below the tolerance are told, and allowed."""
    found = rows_are_independent(Sums(COLUMN, noise=1e-12), ROWS, TOLERANCE)
    assert (True, False) == (found.equal, found.exact)


def test_asking_alone_ends_with_the_budget() -> None:
    """A slow model is asked for two rows alone, and for no more once the time is up."""
    seconds = iter(range(100))
    found = rows_are_independent(Sums(COLUMN), ROWS, TOLERANCE, budget=3.5, clock=lambda: float(next(seconds)))
    assert 5 == found.rows


def test_async_models_are_asked_as_well() -> None:
    """A coroutine's answer is awaited."""

    class Async:
        signature = Signature(form=Form.JSON)

        async def predict(self, batch: Batch) -> Outputs:
            return Outputs(predictions=[{"n": len(batch)} for _ in batch])

    assert not rows_are_independent(Async(), [{"a": 1}, {"a": 2}], TOLERANCE).equal
