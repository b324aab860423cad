"""kill -9 at every step of a real retraining in a real process, and `seatrial resume` in another one."""

import signal
from pathlib import Path

import pytest

from seatrial.records import RetrainOutcome, RunKind, RunState
from tests.workflows.loops import Loop, make_loop, ratings
from tests.workflows.projects import receiver

STEPS = [
    "choose",
    "begin",
    "claim",
    "look",
    "collect",
    "check",
    "store",
    "commit",
    "split",
    "train",
    "gate",
    "register",
    "conclude",
]
MOMENTS = [("before", "train"), ("kept", "conclude"), *(("after", name) for name in STEPS)]
"""Done and not yet noted is the hard moment of each; what was noted is told again at every later one."""
OF_THE_PROMOTION = [("after", "try small@1"), ("after", "move small@1"), ("kept", "word small@1")]
OF_THE_MAIL = [("before", "send 1")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("when", "name"), [*MOMENTS, *OF_THE_PROMOTION, *OF_THE_MAIL], ids=lambda part: str(part).replace(" ", "-")
)
def test_each_step_happens_once_whenever_the_process_is_killed(tmp_path: Path, when: str, name: str) -> None:
    """No event, dataset version, model version, move or notice is lost, and none is there twice."""
    with receiver() as hook:
        loop = make_loop(tmp_path, config=hook.config)
        loop.rate(ratings(120, broken=2, watched=5))
        killed = loop.run("retrain", dying=(when, name), fake=True)
        assert -signal.SIGKILL == killed.returncode, killed.stderr
        done = loop.json("resume", fake=True)

        check_once(loop)
        assert [] == done["undelivered"]
        (run,) = [run for run in loop.runs() if run.kind is RunKind.RETRAINING and run.state is RunState.FINISHED]
        assert ["RetrainResult"] == loop.events(run.id)
        assert sorted({f"retraining:{run.id}", f"promotion:{loop.results()[0].promotion}"}) == sorted(hook.keys())


def check_once(loop: Loop) -> None:
    """Everything that one run leaves is there, once."""
    (version,) = loop.versions()
    assert (120, 2, 5) == (version.rows, version.counts["dead"], version.counts["ignored"])
    (result,) = loop.results()
    assert (RetrainOutcome.PROMOTED, 1, 1) == (result.outcome, result.number, result.dataset)
    (model,) = loop.models()
    assert ("Production", version.digest, result.run) == (model.stage, model.lineage.data, model.lineage.run)
    assert result.gated is not None
    assert model.artifact.digest == result.gated.artifact
    assert [(1, "Production", result.promotion)] == loop.moves()
