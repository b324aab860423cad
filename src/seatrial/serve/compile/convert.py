"""From a fitted scikit-learn estimator to the bytes of an ONNX file that takes the signature's fields.

The graph has one matrix (rows, fields) where every field is a number, else one column (rows, 1) a field, named as the
field is. Classifiers give labels and, where the estimator has them, probabilities.
"""

import copy
import itertools
import warnings
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

import numpy as np

from seatrial.records.serving import Form, Kind, Signature
from seatrial.serve.compile.metadata import SIGNATURE_KEY, signature_to_json
from seatrial.serve.compile.trees import EXTRA, converters
from seatrial.serve.loaders.packages import require

OPSET: Final = {"": 18, "ai.onnx.ml": 3}
"""What every onnxruntime since 1.14 runs; the converters need nothing newer."""

MATRIX: Final = "X"

_OPSET_WITH_WIDTHS: Final = 13

Estimator = Any
"""A fitted scikit-learn estimator, or whatever a file held in its place."""

Graph = Any
"""An `onnx.ModelProto`; onnx is imported late."""

Options = Mapping[int, Mapping[str, bool]] | None
"""By `id` of an estimator."""

TensorType = Any
"""One of skl2onnx's types of inputs."""


class Precision(StrEnum):
    """The type of a compiled model's inputs, and of its arithmetic wherever scikit-learn's is in that type."""

    FLOAT32 = "float32"
    FLOAT64 = "float64"


class NotConvertibleError(Exception):
    """The estimator has no ONNX form. The message is a clause for the reason (`LGBMRegressor has no converter`)."""


def refusal(estimator: Estimator, signature: Signature) -> str | None:
    """Why this model can't be compiled whatever the precision; None if it may be tried."""
    from sklearn.base import BaseEstimator, is_classifier, is_regressor  # noqa: PLC0415 - only the compiler needs it

    if not isinstance(estimator, BaseEstimator):
        return f"{type(estimator).__name__} is not a scikit-learn estimator"
    if not (is_classifier(estimator) or is_regressor(estimator)):
        return f"{type(estimator).__name__} is neither a regressor nor a classifier"
    for part in parts(estimator):
        if hasattr(part, "build_analyzer"):
            return f"{type(part).__name__} splits words, which ONNX does by other rules and no sample can check"
    if signature.form is not Form.COLUMNS or not signature.fields:
        return "the names and types of its columns are not known"
    return None


def precisions(estimator: Estimator) -> tuple[Precision, ...]:
    """In which order the precisions are tried.

    A bare forest casts its input to float32 itself, so that float32 loses nothing and costs least. Everything else
    computes in float64: compiled in float64 it agrees to the last digits, and costs a microsecond a call more.
    """
    if _casts_input(_unwrapped(estimator)):
        return (Precision.FLOAT32,)
    return (Precision.FLOAT64, Precision.FLOAT32)


def convert(estimator: Estimator, signature: Signature, precision: Precision) -> bytes:
    """The estimator as an ONNX file, with its signature in the metadata.

    Args:
        estimator: fitted; not changed.
        signature: of the form COLUMNS.
        precision: of the numeric inputs.

    Raises:
        NotConvertibleError: skl2onnx can't, and why.
    """
    prepared = _with_casts(_unwrapped(estimator))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # skl2onnx's and onnx's own deprecations
        model = _convert_matrix(prepared, signature, precision) or _convert_columns(prepared, signature, precision)
    if not hasattr(estimator, "predict_proba"):
        del model.graph.output[1:]
    onnx = require("onnx", install=EXTRA)

    onnx.helper.set_model_props(model, {SIGNATURE_KEY: signature_to_json(signature)})
    return bytes(model.SerializeToString())


def _convert_matrix(estimator: Estimator, signature: Signature, precision: Precision) -> Graph | None:
    """A model with one input; None where there are strings or the estimator picks columns by name."""
    if not _all_numeric(signature) or _picks_by_name(estimator):
        return None
    return _skl2onnx(estimator, [(MATRIX, _tensor_type(Kind.NUMBER, precision, len(signature.fields)))])


def _convert_columns(estimator: Estimator, signature: Signature, precision: Precision) -> Graph:
    """A model with a column a field; all-numeric ones are put behind one matrix."""
    inputs = [(each.name, _tensor_type(each.kind, precision, 1)) for each in signature.fields]
    model = _skl2onnx(estimator, inputs)
    if len(model.graph.input) != len(inputs):
        raise NotConvertibleError(f"only {len(model.graph.input)} of its {len(inputs)} columns became inputs")
    if _all_numeric(signature):
        _join_inputs(model)
    else:
        _rename_inputs(model, [each.name for each in signature.fields])
    return model


def _skl2onnx(estimator: Estimator, inputs: Sequence[tuple[str, TensorType]]) -> Graph:
    try:
        for options in _options(estimator):
            try:
                return _attempt(estimator, inputs, options)
            except Exception as error:
                if not str(error).startswith("Option "):
                    raise
        return _attempt(estimator, inputs, None)
    except Exception as error:  # converters raise whatever they stumble over
        raise NotConvertibleError(_explain(estimator, error)) from error


def _attempt(estimator: Estimator, inputs: Sequence[tuple[str, TensorType]], options: Options) -> Graph:
    return require("skl2onnx", install=EXTRA).convert_sklearn(
        estimator,
        initial_types=list(inputs),
        target_opset=dict(OPSET),
        options=options,
        custom_conversion_functions=dict(converters()),
    )


def _options(estimator: Estimator) -> list[Options]:
    """What to try for classifiers: probabilities as a matrix, not as dictionaries; a few know only the second option."""
    from sklearn.base import is_classifier  # noqa: PLC0415 - only the compiler needs it

    if not is_classifier(estimator):
        return []
    last = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
    return [{id(estimator): {"zipmap": False}}, {id(last): {"raw_scores": False}}]


def _explain(estimator: Estimator, error: Exception) -> str:
    first = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
    if type(error).__name__ in {"MissingShapeCalculator", "MissingConverter"}:
        names = sorted({type(part).__name__ for part in parts(estimator) if type(part).__name__ in str(error)})
        return f"{' and '.join(names) or type(estimator).__name__} has no converter in skl2onnx"
    return f"skl2onnx can't convert {type(estimator).__name__}: {first[:200]}"


def parts(estimator: Estimator) -> list[Estimator]:
    """The estimator and every estimator among its parameters."""
    nested = estimator.get_params(deep=True).values()
    return [estimator, *(each for each in nested if hasattr(each, "get_params"))]


def _tensor_type(kind: Kind, precision: Precision, width: int) -> TensorType:
    data_types = require("skl2onnx.common.data_types", install=EXTRA)

    if kind is Kind.STRING:
        return data_types.StringTensorType([None, width])
    if precision is Precision.FLOAT32:
        return data_types.FloatTensorType([None, width])
    return data_types.DoubleTensorType([None, width])


def _all_numeric(signature: Signature) -> bool:
    return all(each.kind is not Kind.STRING for each in signature.fields)


def _picks_by_name(estimator: Estimator) -> bool:
    from sklearn.compose import ColumnTransformer  # noqa: PLC0415 - only the compiler needs it

    return any(isinstance(part, ColumnTransformer) for part in parts(estimator))


def _unwrapped(estimator: Estimator) -> Estimator:
    """What a finished search (GridSearchCV …) predicts with."""
    best = getattr(estimator, "best_estimator_", None)
    return estimator if best is None else _unwrapped(best)


def _casts_input(estimator: Estimator) -> bool:
    """Whether the estimator rounds its input to float32 before anything else, as the trees of scikit-learn do."""
    from sklearn.ensemble import (  # noqa: PLC0415 - only the compiler needs it
        ExtraTreesClassifier,
        ExtraTreesRegressor,
        GradientBoostingClassifier,
        GradientBoostingRegressor,
        RandomForestClassifier,
        RandomForestRegressor,
    )
    from sklearn.tree import BaseDecisionTree  # noqa: PLC0415 - only the compiler needs it

    forests = (
        RandomForestClassifier,
        RandomForestRegressor,
        ExtraTreesClassifier,
        ExtraTreesRegressor,
        GradientBoostingClassifier,
        GradientBoostingRegressor,
    )
    return isinstance(estimator, (*forests, BaseDecisionTree))


def _with_casts(estimator: Estimator) -> Estimator:
    """The same model with scikit-learn's silent cast to float32 written out, so that what comes before may be float64.

    Our own converters (see `trees`) cast for themselves.
    """
    from sklearn.ensemble import VotingClassifier  # noqa: PLC0415 - only the compiler needs it
    from sklearn.pipeline import Pipeline  # noqa: PLC0415 - only the compiler needs it

    if isinstance(estimator, Pipeline):
        *before, (name, last) = estimator.steps
        cast = (
            [("seatrial_cast", _cast_step())]
            if before and _casts_input(last) and type(last) not in converters()
            else []
        )
        return Pipeline([*before, *cast, (name, _with_casts(last))])
    if isinstance(estimator, VotingClassifier):
        flat = copy.copy(estimator)
        flat.flatten_transform = None  # of no effect on predictions, but skl2onnx wants it off
        return flat
    return estimator


def _cast_step() -> Estimator:
    return require("skl2onnx.sklapi", install=EXTRA).CastTransformer()


def _rename_inputs(model: Graph, names: Sequence[str]) -> None:
    """Gives the inputs the fields' own names; skl2onnx replaces what can't stand in a C identifier."""
    renamed = {old.name: new for old, new in zip(model.graph.input, names, strict=True)}
    taken = {name for node in model.graph.node for name in node.output}
    if taken & set(names):
        raise NotConvertibleError(f"a column is named as a node of the graph: {sorted(taken & set(names))}")
    for node in model.graph.node:
        for position, name in enumerate(node.input):
            node.input[position] = renamed.get(name, name)
    for each, name in zip(model.graph.input, names, strict=True):
        each.name = name


def _join_inputs(model: Graph) -> None:
    """Replaces n columns (rows, 1) by one matrix (rows, n) that is split at once."""
    onnx = require("onnx", install=EXTRA)

    columns = [each.name for each in model.graph.input]
    matrix = _free_name(MATRIX, {*columns, *(name for node in model.graph.node for name in node.output)})
    kind = model.graph.input[0].type.tensor_type.elem_type
    split = _split(model, matrix, columns)
    nodes = [split, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    del model.graph.input[:]
    model.graph.input.append(onnx.helper.make_tensor_value_info(matrix, kind, [None, len(columns)]))


def _split(model: Graph, matrix: str, columns: Sequence[str]) -> Graph:
    """The node that cuts a matrix into its columns; opset 13 made the widths an input."""
    onnx = require("onnx", install=EXTRA)
    widths = [1] * len(columns)
    if max(each.version for each in model.opset_import if not each.domain) < _OPSET_WITH_WIDTHS:
        return onnx.helper.make_node("Split", [matrix], columns, axis=1, split=widths)
    name = f"{matrix}_widths"
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(widths, dtype=np.int64), name))
    return onnx.helper.make_node("Split", [matrix, name], columns, axis=1)


def _free_name(wanted: str, taken: Collection[str]) -> str:
    return next(name for name in (wanted + "_" * count for count in itertools.count()) if name not in taken)
