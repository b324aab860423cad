"""What is gone on with, by whom, and what is left alone."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from seatrial.promotion.wish import Wish
from seatrial.records import (
    EventKind,
    Notice,
    PermanentError,
    PromotionResult,
    RunKind,
    RunState,
    TemporaryError,
    UsageError,
)
from seatrial.workflows.deliver import Patience
from seatrial.workflows.opening import open_workflows
from tests.registry.registering import ADA
from tests.waiting import wait_until
from tests.workflows.projects import make, receiver


@pytest.mark.slow
def test_one_who_dies_while_taking_over_is_followed_by_the_next(tmp_path: Path) -> None:
    """What a dead process had put into its own queue is not lost with it."""
    project = make(tmp_path, {})
    project.run("promote", "small", dying=("after", "keep small@1"), fake=True)
    taken = project.run("resume", dying=("taken", ""), fake=True)
    done = project.json("resume", fake=True)

    assert -signal.SIGKILL == taken.returncode
    assert [True] == [result["promoted"] for result in done["promotions"]]
    assert (1, ["small@1"]) == (len(project.moves()), project.trials)


@pytest.mark.slow
def test_ctrl_c_ends_the_promotion_that_runs_and_leaves_those_that_wait(tmp_path: Path) -> None:
    """Promotions that were taken over run one after the other; the next may be begun before the process ends, and is left."""
    project = make(tmp_path, {"waits": True}, {"waits": True})
    processes = [project.start("promote", "small", "--version", number, fake=True) for number in ("1", "2")]
    wait_until(lambda: len(project.trials) == len(processes), deadline=60)
    for process in processes:
        process.kill()
        process.communicate()
    process = project.start("resume", fake=True)
    wait_until(lambda: len(project.trials) > 2, deadline=60)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    left = project.json("resume", "--list")

    assert 130 == process.returncode
    ended = int(project.trials[2].removeprefix("small@"))
    assert "interrupted" == project.version(ended).tags["test_status"]
    assert "test_status" not in project.version(3 - ended).tags
    assert [(f"small@{3 - ended}", "left")] == [(each["about"], each["state"]) for each in left]


@pytest.mark.slow
def test_what_does_not_answer_leaves_the_promotion_where_it_stands(tmp_path: Path) -> None:
    """It is tried three times; then the command says how to go on, and the trial is not run again."""
    project = make(tmp_path, {})
    done = project.run("promote", "small", dying=("unreachable", "tag small@1"), fake=True)
    (run,) = [run for run in project.runs() if run.kind is RunKind.PROMOTION]

    assert 4 == done.returncode
    expected = f"the promotion stands where it stands (registry: the registry does not answer); go on with it: seatrial resume {run.id}"
    assert expected in " ".join(done.stderr.split())
    assert RunState.ABANDONED.value in [each["state"] for each in project.json("runs") if each["id"] == run.id]
    assert f"{run.id} was cut off; go on with it: seatrial resume {run.id}" in " ".join(
        project.run("runs").stdout.split()
    )
    assert 2 == project.run("show", run.id).returncode
    assert 0 == project.run("resume", run.id, fake=True).returncode
    assert (1, ["small@1"]) == (len(project.moves()), project.trials)


@pytest.mark.slow
def test_what_another_version_of_the_steps_began_is_not_gone_on_with(tmp_path: Path) -> None:
    """Nobody can say where it stands in other steps: it is told, left alone, and can be given up."""
    project = make(tmp_path, {})
    project.run("promote", "small", dying=("older", "keep small@1"), fake=True)
    (unfinished,) = project.json("resume", "--list")
    named = project.run("resume", unfinished["id"], fake=True)

    assert "stranded" == unfinished["state"]
    assert "nothing was cut off\n" == project.run("resume", fake=True).stdout
    assert 2 == named.returncode
    assert "was begun by a seatrial whose steps are others" in named.stderr
    assert 0 == project.run("resume", unfinished["id"], "--cancel").returncode
    assert [] == project.json("resume", "--list")
    assert [True] == [result["promoted"] for result in project.json("promote", "small", fake=True)["promotions"]]


@pytest.mark.slow
def test_a_long_lived_process_goes_on_with_what_it_left_itself(tmp_path: Path) -> None:
    """As `seatrial server` does: the files are out of reach for a while, then the same process goes on."""
    project = make(tmp_path, {"right": 1})
    with project.opened(), open_workflows(project.folder) as engine:
        registry = engine._parts.registry().registry
        fetch = registry.fetch
        vars(registry)["fetch"] = _out_of_reach
        workflow = engine.start(Wish(project="small", model="small", actor=ADA))
        left = engine.wait(workflow).left
        assert left is not None
        assert "the bucket does not answer" == getattr(left.cause, "what", "")
        vars(registry)["fetch"] = fetch

        assert [(workflow, "left")] == [(each.id, each.state) for each in engine.unfinished()]
        assert [workflow] == [each.id for each in engine.take_over()]
        assert [False] == [result.promoted for result in engine.wait(workflow).results]
        assert [] == engine.unfinished()


def _out_of_reach(_version: object, _folder: object) -> Path:
    raise TemporaryError("the bucket does not answer")


def test_a_wish_that_can_not_be_carried_out_is_told_as_it_was_raised(tmp_path: Path) -> None:
    """The error of a step comes through the engine with its kind, its place and its remedy."""
    project = make(tmp_path)
    project.register({}, stage="None")
    with project.opened(), open_workflows(project.folder) as engine:
        finish = engine.wait(engine.start(Wish(project="small", model="small", actor=ADA)))

        assert isinstance(finish.error, UsageError)
        assert ("no version of small is in Staging", "small") == (finish.error.what, finish.error.where)
        assert "seatrial models stage" in finish.error.remedy
        assert () == finish.results


def test_there_is_one_engine_in_a_process(tmp_path: Path) -> None:
    """A second one would silently be the first; after it is closed, another can be opened."""
    project = make(tmp_path)
    with (
        project.opened(),
        open_workflows(project.folder),
        pytest.raises(PermanentError, match="open in this process already"),
        open_workflows(project.folder),
    ):
        pass
    with project.opened(), open_workflows(project.folder) as engine:
        assert [] == engine.unfinished()


def test_nothing_is_left_of_an_engine_that_was_closed(tmp_path: Path) -> None:
    """Neither its name nor threads."""
    project = make(tmp_path)
    before = set(threading.enumerate())
    with project.opened(), open_workflows(project.folder):
        assert 1 == len(list((project.folder / ".seatrial" / "executors").iterdir()))

    assert [] == list((project.folder / ".seatrial" / "executors").iterdir())
    wait_until(lambda: set(threading.enumerate()) <= before)


@pytest.mark.slow
def test_the_same_notice_is_delivered_once(tmp_path: Path) -> None:
    """Told twice, by whatever process: its key is that of the delivery."""
    notice = Notice(key="deployment:1", event=EventKind.DEPLOYMENT, project="small", subject="small is ready")
    with receiver() as hook:
        project = make(tmp_path, config=hook.config)
        for _ in range(2):
            with project.opened(), open_workflows(project.folder) as engine:
                engine.notify(notice)
                engine.notify(notice)
                assert 0 == engine.settle(20)

    assert ["deployment:1"] == hook.keys()


@pytest.mark.slow
def test_a_receiver_that_hangs_holds_up_nobody(tmp_path: Path) -> None:
    """The engine closes while it is asked, and its thread ends with the process."""
    notice = Notice(key="trial:1", event=EventKind.TRIAL, project="small", subject="small passes")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hook = f"notify:\n  - {{name: silent, url: 'json://127.0.0.1:{silent.getsockname()[1]}/'}}\n"
        project = make(tmp_path, config=hook)
        with project.opened(), open_workflows(project.folder, patience=Patience(first=60)) as engine:
            engine.notify(notice)
            assert 1 == engine.settle(0.5)
            began = time.monotonic()
        assert time.monotonic() - began < 5
        with project.opened(), open_workflows(project.folder) as engine:
            assert ["left"] == [each.state for each in engine.unfinished()]


def test_an_unreachable_database_is_told_plainly(tmp_path: Path) -> None:
    """Without the password, and without a word of the engine."""
    project = make(tmp_path)
    text = (project.folder / "seatrial.yaml").read_text()
    url = "postgresql://ada:secret@127.0.0.1:1/models?connect_timeout=2"
    (project.folder / "seatrial.yaml").write_text(f"{text}registry: {{url: '{url}'}}\n")
    done = project.run("promote", "small")

    assert 4 == done.returncode
    assert "does not answer" in done.stderr
    assert "secret" not in done.stderr
    assert "Traceback" not in done.stderr
    assert "dbos" not in done.stderr.casefold()


def test_the_engine_is_loaded_by_its_commands_only(tmp_path: Path) -> None:
    """Help and the history of runs start without it."""
    project = make(tmp_path)
    for words in (["--help"], ["runs", "--project", str(project.folder)]):
        environ = {**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}
        command = [sys.executable, "-m", "seatrial", *words]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
        assert "dbos" not in done.stderr


def test_results_come_back_as_they_were(tmp_path: Path) -> None:
    """Through the engine's JSON: a promotion's result is the record that the story gave."""
    project = make(tmp_path, {"right": 1})
    with project.opened(), open_workflows(project.folder) as engine:
        (result,) = engine.wait(engine.start(Wish(project="small", model="small", actor=ADA))).results

        assert isinstance(result, PromotionResult)
        assert result.finished.tzinfo is not None
        report = engine.report_of(result)
        assert report is not None
        assert (result.trial, result.verdict) == (report.run, report.verdict)
