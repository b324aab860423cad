"""A model is given a name, an engine and a trial run before anybody asks it."""

import logging
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LinearRegression

from seatrial.records import PermanentError
from seatrial.records.serving import Engine
from seatrial.serve.loading import Loaded, load
from seatrial.serve.options import EngineOption, ServeOptions

FIELDS = 3


class Centred(RegressorMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """A model with a fault that is often made: it subtracts the mean of whatever comes together."""

    def fit(self, rows: np.ndarray, target: np.ndarray) -> "Centred":
        """Learn nothing."""
        del target
        self.n_features_in_ = rows.shape[1]
        return self

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """The distance from the batch's mean."""
        return np.asarray(rows.sum(axis=1) - rows.sum(axis=1).mean())


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A fitted linear model in a file."""
    rows = np.random.default_rng(0).normal(size=(50, FIELDS))
    path = tmp_path / "My model.joblib"
    joblib.dump(LinearRegression().fit(rows, rows.sum(axis=1)), path)
    return path


def loaded(path: Path, engine: EngineOption = EngineOption.NATIVE) -> Loaded:
    """Opened as the server does."""
    return load(ServeOptions(model=str(path), engine=engine, cache=path.parent / "cache"))


def test_a_model_is_named_after_its_file_and_its_digest(model: Path) -> None:
    """Only characters that a path can hold."""
    info = loaded(model).info

    assert ("My-model", info.digest.removeprefix("sha256:")[:12]) == (info.name, info.version)


def test_the_signature_file_names_it_and_options_win(model: Path) -> None:
    """`name` and `version` of the file, unless the command line says otherwise."""
    (model.parent / "signature.yaml").write_text('name: wine\nversion: "7"\n')

    assert ("wine", "7") == (loaded(model).info.name, loaded(model).info.version)
    chosen = load(ServeOptions(model=str(model), engine=EngineOption.NATIVE, name="red", version="8"))
    assert ("red", "8") == (chosen.info.name, chosen.info.version)


@pytest.mark.slow
def test_a_compiled_model_keeps_name_and_version_from_the_file(model: Path) -> None:
    """Also on the second start, which opens nothing but the compiled model."""
    (model.parent / "signature.yaml").write_text('name: wine\nversion: "7"\n')

    for _ in range(2):
        found = loaded(model, EngineOption.ONNX)
        assert ("wine", "7", Engine.ONNX) == (found.info.name, found.info.version, found.info.choice.engine)
        assert ServeOptions(model="").max_batch == found.rows


def test_rows_that_depend_on_their_neighbours_are_asked_request_by_request(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Batching strangers together would change their answers; the log says why there are no batches."""
    path = tmp_path / "centred.joblib"
    joblib.dump(Centred().fit(np.ones((2, FIELDS)), np.ones(2)), path)

    with caplog.at_level(logging.WARNING, logger="seatrial.serve"):
        found = loaded(path)

    assert 1 == found.rows
    assert "requests are not batched" in caplog.text


def test_a_model_that_fails_on_its_own_example_does_not_start(model: Path) -> None:
    """The example in the signature file is what callers will be shown."""
    (model.parent / "signature.yaml").write_text("inputs: [a, b, c]\nexample: {a: 1, b: 2, c: 3}\n")
    broken = LinearRegression().fit(np.ones((4, FIELDS)), np.ones(4))
    broken.coef_ = np.ones(FIELDS + 1)
    joblib.dump(broken, model)

    with pytest.raises(PermanentError, match="fails on its own example"):
        loaded(model)


def test_one_call_was_timed(model: Path) -> None:
    """So that a slow model works in a thread from its first request on."""
    assert 0 < loaded(model).expected < 1
