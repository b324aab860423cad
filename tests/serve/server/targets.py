"""Models of each form, with good requests for them in every protocol."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onnx import TensorProto, helper

from tests.serve.loaders.makers import dump, mixed_pipeline
from tests.serve.server.nonsense import Seed

ANYTHING = '''"""Answers whatever it is given."""


class Anything:
    def predict(self, batch):
        return batch
'''
RANGES = """inputs:
  alcohol: {minimum: -1000, maximum: 1000}
  density: {minimum: -1000, exclusive_maximum: 1000}
  pH: {minimum: -1000, maximum: 1000, optional: true}
  color: {choices: [red, white]}
  note: {optional: true}
"""

Make = Callable[[Path, Path], "Target"]
"""Makes a target from a fitted ridge and a folder to write to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A model to ask, and good requests for it, the first of them for `POST /predict`."""

    arguments: tuple[str, ...]
    seeds: tuple[Seed, ...]


def columns(path: Path, rows: Sequence[dict[str, Any]]) -> Target:
    """A model of columns, in every protocol."""
    values = [list(row.values()) for row in rows]
    matrix = {"name": "input-0", "shape": [1, len(values[0])], "datatype": "FP64", "data": values[0]}
    texts = {name for name in rows[0] if any(isinstance(row[name], str) for row in rows)}
    tensors = [
        {
            "name": name,
            "shape": [2],
            "datatype": "BYTES" if name in texts else "FP64",
            "data": [row[name] for row in rows],
        }
        for name in rows[0]
    ]
    bodies = [rows, rows[0], values, values[0], {"inputs": rows}, {"instances": values}]
    infer = f"/v2/models/{path.stem}/infer"
    return Target(
        arguments=(str(path),),
        seeds=(
            *(Seed(path="/predict", document=body) for body in bodies),
            Seed(path=f"/v1/models/{path.stem}:predict", document={"instances": values}),
            Seed(path=infer, document={"id": "1", "inputs": [matrix]}),
            Seed(path=infer, document={"inputs": tensors, "outputs": [{"name": "predict"}]}),
            Seed(path="/feedback", document=[{"request_id": "a", "row": 0, "label": 1}]),
        ),
    )


def numbers(ridge: Path, folder: Path) -> Target:
    """Three numbers, compiled."""
    del folder
    return columns(ridge, [{"x0": 1.0, "x1": 2.0, "x2": 3.0}, {"x0": 4.0, "x1": 5.0, "x2": 6.0}])


def mixed(ridge: Path, folder: Path) -> Target:
    """Numbers and texts, choices, and fields that may be left out."""
    del ridge
    rows: list[dict[str, Any]] = [
        {"alcohol": 1.0, "density": 2.0, "pH": None, "color": "red", "note": None},
        {"alcohol": 4.0, "density": 5.0, "pH": 6.0, "color": "white", "note": "dry"},
    ]
    (folder / "signature.yaml").write_text(RANGES)
    return columns(dump(mixed_pipeline(), folder / "mixed.joblib"), rows)


def network(ridge: Path, folder: Path) -> Target:
    """Two arrays, one of them of any length."""
    del ridge
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2, 2]),
        helper.make_tensor_value_info("k", TensorProto.INT64, ["n", "any"]),
    ]
    outputs = [
        helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2, 2]),
        helper.make_tensor_value_info("z", TensorProto.INT64, ["n", "any"]),
    ]
    nodes = [helper.make_node("Sqrt", ["x"], ["y"]), helper.make_node("Abs", ["k"], ["z"])]
    graph = helper.make_graph(nodes, "network", inputs, outputs)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    path = folder / "network.onnx"
    path.write_bytes(made.SerializeToString())
    row = {"x": [[1.0, 2.0], [3.0, 4.0]], "k": [1, 2, 3]}
    tensors = [
        {"name": "x", "shape": [1, 2, 2], "datatype": "FP32", "data": [1.0, 2.0, 3.0, 4.0]},
        {"name": "k", "shape": [1, 3], "datatype": "INT64", "data": [1, 2, 3]},
    ]
    return Target(
        arguments=(str(path),),
        seeds=(
            Seed(path="/predict", document=row),
            Seed(path="/predict", document=[row, row]),
            Seed(path="/v1/models/network:predict", document={"instances": [row]}),
            Seed(path="/v2/models/network/infer", document={"inputs": tensors}),
        ),
    )


def anything(ridge: Path, folder: Path) -> Target:
    """A Python class that takes any JSON."""
    del ridge
    (folder / "echo.py").write_text(ANYTHING)
    tensor = {"name": "x", "shape": [2], "datatype": "BYTES", "data": ["a", "b"]}
    return Target(
        arguments=("echo:Anything",),
        seeds=(
            Seed(path="/predict", document={"user": "a", "items": [1, {"b": None}]}),
            Seed(path="/predict", document={"inputs": [1, "a", None]}),
            Seed(path="/v1/models/anything:predict", document={"instances": [{"a": 1}, 2]}),
            Seed(path="/v2/models/anything/infer", document={"inputs": [tensor]}),
        ),
    )
