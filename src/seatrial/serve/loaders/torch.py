"""TorchScript (`.pt`) and exported programs (`.pt2`): modules that bring their own graph, so no class has to be there.

A file of weights alone, or a whole pickled module, is no model to serve: the class that computes is missing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from seatrial.records import UsageError
from seatrial.records.serving import Form, Signature, Tensor
from seatrial.serve.loaders import digests
from seatrial.serve.loaders.opened import Loaded, Source
from seatrial.serve.loaders.packages import require, stack_of
from seatrial.serve.loaders.trust import check_trust
from seatrial.serve.model import Array, Batch, Outputs, Predictor

Torch: TypeAlias = Any
"""The package torch, or anything of it."""


def load(source: Source) -> Loaded:
    """Open a TorchScript module or an exported program.

    Both may hold pickled parts, so that they are opened only if they are trusted, as pickles are.

    Raises:
        UsageError: torch isn't installed, the file isn't trusted, or is neither of the two.
    """
    path = source.artifact
    digest = digests.digest_of(path)
    advice = check_trust(str(path), (digest,), source.trusted)
    torch = require("torch", install="seatrial[torch]")
    torch.set_num_threads(1)
    opening = _exported if path.suffix == ".pt2" else _scripted
    try:
        module, signature = opening(torch, str(path))
    except Exception as error:
        remedy = "save it with torch.jit.save (.pt) or torch.export.save (.pt2)"
        raise UsageError(f"torch can't open this: {error}", where=str(path), remedy=remedy) from error
    return Loaded(
        signature=signature,
        bind=lambda final: _bind(torch, module, final),
        digest=digest,
        stack=stack_of("torch"),
        warnings=advice,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchPredictor:
    """A module with its arguments in order."""

    signature: Signature
    torch: Torch
    module: Torch
    arguments: Callable[[Batch], list[Array]]

    def predict(self, batch: Batch) -> Outputs:
        """Answer a batch."""
        with self.torch.inference_mode():
            answer = self.module(*(self.torch.from_numpy(array) for array in self.arguments(batch)))
        return _outputs(answer)


def _scripted(torch: Torch, path: str) -> tuple[Torch, Signature]:
    """TorchScript tells neither shapes nor types: the signature file has to."""
    return torch.jit.load(path, map_location="cpu").eval(), Signature(form=Form.JSON)


def _exported(torch: Torch, path: str) -> tuple[Torch, Signature]:
    program = torch.export.load(path)
    arguments = program.example_inputs[0] if program.example_inputs else ()
    names = list(program.graph_signature.user_inputs)
    tensors = tuple(_tensor(name, value) for name, value in zip(names, arguments, strict=False))
    return program.module(), Signature(form=Form.TENSORS if tensors else Form.JSON, tensors=tensors)


def _tensor(name: str, value: Torch) -> Tensor:
    return Tensor(name=name, dtype=str(value.dtype).removeprefix("torch."), shape=(None, *value.shape[1:]))


def _bind(torch: Torch, module: Torch, signature: Signature) -> Predictor:
    if signature.form is Form.JSON:
        remedy = "say in signature.yaml what it takes, as in inputs: {image: {shape: [null, 3, 224, 224]}}"
        raise UsageError("the module doesn't say which arrays it takes", where="signature", remedy=remedy)
    return TorchPredictor(signature=signature, torch=torch, module=module, arguments=_arguments(signature))


def _arguments(signature: Signature) -> Callable[[Batch], list[Array]]:
    """Columns become one float32 matrix, since that is what torch's layers take; torch wants arrays that it may write."""
    if signature.form is Form.COLUMNS:
        return lambda batch: [np.array(batch, dtype=np.float32)]
    dtypes = {tensor.name: np.dtype(tensor.dtype) for tensor in signature.tensors}
    return lambda batch: [np.array(_named(batch)[name], dtype=dtype) for name, dtype in dtypes.items()]


def _named(batch: Batch) -> Mapping[str, Array]:
    if not isinstance(batch, Mapping):
        raise TypeError("expected arrays by name")
    return batch


def _outputs(answer: Torch) -> Outputs:
    """One tensor, several, or a mapping of them; a column (rows, 1) counts as one value a row."""
    if isinstance(answer, Mapping):
        arrays = {str(name): each.numpy() for name, each in answer.items()}
    elif isinstance(answer, tuple | list):
        arrays = {f"output{index}": each.numpy() for index, each in enumerate(answer)}
    else:
        return Outputs(predictions=_flat(answer.numpy()))
    return Outputs(predictions=_flat(next(iter(arrays.values()))), arrays=arrays)


def _flat(array: Array) -> Array:
    return array[:, 0] if array.shape[1:] == (1,) else array
