"""Files of rows that a user brings: labels, a training sample. What they are is told by their ending."""

from pathlib import Path

from seatrial.records import UsageError
from seatrial.telemetry.log import text

_READERS = {
    ".csv": "read_csv({file}, header = true, {types})",
    ".tsv": "read_csv({file}, header = true, {types})",
    ".jsonl": "read_json({file}, sample_size = -1)",
    ".ndjson": "read_json({file}, sample_size = -1)",
    ".json": "read_json({file}, sample_size = -1)",
    ".parquet": "read_parquet({file})",
    ".pq": "read_parquet({file})",
}


def is_file_of_rows(source: str) -> bool:
    """Whether a name is that of a file, not of a log."""
    return "://" not in source and (Path(source).is_file() or Path(source).suffix.lower() in _READERS)


def rows_of(path: Path, *, typed: bool) -> str:
    """SQL: the rows of a file.

    Args:
        path: CSV, TSV, JSON lines, JSON or Parquet.
        typed: guess the types of a CSV from all its lines; else everything in it is text.

    Raises:
        UsageError: there is no such file, or its ending is unknown.
    """
    if not path.is_file():
        raise UsageError("there is no such file", where=str(path))
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise UsageError(
            f"files that end in {path.suffix or 'nothing'} are not known",
            where=str(path),
            remedy=f"known endings are {', '.join(_READERS)}",
        )
    return reader.format(file=text(str(path)), types="sample_size = -1" if typed else "all_varchar = true")
