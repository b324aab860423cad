"""Dashboards made for other tools keep working: their queries find the running server's requests."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tests.serve.running import Server, serving

USERS = 200


@pytest.fixture(scope="module")
def flask(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A class with a route of its own, under the names of prometheus-flask-exporter."""
    arguments = ("models:Shop", "--name", "shop", "--compat", "flask")
    with serving(tmp_path_factory.mktemp("flask"), *arguments, cwd=models) as server:
        yield server


@pytest.fixture(scope="module")
def fastapi(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The same of prometheus-fastapi-instrumentator, as its tutorials have it."""
    arguments = (
        "models:Quality",
        "--name",
        "quality",
        "--compat",
        "fastapi",
        "--metrics-subsystem",
        "model",
        "--output-buckets",
        "0,2,4,6",
    )
    with serving(tmp_path_factory.mktemp("fastapi"), *arguments, cwd=models) as server:
        yield server


def samples(server: Server) -> list[Sample]:
    """Everything that a scrape finds."""
    scraped = server.get("/metrics")
    assert scraped.headers["content-type"].startswith("text/plain; version=")
    return [sample for family in text_string_to_metric_families(scraped.text) for sample in family.samples]


def total(server: Server, name: str, **patterns: str) -> float:
    """`sum(name{label=~"pattern", …})`."""
    return sum(
        sample.value
        for sample in samples(server)
        if sample.name == name
        and all(re.fullmatch(pattern, sample.labels.get(label, "")) for label, pattern in patterns.items())
    )


def series(server: Server) -> set[tuple[str, frozenset[tuple[str, str]]]]:
    """The names and labels that Prometheus would keep."""
    return {(sample.name, frozenset(sample.labels.items())) for sample in samples(server)}


def test_a_query_for_flask_finds_the_route(flask: Server) -> None:
    """By the pattern that stands in dashboards, and by the template."""
    name = "flask_http_request_duration_seconds"
    before = total(flask, f"{name}_count", path="/recommend/.*")
    seconds = total(flask, f"{name}_sum", path="/recommend/.*")

    assert {"user": "eve", "items": [1, 2]} == flask.get("/recommend/eve").json()

    assert before + 1 == total(flask, f"{name}_count", path="/recommend/.*")
    assert seconds < total(flask, f"{name}_sum", path=re.escape("/recommend/{user}"), method="GET", status="200")
    assert total(flask, "flask_http_request_total", method="GET", status="200") >= 1
    assert total(flask, "flask_exporter_info") == 1


def test_flask_tells_single_statuses(flask: Server) -> None:
    """An error of the model is an exception as well."""
    flask.post({"nobody": 1})
    flask.post([1, 2])

    duration = "flask_http_request_duration_seconds_count"
    assert 1 == total(flask, duration, path="/predict", method="POST", status="500")
    assert 1 == total(flask, duration, path="/predict", method="POST", status="200")
    assert 1 == total(flask, "flask_http_request_exceptions_total", method="POST", status="500")


def test_a_query_for_fastapi_finds_the_route(fastapi: Server) -> None:
    """With the subsystem in its names, and statuses in groups."""
    assert 0.5 == fastapi.get("/recommend/eve").json()
    assert 2.0 == fastapi.post({"values": [1, 3]}).json()["prediction"]

    handlers = {"handler": re.escape("/recommend/{user}"), "method": "GET", "status": "2xx"}
    assert 1 == total(fastapi, "fastapi_model_http_requests_total", **handlers)
    assert 1 == total(fastapi, "fastapi_model_http_request_duration_seconds_count", **handlers)
    assert total(fastapi, "fastapi_model_http_request_duration_seconds_sum", **handlers) > 0
    sent = fastapi.get("/recommend/eve").num_bytes_downloaded
    assert 2 * sent == total(fastapi, "fastapi_model_http_response_size_bytes_sum", **handlers)


def test_fastapi_tells_what_the_model_answers(fastapi: Server) -> None:
    """In the histogram that the instrumentator's tutorial adds by hand."""
    name = "fastapi_model_regression_model_output"
    count, summed = total(fastapi, f"{name}_count"), total(fastapi, f"{name}_sum")

    fastapi.post({"inputs": [{"values": [1, 3]}, {"values": [5]}]})

    assert count + 2 == total(fastapi, f"{name}_count")
    assert summed + 7 == pytest.approx(total(fastapi, f"{name}_sum"))


@pytest.mark.parametrize("name", ["flask", "fastapi"])
def test_callers_cannot_make_series(request: pytest.FixtureRequest, name: str) -> None:
    """However many users ask, and whatever nonsense is asked for."""
    server: Server = request.getfixturevalue(name)
    counted = "flask_http_request_duration_seconds_count" if name == "flask" else "fastapi_model_http_requests_total"
    label = "path" if name == "flask" else "handler"
    server.get("/recommend/first")
    server.get("/nonsense/first")
    first = series(server)
    before = total(server, counted, **{label: "/recommend/.*"})

    with httpx.Client(base_url=server.url) as client:
        for user in range(USERS):
            assert httpx.codes.OK == client.get(f"/recommend/user-{user}?page={user}").status_code
            assert httpx.codes.NOT_FOUND == client.get(f"/nonsense/{user}").status_code

    assert first == series(server)
    assert before + USERS == total(server, counted, **{label: "/recommend/.*"})
