"""A test is told what it runs against, and may have an environment of its own."""

import os
from pathlib import Path

from seatrial.records import TestSpec as Spec
from tests.external.conftest import Run

TEST = """\
import json, os, pathlib

def test_variables():
    told = {name: value for name, value in os.environ.items() if name.startswith(("SEATRIAL_", "HELPERS_"))}
    pathlib.Path(os.environ["STORE_METRICS_PATH"]).write_text(json.dumps(told))
"""


def test_the_environment_of_a_test_refers_to_what_it_is_told_and_to_the_caller(run: Run, project: Path) -> None:
    """Under names of its own; what seatrial tells can't be replaced."""
    (project / "test_it.py").write_text(TEST)
    env = {
        "HELPERS_METRICS": "${STORE_METRICS_PATH}",
        "HELPERS_POD": "${SEATRIAL_CELL}",
        "HELPERS_HOME": "${HOME:-nowhere}",
        "SEATRIAL_CELL": "another",
    }

    result = run(Spec(kind="pytest", target="test_it.py", name="it", env=env))

    assert result.passed, result.message
    info = result.info
    assert ("forest@candidate", "forest@candidate") == (info["SEATRIAL_CELL"], info["HELPERS_POD"])
    assert f"{info['SEATRIAL_TEST_FOLDER']}/metrics.json" == info["HELPERS_METRICS"]
    assert os.environ.get("HOME", "nowhere") == info["HELPERS_HOME"]


def test_a_variable_that_is_not_set_fails_the_test_in_words(run: Run, project: Path) -> None:
    """As it fails a deployment."""
    (project / "test_it.py").write_text(TEST)
    result = run(Spec(kind="pytest", target="test_it.py", name="it", env={"A": "${NOT_SET_ANYWHERE}"}))
    assert not result.passed
    assert "NOT_SET_ANYWHERE" in result.message
