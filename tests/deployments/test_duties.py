"""What `seatrial server` does beside supervising: people are told of deployments."""

from pathlib import Path

import pytest

from tests.deployments.projects import deployed, model
from tests.waiting import wait_until
from tests.workflows.projects import receiver

pytestmark = pytest.mark.slow


def test_people_are_told_of_a_deployment(tmp_path: Path) -> None:
    """When it is ready and when it was stopped, with the project's own name, by the server that `deploy` started."""
    with receiver() as hook, deployed(tmp_path / "folder") as project:
        (project.folder / "seatrial.yaml").write_text(
            "name: cellar\nstack: host\nrequests: {file: r.jsonl}\ndeployments: {wine: {serve: wine.joblib}}\n"
            f"notify:\n  - {{name: team, url: '{hook.url}', events: [deployment]}}\n"
        )
        project.ok("models", "register", str(model(tmp_path / "wine.joblib", 1.0)), "--name", "wine")
        project.ok("deploy", "wine@1")
        wait_until(lambda: len(hook.got) == 1, deadline=60)
        project.ok("deployments", "stop", "wine-v1")
        wait_until(lambda: len(hook.got) > 1, deadline=60)

    assert [("deployment", "cellar")] * 2 == [(message["event"], message["project"]) for message in hook.got]
    ready, stopped = (message["title"] for message in hook.got)
    assert "ready" in ready
    assert "stopped" in stopped
