"""ONNX files."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from seatrial.records import UsageError
from seatrial.records.serving import Field, Form, Kind, Signature, Tensor
from seatrial.serve.loaders import digest_of, open_onnx
from seatrial.serve.loaders.packages import require
from tests.serve.loaders.makers import ROWS, answers, labels, mixed_frame, numbers, opened, ridge

skl2onnx = require("skl2onnx", install="skl2onnx")
types = require("skl2onnx.common.data_types", install="skl2onnx")

pytestmark = pytest.mark.filterwarnings("ignore")


def compiled(estimator: BaseEstimator, **options: Any) -> bytes:
    """As skl2onnx makes it: one matrix."""
    model = skl2onnx.to_onnx(estimator, numbers().astype("float32")[:1], options=options or None)
    return bytes(model.SerializeToString())


def graph(nodes: list[Any], inputs: list[Any], outputs: list[Any]) -> bytes:
    """A network of a few nodes."""
    model = helper.make_model(
        helper.make_graph(nodes, "net", inputs, outputs), opset_imports=[helper.make_opsetid("", 18)], ir_version=9
    )
    return bytes(model.SerializeToString())


def value(name: str, shape: list[Any], kind: int = TensorProto.FLOAT) -> Any:
    """An input or output."""
    return helper.make_tensor_value_info(name, kind, shape)


def test_a_matrix_of_numbers_is_columns_without_names(tmp_path: Path) -> None:
    """The type is the graph's, and one value a row comes back."""
    (tmp_path / "model.onnx").write_bytes(compiled(ridge()))
    model = opened(tmp_path / "model.onnx")
    signature = model.predictor.signature
    assert tuple(Field(name=f"x{index}", dtype="float32") for index in range(3)) == signature.fields
    assert (Form.COLUMNS, False, "onnx") == (signature.form, signature.named, model.flavour)
    predictions = answers(model, numbers().tolist()).predictions
    assert (ROWS,) == predictions.shape
    np.testing.assert_allclose(ridge().predict(numbers()), predictions, rtol=1e-4)
    assert "onnxruntime" in model.stack


@pytest.mark.parametrize("zipmap", [True, False])
def test_a_classifier_gives_labels_and_probabilities(tmp_path: Path, *, zipmap: bool) -> None:
    """As a matrix, or as the list of mappings that skl2onnx makes by default."""
    estimator = RandomForestClassifier(5, random_state=0).fit(numbers(), labels())
    (tmp_path / "model.onnx").write_bytes(compiled(estimator, zipmap=zipmap))
    model = opened(tmp_path / "model.onnx")
    outputs = answers(model, numbers().tolist())
    assert ("bad", "fair", "good") == model.predictor.signature.classes
    np.testing.assert_array_equal(estimator.predict(numbers()), outputs.predictions)
    np.testing.assert_allclose(estimator.predict_proba(numbers()), outputs.probabilities, atol=1e-5)


def test_scores_of_a_support_vector_machine_are_no_probabilities() -> None:
    """Though the output is called so."""
    predictor = open_onnx(compiled(LinearSVC(random_state=0).fit(numbers(), labels())))
    outputs: Any = predictor.predict(numbers().tolist())
    assert outputs.probabilities is None
    assert "good" in outputs.predictions


@pytest.mark.parametrize("classes", [(False, True), (0.0, 1.0), (1.0, 3.0)])
def test_labels_that_onnx_has_as_whole_numbers_come_back(classes: tuple[Any, ...]) -> None:
    """Truth values and floats keep their type."""
    y = np.array(classes)[(numbers()[:, 0] > 0).astype(int)]
    estimator = LogisticRegression().fit(numbers(), y)
    signature = Signature(form=Form.COLUMNS, fields=tuple(Field(name=name) for name in "abc"), classes=classes)
    outputs: Any = open_onnx(compiled(estimator), signature).predict(numbers().tolist())
    assert y.dtype == outputs.predictions.dtype
    np.testing.assert_array_equal(estimator.predict(numbers()), outputs.predictions)


@pytest.mark.parametrize("names", [("bad", "fair", "good"), (3, 4, 5)])
def test_names_take_the_place_of_counted_classes(names: tuple[Any, ...]) -> None:
    """Text and other numbers."""
    y = np.digitize(numbers()[:, 0], [-0.5, 0.5])
    estimator = LogisticRegression().fit(numbers(), y)
    signature = Signature(form=Form.COLUMNS, fields=tuple(Field(name=name) for name in "abc"), classes=names)
    outputs: Any = open_onnx(compiled(estimator), signature).predict(numbers().tolist())
    np.testing.assert_array_equal(np.array(names)[estimator.predict(numbers())], outputs.predictions)


def test_labels_that_are_numbers_of_their_own_stay_as_they_are() -> None:
    """They are no positions."""
    y = np.array([1, 2, 5])[np.digitize(numbers()[:, 0], [-0.5, 0.5])]
    estimator = LogisticRegression().fit(numbers(), y)
    signature = Signature(form=Form.COLUMNS, fields=tuple(Field(name=name) for name in "abc"), classes=(1, 2, 5))
    outputs: Any = open_onnx(compiled(estimator), signature).predict(numbers().tolist())
    np.testing.assert_array_equal(estimator.predict(numbers()), outputs.predictions)


def test_columns_of_several_types_are_named(tmp_path: Path) -> None:
    """One input a column, as skl2onnx makes them of a pipeline that selects by name."""
    data = mixed_frame()[["alcohol", "density", "color"]]
    columns = ColumnTransformer([("n", StandardScaler(), ["alcohol", "density"]), ("c", OneHotEncoder(), ["color"])])
    estimator = make_pipeline(columns, LogisticRegression()).fit(data, labels())
    number, text = types.FloatTensorType([None, 1]), types.StringTensorType([None, 1])
    content = skl2onnx.to_onnx(estimator, initial_types=[("alcohol", number), ("density", number), ("color", text)])
    (tmp_path / "model.onnx").write_bytes(content.SerializeToString())
    model = opened(tmp_path / "model.onnx")
    expected = [("alcohol", Kind.NUMBER), ("density", Kind.NUMBER), ("color", Kind.STRING)]
    assert expected == [(field.name, field.kind) for field in model.predictor.signature.fields]
    np.testing.assert_array_equal(estimator.predict(data), answers(model, data.to_numpy().tolist()).predictions)


def test_fields_in_another_order_find_their_inputs() -> None:
    """By name."""
    content = graph(
        [helper.make_node("Sub", ["a", "b"], ["difference"])],
        [value("a", [None, 1]), value("b", [None, 1])],
        [value("difference", [None, 1])],
    )
    signature = Signature(form=Form.COLUMNS, fields=(Field(name="b"), Field(name="a")))
    outputs: Any = open_onnx(content, signature).predict([[1.0, 5.0], [2.0, 3.0]])
    assert [4.0, 1.0] == outputs.predictions.tolist()


def test_fields_with_other_names_fill_the_inputs_in_order() -> None:
    """A matrix takes as many as it is wide."""
    content = graph(
        [helper.make_node("Mul", ["matrix", "factor"], ["product"])],
        [value("matrix", [None, 2]), value("factor", [None, 1])],
        [value("product", [None, 2])],
    )
    signature = Signature(form=Form.COLUMNS, fields=tuple(Field(name=name) for name in "xyz"))
    predictor: Any = open_onnx(content, signature)
    assert [[10.0, 20.0]] == predictor.predict([[1.0, 2.0, 10.0]]).predictions.tolist()
    assert [[10.0, 20.0]] == predictor.predict(np.array([[1.0, 2.0, 10.0]])).predictions.tolist()


def test_other_shapes_are_tensors(tmp_path: Path) -> None:
    """With the types, names and axes of the graph; all outputs come back, the first as prediction."""
    content = graph(
        [
            helper.make_node("Relu", ["image"], ["positive"]),
            helper.make_node("ReduceSum", ["image"], ["total"], keepdims=0),
        ],
        [value("image", ["batch", 2, 2])],
        [value("positive", ["batch", 2, 2]), value("total", [])],
    )
    (tmp_path / "model.onnx").write_bytes(content)
    signature = opened(tmp_path / "model.onnx").predictor.signature
    assert (Tensor(name="image", dtype="float32", shape=(None, 2, 2)),) == signature.tensors
    assert "positive" == signature.output
    assert {"image": [[1.0, 1.0], [1.0, 1.0]]} == signature.example


def test_several_tensors_are_taken_by_name() -> None:
    """Lists of any number become arrays of the graph's type."""
    content = graph(
        [helper.make_node("MatMul", ["left", "right"], ["product"]), helper.make_node("Identity", ["left"], ["same"])],
        [value("left", [None, 2, 2]), value("right", [None, 2, 2])],
        [value("product", [None, 2, 2]), value("same", [None, 2, 2])],
    )
    eye = np.eye(2)[None]
    outputs: Any = open_onnx(content).predict({"left": 3 * eye, "right": eye})
    np.testing.assert_array_equal(3 * eye, outputs.predictions)
    assert ["product", "same"] == list(outputs.arrays)


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_a_graph_with_a_fixed_batch_gets_batches_of_that_size(rows: int) -> None:
    """The last one is filled up, and what was added is cut off again."""
    content = graph([helper.make_node("Relu", ["x"], ["y"])], [value("x", [2, 2, 2])], [value("y", [2, 2, 2])])
    data = np.arange(rows * 4, dtype="float32").reshape(rows, 2, 2)
    outputs: Any = open_onnx(content).predict({"x": data})
    np.testing.assert_array_equal(data, outputs.predictions)


def test_whole_numbers_and_truth_values_keep_their_types() -> None:
    """The kinds follow the graph."""
    content = graph(
        [
            helper.make_node("Cast", ["flag"], ["number"], to=TensorProto.INT64),
            helper.make_node("Add", ["number", "count"], ["sum"]),
        ],
        [value("flag", [None, 1], TensorProto.BOOL), value("count", [None, 1], TensorProto.INT64)],
        [value("sum", [None, 1], TensorProto.INT64)],
    )
    predictor: Any = open_onnx(content)
    assert [Kind.BOOLEAN, Kind.INTEGER] == [field.kind for field in predictor.signature.fields]
    assert [3, 7] == predictor.predict([[True, 2], [False, 7]]).predictions.tolist()


def test_a_missing_whole_number_is_refused_when_the_model_is_opened() -> None:
    """The graph has nothing that could stand for it."""
    content = graph(
        [helper.make_node("Identity", ["n"], ["m"])],
        [value("n", [None, 1], TensorProto.INT64)],
        [value("m", [None, 1], TensorProto.INT64)],
    )
    field = Field(name="n", kind=Kind.INTEGER, dtype="int64", optional=True)
    with pytest.raises(UsageError, match="n can't be optional"):
        open_onnx(content, Signature(form=Form.COLUMNS, fields=(field,)))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ((Field(name="a"),), "the graph doesn't take 1 columns"),
        (tuple(Field(name=name, kind=Kind.STRING) for name in "abc"), "takes float32 there, not string"),
    ],
)
def test_a_signature_that_does_not_fit_is_refused(fields: tuple[Field, ...], message: str) -> None:
    """When the model is opened."""
    with pytest.raises(UsageError, match=message):
        open_onnx(compiled(ridge()), Signature(form=Form.COLUMNS, fields=fields))


def test_a_width_that_the_graph_leaves_open_is_told_by_a_file(tmp_path: Path) -> None:
    """The matrix then has columns."""
    content = graph([helper.make_node("Relu", ["x"], ["y"])], [value("x", [None, None])], [value("y", [None, None])])
    (tmp_path / "model.onnx").write_bytes(content)
    (tmp_path / "signature.json").write_text('{"inputs": ["a", "b"]}')
    model = opened(tmp_path / "model.onnx")
    assert ["a", "b"] == [field.name for field in model.predictor.signature.fields]
    assert [[1.0, 0.0]] == answers(model, [[1.0, -2.0]]).predictions.tolist()


def test_an_embedded_signature_is_believed(tmp_path: Path) -> None:
    """The compiler writes it, with names that the graph has no place for."""
    metadata = require("seatrial.serve.compile.metadata", install="seatrial")
    signature = Signature(form=Form.COLUMNS, fields=tuple(Field(name=name) for name in "abc"), output="quality")
    model = onnx.load_from_string(compiled(ridge()))
    helper.set_model_props(model, {metadata.SIGNATURE_KEY: metadata.signature_to_json(signature)})
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    found = opened(tmp_path / "model.onnx").predictor.signature
    assert (signature.fields, "quality") == (found.fields, found.output)


def test_a_directory_may_hold_the_only_file(tmp_path: Path) -> None:
    """With its signature beside it; the digest is the directory's."""
    (tmp_path / "model.onnx").write_bytes(compiled(ridge()))
    (tmp_path / "signature.json").write_text('{"inputs": ["a", "b", "c"]}')
    model = opened(tmp_path)
    assert ["a", "b", "c"] == [field.name for field in model.predictor.signature.fields]
    assert (digest_of(tmp_path), tmp_path) == (model.digest, model.artifact)


def test_a_file_that_is_something_else_is_refused(tmp_path: Path) -> None:
    """With onnxruntime's reason."""
    (tmp_path / "model.onnx").write_bytes(b"hello")
    with pytest.raises(UsageError, match="onnxruntime can't open this"):
        opened(tmp_path / "model.onnx")
