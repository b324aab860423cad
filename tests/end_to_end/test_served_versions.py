"""Registered scikit-learn models under seatrial's own server: what is tried is what was registered, by the server's word."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris

from seatrial.records import Axis, Role, Stage, Verdict
from tests.build.packages import make_wheel
from tests.end_to_end.projects import SmallProject, cell, comparison, make_project, only
from tests.end_to_end.registered import Shelf, in_production, try_versions

pytestmark = pytest.mark.slow
PLACE = "models/iris.joblib"
TARGET = "src/model/tests/test_model.py"
CONFIG = """\
name: iris
stack: host
requests: {file: flowers.jsonl, body: inputs, wrap: inputs, label: label, rate: 200/s, warmup: 5}
metrics:
  accuracy: {margin: 10pp}
  errors: {margin: 10pp}
  latency_p50: {margin: 100%, floor: 50ms}
  latency_p90: {margin: 100%, floor: 200ms}
deployments:
  iris:
    serve: models/iris.joblib --engine native
"""
# Asks the server who it is, as anybody may, and opens the registered file itself.
TEST = """\
import json, os, urllib.request
import joblib

URL = os.environ["SEATRIAL_MODEL_URL"]

def ask(path):
    with urllib.request.urlopen(URL + path) as answer:
        return json.load(answer)

def test_model():
    name = ask("/openapi.json")["info"]["title"]
    served = ask("/v2/models/" + name)["seatrial"]["digest"]
    with open(os.environ["STORE_METRICS_PATH"], "w") as file:
        json.dump({"served": served}, file)
    model = joblib.load(os.environ["SEATRIAL_MODEL_PATH"])
    assert model.predict([[5.0, 3.5, 1.3, 0.3]])[0] == 0
"""


@pytest.fixture
def project(tmp_path: Path) -> SmallProject:
    """A project that serves one model of iris flowers, which git has only as nonsense."""
    project = make_project(tmp_path / "iris", config=CONFIG)
    iris = load_iris()
    rows = ({"inputs": list(map(float, x)), "label": int(y)} for x, y in zip(iris.data, iris.target, strict=True))
    project.write("flowers.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    project.write(PLACE, "not a model")
    project.write(TARGET, TEST)
    project.commit()
    return project


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """Registered versions."""
    return Shelf(tmp_path / "shelf")


def train(folder: Path, *, well: bool, name: str = "iris.joblib") -> Path:
    """A model of the flowers, or one that learned from shuffled labels."""
    import joblib
    from sklearn.linear_model import LogisticRegression

    iris = load_iris()
    labels = iris.target if well else np.random.default_rng(3).permutation(iris.target)
    folder.mkdir(parents=True, exist_ok=True)
    joblib.dump(LogisticRegression(max_iter=2000).fit(iris.data, labels), folder / name)
    return folder / name


def test_a_better_model_passes_and_the_served_digests_are_the_registered_ones(
    project: SmallProject, shelf: Shelf, tmp_path: Path
) -> None:
    """Each version's server says the digest that the registry has, and the project's test opens that very file."""
    head = project.git("rev-parse", "HEAD")
    old = in_production(shelf.register(train(tmp_path / "old", well=False), commit=head))
    new = shelf.register(train(tmp_path / "new", well=True), commit=head)
    report = try_versions(project, new, old, place=PLACE, deployment="iris", tests=(("pytest", TARGET),)).report
    deployment = only(report)
    assert Verdict.PASS is report.verdict, deployment.reasons
    said = [cell(deployment, role).result.tests[0].info["served"] for role in (Role.BASELINE, Role.CANDIDATE)]
    assert [laid.version.artifact.digest for laid in (old, new)] == said


def test_a_worse_model_fails(project: SmallProject, shelf: Shelf, tmp_path: Path) -> None:
    """By its answers."""
    head = project.git("rev-parse", "HEAD")
    best = in_production(shelf.register(train(tmp_path / "old", well=True), commit=head))
    worse = shelf.register(train(tmp_path / "new", well=False), commit=head)
    report = try_versions(project, worse, best, place=PLACE, deployment="iris").report
    assert (Verdict.FAIL, Verdict.FAIL) == (report.verdict, comparison(only(report), "accuracy").verdict)


def test_a_first_model_passes_by_the_projects_test(project: SmallProject, shelf: Shelf, tmp_path: Path) -> None:
    """And another one, without a version to compare it with either, fails by it."""
    head = project.git("rev-parse", "HEAD")
    good = shelf.register(train(tmp_path / "good", well=True), commit=head)
    torn = train(tmp_path / "torn", well=True)
    torn.write_bytes(torn.read_bytes()[:-100])
    asked: dict[str, Any] = {"place": PLACE, "deployment": "iris", "tests": (("pytest", TARGET),)}
    passed = try_versions(project, good, **asked).report
    failed = try_versions(project, shelf.register(torn, commit=head), **asked).report
    assert (Verdict.PASS, Verdict.FAIL) == (passed.verdict, failed.verdict)
    failure = cell(only(failed), Role.CANDIDATE).result.failure
    assert failure is not None
    assert Stage.START is failure.stage


def test_a_folder_is_laid_whole(project: SmallProject, shelf: Shelf, tmp_path: Path) -> None:
    """What git has in its place is gone, and the server's digest is that of the folder."""
    project.git("rm", "--quiet", PLACE)
    project.write("models/iris/left_over.joblib", "not a model")
    project.write("seatrial.yaml", CONFIG.replace("models/iris.joblib", "models/iris"))
    project.write(
        TARGET, TEST.replace('os.environ["SEATRIAL_MODEL_PATH"]', 'os.environ["SEATRIAL_MODEL_PATH"] + "/model.joblib"')
    )
    head = project.commit()
    version = shelf.register(train(tmp_path / "trained" / "iris", well=True, name="model.joblib").parent, commit=head)
    report = try_versions(project, version, place="models/iris", deployment="iris", tests=(("pytest", TARGET),)).report
    (result,) = cell(only(report), Role.CANDIDATE).result.tests
    assert Verdict.PASS is report.verdict, only(report).reasons
    assert version.version.artifact.digest == result.info["served"]


def test_a_part_of_the_registered_folder_may_be_served(project: SmallProject, shelf: Shelf, tmp_path: Path) -> None:
    """The rest of the folder is what the project keeps beside its model; which folder that is, today's configuration says."""
    project.git("rm", "--quiet", PLACE)
    project.write("seatrial.yaml", CONFIG.replace("models/iris.joblib", "models/iris/model.joblib"))
    head = project.commit()
    folder = train(tmp_path / "trained" / "iris", well=True, name="model.joblib").parent
    (folder / "card.md").write_text("about this model")
    best = in_production(shelf.register(folder, commit=head))
    project.write("models/README.md", "about the models")
    project.commit()
    report = try_versions(project, best, best, place="models/iris", deployment="iris").report
    assert Verdict.PASS is report.verdict, only(report).reasons


def test_a_deployment_that_serves_another_file_is_found_out(
    project: SmallProject, shelf: Shelf, tmp_path: Path
) -> None:
    """`serve:` and the model's path name different files: git's model would be tried twice, and pass."""
    project.write("models/other.joblib", train(tmp_path / "git", well=True).read_bytes())
    project.write("seatrial.yaml", CONFIG.replace("models/iris.joblib", "models/other.joblib"))
    head = project.commit()
    version = shelf.register(train(tmp_path / "new", well=False), commit=head)
    report = try_versions(project, version, in_production(version), place=PLACE, deployment="iris").report
    failure = cell(only(report), Role.CANDIDATE).result.failure
    assert failure is not None
    assert Verdict.ERROR is report.verdict
    assert "the deployment serves models/other.joblib" in failure.message
    assert version.version.artifact.digest in failure.message


STANDARD = """\
name: small
stack: requirements.txt
health: {path: /healthz, deadline: 20s}
requests: {file: requests.jsonl, label: label, rate: 200/s, warmup: 5}
metrics: {accuracy: {margin: 10pp}, latency_p50: {gate: false}, latency_p90: {gate: false}, errors: {margin: 10pp}}
deployments: {small: {run: python server.py}}
"""


def test_each_version_runs_in_the_stack_of_its_own_commit(tmp_path: Path, shelf: Shelf) -> None:
    """Its test too, with the runner that the stack lacks added to one like it."""
    project = make_project(tmp_path / "small", config=STANDARD)
    commits = []
    for version in ("1.0", "2.0"):
        wheel = make_wheel(project.folder / "wheels", "tiny", version)
        project.write("requirements.txt", f"./wheels/{wheel.name}\n")
        server = (Path(__file__).parent / "server.py").read_text()
        project.write("server.py", f"import tiny\nassert tiny.VERSION == {version!r}\n{server}")
        project.write(
            "tests/test_model.py",
            "import json, os, tiny\ndef test_it():\n"
            "    with open(os.environ['STORE_METRICS_PATH'], 'w') as file:\n"
            "        json.dump({'tiny': tiny.VERSION}, file)\n",
        )
        commits.append(project.commit())
    model = project.folder / "model.json"
    old = in_production(shelf.register(model, commit=commits[0]))
    new = shelf.register(model, commit=commits[1])
    asked: dict[str, Any] = {"place": "model.json", "tests": (("pytest", "tests/test_model.py"),)}
    report = try_versions(project, new, old, **asked).report
    deployment = only(report)
    assert Verdict.PASS is report.verdict, deployment.reasons
    cells = [cell(deployment, role).result for role in (Role.BASELINE, Role.CANDIDATE)]
    assert ["1.0", "2.0"] == [found.tests[0].info["tiny"] for found in cells]
    assert Axis.STACK in {axis.axis for axis in report.change.axes}
    assert deployment.stack is not None
    assert [("1.0", "2.0")] == [(before.version, after.version) for before, after in deployment.stack.changed]
