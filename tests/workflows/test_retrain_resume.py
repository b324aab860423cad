"""A retraining that was killed while its promotion was under way is gone on with, or given up, together with that."""

import signal
from pathlib import Path

import pytest

from seatrial.records import RetrainOutcome, RetrainPhase, RunKind, RunState
from tests.workflows.loops import Loop, make_loop, ratings

IN_ITS_TRIAL = ("after", "try small@1")


@pytest.fixture
def killed(tmp_path: Path) -> tuple[Loop, str]:
    """A loop whose retraining was killed once it had handed its version over, and the run."""
    loop = make_loop(tmp_path)
    loop.rate(ratings(120))
    done = loop.run("retrain", dying=IN_ITS_TRIAL, fake=True)
    assert -signal.SIGKILL == done.returncode, done.stderr
    (result,) = loop.results()
    assert RetrainPhase.PROMOTING is result.phase
    return loop, result.run


@pytest.mark.slow
def test_one_that_is_named_brings_its_promotion_along(killed: tuple[Loop, str]) -> None:
    """`seatrial resume RUN` waits for nothing that nobody goes on with."""
    loop, run = killed
    done = loop.run("resume", run, fake=True)

    assert 0 == done.returncode, done.stderr
    (result,) = loop.results()
    assert (RetrainOutcome.PROMOTED, run) == (result.outcome, result.run)
    assert [(1, "Production", result.promotion)] == loop.moves()


@pytest.mark.slow
def test_one_that_is_given_up_takes_its_promotion_with_it(killed: tuple[Loop, str]) -> None:
    """Nobody moves the stage for it any more, and the next run has the model."""
    loop, run = killed
    assert 0 == loop.run("resume", run, "--cancel").returncode

    assert "nothing was cut off\n" == loop.run("resume", fake=True).stdout
    assert [] == loop.moves()
    assert [RetrainOutcome.INTERRUPTED] == [result.outcome for result in loop.results()]
    assert {RunState.INTERRUPTED} == {
        each.state for each in loop.runs() if each.kind in {RunKind.RETRAINING, RunKind.PROMOTION}
    }
    assert 0 == loop.run("retrain", "--anyway", fake=True).returncode
    assert [1, 2] == [model.number for model in loop.models()]
    assert [2] == [number for number, _, _ in loop.moves()]
