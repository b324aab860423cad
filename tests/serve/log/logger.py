"""A process that logs as fast as it can, to be killed by `test_crash.py`.

Each row's `alcohol` is the time of its offer on the clock that all processes share; ids count up.

Usage: python -m tests.serve.log.logger TARGET FLUSH_SECONDS SEGMENT_ROWS [--durable]
"""

import sys
import time

import numpy as np

from seatrial.serve.log import PredictionLog, new_worker
from seatrial.serve.options import LogOptions
from tests.serve.log.makers import INFO, NUMBERS, Request, answered

BATCH = 8


def main() -> None:
    """Prints a line after each batch (durable: after each flush): how many rows there are by now."""
    target, flush_seconds, segment_rows = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    durable = "--durable" in sys.argv

    def ignore(_: int) -> None:
        pass

    log = PredictionLog(
        LogOptions(target=target, flush_seconds=flush_seconds, segment_rows=segment_rows),
        INFO,
        NUMBERS,
        worker=new_worker(),
        on_written=ignore,
        on_dropped=ignore,
        on_failed=ignore,
    )
    for first in range(0, 10**9, BATCH):
        now = time.monotonic()
        requests = [Request(f"{first + row:09d}", start=row) for row in range(BATCH)]
        rows = [[now, float(first + row)] for row in range(BATCH)]
        log.offer(answered(rows, np.zeros(BATCH), requests=requests, time=time.time()))
        if durable:
            log.flush().result()
        elif not first % (50 * BATCH):
            time.sleep(0.01)
        sys.stdout.write(f"{first + BATCH}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
