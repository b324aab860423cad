"""Releases with everything real: Envoy, model servers in several replicas, the server in the background, and users.

Five hundred requests a second go through the gateway from the first step to the last, and none of them may fail: not
when the canary comes, nor when stable is replaced, nor when it all goes back.
"""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from seatrial.adapters.runtime.process import ProcessRuntime
from tests.deployments.projects import COMMAND, Deployed, deployed, model
from tests.end_to_end.load import Load, load
from tests.waiting import wait_until

RATE = 500
LONG = 150.0
CONFIG = """\
name: cellar
gateway: {{port: {port}}}
services:
  wine:
    replicas: 2
    release:
      window: 1s
      warmup: 2s
      steps: [{{weight: 5%, for: 2s}}, {{weight: 50%, until: decided}}]
      margins: {{latency_p50: off, latency_p90: off, latency_p99: off, errors: 5pp}}
      split_margin: 20%
      thresholds: ["error_rate < 0.5"]
"""


class Cellar:
    """A project with three versions of a wine, of which the first is stable and answers behind the gateway."""

    def __init__(self, project: Deployed, port: int) -> None:
        self.project = project
        self.url = f"http://127.0.0.1:{port}"

    def release(self, *words: str) -> Any:
        """What a command about releases says."""
        return self.project.ok("release", *words, "--format", "json").document

    def latest(self) -> dict[str, Any]:
        """The latest release."""
        found: dict[str, Any] = self.release("status", "wine")["release"]
        return found

    def wait_for(self, phase: str, outcome: str | None = None) -> dict[str, Any]:
        """The latest release once it has come so far."""

        def there() -> dict[str, Any] | None:
            found = self.latest()
            return found if found["phase"] == phase and (outcome is None or found["outcome"] == outcome) else None

        return wait_until(there, LONG, poll=0.3) or {}

    def serving(self) -> set[int]:
        """The versions that stable's replicas are of."""
        return {started.number for started in self.project.started("wine").values() if started.index >= 0}

    def all_on(self, users: Load, version: str) -> None:
        """Wait until a second's worth of answers is of this version alone."""

        def alone() -> bool:
            last = users.counted["last"]
            return version in last and all(last[version] - at > 1.0 for name, at in last.items() if name != version)

        wait_until(alone, LONG, poll=0.3)


@pytest.fixture
def cellar(tmp_path: Path) -> Iterator[Cellar]:
    """Stable is ready behind the gateway."""
    with deployed(tmp_path / "cellar") as project:
        port = ProcessRuntime().free_port()
        (project.folder / "seatrial.yaml").write_text(CONFIG.format(port=port))
        for factor in (1.0, 2.0, 3.0):
            path = model(tmp_path / f"wine-{factor:g}.joblib", factor)
            project.ok("models", "register", str(path), "--name", "wine")
        project.ok("deploy", "wine@1", "--name", "wine", "--replicas", "2")
        made = Cellar(project, port)
        wait_until(lambda: 200 == _status(made), LONG, poll=0.1)
        yield made


def _status(cellar: Cellar) -> int:
    try:
        return cellar.project.ask(cellar.url).status_code
    except OSError:
        return 0
    except Exception as error:  # noqa: BLE001 - whatever the client calls a refused connection
        return 0 if "onnect" in type(error).__name__ else -1


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_nobody_notices_a_release_an_abort_and_a_rollback(cellar: Cellar, tmp_path: Path) -> None:
    """A harmless version is promoted by the judge, one is aborted by a person, one is rolled back: no request fails."""
    with load(f"{cellar.url}/predict", RATE, tmp_path) as users:
        cellar.release("start", "wine@2")
        promoted = cellar.wait_for("ended", "promoted")
        assert {2} == cellar.serving()
        cellar.all_on(users, "2")

        cellar.release("start", "wine@3")
        wait_until(lambda: users.counted["versions"].get("3", 0) > 100, LONG, poll=0.2)
        cellar.release("abort", "wine")
        cellar.wait_for("ended", "aborted")
        cellar.all_on(users, "2")

        cellar.release("rollback", "wine")
        cellar.all_on(users, "1")
        counted = users.end()
    assert [] == counted["failures"]
    assert (counted["sent"], 0) == (counted["answered"], counted["failed"])
    assert {"1", "2", "3"} == set(counted["versions"])
    moves = cellar.project.ok("ledger", "show", "--format", "json").document
    assert [promoted["id"]] == [line["run"] for line in moves if line.get("run")]
    report = json.loads(
        (cellar.project.folder / ".seatrial" / "releases" / promoted["id"] / "report.json").read_bytes()
    )
    assert (promoted["id"], "wine") == (report["release"]["id"], report["release"]["service"])


@contextmanager
def server(project: Deployed) -> Iterator[None]:
    """One that runs while this is entered, as systemd would start it."""
    command = [*COMMAND, "server", "--project", str(project.folder)]
    with subprocess.Popen(command, cwd=project.folder, env=project.environment, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: project.server, LONG)
            yield
        finally:
            process.terminate()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_release_goes_on_whoever_is_killed(cellar: Cellar, tmp_path: Path) -> None:
    """Server, proxy and canary are killed one after the other; the release is promoted all the same, and nothing else fails.

    What a killed process held in its hands is lost: those few requests, and those that meet a closed port until the proxy
    is back.
    """
    with load(f"{cellar.url}/predict", 100, tmp_path) as users:
        started = cellar.release("start", "wine@2")
        wait_until(lambda: users.counted["versions"].get("2", 0) > 20, LONG, poll=0.2)
        cellar.project.kill_server()
        before = users.counted
        wait_until(lambda: users.counted["answered"] > before["answered"] + 100, LONG, poll=0.1)
        assert 0 == users.counted["failed"], "the gateway needs no server"
        found = cellar.latest()
        assert (started["id"], 2) == (found["id"], found["number"])
        with server(cellar.project):
            status = cellar.project.ok("gateway", "status", "--format", "json").document
            os.kill(status["proxy"]["pid"], signal.SIGKILL)
            wait_until(lambda: _status(cellar) == 200, LONG, poll=0.1)
            cellar.wait_for("ended", "promoted")
            cellar.all_on(users, "2")
        counted = users.end()
    assert counted["failed"] < 0.1 * counted["sent"]
