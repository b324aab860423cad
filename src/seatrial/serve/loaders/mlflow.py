"""MLflow model directories, of any flavour, through pyfunc.

A scikit-learn model in them is asked directly, where that is the same: pyfunc makes a data frame for every call.
"""

import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from seatrial.records import UsageError
from seatrial.records.serving import Form, Kind, Signature
from seatrial.serve.loaders import digests, inputs
from seatrial.serve.loaders.estimators import bind_estimator
from seatrial.serve.loaders.estimators import signature_of as signature_of_estimator
from seatrial.serve.loaders.mlflow_schema import UNNAMED, signature_of
from seatrial.serve.loaders.opened import Loaded, Source
from seatrial.serve.loaders.packages import require, stack_of
from seatrial.serve.loaders.trust import check_trust
from seatrial.serve.model import Array, Batch, Outputs, Predictor
from seatrial.serve.signature.columns import Estimator
from seatrial.serve.signature.values import fits

PyFunc: TypeAlias = Any
"""An `mlflow.pyfunc.PyFuncModel`."""

_INSTALL = "seatrial[mlflow]"
_NO_TELEMETRY = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}


def load(source: Source) -> Loaded:
    """Open an MLflow model directory.

    What runs code in it isn't seen from outside (the description names the loader and the files), so that only the
    digest of the whole directory makes it trusted.

    Raises:
        UsageError: mlflow isn't installed, the directory isn't trusted, or mlflow can't load it.
    """
    path = source.artifact
    digest = digests.digest_of(path)
    advice = check_trust(str(path), (digest,), source.trusted)
    model, warnings = _opened(path)
    metadata = model.metadata
    said = metadata.signature
    signature = signature_of(said and said.inputs, said and said.outputs)
    estimator = _estimator(model, signature)
    has_hints = bool(metadata.to_dict().get("is_signature_from_type_hint"))
    own = Signature(form=Form.JSON) if has_hints else signature
    return Loaded(
        signature=_with_example(_completed(own, estimator), metadata, str(path)),
        bind=lambda final: _bind(model, estimator, final, has_hints=has_hints),
        digest=digest,
        stack=stack_of("mlflow", *metadata.flavors, *(("sklearn", "scipy") if estimator is not None else ())),
        estimator=estimator,
        warnings=(*advice, *warnings),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PyFuncPredictor:
    """A model behind MLflow's `predict`, with its input in the form that the signature says."""

    signature: Signature
    model: PyFunc
    prepare: Callable[[Batch], Any]

    def predict(self, batch: Batch) -> Outputs:
        """Answer a batch."""
        return _outputs(self.model.predict(self.prepare(batch)))


def _opened(path: Path) -> tuple[PyFunc, tuple[str, ...]]:
    """The loaded model, and what mlflow logged meanwhile; it writes nothing into the directory, whose digest is known."""
    for name, value in _NO_TELEMETRY.items():
        os.environ.setdefault(name, value)
    pyfunc = require("mlflow.pyfunc", install=_INSTALL)
    require("pandas", install=_INSTALL)
    # A model's code must not add files to its directory, and it may import as late as in a prediction.
    sys.dont_write_bytecode = True
    with _noted_log("mlflow") as messages:
        try:
            model = pyfunc.load_model(str(path))
        except ModuleNotFoundError as error:
            raise UsageError(f"the model needs the package {error.name}", where=str(path)) from error
        except Exception as error:
            raise UsageError(f"mlflow can't load this: {type(error).__name__}: {error}", where=str(path)) from error
    return model, tuple(f"{path}: {message}" for message in messages)


@contextmanager
def _noted_log(name: str) -> Iterator[list[str]]:
    """Collects the warnings of a logger instead of letting them be printed."""
    messages: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: messages.append(" ".join(record.getMessage().split()))  # type: ignore[method-assign]
    logger = logging.getLogger(name)
    printing, logger.handlers = logger.handlers, [handler]
    try:
        yield messages
    finally:
        logger.handlers = printing


def _estimator(model: PyFunc, signature: Signature) -> Estimator | None:
    """The scikit-learn estimator, where asking it directly is the same as asking pyfunc."""
    flavour = model.metadata.flavors.get("python_function", {})
    if flavour.get("loader_module") != "mlflow.sklearn" or flavour.get("predict_fn", "predict") != "predict":
        return None
    estimator = model.get_raw_model()
    if not hasattr(estimator, "predict") or signature.form is Form.TENSORS:
        return None
    own = signature_of_estimator(estimator)
    if signature.form is Form.JSON:
        return estimator if own.fields and model.metadata.signature is None else None
    same_count = len(own.fields) in {0, len(signature.fields)}
    same_names = not (own.named and signature.named and own.fields) or _names(own) == _names(signature)
    return estimator if same_count and same_names else None


def _names(signature: Signature) -> list[str]:
    return [field.name for field in signature.fields]


def _completed(signature: Signature, estimator: Estimator | None) -> Signature:
    """MLflow's types; classes, choices and range from the estimator."""
    if estimator is None:
        return signature
    own = signature_of_estimator(estimator)
    if signature.form is Form.JSON:
        return own
    pairs = zip(signature.fields, own.fields or signature.fields, strict=True)
    fields = tuple(replace(field, choices=known.choices if known.kind is field.kind else ()) for field, known in pairs)
    return replace(signature, fields=fields, classes=own.classes, output_range=own.output_range)


def _with_example(signature: Signature, metadata: PyFunc, path: str) -> Signature:
    """The first row of the input example, where there is one that fits."""
    example = metadata.load_input_example(path) if metadata.saved_input_example_info else None
    row = None if example is None else _first_row(example, signature)
    return signature if row is None else replace(signature, example=row, trusted_example=True)


def _first_row(example: Any, signature: Signature) -> Any:  # noqa: ANN401 - a data frame, arrays or JSON
    if signature.form is Form.TENSORS:
        arrays = example if isinstance(example, Mapping) else {signature.tensors[0].name: example}
        return {name: np.asarray(array)[0].tolist() for name, array in arrays.items()}
    if hasattr(example, "to_dict"):
        first = example.head(1).to_dict(orient="split")["data"][0]
        return _fitting(first, signature) if signature.form is Form.COLUMNS else dict(zip(example, first, strict=True))
    if isinstance(example, np.ndarray):
        return _fitting(example[0].tolist(), signature) if signature.form is Form.COLUMNS else example[0].tolist()
    return example[0] if isinstance(example, list) and example and signature.form is Form.JSON else None


def _fitting(row: list[Any], signature: Signature) -> list[Any] | None:
    values = [None if isinstance(value, float) and np.isnan(value) else value for value in row]
    is_row = len(values) == len(signature.fields)
    return values if is_row and all(map(fits, signature.fields, values)) else None


def _bind(model: PyFunc, estimator: Estimator | None, signature: Signature, *, has_hints: bool) -> Predictor:
    """A model whose signature comes from type hints takes the list of rows itself."""
    if estimator is not None:
        return bind_estimator(estimator, signature)
    prepare = list if has_hints and signature.form is Form.JSON else _prepare(signature)
    return PyFuncPredictor(signature=signature, model=model, prepare=prepare)


def _prepare(signature: Signature) -> Callable[[Batch], Any]:
    if signature.form is Form.TENSORS:
        return _tensors(signature)
    if signature.form is Form.JSON:
        return _documents
    if signature.named or any(field.kind is Kind.STRING for field in signature.fields):
        missing = [None] * len(signature.fields)
        return inputs.frame(signature.fields, missing)
    return inputs.matrix(signature.fields[0].dtype)


def _tensors(signature: Signature) -> Callable[[Batch], Any]:
    """Arrays by name; a single one whose name was made up, as it is."""
    if [tensor.name for tensor in signature.tensors] == [UNNAMED]:
        return lambda batch: _by_name(batch)[UNNAMED]
    return lambda batch: dict(_by_name(batch))


def _by_name(batch: Batch) -> Mapping[str, Array]:
    if not isinstance(batch, Mapping):
        raise TypeError("expected arrays by name")
    return batch


def _documents(batch: Batch) -> Any:  # noqa: ANN401 - what pyfunc takes
    """Mappings become a data frame, lists of numbers a matrix; anything else stays a list."""
    rows = list(batch)
    if all(isinstance(row, Mapping) for row in rows):
        return require("pandas", install=_INSTALL).DataFrame(rows)
    if all(isinstance(row, list) for row in rows):
        return np.asarray(rows)
    return rows


def _outputs(answer: Any) -> Outputs:  # noqa: ANN401 - whatever the flavour returns
    """Predictions, from the many forms in which flavours give them."""
    if isinstance(answer, Mapping):
        arrays = {str(name): np.asarray(array) for name, array in answer.items()}
        return Outputs(predictions=next(iter(arrays.values())), arrays=arrays)
    if hasattr(answer, "columns"):
        arrays = {str(name): answer[name].to_numpy() for name in answer.columns}
        first = next(iter(arrays.values()))
        return Outputs(predictions=first, arrays=arrays if len(arrays) > 1 else {})
    if isinstance(answer, Sequence) and not isinstance(answer, str):
        return Outputs(predictions=list(answer))
    return Outputs(predictions=np.asarray(answer))
