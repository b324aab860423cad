"""From `models register` to Production: scikit-learn models under real `seatrial serve`, by the command line alone."""

import json
import signal
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from sklearn.datasets import load_iris

from tests.end_to_end.projects import make_project
from tests.end_to_end.test_served_versions import CONFIG, TARGET, TEST, train
from tests.waiting import wait_until
from tests.workflows.projects import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project that serves a model of iris flowers and has the test of it in its customary place."""
    small = make_project(tmp_path / "iris", config=CONFIG)
    iris = load_iris()
    rows = ({"inputs": list(map(float, x)), "label": int(y)} for x, y in zip(iris.data, iris.target, strict=True))
    small.write("flowers.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    small.write("models/iris.joblib", "")
    small.write(TARGET, TEST)
    small.commit()
    return Project(small)


def stage(project: Project, folder: Path, *, well: bool) -> None:
    """Register a model and put it into Staging."""
    train(folder, well=well)
    registered = project.json("models", "register", str(folder / "iris.joblib"), "--name", "iris")
    assert 0 == project.run("models", "stage", f"iris@{registered['number']}", "Staging").returncode


@pytest.mark.slow
def test_a_better_model_is_promoted_and_a_worse_one_is_not(project: Project, tmp_path: Path) -> None:
    """The first by the project's test alone, the next ones against whoever holds Production; killed once on the way."""
    stage(project, tmp_path / "good", well=True)
    first = project.run("promote", "iris", "--out", str(tmp_path / "reports"))
    assert 0 == first.returncode, first.stderr
    assert "PASS  iris@1 holds Production now" in first.stdout
    cases = [case.get("name") for case in ET.parse(tmp_path / "reports" / "junit.xml").iter("testcase")]  # noqa: S314
    assert {"src.model.tests.test_model.test_model", "iris@1 to Production"} <= set(cases)

    stage(project, tmp_path / "bad", well=False)
    worse = project.json("promote", "iris")
    assert [(False, "fail", 1)] == [
        (each["promoted"], each["verdict"], each["baseline"]) for each in worse["promotions"]
    ]

    stage(project, tmp_path / "again", well=True)
    process = project.start("promote", "iris", "--version", "3")
    already = len(_blocks(project))
    wait_until(lambda: len(_blocks(project)) > already, deadline=60)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    resumed = project.json("resume")
    assert [(3, True, 1)] == [(each["number"], each["promoted"], each["baseline"]) for each in resumed["promotions"]]
    held = project.json("models", "list", "iris")
    assert {3: "Production", 2: "Staging", 1: "None"} == {each["number"]: each["stage"] for each in held}


def _blocks(project: Project) -> list[Path]:
    """What trials have measured."""
    return list((project.folder / ".seatrial" / "runs").glob("*/blocks.jsonl"))
