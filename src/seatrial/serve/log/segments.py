"""Record batches as one Parquet file and back, in steps that let the server's event loop run between them.

arro3 holds the interpreter while it encodes: a segment of 100,000 rows at once would stop every request for 50 ms. It
takes its batches from a generator, though, so each batch of a thousand rows is a step of half a millisecond, and the
generator rests in between.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import SEEK_END, BytesIO
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer
    from arro3.core import RecordBatch, Schema
    from arro3.io._parquet import ParquetColumnPath, ParquetEncoding

COMPRESSION = "zstd(1)"
"""Measured on rows of 11 numbers: levels 3 to 9 take 1.3 to 2.7 times the time and save nothing."""

# Small pages, so that those of all columns never become one long step; larger ones save less than 1 %.
_DICTIONARY_BYTES = 32 * 1024
_PAGE_BYTES = 32 * 1024
_PAGE_ROWS = 8192
_STATISTICS_BYTES = 64
_PIECES = 64
_READ_ROWS = 4096
_ROWS_KEY = "seatrial.rows"
_MAGIC = b"PAR1"
_SMALLEST = 12

# Values that hardly repeat: looking for repetitions costs more than it saves.
_UNIQUE: "dict[str, ParquetEncoding]" = {
    "time": "delta_binary_packed",
    "request_id": "delta_length_byte_array",
    "queue_seconds": "byte_stream_split",
    "total_seconds": "byte_stream_split",
    "inputs": "delta_length_byte_array",
}


class Broken(Exception):  # noqa: N818 - it is a state of a file
    """A file is no whole segment."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a segment holds: its schema, how many rows, and the rows, once."""

    schema: "Schema"
    rows: int
    batches: "Iterator[RecordBatch]"


class Encoder:
    """Makes Parquet files of one schema."""

    def __init__(self, schema: "Schema", compression: str = COMPRESSION) -> None:
        self._schema = schema
        self._compression = compression
        self._encodings = _encodings(schema)
        self._dictionaries: dict[ParquetColumnPath, bool] = {name: False for name in schema.names if name in _UNIQUE}

    def encode(self, batches: "Iterable[RecordBatch]", rows: int, rest: Callable[[], None]) -> memoryview:
        """A whole file.

        Args:
            batches: of the schema, read one after another.
            rows: how many they hold together; kept in the file's metadata.
            rest: called between two batches.
        """
        from arro3.core import RecordBatchReader  # noqa: PLC0415 - of the extra `log`
        from arro3.io import write_parquet  # noqa: PLC0415

        target = _Memory(rest)
        write_parquet(
            RecordBatchReader.from_batches(self._schema, _stepwise(batches, rest)),
            target,
            compression=self._compression,
            column_encoding=self._encodings,
            column_dictionary_enabled=self._dictionaries,
            dictionary_page_size_limit=_DICTIONARY_BYTES,
            data_page_size_limit=_PAGE_BYTES,
            data_page_row_count_limit=_PAGE_ROWS,
            max_statistics_size=_STATISTICS_BYTES,
            key_value_metadata={_ROWS_KEY: str(rows)},
            created_by="seatrial",
            skip_arrow_metadata=True,
        )
        return target.getbuffer()


class _Memory(BytesIO):
    """Where a file is written: into memory, so that no slow disk is waited for while the interpreter is held.

    Its end comes in thousands of pieces at once; there is a rest after some of them, too.
    """

    def __init__(self, rest: Callable[[], None]) -> None:
        super().__init__()
        self._rest = rest
        self._pieces = 0

    def write(self, data: "Buffer") -> int:
        """Called by arro3."""
        self._pieces += 1
        if not self._pieces % _PIECES:
            self._rest()
        return super().write(data)


def _stepwise(batches: "Iterable[RecordBatch]", rest: Callable[[], None]) -> "Iterator[RecordBatch]":
    for index, batch in enumerate(batches):
        if index:
            rest()
        yield batch


def decode(file: IO[bytes]) -> Content:
    """The content of a whole Parquet file, read batch by batch.

    Raises:
        Broken: it is none.
    """
    from arro3.io import read_parquet  # noqa: PLC0415 - of the extra `log`

    _require_whole(file)
    with reading():
        reader = read_parquet(file, batch_size=_READ_ROWS)
        schema = reader.schema
    noted = schema.metadata.get(_ROWS_KEY.encode())
    if noted is None or not noted.isdigit():
        raise Broken("not a segment of a prediction log")
    return Content(schema.remove_metadata(), int(noted), iter(reader))


@contextmanager
def reading() -> Iterator[None]:
    """Turns whatever arro3 raises at a damaged file into Broken: its panics are no Exceptions."""
    try:
        yield
    except (Broken, OSError, MemoryError):
        raise
    except BaseException as error:
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            raise Broken(f"not a whole Parquet file: {error}") from None
        raise


def _encodings(schema: "Schema") -> "dict[ParquetColumnPath, ParquetEncoding]":
    from arro3.core import DataType  # noqa: PLC0415 - of the extra `log`

    numbers = [name for name in schema.names if schema.field(name).type == DataType.float64()]
    # For numbers that turn out too various for a dictionary.
    various: dict[ParquetColumnPath, ParquetEncoding] = dict.fromkeys(numbers, "byte_stream_split")
    return various | {name: encoding for name, encoding in _UNIQUE.items() if name in schema.names}


def _require_whole(file: IO[bytes]) -> None:
    size = file.seek(0, SEEK_END)
    if size < _SMALLEST:
        raise Broken("too short for a Parquet file")
    file.seek(-len(_MAGIC), SEEK_END)
    tail = file.read(len(_MAGIC))
    file.seek(0)
    if tail != _MAGIC:
        raise Broken("the end of a Parquet file is missing")
