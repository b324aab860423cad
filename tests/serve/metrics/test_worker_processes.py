"""Real processes: several that count, one that reads, some that are killed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from seatrial.serve.metrics import WorkerMetrics, fold, make_folder
from seatrial.serve.options import MetricOptions
from tests.serve.metrics.makers import samples, value

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
TOTAL = "seatrial_http_requests_total"
GOOD = {"handler": "/predict", "method": "POST", "status": "2xx"}
ROUTE = {"handler": "/predict", "method": "POST"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Made by this process, the parent of all workers."""
    return make_folder(tmp_path)


def start(program: str, *arguments: object) -> "subprocess.Popen[str]":
    """A process with pipes to it and from it."""
    return subprocess.Popen(
        [sys.executable, str(HERE / program), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@contextmanager
def killed_at_the_end(*processes: "subprocess.Popen[str]") -> Iterator[None]:
    """Whatever happens, none of them stays."""
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def held(process: "subprocess.Popen[str]") -> None:
    """Return once it has counted everything."""
    assert process.stdout is not None
    assert "held" in (line.strip() for line in process.stdout)


def test_one_view_over_several_processes(folder: Path) -> None:
    """Three processes count at once; any process sees the sum, what is in progress, and their CPU time and memory."""
    workers = [start("counting_worker.py", folder, name, 200, "hold") for name in "abc"]
    with killed_at_the_end(*workers):
        for worker in workers:
            held(worker)
        found = samples(folder)
        assert value(found, TOTAL, **GOOD) == 600
        assert value(found, "seatrial_http_requests_in_progress", **ROUTE) == 3
        assert value(found, "seatrial_workers") == 3
        each = [value(found, "seatrial_worker_resident_memory_bytes", worker=name) or 0.0 for name in "abc"]
        assert min(each) > 5e6
        assert (value(found, "process_resident_memory_bytes") or 0.0) > sum(each)
        cpu = [value(found, "seatrial_worker_cpu_seconds_total", worker=name) or 0.0 for name in "abc"]
        assert (value(found, "process_cpu_seconds_total") or 0.0) > sum(cpu) > 0


def test_nothing_is_lost_by_kill_9(folder: Path) -> None:
    """Killed while it counts: all that it announced is there, before and after the fold; it holds no request any more."""
    worker = start("counting_worker.py", folder, "a", 10_000_000)
    with killed_at_the_end(worker):
        assert worker.stdout is not None
        assert "1" == worker.stdout.readline().strip()
        worker.send_signal(signal.SIGKILL)
        announced = [line for line in worker.stdout.read().split("\n")[:-1] if line]
        assert -signal.SIGKILL == worker.wait()
    least = int(announced[-1]) if announced else 1
    before = samples(folder)
    counted = value(before, TOTAL, **GOOD) or 0
    assert counted in {least, least + 1}
    assert value(before, "seatrial_workers") == 0
    assert value(before, "seatrial_http_requests_in_progress", **ROUTE) is None
    fold(folder, "a")
    assert counted == value(samples(folder), TOTAL, **GOOD)


def test_a_reader_never_sees_a_fold(folder: Path) -> None:
    """While forty workers are folded, every reading shows the same total: never one twice, never one missing."""
    for number in range(40):
        meter = WorkerMetrics(folder, f"w{number}", MetricOptions()).route("/predict", "POST")
        for _ in range(number + 1):
            meter.answered(200, 0.25, 0, 0)

    def fold_all() -> None:
        for number in range(40):
            fold(folder, f"w{number}")

    seen = watch(folder, fold_all)
    assert [820.0] == seen["seen"]


@pytest.mark.slow
def test_counters_never_go_back_while_workers_are_replaced(folder: Path) -> None:
    """Processes count, end or are killed, are folded and replaced, while a reader renders: totals and CPU time only grow."""

    def replace() -> None:
        for number in range(6):
            worker = start("counting_worker.py", folder, f"w{number}", 500, *(["hold"] if number % 2 else []))
            with killed_at_the_end(worker):
                held(worker)
            fold(folder, f"w{number}")

    seen = watch(folder, replace)
    assert sorted(seen["seen"]) == seen["seen"]
    assert 3000.0 == seen["seen"][-1] == value(samples(folder), TOTAL, **GOOD)
    assert [] == seen["cpu_went_back"]


def watch(folder: Path, act: Callable[[], None]) -> dict[str, Any]:
    """What a reader in another process saw while `act` ran, and until it rendered once more."""
    reader = start("watching_reader.py", folder)
    with killed_at_the_end(reader):
        assert reader.stdout is not None
        assert reader.stdin is not None
        assert "ready" == reader.stdout.readline().strip()
        act()
        reader.stdin.close()
        seen: dict[str, Any] = json.loads(reader.stdout.readline())
        reader.wait()
        reader.stdin = None
    assert seen["renderings"] > 0
    return seen
