"""Questions of the Open Inference Protocol as JSON."""

from collections.abc import Sequence
from typing import Any


def tensor(name: str, shape: Sequence[int], datatype: str, data: Sequence[Any], **parameters: Any) -> dict[str, Any]:
    """An input with its data."""
    made = {"name": name, "shape": list(shape), "datatype": datatype, "data": list(data)}
    return made | ({"parameters": parameters} if parameters else {})


def question(*inputs: dict[str, Any], outputs: Sequence[str] = (), **more: Any) -> dict[str, Any]:
    """A request with an id; `outputs` are the names of those that are wanted, `more` is taken as it is."""
    wanted = {"outputs": [{"name": name} for name in outputs]} if outputs else {}
    return {"id": "order-7", "inputs": list(inputs), **wanted, **more}
