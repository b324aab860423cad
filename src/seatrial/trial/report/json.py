"""`report.json`: the record itself, in a documented schema, and back.

JSON has no infinities and no NaN: a figure that isn't a finite number is written as `null`. Reading gives an
interval's `null` bound its infinity back (that side is unbounded), and NaN to any other figure that must be a number.
"""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from seatrial.pages.schema import schema_of, text_of
from seatrial.records import Interval, Report, UsageError

SCHEMA = 1


def encode_report(report: Report) -> bytes:
    """The record as JSON: fields in the order of the record, keys of mappings sorted, one line, UTF-8."""
    try:
        body = _encode(report)
    except UnicodeEncodeError:
        body = _encode(_mend_text(msgspec.to_builtins(report, enc_hook=_as_dict)))
    return body + b"\n"


def _encode(value: object) -> bytes:
    return msgspec.json.encode(value, order="deterministic", enc_hook=_as_dict)


def _as_dict(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise NotImplementedError(type(value).__name__)


def _mend_text(value: object) -> object:
    """Half surrogates, as a log with broken bytes may hold, become `?`: they have no UTF-8."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_mend_text(key): _mend_text(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_mend_text(inner) for inner in value]
    return value


def load_report(data: bytes) -> Report:
    """The record that `encode_report` wrote.

    Raises:
        UsageError: it is not a report, or of a newer schema than this seatrial knows.
    """
    try:
        report = msgspec.json.decode(data, type=Report)
    except msgspec.DecodeError:
        return _load_with_nulls(data)
    _check_schema(report.schema)
    return report


def _load_with_nulls(data: bytes) -> Report:
    try:
        raw = msgspec.json.decode(data)
        _check_schema(raw.get("schema") if isinstance(raw, dict) else None)
        return msgspec.convert(_restore(raw, Report), Report)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(
            f"this is not a report of seatrial: {error}",
            where="report.json",
            remedy="give the report.json of a finished trial",
        ) from error


def _check_schema(version: object) -> None:
    if isinstance(version, int) and version > SCHEMA:
        raise UsageError(
            f"this report has schema {version}; this seatrial reads up to {SCHEMA}",
            where="report.json",
            remedy="read it with the seatrial that wrote it, or a newer one",
        )


def _restore(value: object, kind: object) -> object:
    """`value` with its nulls turned back to floats wherever `kind` has no room for None."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is float:
        return math.nan if value is None else value
    if origin is types.UnionType or origin is typing.Union:
        inner = next((argument for argument in arguments if argument is not types.NoneType), None)
        return None if value is None else _restore(value, inner)
    if isinstance(value, list) and origin is tuple:
        return [_restore(item, _item_type(arguments, index)) for index, item in enumerate(value)]
    if isinstance(value, dict) and dataclasses.is_dataclass(kind):
        return _restore_record(value, kind)
    if isinstance(value, dict) and arguments:
        return {key: _restore(inner, arguments[1]) for key, inner in value.items()}
    return value


def _item_type(arguments: tuple[Any, ...], index: int) -> object:
    return arguments[0] if arguments[-1] is Ellipsis else arguments[min(index, len(arguments) - 1)]


def _restore_record(value: dict[str, object], kind: object) -> dict[str, object]:
    if kind is Interval:
        bounds = {"low": -math.inf, "high": math.inf}
        value = {key: bounds[key] if inner is None and key in bounds else inner for key, inner in value.items()}
    hints = _hints(kind)
    return {key: _restore(inner, hints[key]) if key in hints else inner for key, inner in value.items()}


@cache
def _hints(kind: object) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def report_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of `report.json`, made from the record."""
    return schema_of(
        Report,
        title="seatrial report.json",
        description="One trial. A figure that isn't a finite number is null; a null bound of an interval is unbounded.",
    )


def schema_text() -> str:
    """The schema as it stands in docs/reference/report-schema.json."""
    return text_of(report_schema())
