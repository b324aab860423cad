"""Trials of registered versions: what a promotion would put into the stage, beside what holds it."""

import json
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from seatrial.records import Axis, Role, Run, RunKind, RunState, Stage, UsageError, Verdict
from seatrial.trial.progress import unwatched
from seatrial.trial.run import Outcome
from seatrial.trial.versions import LaidVersion, VersionTrialRequest, plan_versions, run_version_trial
from seatrial.wiring import open_trial
from tests.end_to_end.projects import CONFIG, SmallProject, blocks, cell, comparison, make_project, only, servers
from tests.end_to_end.registered import Shelf, in_production, notes, try_versions
from tests.waiting import wait_until

GOOD: dict[str, Any] = {}
BAD = {"right": 1}


@pytest.fixture
def project(tmp_path: Path) -> SmallProject:
    """A small project, committed; its model in git answers nothing but errors, so nobody may be served it."""
    return make_project(tmp_path / "small", model={"mode": "500"})


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """Registered versions."""
    return Shelf(tmp_path / "shelf")


def model(project: SmallProject, content: object, name: str = "model.json") -> Path:
    """A trained model beside the repository."""
    path = project.folder.parent / "trained" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def test_a_worse_version_fails(project: SmallProject, shelf: Shelf) -> None:
    """It is compared with the version that holds the stage, by the registered files and not by git's."""
    head = project.git("rev-parse", "HEAD")
    best = in_production(shelf.register(model(project, GOOD), commit=head))
    worse = shelf.register(model(project, BAD), commit=head)
    report = try_versions(project, worse, best).report
    found = comparison(only(report), "accuracy")
    assert (Verdict.FAIL, 1.0) == (report.verdict, found.baseline)
    assert pytest.approx(0.2) == found.candidate


def test_a_better_version_passes_and_the_report_names_both(project: SmallProject, shelf: Shelf) -> None:
    """Who is compared with whom, in the registry's words; the model is what changed, by the digests of the artifacts."""
    head = project.git("rev-parse", "HEAD")
    old = in_production(shelf.register(model(project, BAD), commit=head))
    new = shelf.register(model(project, GOOD), commit=head)
    outcome = try_versions(project, new, old)
    change = outcome.report.change
    assert Verdict.PASS is outcome.report.verdict
    assert ("small@1 (Production)", "small@2 (Staging)") == (change.baseline.described, change.candidate.described)
    assert (head, head) == (change.baseline.commit, change.candidate.commit)
    (axis,) = change.axes
    (file,) = axis.files
    digests = [laid.version.artifact.digest for laid in (old, new)]
    assert (Axis.MODEL, "model.json") == (axis.axis, file.path)
    assert digests == [file.baseline_digest, file.candidate_digest]
    assert digests == [f"sha256:{axis.baseline_version}", f"sha256:{axis.candidate_version}"]
    assert "seatrial promote small --version 2" in outcome.paths.markdown.read_text()
    assert "" == project.git("worktree", "prune", "--dry-run", "--verbose")
    assert [] == list((outcome.paths.json.parent / "trees").iterdir())
    with open_trial(project.folder) as tools:
        assert ["small@2 (Staging)"] == [run.candidate for run in tools.journal.runs()]


def test_the_same_bytes_registered_twice_pass_and_are_said_to_be_the_same(project: SmallProject, shelf: Shelf) -> None:
    """Nothing differs, so nothing is worse."""
    head = project.git("rev-parse", "HEAD")
    first = in_production(shelf.register(model(project, GOOD), commit=head))
    report = try_versions(project, shelf.register(model(project, GOOD), commit=head), first).report
    assert Verdict.PASS is report.verdict
    assert "have the same files" in notes(report)


def test_without_a_holder_the_candidate_is_judged_alone(project: SmallProject, shelf: Shelf) -> None:
    """The report says that there was nothing to compare with, and a limit judges it."""
    project.write("seatrial.yaml", CONFIG.replace("{margin: 10pp}", "{limit: 0.9}", 1))
    head = project.commit()
    good = try_versions(project, shelf.register(model(project, GOOD), commit=head)).report
    bad = try_versions(project, shelf.register(model(project, BAD), commit=head)).report
    assert (Verdict.PASS, Verdict.FAIL) == (good.verdict, bad.verdict)
    assert "nothing to compare small@1 with" in notes(good)
    assert (None, "no version yet") == (good.change.baseline.tree, good.change.baseline.described)
    assert [Axis.MODEL] == [axis.axis for axis in good.change.axes]
    assert ["small@candidate"] == [summary.cell for summary in only(good).cells]


def test_a_first_version_without_limit_or_test_is_inconclusive(project: SmallProject, shelf: Shelf) -> None:
    """That it answers is not enough to be promoted."""
    report = try_versions(project, shelf.register(model(project, GOOD), commit=project.git("rev-parse", "HEAD"))).report
    assert Verdict.INCONCLUSIVE is report.verdict
    assert "nothing says whether it is good enough" in only(report).reasons[0]


TEST = """\
import json, os, urllib.request
from pathlib import Path

def test_the_registered_model():
    model = Path(os.environ["SEATRIAL_MODEL_PATH"])
    assert model.is_absolute() and json.loads(model.read_text()).get("right", 5) == 5
    assert os.environ["SEATRIAL_MODEL_NAME"] == "small"
    assert os.environ["SEATRIAL_MODEL_VERSION"] in {"1", "2", "3"}
    assert os.environ["SEATRIAL_MODEL_URL"] == os.environ["DEPLOYED_MODEL_URL"]
    body = json.dumps({"x": 4}).encode()
    with urllib.request.urlopen(os.environ["SEATRIAL_MODEL_URL"] + "/predict", data=body) as answer:
        assert json.load(answer)["prediction"] == 4
"""
TARGET = "src/model/tests/test_model.py"


def test_the_projects_test_of_the_model_is_a_gate(project: SmallProject, shelf: Shelf) -> None:
    """It is told where the files and the server of each version are; where it fails, the promotion fails.

    Also where it fails on the version that holds the stage as well.
    """
    project.write(TARGET, TEST)
    head = project.commit()
    good, bad = shelf.register(model(project, GOOD), commit=head), shelf.register(model(project, BAD), commit=head)
    passed = try_versions(project, good, tests=(("pytest", TARGET),)).report
    failed = try_versions(project, bad, bad, tests=(("pytest", TARGET),)).report
    assert (Verdict.PASS, Verdict.FAIL) == (passed.verdict, failed.verdict)
    assert f"test {TARGET} failed (it fails on the baseline as well)" in only(failed).reasons[0]
    (result,) = cell(only(passed), Role.CANDIDATE).result.tests
    assert (TARGET, True, 1) == (result.test, result.passed, len(result.cases))


def test_a_test_that_is_not_there_is_a_test_that_failed(project: SmallProject, shelf: Shelf) -> None:
    """Its name is in the reason."""
    version = shelf.register(model(project, GOOD), commit=project.git("rev-parse", "HEAD"))
    report = try_versions(project, version, tests=(("pytest", "nowhere/test_model.py"),)).report
    assert Verdict.FAIL is report.verdict
    assert "nowhere/test_model.py does not exist" in only(report).reasons[0]


def test_each_version_runs_in_the_code_of_its_own_commit(project: SmallProject, shelf: Shelf) -> None:
    """The candidate's code answers 1 too much: the change names the file, and the files of today play no part."""
    first = project.git("rev-parse", "HEAD")
    server = (project.folder / "server.py").read_text()
    project.write("server.py", server.replace("prediction = x +", "prediction = 1 + x +"))
    second = project.commit()
    project.write("server.py", "raise SystemExit('the code of today')\n")
    project.commit()
    old = in_production(shelf.register(model(project, GOOD), commit=first))
    report = try_versions(project, shelf.register(model(project, GOOD), commit=second), old).report
    found = comparison(only(report), "accuracy")
    assert (Verdict.FAIL, 1.0, 0.0) == (report.verdict, found.baseline, found.candidate)
    assert [(Axis.CODE, "server.py")] == [(axis.axis, file.path) for axis in report.change.axes for file in axis.files]
    assert f"small@2 runs in the code of {second[:7]}" in notes(report)


def test_requests_and_gates_are_todays(project: SmallProject, shelf: Shelf) -> None:
    """A version can't bring its own exam: today's configuration judges those of all commits."""
    head = project.git("rev-parse", "HEAD")
    project.write("seatrial.yaml", CONFIG.replace("{margin: 10pp}", "{margin: 95pp}", 1))
    project.write("requests.jsonl", '{"x": 1, "label": 1}\n' * 30)
    best = in_production(shelf.register(model(project, GOOD), commit=head))
    report = try_versions(project, shelf.register(model(project, BAD), commit=head), best).report
    assert 30 == cell(only(report), Role.CANDIDATE).result.requests
    assert "requests, tests and metrics are those of the working tree (uncommitted changes" in notes(report)
    assert Verdict.FAIL is not comparison(only(report), "accuracy").verdict


@pytest.mark.parametrize(
    ("commit", "reason"),
    [
        (None, "it was registered without a commit"),
        ("0" * 40, "its commit 0000000 is not in this clone"),
        ("main", "'main', which it was registered with, is no id of a commit"),
        ("without", "has no seatrial.yaml"),
    ],
)
def test_without_a_commit_the_project_as_it_is_stands_in(
    project: SmallProject, shelf: Shelf, commit: str | None, reason: str
) -> None:
    """And a note says of which version and why."""
    if commit == "without":
        project.git("rm", "--quiet", "--cached", "seatrial.yaml")
        project.git("commit", "--quiet", "-m", "without")
        commit = project.git("rev-parse", "HEAD")
        project.commit()
    version = shelf.register(model(project, GOOD), commit=commit)
    with open_trial(project.folder) as tools:
        planned = plan_versions(request(project, version), tools)
    (note,) = (note for note in planned.change.notes if reason in note)
    assert note.startswith("small@1 runs in the project as it is now (working tree")
    assert planned.inputs == planned.change.candidate.tree
    assert "small@1 (Staging)" == planned.change.candidate.described


def request(project: SmallProject, candidate: LaidVersion, **fields: Any) -> VersionTrialRequest:
    """A request for a trial."""
    asked: dict[str, Any] = {
        "project": project.folder,
        "deployment": "small",
        "place": "model.json",
        "candidate": candidate,
    }
    return VersionTrialRequest(**asked | fields)


def test_a_broken_model_is_a_row_and_no_crash(project: SmallProject, shelf: Shelf) -> None:
    """With the end of the server's log; the trial fails, because the version that holds the stage starts."""
    head = project.git("rev-parse", "HEAD")
    best = in_production(shelf.register(model(project, GOOD), commit=head))
    path = model(project, GOOD, "broken.json")
    path.write_text("{this is no model")
    report = try_versions(project, shelf.register(path, commit=head), best).report
    failure = cell(only(report), Role.CANDIDATE).result.failure
    assert failure is not None
    assert (Verdict.FAIL, Stage.START) == (report.verdict, failure.stage)
    assert "JSONDecodeError" in failure.log_tail


def test_a_holder_that_no_longer_starts_is_an_error(project: SmallProject, shelf: Shelf) -> None:
    """Nothing was compared, so nothing passes, however well the candidate does."""
    head = project.git("rev-parse", "HEAD")
    dead = in_production(shelf.register(model(project, {"mode": "dies at start"}), commit=head))
    report = try_versions(project, shelf.register(model(project, GOOD), commit=head), dead).report
    assert Verdict.ERROR is report.verdict
    assert "small@baseline failed at start" in report.headline


def test_a_folder_where_a_file_is_expected_is_a_row_that_says_so(project: SmallProject, shelf: Shelf) -> None:
    """The version can't be tried; the message says what to do."""
    head = project.git("rev-parse", "HEAD")
    folder = model(project, GOOD).parent
    report = try_versions(project, shelf.register(folder, commit=head)).report
    failure = cell(only(report), Role.CANDIDATE).result.failure
    assert failure is not None
    assert (Verdict.FAIL, Stage.CHECKOUT) == (report.verdict, failure.stage)
    assert "small@1 is a folder (trained), but the deployment expects a file at model.json" in failure.message


def test_files_that_are_not_those_that_were_registered_are_not_tried(project: SmallProject, shelf: Shelf) -> None:
    """Whoever changed them, the digest of what lies in the checkout decides."""
    version = shelf.register(model(project, GOOD), commit=project.git("rev-parse", "HEAD"))
    version.path.write_text(json.dumps(BAD))
    failure = cell(only(try_versions(project, version).report), Role.CANDIDATE).result.failure
    assert failure is not None
    assert "the files of small@1 are no longer those that were registered" in failure.message


def test_the_build_is_not_run(project: SmallProject, shelf: Shelf) -> None:
    """What was registered is what would be deployed; a note says that the training was left out."""
    project.write("train.py", "raise SystemExit('nobody should train')\n")
    project.write("seatrial.yaml", CONFIG + "    build: python train.py\n")
    head = project.commit()
    best = in_production(shelf.register(model(project, GOOD), commit=head))
    report = try_versions(project, shelf.register(model(project, GOOD), commit=head), best).report
    assert Verdict.PASS is report.verdict
    assert 1 == notes(report).count("the build (python train.py) is not run")


def test_a_version_says_itself_where_its_files_belong(project: SmallProject, shelf: Shelf) -> None:
    """The path, the deployment's name and its command may have changed since it was registered."""
    old = project.git("rev-parse", "HEAD")
    server = (project.folder / "server.py").read_text()
    project.write("server.py", server.replace('"model.json"', '"weights/today.json"'))
    renamed = CONFIG.replace("  small:\n", "  renamed:\n")
    project.write("seatrial.yaml", renamed + "models: {small: {path: weights/today.json}}\n")
    new = project.commit()
    project.git("checkout", "--quiet", "-b", "past", old)
    project.write("seatrial.yaml", CONFIG + "models: {small: {path: model.json}}\n")
    past = project.commit()
    project.git("checkout", "--quiet", "main")
    best = in_production(shelf.register(model(project, GOOD), commit=past))
    report = try_versions(
        project,
        shelf.register(model(project, GOOD, "today.json"), commit=new),
        best,
        deployment="renamed",
        place="weights/today.json",
    ).report
    assert Verdict.PASS is report.verdict
    assert ["renamed@baseline", "renamed@candidate"] == [summary.cell for summary in only(report).cells]
    files = {file.path: file.status for axis in report.change.axes if axis.axis is Axis.MODEL for file in axis.files}
    assert "added" == files["weights/today.json"]


def test_a_commit_without_the_deployment_starts_as_today(project: SmallProject, shelf: Shelf) -> None:
    """In its own code, by today's command; a note says so."""
    old = project.git("rev-parse", "HEAD")
    project.write("seatrial.yaml", CONFIG.replace("  small:\n", "  renamed:\n"))
    project.commit()
    version = shelf.register(model(project, GOOD), commit=old)
    with open_trial(project.folder) as tools:
        planned = plan_versions(request(project, version, deployment="renamed"), tools)
    (candidate,) = planned.plan.cells
    assert ("renamed@candidate", old) == (candidate.id, candidate.version.commit)
    assert any("starts no deployment 'renamed': it is started as today's says" in n for n in planned.change.notes)


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"deployment": "smal"}, "there is no deployment 'smal'"),
        ({"place": "../model.json"}, "can't be laid at '../model.json'"),
        ({"place": "/etc/passwd"}, "can't be laid at '/etc/passwd'"),
        ({"place": ".git"}, r"can't be laid at '\.git'"),
        ({"place": "."}, r"can't be laid at '\.'"),
        ({"tests": (("locust", "load.py"),)}, "can't be tested by 'locust'"),
    ],
)
def test_what_the_user_can_mend_is_said_before_anything_runs(
    project: SmallProject, shelf: Shelf, fields: dict[str, Any], what: str
) -> None:
    """No run is begun for it."""
    version = shelf.register(model(project, GOOD), commit=project.git("rev-parse", "HEAD"))
    with open_trial(project.folder) as tools:
        with pytest.raises(UsageError, match=what) as caught:
            run_version_trial(request(project, version, **fields), tools, unwatched)
        assert [] == tools.journal.runs()
    assert caught.value.remedy


def test_a_deployment_that_runs_elsewhere_holds_no_registered_version(project: SmallProject, shelf: Shelf) -> None:
    """There is nowhere to lay its files."""
    project.write("seatrial.yaml", CONFIG.replace("run: python server.py", "url: http://127.0.0.1:9"))
    version = shelf.register(model(project, GOOD), commit=None)
    with pytest.raises(UsageError, match="already runs at"):
        try_versions(project, version)


def test_a_version_that_was_registered_with_uncommitted_changes_is_noted(project: SmallProject, shelf: Shelf) -> None:
    """They are nowhere, so it runs without them."""
    tags = {"git.dirty": "true"}
    version = shelf.register(model(project, GOOD), commit=project.git("rev-parse", "HEAD"), **tags)
    with open_trial(project.folder) as tools:
        found = plan_versions(request(project, version), tools).change.notes
    assert any("registered with uncommitted changes" in note for note in found)


SLOW = CONFIG.replace("rate: 200/s", "rate: 20/s")


def test_a_trial_in_a_thread_can_be_stopped(project: SmallProject, shelf: Shelf) -> None:
    """Ctrl-C reaches the main thread only; an event does the same from anywhere, and nothing is left running."""
    project.write("seatrial.yaml", SLOW)
    head = project.commit()
    best = in_production(shelf.register(model(project, GOOD), commit=head))
    asked = request(project, shelf.register(model(project, GOOD), commit=head), baseline=best)
    stop, outcomes = threading.Event(), list[Outcome]()
    with open_trial(project.folder) as tools:

        def work() -> None:
            outcomes.append(run_version_trial(asked, tools, unwatched, stop=stop))

        thread = threading.Thread(target=work)
        thread.start()
        wait_until(lambda: blocks(project) >= 2, deadline=60)
        stop.set()
        thread.join(30)
        assert [RunState.INTERRUPTED] == [run.state for run in tools.journal.runs()]
    (outcome,) = outcomes
    report = outcome.report
    assert (True, False, Verdict.INCONCLUSIVE) == (outcome.interrupted, report.complete, report.verdict)
    assert {Stage.DRIVE} == {summary.result.stage for summary in only(report).cells}
    assert set() == servers(project)


def test_a_stop_ends_a_test_that_hangs(project: SmallProject, shelf: Shelf) -> None:
    """It has not failed: it was not finished."""
    project.write(
        TARGET,
        "import pathlib, time\ndef test_hangs():\n    pathlib.Path(__file__).with_suffix('.on').touch()\n    time.sleep(600)\n",
    )
    head = project.commit()
    version = shelf.register(model(project, GOOD), commit=head)
    stop, outcomes = threading.Event(), list[Outcome]()

    def work() -> None:
        outcomes.append(try_versions(project, version, tests=(("pytest", TARGET),), stop=stop))

    thread = threading.Thread(target=work)
    thread.start()
    wait_until(lambda: list((project.folder / ".seatrial").rglob("test_model.on")), deadline=60)
    stop.set()
    thread.join(30)
    (outcome,) = outcomes
    assert (True, Verdict.INCONCLUSIVE) == (outcome.interrupted, outcome.report.verdict)
    assert () == cell(only(outcome.report), Role.CANDIDATE).result.tests


CHILD = """\
import pickle, sys
from pathlib import Path
from seatrial.trial.progress import unwatched
from seatrial.trial.versions import run_version_trial
from seatrial.wiring import open_trial

asked = pickle.loads(Path(sys.argv[1]).read_bytes())
with open_trial(asked.project) as tools:
    run_version_trial(asked, tools, unwatched)
"""


def test_a_promotion_trial_that_was_killed_can_be_repeated(project: SmallProject, shelf: Shelf) -> None:
    """The next one stops what the killed one left running, removes its checkouts and comes to a verdict."""
    head = project.git("rev-parse", "HEAD")
    best = in_production(shelf.register(model(project, GOOD), commit=head))
    version = shelf.register(model(project, BAD), commit=head)
    asked = project.folder.parent / "asked"
    asked.write_bytes(pickle.dumps(request(project, version, baseline=best)))
    project.write("seatrial.yaml", SLOW)
    process = subprocess.Popen([sys.executable, "-c", CHILD, str(asked)])
    wait_until(lambda: blocks(project) >= 2, deadline=60)
    process.kill()
    process.wait()
    assert 2 == len(servers(project)), "the servers outlive a kill -9"
    project.write("seatrial.yaml", CONFIG)
    report = try_versions(project, version, best).report
    assert Verdict.FAIL is report.verdict
    assert set() == servers(project)
    assert [] == list((project.folder / ".seatrial" / "runs").glob("*/trees/*"))
    with open_trial(project.folder) as tools:
        assert [RunState.FINISHED, RunState.ABANDONED] == [run.state for run in tools.journal.runs()]


def test_a_promotion_that_goes_on_is_not_taken_for_a_dead_trial(project: SmallProject, shelf: Shelf) -> None:
    """Its process may be gone; it is resumed, and the trial in it begins anew."""
    version = shelf.register(model(project, GOOD), commit=project.git("rev-parse", "HEAD"))
    with open_trial(project.folder) as tools:
        folder = tools.workspace.run("20260101-000000")
        promotion = Run(
            id=folder.id,
            project="small",
            folder=str(folder.root),
            started=tools.clock.now(),
            kind=RunKind.PROMOTION,
        )
        tools.journal.begin(promotion)
        run_version_trial(request(project, version), tools, unwatched)
        assert RunState.RUNNING is tools.journal.find(promotion.id).state
