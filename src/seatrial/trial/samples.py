"""The samples of a trial: appended block by block as they are finished, and read back as numpy arrays.

A block is on disk before the next begins, so that neither Ctrl-C nor kill -9 loses a finished measurement. At the end
DuckDB turns the lines into one Parquet file, a row a request, for anyone's own questions.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from seatrial.records import BlockSamples

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class BlockLog:
    """Appends finished blocks to a file."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self._encoder = msgspec.json.Encoder()

    def append(self, block: BlockSamples) -> None:
        """Write one block; it is with the operating system when this returns."""
        self._file.write(self._encoder.encode(block) + b"\n")

    def close(self) -> None:
        """No more blocks."""
        self._file.close()


def read_blocks(path: Path) -> Iterator[BlockSamples]:
    """The blocks in a file, in order; a last line that a crash cut short is left out."""
    if not path.exists():
        return
    decoder = msgspec.json.Decoder(BlockSamples)
    with path.open("rb") as lines:
        for line in lines:
            if line.endswith(b"\n"):
                yield decoder.decode(line)


def write_parquet(blocks: Path, target: Path) -> None:
    """One row a request: cell, block and the fields of `Sample`; the prediction as JSON text."""
    import duckdb  # noqa: PLC0415 - a large library, needed once at the end

    sample = (
        "STRUCT(request BIGINT, block BIGINT, sent DOUBLE, lag DOUBLE, latency DOUBLE, "
        "status INTEGER, error VARCHAR, prediction JSON)[]"
    )
    with duckdb.connect() as connection:
        connection.execute("SET threads = 2")
        connection.execute(
            f"""
            COPY (
                SELECT cell, block, s.request, s.sent, s.lag, s.latency, s.status, s.error, s.prediction
                FROM (SELECT cell, block, unnest(samples) AS s FROM read_json($1,
                      format = 'newline_delimited', maximum_object_size = 1073741824, ignore_errors = true,
                      columns = {{cell: 'VARCHAR', block: 'BIGINT', samples: '{sample}'}}))
            ) TO '{str(target).replace("'", "''")}' (FORMAT parquet, COMPRESSION zstd)
            """,  # noqa: S608 - our own path, quoted; COPY takes no parameter there
            [str(blocks)],
        )


@dataclass(frozen=True, slots=True)
class CellSamples:
    """All samples of one cell, in the order of their intended send times; every array has one entry a request.

    `order` is the place within its block: (`block`, `order`) names the same request in every cell; `good` is where the
    answer is good. Those that begin with `block_` hold one entry a block, NaN where unknown: its index, CPU seconds a
    request, bytes held after it, its length and its CPU seconds.
    """

    request: Ints
    block: Ints
    order: Ints
    latency: Floats
    lag: Floats
    error: NDArray[np.object_]
    good: Bools
    prediction: NDArray[np.object_]
    block_index: Ints
    block_cpu: Floats
    block_memory: Floats
    block_seconds: Floats
    block_cpu_seconds: Floats

    def __len__(self) -> int:
        """The number of requests."""
        return len(self.request)


def gather(blocks: Iterable[BlockSamples]) -> dict[str, CellSamples]:
    """The samples of each cell."""
    by_cell: dict[str, list[BlockSamples]] = {}
    for block in blocks:
        by_cell.setdefault(block.cell, []).append(block)
    return {cell: _arrays(its) for cell, its in by_cell.items()}


def _arrays(blocks: Sequence[BlockSamples]) -> CellSamples:
    blocks = sorted(blocks, key=lambda block: block.block)
    samples = [sample for block in blocks for sample in block.samples]
    sizes = [len(block.samples) for block in blocks]
    return CellSamples(
        request=np.array([s.request for s in samples], dtype=np.int64),
        block=np.repeat(np.array([b.block for b in blocks], dtype=np.int64), sizes),
        order=np.concatenate([np.arange(size) for size in sizes]) if sizes else np.zeros(0, dtype=np.int64),
        latency=np.array([s.latency for s in samples], dtype=np.float64),
        lag=np.array([s.lag for s in samples], dtype=np.float64),
        error=_objects(s.error for s in samples),
        good=np.array([s.error is None for s in samples], dtype=np.bool_),
        prediction=_objects(s.prediction for s in samples),
        block_index=np.array([b.block for b in blocks], dtype=np.int64),
        block_cpu=np.array([_per_request(b.cpu_seconds, len(b.samples)) for b in blocks], dtype=np.float64),
        block_memory=np.array([_or_nan(b.memory) for b in blocks], dtype=np.float64),
        block_seconds=np.array([b.seconds for b in blocks], dtype=np.float64),
        block_cpu_seconds=np.array([_or_nan(b.cpu_seconds) for b in blocks], dtype=np.float64),
    )


def _objects(values: Iterable[Any]) -> NDArray[np.object_]:
    """An array of arbitrary objects; numpy must not look inside lists."""
    items = list(values)
    array = np.empty(len(items), dtype=object)
    for index, item in enumerate(items):
        array[index] = item
    return array


def _or_nan(value: float | None) -> float:
    return np.nan if value is None else float(value)


def _per_request(cpu: float | None, requests: int) -> float:
    return np.nan if cpu is None or requests == 0 else cpu / requests
