"""MLflow's model signature in our words: column specs become columns, tensor specs arrays."""

from typing import Any, TypeAlias

import numpy as np

from seatrial.records.serving import Field, Form, Kind, Signature, Tensor

Schema: TypeAlias = Any
"""An `mlflow.types.Schema`."""

UNNAMED = "input0"
"""What callers call the first array of a model that has no names."""

_MATRIX = 2
_SCALARS = {
    "boolean": (Kind.BOOLEAN, "bool"),
    "integer": (Kind.INTEGER, "int32"),
    "long": (Kind.INTEGER, "int64"),
    "float": (Kind.NUMBER, "float32"),
    "double": (Kind.NUMBER, "float64"),
    "string": (Kind.STRING, "object"),
    "datetime": (Kind.STRING, "datetime64[ns]"),
}


def signature_of(inputs: Schema | None, outputs: Schema | None) -> Signature:
    """The signature of an MLflow model.

    A single unnamed matrix of numbers whose width is fixed is as good as columns without names, and is taken as such.

    Args:
        inputs: None where the model has none; its form is then JSON.
        outputs: None where the model has none.
    """
    signature = Signature(form=Form.JSON) if inputs is None else _of_inputs(inputs)
    return signature if outputs is None else _with_outputs(signature, outputs)


def _of_inputs(schema: Schema) -> Signature:
    if schema.is_tensor_spec():
        return _of_tensors([_tensor(spec, index) for index, spec in enumerate(schema.inputs)])
    fields = [_field(spec, index) for index, spec in enumerate(schema.inputs)]
    known = tuple(field for field in fields if field is not None)
    if len(known) < len(fields):
        return Signature(form=Form.JSON)
    return Signature(form=Form.COLUMNS, fields=known, named=schema.has_input_names())


def _of_tensors(tensors: list[Tensor]) -> Signature:
    only = tensors[0]
    width = only.shape[1] if len(tensors) == 1 and len(only.shape) == _MATRIX else None
    if width is None or np.dtype(only.dtype).kind != "f":
        return Signature(form=Form.TENSORS, tensors=tuple(tensors))
    fields = tuple(Field(name=f"x{index}", dtype=only.dtype) for index in range(width))
    return Signature(form=Form.COLUMNS, fields=fields, named=False)


def _field(spec: Schema, index: int) -> Field | None:
    """A column; None for one that holds lists, mappings or bytes."""
    scalar = _SCALARS.get(str(spec.to_dict()["type"]))
    if scalar is None:
        return None
    kind, dtype = scalar
    return Field(name=spec.name or f"x{index}", kind=kind, dtype=dtype, optional=not spec.required)


def _tensor(spec: Schema, index: int) -> Tensor:
    dtype = "object" if spec.type.kind in "OSU" else spec.type.name
    sizes = tuple(None if size == -1 else int(size) for size in spec.shape[1:])
    return Tensor(name=spec.name or UNNAMED.replace("0", str(index)), dtype=dtype, shape=(None, *sizes))


def _with_outputs(signature: Signature, schema: Schema) -> Signature:
    names = schema.input_names() if schema.has_input_names() else []
    outputs = tuple(_tensor(spec, index) for index, spec in enumerate(schema.inputs)) if schema.is_tensor_spec() else ()
    return Signature(
        form=signature.form,
        fields=signature.fields,
        named=signature.named,
        tensors=signature.tensors,
        output=names[0] if len(names) == 1 and names[0] else signature.output,
        outputs=outputs if signature.form is Form.TENSORS else (),
    )
