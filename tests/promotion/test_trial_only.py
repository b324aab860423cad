"""A promotion that only tries a version and leaves its stage to a release."""

from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.promotion.run import TRIED_ONLY
from seatrial.records import EntryKind, NotifySpec, Verdict
from tests.promotion.making import PROJECT, cellar

HEARD = replace(PROJECT, notify=(NotifySpec(name="team", url="log://"),))


def test_a_version_that_passed_is_tagged_and_stays_where_it_is(tmp_path: Path) -> None:
    """Nobody is told: whoever asked for the trial tells people, once its release has ended."""
    with cellar(tmp_path, project=HEARD) as wine:
        before = wine.registry.ledger("wine")
        (result,) = wine.promote(version=1, trial_only=True)

        assert (False, Verdict.PASS, TRIED_ONLY) == (result.promoted, result.verdict, result.refused)
        assert "Staging" == wine.stage(1)
        assert ("pass", result.run) == (wine.tags(1)["test_status"], wine.tags(1)["promotion_run"])
        moves = [line for line in wine.registry.ledger("wine") if line.kind is EntryKind.MOVED]
        assert [line for line in before if line.kind is EntryKind.MOVED] == moves
        assert [] == wine.told


@pytest.mark.parametrize("found", [Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.ERROR])
def test_a_version_that_did_not_pass_is_told_of(tmp_path: Path, found: Verdict) -> None:
    """With the trial's reason; its stage is what it was."""
    with cellar(tmp_path, project=HEARD, finds_else=found) as wine:
        (result,) = wine.promote(version=1, trial_only=True)

        assert (False, found, "") == (result.promoted, result.verdict, result.refused)
        assert ("Staging", found.value) == (wine.stage(1), wine.tags(1)["test_status"])
        assert [("team", result.run, found)] == [(receiver, run, told.verdict) for told, receiver, run in wine.told]


def test_the_stage_may_be_given_later(tmp_path: Path) -> None:
    """The evidence is kept under the run of the trial; a promotion tries the version anew and moves it."""
    with cellar(tmp_path, versions=2) as wine:
        (result,) = wine.promote(version=2, trial_only=True)
        evidence = wine.registry.evidence(result.run)

        assert evidence is not None
        assert (2, Verdict.PASS) == (evidence.number, evidence.verdict)
        (later,) = wine.promote(version=2)
        assert (True, "Production") == (later.promoted, wine.stage(2))
