"""scikit-learn estimators and pipelines from joblib and pickle files."""

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC

from seatrial.records import UsageError
from seatrial.records.serving import Form
from tests.serve.loaders.makers import (
    ROWS,
    answers,
    counted_labels,
    dump,
    frame,
    joblib,
    labels,
    mixed_frame,
    mixed_pipeline,
    numbers,
    opened,
    pandas,
    ridge,
    targets,
)

CLASSIFIERS = [
    RandomForestClassifier(5, random_state=0, n_jobs=2),
    LogisticRegression(),
    make_pipeline(StandardScaler(), LogisticRegression()),
    HistGradientBoostingClassifier(max_iter=3),
    CalibratedClassifierCV(LinearSVC(random_state=0), cv=2),
    GridSearchCV(make_pipeline(StandardScaler(), SVC(random_state=0)), {"svc__C": [1.0]}, cv=2),
]


def rows_of(data: Any) -> list[list[Any]]:
    """What the codec hands over: None for a missing text, NaN for a missing number."""
    plain: list[list[Any]] = data.to_numpy(dtype=object).tolist()
    return [
        [None if name == "note" and isinstance(value, float) else value for name, value in zip(data, row, strict=True)]
        for row in plain
    ]


@pytest.mark.parametrize("suffix", [".joblib", ".pkl", ".pickle"])
def test_a_regressor_answers_as_it_did_in_training(tmp_path: Path, suffix: str) -> None:
    """Row by row, whichever suffix the file has."""
    model = opened(dump(ridge(), tmp_path / f"model{suffix}"))
    np.testing.assert_array_equal(ridge().predict(numbers()), answers(model, numbers().tolist()).predictions)
    assert ("sklearn", tmp_path / f"model{suffix}") == (model.flavour, model.artifact)


@pytest.mark.parametrize("compress", [0, ("zlib", 3), ("gzip", 3), ("xz", 3)])
def test_compressed_files_are_read(tmp_path: Path, compress: Any) -> None:
    """As joblib.load does."""
    joblib.dump(ridge(), tmp_path / "model.joblib", compress=compress)
    assert 3 == len(opened(tmp_path / "model.joblib").predictor.signature.fields)


def test_plain_pickles_are_read(tmp_path: Path) -> None:
    """Not only joblib's."""
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(ridge()))
    assert opened(tmp_path / "model.pkl").estimator.alpha == 1.0


def test_a_matrix_that_was_sent_as_a_tensor_is_taken_as_it_is(tmp_path: Path) -> None:
    """Without turning it into lists."""
    model = opened(dump(ridge(), tmp_path / "model.joblib"))
    np.testing.assert_allclose(targets(), answers(model, numbers().astype("float32")).predictions, rtol=0.2, atol=0.2)


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("index", range(len(CLASSIFIERS)))
def test_a_classifier_gives_classes_and_probabilities(tmp_path: Path, index: int, *, named: bool) -> None:
    """Equal to its own, with and without names, and no warning about names that are missing."""
    data = frame() if named else numbers()
    estimator = CLASSIFIERS[index].fit(data, labels())
    model = opened(dump(estimator, tmp_path / "model.joblib"))
    outputs = answers(model, numbers().tolist())
    np.testing.assert_array_equal(estimator.predict(data), outputs.predictions)
    assert ("bad", "fair", "good") == model.predictor.signature.classes
    if hasattr(estimator, "predict_proba"):
        np.testing.assert_allclose(estimator.predict_proba(data), outputs.probabilities, rtol=1e-12)
    else:
        assert outputs.probabilities is None


def test_the_estimator_itself_stays_as_it_was_saved(tmp_path: Path) -> None:
    """Whoever compiles it sees its names and its settings."""
    forest = RandomForestRegressor(3, n_jobs=2).fit(frame(), targets())
    model = opened(dump(make_pipeline(StandardScaler(), forest).fit(frame(), targets()), tmp_path / "model.joblib"))
    answers(model, numbers().tolist())
    assert ["alcohol", "density", "pH"] == list(model.estimator.feature_names_in_)
    assert model.estimator[-1].n_jobs == 2


def test_text_and_numbers_go_through_a_pipeline_that_selects_by_name(tmp_path: Path) -> None:
    """Missing numbers come as NaN, missing text as None; the pipeline gets what it was fitted with."""
    model = opened(dump(mixed_pipeline(), tmp_path / "model.joblib"))
    outputs = answers(model, rows_of(mixed_frame()))
    np.testing.assert_array_equal(mixed_pipeline().predict(mixed_frame()), outputs.predictions)
    np.testing.assert_allclose(mixed_pipeline().predict_proba(mixed_frame()), outputs.probabilities, rtol=1e-12)


def test_a_batch_is_answered_as_its_rows_are(tmp_path: Path) -> None:
    """Mixed columns keep their types in a batch of one."""
    model = opened(dump(mixed_pipeline(), tmp_path / "model.joblib"))
    rows = rows_of(mixed_frame())[:5]
    alone = [answers(model, [row]).predictions[0] for row in rows]
    assert alone == list(answers(model, rows).predictions)


def test_text_without_names_comes_as_objects(tmp_path: Path) -> None:
    """As the encoder was fitted."""
    data = mixed_frame()[["color", "note"]].to_numpy(dtype=object)
    data[3:7, 1] = None
    estimator = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(data, labels())
    model = opened(dump(estimator, tmp_path / "model.joblib"))
    np.testing.assert_array_equal(estimator.predict(data), answers(model, data.tolist()).predictions)


def test_whole_numbers_that_were_encoded_are_found_again(tmp_path: Path) -> None:
    """A frame's integer column is encoded the same when it comes as a float."""
    data = pandas.DataFrame({"grade": np.arange(ROWS) % 4, "size": numbers()[:, 0]})
    encoder = make_pipeline(OrdinalEncoder(), Ridge())
    estimator = encoder.fit(data[["grade"]], targets())
    model = opened(dump(estimator, tmp_path / "model.joblib"))
    np.testing.assert_allclose(
        estimator.predict(data[["grade"]]), answers(model, data[["grade"]].to_numpy().tolist()).predictions
    )


def double_alcohol(data: Any) -> Any:
    """A user's function that selects a column by name."""
    return data[["alcohol"]] * 2


def test_functions_that_select_by_name_get_a_frame(tmp_path: Path) -> None:
    """What is inside a user's function can't be seen."""
    estimator = make_pipeline(FunctionTransformer(double_alcohol), Ridge()).fit(frame(), targets())
    model = opened(dump(estimator, tmp_path / "model.joblib"))
    np.testing.assert_allclose(estimator.predict(frame()), answers(model, numbers().tolist()).predictions)


def test_steps_that_hand_on_frames_get_one(tmp_path: Path) -> None:
    """`set_output` changes what the next step expects."""
    estimator = make_pipeline(StandardScaler(), Ridge()).set_output(transform="pandas").fit(frame(), targets())
    model = opened(dump(estimator, tmp_path / "model.joblib"))
    np.testing.assert_allclose(estimator.predict(frame()), answers(model, numbers().tolist()).predictions)


def test_a_text_classifier_takes_one_text_a_row(tmp_path: Path) -> None:
    """Its vectorizer wants texts, not rows of them."""
    texts = [f"a {'dry' if label == 'bad' else 'sweet'} wine" for label in labels()]
    estimator = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, labels())
    model = opened(dump(estimator, tmp_path / "model.joblib"))
    np.testing.assert_array_equal(estimator.predict(texts), answers(model, [[text] for text in texts]).predictions)


def test_a_pipeline_of_documents_takes_any_json(tmp_path: Path) -> None:
    """A DictVectorizer decides itself what it knows."""
    documents = [{"color": "red", "alcohol": value} for value in numbers()[:, 0].tolist()]
    estimator = make_pipeline(DictVectorizer(), Ridge()).fit(documents, targets())
    model = opened(dump(estimator, tmp_path / "model.joblib"))
    assert Form.JSON is model.predictor.signature.form
    np.testing.assert_allclose(estimator.predict(documents), answers(model, documents).predictions)


def test_several_outputs_stay_together(tmp_path: Path) -> None:
    """Regressors give (rows, outputs); classifiers as well, without probabilities, which would be one matrix each."""
    both = np.column_stack([targets(), -targets()])
    regressor = opened(dump(LinearRegression().fit(numbers(), both), tmp_path / "regressor.joblib"))
    classifier = MultiOutputClassifier(LogisticRegression()).fit(numbers(), np.column_stack([labels(), labels()]))
    two = answers(opened(dump(classifier, tmp_path / "classifier.joblib")), numbers().tolist())
    assert (ROWS, 2) == answers(regressor, numbers().tolist()).predictions.shape
    assert (ROWS, 2) == two.predictions.shape
    assert two.probabilities is None


def test_clusters_are_predicted(tmp_path: Path) -> None:
    """Anything with `predict` can be served."""
    estimator = KMeans(2, n_init=1, random_state=0).fit(numbers())
    model = opened(dump(estimator, tmp_path / "model.joblib"))
    np.testing.assert_array_equal(estimator.labels_, answers(model, numbers().tolist()).predictions)


def test_names_from_the_signature_file_replace_counted_classes(tmp_path: Path) -> None:
    """0, 1, 2 become what they stand for, whichever way the classes are found."""
    (tmp_path / "signature.json").write_text('{"classes": ["bad", "fair", "good"]}')
    for estimator in (RandomForestClassifier(5, random_state=0), LogisticRegression(), LinearSVC(random_state=0)):
        estimator.fit(numbers(), counted_labels())
        model = opened(dump(estimator, tmp_path / "model.joblib"))
        expected = np.array(["bad", "fair", "good"])[estimator.predict(numbers())]
        np.testing.assert_array_equal(expected, answers(model, numbers().tolist()).predictions)


class Constant:
    """A user's own model."""

    def predict(self, rows: Any) -> list[int]:
        """The same for all."""
        return [42] * len(rows)


def test_a_model_that_says_nothing_is_described_by_a_file(tmp_path: Path) -> None:
    """And asks for one where there is none."""
    path = dump(Constant(), tmp_path / "model.joblib")
    with pytest.raises(UsageError, match="doesn't say which inputs it takes") as raised:
        opened(path)
    assert "signature.yaml" in raised.value.remedy
    (tmp_path / "signature.json").write_text('{"inputs": ["a", "b"], "name": "constant", "version": "7"}')
    model = opened(path)
    assert [42, 42] == list(answers(model, [[1.0, 2.0], [3.0, 4.0]]).predictions)
    assert ("constant", "7") == (model.name, model.version)


def test_a_file_without_a_model_is_refused(tmp_path: Path) -> None:
    """Says what it holds."""
    with pytest.raises(UsageError, match="a StandardScaler can't predict"):
        opened(dump(StandardScaler().fit(numbers()), tmp_path / "scaler.joblib"))
    with pytest.raises(UsageError, match="a dict can't predict") as raised:
        opened(dump({"model": ridge()}, tmp_path / "bundle.joblib"))
    assert "save the fitted estimator" in raised.value.remedy


@pytest.mark.parametrize("content", [b"hello", b"\x80\x04", b"{}"])
def test_a_file_that_is_no_pickle_is_refused(tmp_path: Path, content: bytes) -> None:
    """Whatever the unpickler stumbles over."""
    (tmp_path / "model.pkl").write_bytes(content)
    with pytest.raises(UsageError, match="this is no pickle"):
        opened(tmp_path / "model.pkl")


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    """The one to install."""
    (tmp_path / "model.pkl").write_bytes(b"cvanished_package.models\nForest\n.")
    with pytest.raises(UsageError, match="needs the package vanished_package"):
        opened(tmp_path / "model.pkl")


def test_a_class_that_is_gone_is_told(tmp_path: Path) -> None:
    """The package is there, in another version."""
    (tmp_path / "model.pkl").write_bytes(b"csklearn.linear_model\nGoneRegressor\n.")
    with pytest.raises(UsageError, match="GoneRegressor"):
        opened(tmp_path / "model.pkl")


def test_another_version_of_scikit_learn_is_a_sentence_in_the_log(tmp_path: Path) -> None:
    """Not a crash, and nothing printed."""
    content = pickle.dumps(ridge()).replace(b"1.9.1", b"1.2.3")
    (tmp_path / "model.pkl").write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = opened(tmp_path / "model.pkl")
    assert any("saved with scikit-learn 1.2.3" in sentence for sentence in model.warnings)


def test_the_stack_names_what_computes(tmp_path: Path) -> None:
    """By distribution."""
    assert {"python", "numpy", "scipy", "scikit-learn"} == set(opened(dump(ridge(), tmp_path / "m.joblib")).stack)


@pytest.mark.filterwarnings("ignore:overflow")
def test_a_value_beyond_the_models_arithmetic_is_the_callers_mistake(tmp_path: Path) -> None:
    """It is finite, but not after scaling; the error has the status of a refusal, so that no caller makes a 500."""
    model = make_pipeline(StandardScaler(), LinearRegression()).fit([[0.0], [1e-9]], [0.0, 1.0])
    joblib.dump(model, tmp_path / "model.joblib")

    with pytest.raises(ValueError, match="too large") as raised:
        opened(tmp_path / "model.joblib").predictor.predict([[1.7e308]])

    assert 422 == getattr(raised.value, "status", None)
