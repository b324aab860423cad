"""The digest of a version: what makes two versions the same one, wherever they are.

It is the sha256 of canonical JSON (sorted keys, no spaces, UTC times): of the parent's digest and of everything that a
version says, but its number, its parent's number, its time, its run and its note. Fields that hold their default are left
out, so that a field that a later seatrial adds to the records changes no digest of today.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from seatrial.records import DatasetVersion

_ASIDE: Final = frozenset({"number", "parent", "created", "run", "note", "digest"})


def digest_of(version: DatasetVersion) -> str:
    """The digest that a version has to have: `sha256:…`."""
    told = {name: value for name, value in _canonical(version).items() if name not in _ASIDE}
    return f"sha256:{hashlib.sha256(msgspec.json.encode(told, order='sorted')).hexdigest()}"


def _canonical(value: Any) -> Any:  # noqa: ANN401 - whatever records hold
    if is_dataclass(value):
        told = ((field, getattr(value, field.name)) for field in fields(value))
        return {field.name: _canonical(held) for field, held in told if held != _default(field)}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, Mapping):
        return {key: _canonical(held) for key, held in value.items()}
    if isinstance(value, tuple | list):
        return [_canonical(held) for held in value]
    return value


def _default(field: Field[Any]) -> Any:  # noqa: ANN401 - of whatever type the field is
    return field.default if field.default_factory is MISSING else field.default_factory()
