"""Reads a file of rows, JSON lines or CSV, and says file and line of whatever is wrong with it.

It stands apart from `requests` because the labels may come from a second file with the same troubles.
"""

import csv
import difflib
import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from seatrial.records import UsageError

_DELIMITERS = ",;\t"
_CSV_SUFFIXES = frozenset({".csv", ".tsv"})
_INTEGER = re.compile(r"[+-]?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_LEADING_ZERO = re.compile(r"[+-]?0[0-9]+(\..*)?")
_NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the line of the file that it ends on, and its value (any JSON; a mapping for CSV)."""

    line: int
    value: Any


@dataclass(frozen=True, slots=True)
class RowFile:
    """A file that was read: its name as the user wrote it, its bytes, and its rows."""

    name: str
    content: bytes
    rows: tuple[Row, ...]

    def at(self, line: int) -> str:
        """`file:line`, for messages."""
        return f"{self.name}:{line}"


def is_csv(name: str) -> bool:
    """Whether a file of this name is read as CSV."""
    return Path(name).suffix.lower() in _CSV_SUFFIXES


def read_rows(root: Path, name: str) -> RowFile:
    """The rows of `root/name`, CSV or JSON lines by its suffix.

    Raises:
        UsageError: it is missing, empty, not UTF-8 or malformed.
    """
    content = read_file(root, name)
    rows = tuple(_csv_rows(name, content) if is_csv(name) else _json_rows(name, content))
    if not rows:
        raise UsageError("there is no row in it", where=name, remedy="give at least one request")
    return RowFile(name, content, rows)


def read_file(root: Path, name: str) -> bytes:
    """The bytes of `root/name`. Raises UsageError with the nearest existing name where there is no such file."""
    path = root / name
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UsageError("no such file", where=name, remedy=_nearest(path)) from None
    except IsADirectoryError:
        raise UsageError("this is a folder, not a file", where=name, remedy="name a .jsonl or .csv file") from None
    except OSError as error:
        raise UsageError(f"can't be read: {error.strerror}", where=name, remedy="check its permissions") from None


def decode_text(name: str, content: bytes) -> str:
    """`content` as UTF-8, without a byte order mark. Raises UsageError with the line of the first wrong byte."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UsageError("this is not UTF-8", where=f"{name}:{line}", remedy="save the file as UTF-8") from None


def type_column(name: str, cells: list[tuple[int, str]]) -> list[Any]:
    """The typed values of one CSV column: all integers, all floats or all text; an empty cell is None.

    A column is typed as a whole, so that one value never changes its type from row to row; numbers with leading zeros
    (codes) are text. `cells` are pairs of line and text.

    Raises:
        UsageError: NaN or infinity in a column of numbers.
    """
    filled = [(line, cell) for line, cell in cells if cell]
    if not all(_is_number(cell) or _NOT_FINITE.fullmatch(cell) for _, cell in filled):
        return [cell or None for _, cell in cells]
    for line, cell in filled:
        if not math.isfinite(float(cell)):
            raise UsageError(
                f"{cell!r} is not a number that JSON can carry",
                where=f"{name}:{line}",
                remedy="leave the cell empty for a missing value",
            )
    convert = int if all(_INTEGER.fullmatch(cell) for _, cell in filled) else float
    return [convert(cell) if cell else None for _, cell in cells]


def _is_number(cell: str) -> bool:
    return _NUMBER.fullmatch(cell) is not None and _LEADING_ZERO.fullmatch(cell) is None


def _nearest(path: Path) -> str:
    folder = path.parent
    names = [entry.name for entry in folder.iterdir() if entry.is_file()] if folder.is_dir() else []
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else "check requests: in seatrial.yaml"


def _json_rows(name: str, content: bytes) -> Iterator[Row]:
    decode = msgspec.json.Decoder().decode
    for line, text in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if text.strip():
            yield Row(line, _json_value(decode, name, line, text))


def _json_value(decode: Any, name: str, line: int, text: bytes) -> Any:  # noqa: ANN401 - JSON is anything
    where = f"{name}:{line}"
    try:
        return decode(text)
    except UnicodeDecodeError:
        raise UsageError("this is not UTF-8", where=where, remedy="save the file as UTF-8") from None
    except RecursionError:
        raise UsageError("nested too deeply", where=where, remedy="flatten the request") from None
    except msgspec.MsgspecError as error:
        raise UsageError(_what_is_wrong(text, error), where=where, remedy=_remedy(text)) from None


def _what_is_wrong(text: bytes, error: Exception) -> str:
    if re.search(rb"\b(NaN|Infinity)\b", text) or "out of range" in str(error):
        return "NaN and infinity are not JSON"
    return f"malformed JSON: {str(error).removeprefix('JSON is malformed: ')}"


def _remedy(text: bytes) -> str:
    if re.search(rb"\b(NaN|Infinity)\b", text):
        return "write null for a missing value"
    if text.strip() in {b"[", b"{"}:
        return "write one whole JSON object a line (JSON lines), not one JSON document over many lines"
    return "each line is one whole JSON object"


def _csv_rows(name: str, content: bytes) -> Iterator[Row]:
    text = decode_text(name, content)
    if not text.strip():
        return
    header, records = _csv_records(name, text)
    columns = [type_column(name, [(line, cells[index]) for line, cells in records]) for index in range(len(header))]
    for position, (line, _) in enumerate(records):
        yield Row(line, {key: column[position] for key, column in zip(header, columns, strict=True)})


def _csv_records(name: str, text: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header and, with their lines, the records, each as wide as the header."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    try:
        header = _header(name, next(reader))
        records = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader if cells]
    except csv.Error as error:
        where = f"{name}:{reader.line_num}"
        raise UsageError(f"malformed CSV: {error}", where=where, remedy="check its quotes") from None
    for line, cells in records:
        if len(cells) != len(header):
            raise UsageError(
                f"{len(cells)} fields where the header has {len(header)}",
                where=f"{name}:{line}",
                remedy="give every row a value or an empty cell for each column",
            )
    return header, records


def _header(name: str, cells: list[str]) -> list[str]:
    header = [cell.strip() for cell in cells]
    where = f"{name}:1"
    if "" in header:
        raise UsageError(f"column {header.index('') + 1} has no name", where=where, remedy="name every column")
    twice = next((cell for cell in header if header.count(cell) > 1), None)
    if twice is not None:
        raise UsageError(f"two columns are named {twice!r}", where=where, remedy="give each column its own name")
    return header


def _delimiter(text: str) -> str:
    """The delimiter that cuts the header into the most columns; csv.Sniffer guesses wrongly on text columns."""
    first = text.lstrip("\r\n").split("\n", 1)[0]
    return max(_DELIMITERS, key=lambda delimiter: len(next(csv.reader([first], delimiter=delimiter), [])))
