"""Files of the access log that are complete and counted become Parquet, where `seatrial telemetry` finds them.

A segment is written under a name that begins with a dot, synced and renamed, and only then its log file is removed. Its
name comes from what the file holds: if a crash comes in between, the next one writes the same rows to the same place. So
a request is never there twice.
"""

import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from seatrial.gateway.log.counted import error_of
from seatrial.gateway.log.failing import without_query
from seatrial.records import AccessLine
from seatrial.records.telemetry import REQUEST_COLUMNS, REQUESTS, segment_name

if TYPE_CHECKING:
    import duckdb

KEEP_DAYS: Final = 14.0
KEEP_BYTES: Final = 2 << 30
_PIECE: Final = 5_000
_HEAD: Final = 4096
_LEFT_BEHIND_SECONDS: Final = 3600.0
_SQL_TYPES: Final = {
    "timestamp[us, UTC]": "TIMESTAMPTZ",
    "string": "VARCHAR",
    "int16": "SMALLINT",
    "int64": "BIGINT",
    "float64": "DOUBLE",
    "bool": "BOOLEAN",
}

Read = Callable[[bytes], AccessLine | None]
"""A line of the log as a record; None for what is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """What is kept: segments of so many days, and the youngest of so many bytes."""

    days: float = KEEP_DAYS
    size: int = KEEP_BYTES


def archive(path: Path, target: Path, read: Read) -> int:
    """Write a complete log file to `TARGET/requests/date=…` and remove it; how many requests it held.

    Args:
        path: the file.
        target: directory of the telemetry.
        read: understands its lines.

    Raises:
        OSError: it can't be read, or written; then the file stays.
    """
    import duckdb  # noqa: PLC0415 - a large library, needed every ten minutes

    rows = 0
    try:
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("SET threads = 1")
            columns = ", ".join(f'"{name}" {_SQL_TYPES[kind]}' for name, kind in REQUEST_COLUMNS.items())
            connection.execute(f"CREATE TABLE requests ({columns})")
            for lines in _pieces(path):
                rows += _insert(connection, [found for line in lines if (found := _understood(read, line)) is not None])
            worker = _worker(path)
            for number, day in enumerate(_days(connection), start=1):
                _write(connection, day, target / REQUESTS / f"date={day}" / segment_name(worker, number, number))
    except duckdb.Error as error:
        raise OSError(str(error)) from error
    path.unlink(missing_ok=True)
    return rows


def expire(target: Path, retention: Retention, now: datetime) -> int:
    """Remove what is old or too much, and what crashes left unfinished; how many segments were removed."""
    folder = target / REQUESTS
    _sweep(folder, now)
    kept = sorted(((path, found) for path in folder.glob("date=*/*.parquet") if (found := _stat(path))), key=_age)
    oldest = (now - timedelta(days=retention.days)).timestamp()
    total = sum(found.st_size for _, found in kept)
    removed = 0
    for path, found in kept:
        if found.st_mtime >= oldest and total <= retention.size:
            break
        path.unlink(missing_ok=True)
        with suppress(OSError):
            path.parent.rmdir()
        total -= found.st_size
        removed += 1
    return removed


def _sweep(folder: Path, now: datetime) -> None:
    for path in folder.glob("date=*/.*"):
        found = _stat(path)
        if found is not None and found.st_mtime < now.timestamp() - _LEFT_BEHIND_SECONDS:
            path.unlink(missing_ok=True)


def _age(one: tuple[Path, os.stat_result]) -> tuple[float, str]:
    path, found = one
    return found.st_mtime, path.name


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _pieces(path: Path) -> Iterator[list[bytes]]:
    """Its whole lines, so many at once."""
    with path.open("rb") as file:
        piece: list[bytes] = []
        for line in file:
            if line.endswith(b"\n"):
                piece.append(line[:-1])
            if len(piece) >= _PIECE:
                yield piece
                piece = []
        if piece:
            yield piece


def _understood(read: Read, line: bytes) -> AccessLine | None:
    try:
        return read(line)
    except Exception:  # noqa: BLE001 - one line that nobody understands must not keep all others
        return None


def _insert(connection: "duckdb.DuckDBPyConnection", lines: Sequence[AccessLine]) -> int:
    if lines:
        columns = dict(zip(REQUEST_COLUMNS, _columns(lines), strict=True))
        connection.register("piece", columns)
        names = ", ".join(f'"{name}"' for name in REQUEST_COLUMNS)
        connection.execute(f"INSERT INTO requests SELECT {names} FROM piece")  # noqa: S608 - names of ours
        connection.unregister("piece")
    return len(lines)


def _columns(lines: Sequence[AccessLine]) -> Iterator[Any]:
    """The values of each column, in the order of the contract, as numpy arrays."""
    import numpy as np  # noqa: PLC0415 - beside DuckDB

    rows = zip(*map(_row, lines), strict=True)
    for kind, values in zip(REQUEST_COLUMNS.values(), rows, strict=True):
        if kind.startswith("timestamp"):
            yield np.array([value.replace(tzinfo=None) for value in values], dtype="datetime64[us]")
        elif kind == "string":
            yield np.array(values, dtype=object)
        else:
            yield np.array(values, dtype={"bool": "bool", "float64": "float64"}.get(kind, "int64"))


def _row(line: AccessLine) -> tuple[Any, ...]:
    return (
        line.time.astimezone(UTC),
        line.request_id,
        line.service,
        line.assigned.value,
        line.served.value if line.served else None,
        line.version,
        line.endpoint,
        line.method,
        without_query(line.path),
        line.status,
        error_of(line) or None,
        line.flags or None,
        line.seconds,
        float("nan") if line.upstream_seconds is None else line.upstream_seconds,
        line.bytes_received,
        line.bytes_sent,
        line.unit or None,
        line.mirrored,
        line.forced,
    )


def _days(connection: "duckdb.DuckDBPyConnection") -> list[date]:
    return [day for (day,) in connection.execute("SELECT DISTINCT time::DATE FROM requests ORDER BY 1").fetchall()]


def _write(connection: "duckdb.DuckDBPyConnection", day: date, final: Path) -> None:
    """One segment: unseen until it is whole and on the disk."""
    final.parent.mkdir(parents=True, exist_ok=True)
    unfinished = final.with_name(f".{final.name}.{secrets.token_hex(8)}")
    columns = ", ".join(_output(name) for name in REQUEST_COLUMNS)
    rows = f"SELECT {columns} FROM requests WHERE time::DATE = DATE '{day}' ORDER BY time"  # noqa: S608 - names of ours
    place = str(unfinished).replace("'", "''")
    try:
        connection.execute(f"COPY ({rows}) TO '{place}' (FORMAT parquet, COMPRESSION zstd)")
        _sync(unfinished)
        unfinished.replace(final)
    finally:
        unfinished.unlink(missing_ok=True)
    _sync(final.parent)


def _output(name: str) -> str:
    return (
        f'CASE WHEN isnan("{name}") THEN NULL ELSE "{name}" END AS "{name}"'
        if name == "upstream_seconds"
        else f'"{name}"'
    )


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _worker(path: Path) -> str:
    """A name that no other file's segments have: from its first lines, which hold times and request ids."""
    with path.open("rb") as file:
        digest = blake2b(file.read(_HEAD), digest_size=8)
        digest.update(str(os.fstat(file.fileno()).st_size).encode())
    return f"gateway_{digest.hexdigest()}"


def files_bytes(paths: Iterable[Path]) -> int:
    """How long files are together."""
    return sum(found.st_size for path in paths if (found := _stat(path)))
