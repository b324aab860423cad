"""Directories with the parts of one model."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import LabelEncoder, MinMaxScaler, StandardScaler

from seatrial.records import UsageError
from seatrial.serve.loaders import digest_of
from seatrial.serve.loaders.packages import require
from tests.serve.loaders.makers import answers, counted_labels, dump, frame, labels, numbers, opened, ridge, targets


def scaled() -> tuple[StandardScaler, Ridge]:
    """A scaler, and a model of what it gives."""
    scaler = StandardScaler().fit(numbers())
    return scaler, Ridge().fit(scaler.transform(numbers()), targets())


@pytest.mark.parametrize("names", [("scaler", "model"), ("z", "a")])
def test_a_scaler_comes_before_the_model(tmp_path: Path, names: tuple[str, str]) -> None:
    """Whatever the files are called."""
    for name, part in zip(names, scaled(), strict=True):
        dump(part, tmp_path / f"{name}.joblib")
    scaler, regressor = scaled()
    model = opened(tmp_path)
    np.testing.assert_allclose(
        regressor.predict(scaler.transform(numbers())), answers(model, numbers().tolist()).predictions
    )
    assert digest_of(tmp_path) == model.digest
    assert list(names) == [name for name, _ in model.estimator.steps]


def test_pickles_and_skops_files_are_chained(tmp_path: Path) -> None:
    """A part may be kept in any of the forms."""
    scaler, regressor = scaled()
    require("skops.io", install="skops").dump(scaler, tmp_path / "scaler.skops")
    dump(regressor, tmp_path / "model.pkl")
    (sentence,) = opened(tmp_path).warnings
    assert "model.pkl" in sentence


def test_the_order_follows_from_the_widths(tmp_path: Path) -> None:
    """Three columns can only be scaled before they are projected onto two."""
    scaler = StandardScaler().fit(numbers())
    projection = PCA(2).fit(scaler.transform(numbers()))
    dump(Ridge().fit(projection.transform(scaler.transform(numbers())), targets()), tmp_path / "b.joblib")
    dump(projection, tmp_path / "a.joblib")
    dump(scaler, tmp_path / "c.joblib")
    assert ["c", "a", "b"] == [name for name, _ in opened(tmp_path).estimator.steps]


def test_where_two_orders_are_possible_the_owner_tells_it(tmp_path: Path) -> None:
    """Both scalers take and give three columns."""
    dump(StandardScaler().fit(numbers()), tmp_path / "standard.joblib")
    dump(MinMaxScaler().fit(numbers()), tmp_path / "minmax.joblib")
    dump(ridge(), tmp_path / "model.joblib")
    with pytest.raises(UsageError, match="more than one order") as raised:
        opened(tmp_path)
    assert raised.value.remedy.endswith("steps: [minmax, standard, model]")
    (tmp_path / "signature.json").write_text('{"steps": ["standard", "minmax", "model"]}')
    assert ["standard", "minmax", "model"] == [name for name, _ in opened(tmp_path).estimator.steps]


def test_steps_may_leave_artifacts_out(tmp_path: Path) -> None:
    """These aren't opened at all."""
    (tmp_path / "old.joblib").write_bytes(b"not a pickle")
    for name, part in zip(("scaler", "model"), scaled(), strict=True):
        dump(part, tmp_path / f"{name}.joblib")
    (tmp_path / "signature.json").write_text('{"steps": ["scaler", "model"]}')
    assert 2 == len(opened(tmp_path).estimator.steps)


@pytest.mark.parametrize(
    ("steps", "message", "remedy"),
    [
        ('["scalar", "model"]', "no artifact for the step scalar", "did you mean scaler?"),
        ('["model", "scaler"]', "neither transforms nor predicts|can't predict", ""),
    ],
)
def test_wrong_steps_are_told(tmp_path: Path, steps: str, message: str, remedy: str) -> None:
    """With the one that was meant."""
    for name, part in zip(("scaler", "model"), scaled(), strict=True):
        dump(part, tmp_path / f"{name}.joblib")
    (tmp_path / "signature.json").write_text(f'{{"steps": {steps}}}')
    with pytest.raises(UsageError, match=message) as raised:
        opened(tmp_path)
    assert remedy in raised.value.remedy


def test_a_label_encoder_names_the_classes(tmp_path: Path) -> None:
    """It stands behind the model, not before it."""
    dump(LabelEncoder().fit(labels()), tmp_path / "encoder.joblib")
    classifier = LogisticRegression().fit(numbers(), counted_labels())
    dump(classifier, tmp_path / "model.joblib")
    model = opened(tmp_path)
    assert ("bad", "fair", "good") == model.predictor.signature.classes
    expected = np.array(["bad", "fair", "good"])[classifier.predict(numbers())]
    np.testing.assert_array_equal(expected, answers(model, numbers().tolist()).predictions)


def test_names_come_from_the_first_part(tmp_path: Path) -> None:
    """It is the one that saw the columns."""
    scaler = StandardScaler().fit(frame())
    dump(scaler, tmp_path / "scaler.joblib")
    dump(Ridge().fit(scaler.transform(frame()), targets()), tmp_path / "model.joblib")
    assert ["alcohol", "density", "pH"] == [field.name for field in opened(tmp_path).predictor.signature.fields]


def test_two_models_leave_a_doubt(tmp_path: Path) -> None:
    """Unless the owner names one of them."""
    dump(ridge(), tmp_path / "new.joblib")
    dump(ridge(), tmp_path / "old.joblib")
    with pytest.raises(UsageError, match="several artifacts can predict: new, old"):
        opened(tmp_path)
    (tmp_path / "signature.json").write_text('{"steps": ["new"]}')
    assert opened(tmp_path).estimator is not None


def test_parts_that_do_not_fit_are_told(tmp_path: Path) -> None:
    """With the columns that each takes and gives."""
    dump(StandardScaler().fit(numbers()[:, :2]), tmp_path / "scaler.joblib")
    dump(ridge(), tmp_path / "model.joblib")
    with pytest.raises(UsageError, match="scaler takes 2 and gives 2; model takes 3"):
        opened(tmp_path)


def test_other_things_are_refused(tmp_path: Path) -> None:
    """A part has to transform or to predict."""
    dump({"threshold": 3}, tmp_path / "settings.pkl")
    dump(ridge(), tmp_path / "model.joblib")
    with pytest.raises(UsageError, match="settings holds a dict"):
        opened(tmp_path)


def test_one_step_in_two_forms_leaves_a_doubt(tmp_path: Path) -> None:
    """They could differ."""
    dump(ridge(), tmp_path / "model.joblib")
    dump(ridge(), tmp_path / "model.pkl")
    with pytest.raises(UsageError, match="are the same step"):
        opened(tmp_path)
