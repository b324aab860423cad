"""Trials of the bot that survive whatever dies: real workers that are really killed, on SQLite and on PostgreSQL."""

import json
import shutil
import signal
from pathlib import Path

import pytest

from seatrial.records import BotTrial, TrialState
from tests.end_to_end.projects import CONFIG, servers
from tests.waiting import wait_until
from tests.workflows.bots import DEADLINE, NAME, Place, place

SLOW = CONFIG.replace("rate: 200/s", "rate: 15/s")


def ended_once(found: Place, trial: BotTrial, number: int) -> None:
    """One end in the book, one comment, one check that is done, and nothing is left."""
    assert TrialState.FINISHED is trial.state
    assert 1 == len(found.comments(number))
    assert trial.headline
    assert "done" == found.check(number)["phase"]
    wait_until(lambda: ([], set()) == found.left, deadline=DEADLINE)


@pytest.mark.slow
@pytest.mark.parametrize(("when", "step"), [("kept", "prepare"), ("after", "publish"), ("after", "end")])
def test_a_trial_ends_once_whenever_its_worker_is_killed(tmp_path: Path, when: str, step: str) -> None:
    """The next worker goes on from the last finished step; also where all was done and only not noted yet."""
    with place(tmp_path) as found:
        number = found.pull()
        trial = found.enter(number)
        assert -signal.SIGKILL == found.start(when, step).wait(DEADLINE)
        found.start()
        ended = found.wait_for(trial)

        ended_once(found, ended, number)
        wait_until(lambda: "was cut off and waits again" in found.log(1), deadline=DEADLINE)


@pytest.mark.slow
def test_a_worker_that_is_killed_while_it_drives_leaves_nothing_running(tmp_path: Path) -> None:
    """Deployments end with it, and the next worker tries the commit anew; told to end, a worker gives its trial back."""
    with place(tmp_path, config=SLOW, requests=30) as found:
        number = found.pull()
        trial = found.enter(number)
        worker = found.start()
        found.wait_for_stage(trial, "drive")
        worker.kill()
        worker.wait()
        wait_until(lambda: not servers(found.small), deadline=DEADLINE)

        told = found.start()
        found.wait_for_stage(trial, "drive")
        wait_until(lambda: found.trial(trial).worker.endswith(f"/{told.pid}"), deadline=DEADLINE)
        assert 0 == found.end(told)
        given_back = found.trial(trial)
        assert (TrialState.QUEUED, "", set()) == (given_back.state, given_back.worker, servers(found.small))

        found.start()
        ended_once(found, found.wait_for(trial), number)


@pytest.mark.slow
def test_what_an_older_seatrial_began_is_begun_anew(tmp_path: Path) -> None:
    """Nobody can say where it stands in other steps; its worker is gone, so that nobody else will end it."""
    with place(tmp_path) as found:
        number = found.pull()
        trial = found.enter(number)
        assert -signal.SIGKILL == found.start("older", "merge").wait(DEADLINE)
        found.start()

        ended_once(found, found.wait_for(trial), number)


@pytest.mark.slow
def test_a_live_trial_is_cancelled_wherever_it_runs(tmp_path: Path) -> None:
    """The wish is in the book; the worker sees it, stops everything and says why. One that waits needs no turn."""
    with place(tmp_path, config=SLOW, requests=400) as found:
        first, second = found.pull("a"), found.pull("b")
        running = found.enter(first)
        waiting = found.enter(second)
        found.book.request_cancel(waiting, "ada asked for it")
        found.start()
        found.wait_for_stage(running, "drive")
        given_up = found.wait_for(waiting)
        assert TrialState.RUNNING is found.trial(running).state
        found.book.request_cancel(running, "the pull request was closed")
        cancelled = [found.wait_for(running), given_up]

        assert [TrialState.CANCELLED] * 2 == [each.state for each in cancelled]
        assert ["the pull request was closed", "ada asked for it"] == [each.why for each in cancelled]
        assert ["cancelled"] * 2 == [found.check(number)["conclusion"] for number in (first, second)]
        wait_until(lambda: ([], set()) == found.left, deadline=DEADLINE)


@pytest.mark.slow
def test_workers_on_one_postgresql_share_the_queue(tmp_path: Path, postgres_url: str) -> None:
    """Two machines (two clones) take one trial each; one is killed in the middle of its trial, and the other goes on with it."""
    with place(tmp_path, config=SLOW, requests=30, url=postgres_url) as found:
        trials = [found.enter(found.pull(branch)) for branch in ("a", "b")]
        clone = tmp_path / "elsewhere" / "project"
        shutil.copytree(found.small.folder, clone, ignore=shutil.ignore_patterns(".seatrial"))
        one, two = found.start(), found.start(folder=clone)
        workers = (one, two)

        def runs(pid: int) -> list[str]:
            live = [each for each in found.book.trials(live=True) if each.worker.endswith(f"/{pid}")]
            return [each.id for each in live if any(cell.stage == "drive" for cell in found.book.progress(each.id))]

        wait_until(lambda: all(runs(each.pid) for each in workers), deadline=DEADLINE, poll=0.1)
        two.kill()
        ended = [found.wait_for(trial) for trial in trials]

        assert [TrialState.FINISHED] * 2 == [each.state for each in ended]
        assert [f"/{one.pid}"] == sorted({f"/{each.worker.rpartition('/')[2]}" for each in ended})
        assert not (found.small.folder / ".seatrial" / "workflows.db").exists()
        assert [f"{NAME}#1", f"{NAME}#2"] == [f"{each.repository}#{each.number}" for each in ended]
        stored = [
            path.read_text(errors="replace")
            for path in (found.small.folder.parent / "artifacts").rglob("*")
            if path.is_file()
        ]
        assert {each.id for each in ended} <= {json.loads(text)["run"] for text in stored if text.startswith("{")}
