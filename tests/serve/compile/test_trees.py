"""Forests as one node: the same branches as scikit-learn takes, for every input."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)

from seatrial.serve.compile.convert import NotConvertibleError, Precision, convert
from seatrial.serve.compile.trees import forest_trees, not_above
from seatrial.serve.loaders import open_onnx
from seatrial.serve.loaders.estimators import signature_of
from seatrial.serve.model import Outputs
from tests.serve.compile.models import amounts, groups, numbers


def answers(model: Any, precision: Precision, inputs: Any) -> Outputs:
    """What the compiled model answers."""
    outputs = open_onnx(convert(model, signature_of(model), precision)).predict(inputs.tolist())
    assert isinstance(outputs, Outputs)
    return outputs


@given(st.floats(-1e30, 1e30), st.sampled_from([-np.inf, np.inf]), st.booleans())
def test_rounded_thresholds_branch_alike(threshold: float, towards: float, beside: bool) -> None:  # noqa: FBT001 - drawn
    """The float32 at a threshold and its neighbours go to the same side of the rounded one as of the exact one."""
    nearest = np.float32(threshold)
    value = np.nextafter(nearest, np.float32(towards)) if beside else nearest
    assert (float(value) <= threshold) == bool(value <= not_above(np.array([threshold]))[0])


@given(arrays(np.float64, 5, elements=st.floats(-1e30, 1e30)))
def test_rounded_thresholds_are_the_nearest_below(thresholds: Any) -> None:
    """The next float32 upwards is above the threshold."""
    single = not_above(thresholds)
    assert np.all(single <= thresholds)
    assert np.all(np.nextafter(single, np.float32(np.inf)) > thresholds)


@pytest.mark.parametrize("make", [RandomForestRegressor, ExtraTreesRegressor], ids=["random", "extra"])
@pytest.mark.parametrize("outputs", [1, 3])
def test_regressors(make: Any, outputs: int) -> None:
    """One output or several: the mean over the trees."""
    inputs = numbers()
    target = np.stack([amounts(inputs) * (1 + index) for index in range(outputs)], axis=1)
    model = make(7, random_state=0).fit(inputs, target[:, 0] if outputs == 1 else target)
    np.testing.assert_allclose(
        np.asarray(answers(model, Precision.FLOAT32, inputs).predictions), model.predict(inputs), rtol=1e-6
    )


@pytest.mark.parametrize("make", [RandomForestClassifier, ExtraTreesClassifier], ids=["random", "extra"])
@pytest.mark.parametrize("classes", [2, 3, 5])
def test_classifiers(make: Any, classes: int) -> None:
    """Two classes or more: the trees' shares, and the first class of the largest."""
    inputs = numbers()
    model = make(7, random_state=0, max_depth=4).fit(inputs, groups(inputs, range(classes)))
    found = answers(model, Precision.FLOAT32, inputs)
    assert model.predict(inputs).tolist() == np.asarray(found.predictions).tolist()
    assert found.probabilities is not None
    np.testing.assert_allclose(found.probabilities, model.predict_proba(inputs), atol=1e-6)


@pytest.mark.parametrize("loss", ["squared_error", "poisson", "gamma", "absolute_error"])
def test_histogram_regressors(loss: str) -> None:
    """Losses with a link are undone by it."""
    inputs = numbers()
    model = HistGradientBoostingRegressor(loss=loss, max_iter=5).fit(inputs, np.abs(amounts(inputs)) + 1)
    np.testing.assert_allclose(
        np.asarray(answers(model, Precision.FLOAT64, inputs).predictions), model.predict(inputs), rtol=1e-6
    )


@pytest.mark.parametrize("classes", [2, 4])
def test_histogram_classifiers(classes: int) -> None:
    """Two classes by the logistic function, more by softmax."""
    inputs = numbers()
    model = HistGradientBoostingClassifier(max_iter=3).fit(inputs, groups(inputs, range(classes)))
    found = answers(model, Precision.FLOAT64, inputs)
    assert model.predict(inputs).tolist() == np.asarray(found.predictions).tolist()
    assert found.probabilities is not None
    np.testing.assert_allclose(found.probabilities, model.predict_proba(inputs), atol=1e-6)


@pytest.mark.parametrize(
    ("make", "precision"),
    [
        (lambda: RandomForestRegressor(5, random_state=0), Precision.FLOAT32),
        (lambda: HistGradientBoostingRegressor(max_iter=5), Precision.FLOAT64),
    ],
    ids=["forest", "histogram"],
)
def test_missing_values(make: Any, precision: Precision) -> None:
    """NaN goes where the trees learned that it goes, in each column."""
    inputs = numbers()
    inputs[np.random.default_rng(0).random(inputs.shape) < 0.3] = np.nan
    model = make().fit(inputs, amounts(inputs))
    np.testing.assert_allclose(
        np.asarray(answers(model, precision, inputs).predictions), model.predict(inputs), rtol=1e-6
    )


def test_a_single_leaf_is_a_tree() -> None:
    """A forest that learned a constant answers it."""
    inputs = numbers(20)
    model = RandomForestRegressor(3).fit(inputs, np.full(20, 2.5))
    assert [2.5] * 20 == np.asarray(answers(model, Precision.FLOAT32, inputs).predictions).tolist()


def test_several_targets_are_skl2onnxs_affair() -> None:
    """A classifier of several targets is handed on, and labels each of them."""
    inputs = numbers(50)
    model = RandomForestClassifier(3, random_state=0).fit(inputs, np.stack([groups(inputs, (0, 1))] * 2, axis=1))
    found = np.asarray(answers(model, Precision.FLOAT32, inputs).predictions)
    assert model.predict(inputs).tolist() == found.tolist()


def test_labels_that_are_no_labels_are_refused() -> None:
    """ONNX knows whole numbers and text: halves are neither."""
    inputs = numbers(50)
    labels = np.where(inputs[:, 1] > 2, 1.5, 2.5).astype(object)
    model = RandomForestClassifier(3, random_state=0).fit(inputs, labels.astype(str))
    model.classes_ = np.array([1.5, 2.5])
    with pytest.raises(NotConvertibleError, match="only whole numbers and texts"):
        convert(model, signature_of(model), Precision.FLOAT32)


def test_every_node_is_there() -> None:
    """The arrays hold all nodes of all trees, numbered from 0 in each."""
    inputs = numbers()
    model = RandomForestRegressor(4, random_state=0).fit(inputs, amounts(inputs))
    trees = forest_trees(model)
    counts = [each.tree_.node_count for each in model.estimators_]
    assert counts == list(trees.sizes)
    assert (sum(counts), 4) == (len(trees.node_ids), len(set(trees.tree_ids.tolist())))
    assert sum(each.tree_.n_leaves for each in model.estimators_) == len(trees.leaf_weights)
