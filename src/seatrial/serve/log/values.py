"""How single values become cells of the log: numbers, or JSON text that is bounded, and free of what must not be written.

Redaction happens on the decoded form of the JSON that would be written, so that no type with an encoding of its own
slips past it.
"""

import json
import math
from collections.abc import Mapping
from typing import Any, cast

import msgspec
import numpy as np

TEXT_LIMIT = 64 * 1024
"""Bytes of one JSON text, and characters of one string, at most."""


def number(value: object) -> float | None:
    """A finite number as float64; None for everything else (bool, text, NaN, integers beyond float64)."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return None
    try:
        converted = float(value)
    except OverflowError:
        return None
    return converted if math.isfinite(converted) else None


def json_text(value: object, redacted: frozenset[str] = frozenset()) -> str | None:
    """A value as JSON; None where it has no JSON form.

    Args:
        value: JSON values, numpy arrays and scalars, dataclasses and msgspec structs; of any other object only the
            type's name is written.
        redacted: keys whose values are replaced by null, at any depth.

    Returns:
        At most TEXT_LIMIT bytes; a longer one is replaced by `{"omitted_bytes": N}`. NaN and infinities, which JSON
        does not have, are null, or text where the whole value is one.
    """
    if isinstance(value, float | np.floating) and not math.isfinite(value):
        return f'"{_NOT_FINITE.get(float(value), "NaN")}"'
    if isinstance(value, np.ndarray) and value.size * 2 > TEXT_LIMIT:
        return json.dumps({"omitted_shape": value.shape}, separators=(",", ":"))
    try:
        text = _encoded(value)
        if redacted:
            text = _encoded(_without(json.loads(text), redacted))
    except (TypeError, ValueError, OverflowError, RecursionError):
        return None
    size = len(text) if text.isascii() else len(text.encode())
    return text if size <= TEXT_LIMIT else f'{{"omitted_bytes":{size}}}'


def bounded(text: str) -> str:
    """At most TEXT_LIMIT characters of a text, without what UTF-8 cannot carry."""
    if len(text) <= TEXT_LIMIT and text.isascii():
        return text
    return text[:TEXT_LIMIT].encode("utf-8", "replace").decode()


_NOT_FINITE = {math.inf: "Infinity", -math.inf: "-Infinity"}


def _encoded(value: object) -> str:
    try:
        return msgspec.json.encode(value, enc_hook=_plain).decode()
    except (UnicodeEncodeError, OverflowError):
        # Lone surrogates and integers beyond 64 bits: rare, and only the standard library writes them.
        return json.dumps(value, default=_plain, separators=(",", ":"))


def _plain(value: object) -> object:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    return f"<{type(value).__name__}>"


def _without(value: object, names: frozenset[str]) -> object:
    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value).items()
        return {key: None if key in names else _without(one, names) for key, one in pairs}
    if isinstance(value, list):
        return [_without(one, names) for one in value]
    return value
