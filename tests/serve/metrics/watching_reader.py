"""A reader process: renders over and over, and says what it saw.

Usage: python watching_reader.py FOLDER

Prints `ready` after the first rendering, ends when its standard input is closed, and then prints JSON: how often it
rendered, every total of requests that it saw, in order and without repetitions, and the least CPU time after the most.
"""

import json
import select
import sys
from pathlib import Path

from seatrial.serve.metrics.folder import read_folder
from tests.serve.metrics.makers import samples, value


def main(folder: Path) -> None:
    """Render until nobody listens."""
    seen: list[float] = []
    went_back: list[tuple[float, float]] = []
    renderings, most = 0, 0.0
    told = False
    while not told:
        # Asked before the look, so that the last look is younger than all that was counted.
        told = bool(select.select([sys.stdin], [], [], 0)[0])
        totals = [total(folder) for _ in range(20)]
        found = samples(folder)
        cpu = value(found, "process_cpu_seconds_total") or 0.0
        if cpu < most:
            went_back.append((most, cpu))
        most = max(most, cpu)
        shown = value(found, "seatrial_http_requests_total", handler="/predict", method="POST", status="2xx") or 0.0
        for one in (*totals, shown):
            if not seen or seen[-1] != one:
                seen.append(one)
        if not renderings:
            say("ready")
        renderings += 1
    say(json.dumps({"renderings": renderings, "seen": seen, "cpu_went_back": went_back}))


def total(folder: Path) -> float:
    """Requests that were answered; a reading without the formatting, so that many fit between two folds."""
    view = read_folder(folder)
    series = [*view.past, *(one for worker in view.workers for one in worker.series)]
    return float(sum(sum(one.buckets) for one in series if one.block.kind == "answers"))


def say(what: object) -> None:
    """A line, at once."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


main(Path(sys.argv[1]))
