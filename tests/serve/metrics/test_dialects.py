"""The names that existing dashboards ask for: pinned from what the peers answered to the same requests.

prometheus-fastapi-instrumentator 8.1.0 (request_size, response_size, latency, requests; grouped status; untemplated
routes ignored; in progress with labels) and prometheus-flask-exporter 0.23.2 (as it comes).
"""

from pathlib import Path

import pytest

from seatrial.records import UsageError
from seatrial.serve.metrics import OTHER, TEXT, WorkerMetrics, make_folder, render
from seatrial.serve.metrics.dialects import check
from seatrial.serve.options import Compat, MetricOptions
from tests.serve.metrics.makers import REGRESSOR, WINE, Samples, buckets, names, samples, value

FASTAPI = MetricOptions(compat=Compat.FASTAPI)
FLASK = MetricOptions(compat=Compat.FLASK)
REQUESTS = [
    ("/predict", "POST", 200, 0.001953125, 7, 7),
    ("/predict", "POST", 201, 0.003, 7, 7),
    ("/recommend/{user}", "GET", 200, 0.0009765625, 0, 7),
    ("/predict", "POST", 422, 0.0009765625, 0, 31),
    ("/predict", "POST", 500, 0.0009765625, 0, 0),
    (OTHER, "GET", 404, 0.0009765625, 0, 22),
]

FASTAPI_TEXT = """\
# HELP fastapi_http_request_size_bytes Content bytes of requests.
# TYPE fastapi_http_request_size_bytes summary
fastapi_http_request_size_bytes_count{handler="/predict",method="POST",status="2xx"} 2.0
fastapi_http_request_size_bytes_sum{handler="/predict",method="POST",status="2xx"} 14.0
# HELP fastapi_http_response_size_bytes Content bytes of responses.
# TYPE fastapi_http_response_size_bytes summary
fastapi_http_response_size_bytes_count{handler="/recommend/{user}",method="GET",status="2xx"} 1.0
fastapi_http_response_size_bytes_sum{handler="/recommend/{user}",method="GET",status="2xx"} 7.0
# HELP fastapi_http_request_duration_seconds Duration of HTTP requests in seconds
# TYPE fastapi_http_request_duration_seconds histogram
fastapi_http_request_duration_seconds_bucket{handler="/predict",le="0.005",method="POST",status="2xx"} 2.0
fastapi_http_request_duration_seconds_bucket{handler="/predict",le="1.0",method="POST",status="2xx"} 2.0
fastapi_http_request_duration_seconds_bucket{handler="/predict",le="+Inf",method="POST",status="2xx"} 2.0
fastapi_http_request_duration_seconds_count{handler="/predict",method="POST",status="4xx"} 1.0
fastapi_http_request_duration_seconds_sum{handler="/predict",method="POST",status="4xx"} 0.0009765625
# HELP fastapi_http_requests_total Total number of requests by method, status and handler.
# TYPE fastapi_http_requests_total counter
fastapi_http_requests_total{handler="/predict",method="POST",status="2xx"} 2.0
fastapi_http_requests_total{handler="/predict",method="POST",status="4xx"} 1.0
fastapi_http_requests_total{handler="/predict",method="POST",status="5xx"} 1.0
# HELP fastapi_inprogress Number of HTTP requests in progress.
# TYPE fastapi_inprogress gauge
fastapi_inprogress{handler="/predict",method="POST"} 1.0
"""

FLASK_TEXT = """\
# HELP flask_exporter_info Information about the Prometheus Flask exporter
# TYPE flask_exporter_info gauge
flask_exporter_info{version="0.23.2"} 1.0
# HELP flask_http_request_duration_seconds Flask HTTP request duration in seconds
# TYPE flask_http_request_duration_seconds histogram
flask_http_request_duration_seconds_bucket{le="0.005",method="POST",path="/predict",status="200"} 1.0
flask_http_request_duration_seconds_bucket{le="+Inf",method="POST",path="/predict",status="200"} 1.0
flask_http_request_duration_seconds_count{method="POST",path="/predict",status="422"} 1.0
flask_http_request_duration_seconds_sum{method="POST",path="/predict",status="200"} 0.001953125
# HELP flask_http_request_total Total number of HTTP requests
# TYPE flask_http_request_total counter
flask_http_request_total{method="POST",status="200"} 1.0
flask_http_request_total{method="POST",status="201"} 1.0
flask_http_request_total{method="GET",status="200"} 1.0
flask_http_request_total{method="GET",status="404"} 1.0
# HELP flask_http_request_exceptions_total Total number of HTTP requests which resulted in an exception
# TYPE flask_http_request_exceptions_total counter
flask_http_request_exceptions_total{method="POST",status="500"} 1.0
"""

DEFAULT_EDGES = {
    "0.005",
    "0.01",
    "0.025",
    "0.05",
    "0.075",
    "0.1",
    "0.25",
    "0.5",
    "0.75",
    "1.0",
    "2.5",
    "5.0",
    "7.5",
    "10.0",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One worker that answered `REQUESTS` and has one under way."""
    made = make_folder(tmp_path)
    metrics = WorkerMetrics(made, "a", MetricOptions())
    for handler, method, status, seconds, received, sent in REQUESTS:
        metrics.route(handler, method).started()
        metrics.route(handler, method).answered(status, seconds, received, sent)
    metrics.route("/predict", "POST").started()
    metrics.model(WINE, REGRESSOR).outputs([5.0, 6.5])
    return made


@pytest.mark.parametrize(("options", "expected"), [(FASTAPI, FASTAPI_TEXT), (FLASK, FLASK_TEXT)])
def test_the_lines_are_the_peers(folder: Path, options: MetricOptions, expected: str) -> None:
    """Help, type, name, labels, their order and the form of the numbers, in the peer's order of families."""
    lines = render(folder, options).decode().splitlines()
    wanted = expected.splitlines()
    assert wanted == [line for line in wanted if line in lines]
    heads = [line for line in wanted if line.startswith("#")]
    assert heads == [line for line in lines if line in heads]


@pytest.mark.parametrize(
    ("options", "labels", "family"),
    [
        (FASTAPI, {"handler", "method", "status"}, "fastapi_http_requests_total"),
        (FASTAPI, {"handler", "method", "status"}, "fastapi_http_request_size_bytes_sum"),
        (FASTAPI, {"handler", "method", "status", "le"}, "fastapi_http_request_duration_seconds_bucket"),
        (FASTAPI, {"handler", "method"}, "fastapi_inprogress"),
        (FASTAPI, {"le"}, "fastapi_model_regression_model_output_bucket"),
        (FLASK, {"method", "path", "status", "le"}, "flask_http_request_duration_seconds_bucket"),
        (FLASK, {"method", "status"}, "flask_http_request_total"),
        (FLASK, {"method", "status"}, "flask_http_request_exceptions_total"),
        (FLASK, {"version"}, "flask_exporter_info"),
    ],
)
def test_the_labels_are_the_peers(folder: Path, options: MetricOptions, labels: set[str], family: str) -> None:
    """None more, none less."""
    found = [{label for label, _ in at} for name, at in samples(folder, options) if name == family]
    assert found
    assert all(labels == one for one in found)


@pytest.mark.parametrize(
    ("options", "family"),
    [(FASTAPI, "fastapi_http_request_duration_seconds"), (FLASK, "flask_http_request_duration_seconds")],
)
def test_the_peers_buckets_are_there(folder: Path, options: MetricOptions, family: str) -> None:
    """Alerts with a fixed `le` keep working; finer ones are added below."""
    assert DEFAULT_EDGES < set(buckets(samples(folder, options), family))


@pytest.mark.parametrize(
    ("namespace", "subsystem", "expected"),
    [
        (None, None, {"fastapi_http_requests_total", "fastapi_inprogress", "fastapi_regression_model_output_sum"}),
        (None, None, {"fastapi_model_regression_model_output_sum"}),
        ("fastapi", "", {"fastapi_http_requests_total", "fastapi_inprogress", "fastapi_regression_model_output_sum"}),
        (
            "fastapi",
            "model",
            {"fastapi_model_http_requests_total", "fastapi_inprogress", "fastapi_model_regression_model_output_sum"},
        ),
        (
            None,
            "monitoring",
            {"fastapi_monitoring_http_requests_total", "fastapi_monitoring_regression_model_output_sum"},
        ),
        ("", "", {"http_requests_total", "http_requests_inprogress", "regression_model_output_sum"}),
    ],
)
def test_namespace_and_subsystem_of_the_instrumentator(
    folder: Path, namespace: str | None, subsystem: str | None, expected: set[str]
) -> None:
    """As in that library; where nothing is configured, the output has both names that dashboards use."""
    options = MetricOptions(compat=Compat.FASTAPI, namespace=namespace, subsystem=subsystem)
    assert expected <= names(samples(folder, options))


@pytest.mark.parametrize(
    ("namespace", "expected"),
    [(None, "flask_http_request_total"), ("shop", "shop_http_request_total"), ("", "http_request_total")],
)
def test_prefix_of_the_flask_exporter(folder: Path, namespace: str | None, expected: str) -> None:
    """`defaults_prefix`, or none at all."""
    assert expected in names(samples(folder, MetricOptions(compat=Compat.FLASK, namespace=namespace)))


@pytest.mark.parametrize(
    ("namespace", "subsystem", "expected"),
    [
        (None, None, "seatrial_http_requests_total"),
        ("shop", None, "shop_http_requests_total"),
        ("shop", "wine", "shop_wine_http_requests_total"),
        ("", None, "http_requests_total"),
    ],
)
def test_own_names_can_be_moved(folder: Path, namespace: str | None, subsystem: str | None, expected: str) -> None:
    """Namespace and subsystem stand before all of our own."""
    found = names(samples(folder, MetricOptions(namespace=namespace, subsystem=subsystem)))
    assert expected in found
    assert expected.replace("http_requests_total", "model_batch_rows_sum") in found


@pytest.mark.parametrize("compat", list(Compat))
def test_what_the_peers_lack_keeps_our_name(folder: Path, compat: Compat) -> None:
    """Batches, waits, the model's output by version: `seatrial_…` beside a peer's names."""
    ours = {"seatrial_model_output_sum", "seatrial_model_batch_rows_sum", "seatrial_http_connections_open"}
    assert ours <= names(samples(folder, MetricOptions(compat=compat)))


def test_the_query_of_the_recommender_lesson(folder: Path) -> None:
    """`sum(flask_http_request_duration_seconds_sum{path=~"/recommend/.*"})` sees our template."""
    found = samples(folder, FLASK)
    assert 0.0009765625 == sum(
        number
        for (name, at), number in found.items()
        if name == "flask_http_request_duration_seconds_sum" and dict(at)["path"].startswith("/recommend/")
    )


def test_routes_without_a_template_are_as_the_peers_have_them(folder: Path) -> None:
    """The instrumentator is set to ignore them; the Flask exporter counts them, here under one path."""
    assert not [at for _, at in samples(folder, FASTAPI) if ("handler", OTHER) in at and ("status", "4xx") in at]
    found = samples(folder, FLASK)
    assert value(found, "flask_http_request_duration_seconds_count", method="GET", path=OTHER, status="404") == 1


@pytest.mark.parametrize("compat", list(Compat))
def test_both_formats_say_the_same(folder: Path, compat: Compat) -> None:
    """The classic text and OpenMetrics, each read by its own parser."""
    options = MetricOptions(compat=compat)
    assert steady(samples(folder, options)) == steady(samples(folder, options, openmetrics=True))


def test_edges_below_zero_fit_both_formats(tmp_path: Path) -> None:
    """OpenMetrics forbids a sum there, and then a count as well; the text keeps its count."""
    folder = make_folder(tmp_path)
    options = MetricOptions(output_buckets=(-1.0, 0.0, 1.0))
    WorkerMetrics(folder, "a", options).model(WINE, REGRESSOR).outputs([-0.5, 0.25])
    text, openmetrics = samples(folder, options), samples(folder, options, openmetrics=True)
    assert {"seatrial_model_output_count"} == names(text) - names(openmetrics)
    assert 0.25 == value(openmetrics, "seatrial_model_output_positive_total", model="wine", version="3")
    assert 0.5 == value(openmetrics, "seatrial_model_output_negative_total", model="wine", version="3")


def test_the_content_type_is_the_classic_one(folder: Path) -> None:
    """0.0.4 is what every Prometheus reads; its names hold no quotes."""
    assert b"version=0.0.4" in TEXT
    assert b'{"' not in render(folder, FASTAPI)


@pytest.mark.parametrize(
    ("options", "where"),
    [
        (MetricOptions(namespace="my-shop"), "metrics.namespace"),
        (MetricOptions(namespace="1st"), "metrics.namespace"),
        (MetricOptions(subsystem="a b"), "metrics.subsystem"),
        (MetricOptions(compat=Compat.FLASK, subsystem="x"), "metrics.subsystem"),
    ],
)
def test_impossible_names_are_refused(tmp_path: Path, options: MetricOptions, where: str) -> None:
    """When the worker starts, not at the first scrape."""
    for refused in (lambda: check(options), lambda: WorkerMetrics(make_folder(tmp_path), "a", options)):
        with pytest.raises(UsageError) as caught:
            refused()
        assert where == caught.value.where


def steady(found: Samples) -> Samples:
    """Without what moves between two scrapes."""
    return {key: number for key, number in found.items() if "cpu" not in key[0] and "memory" not in key[0]}
