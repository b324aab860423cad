"""From effects to verdicts: what passes, what fails, and what never does."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.judge import (
    Draft,
    Effect,
    Observed,
    block_difference,
    judge,
    mean_difference,
    proportion_difference,
    quantile_differences,
)
from seatrial.judge.decide import holm
from seatrial.records import Comparison, Direction, Family, MetricSpec, Needs, Verdict

LOSS = MetricSpec(name="loss", family=Family.MODEL, direction=Direction.LOWER, margin=0.1, gate=True)
SIZE = MetricSpec(name="stack_size", family=Family.APPLICATION, direction=Direction.LOWER, gate=True, unit="B")


def shifted(shift: float, size: int = 400, seed: int = 0, base: float = 1.0) -> Effect:
    """Losses of the candidate larger by `shift` on average, with a spread of 0.5 in the difference."""
    rng = np.random.default_rng(seed)
    baseline = base + rng.normal(size=size)
    noise = rng.normal(size=size)
    return mean_difference(baseline, baseline + shift + 0.5 * (noise - noise.mean()) / noise.std())


def one(spec: MetricSpec, effect: Effect | None, **more: float | str) -> Comparison:
    """The comparison of a trial with a single metric."""
    return judge([Draft(deployment="model", metric=spec, effect=effect, **more)])[0]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("shift", "expected"),
    [(0.0, Verdict.PASS), (0.2, Verdict.FAIL), (0.1, Verdict.INCONCLUSIVE), (-0.3, Verdict.PASS)],
)
@pytest.mark.parametrize("direction", [Direction.LOWER, Direction.HIGHER])
def test_a_single_gate_agrees_with_its_interval(shift: float, expected: Verdict, direction: Direction) -> None:
    """Pass where the whole 95% interval is within the margin, fail where all of it is beyond, else inconclusive."""
    sign = 1 if direction is Direction.LOWER else -1
    comparison = one(replace(LOSS, direction=direction), shifted(sign * shift))
    assert comparison.interval is not None
    edges = sorted((sign * comparison.interval.low, sign * comparison.interval.high))
    by_interval = Verdict.PASS if edges[1] < 0.1 else Verdict.FAIL if edges[0] > 0.1 else Verdict.INCONCLUSIVE
    assert expected == by_interval == comparison.verdict


@given(shift=st.floats(-0.5, 0.5), margins=st.tuples(st.floats(0, 0.5), st.floats(0, 0.5)))
@settings(max_examples=40, deadline=None)
def test_a_wider_margin_never_makes_the_verdict_worse(shift: float, margins: tuple[float, float]) -> None:
    """Verdicts are monotone in the margin."""
    effect = shifted(shift)
    strict, loose = (one(replace(LOSS, margin=margin), effect).verdict for margin in sorted(margins))
    assert strict is not None
    assert loose is not None
    assert loose.severity <= strict.severity


@given(shifts=st.lists(st.floats(-0.3, 0.3), min_size=1, max_size=6), others=st.lists(st.floats(-0.3, 0.3), max_size=6))
@settings(max_examples=40, deadline=None)
def test_more_gates_never_make_a_fail_easier(shifts: list[float], others: list[float]) -> None:
    """A metric that fails among many would fail among few."""
    few = [Draft(deployment="m", metric=LOSS, effect=shifted(shift)) for shift in shifts]
    more = [Draft(deployment="m", metric=LOSS, effect=shifted(shift)) for shift in others]
    alone, together = judge(few), judge([*few, *more])[: len(few)]
    for single, joint in zip(alone, together, strict=True):
        assert single.p_worse_adjusted is not None
        assert joint.p_worse_adjusted is not None
        assert single.p_worse_adjusted <= joint.p_worse_adjusted
        assert joint.verdict != Verdict.FAIL or single.verdict == Verdict.FAIL
        assert (joint.verdict == Verdict.PASS) == (single.verdict == Verdict.PASS)


def test_holm_as_in_the_textbook() -> None:
    """0.01, 0.04, 0.03 and 0.005 become 0.03, 0.06, 0.06 and 0.02."""
    assert pytest.approx([0.03, 0.06, 0.06, 0.02]) == holm([0.01, 0.04, 0.03, 0.005])


def test_a_failure_among_many_gates_has_to_be_clearer() -> None:
    """What would fail alone is inconclusive among twenty, and says so."""
    effect = shifted(0.16)
    assert one(LOSS, effect).verdict is Verdict.FAIL
    joint = judge(
        [Draft(deployment="m", metric=LOSS, effect=effect)]
        + [Draft(deployment="m", metric=LOSS, effect=shifted(0))] * 19
    )[0]
    assert joint.verdict is Verdict.INCONCLUSIVE
    assert "beyond the margin of 0.1, but not clearly enough among 20 gated metrics" == joint.reason
    assert joint.needs is not None


EMPTY = [
    Draft(deployment="m", metric=LOSS),
    Draft(deployment="m", metric=LOSS, effect=mean_difference([], [])),
    Draft(deployment="m", metric=LOSS, effect=proportion_difference([], [])),
    Draft(deployment="m", metric=LOSS, effect=block_difference([1.0], [1.0])),
    Draft(deployment="m", metric=LOSS, baseline=1.0),
    Draft(deployment="m", metric=LOSS, candidate=1.0),
    Draft(deployment="m", metric=replace(LOSS, margin=None, limit=5.0)),
    Draft(deployment="m", metric=replace(LOSS, margin=None, limit=5.0), baseline=1.0),
    Draft(deployment="m", metric=replace(LOSS, margin=None), candidate=1.0),
    *(
        Draft(deployment="m", metric=replace(LOSS, limit=limit), effect=effect)
        for limit in (None, 5.0)
        for effect in quantile_differences([1.0], [1.0], [0], [0], (0.99,), rng=np.random.default_rng(1))
    ),
]


@pytest.mark.parametrize("draft", EMPTY)
def test_no_data_never_passes(draft: Draft) -> None:
    """Nothing, half of it, or too little: inconclusive, with a reason."""
    comparison = judge([draft])[0]
    assert comparison.verdict is Verdict.INCONCLUSIVE
    assert comparison.reason


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_no_number_is_an_error(value: float) -> None:
    """NaN is neither good nor bad; it is broken, and no NaN reaches the report."""
    comparison = one(LOSS, mean_difference([1.0, value], [1.0, 2.0]))
    assert comparison.verdict is Verdict.ERROR
    assert comparison.baseline is None
    assert comparison.difference is None
    assert 2.0 > (comparison.candidate or 0)


def test_ungated_metrics_have_no_verdict_and_do_not_count() -> None:
    """Nor do metrics without a direction."""
    shown = [
        Draft(deployment="m", metric=replace(LOSS, gate=False), effect=shifted(5)),
        Draft(deployment="m", metric=replace(LOSS, direction=Direction.NONE), effect=shifted(5)),
    ]
    comparisons = judge([*shown, Draft(deployment="m", metric=LOSS, effect=shifted(0.16))])
    assert [None, None, Verdict.FAIL] == [comparison.verdict for comparison in comparisons]
    assert comparisons[0].interval is not None
    assert comparisons[2].p_worse == comparisons[2].p_worse_adjusted


def test_a_relative_margin_counts_the_baselines_own_uncertainty() -> None:
    """5 % of a baseline that is itself uncertain: the p-value is that of candidate − 1.05 · baseline."""
    effect = shifted(0.0, base=10.0)
    comparison = one(replace(LOSS, margin=0.05, relative=True), effect)
    assert effect.p_greater(0.0, weight=1.05) == comparison.p_worse
    assert comparison.gate is not None
    assert "5%" == comparison.gate.margin_text
    assert pytest.approx(0.05 * effect.baseline) == comparison.gate.margin
    assert comparison.verdict is Verdict.PASS


def test_a_relative_margin_of_a_negative_baseline_still_allows_worse() -> None:
    """R² of −10 may fall by a tenth to −11, not only rise to −9."""
    spec = MetricSpec(name="r2", family=Family.MODEL, direction=Direction.HIGHER, margin=0.1, relative=True, gate=True)
    assert one(spec, shifted(-0.5, base=-10.0)).verdict is Verdict.PASS
    assert one(spec, shifted(-2.0, base=-10.0)).verdict is Verdict.FAIL


def test_a_relative_margin_of_nothing_is_named() -> None:
    """Five percent of no errors allows none, which no data can show."""
    comparison = one(
        replace(LOSS, margin=0.05, relative=True), proportion_difference(np.zeros(50, bool), np.zeros(50, bool))
    )
    assert comparison.verdict is Verdict.INCONCLUSIVE
    assert "the baseline is 0" in comparison.reason


@pytest.mark.parametrize(("candidate", "expected"), [(100.0, Verdict.PASS), (100.1, Verdict.FAIL)])
def test_a_limit_on_one_observation_is_decided_on_what_was_seen(candidate: float, expected: Verdict) -> None:
    """Peak memory against its limit: there is nothing else to go by."""
    spec = replace(SIZE, limit=100.0)
    assert expected == one(spec, None, baseline=90.0, candidate=candidate).verdict
    assert expected == one(spec, None, candidate=candidate).verdict


def test_a_margin_on_one_observation_is_inconclusive() -> None:
    """Unless the figures are exact."""
    spec = replace(SIZE, margin=0.1, relative=True)
    seen = Observed(baseline=100.0, candidate=120.0, samples=1, method="none")
    assert "one observation a version" in one(spec, seen).reason
    assert one(spec, seen).verdict is Verdict.INCONCLUSIVE
    assert one(spec, replace(seen, exact=True)).verdict is Verdict.FAIL
    assert one(spec, replace(seen, candidate=110.0, exact=True)).verdict is Verdict.PASS
    assert one(spec, replace(seen, exact=True)).p_worse is None


def test_a_limit_is_judged_on_the_candidates_own_interval() -> None:
    """Not on the difference: a candidate better than the baseline may still be too slow."""
    effect = shifted(-0.5, base=5.0)
    spec = replace(LOSS, margin=None, limit=4.0)
    assert one(spec, effect).verdict is Verdict.FAIL
    assert one(replace(spec, limit=6.0), effect).verdict is Verdict.PASS
    assert one(replace(spec, limit=4.5), effect).verdict is Verdict.INCONCLUSIVE


def test_with_margin_and_limit_the_worse_answer_counts() -> None:
    """Within the margin and beyond the limit is a fail, and the reason names the limit."""
    comparison = one(replace(LOSS, limit=0.5), shifted(0.0))
    assert comparison.verdict is Verdict.FAIL
    assert comparison.reason.startswith("worse than the limit of 0.5 allows")


def test_what_an_inconclusive_metric_needs_would_settle_it() -> None:
    """Driving as many more requests as it says settles it, should the estimate be the truth."""
    comparison = one(LOSS, shifted(0.06, 300))
    assert comparison.verdict is Verdict.INCONCLUSIVE
    assert comparison.needs is not None
    assert 300 < comparison.needs.requests < 3000
    assert one(LOSS, shifted(0.06, 300 + comparison.needs.requests)).verdict is Verdict.PASS


def test_an_estimate_at_the_margin_promises_nothing() -> None:
    """No number of requests settles what lies on the line."""
    comparison = one(LOSS, shifted(0.1))
    assert comparison.needs is None
    assert "too near to the margin" in comparison.reason


def test_a_refused_quantile_says_how_many_more_requests() -> None:
    """A p99 of 500 requests needs 500 more."""
    values = np.random.default_rng(1).lognormal(size=500)
    index = np.arange(500) // 25
    (effect,) = quantile_differences(values, values, index, index, (0.99,), rng=np.random.default_rng(1))
    comparison = one(LOSS, effect)
    assert Needs(requests=500) == comparison.needs
    assert "needs at least 1000 good answers" in comparison.reason


def test_the_order_and_the_figures_are_kept() -> None:
    """One comparison per draft, in their order, with figures, samples and slice."""
    drafts = [
        Draft(deployment=f"m{index}", metric=LOSS, effect=shifted(0, 200 + index), slice=f"s={index}")
        for index in range(3)
    ]
    comparisons = judge(drafts)
    assert [("m0", "s=0", 200), ("m1", "s=1", 201), ("m2", "s=2", 202)] == [
        (comparison.deployment, comparison.slice, comparison.samples) for comparison in comparisons
    ]
