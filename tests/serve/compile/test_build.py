"""Which models compile, how exactly they agree, and what is said of those that don't."""

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    BaggingRegressor,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingRegressor,
    VotingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
)
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import DecisionTreeRegressor

from seatrial.records.serving import Signature
from seatrial.serve.compile.build import compile_model
from seatrial.serve.compile.convert import Precision, convert
from seatrial.serve.compile.equality import ask, compare
from seatrial.serve.compile.landmarks import landmarks_of
from seatrial.serve.compile.metadata import read_signature
from seatrial.serve.compile.sample import sample_rows
from seatrial.serve.loaders import open_onnx
from seatrial.serve.loaders.estimators import bind_estimator, signature_of
from seatrial.serve.loaders.packages import require
from seatrial.serve.model import Batch, Outputs
from tests.serve.compile.models import amounts, compiled, groups, numbers

LAST_DIGITS = 1e-12
"""What float64 leaves of a difference."""

FLOAT32 = 2e-6

REGRESSORS = {
    "ridge": (lambda: make_pipeline(StandardScaler(), Ridge()), "float64", LAST_DIGITS),
    "network": (lambda: make_pipeline(StandardScaler(), MLPRegressor(max_iter=20)), "float64", LAST_DIGITS),
    "polynomial": (lambda: make_pipeline(PolynomialFeatures(2), Ridge()), "float32", FLOAT32),
    "support vectors": (lambda: make_pipeline(StandardScaler(), SVR()), "float32", 1e-5),
    "tree": (lambda: DecisionTreeRegressor(random_state=0), "float32", FLOAT32),
    "forest": (lambda: RandomForestRegressor(20, random_state=0), "float32", FLOAT32),
    "scaled forest": (
        lambda: make_pipeline(StandardScaler(), RandomForestRegressor(20, random_state=0)),
        "float64",
        FLOAT32,
    ),
    "boosting": (lambda: GradientBoostingRegressor(n_estimators=20), "float32", FLOAT32),
    "histogram boosting": (lambda: HistGradientBoostingRegressor(max_iter=20), "float64", FLOAT32),
    "poisson boosting": (lambda: HistGradientBoostingRegressor(loss="poisson", max_iter=20), "float64", FLOAT32),
    "scaled boosting": (
        lambda: make_pipeline(StandardScaler(), GradientBoostingRegressor(n_estimators=20)),
        "float64",
        FLOAT32,
    ),
    "bagging": (lambda: make_pipeline(StandardScaler(), BaggingRegressor(random_state=0)), "float64", FLOAT32),
    "stacking": (
        lambda: StackingRegressor([("ridge", Ridge()), ("forest", RandomForestRegressor(5, random_state=0))]),
        "float64",
        FLOAT32,
    ),
    "search": (lambda: GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}), "float64", LAST_DIGITS),
}

CLASSIFIERS = {
    "logistic": (lambda: make_pipeline(StandardScaler(), LogisticRegression()), "float64", LAST_DIGITS),
    "bayes": (GaussianNB, "float64", LAST_DIGITS),
    "linear": (RidgeClassifier, "float32", 0.0),
    "support vectors": (lambda: make_pipeline(StandardScaler(), SVC()), "float64", 0.0),
    "linear support vectors": (lambda: make_pipeline(StandardScaler(), LinearSVC()), "float32", 0.0),
    "forest": (lambda: RandomForestClassifier(20, random_state=0), "float32", FLOAT32),
    "scaled forest": (
        lambda: make_pipeline(MinMaxScaler(), ExtraTreesClassifier(20, random_state=0)),
        "float64",
        FLOAT32,
    ),
    "boosting": (lambda: GradientBoostingClassifier(n_estimators=5), "float32", FLOAT32),
    "histogram boosting": (lambda: HistGradientBoostingClassifier(max_iter=5), "float64", FLOAT32),
    "voting": (
        lambda: VotingClassifier([("bayes", GaussianNB()), ("forest", RandomForestClassifier(5))], voting="soft"),
        "float64",
        FLOAT32,
    ),
    "calibrated": (lambda: CalibratedClassifierCV(GaussianNB(), cv=2), "float64", LAST_DIGITS),
}


def fitted(model: Any, inputs: Any, target: Any) -> Any:
    """The model, fitted without a word about too few iterations."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(inputs, target)


@pytest.mark.parametrize(("make", "precision", "difference"), REGRESSORS.values(), ids=REGRESSORS)
def test_regressors_agree(make: Any, precision: str, difference: float) -> None:
    """A regressor compiles in the precision that it computes in, and differs by no more than that leaves."""
    inputs = numbers()
    found = compiled(fitted(make(), inputs, np.abs(amounts(inputs))))
    evidence = found.verdict.evidence
    assert (True, precision) == (found.verdict.equal, evidence["precision"]), found.verdict.reason
    assert difference >= evidence["largest_difference"]


@pytest.mark.parametrize(("make", "precision", "difference"), CLASSIFIERS.values(), ids=CLASSIFIERS)
def test_classifiers_agree(make: Any, precision: str, difference: float) -> None:
    """A classifier gives the same labels, and probabilities that differ by no more than its precision leaves."""
    inputs = numbers()
    found = compiled(fitted(make(), inputs, groups(inputs)))
    evidence = found.verdict.evidence
    assert (True, precision) == (found.verdict.equal, evidence["precision"]), found.verdict.reason
    assert difference >= evidence["largest_difference"]


@pytest.mark.parametrize("labels", [("a", "b"), (3, 7), (False, True), (1.0, 2.0), (0, 1, 2, 3)], ids=str)
def test_labels_keep_their_type(labels: tuple[Any, ...]) -> None:
    """Labels come back as what they were: text, numbers, truth values."""
    inputs = numbers()
    model = RandomForestClassifier(5, random_state=0).fit(inputs, groups(inputs, labels))
    found = compiled(model)
    assert found.onnx is not None, found.verdict.reason
    outputs = open_onnx(found.onnx).predict(inputs[:50].tolist())
    assert isinstance(outputs, Outputs)
    expected = model.predict(inputs[:50]).tolist()
    assert [(type(each), each) for each in expected] == [
        (type(each), each) for each in np.asarray(outputs.predictions).tolist()
    ]


def test_the_evidence_is_complete() -> None:
    """Rows, tolerance, difference, seconds of both engines and versions are told, in the sentence the speed."""
    inputs = numbers()
    verdict = compiled(make_pipeline(StandardScaler(), Ridge()).fit(inputs, amounts(inputs))).verdict
    assert {
        "versions",
        "tolerance",
        "rows",
        "precision",
        "largest_difference",
        "row",
        "exact",
        "ties",
        "batch_exact",
        "batch_largest_difference",
        "native_seconds_one_row",
        "compiled_seconds_one_row",
        "batch_rows",
        "native_seconds_batch",
        "compiled_seconds_batch",
    } == set(verdict.evidence)
    assert {"numpy", "onnxruntime", "scikit-learn", "skl2onnx"} == set(verdict.evidence["versions"])
    assert 1000 == verdict.evidence["rows"]
    assert "equal to scikit-learn within 1e-05 on 1000 rows" in verdict.reason


def test_trees_are_checked_on_more_rows() -> None:
    """A model that jumps is checked on 2000 rows, and on the user's own besides."""
    inputs = numbers()
    model = DecisionTreeRegressor().fit(inputs, amounts(inputs))
    assert 2003 == compiled(model, sample=inputs[:3].tolist()).verdict.evidence["rows"]


@pytest.mark.parametrize(
    ("model", "clause"),
    [
        (make_pipeline(FunctionTransformer(np.abs), Ridge()), "FunctionTransformer is not supported"),
        (
            TransformedTargetRegressor(Ridge(), func=np.sqrt, inverse_func=np.square),
            "TransformedTargetRegressor has no converter in skl2onnx",
        ),
        (HistGradientBoostingRegressor(max_iter=2, categorical_features=[0]), "split by categories"),
        (KMeans(2, n_init=1), "KMeans is neither a regressor nor a classifier"),
    ],
    ids=["function", "target", "categories", "clusters"],
)
def test_what_cant_be_converted_is_named(model: Any, clause: str) -> None:
    """A model without a converter stays native, and the reason names the part."""
    inputs = np.abs(numbers().round())
    found = compiled(model.fit(inputs, np.abs(amounts(inputs))))
    assert (None, False) == (found.onnx, found.verdict.equal)
    assert clause in found.verdict.reason


def test_words_are_not_compiled() -> None:
    """A model that splits text stays native: the rules of ONNX differ where no sample would look."""
    texts = ["good wine", "bad wine", "good cheese", "bad cheese"]
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, [1, 0, 1, 0])
    assert "TfidfVectorizer splits words" in compiled(model).verdict.reason


def test_what_is_no_estimator_is_named() -> None:
    """Anything that only looks like an estimator is refused by the name of its class."""
    inputs = numbers()
    model = Ridge().fit(inputs, amounts(inputs))

    class Lookalike:
        n_features_in_ = model.n_features_in_
        predict = model.predict

    assert "Lookalike is not a scikit-learn estimator" in compiled(Lookalike()).verdict.reason


def test_an_unequal_model_is_refused_with_figures() -> None:
    """Beyond the tolerance the reason says row, both answers and the difference."""
    inputs = numbers()
    found = compiled(RandomForestRegressor(20, random_state=0).fit(inputs, amounts(inputs)), tolerance=1e-12)
    assert (None, False) == (found.onnx, found.verdict.equal)
    assert 1e-12 < found.verdict.evidence["largest_difference"] < FLOAT32
    assert f"row {found.verdict.evidence['row']} is answered" in found.verdict.reason
    assert "tolerance 1e-12" in found.verdict.reason


def test_float32_is_refused_where_it_goes_wrong() -> None:
    """A scaled forest in float32 takes other branches beside thresholds; the sample finds that."""
    inputs = numbers()
    model = make_pipeline(StandardScaler(), RandomForestRegressor(5, random_state=0)).fit(inputs, amounts(inputs))
    signature = signature_of(model)
    names = [field.name for field in signature.fields]
    rows = sample_rows(signature, 2000, np.random.default_rng(0), landmarks_of(model, names))
    expected = ask(bind_estimator(model, signature), rows)
    single, double = (
        compare(expected, ask(open_onnx(convert(model, signature, precision)), rows), 1e-5)
        for precision in (Precision.FLOAT32, Precision.FLOAT64)
    )
    assert (False, True) == (single.equal, double.equal)


def test_missing_values_go_the_same_way() -> None:
    """Forests and boosting that learned where missing values go answer alike for NaN."""
    inputs = numbers()
    inputs[np.random.default_rng(1).random(inputs.shape) < 0.2] = np.nan
    for model in (
        RandomForestRegressor(10, random_state=0),
        HistGradientBoostingRegressor(max_iter=10),
        make_pipeline(SimpleImputer(), Ridge()),
    ):
        model.fit(inputs, amounts(inputs))
        found = compiled(model, sample=inputs.tolist())
        assert found.onnx is not None, found.verdict.reason


def passengers() -> tuple[Any, Any]:
    """A table with text and a number that stands for a class, and a target."""
    pandas = require("pandas", install="pandas")

    random = np.random.default_rng(0)
    count = 300
    table = pandas.DataFrame(
        {
            "the age": random.normal(40, 12, count),
            "X": random.normal(50, 20, count),
            "cabin": random.integers(1, 4, count),
            "sex": random.choice(["m", "f"], count),
        }
    )
    return table, table["the age"] * 0.1 + table["X"] + (table["sex"] == "m") * 3 + table["cabin"]


def encoded(unknown: str, model: Any) -> Any:
    """A pipeline that scales the numbers and encodes the rest."""
    columns = ColumnTransformer(
        [
            ("numbers", StandardScaler(), ["the age", "X"]),
            ("texts", OneHotEncoder(handle_unknown=unknown), ["sex", "cabin"]),
        ]
    )
    return make_pipeline(columns, model)


@pytest.mark.parametrize("model", [Ridge(), RandomForestRegressor(5, random_state=0)], ids=["ridge", "forest"])
def test_text_columns_compile(model: Any) -> None:
    """Text goes in by columns that are named as the fields are, blanks and all; unknown categories count as such."""
    table, target = passengers()
    found = compiled(encoded("ignore", model).fit(table, target))
    assert found.onnx is not None, found.verdict.reason
    assert FLOAT32 > found.verdict.evidence["largest_difference"]
    predictor = open_onnx(found.onnx)
    assert ["the age", "X", "cabin", "sex"] == [field.name for field in predictor.signature.fields]
    assert all(() == field.choices for field in predictor.signature.fields)


def test_categories_that_the_model_refuses_become_choices() -> None:
    """Where the original raises for an unknown category, the compiled model's signature allows the known ones only."""
    table, target = passengers()
    found = compiled(encoded("error", Ridge()).fit(table, target))
    assert found.onnx is not None, found.verdict.reason
    assert {"sex": ("f", "m"), "cabin": (1, 2, 3)} == {
        field.name: field.choices for field in found.signature.fields if field.choices
    }


def test_named_numbers_share_one_matrix() -> None:
    """A pipeline that picks numeric columns by name still takes a single matrix."""
    onnxruntime = require("onnxruntime", install="seatrial[onnx]")

    table, target = passengers()
    columns = ColumnTransformer([("scaled", StandardScaler(), ["X"])], remainder="passthrough")
    found = compiled(make_pipeline(columns, Ridge()).fit(table[["the age", "X", "cabin"]], target))
    assert found.onnx is not None, found.verdict.reason
    inputs = onnxruntime.InferenceSession(found.onnx, providers=["CPUExecutionProvider"]).get_inputs()
    assert [[None, 3]] == [each.shape for each in inputs]


def test_the_file_carries_its_signature() -> None:
    """The ONNX file says names, classes and choices without the model that it was made from."""
    import onnx

    inputs = numbers()
    found = compiled(RandomForestClassifier(3, random_state=0).fit(inputs, groups(inputs)))
    assert found.onnx is not None
    properties = {each.key: each.value for each in onnx.load_from_string(found.onnx).metadata_props}
    assert found.signature == read_signature(properties)


def test_a_model_that_fails_on_the_sample_stays_native() -> None:
    """An estimator that raises for valid rows is no reason to fail."""
    inputs = numbers()

    class Moody(Ridge):  # type: ignore[misc] # scikit-learn has no types
        def predict(self, X: Any) -> Any:  # noqa: N803 - scikit-learn's name
            msg = f"not today, {len(X)} rows"
            raise RuntimeError(msg)

    found = compiled(Moody().fit(inputs, amounts(inputs)))
    assert not found.verdict.equal
    assert "RuntimeError: not today" in found.verdict.reason


def test_a_subclass_that_predicts_otherwise_is_found_out() -> None:
    """A converter is chosen by class; what a subclass changed is seen in the answers."""
    inputs = numbers()

    class Shifted(Ridge):  # type: ignore[misc] # scikit-learn has no types
        def predict(self, X: Any) -> Any:  # noqa: N803 - scikit-learn's name
            return super().predict(X) + 1

    found = compiled(Shifted().fit(inputs, amounts(inputs)))
    assert not found.verdict.equal


def test_a_compiled_model_whose_rows_depend_on_each_other_is_refused() -> None:
    """Right answers in a batch are not enough: a row alone has to get the same."""

    class Lonely:
        def __init__(self, onnx: bytes, signature: Signature) -> None:
            self.inner = open_onnx(onnx, signature)
            self.signature = signature

        def predict(self, batch: Batch) -> Outputs:
            outputs = self.inner.predict(batch)
            assert isinstance(outputs, Outputs)
            return Outputs(predictions=np.asarray(outputs.predictions) + (len(batch) == 1))

    inputs = numbers()
    model = Ridge().fit(inputs, amounts(inputs))
    signature = signature_of(model)
    native = bind_estimator(model, signature)
    found = compile_model(model, signature, 1e-5, 0, native=native, open_onnx=Lonely)
    assert (None, False) == (found.onnx, found.verdict.equal)
    assert "otherwise in a batch than alone" in found.verdict.reason


def test_encoders_inside_pipelines_compile() -> None:
    """Ordinal encoding before a forest: text becomes numbers inside the graph."""
    table, target = passengers()
    columns = ColumnTransformer(
        [
            ("numbers", SimpleImputer(), ["the age", "X", "cabin"]),
            ("texts", OrdinalEncoder(), ["sex"]),
        ]
    )
    found = compiled(make_pipeline(columns, RandomForestRegressor(5, random_state=0)).fit(table, target))
    assert found.onnx is not None, found.verdict.reason
