"""What each call of a meter shows as."""

import math
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.records import UsageError
from seatrial.records.serving import Engine, EngineChoice, Form, Signature, Tensor
from seatrial.serve.metrics import KINDS, OTHER, WorkerMetrics, make_folder
from seatrial.serve.options import MetricOptions
from seatrial.serve.validation.kinds import Reason
from tests.serve.metrics.makers import REGRESSOR, WINE, buckets, model, names, samples, value

OWN = MetricOptions()
OUTPUT = "seatrial_model_output"
OF_WINE = {"model": "wine", "version": "3"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the workers of a server meet."""
    return make_folder(tmp_path)


@pytest.fixture
def metrics(folder: Path) -> WorkerMetrics:
    """Of one worker."""
    return WorkerMetrics(folder, "a", OWN)


def test_an_answer_is_counted(folder: Path, metrics: WorkerMetrics) -> None:
    """Number, duration and both sizes, by handler, method and hundred of the status."""
    meter = metrics.route("/predict", "POST")
    for status, seconds in ((200, 0.0011), (201, 0.3), (422, 0.0001)):
        meter.started()
        meter.answered(status, seconds, 130, 45)
    found = samples(folder)
    good = {"handler": "/predict", "method": "POST", "status": "2xx"}
    assert value(found, "seatrial_http_requests_total", **good) == 2
    assert value(found, "seatrial_http_requests_total", **{**good, "status": "4xx"}) == 1
    assert value(found, "seatrial_http_request_duration_seconds_sum", **good) == pytest.approx(0.3011)
    assert value(found, "seatrial_http_request_duration_seconds_count", **good) == 2
    assert value(found, "seatrial_http_request_size_bytes_sum", **good) == 260
    assert value(found, "seatrial_http_request_size_bytes_count", **good) == 2
    assert value(found, "seatrial_http_response_size_bytes_sum", **good) == 90
    shown = buckets(found, "seatrial_http_request_duration_seconds", **good)
    assert {"0.001": 0, "0.0025": 1, "0.25": 1, "0.5": 2, "10.0": 2, "+Inf": 2}.items() <= shown.items()


def test_an_edge_belongs_to_the_bucket_below(folder: Path, metrics: WorkerMetrics) -> None:
    """`le` is less or equal; what is over the last edge is in +Inf alone."""
    meter = metrics.route("/predict", "POST")
    meter.answered(200, 0.1, 0, 0)
    meter.answered(200, 10.5, 0, 0)
    shown = buckets(samples(folder), "seatrial_http_request_duration_seconds")
    assert {"0.075": 0, "0.1": 1, "10.0": 1, "+Inf": 2}.items() <= shown.items()


def test_requests_in_progress(folder: Path, metrics: WorkerMetrics) -> None:
    """Started, less answered with any status, less abandoned."""
    meter = metrics.route("/predict", "POST")
    for _ in range(5):
        meter.started()
    meter.answered(200, 0.1, 0, 0)
    meter.answered(503, 0.1, 0, 0)
    meter.abandoned()
    found = samples(folder)
    at = {"handler": "/predict", "method": "POST"}
    assert value(found, "seatrial_http_requests_in_progress", **at) == 2
    assert value(found, "seatrial_http_requests_abandoned_total", **at) == 1


def test_in_progress_is_never_below_zero(folder: Path, metrics: WorkerMetrics) -> None:
    """Read between the start and the end of a request, the difference may be one short."""
    metrics.route("/predict", "POST").answered(200, 0.1, 0, 0)
    assert value(samples(folder), "seatrial_http_requests_in_progress", handler="/predict", method="POST") == 0


def test_a_route_has_one_meter(metrics: WorkerMetrics) -> None:
    """Asked twice, the same; other methods have their own."""
    assert metrics.route("/predict", "POST") is metrics.route("/predict", "POST")
    assert metrics.route("/predict", "GET") is not metrics.route("/predict", "POST")


def test_unusual_methods_are_one(folder: Path, metrics: WorkerMetrics) -> None:
    """A client cannot make series by inventing methods."""
    for method in ("BREW", "WHEN", "get"):
        metrics.route(OTHER, method).answered(405, 0.1, 0, 0)
    assert value(samples(folder), "seatrial_http_requests_total", handler=OTHER, method=OTHER, status="4xx") == 3


def test_the_scrape_is_not_in_the_scrape(folder: Path, metrics: WorkerMetrics) -> None:
    """`/metrics` may be measured like any route and is shown nowhere."""
    meter = metrics.route("/metrics", "GET")
    meter.started()
    meter.answered(200, 0.1, 0, 0)
    meter.abandoned()
    assert not [key for key in samples(folder) if ("handler", "/metrics") in key[1]]


def test_connections(folder: Path, metrics: WorkerMetrics) -> None:
    """Up and down."""
    for _ in range(3):
        metrics.connections.inc()
    metrics.connections.dec()
    assert value(samples(folder), "seatrial_http_connections_open") == 2


def test_batches_and_waits(folder: Path, metrics: WorkerMetrics) -> None:
    """Rows and duration of each call, and each request's wait."""
    meter = metrics.model(WINE, REGRESSOR)
    meter.batch(1, 0.00004)
    meter.batch(64, 0.002)
    meter.queued(0.00001)
    found = samples(folder)
    assert value(found, "seatrial_model_batch_rows_sum", **OF_WINE) == 65
    assert {"1.0": 1, "32.0": 1, "64.0": 2}.items() <= buckets(found, "seatrial_model_batch_rows").items()
    assert value(found, "seatrial_model_duration_seconds_sum", **OF_WINE) == pytest.approx(0.00204)
    assert {"2.5e-05": 0, "5e-05": 1}.items() <= buckets(found, "seatrial_model_duration_seconds").items()
    assert buckets(found, "seatrial_model_queue_duration_seconds")["1e-05"] == 1


def test_errors_by_kind(folder: Path, metrics: WorkerMetrics) -> None:
    """Kinds from the closed set, all of them shown from the start; whatever else comes is `other`."""
    meter = metrics.model(WINE, REGRESSOR)
    meter.error("invalid")
    meter.error("model_failed", 3)
    meter.error("user-4711")
    found = samples(folder)
    shown = {kind: value(found, "seatrial_model_errors_total", kind=kind, **OF_WINE) for kind in KINDS}
    assert {**dict.fromkeys(KINDS, 0.0), "invalid": 1.0, "model_failed": 3.0, OTHER: 1.0} == shown


def test_the_prediction_log(folder: Path, metrics: WorkerMetrics) -> None:
    """Rows written and lost, failures to write, and how many rows wait since the last of these."""
    meter = metrics.model(WINE, REGRESSOR)
    meter.dropped(3)
    meter.log_failed()
    meter.log_failed(7)
    before = samples(folder)
    meter.logged(100)
    found = samples(folder)
    words = ("rows", "dropped_rows", "failures")
    assert [100, 3, 2] == [value(found, f"seatrial_prediction_log_{word}_total", **OF_WINE) for word in words]
    waiting = "seatrial_prediction_log_waiting_rows"
    assert [7, 0] == [value(shown, waiting, **OF_WINE) for shown in (before, found)]


def test_rows_may_be_lost_in_two_threads(folder: Path, metrics: WorkerMetrics) -> None:
    """The event loop and the log's own thread: none goes uncounted."""
    meter = metrics.model(WINE, REGRESSOR)

    def lose() -> None:
        for _ in range(20_000):
            meter.dropped(1)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(2) as threads:
            for done in [threads.submit(lose) for _ in range(2)]:
                done.result()
    finally:
        sys.setswitchinterval(before)
    assert value(samples(folder), "seatrial_prediction_log_dropped_rows_total", **OF_WINE) == 40_000


@pytest.mark.parametrize("kind", [*Reason, "overloaded", "model_failed", "refused_by_model"])
def test_all_reasons_have_a_kind(folder: Path, metrics: WorkerMetrics, kind: str) -> None:
    """Whatever the codecs and the batcher refuse with is counted under its own name."""
    metrics.model(WINE, REGRESSOR).error(kind)
    assert value(samples(folder), "seatrial_model_errors_total", kind=str(kind), **OF_WINE) == 1


NUMBERS = st.lists(
    st.one_of(st.floats(-20, 20), st.sampled_from([0.0, 2.5, 10.0, -10.0, math.nan, math.inf, -math.inf])), max_size=40
)


@pytest.mark.parametrize("given_as", [list, np.array, lambda values: np.array(values, dtype=np.float64)[:, None]])
@pytest.mark.parametrize("lowest", [0.0, -10.0])
@settings(max_examples=20)
@given(batches=st.lists(NUMBERS, max_size=4))
def test_outputs_are_counted_by_size(
    tmp_path_factory: pytest.TempPathFactory, given_as: Any, lowest: float, batches: list[list[float]]
) -> None:
    """Few or many, in a list, an array or a column: as counting one by one would, without what is not finite."""
    folder = make_folder(tmp_path_factory.mktemp("outputs"))
    meter = WorkerMetrics(folder, "a", OWN).model(WINE, Signature(form=Form.COLUMNS, output_range=(lowest, 10.0)))
    for batch in batches:
        meter.outputs(given_as(batch))
    found = samples(folder)
    finite = [number for batch in batches for number in batch if math.isfinite(number)]
    shown = buckets(found, OUTPUT)
    assert {le: sum(number <= float(le) for number in finite) for le in shown} == shown
    assert value(found, f"{OUTPUT}_count", **OF_WINE) == len(finite)
    if lowest < 0:
        assert value(found, f"{OUTPUT}_sum", **OF_WINE) is None
        above, below = (value(found, f"{OUTPUT}_{sign}_total", **OF_WINE) for sign in ("positive", "negative"))
        assert above == pytest.approx(sum(number for number in finite if number > 0))
        assert below == pytest.approx(-sum(number for number in finite if number < 0), abs=1e-12)
    else:
        assert value(found, f"{OUTPUT}_sum", **OF_WINE) == pytest.approx(sum(finite))


@pytest.mark.parametrize("count", [1, 50])
@pytest.mark.parametrize("odd", ["text", None, [1.0, 2.0], {"a": 1}])
def test_outputs_that_are_no_numbers_do_no_harm(folder: Path, metrics: WorkerMetrics, odd: object, count: int) -> None:
    """A model that answers something else than it said is not counted, and not stopped."""
    metrics.model(WINE, REGRESSOR).outputs([odd] * count)
    assert value(samples(folder), f"{OUTPUT}_count", **OF_WINE) in (0, 2 * count)


@pytest.mark.parametrize(
    ("options", "signature", "expected"),
    [
        (OWN, REGRESSOR, ["0.0", "0.5", "1.0", "9.5", "10.0", "+Inf"]),
        (OWN, Signature(form=Form.COLUMNS, output_range=(0.1, 0.3)), ["0.1", "0.11", "0.3", "+Inf"]),
        (OWN, Signature(form=Form.COLUMNS, output_range=(4.0, 4.0)), ["4.0", "+Inf"]),
        (OWN, Signature(form=Form.COLUMNS), ["0.0", "0.01", "1e+06", "+Inf"]),
        (OWN, Signature(form=Form.COLUMNS, output_range=(math.nan, 4.0)), ["0.0", "0.01", "1e+06", "+Inf"]),
        (MetricOptions(output_buckets=(1, 2.5, math.inf)), REGRESSOR, ["1.0", "2.5", "+Inf"]),
        (MetricOptions(output_buckets=(1, 2)), Signature(form=Form.JSON), ["1.0", "2.0", "+Inf"]),
    ],
)
def test_buckets_of_the_output(
    folder: Path, options: MetricOptions, signature: Signature, expected: Sequence[str]
) -> None:
    """As configured, else twenty steps over the range of the training, else a wide ladder."""
    WorkerMetrics(folder, "a", options).model(WINE, signature)
    shown = list(buckets(samples(folder), OUTPUT))
    assert set(expected) <= set(shown)
    assert len(shown) <= 22
    assert sorted(map(float, shown)) == [float(le) for le in shown]


@pytest.mark.parametrize(
    "signature",
    [
        Signature(form=Form.JSON),
        Signature(
            form=Form.TENSORS,
            outputs=(Tensor(name="a", dtype="float32", shape=(None,)), Tensor(name="b", dtype="int8", shape=(None, 3))),
        ),
    ],
)
def test_outputs_of_free_form_are_left_alone(folder: Path, metrics: WorkerMetrics, signature: Signature) -> None:
    """A recommender's lists, or several tensors: no histogram unless buckets are configured."""
    metrics.model(WINE, signature).outputs([{"items": [1, 2]}])
    assert f"{OUTPUT}_bucket" not in names(samples(folder))


@pytest.mark.parametrize("edges", [(), (2.0, 1.0), (1.0, 1.0), (math.nan,), (math.inf,)])
def test_impossible_buckets_are_refused(folder: Path, edges: tuple[float, ...]) -> None:
    """The message names the option."""
    metrics = WorkerMetrics(folder, "a", MetricOptions(output_buckets=edges))
    with pytest.raises(UsageError, match=r"metrics\.output_buckets"):
        metrics.model(WINE, REGRESSOR)


CLASSES: list[tuple[tuple[Any, ...], Any]] = [
    ((0, 1, 2), [0, 1, 1, 2, 7, 1.0]),
    ((0, 1, 2), np.array([0, 1, 1, 2, 7, 1])),
    ((np.int64(0), np.int64(1), np.int64(2)), [0, 1, np.int64(1), 2, 7, "1"]),
    (("0", "1", "2"), np.array(["0", "1", "1", "2", "7", "1"])),
    (("0", "1", "2"), np.array(["0", "1", "1", "2", None, "1"], dtype=object)),
]


@pytest.mark.parametrize(("classes", "values"), CLASSES)
def test_outputs_of_a_classifier_are_counted_by_class(
    folder: Path, metrics: WorkerMetrics, classes: tuple[Any, ...], values: Any
) -> None:
    """Python's or numpy's labels; those that the model did not name are `other`. A classifier has no histogram."""
    metrics.model(WINE, Signature(form=Form.COLUMNS, classes=classes)).outputs(values)
    found = samples(folder)
    shown = {one: value(found, f"{OUTPUT}_class_total", **OF_WINE, **{"class": one}) for one in ("0", "1", "2", OTHER)}
    assert {"0": 1, "1": 3, "2": 1, OTHER: 1} == shown
    assert f"{OUTPUT}_bucket" not in names(found)


def test_many_classes_are_bounded(folder: Path, metrics: WorkerMetrics) -> None:
    """Fifty by name, the others together."""
    classes = tuple(range(1000))
    metrics.model(WINE, Signature(form=Form.COLUMNS, classes=classes)).outputs(list(classes))
    found = samples(folder)
    counts = Counter(
        {dict(at)["class"]: count for (name, at), count in found.items() if name == f"{OUTPUT}_class_total"}
    )
    assert 51 == len(counts)
    assert 950 == counts[OTHER]


def test_labels_that_cannot_be_classes_are_other(folder: Path, metrics: WorkerMetrics) -> None:
    """Lists, as a multi-label model answers."""
    metrics.model(WINE, Signature(form=Form.COLUMNS, classes=(0, 1))).outputs(np.array([[0, 1], [1, 1]]))
    assert value(samples(folder), f"{OUTPUT}_class_total", **OF_WINE, **{"class": OTHER}) == 2


def test_the_model_is_shown(folder: Path, metrics: WorkerMetrics) -> None:
    """Version, digest, flavour, engine and the versions of the packages."""
    metrics.model(WINE, REGRESSOR)
    expected = {
        **OF_WINE,
        "digest": "sha256:ab",
        "flavour": "sklearn",
        "engine": "onnx",
        "stack": "numpy 2.4.6, scikit-learn 1.9.1",
    }
    assert value(samples(folder), "seatrial_model_info", **expected) == 1


def test_after_a_reload_the_new_model_is_shown(folder: Path, metrics: WorkerMetrics) -> None:
    """The old one's info goes, its counts stay; loaded again it goes on counting."""
    old = metrics.model(model(version="1"), REGRESSOR)
    old.batch(1, 0.1)
    metrics.model(model(version="2"), REGRESSOR).batch(1, 0.1)
    found = samples(folder)
    assert ["2"] == [dict(at)["version"] for name, at in found if name == "seatrial_model_info"]
    assert value(found, "seatrial_model_batch_rows_count", model="wine", version="1") == 1
    assert metrics.model(model(version="1"), REGRESSOR) is old
    assert ["1"] == [dict(at)["version"] for name, at in samples(folder) if name == "seatrial_model_info"]


def test_the_same_version_with_another_engine_is_one_model(folder: Path, metrics: WorkerMetrics) -> None:
    """Engine and digest are facts about it, not part of its series."""
    metrics.model(WINE, REGRESSOR).batch(1, 0.1)
    native = model(choice=EngineChoice(engine=Engine.NATIVE, reason="asked"))
    metrics.model(native, REGRESSOR).batch(1, 0.1)
    found = samples(folder)
    assert value(found, "seatrial_model_batch_rows_count", **OF_WINE) == 2
    assert ["native"] == [dict(at)["engine"] for name, at in found if name == "seatrial_model_info"]


@pytest.mark.parametrize("worker", ["", "../x", "a/b", "x" * 65, ".past"])
def test_names_of_workers_are_names_of_files(folder: Path, worker: str) -> None:
    """Anything else is refused."""
    with pytest.raises(UsageError, match="cannot be the name of a worker"):
        WorkerMetrics(folder, worker, OWN)


def test_two_workers_cannot_share_a_name(folder: Path, metrics: WorkerMetrics) -> None:
    """The second would write over the first."""
    metrics.connections.inc()
    with pytest.raises(UsageError, match="here already"):
        WorkerMetrics(folder, "a", OWN)
    assert value(samples(folder), "seatrial_http_connections_open") == 1
