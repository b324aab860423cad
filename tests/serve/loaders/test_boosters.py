"""XGBoost's and LightGBM's own files, and their estimators in pickles."""

from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
import xgboost

from seatrial.records import UsageError
from seatrial.records.serving import Kind
from tests.serve.loaders.makers import (
    NAMES,
    ROWS,
    answers,
    counted_labels,
    dump,
    labels,
    numbers,
    opened,
    pandas,
    targets,
)

QUIET = {"verbose": -1, "min_data_in_leaf": 2, "num_threads": 1}


def categorical_frame() -> Any:
    """A column of numbers, one of text categories, one of numbered categories."""
    return pandas.DataFrame(
        {
            "alcohol": numbers()[:, 0],
            "color": pandas.Categorical(np.where(numbers()[:, 1] > 0, "red", "white")),
            "grade": pandas.Categorical(10 * (np.arange(ROWS) % 3)),
        }
    )


def categorical_rows() -> list[list[Any]]:
    """The same as JSON."""
    rows: list[list[Any]] = categorical_frame().astype(object).to_numpy().tolist()
    return rows


def boost(objective: str, y: Any, *, names: bool = True, **params: Any) -> xgboost.Booster:
    """A small booster of XGBoost."""
    data = xgboost.DMatrix(numbers(), y, feature_names=list(NAMES) if names else None)
    return xgboost.train({"objective": objective, "nthread": 1, **params}, data, 4)


def probabilities(booster: xgboost.Booster) -> Any:
    """What XGBoost says itself."""
    return booster.predict(xgboost.DMatrix(numbers(), feature_names=booster.feature_names))


@pytest.mark.parametrize("suffix", [".ubj", ".json", ".xgb"])
def test_a_regressor_of_xgboost_answers_as_in_training(tmp_path: Path, suffix: str) -> None:
    """In each of its formats."""
    booster = boost("reg:squarederror", targets())
    path = tmp_path / f"model{suffix}"
    path.write_bytes(booster.save_raw("json" if suffix == ".json" else "ubj"))
    model = opened(path)
    np.testing.assert_array_equal(probabilities(booster), answers(model, numbers().tolist()).predictions)
    assert NAMES == tuple(field.name for field in model.predictor.signature.fields)
    assert ("xgboost", ()) == (model.flavour, model.predictor.signature.classes)


def test_two_classes_of_xgboost_have_two_probabilities(tmp_path: Path) -> None:
    """Though it gives one."""
    booster = boost("binary:logistic", targets() > 3, names=False)
    booster.save_model(tmp_path / "model.ubj")
    model = opened(tmp_path / "model.ubj")
    outputs = answers(model, numbers().tolist())
    np.testing.assert_array_equal(probabilities(booster), outputs.probabilities[:, 1])
    np.testing.assert_array_equal(probabilities(booster) > 0.5, outputs.predictions)
    assert ((0, 1), False) == (model.predictor.signature.classes, model.predictor.signature.named)


@pytest.mark.parametrize("objective", ["multi:softprob", "multi:softmax"])
def test_several_classes_of_xgboost_have_probabilities(tmp_path: Path, objective: str) -> None:
    """Whether it was trained to give them or only the class."""
    boost(objective, counted_labels(), num_class=3).save_model(tmp_path / "model.ubj")
    outputs = answers(opened(tmp_path / "model.ubj"), numbers().tolist())
    expected = probabilities(boost("multi:softprob", counted_labels(), num_class=3))
    np.testing.assert_allclose(expected, outputs.probabilities, rtol=1e-5)
    np.testing.assert_array_equal(expected.argmax(axis=1), outputs.predictions)


def test_linear_boosters_answer(tmp_path: Path) -> None:
    """They take another path through XGBoost."""
    booster = boost("reg:squarederror", targets(), booster="gblinear")
    booster.save_model(tmp_path / "model.ubj")
    outputs = answers(opened(tmp_path / "model.ubj"), numbers().tolist())
    np.testing.assert_allclose(probabilities(booster), outputs.predictions, rtol=1e-6)


def test_early_stopping_counts_as_in_the_estimator(tmp_path: Path) -> None:
    """Trees behind the best one are left out."""
    noise = np.random.default_rng(1).integers(0, 3, ROWS)
    estimator = xgboost.XGBClassifier(n_estimators=12, early_stopping_rounds=2, n_jobs=1)
    estimator.fit(numbers(), counted_labels(), eval_set=[(numbers(), noise)], verbose=False)
    estimator.save_model(tmp_path / "model.ubj")
    outputs = answers(opened(tmp_path / "model.ubj"), numbers().tolist())
    np.testing.assert_allclose(estimator.predict_proba(numbers()), outputs.probabilities, rtol=1e-6)


def test_categories_of_xgboost_are_sent_as_themselves(tmp_path: Path) -> None:
    """The file knows their numbers."""
    data = xgboost.DMatrix(categorical_frame(), targets(), enable_categorical=True)
    booster = xgboost.train({"nthread": 1}, data, 4)
    booster.save_model(tmp_path / "model.ubj")
    model = opened(tmp_path / "model.ubj")
    np.testing.assert_array_equal(booster.predict(data), answers(model, categorical_rows()).predictions)
    kinds = [(field.kind, field.choices) for field in model.predictor.signature.fields]
    assert [(Kind.NUMBER, ()), (Kind.STRING, ("red", "white")), (Kind.INTEGER, (0, 10, 20))] == kinds


def test_a_regressor_of_lightgbm_answers_as_in_training(tmp_path: Path) -> None:
    """Under its names, in both suffixes."""
    data = lightgbm.Dataset(numbers(), targets(), feature_name=list(NAMES))
    booster = lightgbm.train({"objective": "regression", **QUIET}, data, 4)
    for name in ("model.txt", "model.lgb"):
        booster.save_model(tmp_path / name)
        model = opened(tmp_path / name)
        np.testing.assert_array_equal(booster.predict(numbers()), answers(model, numbers().tolist()).predictions)
        assert NAMES == tuple(field.name for field in model.predictor.signature.fields)
        assert "lightgbm" == model.flavour


@pytest.mark.parametrize(("objective", "classes"), [("binary", 2), ("multiclass", 3), ("multiclassova", 3)])
def test_classes_of_lightgbm_have_probabilities(tmp_path: Path, objective: str, classes: int) -> None:
    """As its objective says."""
    y = counted_labels() % classes
    params = {"objective": objective, **QUIET, **({"num_class": classes} if classes > 2 else {})}
    booster = lightgbm.train(params, lightgbm.Dataset(numbers(), y), 4)
    booster.save_model(tmp_path / "model.txt")
    model = opened(tmp_path / "model.txt")
    outputs = answers(model, numbers().tolist())
    assert (tuple(range(classes)), False) == (model.predictor.signature.classes, model.predictor.signature.named)
    assert (ROWS, classes) == outputs.probabilities.shape
    expected = np.asarray(booster.predict(numbers()))
    both = np.column_stack([1 - expected, expected]) if classes == 2 else expected
    np.testing.assert_array_equal(both, outputs.probabilities)


def test_categories_of_lightgbm_are_sent_as_themselves(tmp_path: Path) -> None:
    """The file knows their numbers."""
    data = lightgbm.Dataset(categorical_frame(), targets())
    booster = lightgbm.train({**QUIET, "min_data_per_group": 2, "cat_smooth": 1}, data, 4)
    booster.save_model(tmp_path / "model.txt")
    model = opened(tmp_path / "model.txt")
    np.testing.assert_array_equal(booster.predict(categorical_frame()), answers(model, categorical_rows()).predictions)
    assert ("red", "white") == model.predictor.signature.fields[1].choices


def test_the_signature_file_names_the_classes(tmp_path: Path) -> None:
    """Boosters only count them."""
    boost("multi:softprob", counted_labels(), num_class=3).save_model(tmp_path / "model.ubj")
    (tmp_path / "signature.json").write_text('{"classes": ["bad", "fair", "good"]}')
    outputs = answers(opened(tmp_path / "model.ubj"), numbers().tolist())
    assert {"bad", "fair", "good"} >= set(outputs.predictions)


@pytest.mark.parametrize("kind", [xgboost.XGBClassifier, lightgbm.LGBMClassifier])
def test_estimators_in_pickles_know_their_categories(tmp_path: Path, kind: Any) -> None:
    """They are asked with plain numbers, and give what they give for a data frame."""
    options = {"enable_categorical": True} if kind is xgboost.XGBClassifier else QUIET
    estimator = kind(n_estimators=4, n_jobs=1, **options).fit(categorical_frame(), counted_labels())
    model = opened(dump(estimator, tmp_path / "model.joblib"))
    outputs = answers(model, categorical_rows())
    np.testing.assert_array_equal(estimator.predict(categorical_frame()), outputs.predictions)
    np.testing.assert_allclose(estimator.predict_proba(categorical_frame()), outputs.probabilities, rtol=1e-6)
    assert {"scikit-learn", kind.__module__.partition(".")[0]} <= set(model.stack)


@pytest.mark.parametrize("kind", [xgboost.XGBRegressor, lightgbm.LGBMRegressor])
def test_estimators_with_names_are_asked_without_a_warning(tmp_path: Path, kind: Any) -> None:
    """Though they get a plain array."""
    data = pandas.DataFrame(numbers(), columns=list(NAMES))
    options = {} if kind is xgboost.XGBRegressor else QUIET
    estimator = kind(n_estimators=4, n_jobs=2, **options).fit(data, targets())
    model = opened(dump(estimator, tmp_path / "model.joblib"))
    np.testing.assert_allclose(estimator.predict(data), answers(model, numbers().tolist()).predictions, rtol=1e-6)


def test_a_pickled_booster_is_opened_as_its_file_would_be(tmp_path: Path) -> None:
    """XGBoost's and LightGBM's alike."""
    one = boost("binary:logistic", targets() > 3)
    other = lightgbm.train({"objective": "binary", **QUIET}, lightgbm.Dataset(numbers(), targets() > 3), 4)
    for booster in (one, other):
        model = opened(dump(booster, tmp_path / "model.pkl"))
        assert (0, 1) == model.predictor.signature.classes
        assert (ROWS, 2) == answers(model, numbers().tolist()).probabilities.shape


def test_broken_files_are_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """In one sentence."""
    (tmp_path / "model.json").write_text('{"learner": {}}')
    (tmp_path / "model.txt").write_text("tree\nnothing=else\n")
    with pytest.raises(UsageError, match="XGBoost can't read this"):
        opened(tmp_path / "model.json")
    with pytest.raises(UsageError, match="LightGBM can't read this"):
        opened(tmp_path / "model.txt")
    capfd.readouterr()


def test_text_is_refused_where_no_categories_are_known(tmp_path: Path) -> None:
    """At load, not at the first request."""
    boost("reg:squarederror", targets()).save_model(tmp_path / "model.ubj")
    (tmp_path / "signature.json").write_text('{"inputs": {"pH": {"type": "string"}}}')
    with pytest.raises(UsageError, match="takes text only where it was trained with categories"):
        opened(tmp_path / "model.ubj")


def test_labels_that_are_text_come_back(tmp_path: Path) -> None:
    """LightGBM's estimator keeps them."""
    estimator = lightgbm.LGBMClassifier(n_estimators=3, n_jobs=1, verbose=-1).fit(numbers(), labels())
    outputs = answers(opened(dump(estimator, tmp_path / "model.joblib")), numbers().tolist())
    np.testing.assert_array_equal(estimator.predict(numbers()), outputs.predictions)
