"""Turns a file of requests into bodies that are ready to send, so that the driver's hot path encodes nothing.

Whatever is wrong with the file is found here, with its line, before anything is built or started.
"""

import difflib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import msgspec

from seatrial.records import RequestsSpec, UsageError
from seatrial.trial.drive.rows import Row, RowFile, decode_text, is_csv, read_file, read_rows, type_column

_MISSING = object()
_SCALARS = (str, int, float, bool)


@dataclass(frozen=True, slots=True)
class Request:
    """One row of the requests file.

    Attributes:
        body: the JSON body, encoded.
        label: what the right answer is (any JSON); None where the requests have no labels.
        cluster: the independent unit that it belongs to; None where each request is its own.
        columns: the values of the columns that the metrics are sliced by.
    """

    body: bytes
    label: Any
    cluster: str | int | float | bool | None
    columns: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RequestSet:
    """All requests of one deployment; `digest` (`sha256:…`) covers the requests file and the labels file."""

    rows: tuple[Request, ...]
    digest: str
    labelled: bool

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.rows)

    @property
    def labels(self) -> tuple[Any, ...] | None:
        """The labels in the order of the rows; None where there are none."""
        return tuple(row.label for row in self.rows) if self.labelled else None

    def without_bodies(self) -> bytes:
        """Labels, clusters and columns of all rows as JSON, for `from_stored`; the bodies are not needed to compare."""
        return msgspec.json.encode([replace(row, body=b"") for row in self.rows])

    @classmethod
    def from_stored(cls, data: bytes, digest: str) -> Self:
        """What `without_bodies` wrote, of files with this digest."""
        rows = msgspec.json.decode(data, type=tuple[Request, ...])
        return cls(rows, digest, any(row.label is not None for row in rows))

    def indices(self, count: int | None) -> tuple[int, ...]:
        """Rows to send for `count` requests: in order, from the start again at the end; None means each row once."""
        total = len(self.rows)
        return tuple(index % total for index in range(total if count is None else count))


def load_requests(spec: RequestsSpec, root: Path) -> RequestSet:
    """Read the requests (and labels) that `spec` names, relative to `root`.

    Without `spec.body` a row is sent whole, without its label, `id` and cluster; columns of slices are sent as well,
    because they are inputs of the model more often than not. A slice's column that is not in the row is looked for
    in its body.

    Raises:
        UsageError: a file is missing, empty, not UTF-8 or malformed, or a row lacks a field; with file and line.
    """
    file = read_rows(root, spec.file)
    labels, content = _labels(spec, root, file)
    encode = msgspec.json.Encoder().encode
    rows = tuple(_request(spec, file, row, label, encode) for row, label in zip(file.rows, labels, strict=True))
    labelled = spec.labels is not None or spec.label is not None
    return RequestSet(rows, _digest(file.content, content), labelled)


def _request(spec: RequestsSpec, file: RowFile, row: Row, label: Any, encode: Any) -> Request:  # noqa: ANN401
    where = file.at(row.line)
    body = _body(spec, where, row.value)
    return Request(
        body=encode({spec.wrap: body} if spec.wrap else body),
        label=label,
        cluster=_cluster(spec, where, row.value),
        columns={cut.column: _slice_value(cut.column, bool(cut.bins), where, row.value, body) for cut in spec.slices},
    )


def _body(spec: RequestsSpec, where: str, row: Any) -> Any:  # noqa: ANN401
    if spec.body is not None:
        return _field(where, row, spec.body, "requests.body")
    if not isinstance(row, dict):
        return row
    left_out = {spec.label, spec.cluster, "id"}
    return {key: value for key, value in row.items() if key not in left_out}


def _cluster(spec: RequestsSpec, where: str, row: Any) -> str | int | float | bool | None:  # noqa: ANN401
    if spec.cluster is None:
        return None
    value = _field(where, row, spec.cluster, "requests.cluster")
    if isinstance(value, _SCALARS):
        return value
    raise UsageError(
        f"the cluster {spec.cluster!r} is {_kind(value)}",
        where=where,
        remedy="name the unit with a text or a number in every row",
    )


def _slice_value(column: str, numeric: bool, where: str, row: Any, body: Any) -> Any:  # noqa: ANN401, FBT001
    inner = body.get(column, _MISSING) if isinstance(body, dict) else _MISSING
    outer = row.get(column, _MISSING) if isinstance(row, dict) else _MISSING
    value = outer if outer is not _MISSING else inner
    if value is _MISSING:
        value = _field(where, row, column, "requests.slices")
    if value is None or (isinstance(value, _SCALARS) and not (numeric and isinstance(value, str | bool))):
        return value
    wanted = "a number, because the slice has bins" if numeric else "a text or a number"
    raise UsageError(f"{column!r} is {_kind(value)}", where=where, remedy=f"it must be {wanted}, or null")


def _field(where: str, row: Any, name: str, key: str) -> Any:  # noqa: ANN401
    """The value of a field that `key` of the configuration asks for."""
    if not isinstance(row, dict):
        raise UsageError(
            f"this row is {_kind(row)}, and {key} needs an object with the field {name!r}",
            where=where,
            remedy=f'write {{"{name}": …}}, or take {key} out of seatrial.yaml',
        )
    if name in row:
        return row[name]
    near = difflib.get_close_matches(name, row, n=1)
    has = ", ".join(list(row)[:8]) or "nothing"
    raise UsageError(
        f"this row has no field {name!r}, which {key} asks for",
        where=where,
        remedy=f"did you mean {near[0]!r}?" if near else f"it has: {has}",
    )


def _labels(spec: RequestsSpec, root: Path, file: RowFile) -> tuple[list[Any], bytes | None]:
    """A label for each row, and the content of the labels file if there is one."""
    if spec.labels is not None:
        return _labels_of_file(spec, root, spec.labels, len(file.rows))
    if spec.label is None:
        return [None] * len(file.rows), None
    return [
        _label(file.at(row.line), _field(file.at(row.line), row.value, spec.label, "requests.label"))
        for row in file.rows
    ], None


def _label(where: str, value: Any) -> Any:  # noqa: ANN401
    if value is None:
        raise UsageError("this row has no label, others have", where=where, remedy="label every row, or none")
    return value


def _labels_of_file(spec: RequestsSpec, root: Path, name: str, wanted: int) -> tuple[list[Any], bytes]:
    content = read_file(root, name)
    lines = _label_lines(spec, root, name, content)
    if len(lines) != wanted:
        raise UsageError(
            f"{len(lines)} labels for the {wanted} requests of {spec.file}",
            where=name,
            remedy="give one label a line, in the order of the requests",
        )
    return [_label(f"{name}:{line}", value) for line, value in lines], content


def _label_lines(spec: RequestsSpec, root: Path, name: str, content: bytes) -> list[tuple[int, Any]]:
    """Line and label, by the kind of file: a column of a CSV file, JSON lines, or plain text, one label a line."""
    if Path(name).suffix.lower() in {".jsonl", ".ndjson", ".json"}:
        file = read_rows(root, name)
        return [(row.line, _json_label(spec, file.at(row.line), row.value)) for row in file.rows]
    text = decode_text(name, content).rstrip("\r\n ")
    if is_csv(name) and any(delimiter in text.split("\n", 1)[0] for delimiter in ",;\t"):
        file = read_rows(root, name)
        column = spec.label or "label"
        return [(row.line, _field(file.at(row.line), row.value, column, "requests.label")) for row in file.rows]
    cells = [(line, cell.strip().strip('"')) for line, cell in enumerate(text.split("\n"), start=1)] if text else []
    if cells and is_csv(name) and cells[0][1] in {spec.label, "label", "labels"}:
        del cells[0]
    return list(zip([line for line, _ in cells], type_column(name, cells), strict=True))


def _json_label(spec: RequestsSpec, where: str, value: Any) -> Any:  # noqa: ANN401
    return _field(where, value, spec.label or "label", "requests.label") if isinstance(value, dict) else value


def _kind(value: Any) -> str:  # noqa: ANN401
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _digest(requests: bytes, labels: bytes | None) -> str:
    """Over both files; the length keeps apart what moves from the end of one file to the start of the other."""
    digest = hashlib.sha256(requests)
    if labels is not None:
        digest.update(b"\0labels\0%d\0" % len(requests))
        digest.update(labels)
    return f"sha256:{digest.hexdigest()}"
