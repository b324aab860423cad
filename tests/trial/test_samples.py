"""Samples are on disk block by block, and come back as they were."""

from pathlib import Path

import duckdb
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seatrial.records import BlockSamples
from seatrial.trial.samples import BlockLog, gather, read_blocks, write_parquet
from tests.trial.making import blocks


def written(folder: Path, found: list[BlockSamples]) -> Path:
    """A log of these blocks."""
    path = folder / "blocks.jsonl"
    log = BlockLog(path)
    for block in found:
        log.append(block)
    log.close()
    return path


def test_blocks_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    """Predictions of any JSON kind survive."""
    found = blocks("a@baseline", [0.1] * 4, predictions=[1, "zwei", [3.0, None], {"four": {}}], size=2)
    assert found == list(read_blocks(written(tmp_path, found)))


def test_a_line_cut_short_by_a_crash_is_left_out(tmp_path: Path) -> None:
    """Everything before it counts."""
    found = blocks("a@baseline", [0.1] * 30)
    path = written(tmp_path, found)
    path.write_bytes(path.read_bytes()[:-5])
    assert found[:-1] == list(read_blocks(path))


def test_no_file_is_no_blocks(tmp_path: Path) -> None:
    """A trial that was never driven has none."""
    assert [] == list(read_blocks(tmp_path / "blocks.jsonl"))


def test_arrays_hold_every_request_in_order() -> None:
    """Also where the blocks of two cells come interleaved."""
    first, second = (
        blocks("a", [0.1, 0.2, 0.3], size=2),
        blocks("b", [0.4, 0.5, 0.6], size=2, errors=[None, "timeout", None]),
    )
    found = gather([first[0], second[0], second[1], first[1]])
    assert [0.1, 0.2, 0.3] == found["a"].latency.tolist()
    assert [True, False, True] == found["b"].good.tolist()
    assert ([0, 0, 1], [0, 1, 0]) == (found["b"].block.tolist(), found["b"].order.tolist())


def test_unknown_usage_is_not_a_number() -> None:
    """CPU that could not be read is no zero."""
    (block,) = blocks("a", [0.1])
    found = gather([BlockSamples(cell="a", block=0, samples=block.samples, seconds=1.0)])["a"]
    assert np.isnan(found.block_cpu).all()
    assert np.isnan(found.block_memory).all()


def test_the_parquet_file_has_a_row_a_request(tmp_path: Path) -> None:
    """With the prediction as JSON, errors by kind, and quotes in the path doing no harm."""
    found = blocks("it's@baseline", [0.1, 0.2], predictions=[{"a": 1}, "x"], errors=[None, "timeout"])
    target = tmp_path / "it's.parquet"
    write_parquet(written(tmp_path, found), target)
    rows = (
        duckdb.connect()
        .execute("SELECT cell, request, latency, error, prediction FROM read_parquet($1)", [str(target)])
        .fetchall()
    )
    assert [("it's@baseline", 0, 0.1, None, '{"a":1}'), ("it's@baseline", 1, 0.2, "timeout", '"x"')] == rows


@given(st.lists(st.floats(min_value=0, max_value=10), min_size=1, max_size=50), st.integers(min_value=1, max_value=9))
def test_no_request_is_lost_however_blocks_are_cut(latencies: list[float], size: int) -> None:
    """The arrays hold what was sent."""
    found = gather(blocks("a", latencies, size=size))["a"]
    assert latencies == found.latency.tolist()
    assert len(latencies) == len(found)
