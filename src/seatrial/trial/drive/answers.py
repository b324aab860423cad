"""Finds the prediction in an answer, after the block, so that no parsing delays a request that is still to be sent."""

import json
import math
from typing import Any

import msgspec

_REDIRECT, _CLIENT, _SERVER = 300, 400, 500


class _NotJsonError(ValueError):
    """The body is not JSON, not even with NaN in it."""


class _NothingThereError(LookupError):
    """The path leads nowhere."""


def read_answer(status: int, body: bytes, path: tuple[str, ...]) -> tuple[str | None, Any]:
    """The kind of error of an answer, or None and the prediction at `path`.

    The kinds are those of `records.Sample`: `http_5xx`, `http_4xx`, `redirect` (one that couldn't be followed),
    `not_json`, `no_prediction` (nothing or null at the path), `nan` (NaN or infinity in the prediction).
    """
    if status >= _REDIRECT:
        return _status_error(status), None
    try:
        prediction = _find(_decode(body), path)
        finite = _is_finite(prediction)
    except (_NotJsonError, RecursionError):
        return "not_json", None
    except _NothingThereError:
        return "no_prediction", None
    if prediction is None:
        return "no_prediction", None
    return (None, prediction) if finite else ("nan", None)


def split_path(dotted: str) -> tuple[str, ...]:
    """`outputs.0.value` as its parts; empty for the whole answer."""
    return tuple(dotted.split(".")) if dotted else ()


def _status_error(status: int) -> str:
    if status >= _SERVER:
        return "http_5xx"
    return "http_4xx" if status >= _CLIENT else "redirect"


_decode_strictly = msgspec.json.Decoder().decode


def _decode(body: bytes) -> Any:  # noqa: ANN401 - JSON is anything
    """Strict JSON; where that fails, what Python's servers write for NaN and infinity is understood as well."""
    try:
        return _decode_strictly(body)
    except ValueError:
        pass
    try:
        return json.loads(body)
    except ValueError as error:
        raise _NotJsonError from error


def _find(value: Any, path: tuple[str, ...]) -> Any:  # noqa: ANN401
    for part in path:
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            raise _NothingThereError(part)
    return value


def _is_finite(value: Any) -> bool:  # noqa: ANN401
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, list):
        return all(map(_is_finite, value))
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    return True
