"""Rows on their way into one Parquet file: never all in memory, and those of a partition can be dropped until the end.

While lines come in, rows are appended to a file a partition (Arrow's own format: no more than a copy). At the end these
become one Parquet file, partition after partition, so that the same offsets give the same file however the lines were
mixed on their way.
"""

import os
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from seatrial.retrain.dead import DeadLines
from seatrial.retrain.parse.parsed import ParsedBatch

if TYPE_CHECKING:
    from arro3.core import RecordBatch, Schema

PARTITION: Final = "_partition"
"""Column of the collected rows: where the line of the row comes from."""

_MEMORY: Final = 64 << 20
_GROUP_ROWS: Final = 131_072
_NUMBER: Final = re.compile(r"(\d+)")


class PartitionSpool:
    """What one partition brought.

    Args:
        stem: path of its files, without their endings.
        partition: its name.
    """

    def __init__(self, stem: Path, partition: str) -> None:
        self.dead = DeadLines(stem.with_suffix(".dead"), partition)
        self.counts: Counter[str] = Counter()
        self.pending_bytes = 0
        self.bytes = 0
        self._file = stem.with_suffix(".rows")
        self._pending: list[RecordBatch] = []
        self._pieces: list[int] = []

    def add(self, parsed: ParsedBatch) -> None:
        """Take a batch's rows and dead lines."""
        rows = parsed.rows.num_rows
        self.counts.update(
            lines=parsed.lines, parsed=rows, ignored=parsed.ignored, empty=parsed.empty, dead=len(parsed.dead)
        )
        self.dead.add(parsed.dead)
        if rows:
            self._pending.append(parsed.rows)
            self.pending_bytes += parsed.rows.nbytes

    def flush(self) -> None:
        """Write what is in memory to the file."""
        from arro3.core import Table  # noqa: PLC0415 - of the extra `retrain`
        from arro3.io import write_ipc_stream  # noqa: PLC0415

        if not self._pending:
            return
        piece = BytesIO()
        write_ipc_stream(Table.from_batches(self._pending).combine_chunks(), piece)
        with self._file.open("ab") as file:
            file.write(piece.getbuffer())
        self._pieces.append(piece.tell())
        self.bytes += self.pending_bytes
        self._pending, self.pending_bytes = [], 0

    def batches(self) -> "Iterator[RecordBatch]":
        """All rows, a piece at a time; after `flush`."""
        from arro3.io import read_ipc_stream  # noqa: PLC0415 - of the extra `retrain`

        if self._pieces:
            with self._file.open("rb") as file:
                for size in self._pieces:
                    yield from read_ipc_stream(BytesIO(file.read(size)))

    def drop(self) -> None:
        """Remove the files."""
        self.dead.drop()
        self._file.unlink(missing_ok=True)


class Spool:
    """What all partitions brought.

    Args:
        folder: its own, beside the files that it writes: what an earlier collection left in it is removed.
        schema: of the parsed rows.
        memory: about how many bytes of rows may be in memory.
    """

    def __init__(self, folder: Path, schema: "Schema", memory: int = _MEMORY) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._folder = folder
        self._schema = schema
        self._memory = memory
        self._made = 0
        self.partitions: dict[str, PartitionSpool] = {}

    def add(self, parsed: ParsedBatch) -> None:
        """Take a batch."""
        own = self.partitions.get(parsed.partition)
        if own is None:
            self._made += 1
            own = self.partitions[parsed.partition] = PartitionSpool(self._folder / f"{self._made}", parsed.partition)
        own.add(parsed)
        if sum(one.pending_bytes for one in self.partitions.values()) > self._memory // 2:
            self._flush()

    def drop(self, partition: str) -> int:
        """Forget a partition; gives how many lines it brought."""
        gone = self.partitions.pop(partition, None)
        if gone is None:
            return 0
        gone.drop()
        return gone.counts["lines"]

    def counts(self) -> Counter[str]:
        """Of all partitions together."""
        return _sum(one.counts for one in self.partitions.values())

    def kinds(self) -> Counter[str]:
        """How many lines of all partitions were dead for which reason."""
        return _sum(one.dead.kinds for one in self.partitions.values())

    def write_rows(self, target: Path) -> None:
        """One Parquet file of all rows: partitions in the order of their names, lines in the order of their offsets."""
        from arro3.core import DataType, Field, RecordBatchReader  # noqa: PLC0415 - of the extra `retrain`
        from arro3.io import write_parquet  # noqa: PLC0415

        self._flush()
        schema = self._schema.append(Field(PARTITION, DataType.string(), nullable=True))
        rows = self._group_rows()
        with self._replacing(target) as file:
            write_parquet(
                RecordBatchReader.from_batches(schema, _regrouped(self._all(schema), rows)),
                file,
                compression="zstd(1)",
                max_row_group_size=rows,
                created_by="seatrial",
            )

    def write_dead(self, target: Path) -> None:
        """One file of JSON lines of all dead lines, in the same order."""
        with self._replacing(target) as file:
            for _, own in self._in_order():
                own.dead.copy_to(file)

    def close(self) -> None:
        """Remove all files of its own."""
        shutil.rmtree(self._folder, ignore_errors=True)

    @contextmanager
    def _replacing(self, target: Path) -> Iterator[IO[bytes]]:
        """A file that takes the place of another when the block is left without an error."""
        unfinished = self._folder / target.name
        with unfinished.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)

    def _flush(self) -> None:
        for one in self.partitions.values():
            one.flush()

    def _in_order(self) -> list[tuple[str, PartitionSpool]]:
        return sorted(self.partitions.items(), key=lambda pair: natural(pair[0]))

    def _all(self, schema: "Schema") -> "Iterator[RecordBatch]":
        from arro3.core import Array, DataType, RecordBatch  # noqa: PLC0415 - of the extra `retrain`

        for name, own in self._in_order():
            for batch in own.batches():
                names = Array([name] * batch.num_rows, DataType.string())
                yield RecordBatch.from_arrays([*batch.columns, names], schema=schema)

    def _group_rows(self) -> int:
        """How many rows a row group holds: fewer where they are long, because a group is in memory as a whole."""
        rows, size = self.counts()["parsed"], sum(one.bytes for one in self.partitions.values())
        return _GROUP_ROWS if not size else max(1, min(_GROUP_ROWS, self._memory * rows // size))


def natural(name: str) -> tuple[tuple[int, str], ...]:
    """Sorts `ratings/10` after `ratings/9`."""
    return tuple((int(part), part) if part.isdecimal() else (0, part) for part in _NUMBER.split(name))


def _regrouped(batches: "Iterable[RecordBatch]", rows: int) -> "Iterator[RecordBatch]":
    """The same rows, `rows` in each batch, so that the file does not depend on how they came in."""
    from arro3.core import Table  # noqa: PLC0415 - of the extra `retrain`

    kept: list[RecordBatch] = []
    for batch in batches:
        kept.append(batch)
        while sum(one.num_rows for one in kept) >= rows:
            table = Table.from_batches(kept)
            yield table.slice(0, rows).combine_chunks().to_batches()[0]
            kept = [one for one in table.slice(rows).to_batches() if one.num_rows]
    if kept:
        yield Table.from_batches(kept).combine_chunks().to_batches()[0]


def _sum(counters: Iterable[Mapping[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for one in counters:
        total.update(one)
    return total
