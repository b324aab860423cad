"""Loads run by the real locust."""

from pathlib import Path

from seatrial.records import TestSpec as Spec
from seatrial.trial.external.runners.locust import arguments
from tests.external.conftest import Run

LOCUSTFILE = """\
from locust import FastHttpUser, constant_throughput, task

class User(FastHttpUser):
    wait_time = constant_throughput(20)

    @task
    def predict(self):
        self.client.post("/predict", json={"inputs": [1]})

    @task
    def PATH(self):
        self.client.get("/PATH")
"""


def load(**options: object) -> Spec:
    """A locust test."""
    given = {"users": 2, "spawn_rate": 10.0, "run_time": 1.0, **options}
    return Spec(kind="locust", target="locustfile.py", name="load", **given)  # type: ignore[arg-type]


def test_a_load_runs_and_its_figures_are_metrics(project: Path, run: Run, tmp_path: Path) -> None:
    """Rates a second and latencies in seconds, over all endpoints; each endpoint is a case, kept as JUnit."""
    (project / "locustfile.py").write_text("print('hello')\n" + LOCUSTFILE.replace('"/PATH"', '"/"'))
    result = run(load())
    assert result.passed, result
    assert {"POST /predict", "GET /"} == {case.name for case in result.cases}
    assert {
        *("locust_requests", "locust_failures", "locust_requests_per_second"),
        *("locust_latency_p50", "locust_latency_p95", "locust_latency_p99"),
    } == result.metrics.keys()
    assert result.metrics["locust_requests"] > 0
    assert result.metrics["locust_failures"] == 0
    assert 0 <= result.metrics["locust_latency_p50"] <= result.metrics["locust_latency_p99"] < 1
    assert result.junit is not None
    assert (tmp_path / "run" / result.junit).exists()


def test_failing_requests_fail_the_test(project: Path, run: Run) -> None:
    """Locust's exit status decides; the endpoint that failed is the case that failed."""
    (project / "locustfile.py").write_text(LOCUSTFILE.replace("PATH", "missing"))
    result = run(load())
    assert not result.passed
    assert result.message == "1 of 2 cases failed"
    outcomes = {case.name: case.outcome for case in result.cases}
    assert {"POST /predict": "passed", "GET /missing": "failed"} == outcomes
    assert result.metrics["locust_failures"] > 0


def test_a_load_without_a_request_does_not_pass(project: Path, run: Run) -> None:
    """A task that sends nothing measured nothing."""
    (project / "locustfile.py").write_text(
        "from locust import FastHttpUser, constant, task\n"
        "class User(FastHttpUser):\n"
        "    wait_time = constant(1)\n"
        "    @task\n"
        "    def nothing(self):\n"
        "        pass\n"
    )
    result = run(load())
    assert not result.passed
    assert result.message == "locustfile.py sent no request"


def test_a_broken_locustfile_is_a_result(project: Path, run: Run) -> None:
    """With the module that it lacks."""
    (project / "locustfile.py").write_text("import no_such_module\n")
    result = run(load())
    assert not result.passed
    assert "needs the module no_such_module" in result.message


def test_the_load_is_set_by_the_test(tmp_path: Path) -> None:
    """Users, spawn rate and run time; locust takes whole seconds only."""
    spec = load(users=5, spawn_rate=2.5, run_time=1.5, host_path="/v1", args=("--tags", "fast"))
    assert arguments(spec, tmp_path, "http://127.0.0.1:80", tmp_path) == (
        *("-f", "locustfile.py", "--headless", "--only-summary", "--json"),
        *("-u", "5", "-r", "2.5", "-t", "2s", "--host", "http://127.0.0.1:80/v1", "--tags", "fast"),
    )
