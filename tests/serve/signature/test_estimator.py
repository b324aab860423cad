"""What fitted estimators say of themselves."""

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor, StackingRegressor
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from seatrial.records.serving import Field, Form, Kind
from seatrial.serve.signature import of_estimator
from tests.serve.loaders.makers import (
    NAMES,
    ROWS,
    counted_labels,
    frame,
    labels,
    mixed_frame,
    mixed_pipeline,
    numbers,
    pandas,
    targets,
)

RED_OR_WHITE = Field(name="color", kind=Kind.STRING, dtype="object", choices=("red", "white"))


def test_names_are_those_of_the_frame() -> None:
    """All numbers, in the order of the fit."""
    signature = of_estimator(Ridge().fit(frame(), targets()))
    assert tuple(Field(name=name) for name in NAMES) == signature.fields
    assert (Form.COLUMNS, True, ()) == (signature.form, signature.named, signature.classes)


def test_names_are_made_up_where_there_were_none() -> None:
    """And said to be."""
    signature = of_estimator(make_pipeline(StandardScaler(), Ridge()).fit(numbers(), targets()))
    assert ["x0", "x1", "x2"] == [field.name for field in signature.fields]
    assert not signature.named


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (labels(), ("bad", "fair", "good")),
        (counted_labels(), (0, 1, 2)),
        (targets() > 3, (False, True)),
    ],
)
def test_classes_are_json_values(y: np.ndarray, classes: tuple[object, ...]) -> None:
    """In the order of the probabilities, of the types that they had."""
    found = of_estimator(GridSearchCV(LogisticRegression(), {"C": [1.0]}, cv=2).fit(numbers(), y)).classes
    assert classes == found
    assert [type(label) for label in classes] == [type(label) for label in found]


def test_columns_of_text_are_seen_at_their_encoders() -> None:
    """Choices only where another value is an error; what is imputed may be missing."""
    signature = of_estimator(mixed_pipeline())
    expected = (
        *(Field(name=name, optional=True) for name in NAMES),
        RED_OR_WHITE,
        Field(name="note", kind=Kind.STRING, dtype="object", optional=True),
    )
    assert expected == signature.fields


@pytest.mark.parametrize("columns", [["color"], [3], slice(3, 4), np.array([False, False, False, True, False])])
def test_columns_are_found_however_they_were_selected(columns: object) -> None:
    """By name, position, slice or mask."""
    selected = ColumnTransformer([("color", OneHotEncoder(), columns)]).fit(mixed_frame())
    assert RED_OR_WHITE == of_estimator(selected).fields[3]


def test_an_encoder_that_knows_missing_values_takes_them() -> None:
    """They are no choice of their own."""
    field = of_estimator(make_pipeline(OneHotEncoder(), Ridge()).fit(mixed_frame()[["note"]], targets())).fields[0]
    assert Field(name="note", kind=Kind.STRING, dtype="object", choices=("dry", "sweet"), optional=True) == field


@pytest.mark.parametrize(
    ("values", "kind", "dtype"),
    [([1, 2], Kind.INTEGER, "int64"), ([True, False], Kind.BOOLEAN, "bool"), ([0.5, 1.5], Kind.NUMBER, "float64")],
)
def test_encoded_columns_have_the_type_of_their_categories(values: list[object], kind: Kind, dtype: str) -> None:
    """Of an encoder that refuses others."""
    data = pandas.DataFrame({"a": values * (ROWS // 2)})
    field = of_estimator(make_pipeline(OrdinalEncoder(), Ridge()).fit(data, targets())).fields[0]
    assert Field(name="a", kind=kind, dtype=dtype, choices=tuple(sorted(values, key=float))) == field


@pytest.mark.parametrize(
    "wrap",
    [
        lambda inner: GridSearchCV(inner, {"ridge__alpha": [1.0]}, cv=2),
        TransformedTargetRegressor,
        lambda inner: StackingRegressor([("a", inner)], cv=2),
        lambda inner: make_pipeline("passthrough", inner),
    ],
)
def test_encoders_are_found_inside_of_other_estimators(wrap: type[GridSearchCV]) -> None:
    """Which see the same columns."""
    fitted = wrap(make_pipeline(OneHotEncoder(), Ridge())).fit(mixed_frame()[["color"]], targets())
    assert (RED_OR_WHITE,) == of_estimator(fitted).fields


def test_branches_of_a_union_see_the_same_columns() -> None:
    """One of them tells."""
    union = FeatureUnion([("codes", OrdinalEncoder()), ("bits", OneHotEncoder(handle_unknown="ignore"))])
    fitted = make_pipeline(union, Ridge()).fit(mixed_frame()[["color"]], targets())
    assert Kind.STRING is of_estimator(fitted).fields[0].kind


def test_trees_that_encode_categories_take_text_that_they_never_saw() -> None:
    """Histogram gradient boosting does so itself."""
    data = pandas.DataFrame({"a": numbers()[:, 0], "color": mixed_frame()["color"].astype("category")})
    trees = HistGradientBoostingRegressor(max_iter=2, categorical_features="from_dtype").fit(data, targets())
    assert (Field(name="a"), Field(name="color", kind=Kind.STRING, dtype="object")) == of_estimator(trees).fields


@pytest.mark.parametrize("imputer", [SimpleImputer(), SimpleImputer(add_indicator=True), KNNImputer()])
def test_imputed_numbers_may_be_missing(imputer: SimpleImputer) -> None:
    """Whichever imputer fills them in."""
    data = mixed_frame()[["alcohol", "pH"]]
    fields = of_estimator(make_pipeline(imputer, Ridge()).fit(data, targets())).fields
    assert (Field(name="alcohol", optional=True), Field(name="pH", optional=True)) == fields


def test_a_vectorizer_takes_one_text() -> None:
    """The whole row is the text."""
    fitted = make_pipeline(CountVectorizer(), Ridge()).fit(["a wine", "no wine"], [1, 2])
    assert (Field(name="text", kind=Kind.STRING, dtype="object"),) == of_estimator(fitted).fields


def test_a_column_of_text_among_others_is_text() -> None:
    """Where a vectorizer sees only that."""
    selected = ColumnTransformer([("words", CountVectorizer(), "color"), ("rest", "passthrough", ["alcohol"])])
    fields = of_estimator(selected.fit(mixed_frame())).fields
    assert Field(name="color", kind=Kind.STRING, dtype="object") == fields[3]


def test_the_range_of_averaged_trees_is_known() -> None:
    """No prediction leaves it, and it is no wider than the targets."""
    forest = RandomForestRegressor(5, random_state=0).fit(numbers(), targets())
    low, high = of_estimator(make_pipeline(StandardScaler(), forest)).output_range or (0, 0)
    predictions = forest.predict(numbers())
    assert targets().min() <= low <= predictions.min()
    assert predictions.max() <= high <= targets().max()


@pytest.mark.parametrize(
    "estimator",
    [
        Ridge().fit(numbers(), targets()),
        DecisionTreeClassifier().fit(numbers(), labels()),
        DecisionTreeRegressor().fit(numbers(), np.column_stack([targets(), targets()])),
        MultiOutputRegressor(DecisionTreeRegressor()).fit(numbers(), targets()[:, None]),
        DecisionTreeRegressor().fit(numbers(), np.ones(ROWS)),
    ],
)
def test_other_ranges_are_not_made_up(estimator: Ridge) -> None:
    """Nor one that holds a single value."""
    assert of_estimator(estimator).output_range is None


def test_an_estimator_that_says_nothing_has_no_fields() -> None:
    """Whoever opens it asks for a signature file."""
    assert () == of_estimator(object()).fields
