"""Any Python class as a model: `module:Class` with `predict(batch)` and, if it likes, `load()`.

The class is the user's own program, imported from the current directory as `python -c` would.
"""

import asyncio
import importlib
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from seatrial.records import PermanentError, UsageError
from seatrial.records.serving import Form, Signature
from seatrial.serve.loaders import digests
from seatrial.serve.loaders.opened import Loaded, Route, Source
from seatrial.serve.loaders.packages import stack_of
from seatrial.serve.loaders.routes import parse_routes
from seatrial.serve.model import Batch, Outputs, Predictor
from seatrial.serve.signature import merge, parse

Model: TypeAlias = Any
"""An instance of a user's class."""


def load(source: Source) -> Loaded:
    """Import a class, make one, and call its `load()` if it has one.

    Raises:
        UsageError: there is no such class, it can't be made, or it can't predict.
    """
    reference = source.model
    model = _made(_imported(reference), reference)
    if not callable(getattr(model, "predict", None)):
        raise UsageError("the class has no predict(batch)", where=reference, remedy="def predict(self, batch): …")
    _call_load(model, reference)
    module = reference.partition(":")[0]
    return Loaded(
        signature=_signature(model, reference),
        bind=lambda signature: _bind(model, signature, reference),
        digest=digests.digest_of(reference),
        stack=stack_of(module.partition(".")[0]),
        routes=_routes(model, reference),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonPredictor:
    """A class whose `predict` is an ordinary method."""

    signature: Signature
    model: Model
    prepare: Callable[[Batch], Any]
    where: str

    def predict(self, batch: Batch) -> Outputs:
        """Answer a batch.

        Raises:
            PermanentError: the class gave another number of answers than there are rows.
        """
        return outputs_of(self.model.predict(self.prepare(batch)), _count(batch), self.where)


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncPythonPredictor:
    """A class whose `predict` is a coroutine function."""

    signature: Signature
    model: Model
    prepare: Callable[[Batch], Any]
    where: str

    async def predict(self, batch: Batch) -> Outputs:
        """Answer a batch.

        Raises:
            PermanentError: the class gave another number of answers than there are rows.
        """
        return outputs_of(await self.model.predict(self.prepare(batch)), _count(batch), self.where)


def outputs_of(answers: Any, rows: int, where: str) -> Outputs:  # noqa: ANN401 - whatever the class returns
    """What a class returned, checked: `Outputs`, a mapping from output names to arrays, or one answer a row.

    Raises:
        PermanentError: there is another number of answers than of rows.
    """
    if isinstance(answers, Outputs):
        outputs = answers
    elif isinstance(answers, Mapping):
        arrays = {name: np.asarray(array) for name, array in answers.items()}
        outputs = Outputs(predictions=next(iter(arrays.values()), []), arrays=arrays)
    elif isinstance(answers, Sequence | np.ndarray) and not isinstance(answers, str | bytes):
        outputs = Outputs(predictions=answers)
    else:
        remedy = "return a list with one answer for each row of the batch"
        raise PermanentError(f"predict returned a {type(answers).__name__}, not a list", where=where, remedy=remedy)
    for array in (outputs.predictions, *outputs.arrays.values()):
        if len(array) != rows:
            remedy = "return one answer for each row of the batch, in its order"
            raise PermanentError(f"predict returned {len(array)} answers for {rows} rows", where=where, remedy=remedy)
    return outputs


def _imported(reference: str) -> Any:  # noqa: ANN401 - a class, or an object in its place
    name, _, attribute = reference.partition(":")
    _look_in_current_directory()
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            remedy = f"looked in {Path.cwd()} and on sys.path"
            raise UsageError(f"there is no module {error.name}", where=reference, remedy=remedy) from error
        raise UsageError(f"the module needs the package {error.name}", where=reference) from error
    except Exception as error:
        raise UsageError(f"the module can't be imported: {_told(error)}", where=reference) from error
    if not hasattr(module, attribute):
        classes = [each for each, value in vars(module).items() if isinstance(value, type)]
        remedy = f"its classes: {', '.join(classes)}" if classes else ""
        raise UsageError(f"the module {name} has no {attribute}", where=reference, remedy=remedy)
    return getattr(module, attribute)


def _look_in_current_directory() -> None:
    """For good, since the class may import more of it later."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)


def _made(thing: Any, reference: str) -> Model:  # noqa: ANN401
    if not isinstance(thing, type):
        return thing
    try:
        return thing()
    except Exception as error:
        remedy = "it is made without arguments; open files in load()"
        raise UsageError(f"{_told(error)} in {thing.__name__}()", where=reference, remedy=remedy) from error


def _call_load(model: Model, reference: str) -> None:
    if not callable(getattr(model, "load", None)):
        return
    try:
        result = model.load()
        if inspect.iscoroutine(result):
            asyncio.run(result)
    except Exception as error:
        raise UsageError(f"{_told(error)} in load()", where=reference) from error


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _signature(model: Model, reference: str) -> Signature:
    """What the class attribute `signature` says: a `Signature`, or a mapping of the shape of a signature file."""
    said = getattr(model, "signature", None)
    if isinstance(said, Signature):
        return said
    nothing = Signature(form=Form.JSON)
    return nothing if said is None else merge(parse(said, f"{reference}.signature"), nothing)


def _routes(model: Model, reference: str) -> tuple[Route, ...]:
    return parse_routes(getattr(model, "routes", ()), f"{reference}.routes")


def _bind(model: Model, signature: Signature, reference: str) -> Predictor:
    prepare = _prepare(signature)
    kind = AsyncPythonPredictor if inspect.iscoroutinefunction(model.predict) else PythonPredictor
    return kind(signature=signature, model=model, prepare=prepare, where=f"{reference}.predict")


def _prepare(signature: Signature) -> Callable[[Batch], Any]:
    """Named columns come as mappings, as the JSON does without a signature; vectors as an array."""
    if signature.form is not Form.COLUMNS:
        return lambda batch: batch
    names = [field.name for field in signature.fields]
    if signature.named:
        return lambda batch: [dict(zip(names, row, strict=True)) for row in _rows(batch)]
    return np.asarray


def _rows(batch: Batch) -> Any:  # noqa: ANN401 - lists of JSON values
    return batch.tolist() if isinstance(batch, np.ndarray) else batch


def _count(batch: Batch) -> int:
    return len(next(iter(batch.values()))) if isinstance(batch, Mapping) else len(batch)
