"""Models whose releases are judged by labels write their predictions down, and only these."""

import os
from contextlib import nullcontext
from pathlib import Path

import httpx
import pytest

from seatrial.adapters.clock import SystemClock
from seatrial.deployments.logged import log_folder, wants_log
from seatrial.deployments.prepare import Preparer
from seatrial.records import DeployWish, RegistrySpec, StageRules
from seatrial.registry.tools import RegistryTools
from seatrial.testing import MemoryRegistry, MemoryStore
from seatrial.trial.build.commands import Commands
from seatrial.wiring import open_trial
from tests.registry.registering import NOON, registered

CONFIG = """
services:
  shop: {model: wine, prefix: /shop, release: {quality: {mae: 3%}}}
  bar: {model: beer, prefix: /bar}
"""


def _words(project: Path, model: str) -> tuple[str, ...]:
    """The command line of a replica of the model's first version."""
    clock, registry = SystemClock(), MemoryRegistry()
    (version,) = registered(registry, project / "given", model=model)
    tools = RegistryTools(
        registry=registry,
        rules=StageRules(),
        clock=clock,
        store=MemoryStore(),
        project=project,
        root=project / ".seatrial",
        spec=RegistrySpec(),
    )
    wish = DeployWish(name=model, model=model, number=1, artifact=version.artifact.digest, created=NOON)
    with httpx.Client() as http:
        preparer = Preparer(
            project=project,
            root=project / ".seatrial",
            registry=lambda: nullcontext(tools),
            trial=lambda: open_trial(project),
            commands=Commands(clock),
            stacks=project / "stacks",
            http=http,
            environ=dict(os.environ),
        )
        return preparer.prepare(wish, project / "deployment").command(8000)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """One service is released by a model metric, the other is not."""
    (tmp_path / "seatrial.yaml").write_text(CONFIG)
    (tmp_path / "deployment").mkdir()
    return tmp_path


def test_a_model_that_is_judged_by_labels_is_logged(project: Path) -> None:
    """Into one log for all deployments of it, in which stable's and the canary's answers are told apart by version."""
    words = _words(project, "wine")

    assert str(project / ".seatrial" / "telemetry" / "predictions" / "wine") == words[words.index("--log") + 1]
    assert "30" == words[words.index("--log-retain") + 1]
    assert "1" == words[words.index("--version") + 1]


def test_any_other_model_is_not(project: Path) -> None:
    """Predictions may hold what people would rather not have on a disk."""
    assert "--log" not in _words(project, "beer")


def test_it_is_the_service_of_that_model_that_counts(project: Path) -> None:
    """Not one that is called like it, and nothing where there is no configuration."""
    assert wants_log(project, "wine")
    assert not wants_log(project, "shop")
    (project / "seatrial.yaml").unlink()
    assert not wants_log(project, "wine")


def test_a_log_of_its_own_for_each_model(tmp_path: Path) -> None:
    """Whatever a model is called, its log is one folder below the workspace, not somewhere else."""
    assert tmp_path / "telemetry" / "predictions" / "wine" == log_folder(tmp_path, "wine")
    assert tmp_path / "telemetry" / "predictions" == log_folder(tmp_path, "a/../../b").parent
