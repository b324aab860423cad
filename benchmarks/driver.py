"""How fast the driver is: does it keep its schedule, what does a request cost it, and how does that compare to locust?

Run as `python benchmarks/driver.py` in an environment with the dependency group `bench`, on a machine with nothing else
to do. Everything is driven against `trivial_server.py` in a process of its own:

1. open loop at rising rates: the rate achieved, by how much requests left late, CPU time of the driver per request;
2. in turns, so that both see the same machine: the driver as fast as it goes (more is asked than it can do, 512 requests
   in flight) and locust's FastHttpUser as fast as it goes (10 users without waiting), each from one process.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seatrial.adapters.clock import SystemClock
from seatrial.records import BlockSamples, RequestsSpec
from seatrial.trial.drive.requests import Request, RequestSet
from seatrial.trial.drive.rounds import Lane, drive

RATES = (50, 500, 1000, 2000, 3000, 4000, 8000)
FLOOD = 50_000
REPEATS = 3
SECONDS = 3
LOCUST_SECONDS = 5
TARGET_RATE, TARGET_LAG_MS, TARGET_RATIO = 2000, 5.0, 5.0
BODY = b'{"inputs":[1,2,3,4]}'
LOCUSTFILE = f"""
from locust import FastHttpUser, constant, task


class User(FastHttpUser):
    wait_time = constant(0)

    @task
    def predict(self):
        self.client.post("/predict", data={BODY!r}, headers={{"Content-Type": "application/json"}})
"""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the driver. Rates are a second, lags milliseconds, CPU microseconds per request."""

    achieved: float
    lag_p50: float
    lag_p99: float
    cpu: float
    errors: int


def main() -> None:
    """Print both tables and whether the targets are met."""
    with trivial_server() as url:
        drive_at(url, 1000, 1)
        runs = {rate: drive_at(url, rate, SECONDS) for rate in RATES}
        print_sweep(runs)
        ours, theirs = [], []
        for _ in range(REPEATS):
            theirs.append(locust_rate(url))
            ours.append(drive_at(url, FLOOD, SECONDS).achieved)
        print_comparison(ours, theirs)
    target = runs[TARGET_RATE]
    print(f"\n{TARGET_RATE}/s kept with p99 lag {target.lag_p99:.2f} ms (target: below {TARGET_LAG_MS:g} ms)")


def drive_at(url: str, rate: float, seconds: float) -> Run:
    """Drive for about `seconds` at `rate`, in blocks of one second."""
    requests = RequestSet(tuple(Request(BODY, 1, None, {}) for _ in range(100)), "sha256:0", labelled=True)
    blocks: list[BlockSamples] = []
    lane = Lane(
        cell="trivial@benchmark",
        deployment="trivial",
        base_url=url,
        spec=RequestsSpec(file="", rate=rate, count=int(rate * seconds), warmup=100, block=1.0),
        requests=requests,
        alive=lambda: True,
        usage=lambda: None,
    )
    used = time.process_time()
    drive(
        [lane],
        seed=0,
        clock=SystemClock(),
        on_block=blocks.append,
        stop=lambda _: False,
        on_lane_lost=lambda cell, _: sys.exit(f"{cell} was lost"),
    )
    used = time.process_time() - used
    samples = [sample for block in blocks for sample in block.samples]
    lag_p50, lag_p99 = np.percentile([sample.lag * 1e3 for sample in samples], [50, 99])
    return Run(
        achieved=len(samples) / sum(block.seconds for block in blocks),
        lag_p50=float(lag_p50),
        lag_p99=float(lag_p99),
        cpu=used / len(samples) * 1e6,
        errors=sum(sample.error is not None for sample in samples),
    )


def locust_rate(url: str) -> float:
    """Requests a second of one locust process."""
    with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
        file.write(LOCUSTFILE)
        file.flush()
        options = ["--headless", "--json", "--only-summary", "-u", "10", "-r", "100", "-t", f"{LOCUST_SECONDS}s"]
        command = [sys.executable, "-m", "locust", "-f", file.name, "--host", url, *options]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    stats = json.loads(done.stdout)[0]
    return float(stats["num_requests"] / (stats["last_request_timestamp"] - stats["start_time"]))


@contextmanager
def trivial_server() -> Iterator[str]:
    """The address of a server that runs while this is entered."""
    command = [sys.executable, str(Path(__file__).with_name("trivial_server.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.terminate()


def print_sweep(runs: dict[int, Run]) -> None:
    """One line for each rate."""
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print("asked/s  achieved/s  lag p50 ms  lag p99 ms  CPU us/request  errors")
    for rate, run in runs.items():
        figures = f"{run.lag_p50:10.2f}  {run.lag_p99:10.2f}  {run.cpu:14.0f}  {run.errors:6d}"
        print(f"{rate:7d}  {run.achieved:10.0f}  {figures}")


def print_comparison(ours: list[float], theirs: list[float]) -> None:
    """Both rates of each repeat and their ratio."""
    ratios = [our / their for our, their in zip(ours, theirs, strict=True)]
    print("\nrepeat  seatrial/s  locust/s  ratio")
    for index, (our, their, ratio) in enumerate(zip(ours, theirs, ratios, strict=True)):
        print(f"{index + 1:6d}  {our:10.0f}  {their:8.0f}  {ratio:5.2f}")
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    print(f"\nratio {statistics.median(ratios):.2f} ({spread} over {len(ratios)}; target: {TARGET_RATIO:g})")


if __name__ == "__main__":
    main()
