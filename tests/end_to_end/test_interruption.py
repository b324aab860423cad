"""Ctrl-C, kill -9 and two trials at once: nothing is left running and no finished measurement is lost."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from seatrial.records import Report
from seatrial.trial.report import load_report
from tests.end_to_end.projects import CONFIG, SmallProject, blocks, make_project, servers
from tests.waiting import wait_until

SLOW = CONFIG.replace("rate: 200/s", "rate: 40/s")


@pytest.fixture
def project(tmp_path: Path) -> SmallProject:
    """A project whose driving takes long enough to be interrupted."""
    return make_project(tmp_path / "small", requests=400, config=SLOW)


def start(project: SmallProject, *args: str) -> "subprocess.Popen[str]":
    """`seatrial …` in a process of its own."""
    command = [sys.executable, "-c", "from seatrial.cli.entry import main; main()", *args]
    return subprocess.Popen(command, cwd=project.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def shown(project: SmallProject) -> tuple[int, Report]:
    """`seatrial show latest`: exit code and report."""
    process = start(project, "show", "latest", "--format", "json")
    out, err = process.communicate(timeout=60)
    assert out, err
    return process.returncode, load_report(out.encode())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_trial_reports_what_it_has(project: SmallProject, number: signal.Signals) -> None:
    """Every process is stopped, the report holds the finished turns and says that it is not complete."""
    process = start(project, "trial", "--format", "json")
    wait_until(lambda: blocks(project) >= 4, deadline=60)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert 130 == process.returncode, err
    report = load_report(out.encode())
    assert not report.complete
    assert "pass" != report.verdict.value
    assert all(cell.good > 0 for deployment in report.deployments for cell in deployment.cells)
    assert set() == servers(project)


@pytest.mark.parametrize(
    ("stage", "config"),
    [
        ("build python train.py", SLOW + "    build: python train.py\n"),
        ("start starting", SLOW.replace("/healthz, deadline: 20s", "/nowhere, deadline: 10m")),
    ],
)
def test_an_interrupted_preparation_waits_for_no_deadline(project: SmallProject, stage: str, config: str) -> None:
    """A training and a start that would take minutes are ended at once, and the trial says that it was interrupted."""
    project.write("train.py", "import threading\nthreading.Event().wait(600)\n")
    server = (project.folder / "server.py").read_text()
    project.write("server.py", server.replace('MODE == "unhealthy"', 'self.path == "/nowhere"'))
    project.write("seatrial.yaml", config)
    project.commit()
    project.commit()
    process = start(project, "trial")
    assert process.stderr is not None
    seen = ""
    while stage not in seen:
        seen += process.stderr.readline()
    wait_until(lambda: servers(project), deadline=20)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert 130 == process.returncode
    assert "nterrupted" in out
    assert set() == servers(project)


def test_what_a_killed_trial_left_is_stopped_by_the_next(project: SmallProject) -> None:
    """After kill -9 the servers still run; the next command finds and stops them, and shows what was measured."""
    process = start(project, "trial")
    wait_until(lambda: blocks(project) >= 4, deadline=60)
    process.kill()
    process.communicate()
    left = servers(project)
    assert left, "the servers outlive a kill -9"
    code, report = shown(project)
    assert set() == servers(project)
    assert not report.complete
    assert code in {1, 3, 4}
    assert all(cell.good > 0 for deployment in report.deployments for cell in deployment.cells)
    assert [] == list((project.folder / ".seatrial" / "runs").glob("*/trees/*"))


def test_two_trials_at_once_do_not_disturb_each_other(project: SmallProject) -> None:
    """Both end with their own run and verdict."""
    project.write("seatrial.yaml", CONFIG)
    both = [start(project, "trial", "--format", "json") for _ in range(2)]
    reports = [load_report(process.communicate(timeout=120)[0].encode()) for process in both]
    assert 2 == len({report.run for report in reports})
    assert {400} == {cell.result.requests for report in reports for d in report.deployments for cell in d.cells}
    listing = start(project, "runs", "--format", "json").communicate(timeout=60)[0]
    assert {"finished"} == {run["state"] for run in json.loads(listing)}


def test_a_living_trial_is_not_swept_away(project: SmallProject) -> None:
    """`seatrial runs` beside a trial leaves it alone."""
    process = start(project, "trial", "--format", "json")
    wait_until(lambda: blocks(project) >= 2, deadline=60)
    before = servers(project)
    listing = start(project, "runs", "--format", "json").communicate(timeout=60)[0]
    assert ["running"] == [run["state"] for run in json.loads(listing)]
    assert before <= servers(project)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)


def test_two_projects_that_begin_in_the_same_second_do_not_stop_each_other(tmp_path: Path) -> None:
    """Runs are named by their second, processes by a mark that no other project has."""
    projects = [make_project(tmp_path / name, requests=200) for name in ("first", "second", "third")]
    for project in projects:
        project.write("helper.py", "x = 1\n")
    running = [start(project, "trial", "--format", "json") for project in projects]
    reports = [load_report(process.communicate(timeout=120)[0].encode()) for process in running]
    assert [] == [
        cell.result.failure for report in reports for d in report.deployments for cell in d.cells if cell.result.failure
    ]
