"""`seatrial promote` and `seatrial resume` in real processes, beside others, interrupted, and with receivers that are down."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from seatrial.records import RunKind, RunState, Undelivered
from seatrial.workflows.deliver import Patience
from seatrial.workflows.opening import open_workflows
from tests.waiting import wait_until
from tests.workflows.projects import Project, make, receiver

QUICK = Patience(tries=2, first=0.01)


def promotions(project: Project) -> list[Any]:
    """The promotions in the journal."""
    return [run for run in project.runs() if run.kind is RunKind.PROMOTION]


def trying(project: Project, *words: str) -> Any:
    """A `seatrial promote` whose trial waits; it is under way when this returns."""
    before = len(project.trials)
    process = project.start("promote", "small", *words, fake=True)
    wait_until(lambda: len(project.trials) > before, deadline=60)
    return process


def ended(process: Any) -> tuple[int, str, str]:
    """Exit code and output of a process."""
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.mark.slow
def test_a_promotion_prints_the_verdict_and_what_became_of_it(tmp_path: Path) -> None:
    """The verdict table and the outcome on standard output, progress on standard error, and no word of the engine."""
    project = make(tmp_path, {})
    done = project.run("promote", "small", "--run-url", "https://ci.example.org/7")

    assert 0 == done.returncode, done.stderr
    assert "PASS  small@1 holds Production now" in done.stdout
    assert "accuracy" in done.stdout
    assert "small@candidate: done" in done.stderr
    assert "dbos" not in (done.stdout + done.stderr).casefold()
    (run,) = promotions(project)
    tags = project.version(1).tags
    assert ("https://ci.example.org/7", "pass", run.id, "main") == (
        tags["run_url"],
        tags["test_status"],
        tags["promotion_run"],
        tags["git_branch"],
    )
    assert project.small.git("rev-parse", "HEAD") == tags["git_commit"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "code"), [({"right": 1}, 1), ({"finds": "error"}, 4), ({"finds": "inconclusive"}, 3)]
)
def test_what_does_not_pass_is_not_promoted(tmp_path: Path, model: dict[str, Any], code: int) -> None:
    """The exit code is the verdict's, the version is tagged with it and stays in Staging."""
    project = make(tmp_path, model)
    done = project.json("promote", "small", fake="finds" in model)

    (result,) = done["promotions"]
    status = {1: "fail", 3: "inconclusive", 4: "error"}[code]
    assert (False, status) == (result["promoted"], result["verdict"])
    assert ("Staging", status) == (project.version(1).stage, project.version(1).tags["test_status"])
    assert [] == project.moves()
    assert code == project.run("show", promotions(project)[0].id).returncode


def test_nobody_in_staging_is_a_usage_error(tmp_path: Path) -> None:
    """With the remedy, and without a run."""
    project = make(tmp_path)
    project.register({}, stage="None")
    done = project.run("promote", "small", fake=True)

    assert 2 == done.returncode
    assert "no version of small is in Staging" in done.stderr
    assert "seatrial models stage small@N Staging" in done.stderr
    assert [] == project.runs()


@pytest.mark.slow
def test_of_two_promotions_at_once_exactly_one_wins(tmp_path: Path) -> None:
    """Both try their version against the same holder; one hands over, the other is told by whom it was beaten."""
    project = make(tmp_path, {"waits": True}, {"waits": True})
    processes = [trying(project, "--version", str(number), "--format", "json") for number in (1, 2)]
    (project.folder / ".seatrial" / "go").touch()
    codes = sorted(ended(process)[0] for process in processes)

    assert [0, 1] == codes
    assert 1 == len(project.moves())
    winner = project.moves()[0][0]
    assert ["Production", "Staging"] == [project.version(number).stage for number in (winner, 3 - winner)]
    (lost,) = [run for run in promotions(project) if run.candidate != f"small@{winner}"]
    assert f"Production went to {winner} meanwhile" in lost.headline
    assert "pass" == project.version(3 - winner).tags["test_status"]


@pytest.mark.slow
def test_ctrl_c_ends_the_trial_and_the_promotion(tmp_path: Path) -> None:
    """The version is tagged, nothing is promoted, and nothing is left to go on with."""
    project = make(tmp_path, {"waits": True})
    process = trying(project)
    process.send_signal(signal.SIGINT)
    code, out, _ = ended(process)

    assert 130 == code
    assert "small@1 was not promoted to Production: its trial was interrupted" in out
    assert "interrupted" == project.version(1).tags["test_status"]
    assert [RunState.INTERRUPTED] == [run.state for run in promotions(project)]
    assert "nothing was cut off\n" == project.run("resume").stdout


@pytest.mark.slow
def test_a_cancelled_ci_job_ends_a_real_trial_cleanly(tmp_path: Path) -> None:
    """SIGTERM is like Ctrl-C: what was deployed is stopped, and the report says that it was interrupted."""
    project = make(tmp_path, {"delay": 0.02}, requests=2000)
    process = project.start("promote", "small")
    wait_until(lambda: len(list((project.folder / ".seatrial" / "runs").glob("*/blocks.jsonl"))) > 0, deadline=60)
    process.send_signal(signal.SIGTERM)
    code, _, _ = ended(process)

    assert 130 == code
    assert "interrupted" == project.version(1).tags["test_status"]
    assert [RunState.INTERRUPTED] * 2 == [run.state for run in project.runs()]


@pytest.mark.slow
def test_what_runs_in_a_living_process_is_nobody_elses(tmp_path: Path) -> None:
    """`seatrial resume` leaves it alone, and says so if it is named."""
    project = make(tmp_path, {"waits": True})
    process = trying(project)
    (run,) = promotions(project)
    assert "nothing was cut off\n" == project.run("resume").stdout
    named = project.run("resume", run.id)
    listed = project.json("resume", "--list")
    (project.folder / ".seatrial" / "go").touch()

    assert 0 == ended(process)[0]
    assert 2 == named.returncode
    assert f"{run.id} runs in another process" in named.stderr
    assert [(run.id, "elsewhere")] == [(each["runs"][0], each["state"]) for each in listed]
    assert ["small@1"] == project.trials


@pytest.mark.slow
def test_of_two_that_resume_at_once_one_goes_on(tmp_path: Path) -> None:
    """The trial is begun again once, and there is one move."""
    project = make(tmp_path, {})
    project.run("promote", "small", dying=("before", "try small@1"), fake=True)
    processes = [project.start("resume", fake=True) for _ in range(3)]

    assert {0} == {ended(process)[0] for process in processes}
    assert ["small@1"] == project.trials
    assert 1 == len(project.moves())


@pytest.mark.slow
def test_the_next_promote_goes_on_with_what_was_cut_off(tmp_path: Path) -> None:
    """Which is the answer to the same wish; another one is begun after it."""
    project = make(tmp_path, {}, {})
    project.run("promote", "small", "--version", "1", dying=("after", "tag small@1"), fake=True)
    done = project.json("promote", "small", "--version", "2", fake=True)
    again = project.run("promote", "small", "--version", "2", dying=("before", "move small@2"), fake=True)

    assert [(1, None), (2, 1)] == [(result["number"], result["baseline"]) for result in done["promotions"]]
    assert ["small@1", "small@2"] == project.trials
    assert "small@2 is in Production already" in again.stderr


@pytest.mark.slow
def test_the_same_wish_is_answered_by_the_promotion_that_was_cut_off(tmp_path: Path) -> None:
    """A version is not tried twice because its first process died."""
    project = make(tmp_path, {})
    killed = project.run("promote", "small", dying=("after", "conclude small@1"), fake=True)
    done = project.run("promote", "small", fake=True)

    assert (-signal.SIGKILL, 0) == (killed.returncode, done.returncode)
    assert "going on with a promotion of small that was cut off (run " in done.stderr
    assert ["small@1"] == project.trials
    assert 1 == len(promotions(project))


@pytest.mark.slow
def test_all_versions_of_a_wish_are_gone_on_with(tmp_path: Path) -> None:
    """The process died in the second of three: the first is not tried again, the third is tried after it."""
    project = make(tmp_path, {}, {"finds": "fail"}, {})
    project.run("promote", "small", dying=("after", "keep small@2"), fake=True)
    done = project.json("resume", fake=True)

    assert [(1, True), (2, False), (3, True)] == [(each["number"], each["promoted"]) for each in done["promotions"]]
    assert ["small@1", "small@2", "small@3"] == project.trials
    assert [1, 3] == [number for number, _, _ in project.moves()]


@pytest.mark.slow
def test_a_run_can_be_given_up(tmp_path: Path) -> None:
    """Then nobody goes on with it."""
    project = make(tmp_path, {})
    project.run("promote", "small", dying=("before", "try small@1"), fake=True)
    (run,) = promotions(project)
    listed = project.run("resume", "--list").stdout
    given_up = project.run("resume", run.id, "--cancel")

    assert run.id in listed
    assert "cut off" in listed
    assert 0 == given_up.returncode
    assert "nothing was cut off\n" == project.run("resume", fake=True).stdout
    assert [RunState.INTERRUPTED] == [run.state for run in promotions(project)]
    assert [] == project.trials


@pytest.mark.slow
def test_a_receiver_that_is_down_delays_nothing_and_is_told_later(tmp_path: Path) -> None:
    """The promotion is over and printed; the notice is left to `seatrial resume`, which delivers it."""
    with receiver() as hook:
        hook.down = True
        project = make(tmp_path, {}, config=hook.config)
        began = time.monotonic()
        done = project.run("promote", "small", fake=True)
        took = time.monotonic() - began
        (move,) = project.moves()

        assert 0 == done.returncode
        assert "a notice is not delivered yet: left to seatrial resume, or seatrial server" in done.stderr
        assert took < 30
        assert hook.asked > 1
        hook.down = False
        assert 0 == project.run("resume", fake=True).returncode
        assert [f"promotion:{move[2]}"] == hook.keys()


@pytest.mark.slow
def test_a_notice_that_nobody_takes_is_reported(tmp_path: Path) -> None:
    """On standard error, in the journal, and by `runs` and `show` of the promotion."""
    with receiver() as hook:
        hook.down = True
        project = make(tmp_path, {}, config=hook.config)
        project.run("promote", "small", dying=("before", "send 1"), fake=True)
        (run,) = promotions(project)
        with project.opened(), open_workflows(project.folder, patience=QUICK) as engine:
            engine.take_over()
            assert 0 == engine.settle(30)
            (lost,) = engine.lost

        assert (2, "hook") == (lost.tries, lost.receiver)
        assert [Undelivered.__name__] == [kind for kind in project.events(run.id) if kind == Undelivered.__name__]
        assert "hook did not get" in project.run("show", run.id).stdout
        assert f"{run.id}: hook did not get" in project.run("runs").stdout


@pytest.mark.slow
def test_what_runs_is_left_when_the_engine_closes(tmp_path: Path) -> None:
    """As a server that is stopped does: the trial ends, the promotion stands where it stands, and the next goes on."""
    project = make(tmp_path, {"delay": 0.02}, requests=2000)
    project.run("promote", "small", dying=("before", "try small@1"))
    with project.opened(), open_workflows(project.folder) as engine:
        (taken,) = engine.take_over()
        wait_until(lambda: list((project.folder / ".seatrial" / "runs").glob("*/blocks.jsonl")), deadline=60)

    assert {} == {key: tag for key, tag in project.version(1).tags.items() if key == "test_status"}
    with project.opened(), open_workflows(project.folder) as engine:
        (left,) = engine.unfinished()
        assert (taken.id, "left") == (left.id, left.state)


@pytest.mark.slow
def test_a_killed_trial_is_begun_again_and_leaves_no_process(tmp_path: Path) -> None:
    """Kill -9 while requests are driven: the next process stops what was deployed and tries again."""
    project = make(tmp_path, {"delay": 0.005}, requests=400)
    process = project.start("promote", "small")
    wait_until(lambda: list((project.folder / ".seatrial" / "runs").glob("*/blocks.jsonl")), deadline=60)
    process.send_signal(signal.SIGKILL)
    ended(process)
    done = project.run("resume")

    assert 0 == done.returncode, done.stderr
    assert "Production" == project.version(1).stage
    states = {run.kind: run.state for run in project.runs()}
    assert RunState.FINISHED == states[RunKind.PROMOTION]
    trials = [run.state for run in project.runs() if run.kind is RunKind.TRIAL]
    assert [RunState.ABANDONED, RunState.FINISHED] == trials
    assert [] == _servers_of(project.folder)


def _servers_of(folder: Path) -> list[str]:
    """Processes whose working directory is in the project."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdecimal() and int(process.name) != os.getpid():
            try:
                place = (process / "cwd").readlink()
            except OSError:
                continue
            if place.is_relative_to(folder):
                found.append(f"{process.name} in {place}")
    return found
