"""Sampled rows come near every place where a model changes its answer, and keep to what its signature allows."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import BaggingRegressor, HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)
from sklearn.tree import DecisionTreeRegressor

from seatrial.records.serving import Field, Kind
from seatrial.serve.compile.landmarks import Landmarks, landmarks_of
from seatrial.serve.compile.sample import STRANGE_TEXT, sample_rows, stranger
from tests.serve.compile.models import FEATURES, amounts, numbers, signature

NAMES = [f"x{index}" for index in range(FEATURES)]


def generator() -> np.random.Generator:
    """The same chance each time."""
    return np.random.default_rng(0)


def test_equal_seeds_give_equal_rows() -> None:
    """The sample is the same wherever it is drawn."""
    columns = signature(Field(name="a"), Field(name="b", kind=Kind.INTEGER), Field(name="c", kind=Kind.STRING))
    assert sample_rows(columns, 50, generator()) == sample_rows(columns, 50, generator())


limits = st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)).map(sorted)


@given(limits, st.booleans(), st.sampled_from([Kind.NUMBER, Kind.INTEGER]))
def test_rows_keep_to_the_limits(ends: list[float], exclusive: bool, kind: Kind) -> None:  # noqa: FBT001 - drawn
    """Whatever the range, values lie in it, and outside of its ends where these are excluded."""
    low, high = ends[0], ends[1] + 2
    field = Field(
        name="a", kind=kind, minimum=low, maximum=high, exclusive_minimum=exclusive, exclusive_maximum=exclusive
    )
    marks = Landmarks(spreads=[(0.0, 1e7)], edges=[np.array([low, high])])
    values = [row[0] for row in sample_rows(signature(field), 30, generator(), [marks])]
    assert all(low < value < high if exclusive else low <= value <= high for value in values)
    assert {int if kind is Kind.INTEGER else float} == {type(value) for value in values}


def test_the_example_comes_first() -> None:
    """A row that somebody chose is part of the sample, by position or by name."""
    fields = (Field(name="a"), Field(name="b", kind=Kind.STRING))
    assert [3.5, "x"] == sample_rows(signature(*fields, example=[3.5, "x"]), 5, generator())[0]
    assert [3.5, "x"] == sample_rows(signature(*fields, example={"b": "x", "a": 3.5}), 5, generator())[0]


def test_choices_are_kept() -> None:
    """A field with choices takes nothing else, and each of them."""
    rows = sample_rows(signature(Field(name="a", kind=Kind.STRING, choices=("x", "y"))), 50, generator())
    assert {"x", "y"} == {row[0] for row in rows}


def test_optional_fields_are_sometimes_missing() -> None:
    """A missing number is NaN, a missing text is None."""
    fields = (Field(name="a", optional=True), Field(name="b", kind=Kind.STRING, optional=True))
    rows = sample_rows(signature(*fields), 300, generator())
    assert any(math.isnan(row[0]) for row in rows)
    assert any(row[1] is None for row in rows)


def test_truth_values_are_truth_values() -> None:
    """A boolean is true or false, not one or zero."""
    rows = sample_rows(signature(Field(name="a", kind=Kind.BOOLEAN)), 20, generator())
    assert [True, False] == sorted({row[0] for row in rows}, reverse=True)
    assert {bool} == {type(row[0]) for row in rows}


def test_values_lie_on_and_beside_thresholds() -> None:
    """On a threshold, and on its neighbours among the floats of 32 and 64 bits."""
    edge = 0.1
    marks = Landmarks(edges=[np.array([edge])])
    found = {row[0] for row in sample_rows(signature(Field(name="a")), 500, generator(), [marks])}
    single = np.float32(edge)
    assert {
        edge,
        float(np.nextafter(edge, 1)),
        float(np.nextafter(edge, -1)),
        float(single),
        float(np.nextafter(single, np.float32(1))),
        float(np.nextafter(single, np.float32(-1))),
    } <= found


def test_unknown_categories_are_tried_where_the_model_takes_them() -> None:
    """Only an open field gets a text that no encoder knows."""
    columns = signature(Field(name="a", kind=Kind.STRING))
    marks = [Landmarks(categories=["x", "y"])]
    assert {"x", "y"} == {row[0] for row in sample_rows(columns, 200, generator(), marks)}
    assert {"x", "y", STRANGE_TEXT, ""} == {row[0] for row in sample_rows(columns, 200, generator(), marks, ["a"])}


@pytest.mark.parametrize(
    ("field", "categories", "expected"),
    [
        (Field(name="a", kind=Kind.STRING), ["x"], STRANGE_TEXT),
        (Field(name="a", kind=Kind.INTEGER), [1, 4], 5),
        (Field(name="a"), [1.5], 2.5),
        (Field(name="a", kind=Kind.STRING, choices=("x",)), ["x"], None),
        (Field(name="a", kind=Kind.BOOLEAN), [True], None),
        (Field(name="a"), [], None),
    ],
)
def test_a_stranger_is_none_of_the_categories(field: Field, categories: list[Any], expected: Any) -> None:
    """A value beside the known ones, of the field's own kind; none where choices or kind leave no other."""
    assert expected == stranger(field, Landmarks(categories=categories))


def edges_of(model: Any) -> list[Any]:
    """The thresholds that are found, by column."""
    return [np.unique(np.concatenate(each.edges)) if each.edges else [] for each in landmarks_of(model, NAMES)]


def test_a_forests_thresholds_are_found() -> None:
    """Every threshold of every tree, under the column that it looks at."""
    inputs = numbers()
    model = RandomForestRegressor(5, random_state=0).fit(inputs, amounts(inputs))
    trees = [each.tree_ for each in model.estimators_]
    expected = [np.unique(np.concatenate([t.threshold[t.feature == column] for t in trees])) for column in range(6)]
    assert all(np.array_equal(*pair) for pair in zip(expected, edges_of(model), strict=True))


@pytest.mark.parametrize("scaler", [StandardScaler(), MinMaxScaler(), RobustScaler()], ids=str)
def test_thresholds_are_carried_back_through_a_scaler(scaler: Any) -> None:
    """A threshold behind a scaler is told as the value that callers send."""
    inputs = numbers()
    model = make_pipeline(scaler, DecisionTreeRegressor(random_state=0)).fit(inputs, amounts(inputs))
    tree = model[-1].tree_
    column = int(tree.feature[0])
    inside = np.zeros((1, FEATURES))
    inside[0, column] = tree.threshold[0]
    expected = scaler.inverse_transform(inside)[0, column]
    assert np.min(np.abs(edges_of(model)[column] - expected)) == pytest.approx(0, abs=1e-9)


def test_histogram_boostings_thresholds_are_found() -> None:
    """Trees of another make count as well."""
    inputs = numbers()
    model = HistGradientBoostingRegressor(max_iter=3).fit(inputs, amounts(inputs))
    nodes = np.concatenate([each.nodes for (each,) in model._predictors])
    inner = nodes[nodes["is_leaf"] == 0]
    assert len(np.unique(inner["num_threshold"])) == sum(len(each) for each in edges_of(model))


def test_bagging_keeps_its_columns_apart() -> None:
    """A tree that sees some of the columns is read with those."""
    inputs = numbers()
    inputs[:, 0] += 1000
    model = BaggingRegressor(n_estimators=5, max_features=2, random_state=0).fit(inputs, amounts(inputs))
    assert all(edge > 900 for edge in edges_of(model)[0])
    assert not any(edge > 900 for edges in edges_of(model)[1:] for edge in edges)


def test_columns_are_followed_through_a_column_transformer() -> None:
    """By name, by position, by mask: each part tells of its own columns."""
    table = numbers()
    model = make_pipeline(
        ColumnTransformer(
            [
                ("scaled", StandardScaler(), [3]),
                ("masked", MinMaxScaler(), [False, True, False, False, False, False]),
                ("bins", KBinsDiscretizer(3, encode="ordinal", quantile_method="linear"), slice(4, 5)),
                ("dropped", "drop", [0]),
            ],
            remainder="passthrough",
        ),
        DecisionTreeRegressor(random_state=0),
    ).fit(table, amounts(table))
    found = landmarks_of(model, NAMES)
    assert pytest.approx([table[:, 3].mean(), table[:, 3].std()]) == list(found[3].spreads[0])
    assert pytest.approx([table[:, 1].min(), table[:, 1].max()]) == list(found[1].ranges[0])
    assert found[4].edges
    assert not found[0].edges
    assert found[2].edges


def test_selected_columns_keep_their_names() -> None:
    """Behind a selection, thresholds still belong to the columns that were selected."""
    inputs = numbers()
    model = make_pipeline(SelectKBest(f_regression, k=2), DecisionTreeRegressor()).fit(inputs, amounts(inputs))
    chosen = model[0].get_support()
    assert chosen.tolist() == [len(edges) > 0 for edges in edges_of(model)]


def test_what_mixes_columns_ends_the_way_back() -> None:
    """Behind polynomials nobody knows which input a threshold belongs to; what comes before is kept."""
    inputs = numbers()
    model = make_pipeline(StandardScaler(), PolynomialFeatures(2), DecisionTreeRegressor()).fit(inputs, amounts(inputs))
    found = landmarks_of(model, NAMES)
    assert not any(each.edges for each in found)
    assert all(each.spreads for each in found)


def test_categories_kept_rows_and_gaps_are_found() -> None:
    """Encoders tell their categories, neighbours their rows, imputers what they fill in."""
    texts = np.array([["b"], ["a"], ["b"]], dtype=object)
    assert ["a", "b"] == landmarks_of(OneHotEncoder().fit(texts), ["x0"])[0].categories
    inputs = numbers()
    assert np.array_equal(
        inputs[:, 2], landmarks_of(KNeighborsRegressor().fit(inputs, amounts(inputs)), NAMES)[2].values[0]
    )
    assert pytest.approx(inputs[:, 3].mean()) == landmarks_of(SimpleImputer().fit(inputs), NAMES)[3].spreads[0][0]


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(make_union(StandardScaler(), "passthrough"), DecisionTreeRegressor()),
        make_pipeline(SelectKBest(f_regression, k=2), DecisionTreeRegressor()),
        make_pipeline("passthrough", Ridge()),
        make_pipeline(SimpleImputer(add_indicator=True), DecisionTreeRegressor()),
    ],
    ids=["union", "selection", "nothing", "indicator"],
)
def test_no_pipeline_is_too_strange(model: Any) -> None:
    """Whatever the steps, reading them never fails."""
    inputs = numbers()
    inputs[0, 0] = np.nan if "simpleimputer" in model.named_steps else 0
    assert FEATURES == len(landmarks_of(model.fit(inputs, amounts(inputs)), NAMES))
