"""The rows of a dataset version as DuckDB sees them while they are split.

A version may hold more rows than memory: it is read from its file, and only each row's number and side are kept.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb

from seatrial.records import ColumnKind, ColumnSpec, PermanentError
from seatrial.telemetry.log import first_line, name, text

ROW: Final = '"row number"'
TYPES: Final = {
    ColumnKind.INTEGER: "BIGINT",
    ColumnKind.NUMBER: "DOUBLE",
    ColumnKind.TEXT: "VARCHAR",
    ColumnKind.TIME: "TIMESTAMPTZ",
    ColumnKind.BOOLEAN: "BOOLEAN",
}
_TIME_OF_CSV: Final = "%Y-%m-%dT%H:%M:%S.%fZ"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@contextmanager
def opened(
    folder: Path, *, what: str = "the rows can't be split", memory: str | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that spills into `folder` what does not fit.

    Args:
        folder: where a folder is made for it, and removed.
        what: begins the message where DuckDB can't do something.
        memory: most that it takes, as DuckDB writes it; None: what it takes by itself.

    Raises:
        PermanentError: for what DuckDB can't do.
    """
    with TemporaryDirectory(prefix=".spill-", dir=folder) as spill, duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET autoinstall_known_extensions = false")
        connection.execute(f"SET temp_directory = {text(spill)}")
        if memory is not None:
            connection.execute(f"SET memory_limit = {text(memory)}")
        try:
            yield connection
        except duckdb.Error as error:
            raise PermanentError(
                f"{what}: {first_line(error)}", where=str(folder), remedy="free space there, or report it"
            ) from error


def view_dataset(connection: duckdb.DuckDBPyConnection, file: Path, columns: Sequence[ColumnSpec]) -> None:
    """Make `dataset`: the columns, and the number of each row in the file."""
    names = ", ".join(name(column.name) for column in columns)
    connection.execute(
        f"CREATE VIEW dataset AS SELECT {names}, file_row_number AS {ROW} "  # noqa: S608 - names and a path, quoted
        f"FROM read_parquet({text(str(file))}, file_row_number = true)"
    )


def write(connection: duckdb.DuckDBPyConnection, query: str, file: Path) -> None:
    """Put what a query gives into a file as a whole, Parquet or CSV by its ending; the same rows give the same bytes."""
    unfinished = file.with_name(f".{file.name}")
    options = f"FORMAT csv, HEADER, TIMESTAMPFORMAT {text(_TIME_OF_CSV)}"
    if file.suffix == ".parquet":
        options = "FORMAT parquet, COMPRESSION zstd"
    connection.execute(f"COPY ({query}) TO {text(str(unfinished))} ({options})")
    unfinished.replace(file)


def source(file: Path, columns: Sequence[ColumnSpec]) -> str:
    """What to write after FROM to read such a file again."""
    if file.suffix == ".parquet":
        return f"read_parquet({text(str(file))})"
    types = ", ".join(f"{text(column.name)}: {text(TYPES[column.kind])}" for column in columns)
    return f"read_csv({text(str(file))}, header = true, auto_detect = false, columns = {{{types}}})"


def one(connection: duckdb.DuckDBPyConnection, query: str, values: Sequence[object] = ()) -> Any:  # noqa: ANN401 - a value of any type
    """The only value that a query gives."""
    found = connection.execute(query, list(values)).fetchone()
    return None if found is None else found[0]


def micros(moment: datetime) -> int:
    """Microseconds since 1970, as `epoch_us` gives them."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment(micros_since_1970: int) -> datetime:
    """The moment of these."""
    return _EPOCH + timedelta(microseconds=micros_since_1970)
