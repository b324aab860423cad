"""MLflow model directories."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from seatrial.records import UsageError
from seatrial.records.serving import Field, Form, Kind, Tensor
from seatrial.serve.loaders import digest_of
from tests.serve.loaders.makers import (
    NAMES,
    answers,
    frame,
    labels,
    mixed_frame,
    mixed_pipeline,
    numbers,
    opened,
    pandas,
    targets,
)

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
mlflow: Any = pytest.importorskip("mlflow")
flavours: Any = pytest.importorskip("mlflow.sklearn")
pyfunc: Any = pytest.importorskip("mlflow.pyfunc")
models: Any = pytest.importorskip("mlflow.models")

pytestmark = pytest.mark.filterwarnings("ignore")
REQUIREMENTS = {"pip_requirements": ["scikit-learn"]}


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Where a model is saved."""
    return str(tmp_path / "model")


def python_model(answer: Callable[[Any], Any]) -> Any:
    """Stands for any flavour: a pyfunc model that answers so."""

    class Made(pyfunc.PythonModel):  # type: ignore[misc]
        def predict(self, model_input: Any) -> Any:
            return answer(model_input)

    return Made()


def test_columns_come_from_the_signature(path: str) -> None:
    """With types; the estimator is asked directly and gives probabilities."""
    estimator = LogisticRegression().fit(frame(), labels())
    signature = models.infer_signature(frame(), labels())
    flavours.save_model(estimator, path, signature=signature, input_example=frame().head(2), **REQUIREMENTS)
    model = opened(path)
    found = model.predictor.signature
    outputs = answers(model, numbers().tolist())
    np.testing.assert_array_equal(estimator.predict(frame()), outputs.predictions)
    np.testing.assert_allclose(estimator.predict_proba(frame()), outputs.probabilities)
    assert NAMES == tuple(field.name for field in found.fields)
    assert (("bad", "fair", "good"), "mlflow") == (found.classes, model.flavour)
    assert (numbers()[0].tolist(), True) == (found.example, found.trusted_example)
    assert isinstance(model.estimator, LogisticRegression)
    assert digest_of(path) == model.digest
    assert {"mlflow", "scikit-learn"} <= set(model.stack)


def test_an_unnamed_matrix_is_columns_without_names(path: str) -> None:
    """As in an ONNX file."""
    estimator = Ridge().fit(numbers(), targets())
    signature = models.infer_signature(numbers(), targets())
    flavours.save_model(estimator, path, signature=signature, **REQUIREMENTS)
    model = opened(path)
    assert (Form.COLUMNS, False) == (model.predictor.signature.form, model.predictor.signature.named)
    np.testing.assert_allclose(targets(), answers(model, numbers().tolist()).predictions, atol=0.5)


def test_without_a_signature_the_estimator_tells(path: str) -> None:
    """Of a scikit-learn model."""
    flavours.save_model(Ridge().fit(frame(), targets()), path, **REQUIREMENTS)
    assert NAMES == tuple(field.name for field in opened(path).predictor.signature.fields)


def test_choices_of_the_estimator_are_kept(path: str) -> None:
    """MLflow's signature knows types only; what may be missing it says itself."""
    data = mixed_frame()
    spec = models.infer_signature(data, labels())
    flavours.save_model(mixed_pipeline(), path, signature=spec, serialization_format="cloudpickle", **REQUIREMENTS)
    fields = {field.name: field for field in opened(path).predictor.signature.fields}
    assert ("red", "white") == fields["color"].choices
    assert (False, True) == (fields["color"].optional, fields["note"].optional)


def test_any_flavour_is_asked_through_pyfunc(path: str) -> None:
    """With a data frame of the right types; a single column comes back as one value a row."""
    data = pandas.DataFrame({"n": pandas.Series([1, 2], dtype="int32"), "word": ["a", "b"]})
    signature = models.infer_signature(data, pandas.DataFrame({"said": ["a", "bb"]}))
    pyfunc.save_model(
        path,
        python_model=python_model(lambda rows: pandas.DataFrame({"said": rows["word"] * rows["n"]})),
        signature=signature,
        pip_requirements=[],
    )
    model = opened(path)
    expected = (
        Field(name="n", kind=Kind.INTEGER, dtype="int32"),
        Field(name="word", kind=Kind.STRING, dtype="object"),
    )
    assert expected == model.predictor.signature.fields
    assert ["xxx", "y"] == list(answers(model, [[3, "x"], [1, "y"]]).predictions)
    assert "said" == model.predictor.signature.output
    assert model.estimator is None


def test_several_columns_are_several_outputs(path: str) -> None:
    """The first of them is the prediction."""
    made = python_model(lambda rows: rows.assign(b=rows["a"] + 1))
    pyfunc.save_model(
        path, python_model=made, signature=models.infer_signature(pandas.DataFrame({"a": [1.0]})), pip_requirements=[]
    )
    outputs = answers(opened(path), [[1.0], [2.0]])
    assert [1.0, 2.0] == list(outputs.predictions)
    assert {"a": [1.0, 2.0], "b": [2.0, 3.0]} == {name: list(array) for name, array in outputs.arrays.items()}


def test_tensors_come_by_name(path: str) -> None:
    """With the axes of the signature."""
    schema = pytest.importorskip("mlflow.types.schema")
    inputs = schema.Schema(
        [
            schema.TensorSpec(np.dtype("float32"), (-1, 2, 2), "image"),
            schema.TensorSpec(np.dtype("int64"), (-1,), "scale"),
        ]
    )
    made = python_model(lambda arrays: arrays["image"].sum(axis=(1, 2)) * arrays["scale"])
    pyfunc.save_model(path, python_model=made, signature=models.ModelSignature(inputs), pip_requirements=[])
    model = opened(path)
    expected = (
        Tensor(name="image", dtype="float32", shape=(None, 2, 2)),
        Tensor(name="scale", dtype="int64", shape=(None,)),
    )
    assert expected == model.predictor.signature.tensors
    outputs = answers(model, {"image": np.ones((2, 2, 2), dtype="float32"), "scale": np.array([1, 5])})
    assert [4.0, 20.0] == list(outputs.predictions)


def test_a_single_tensor_without_a_name_comes_as_it_is(path: str) -> None:
    """It gets a name for callers only."""
    signature = models.infer_signature(np.ones((2, 2, 2)))
    made = python_model(lambda array: array.sum(axis=(1, 2)))
    pyfunc.save_model(path, python_model=made, signature=signature, pip_requirements=[])
    outputs = answers(opened(path), {"input0": np.ones((3, 2, 2))})
    assert [4.0] * 3 == list(outputs.predictions)


def test_without_any_signature_rows_are_json(path: str) -> None:
    """Mappings become a data frame, lists a matrix."""
    pyfunc.save_model(path, python_model=python_model(lambda rows: np.asarray(rows).sum(axis=1)), pip_requirements=[])
    model = opened(path)
    assert Form.JSON is model.predictor.signature.form
    assert [3.0, 7.0] == list(answers(model, [{"a": 1.0, "b": 2.0}, {"a": 3.0, "b": 4.0}]).predictions)
    assert [3.0, 7.0] == list(answers(model, [[1.0, 2.0], [3.0, 4.0]]).predictions)


def test_dates_come_as_text(path: str) -> None:
    """And reach the model as dates, in UTC."""
    data = pandas.DataFrame({"day": pandas.to_datetime(["2024-02-29", "2024-03-01"]).as_unit("ns")})
    made = python_model(lambda rows: rows["day"].dt.strftime("%d.%m. %H:%M"))
    pyfunc.save_model(path, python_model=made, signature=models.infer_signature(data), pip_requirements=[])
    model = opened(path)
    rows = [["2024-02-29"], ["2024-03-01T10:30:00+02:00"]]
    assert ["29.02. 00:00", "01.03. 08:30"] == list(answers(model, rows).predictions)


def test_type_hints_take_any_json(path: str) -> None:
    """The list itself, checked by mlflow."""

    class Hinted(pyfunc.PythonModel):  # type: ignore[misc]
        def predict(self, model_input: list[dict[str, Any]]) -> list[int]:
            return [len(row) for row in model_input]

    pyfunc.save_model(path, python_model=Hinted(), pip_requirements=[])
    assert [2, 1] == list(answers(opened(path), [{"a": 1, "b": "x"}, {"a": 2}]).predictions)


def test_code_in_the_directory_leaves_its_digest_alone(tmp_path: Path, path: str) -> None:
    """Importing it writes nothing beside it."""
    (tmp_path / "added_code.py").write_text("def double(rows):\n    return rows['a'] * 2\n")
    (tmp_path / "model.py").write_text(
        "import mlflow\n\nclass Model(mlflow.pyfunc.PythonModel):\n    def predict(self, context, data, params=None):\n"
        "        from added_code import double\n        return double(data)\n\nmlflow.models.set_model(Model())\n"
    )
    signature = models.infer_signature(pandas.DataFrame({"a": [1.0]}))
    pyfunc.save_model(
        path,
        python_model=str(tmp_path / "model.py"),
        code_paths=[str(tmp_path / "added_code.py")],
        signature=signature,
        pip_requirements=[],
    )
    model = opened(path)
    assert [8.0] == list(answers(model, [[4.0]]).predictions)
    assert digest_of(path) == model.digest


def test_nothing_is_printed(path: str, capfd: pytest.CaptureFixture[str]) -> None:
    """What mlflow has to say comes as sentences for the log; telemetry is off."""
    flavours.save_model(Ridge().fit(frame(), targets()), path, pip_requirements=["scikit-learn==0.1"])
    capfd.readouterr()
    model = opened(path)
    assert ("", "") == capfd.readouterr()
    assert any("--trusted-digest" in sentence for sentence in model.warnings)
    assert "true" == os.environ["MLFLOW_DISABLE_TELEMETRY"]


def test_a_pinned_directory_is_opened(path: str) -> None:
    """Which its digest covers as a whole."""
    flavours.save_model(Ridge().fit(frame(), targets()), path, **REQUIREMENTS)
    assert opened(path, trusted_digests=(digest_of(path),)).estimator is not None


def test_a_broken_directory_is_refused(tmp_path: Path) -> None:
    """With mlflow's reason."""
    (tmp_path / "MLmodel").write_text("flavors: {python_function: {loader_module: vanished_package}}\n")
    with pytest.raises(UsageError, match="needs the package vanished_package"):
        opened(tmp_path)
