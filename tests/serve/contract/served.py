"""What the servers of these tests serve besides fitted models: a network with two inputs, and Python classes."""

from pathlib import Path

import onnx
from onnx import TensorProto, helper

CLASSES = '''"""Models that take any JSON."""


class Shop:
    """Says what a user might like; the user comes from the path or from the JSON."""

    routes = ("GET /recommend/{user}",)

    def predict(self, batch):
        return [{"user": row["user"], "items": [1, 2]} if isinstance(row, dict) else len(row) for row in batch]


class Quality:
    """A regression: the mean of the numbers."""

    routes = ("GET /recommend/{user}",)

    def predict(self, batch):
        return [sum(row["values"]) / len(row["values"]) if "values" in row else 0.5 for row in batch]
'''


def write_classes(folder: Path) -> Path:
    """`models.py` in a folder, whose classes are served as `models:Name`."""
    (folder / "models.py").write_text(CLASSES)
    return folder


def write_two_inputs(path: Path) -> Path:
    """An ONNX file: `total` is the sum of two matrices (n, 2) and `larger` says where the first is larger."""
    nodes = [
        helper.make_node("Add", ["left", "right"], ["total"]),
        helper.make_node("Greater", ["left", "right"], ["larger"]),
    ]
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 2]) for name in ("left", "right")]
    outputs = [
        helper.make_tensor_value_info("total", TensorProto.FLOAT, ["n", 2]),
        helper.make_tensor_value_info("larger", TensorProto.BOOL, ["n", 2]),
    ]
    graph = helper.make_graph(nodes, "two", inputs, outputs)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), str(path))
    return path
