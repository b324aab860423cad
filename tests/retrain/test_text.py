"""How retrainings read on a terminal, and what the command exits with."""

from dataclasses import replace

import pytest

from seatrial.records import RetrainOutcome, RetrainPhase, Verdict
from seatrial.retrain.text import findings_grid, gate_grid, outcome_exit_code, result_lines, runs_grid
from tests.retrain.report import builders

CODES = {
    RetrainOutcome.SKIPPED: 3,
    RetrainOutcome.STOPPED: 1,
    RetrainOutcome.NOTHING: 3,
    RetrainOutcome.QUARANTINED: 1,
    RetrainOutcome.REFUSED: 1,
    RetrainOutcome.REGISTERED: 0,
    RetrainOutcome.NOT_PROMOTED: 1,
    RetrainOutcome.PROMOTED: 0,
    RetrainOutcome.NOT_RELEASED: 1,
    RetrainOutcome.ROLLED_BACK: 1,
    RetrainOutcome.RELEASED: 0,
    RetrainOutcome.INTERRUPTED: 130,
    RetrainOutcome.BROKEN: 4,
}


@pytest.mark.parametrize("outcome", [*RetrainOutcome])
def test_only_what_was_asked_for_exits_with_zero(outcome: RetrainOutcome) -> None:
    """Refused is 1, nothing new and skipped are 3, broken is 4."""
    assert CODES[outcome] == outcome_exit_code(builders.ended(outcome))


@pytest.mark.parametrize(
    ("verdict", "code"),
    [(Verdict.INCONCLUSIVE, 3), (Verdict.ERROR, 4), (Verdict.FAIL, 1), (Verdict.PASS, 1), (None, 1)],
)
def test_a_refusal_exits_with_what_was_found(verdict: Verdict | None, code: int) -> None:
    """A gate that could not tell is inconclusive, and no verdict of it is a pass."""
    assert code == outcome_exit_code(replace(builders.ended(RetrainOutcome.REFUSED), verdict=verdict))


def test_a_run_that_goes_on_is_inconclusive() -> None:
    """Nothing is said of it before it ends."""
    assert 3 == outcome_exit_code(builders.running(RetrainPhase.TRAINING))


def test_the_lines_tell_the_data_the_training_and_what_followed() -> None:
    """A sentence each."""
    assert (
        "Run 20261120-200003-7f3a of movies, begun by cron: 0 20 */2 * * Europe/Berlin: due 2026-11-20T19:00:00Z.",
        "10,329 lines: 8,204 rows, 2,113 ignored, 12 not parsed, 3 lost in the stream before they were read.",
        "Not parsed: no rating in it (8), the time is no time (4).",
        "movies@7: 41,052 rows, 8,161 of them new; 43 rows quarantined.",
        "data/movies.parquet.dvc is at md5:9a0364b9e99bb480dd25e1f0284c8555, in commit 41f3c2d7aa90, pushed.",
        "Judged on 2,051 held-out rows, against v6 on the same rows.",
        "Trained in 41.7 s, 1 min 17 s of CPU, 412 MiB of memory at most.",
        "movies v7 was not promoted.",
        "It stays registered; its stage was not given to it.",
        "Trial and promotion: run 20261120-202011-7f3a.",
        "Note: ratings/1: 3 offsets from 118,011 were gone before they were read",
    ) == result_lines(builders.ended(RetrainOutcome.NOT_PROMOTED))


def test_the_gate_shows_its_worst_metric_first() -> None:
    """With its interval, what is allowed, and why."""
    grid = gate_grid(builders.refused())
    assert (
        "✘ fail",
        "rmse",
        "0.9412 → 0.9731",
        "+0.0319 [+0.0230, +0.0408]",
        "at most +0.01, at most 1",
        "it is at least 0.023 higher, 0.01 is allowed",
    ) == grid.rows[0]
    assert ["✘ fail", "? inconclusive", "✔ pass"] == [row[0] for row in grid.rows]


def test_the_checks_show_first_what_refuses_the_batch() -> None:
    """Then what passed, then what was quarantined row by row, with examples."""
    rows = findings_grid(builders.checked(verdict=Verdict.FAIL, drifted=True)).rows
    assert ("✘ fail", "drift of rating", "–", "0.34", "0.25") == rows[0][:5]
    assert "it is not from 1 to 5 (as '9', '<b>5</b>')" == rows[-1][5]
    assert "· quarantined" == rows[-1][0]


def test_runs_are_listed_a_row_each() -> None:
    """Where each stands, its data and its version."""
    grid = runs_grid([builders.running(RetrainPhase.COLLECTING), builders.ended(RetrainOutcome.RELEASED)])
    first, second = grid.rows
    assert ("20261120-200003-7f3a", "movies", "· collecting", "–", "–", "–") == first[:6]
    assert ("✔ released", "movies@7", "movies@7", "24 min") == second[2:6]
