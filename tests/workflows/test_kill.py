"""kill -9 at every step of a real promotion in a real process, and `seatrial resume` in another one."""

import signal
from pathlib import Path

import pytest

from seatrial.records import RunKind, RunState
from tests.promotion.test_story import STEPS
from tests.workflows.projects import make, receiver

NAMES = ["choose", *(f"{step} small@1" for step in STEPS), "send 1"]
MOMENTS = [
    ("kept", "word small@1"),
    ("kept", "send 1"),
    *((when, name) for name in NAMES for when in ("before", "after")),
]


@pytest.mark.slow
@pytest.mark.parametrize(("when", "name"), MOMENTS, ids=lambda part: str(part).replace(" ", "-"))
def test_each_step_happens_once_whenever_the_process_is_killed(tmp_path: Path, when: str, name: str) -> None:
    """One line in the ledger, one evidence, the tags, one notice; and the trial is not run again once it is finished."""
    with receiver() as hook:
        project = make(tmp_path, {}, config=hook.config)
        killed = project.run("promote", "small", dying=(when, name), fake=True)
        assert -signal.SIGKILL == killed.returncode
        done = project.json("resume", fake=True)

        (run,) = [run for run in project.runs() if run.kind is RunKind.PROMOTION and run.state is RunState.FINISHED]
        assert [(1, "Production", run.id)] == project.moves()
        version = project.version(1)
        assert ("Production", "pass", run.id) == (
            version.stage,
            version.tags["test_status"],
            version.tags["promotion_run"],
        )
        assert {run.id} == project.evidence()
        assert ["PromotionResult"] == project.events(run.id)
        tried_twice = (when, name) == ("after", "try small@1")
        assert ["small@1"] * (2 if tried_twice else 1) == project.trials
        sent_twice = (when, name) == ("after", "send 1")
        assert [f"promotion:{run.id}"] * (2 if sent_twice else 1) == hook.keys()
        assert [] == done["undelivered"]
