"""A promotion whose process dies before or after each of its steps, and is gone on with by another."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.records import EntryKind, NotifySpec, RunState, Verdict
from tests.promotion.making import PROJECT, Engine, Killed, cellar
from tests.promotion.test_story import STEPS

NAMES = ["choose", *(f"{step} wine@{number}" for number in (1, 2) for step in STEPS)]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("name", NAMES)
def test_each_finished_step_happens_once(tmp_path: Path, when: str, name: str) -> None:
    """Whatever step the process dies at, the end is that of an undisturbed promotion.

    What was finished is not done again; of the one that was under way, doing it twice is the same as once.
    """
    engine = Engine(dies=_once(when, name))
    project = replace(PROJECT, notify=(NotifySpec(name="ops", url="log://"),))
    with cellar(tmp_path, versions=2, project=project, finds={2: Verdict.FAIL}) as wine:
        with pytest.raises(Killed):
            wine.promote(engine)
        finished = dict(engine.done)
        first, second = wine.promote(engine)

        assert finished == {step: engine.done[step] for step in finished}
        worked = [step for step in engine.worked if step != name]
        assert sorted(set(worked)) == sorted(worked)
        assert ["Production", "Staging"] == [wine.stage(1), wine.stage(2)]
        moves = [line for line in wine.registry.ledger() if line.run is not None]
        assert [(EntryKind.MOVED, 1, first.run)] == [(line.kind, line.number, line.run) for line in moves]
        assert set(wine.registry.books().evidence) >= {first.run, second.run}
        assert ["pass", "fail"] == [wine.tags(number)["test_status"] for number in (1, 2)]
        assert [first.run, second.run] == [wine.tags(number)["promotion_run"] for number in (1, 2)]
        assert {f"promotion:{first.run}", f"promotion:{second.run}"} == {notice.key for notice, _, _ in wine.told}
        ended = [run for run in wine.trial.journal.runs() if run.id in {first.run, second.run}]
        assert [RunState.FINISHED] * 2 == [run.state for run in ended]
        assert [1, 1] == [len(wine.trial.journal.events(run.id)) for run in ended]


def _once(when: str, name: str) -> Callable[[str, str], None]:
    """Dies the first time."""
    deaths = [(when, name)]

    def dies(now: str, step: str) -> None:
        if (now, step) in deaths:
            deaths.clear()
            raise Killed

    return dies
