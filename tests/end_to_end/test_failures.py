"""Deployments that fail in every way: each ends with a row that says why, and no finished measurement is lost."""

import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.adapters.runtime.process import ProcessRuntime
from seatrial.records import Report, Role, Stage, UsageError, Verdict
from seatrial.trial.progress import unwatched
from seatrial.trial.run import TrialRequest, run_trial
from seatrial.trial.workspace import RunFolder
from seatrial.wiring import open_trial
from tests.end_to_end.projects import CONFIG, SmallProject, cell, comparison, make_project, only

QUICK = CONFIG.replace("deadline: 20s", "deadline: 2s").replace("timeout: 2s", "timeout: 300ms")


@pytest.fixture
def project(tmp_path: Path) -> SmallProject:
    """A small project whose baseline is well."""
    return make_project(tmp_path / "small", config=QUICK)


def candidate_failure(report: Report) -> tuple[Stage, str, int | None, str]:
    """How the candidate failed."""
    failure = cell(only(report), Role.CANDIDATE).result.failure
    assert failure is not None
    return failure.stage, failure.message, failure.exit_status, failure.log_tail


def processes_of(project: SmallProject, report: Report) -> list[str]:
    """Processes that still belong to the run."""
    mark = RunFolder(project.folder / ".seatrial" / "runs" / report.run).mark
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"SEATRIAL_RUN={mark}\0".encode() in environ.read_bytes():
                found.append(environ.parent.name)
        except OSError:
            continue
    return [pid for pid in found if int(pid) != os.getpid()]


def test_a_candidate_that_dies_at_start_is_a_row(project: SmallProject) -> None:
    """With its exit status and the end of its log; the trial fails, because the baseline starts."""
    project.write("model.json", {"mode": "dies at start"})
    report = project.report()
    stage, message, status, log = candidate_failure(report)
    assert (Stage.START, 7, Verdict.FAIL) == (stage, status, report.verdict)
    assert "ended before it was healthy" in message
    assert "No module named 'lightgbm'" in log
    assert [] == processes_of(project, report)


def test_a_candidate_that_never_gets_healthy_is_a_row(project: SmallProject) -> None:
    """After the deadline it is stopped, and the message says what its health path answered."""
    project.write("model.json", {"mode": "unhealthy"})
    report = project.report()
    stage, message, _, log = candidate_failure(report)
    assert (Stage.START, Verdict.FAIL) == (stage, report.verdict)
    assert "not healthy within 2 s: /healthz answered 503" in message
    assert "listening" in log
    assert [] == processes_of(project, report)


def test_a_command_that_does_not_exist_is_a_row(project: SmallProject) -> None:
    """The message names the command."""
    project.write("seatrial.yaml", QUICK.replace("python server.py", "no-such-command --port $PORT"))
    report = project.report()
    stage, message, _, _ = candidate_failure(report)
    assert (Stage.START, Verdict.FAIL) == (stage, report.verdict)
    assert "no-such-command" in message


def test_a_stack_that_cannot_be_built_is_a_row(project: SmallProject) -> None:
    """The resolver's own words are in the row."""
    project.write("bad.txt", "seatrial-has-no-such-package-as-this==99.9\n")
    project.write("seatrial.yaml", QUICK.replace("stack: host", "stack: bad.txt"))
    stage, message, _, log = candidate_failure(project.report())
    assert Stage.STACK is stage
    assert "seatrial-has-no-such-package-as-this" in message + log


def test_a_build_that_fails_is_a_row(project: SmallProject) -> None:
    """With the exit status and the end of the build's log."""
    project.write("train.py", "import sys\nprint('the data has 0 rows')\nsys.exit(5)\n")
    project.write("seatrial.yaml", QUICK + "    build: python train.py\n")
    report = project.report()
    stage, _, status, log = candidate_failure(report)
    assert (Stage.BUILD, 5) == (stage, status)
    assert "the data has 0 rows" in log
    assert 0 == cell(only(report), Role.BASELINE).result.requests, "nobody waits for what can't be compared"


def test_a_candidate_that_dies_under_load_keeps_what_was_measured(project: SmallProject) -> None:
    """The requests before its death are compared; the row has its exit status and last words."""
    project.write("model.json", {"mode": "dies", "after": 60})
    report = project.report()
    stage, message, status, log = candidate_failure(report)
    assert (Stage.DRIVE, 3, Verdict.FAIL) == (stage, status, report.verdict)
    assert "ended while it was driven" in message
    assert "the weights are gone" in log
    assert 120 == cell(only(report), Role.BASELINE).result.requests
    assert comparison(only(report), "accuracy").samples >= 40


@pytest.mark.parametrize(("mode", "kind"), [("html", "not_json"), ("500", "http_5xx"), ("nan", "nan")])
def test_answers_that_are_no_predictions_are_errors_of_their_kind(project: SmallProject, mode: str, kind: str) -> None:
    """HTML, 500s and NaN: counted by kind, the errors gate fails, and accuracy has no figure to pass with."""
    project.write("model.json", {"mode": mode})
    report = project.report()
    assert {kind: 120} == cell(only(report), Role.CANDIDATE).errors
    errors = comparison(only(report), "errors")
    assert (0.0, 1.0, Verdict.FAIL) == (errors.baseline, errors.candidate, errors.verdict)
    assert Verdict.INCONCLUSIVE is comparison(only(report), "accuracy").verdict
    assert Verdict.FAIL is report.verdict


def test_a_candidate_that_hangs_times_out_and_is_given_up(project: SmallProject) -> None:
    """Requests that are never answered are timeouts; the trial does not wait for all of them."""
    project.write("model.json", {"mode": "hangs"})
    report = project.report()
    summary = cell(only(report), Role.CANDIDATE)
    assert {"timeout"} == set(summary.errors)
    assert Verdict.FAIL is report.verdict
    assert summary.result.requests < 120
    assert [] == processes_of(project, report)


def test_a_candidate_that_leaks_is_stopped_at_its_limit(project: SmallProject) -> None:
    """It is killed when it passes its memory limit, and the row says so."""
    if ProcessRuntime().describe().get("cgroup", "none") == "none":
        pytest.skip("no writable memory cgroup here: run as root, or with a delegated cgroup")
    project.write("seatrial.yaml", QUICK + "    resources: {memory: 128Mi}\n")
    project.write("model.json", {"mode": "leaks"})
    report = project.report()
    stage, message, _, _ = candidate_failure(report)
    assert (Stage.DRIVE, Verdict.FAIL) == (stage, report.verdict)
    assert "out of memory" in message


def test_a_candidate_that_floods_its_log_does_not_fill_the_disk(project: SmallProject) -> None:
    """Two hundred megabytes of log: the trial goes on, and what is kept is bounded."""
    project.write("model.json", {"mode": "floods"})
    outcome = project.run()
    logs = outcome.paths.json.parent / "logs"
    assert 120 == cell(only(outcome.report), Role.CANDIDATE).result.requests
    assert sum(path.stat().st_size for path in logs.iterdir()) < 64 << 20


def test_labels_of_another_kind_are_an_error_of_the_metric(project: SmallProject) -> None:
    """Text labels can never equal numbers; that is told, and nothing passes."""
    lines = (project.folder / "requests.jsonl").read_text().splitlines()
    project.write(
        "requests.jsonl",
        "".join(line.replace('"label": ', '"label": "').replace(', "side"', '", "side"') + "\n" for line in lines),
    )
    report = project.report()
    found = comparison(only(report), "accuracy")
    assert (Verdict.ERROR, Verdict.ERROR) == (found.verdict, report.verdict)
    assert "labels are text but predictions are numbers" in found.reason


def test_a_labels_file_of_another_length_is_a_usage_error(project: SmallProject) -> None:
    """Both counts are in the message."""
    project.write("labels.csv", "label\n" + "1\n" * 7)
    project.write("seatrial.yaml", QUICK.replace("label: label", "labels: labels.csv"))
    with pytest.raises(UsageError, match=r"7.*120|120.*7"):
        project.run()


class TakenPort(ProcessRuntime):
    """Names a port that is taken already, the first time for each cell."""

    def __init__(self, taken: int) -> None:
        super().__init__()
        self._taken = [taken, taken]

    def free_port(self) -> int:
        """The taken one, twice."""
        return self._taken.pop() if self._taken else super().free_port()


def test_a_taken_port_is_tried_again_on_another(project: SmallProject) -> None:
    """What else listens there is neither disturbed nor taken for the deployment."""
    with socket.socket() as other, open_trial(project.folder) as tools:
        other.bind(("127.0.0.1", 0))
        other.listen()
        confused = replace(tools, runtime=TakenPort(other.getsockname()[1]))
        report = run_trial(TrialRequest(project=project.folder), confused, unwatched).report
    assert Verdict.PASS is report.verdict


def test_a_report_folder_that_cannot_be_written_loses_nothing(project: SmallProject) -> None:
    """`--out` names a file: an error with a remedy, and the run keeps its own reports."""
    project.write(".git/a-file", "in the way")
    with pytest.raises(UsageError) as caught:
        project.run(out=project.folder / ".git" / "a-file")
    assert caught.value.remedy
    (run,) = (project.folder / ".seatrial" / "runs").iterdir()
    assert (run / "report.html").exists()


def test_a_failed_baseline_is_an_error_and_no_pass(tmp_path: Path) -> None:
    """Without a baseline there is nothing to be better than."""
    project = make_project(tmp_path / "p", config=QUICK, model={"mode": "dies at start"})
    project.write("model.json", {})
    report = project.report()
    assert Verdict.ERROR is report.verdict
    failure = cell(only(report), Role.BASELINE).result.failure
    assert failure is not None
    assert Stage.START is failure.stage


def test_an_unreachable_url_is_a_row(project: SmallProject) -> None:
    """A deployment behind a URL that nobody serves fails at its health check."""
    project.write("seatrial.yaml", QUICK.replace("run: python server.py", "url: http://127.0.0.1:9"))
    stage, message, _, _ = candidate_failure(project.report())
    assert Stage.START is stage
    assert "not healthy within 2 s" in message
