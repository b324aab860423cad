"""The judge's state as bytes and back, exactly: what is judged after a restart is what would have been judged without.

JSON with every float as it is (Python writes the shortest text that reads back as the same number); arrays as the base64 of
their little-endian bytes, or as places and values where most are zero or equal
to the one before.
"""

import base64
import json
import math
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache, singledispatch
from typing import Any, Final, TypeAlias, Union, get_args, get_origin, get_type_hints

import numpy as np

from seatrial.judge.release.state import JudgeState
from seatrial.records import UsageError

Numbers: TypeAlias = np.ndarray[tuple[int], np.dtype[Any]]
VERSION: Final = 1
_SPARSE: Final = 0.3
_SPARSE_STEPS: Final = 0.8
_EXACT: Final = 2**53
_REMEDY: Final = "judge the release's windows again from the first"


def dump(state: JudgeState) -> bytes:
    """The whole state as JSON: `load` gives it back, bit for bit."""
    content = {"kind": "release judge", "version": VERSION, "state": _encode(state)}
    return json.dumps(content, separators=(",", ":"), allow_nan=False).encode()


def load(data: bytes) -> JudgeState:
    """What `dump` wrote.

    Raises:
        UsageError: if it is damaged, or of a version that this seatrial doesn't know.
    """
    try:
        content = json.loads(data)
        version = content["version"] if content["kind"] == "release judge" else None
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError("this is no state of a release's judge", remedy=_REMEDY) from error
    if version != VERSION:
        raise UsageError(f"the judge's state has version {version}, this seatrial knows {VERSION}", remedy=_REMEDY)
    try:
        state = _decode(JudgeState, content["state"])
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise UsageError(f"the judge's state is damaged: {error}", remedy=_REMEDY) from error
    if not isinstance(state, JudgeState):
        raise UsageError("the judge's state is empty", remedy=_REMEDY)
    return state


@singledispatch
def _encode(value: object) -> object:
    if is_dataclass(value):
        return {each.name: _encode(getattr(value, each.name)) for each in fields(value)}
    return value


@_encode.register
def _encode_number(value: np.generic) -> object:
    return value.item()


@_encode.register
def _encode_word(value: Enum) -> object:
    return value.value


@_encode.register(list)
@_encode.register(tuple)
def _encode_row(value: Sequence[object]) -> object:
    return [_encode(each) for each in value]


@_encode.register(Mapping)
def _encode_names(value: Mapping[str, object]) -> object:
    return {key: _encode(each) for key, each in value.items()}


@_encode.register
def _encode_array(value: np.ndarray) -> object:
    kind = "i8" if value.dtype.kind == "i" else "f8"
    flat = np.ascontiguousarray(value, dtype=f"<{kind}").ravel()
    content: dict[str, object] = {"kind": kind, "shape": list(value.shape)}
    whole = bool((flat == np.trunc(flat)).all()) and bool((np.abs(flat) < _EXACT).all())
    if np.count_nonzero(flat) < _SPARSE * flat.size:
        return content | _placed(flat, whole=whole)
    steps = np.diff(flat, prepend=0)
    if whole and np.count_nonzero(steps) < _SPARSE_STEPS * flat.size:
        return content | _placed(steps, whole=whole) | {"summed": True}
    return content | {"all": base64.b64encode(flat.tobytes()).decode()}


def _placed(flat: Numbers, *, whole: bool) -> dict[str, object]:
    places = flat.nonzero()[0]
    values = flat[places].astype(np.int64) if whole else flat[places]
    return {"at": np.diff(places, prepend=0).tolist(), "of": values.tolist()}


def _decode(kind: Any, value: Any) -> Any:  # noqa: ANN401  # any of the state's types, and any JSON
    """JSON as a value of the annotated type."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in {Union, types.UnionType}:
        return None if value is None else _decode(next(each for each in inner if each is not types.NoneType), value)
    if is_dataclass(kind) and isinstance(kind, type):
        hints = _hints(kind)
        return kind(**{each.name: _decode(hints[each.name], value[each.name]) for each in fields(kind)})
    reader = _READERS.get(origin)
    if reader is not None:
        return reader(inner, value)
    return kind(value) if isinstance(kind, type) else value


def _decode_array(_: object, content: Mapping[str, Any]) -> object:
    kind, shape = np.dtype(f"<{content['kind']}"), tuple(content["shape"])
    if "all" in content:
        return np.frombuffer(base64.b64decode(content["all"]), dtype=kind).reshape(shape).copy()
    array = np.zeros(math.prod(shape), dtype=kind)
    array[np.cumsum(np.asarray(content["at"], dtype=np.int64))] = content["of"]
    return (array.cumsum(dtype=kind) if content.get("summed") else array).reshape(shape)


def _decode_tuple(inner: Sequence[Any], value: Sequence[Any]) -> object:
    kinds = [inner[0]] * len(value) if inner[-1] is Ellipsis else inner
    return tuple(_decode(each, item) for each, item in zip(kinds, value, strict=True))


def _decode_names(inner: Sequence[Any], value: Mapping[str, Any]) -> object:
    return {key: _decode(inner[1], each) for key, each in value.items()}


_READERS: Final[Mapping[object, Callable[[Sequence[Any], Any], object]]] = {
    np.ndarray: _decode_array,
    list: lambda inner, value: [_decode(inner[0], each) for each in value],
    tuple: _decode_tuple,
    Mapping: _decode_names,
    dict: _decode_names,
}


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    return get_type_hints(kind)
