"""A repository of AICoE-CI is tried as it is, and converted, with the same result."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from seatrial.cli.main import app as program
from seatrial.records import CellSummary, DeploymentReport, Report, Role, Verdict
from seatrial.trial.progress import unwatched
from seatrial.trial.run import TrialRequest, plan_trial, run_trial
from seatrial.wiring import open_trial
from tests.aicoe.making import LOCK, commit, git, overlay

APP = """\
import json, os, six
from http.server import BaseHTTPRequestHandler, HTTPServer

class Model(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"six": six.__version__, "name": os.environ["NAME"]}).encode())

HTTPServer(("0.0.0.0", 8080), Model).serve_forever()
"""
STEPS = """\
import json, os, urllib.request
from behave import then, when

@when("the model is asked")
def ask(context):
    with urllib.request.urlopen(os.environ["DEPLOYED_MODEL_URL"]) as answer:
        context.answer = json.load(answer)

@then("its figures are stored")
def store(context):
    figures = {"average_latency": 0.01, "overlay": os.environ["PIPELINE_HELPERS_OVERLAY_NAME"], **context.answer}
    with open(os.environ["PIPELINE_HELPERS_METRICS_FILE_PATH"], "w") as file:
        json.dump(figures, file)
"""
FEATURE = "Feature: f\n  Scenario: s\n    When the model is asked\n    Then its figures are stored\n"
MANIFEST = "kind: Deployment\nspec: {template: {spec: {containers: [{env: [{name: NAME, value: %s}]}]}}}\n"
NEWER = json.dumps({"default": {"six": {"version": "==1.17.0"}}})
FILES = {
    ".aicoe-ci.yaml": "overlays:\n"
    + overlay("old", gather="{overlay-name: test-model, name: gather_metrics}")
    + overlay("new", gather="{overlay-name: test-model, name: gather_metrics}")
    + overlay("lost", build="{build-strategy: Dockerfile, dockerfile-path: gone/Dockerfile}")
    + overlay("training", deploy="", gather=""),
    "overlays/old/Pipfile.lock": LOCK,
    "overlays/new/Pipfile.lock": NEWER,
    "overlays/test-model/requirements.txt": "behave>=1.2.6,<2\n",
    "manifests/overlays/old/deployment.yaml": MANIFEST % "first",
    "manifests/overlays/new/deployment.yaml": MANIFEST % "second",
    "app.py": APP,
    "features/gather_metrics.feature": FEATURE,
    "features/steps/steps.py": STEPS,
}
LACKING = "overlay training is not tried: it lacks deploy and gather"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Four overlays: two that work on different packages, one without its Dockerfile, one that is only built."""
    folder = tmp_path / "model"
    folder.mkdir()
    git(folder, "init", "-q")
    commit(folder, FILES)
    return folder


def tried(folder: Path, base: str) -> Report:
    """The report of a real trial."""
    with open_trial(folder) as tools:
        return run_trial(TrialRequest(project=folder, base=base), tools, unwatched).report


def candidate(deployment: DeploymentReport) -> CellSummary:
    """The candidate's cell."""
    return next(cell for cell in deployment.cells if cell.role is Role.CANDIDATE)


def stored(report: Report) -> dict[str, tuple[bool, str, str, str]]:
    """By deployment: whether its test passed, and what the test found of overlay, packages and environment."""
    found = {}
    for deployment in report.deployments:
        for test in candidate(deployment).result.tests:
            found[deployment.name] = (test.passed, test.info["overlay"], test.info["six"], test.info["name"])
    return found


@pytest.mark.slow
def test_a_repository_is_tried_unconverted_and_converted_with_the_same_result(repository: Path) -> None:
    """Each overlay on its own packages, on a port of its own, with its own variables; the lost one is a failed row."""
    commit(repository, {"app.py": APP.replace("import json", "import json ")})

    unconverted = tried(repository, "HEAD~1")

    assert {"old": (True, "old", "1.16.0", "first"), "new": (True, "new", "1.17.0", "second")} == stored(unconverted)
    verdicts = {each.name: each.verdict for each in unconverted.deployments}
    assert {"old": Verdict.PASS, "new": Verdict.PASS} == {name: verdicts[name] for name in ("old", "new")}
    assert verdicts["lost"] in {Verdict.FAIL, Verdict.ERROR}
    failure = candidate(next(each for each in unconverted.deployments if each.name == "lost")).result.failure
    assert failure is not None
    assert "gone/Dockerfile, which is not there" in failure.log_tail
    assert LACKING in unconverted.notes

    assert 0 == CliRunner().invoke(program, ["import", "aicoe", str(repository)]).exit_code
    converted = tried(repository, "HEAD")

    assert stored(unconverted) == stored(converted)
    assert (unconverted.verdict, verdicts) == (converted.verdict, {e.name: e.verdict for e in converted.deployments})
    assert [] == [note for note in converted.notes if "has no seatrial.yaml" in note]


def test_a_baseline_that_is_not_converted_yet_is_started_as_its_own_file_says(repository: Path) -> None:
    """And so is a candidate that is a revision; the plan is the same, whichever way each is written."""
    (repository / ".aicoe-ci.yaml").write_text(FILES[".aicoe-ci.yaml"].replace("name: training", "name: also"))
    CliRunner().invoke(program, ["import", "aicoe", str(repository)])
    commit(repository, {})
    with open_trial(repository) as tools:
        forward = plan_trial(TrialRequest(project=repository, base="HEAD~1", head="HEAD"), tools).plan
        backward = plan_trial(TrialRequest(project=repository, base="HEAD", head="HEAD~1"), tools).plan

    expected = [(name, role) for name in ("old", "new", "lost") for role in (Role.BASELINE, Role.CANDIDATE)]
    for plan in (forward, backward):
        assert expected == [(cell.deployment.name, cell.role) for cell in plan.cells]
        assert 1 == len({cell.deployment.run for cell in plan.cells if cell.deployment.name == "old"})
    assert ([LACKING], []) == ([note for note in backward.notes if "lacks" in note], list(forward.notes))


def test_a_baseline_whose_file_names_no_overlays_is_started_as_the_candidate_says(repository: Path) -> None:
    """A wrong file of long ago stops no trial; a note tells."""
    commit(repository, {".aicoe-ci.yaml": "check: [thoth-build]\n"})
    commit(repository, {".aicoe-ci.yaml": FILES[".aicoe-ci.yaml"]})
    with open_trial(repository) as tools:
        plan = plan_trial(TrialRequest(project=repository, base="HEAD~1"), tools).plan
    assert 6 == len(plan.cells)
    assert ["the baseline's .aicoe-ci.yaml can't be read"] == [
        note.split(" (")[0] for note in plan.notes if "baseline" in note
    ]


def test_a_baseline_whose_file_is_about_other_deployments_is_started_as_the_candidate_says(repository: Path) -> None:
    """Many repositories have a `.thoth.yaml` for their bots; it must not leave the candidate without a baseline."""
    (repository / ".aicoe-ci.yaml").unlink()
    commit(repository, {".thoth.yaml": "runtime_environments: [{name: a}]\n"})
    commit(repository, {"seatrial.yaml": "tests: [{behave: gather}]\ndeployments: {model: {run: python app.py}}\n"})
    with open_trial(repository) as tools:
        plan = plan_trial(TrialRequest(project=repository, base="HEAD~1"), tools).plan
    assert [Role.BASELINE, Role.CANDIDATE] == [cell.role for cell in plan.cells]
    assert (
        "the baseline's .thoth.yaml starts none of these deployments: it is started as the candidate's says",
    ) == plan.notes


def test_a_project_below_the_top_of_its_repository_is_read_from_there(repository: Path) -> None:
    """As a `seatrial.yaml` in a folder is."""
    inner = {f"inner/{path}": text for path, text in FILES.items()}
    for path in FILES:
        (repository / path).unlink()
    commit(repository, inner)
    commit(repository, {"inner/app.py": ""})
    with open_trial(repository / "inner") as tools:
        plan = plan_trial(TrialRequest(project=repository / "inner", base="HEAD~1", head="HEAD"), tools).plan
    assert 6 == len(plan.cells)
    assert {"overlays/old/Pipfile.lock"} == {c.deployment.stack.file for c in plan.cells if c.deployment.name == "old"}
