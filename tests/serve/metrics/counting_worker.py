"""A worker process: counts as the hot path does, and says on its standard output how far it is.

Usage: python counting_worker.py FOLDER NAME REQUESTS [hold]

Each request is announced only after it was counted, so that what was read from here is the least that must be shown.
With `hold` it then waits to be killed, with one request in progress.
"""

import sys
import time
from pathlib import Path

from seatrial.serve.metrics import WorkerMetrics
from seatrial.serve.options import MetricOptions


def main(folder: str, name: str, requests: str, *hold: str) -> None:
    """Count."""
    route = WorkerMetrics(Path(folder), name, MetricOptions()).route("/predict", "POST")
    for number in range(int(requests)):
        route.started()
        route.answered(200, 0.25, 10, 1)
        say(number + 1)
    route.started()
    say("held")
    while hold:
        time.sleep(60)


def say(what: object) -> None:
    """A line, at once."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


main(*sys.argv[1:])
