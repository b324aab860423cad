"""Workers that come, go and are replaced: nothing that was counted is lost, or seen twice, at any moment."""

import os
import random
import subprocess
import sys
from functools import partial
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.records.serving import Form, Signature
from seatrial.serve.metrics import WorkerMetrics, fold, make_folder, remove_folder
from seatrial.serve.metrics.folder import Owner, combine, read_folder, read_workers
from seatrial.serve.metrics.processes import namespace, this_process
from seatrial.serve.metrics.slots import Header, Sheet, read, write
from seatrial.serve.options import MetricOptions
from tests.serve.metrics.makers import REGRESSOR, WINE, buckets, model, samples, value

OWN = MetricOptions()
TOTAL = "seatrial_http_requests_total"
GOOD = {"handler": "/predict", "method": "POST", "status": "2xx"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the workers of a server meet."""
    return make_folder(tmp_path)


def counted(folder: Path, worker: str, times: int = 1) -> WorkerMetrics:
    """A worker that answered so many requests and has one under way."""
    metrics = WorkerMetrics(folder, worker, OWN)
    meter = metrics.route("/predict", "POST")
    for _ in range(times):
        meter.started()
        meter.answered(200, 0.25, 10, 1)
    meter.started()
    metrics.connections.inc()
    return metrics


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["answer", "abandon", "start", "output", "error", "fold"]),
        st.integers(1, 20),
    ),
    max_size=25,
)


@settings(max_examples=40)
@given(steps=STEPS)
def test_the_sum_over_workers_is_what_was_recorded(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, int]]
) -> None:
    """Any number of workers doing anything, some of them gone and replaced: counters add all, gauges the living."""
    folder = make_folder(tmp_path_factory.mktemp("sums"))
    workers: dict[str, WorkerMetrics] = {}
    living: dict[str, int] = {}
    done = dict.fromkeys(["answer", "abandon", "output", "error"], 0)
    for worker, act, times in steps:
        if act == "fold":
            workers.pop(worker, None)
            living.pop(worker, None)
            fold(folder, worker)
            continue
        if worker not in workers:
            workers[worker] = WorkerMetrics(folder, worker, OWN)
        perform(workers[worker], act, times)
        if act == "start":
            living[worker] = living.get(worker, 0) + times
        else:
            done[act] += times
    found = samples(folder)
    route = {"handler": "/predict", "method": "POST"}
    of_wine = {"model": "wine", "version": "3"}
    assert done["answer"] == (value(found, TOTAL, **GOOD) or 0)
    assert done["answer"] * 0.25 == (value(found, "seatrial_http_request_duration_seconds_sum", **GOOD) or 0)
    assert done["abandon"] == (value(found, "seatrial_http_requests_abandoned_total", **route) or 0)
    assert sum(living.values()) == (value(found, "seatrial_http_requests_in_progress", **route) or 0)
    assert done["output"] * 2.5 == (value(found, "seatrial_model_output_sum", **of_wine) or 0)
    assert done["error"] == (value(found, "seatrial_model_errors_total", kind="invalid", **of_wine) or 0)


@settings(max_examples=20)
@given(durations=st.lists(st.floats(1e-6, 20), min_size=3, max_size=6), order=st.randoms(use_true_random=False))
def test_no_sum_moves_by_a_bit(
    tmp_path_factory: pytest.TempPathFactory, durations: list[float], order: random.Random
) -> None:
    """Whichever worker is folded when: every sum stays the same double, or `rate()` would see a restart."""
    folder = make_folder(tmp_path_factory.mktemp("bits"))
    for number, seconds in enumerate(durations):
        meter = WorkerMetrics(folder, str(number), OWN).route("/predict", "POST")
        for status in (200, 201):
            meter.answered(status, seconds / (status - 197), 1, 1)
    names = [str(number) for number in range(len(durations))]
    order.shuffle(names)
    seen = set()
    for worker in names:
        seen.add(value(samples(folder), "seatrial_http_request_duration_seconds_sum", **GOOD))
        fold(folder, worker)
    seen.add(value(samples(folder), "seatrial_http_request_duration_seconds_sum", **GOOD))
    assert 1 == len(seen)


def perform(metrics: WorkerMetrics, act: str, times: int) -> None:
    """One thing, so many times."""
    route = metrics.route("/predict", "POST")
    for _ in range(times):
        if act in {"start", "answer", "abandon"}:
            route.started()
        if act == "answer":
            route.answered(200, 0.25, 1, 1)
        if act == "abandon":
            route.abandoned()
    if act == "output":
        metrics.model(WINE, REGRESSOR).outputs([2.5] * times)
    if act == "error":
        metrics.model(WINE, REGRESSOR).error("invalid", times)


def test_a_worker_that_is_gone_leaves_its_counts_only(folder: Path) -> None:
    """Not its requests in progress, its connections or its model's info."""
    counted(folder, "a", 3).model(WINE, REGRESSOR)
    counted(folder, "b", 4)
    fold(folder, "a")
    found = samples(folder)
    assert value(found, TOTAL, **GOOD) == 7
    assert value(found, "seatrial_http_requests_in_progress", handler="/predict", method="POST") == 1
    assert value(found, "seatrial_http_connections_open") == 1
    assert value(found, "seatrial_workers") == 1
    assert not [name for name, _ in found if name == "seatrial_model_info"]
    assert ["owner", "past", "worker-b"] == sorted(path.name for path in folder.iterdir())


def test_folding_again_changes_nothing(folder: Path) -> None:
    """A parent that is not sure may fold once more; a worker that never was is no error."""
    counted(folder, "a", 3)
    for worker in ("a", "a", "never"):
        fold(folder, worker)
    assert value(samples(folder), TOTAL, **GOOD) == 3


def test_a_name_can_be_used_again(folder: Path) -> None:
    """The replacement of a folded worker counts on, under the same name or another."""
    for _ in range(3):
        counted(folder, "a", 2)
        fold(folder, "a")
    counted(folder, "a", 2)
    assert value(samples(folder), TOTAL, **GOOD) == 8


def test_a_fold_between_the_two_halves_of_a_reading(folder: Path) -> None:
    """The reader has the worker's file when its counts move: they are taken from the past, once."""
    counted(folder, "a", 3)
    workers = read_workers(folder)
    fold(folder, "a")
    view = combine(folder, workers, read(folder / "past"))
    assert () == view.workers
    assert 3 == sum(sum(series.buckets) for series in view.past if series.block.kind == "answers")


def test_a_fold_after_the_past_was_read(folder: Path) -> None:
    """The counts are taken from the worker's file, once."""
    counted(folder, "a", 3)
    workers, past = read_workers(folder), read(folder / "past")
    fold(folder, "a")
    view = combine(folder, workers, past)
    assert ["a"] == [worker.name for worker in view.workers]
    assert () == view.past


def test_a_fold_that_was_cut_short(folder: Path) -> None:
    """The parent died after the past was in place and before the file was removed: seen once, and folding mends it."""
    counted(folder, "a", 3)
    left = (folder / "worker-a").read_bytes()
    fold(folder, "a")
    (folder / "worker-a").write_bytes(left)
    assert value(samples(folder), TOTAL, **GOOD) == 3
    fold(folder, "a")
    assert value(samples(folder), TOTAL, **GOOD) == 3
    assert not (folder / "worker-a").exists()


def test_a_fold_that_was_cut_earlier(folder: Path) -> None:
    """Half a new past in the folder is nobody's past."""
    counted(folder, "a", 3)
    (folder / "past.new").write_bytes(b"half")
    assert value(samples(folder), TOTAL, **GOOD) == 3
    fold(folder, "a")
    assert value(samples(folder), TOTAL, **GOOD) == 3


def test_a_worker_that_died_before_it_began(folder: Path) -> None:
    """Its empty file is read over, and folded away."""
    (folder / "worker-a").touch()
    counted(folder, "b", 2)
    assert value(samples(folder), TOTAL, **GOOD) == 2
    fold(folder, "a")
    assert not (folder / "worker-a").exists()


def test_what_was_folded_is_remembered_for_long(folder: Path) -> None:
    """The ids of the last thousand folds, so that neither a slow reader nor a year of reloads does harm."""
    earlier = tuple(f"id-{number}" for number in range(1000))
    write(folder / "past", Sheet(header=Header(id="past", folded=earlier), series=()))
    counted(folder, "a")
    (worker,) = read_workers(folder)
    fold(folder, "a")
    past = read(folder / "past")
    assert past is not None
    assert (*earlier[1:], worker.header.id) == past.header.folded


@given(
    old=st.lists(st.integers(-5, 5), min_size=1, max_size=6, unique=True).map(sorted),
    new=st.lists(st.integers(-5, 5), min_size=1, max_size=6, unique=True).map(sorted),
    numbers=st.lists(st.integers(-6, 6), max_size=10),
)
@settings(max_examples=40)
def test_other_buckets_after_a_reload(
    tmp_path_factory: pytest.TempPathFactory, old: list[int], new: list[int], numbers: list[int]
) -> None:
    """The new edges are shown; where both have an edge the counts are whole, in between a lower bound, in all exact."""
    folder = make_folder(tmp_path_factory.mktemp("edges"))
    for name, edges, born in (("a", old, 1.0), ("b", new, 2.0)):
        options = MetricOptions(output_buckets=tuple(map(float, edges)))
        WorkerMetrics(folder, name, options, now=partial(float, born)).model(WINE, REGRESSOR).outputs(numbers)
    before = buckets(samples(folder), "seatrial_model_output")
    fold(folder, "a")
    shown = buckets(samples(folder), "seatrial_model_output")
    assert before == shown
    assert [*map(float, new), float("inf")] == [float(le) for le in shown]
    for edge in new:
        exact = sum(number <= edge for number in numbers)
        lower = (
            exact
            if edge in old
            else sum(number <= max([o for o in old if o < edge], default=-99) for number in numbers)
        )
        assert exact + lower == shown[f"{edge:.1f}"]
    assert 2 * len(numbers) == shown["+Inf"]


def test_a_version_that_changes_its_kind(folder: Path) -> None:
    """The same name and version as regressor and as classifier: both are shown, nothing breaks."""
    WorkerMetrics(folder, "a", OWN).model(WINE, REGRESSOR).outputs([1.0])
    WorkerMetrics(folder, "b", OWN).model(model(), Signature(form=Form.COLUMNS, classes=(0, 1))).outputs([1])
    WorkerMetrics(folder, "c", OWN).model(model(), Signature(form=Form.COLUMNS, classes=(1, 2))).outputs([1])
    found = samples(folder)
    of_wine = {"model": "wine", "version": "3"}
    assert value(found, "seatrial_model_output_sum", **of_wine) == 1
    assert value(found, "seatrial_model_output_class_total", **of_wine, **{"class": "1"}) == 2


def test_an_empty_folder_renders(folder: Path) -> None:
    """Before the first worker: nothing counted, and the parent's own process."""
    found = samples(folder)
    assert value(found, "seatrial_workers") == 0
    assert (value(found, "process_cpu_seconds_total") or 0) > 0


def test_a_folder_that_is_gone_renders(folder: Path) -> None:
    """A worker that outlives its parent still answers a scrape."""
    remove_folder(folder)
    assert value(samples(folder), "seatrial_workers") == 0


def test_the_folder_is_its_users_alone(folder: Path) -> None:
    """Mode 0700."""
    assert 0o700 == folder.stat().st_mode & 0o777


def test_the_owner_is_recorded(folder: Path) -> None:
    """Its process, for the CPU time of workers that ended."""
    assert this_process() == read_folder(folder).owner


def test_a_folder_in_memory_by_default() -> None:
    """Where there is /dev/shm with room; else among the temporary files."""
    folder = make_folder()
    try:
        assert folder.is_dir()
        assert folder.parent in {Path("/dev/shm"), Path(os.environ.get("TMPDIR", "/tmp"))}
    finally:
        remove_folder(folder)
    assert not folder.exists()


def test_the_parent_stays_small() -> None:
    """It makes, folds and removes without numpy or prometheus_client."""
    program = """if True:
        import sys
        from seatrial.serve.metrics import fold, make_folder, remove_folder
        folder = make_folder()
        fold(folder, "a")
        remove_folder(folder)
        print(sorted({"numpy", "prometheus_client"} & set(sys.modules)))
    """
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "[]" == ended.stdout.strip()


def test_folders_of_killed_servers_are_removed(tmp_path: Path) -> None:
    """The next server on this machine clears up; folders of those that live, or that it cannot judge, stay."""
    program = "import sys, pathlib; from seatrial.serve.metrics import make_folder; print(make_folder(pathlib.Path(sys.argv[1])))"
    ended = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    left = Path(ended.stdout.strip())
    elsewhere = tmp_path / "seatrial-metrics-elsewhere"
    elsewhere.mkdir()
    foreign = Owner(pid=1, started=1, namespace="pid:[1]")
    (elsewhere / "owner").write_bytes(msgspec.json.encode(foreign))
    unknown = tmp_path / "seatrial-metrics-unknown"
    unknown.mkdir()
    (unknown / "worker-1").touch()
    emptied = tmp_path / "seatrial-metrics-emptied"
    emptied.mkdir()
    assert left.is_dir()
    living = make_folder(tmp_path)
    assert not left.exists()
    assert not emptied.exists()
    make_folder(tmp_path)
    assert living.is_dir()
    assert elsewhere.is_dir()
    assert unknown.is_dir()
    assert foreign.namespace != namespace()
