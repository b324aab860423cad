"""What the prediction log costs by itself: handing over, CPU a row, bytes a row, and how long it holds the event loop up.

Rows have 11 numbers, a prediction and a random id of 32 characters, as a served wine-quality model has them. Numbers
are given with as few digits as in that data set ("measured"), or with all 17 ("noise", which no compression helps).

Targets: `offer` below 2 µs a batch; everything else below 2 µs of CPU a row; at most 1/4 of the bytes of the same rows
as CSV, for measured values.

Usage: python benchmarks/prediction_log.py [--rows 200000]
"""

import argparse
import gc
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import duckdb
import numpy as np

from seatrial.records.serving import Engine, EngineChoice, Field, Form, ModelInfo, Signature
from seatrial.serve.log import Answered, PredictionLog, new_worker
from seatrial.serve.log.places import Directory
from seatrial.serve.log.scribe import Mark, Scribe
from seatrial.serve.log.segments import Encoder, decode
from seatrial.serve.model import Outputs
from seatrial.serve.options import LogOptions

COLUMNS = (
    ("fixed_acidity", 6.8, 0.85, 1),
    ("volatile_acidity", 0.28, 0.1, 2),
    ("citric_acid", 0.33, 0.12, 2),
    ("residual_sugar", 6.4, 5.0, 1),
    ("chlorides", 0.046, 0.02, 3),
    ("free_sulfur_dioxide", 35.0, 17.0, 0),
    ("total_sulfur_dioxide", 138.0, 42.0, 0),
    ("density", 0.994, 0.003, 5),
    ("pH", 3.19, 0.15, 2),
    ("sulphates", 0.49, 0.11, 2),
    ("alcohol", 10.5, 1.2, 1),
)
"""Name, mean, standard deviation and digits."""
SIGNATURE = Signature(form=Form.COLUMNS, fields=tuple(Field(name=name) for name, *_ in COLUMNS))
INFO = ModelInfo(
    name="wine",
    version="3f2a9b71c0de",
    digest="sha256:0",
    flavour="sklearn",
    source="wine.joblib",
    stack={},
    choice=EngineChoice(engine=Engine.ONNX, reason=""),
)
LEVELS = ("uncompressed", "snappy", "zstd(1)", "zstd(3)", "zstd(6)", "zstd(9)")
BATCHES = (1, 8, 64)
CHUNK = 1024
START = 1_795_250_000.0
SECONDS_A_ROW = 5e-5


@dataclass(slots=True)
class Request:
    """As a batcher keeps it."""

    request_id: str
    handler: str
    count: int
    start: int
    status: int
    received: float


def answered(rows: int, batch: int, *, noise: bool = False) -> list[Answered]:
    """Batches of single-row requests."""
    random = np.random.default_rng(1)
    values = [np.abs(random.normal(mean, spread, rows)) for _, mean, spread, _ in COLUMNS]
    if not noise:
        values = [column.round(digits) for column, (*_, digits) in zip(values, COLUMNS, strict=True)]
    inputs = np.column_stack(values)
    predictions = inputs @ random.normal(size=len(COLUMNS))
    ids = random.bytes(16 * rows).hex()
    waits, models = random.gamma(2, 2e-4, rows), random.gamma(3, 3e-5, rows)
    made = []
    for first in range(0, rows, batch):
        last, now, took = min(first + batch, rows), first * SECONDS_A_ROW, float(models[first])
        requests = [
            Request(ids[32 * at : 32 * at + 32], "/predict", 1, at - first, 200, now - float(waits[at]))
            for at in range(first, last)
        ]
        batch_of = inputs[first:last].tolist()
        outputs = Outputs(predictions=predictions[first:last])
        made.append(Answered(START + now, now, took, now + took + 3e-5, requests, batch_of, outputs))
    # As in a server after its start: what is there for good isn't looked through again and again.
    gc.collect()
    gc.freeze()
    return made


def write(folder: Path, rows: int, batch: int, *, noise: bool) -> tuple[float, float]:
    """Microseconds of CPU a row of making columns and of making segments, in the steps of the log's thread."""
    scribe = Scribe(LogOptions(target=str(folder)), INFO, SIGNATURE, worker="bench", rest=lambda: None)
    place, nothing = Directory(folder), scribe.mark()

    def put(goal: Mark) -> None:
        while sealed := scribe.next(goal):
            place.write(sealed.path, scribe.encode(sealed))
            scribe.done(sealed)

    entries = answered(rows, batch, noise=noise)
    step = max(1, CHUNK // batch)
    columns = segments = 0.0
    for first in range(0, len(entries), step):
        columns += cpu(partial(scribe.convert, entries[first : first + step]))
        segments += cpu(partial(put, nothing))
    segments += cpu(partial(put, scribe.mark()))
    return columns / rows * 1e6, segments / rows * 1e6


def cpu(work: Callable[[], object]) -> float:
    """Seconds of this thread."""
    before = time.thread_time()
    work()
    return time.thread_time() - before


def csv_bytes(folder: Path, rows: int) -> float:
    """Bytes a row of the same rows as CSV."""
    target = folder / "all.csv"
    with duckdb.connect() as connection:
        connection.read_parquet(f"{folder}/predictions/*/*.parquet").write_csv(str(target))
    return target.stat().st_size / rows


def levels(folder: Path) -> Iterator[tuple[str, float, float]]:
    """Bytes and microseconds a row of one segment for each compression."""
    path = min(folder.glob("predictions/*/*.parquet"))
    with path.open("rb") as file:
        content = decode(file)
        batches = list(content.batches)
    for level in LEVELS:
        encoder = Encoder(content.schema, level)
        work = partial(encoder.encode, batches, content.rows, lambda: None)
        size, seconds = len(work()), min(cpu(work) for _ in range(3))
        yield level, size / content.rows, seconds / content.rows * 1e6


def offer(rows: int, batch: int) -> float:
    """Nanoseconds of CPU of one `offer`."""
    entries = answered(rows, batch)
    with tempfile.TemporaryDirectory() as folder:
        log = open_log(folder)

        def work() -> None:
            for one in entries:
                log.offer(one)

        seconds = cpu(work)
        log.close(60)
    return seconds / len(entries) * 1e9


def under_load(rows: int, batch: int) -> tuple[float, list[float]]:
    """Microseconds of CPU a row of all the log's threads at 20,000 rows a second, and how late another thread wakes."""
    entries = answered(rows, batch)
    with tempfile.TemporaryDirectory() as folder:
        log = open_log(folder)
        clocks = [time.pthread_getcpuclockid(one.ident or 0) for one in threading.enumerate() if is_of_the_log(one)]

        def work() -> None:
            began = time.perf_counter()
            for number, one in enumerate(entries):
                log.offer(one)
                ahead = number * batch * SECONDS_A_ROW - (time.perf_counter() - began)
                if ahead > 0.001:
                    time.sleep(ahead)
            log.flush().result()

        late = lateness(work)
        seconds = sum(time.clock_gettime(clock) for clock in clocks)
        log.close(60)
    return seconds / rows * 1e6, late


def is_of_the_log(thread: threading.Thread) -> bool:
    """Whether it writes or tidies up."""
    return thread.name.startswith("seatrial-log")


def lateness(work: Callable[[], object]) -> list[float]:
    """By how many seconds a thread that sleeps wakes late while `work` runs: median, 99th percentile, maximum."""
    late: list[float] = []
    done = threading.Event()

    def probe() -> None:
        while not done.is_set():
            before = time.perf_counter()
            time.sleep(0.0005)
            late.append(time.perf_counter() - before - 0.0005)

    thread = threading.Thread(target=probe)
    thread.start()
    work()
    done.set()
    thread.join()
    hundredths = statistics.quantiles(late, n=100)
    return [hundredths[49], hundredths[98], max(late)]


def open_log(folder: str) -> PredictionLog:
    """A log as the server opens it."""

    def ignore(_: int) -> None:
        pass

    options = LogOptions(target=folder)
    worker = new_worker()
    return PredictionLog(
        options, INFO, SIGNATURE, worker=worker, on_written=ignore, on_dropped=ignore, on_failed=ignore
    )


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    rows = parser.parse_args().rows
    for batch in BATCHES:
        print(f"offer, batch of {batch:2}: {offer(rows, batch):5.0f} ns a batch")
    for noise in (False, True):
        for batch in BATCHES:
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                columns, segments = write(folder, rows, batch, noise=noise)
                size = sum(path.stat().st_size for path in folder.rglob("*.parquet")) / rows
                kind = "noise" if noise else "measured"
                print(
                    f"{kind:8} batch of {batch:2}: {columns:.2f} (columns) + {segments:.2f} (segments) µs a row, ",
                    end="",
                )
                print(f"{size:.1f} bytes a row, CSV {csv_bytes(folder, rows):.1f}")
                if batch == BATCHES[-1]:
                    for level, each, microseconds in levels(folder):
                        print(f"    {level:12} {each:6.1f} bytes a row, {microseconds:.2f} µs a row")
    quiet = lateness(lambda: time.sleep(2))
    print("another thread wakes late by {:.2f} / {:.2f} / {:.2f} ms".format(*(one * 1e3 for one in quiet)), end="")
    print(" (median / p99 / worst) without the log")
    for batch in BATCHES:
        each, late = under_load(rows, batch)
        print(
            f"20,000 rows a second, batch of {batch:2}: {each:.2f} µs of CPU a row, another thread wakes late by ",
            end="",
        )
        print("{:.2f} / {:.2f} / {:.2f} ms".format(*(one * 1e3 for one in late)))


if __name__ == "__main__":
    main()
