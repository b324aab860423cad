"""Labels that come in a file: joined for one query, or imported into the log for all later ones.

    request_id,row,label
    0192f3,0,5

`row` may be left out where every request has one row. Of several labels for one row the last line counts.
"""

# ruff: noqa: S608 - names are quoted by `name`, values by `text`; COPY takes no parameters

import re
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import duckdb

from seatrial.records import UsageError
from seatrial.records.telemetry import LABELS, segment_name
from seatrial.telemetry.files import rows_of
from seatrial.telemetry.log import first_line, name, text
from seatrial.telemetry.storage import open_storage

_REMEDY = "a file of labels has the columns request_id, label and, where requests have several rows, row"
_NUMBER = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL.*")


def read_labels(path: Path, connection: duckdb.DuckDBPyConnection, table: str) -> int:
    """Make a table of labels in the log's own columns, without `time`, from a file.

    Args:
        path: CSV, TSV, JSON lines, JSON or Parquet.
        connection: gets the table.
        table: its name; replaced if it is there.

    Returns:
        How many labels there are.

    Raises:
        UsageError: the file can't be read, or a column is missing.
    """
    try:
        source = rows_of(path, typed=False)
        columns = {row[0]: row[1] for row in connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()}
        missing = {"request_id", "label"} - set(columns)
        if missing:
            raise UsageError(f"the column {min(missing)} is missing", where=str(path), remedy=_REMEDY)
        label, label_text = _converted(connection, source, columns["label"])
        row = 'coalesce(TRY_CAST("row" AS INTEGER), 0)' if "row" in columns else "0::INTEGER"
        connection.execute(
            f"""
            CREATE OR REPLACE TABLE {name(table)} AS
            SELECT request_id, row, unnest(newest) FROM (
                SELECT request_id::VARCHAR AS request_id, {row} AS row,
                       last({{label: {label}, label_text: {label_text}}} ORDER BY line) AS newest
                FROM (SELECT *, row_number() OVER () AS line FROM {source})
                WHERE label IS NOT NULL AND request_id IS NOT NULL GROUP BY ALL
            )
            """
        )
    except duckdb.Error as error:
        raise UsageError(f"the labels can't be read: {first_line(error)}", where=str(path), remedy=_REMEDY) from error
    return _count(connection, f"SELECT count(*) FROM {name(table)}")


def import_labels(target: str, path: Path, *, now: datetime) -> int:
    """Add the labels of a file to a log, in one segment that is there at once and whole.

    Args:
        target: directory or `s3://bucket/prefix`.
        path: as for `read_labels`.
        now: when they came in; later labels win over earlier ones.

    Returns:
        How many labels were added.
    """
    storage = open_storage(target)
    with TemporaryDirectory(prefix="seatrial-labels-") as folder, duckdb.connect() as connection:
        count = read_labels(path, connection, "given")
        if count == 0:
            return 0
        segment = Path(folder) / "labels.parquet"
        moment = now.astimezone(UTC)
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            f"""
            COPY (SELECT TIMESTAMPTZ {text(moment.isoformat())} AS time, request_id, row, label, label_text FROM given)
            TO {text(str(segment))} (FORMAT parquet, COMPRESSION zstd, KV_METADATA {{'seatrial.rows': '{count}'}})
            """
        )
        worker = f"import{uuid4().hex}"
        storage.add(f"{LABELS}/date={moment.date().isoformat()}/{segment_name(worker, 1, 1)}", segment)
    return count


def _converted(connection: duckdb.DuckDBPyConnection, source: str, kind: str) -> tuple[str, str]:
    """SQL of a label as a number and as the JSON of what is no number; exactly one of them is not null.

    A CSV says nothing of types: its labels are numbers if all of them can be.
    """
    number = "nullif(label::DOUBLE, 'nan'::DOUBLE)"
    if kind == "VARCHAR":
        unlike = "TRY_CAST(label AS DOUBLE) IS NULL AND label IS NOT NULL"
        texts = _count(connection, f"SELECT count(*) FROM {source} WHERE {unlike}")
        return ("NULL::DOUBLE", "to_json(label)::VARCHAR") if texts else (number, "NULL::VARCHAR")
    if _NUMBER.fullmatch(kind):
        return number, "NULL::VARCHAR"
    if kind == "JSON":
        is_number = "json_type(label) IN ('DOUBLE', 'BIGINT', 'UBIGINT', 'HUGEINT')"
        return f"CASE WHEN {is_number} THEN {number} END", f"CASE WHEN NOT {is_number} THEN label::VARCHAR END"
    return "NULL::DOUBLE", "to_json(label)::VARCHAR"


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    found = connection.execute(query).fetchone()
    return int(found[0]) if found else 0
