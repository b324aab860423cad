"""What counting costs the event loop of the model server, and what a scrape costs.

Target: less than 1 µs for a request that is answered (`started` and `answered`), metrics on. Each figure is the least of
some repetitions of a loop, less the empty loop; prometheus_client in its own multiprocess mode is measured beside it.

Usage: python benchmarks/serve_metrics.py [--repeats 7] [--loops 100000]
"""

import argparse
import os
import timeit
from collections.abc import Callable
from pathlib import Path

import numpy as np

from seatrial.records.serving import Engine, EngineChoice, Form, ModelInfo, Signature
from seatrial.serve.metrics import ModelMeter, WorkerMetrics, make_folder, remove_folder, render
from seatrial.serve.options import MetricOptions

CHOICE = EngineChoice(engine=Engine.ONNX, reason="measured")


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--loops", type=int, default=100_000)
    given = parser.parse_args()
    folder = make_folder()
    try:
        for name, statement, loops in cases(folder, given.loops):
            print(f"{name:42} {nanoseconds(statement, given.repeats, loops):12,.0f} ns", flush=True)
    finally:
        remove_folder(folder)


def cases(folder: Path, loops: int) -> list[tuple[str, Callable[[int], None], int]]:
    """Name, a function that does it so many times, and how many."""
    metrics = WorkerMetrics(folder, "bench", MetricOptions())
    route = metrics.route("/predict", "POST")
    regressor = metrics.model(model("ridge"), Signature(form=Form.COLUMNS, output_range=(0.0, 10.0)))
    signed = metrics.model(model("signed"), Signature(form=Form.COLUMNS, output_range=(-5.0, 5.0)))
    classifier = metrics.model(model("digits"), Signature(form=Form.COLUMNS, classes=tuple(range(10))))
    generator = np.random.default_rng(1)
    numbers, labels = generator.uniform(0.0, 10.0, 64), generator.integers(0, 10, 64)

    def answered(count: int) -> None:
        started, ended = route.started, route.answered
        for _ in range(count):
            started()
            ended(200, 0.00123, 130, 45)

    def batch(count: int) -> None:
        called = regressor.batch
        for _ in range(count):
            called(64, 0.00031)

    def queued(count: int) -> None:
        waited = regressor.queued
        for _ in range(count):
            waited(0.00012)

    def scrape(count: int) -> None:
        for _ in range(count):
            render(folder, MetricOptions())

    few = loops // 10
    return [
        ("started + answered", answered, loops),
        ("prometheus_client multiprocess, the same", peer(folder / "peer"), few),
        ("batch", batch, loops),
        ("queued", queued, loops),
        ("outputs, 1 number", outputs(regressor, numbers[:1]), loops),
        ("outputs, 8 numbers", outputs(regressor, numbers[:8]), few),
        ("outputs, 9 numbers", outputs(regressor, numbers[:9]), few),
        ("outputs, 64 numbers", outputs(regressor, numbers), few),
        ("outputs, 64 numbers of both signs", outputs(signed, numbers - 5.0), few),
        ("outputs, 1 class", outputs(classifier, labels[:1]), loops),
        ("outputs, 64 classes", outputs(classifier, labels), few),
        ("render (a scrape)", scrape, loops // 1000),
    ]


def outputs(meter: ModelMeter, values: "np.ndarray[tuple[int], np.dtype[np.generic]]") -> Callable[[int], None]:
    """Counts `values` so many times."""

    def repeat(count: int) -> None:
        counted = meter.outputs
        for _ in range(count):
            counted(values)

    return repeat


def peer(folder: Path) -> Callable[[int], None]:
    """The five updates of a request, with cached children, in files of prometheus_client's own."""
    folder.mkdir()
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary  # noqa: PLC0415 - reads the environment

    registry, names = CollectorRegistry(), ("handler", "method", "status")
    labels = ("/predict", "POST", "2xx")
    progress = Gauge("peer_in_progress", "-", names[:2], registry=registry, multiprocess_mode="livesum").labels(
        *labels[:2]
    )
    total = Counter("peer_requests", "-", names, registry=registry).labels(*labels)
    duration = Histogram("peer_seconds", "-", names, registry=registry).labels(*labels)
    received = Summary("peer_received", "-", names, registry=registry).labels(*labels)
    sent = Summary("peer_sent", "-", names, registry=registry).labels(*labels)

    def repeat(count: int) -> None:
        for _ in range(count):
            progress.inc()
            total.inc()
            duration.observe(0.00123)
            received.observe(130)
            sent.observe(45)
            progress.dec()

    return repeat


def nanoseconds(statement: Callable[[int], None], repeats: int, loops: int) -> float:
    """Of one repetition, the empty loop taken off."""

    def empty() -> None:
        for _ in range(loops):
            pass

    idle = min(timeit.repeat(empty, number=1, repeat=repeats))
    return (min(timeit.repeat(lambda: statement(loops), number=1, repeat=repeats)) - idle) / loops * 1e9


def model(name: str) -> ModelInfo:
    """A model of that name."""
    return ModelInfo(
        name=name, version="1", digest="sha256:0", flavour="sklearn", source="-", stack={"numpy": "2"}, choice=CHOICE
    )


if __name__ == "__main__":
    main()
