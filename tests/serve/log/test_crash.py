"""kill -9 at any moment: what was renamed is whole, and no more is lost than is promised."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from seatrial.records.telemetry import visible
from seatrial.serve.log import compact
from seatrial.serve.log.segments import decode
from tests.serve.log.makers import rows
from tests.waiting import wait_until

ROOT = Path(__file__).parents[3]
FLUSH_SECONDS = 0.4
ONE_WRITE = 1.5
"""More than a segment of 10,000 rows takes on a busy machine."""


@contextmanager
def logging(target: Path, segment_rows: int, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that logs; killed at the end at the latest."""
    command = [
        sys.executable,
        "-m",
        "tests.serve.log.logger",
        str(target),
        str(FLUSH_SECONDS),
        str(segment_rows),
        *options,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        try:
            yield process
        finally:
            process.kill()


def run_and_kill(process: "subprocess.Popen[bytes]", seconds: float) -> tuple[float, int]:
    """Reads what it prints for some time, so that it never waits for us, and kills it.

    Returns:
        When it was killed, and how many rows it said it had.
    """
    assert process.stdout is not None
    until, said = time.monotonic() + seconds, b"0"
    while time.monotonic() < until:
        said = process.stdout.readline()
    killed = time.monotonic()
    process.send_signal(signal.SIGKILL)
    process.wait()
    whole = [line for line in process.stdout.read().splitlines(keepends=True) if line.endswith(b"\n")]
    return killed, int(whole[-1] if whole else said)


@pytest.mark.slow
@pytest.mark.parametrize(("segment_rows", "lived"), [(100_000, 2.5), (100_000, 2.7), (500, 1.9)])
def test_no_more_is_lost_than_the_bound(tmp_path: Path, segment_rows: int, lived: float) -> None:
    """All rows up to the unflushed seconds are there, without a hole, and every file that was renamed is whole."""
    with logging(tmp_path, segment_rows) as process:
        wait_until(lambda: list(tmp_path.glob("predictions/*/*.parquet")), 30)
        killed, _ = run_and_kill(process, lived)
    found = [int(one) for one in rows(tmp_path, "request_id", order="request_id")]
    assert list(range(len(found))) == found
    [newest] = rows(tmp_path, "max(input_alcohol)", order="1")
    assert killed - newest <= FLUSH_SECONDS + ONE_WRITE
    for one in visible(str(path) for path in tmp_path.glob("predictions/*/*")):
        with Path(one.path).open("rb") as file:
            content = decode(file)
            assert content.rows == sum(batch.num_rows for batch in content.batches)
    compact(str(tmp_path), clock=lambda: time.time() + 3600)
    assert found == [int(one) for one in rows(tmp_path, "request_id", order="request_id")]


@pytest.mark.slow
def test_what_was_flushed_is_never_lost(tmp_path: Path) -> None:
    """`--durable`: every row whose answer left is on the disk."""
    with logging(tmp_path, 100_000, "--durable") as process:
        wait_until(lambda: list(tmp_path.glob("predictions/*/*.parquet")), 30)
        _, said = run_and_kill(process, 1.0)
    found = [int(one) for one in rows(tmp_path, "request_id", order="request_id")]
    assert said > 0
    assert list(range(len(found))) == found
    assert said <= len(found)
