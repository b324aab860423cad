"""What people read in a terminal, and the command that they copy from it."""

import json
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from seatrial.deployments.example import Example, configured_example, served_example
from seatrial.deployments.text import list_grid, progress_line, status_of, usage_grid
from seatrial.records import (
    DeploymentSpec,
    DeployState,
    DeployStatus,
    HealthSpec,
    ReplicaStatus,
    RequestsSpec,
    Resources,
)
from tests.deployments.fakes import wish

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def status(**changes: object) -> DeployStatus:
    """Wine, with one replica of two."""
    replicas = (
        ReplicaStatus(
            index=0, ready=True, cores=0.5, cpu_seconds=12.34, memory=100 << 20, enforced="memory by cgroup v1"
        ),
        ReplicaStatus(index=1, ready=False, restarts=3, reason="it ended with exit status 4"),
    )
    values: dict[str, object] = {
        "wish": wish(replicas=2, resources=Resources(cpu=1.5, memory=512 << 20)),
        "state": DeployState.DEGRADED,
        "replicas": replicas,
        "url": "http://127.0.0.1:20001",
        "seen": NOW,
        "reason": "it ended with exit status 4",
    }
    return DeployStatus(**{**values, **changes})  # type: ignore[arg-type]


def test_the_list_has_a_line_a_deployment_and_its_troubles_below() -> None:
    """How many are ready, how often they fell, what each may use."""
    grid = list_grid([status()], now=NOW, supervised=True)

    assert (("wine", "wine@3", "degraded", "1/2", "3", "1.5 CPU, 512 MiB", "http://127.0.0.1:20001"),) == grid.rows
    assert ("wine: it ended with exit status 4",) == grid.below


def test_the_list_says_when_nobody_looks_after_it() -> None:
    """And what was seen last is that old."""
    told = list_grid([status(reason="")], now=NOW, supervised=False).below

    assert (
        "no server runs, so nothing is started again; this is how they were at 2026-05-01 12:00:00 UTC: seatrial server",
    ) == told


def test_a_status_that_is_not_renewed_is_pointed_out() -> None:
    """A server that hangs is not taken for one that works."""
    told = list_grid([status(reason="")], now=NOW + timedelta(minutes=1), supervised=True).below

    assert ("not seen for more than 10 s: wine",) == told


def test_usage_has_a_line_a_replica_and_says_what_is_enforced() -> None:
    """Of one that does not run only why."""
    grid = usage_grid(status())

    assert (
        ("0", "ready", "0.50", "12.3", "100 MiB", "0"),
        ("1", "it ended with exit status 4", "–", "–", "–", "3"),
    ) == grid.rows
    assert ("asked for each: 1.5 CPU, 512 MiB", "enforced at replica 0: memory by cgroup v1") == grid.below


def test_progress_is_one_line() -> None:
    """State, replicas, reason."""
    assert "wine degraded, 1 of 2 ready, it ended with exit status 4" == progress_line(status())
    assert "wine starting, 0 of 1 ready" == progress_line(DeployStatus(wish=wish(), state=DeployState.STARTING))


def test_what_no_server_has_seen_is_shown_so() -> None:
    """It is not missing from the list."""
    assert "no server has seen it yet" == status_of(None, wish()).reason


def served(document: object) -> httpx.Client:
    """A model server with this document."""
    return httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, json=document)))


def test_the_example_is_the_servers_own() -> None:
    """What its document shows is what it takes."""
    content = {"application/json": {"examples": {"one row": {"value": {"pH": 3.3}}}}}
    document = {"paths": {"/predict": {"post": {"requestBody": {"content": content}}}}}

    example = served_example("http://x:1", served(document))

    assert Example(uri="http://x:1/predict", body={"pH": 3.3}) == example
    assert "curl -s -H 'content-type: application/json' -d '{\"pH\": 3.3}' http://x:1/predict" == example.curl


def test_a_server_without_an_example_is_shown_by_its_page() -> None:
    """A class with routes of its own has no /predict."""
    assert "curl -s http://x:1/docs" == served_example("http://x:1", served({"paths": {}})).curl


def test_quotes_in_an_example_survive_the_shell() -> None:
    """The command is made of words, whatever is in them."""
    example = Example(uri="http://x:1/predict", body={"name": 'it\'s "$HOME" `id`\n'})

    assert {"name": 'it\'s "$HOME" `id`\n'} == json.loads(shlex.split(example.curl)[5])


@pytest.fixture
def spec(tmp_path: Path) -> DeploymentSpec:
    """A deployment with requests."""
    (tmp_path / "requests.jsonl").write_text('{"wine": {"pH": 3.1}, "quality": 5}\n')
    requests = RequestsSpec(
        file="requests.jsonl",
        path="/score",
        body="wine",
        wrap="inputs",
        label="quality",
        headers={"x-team": "a", "authorization": "Bearer ${TOKEN}"},
    )
    return DeploymentSpec(name="wine", run="python server.py", requests=requests, health=HealthSpec(path="/up"))


def test_a_server_of_the_projects_own_is_asked_as_the_trial_asks_it(spec: DeploymentSpec, tmp_path: Path) -> None:
    """Path, wrapping and headers of the first request; no header that holds a secret."""
    example = configured_example("http://x:1", spec, tmp_path)

    assert Example(uri="http://x:1/score", body={"inputs": {"pH": 3.1}}, headers={"x-team": "a"}) == example


def test_without_requests_the_health_path_is_asked(spec: DeploymentSpec, tmp_path: Path) -> None:
    """Something that works is better than nothing."""
    (tmp_path / "requests.jsonl").unlink()

    assert "curl -s http://x:1/up" == configured_example("http://x:1", spec, tmp_path).curl
