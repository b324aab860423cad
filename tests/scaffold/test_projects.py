"""New projects work: their own tests pass, their first trial runs, and their pipelines do what they say."""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import joblib
import pytest
from ruamel.yaml import YAML

from tests.scaffold.projects import OWN, init, run
from tests.serve.running import serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SEATRIAL = str(OWN / "seatrial")
MODEL_TESTS = "src/model/tests/test_model.py"


@pytest.fixture(scope="module", params=["demo", "minimal"])
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new project."""
    above = tmp_path_factory.mktemp("projects")
    done = init(above, request.param, *(["--demo"] if request.param == "demo" else []))
    assert 0 == done.returncode, done.stderr
    return above / str(request.param)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new project with `--demo`, as a clone of it in which a pull request is checked out, as CI has it."""
    above = tmp_path_factory.mktemp("demo")
    assert 0 == init(above, "demo", "--demo").returncode
    run(["git", "clone", "--quiet", "demo", "clone"], above)
    for command in (
        ["git", "switch", "--quiet", "--create", "simpler-model"],
        ["git", "apply", "demo/simpler-model.patch"],
        ["git", "commit", "--quiet", "--all", "--message", "A simpler model"],
        ["git", "checkout", "--quiet", "--detach"],
    ):
        done = run(command, above / "clone")
        assert 0 == done.returncode, done.stderr
    return above / "clone"


def verdicts(report: Mapping[str, Any]) -> dict[str, str]:
    """The verdict of each gate of the only deployment."""
    (deployment,) = report["deployments"]
    return {c["metric"]: c["verdict"] for c in deployment["comparisons"] if c["verdict"] and not c["slice"]}


def test_its_own_tests_pass(project: Path) -> None:
    """`scripts/test` trains, tests the data and the model, and has seatrial read the configuration; git sees no change."""
    done = run(["scripts/test"], project, SEATRIAL=SEATRIAL)

    assert 0 == done.returncode, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert "candidate working tree" in done.stdout
    assert "" == run(["git", "status", "--porcelain"], project).stdout


def test_its_tests_can_fail(project: Path) -> None:
    """A model that guesses does not get through `scripts/test`."""
    file = project / "src" / "model" / "classifier.py"
    good = file.read_text(encoding="utf-8")
    try:
        file.write_text("from sklearn.dummy import DummyClassifier as make_model\n", encoding="utf-8")
        done = run(["scripts/test"], project, SEATRIAL=SEATRIAL)
    finally:
        file.write_text(good, encoding="utf-8")

    assert 1 == done.returncode
    assert "FAILED src/model/tests/test_model.py::test_held_out_accuracy" in done.stdout


def test_its_first_trial_runs(project: Path) -> None:
    """The README's first trial, of the commit with itself: nothing is worse, both versions pass the behave feature."""
    done = run([SEATRIAL, "trial", "--base", "HEAD", "--format", "json"], project)
    report = json.loads(done.stdout)
    cells = report["deployments"][0]["cells"]

    # Latency on a busy machine may be undecided; nothing can fail or break.
    assert done.returncode in {0, 3}, report["headline"]
    assert ("pass", "pass") == (verdicts(report)["accuracy"], verdicts(report)["errors"])
    assert [True, True] == [test["passed"] for cell in cells for test in cell["result"]["tests"]]


@pytest.mark.parametrize("variable", ["SEATRIAL_MODEL_URL", "DEPLOYED_MODEL_URL"])
def test_its_model_tests_ask_a_deployment(demo: Path, tmp_path: Path, variable: str) -> None:
    """With an address they ask it, need nothing but pytest, and the JUnit report says which version it was."""
    asked = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--junit-xml", str(tmp_path / "junit.xml")]
    version = {"SEATRIAL_MODEL_NAME": "demo", "SEATRIAL_MODEL_VERSION": "7"}
    with serving(tmp_path, "model.joblib", cwd=demo) as server:
        done = run([sys.executable, *asked, MODEL_TESTS], demo, **{variable: server.url}, **version)
        calls = server.metric("seatrial_http_requests_total", handler="/predict")

    assert 0 == done.returncode, done.stdout
    assert "4 passed" in done.stdout
    assert 420 <= calls
    assert '<property name="version" value="7"' in (tmp_path / "junit.xml").read_text(encoding="utf-8")


def test_its_model_tests_take_the_file_of_a_version(demo: Path, tmp_path: Path) -> None:
    """A path is the model's file; a version of another model is refused, whatever it can do."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", MODEL_TESTS]
    right = run(command, demo, SEATRIAL_MODEL_PATH=str(demo / "model.joblib"), SEATRIAL_MODEL_NAME="demo")
    missing = run(command, demo, SEATRIAL_MODEL_PATH=str(tmp_path / "model.joblib"))
    other = run(command, demo, SEATRIAL_MODEL_NAME="other")

    assert (0, 1, 1) == (right.returncode, missing.returncode, other.returncode)
    assert "is missing: train it" in missing.stdout
    assert "FAILED src/model/tests/test_model.py::test_it_is_the_model_of_this_project" in other.stdout


def test_the_trained_model_is_what_training_gives(demo: Path, tmp_path: Path) -> None:
    """The demo's `model.joblib` answers as one that is trained here and now, from the first commit."""
    run(["git", "checkout", "--quiet", "origin/main", "--", "src/model/classifier.py"], demo)
    trained = run([sys.executable, "-m", "model.train", "--out", str(tmp_path / "m.joblib")], demo, PYTHONPATH="src")
    run(["git", "checkout", "--quiet", "HEAD", "--", "src/model/classifier.py"], demo)
    rows = [json.loads(line)["inputs"] for line in (demo / "requests.jsonl").read_text(encoding="utf-8").splitlines()]
    inputs = [list(row.values()) for row in rows]
    ours, theirs = (joblib.load(file).predict_proba(inputs) for file in (demo / "model.joblib", tmp_path / "m.joblib"))

    assert 0 == trained.returncode, trained.stderr
    assert theirs == pytest.approx(ours, abs=1e-6)


def test_the_pull_request_of_the_worse_change_fails(demo: Path, tmp_path: Path) -> None:
    """The steps of the GitHub workflow, run as they stand: tests pass, the trial fails on accuracy, the report is shown."""
    workflow = YAML(typ="safe").load((demo / ".github/workflows/demo-trial.yml").read_text(encoding="utf-8"))
    steps = [step for step in workflow["jobs"]["trial"]["steps"] if "run" in step and "pip install" not in step["run"]]
    runner = {"GITHUB_BASE_REF": "main", "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}
    results = {step["run"].split()[0]: run(["bash", "-e", "-c", step["run"]], demo, **runner) for step in steps}
    report = json.loads((demo / "trial-report" / "report.json").read_bytes())

    assert {"scripts/test": 0, "seatrial": 1, "cat": 0} == {name: done.returncode for name, done in results.items()}
    assert "fail" == verdicts(report)["accuracy"]
    assert ["pass"] == [v for metric, v in verdicts(report).items() if metric == "errors"]
    assert "accuracy" in (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert "in 67 of 100 cases where the model of today is right in 85" in (demo / "README.md").read_text("utf-8")
    assert [(85, 67)] == [
        (int(100 * gate["baseline"]), int(100 * gate["candidate"]))
        for gate in report["deployments"][0]["comparisons"]
        if (gate["metric"], gate["slice"]) == ("accuracy", "")
    ]
    assert "" == run(["git", "status", "--porcelain"], demo).stdout


def test_the_readme_leads_to_production(demo: Path) -> None:
    """The README's commands register the model, put it into Staging, and promote it on its own tests and a trial."""
    text = (demo / "README.md").read_text(encoding="utf-8").split("## From a model to Production")[1]
    commands = re.findall(r"^\$ (seatrial (?:models|promote) .*)$", text, re.MULTILINE)
    results = [run(["bash", "-e", "-c", command], demo) for command in commands]
    models = json.loads(run([SEATRIAL, "models", "list", "--format", "json"], demo).stdout)

    assert 3 == len(results)
    assert [0, 0, 0] == [done.returncode for done in results], results[-1].stdout + results[-1].stderr
    assert [("demo", {"Production": [1]})] == [(model["name"], model["holders"]) for model in models]
    assert "test src/model/tests/test_model.py: candidate 4 of 4 cases passed" in results[-1].stdout


def test_what_waits_in_staging_is_found(demo: Path, tmp_path: Path) -> None:
    """`scripts/waiting` prints the numbers of the versions there, nothing where there are none, and fails with seatrial."""
    config = demo / "seatrial.yaml"
    before = config.read_text(encoding="utf-8")
    config.write_text(f"{before}\nregistry:\n  url: sqlite:///{tmp_path}/registry.db\n", encoding="utf-8")
    try:
        nothing = run(["scripts/waiting"], demo)
        for command in (["register", "model.joblib", "--name", "demo"], ["stage", "demo@1", "Staging"]):
            assert 0 == run([SEATRIAL, "models", *command], demo).returncode
        waiting = run(["scripts/waiting"], demo)
        config.write_text(f"{before}\nregistry:\n  url: nonsense\n", encoding="utf-8")
        broken = run(["scripts/waiting"], demo)
    finally:
        config.write_text(before, encoding="utf-8")

    assert (0, "") == (nothing.returncode, nothing.stdout.strip())
    assert (0, "1") == (waiting.returncode, waiting.stdout.strip())
    assert (2, "") == (broken.returncode, broken.stdout.strip())
