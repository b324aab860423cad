"""Whole releases, window by window."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.judge.release import begin, dump, resume, update, warm
from seatrial.records import UsageError
from seatrial.records.judgement import Decision, Judgement, JudgePolicy, QualityPolicy
from seatrial.records.window import ArmWindow, Labels, Part, Sums, Window
from tests.judge.release.makers import PLAIN, Traffic, at, judged, labelled, learned

RMSE = (QualityPolicy(name="rmse", root=True),)


def decisions(found: list[Judgement]) -> set[Decision]:
    """All that were made."""
    return {each.decision for each in found}


def names(judgement: Judgement) -> dict[str, Any]:
    """Its metrics by name."""
    return {each.name: each for each in judgement.metrics}


def test_a_canary_like_stable_is_promoted_within_the_hour() -> None:
    """And the reason names the metric that is nearest to its margin, with its interval."""
    _, found = judged(Traffic().windows(1, 360), until=Decision.PROMOTE)
    last = found[-1]
    assert Decision.PROMOTE is last.decision
    assert last.why.startswith("no metric is worse than its margin; nearest is ")
    assert "95 % confidence" in last.why
    assert last.split is not None
    assert last.split.equivalent
    assert all(each.safe.settled for each in last.metrics if each.safe)
    assert {Decision.CONTINUE} == decisions(found[:-1])
    assert "waiting for" in found[5].why


@pytest.mark.parametrize(
    ("traffic", "metric"),
    [
        (Traffic(slower=1.15), "latency"),
        (Traffic(tail=1.6), "p99"),
        (Traffic(more_errors=0.02), "error rate"),
    ],
)
def test_a_canary_that_does_harm_is_aborted_and_the_metric_named(traffic: Traffic, metric: str) -> None:
    """Within ten minutes at 50 requests a second."""
    state = learned(traffic)
    found = []
    for window in traffic.windows(1, 60):
        found.append(update(state, window))
        if found[-1].decision is Decision.ABORT:
            break
    assert Decision.ABORT is found[-1].decision
    assert metric in found[-1].why
    assert found[-1].evidence.settled


def test_a_worse_model_is_aborted_by_labels_that_come_late() -> None:
    """Its answers are as fast as ever."""
    policy = JudgePolicy(warmup=0.0, quality=RMSE)
    windows = labelled(Traffic().windows(1, 200), 1, worse=1.3)
    _, found = judged(windows, policy, until=Decision.ABORT)
    assert Decision.ABORT is found[-1].decision
    assert found[-1].why.startswith("rmse is worse: +")


def test_a_model_metric_without_labels_holds_promotion() -> None:
    """And it says what it waits for."""
    _, found = judged(Traffic().windows(1, 360), JudgePolicy(warmup=0.0, quality=RMSE))
    assert {Decision.CONTINUE} == decisions(found)
    assert "waiting for labels of rmse" in found[-1].why
    assert found[-1].more is None


def test_labels_of_one_arm_alone_hold_promotion_too() -> None:
    """However many they are."""
    windows = [
        replace(
            window,
            labels=(Labels(served=window.start, metric="rmse", stable=Sums(count=80, total=80.0, squares=240.0)),),
        )
        for window in Traffic().windows(1, 60)
    ]
    _, found = judged(windows, JudgePolicy(warmup=0.0, quality=RMSE))
    assert {Decision.CONTINUE} == decisions(found)
    assert (0, 0) == names(found[-1])["rmse"].samples


def test_labels_of_requests_served_in_warm_up_are_left_out() -> None:
    """Whenever they come in."""
    policy = JudgePolicy(warmup=300.0, quality=RMSE)
    windows = [*labelled(Traffic().windows(1, 60), 1, worse=3.0, delay=30)]
    _, found = judged(windows, policy)
    assert (0, 0) == names(found[-1])["rmse"].samples


def test_no_traffic_never_passes() -> None:
    """Neither without any request, nor with requests to stable alone."""
    for traffic in (Traffic(rate=0), Traffic(skew=-0.2)):
        _, found = judged(traffic.windows(1, 100), JudgePolicy(warmup=0.0, margins={}))
        assert Decision.PROMOTE not in decisions(found)
    assert "the canary has had no requests yet" in found[0].why


def test_a_mirror_alone_is_not_judged() -> None:
    """At a weight of 0 nobody sees the canary's answers."""
    windows = [replace(window, weight=0.0) for window in Traffic(slower=3.0, more_errors=0.9).windows(1, 60)]
    state, found = judged(windows)
    assert {Decision.CONTINUE} == decisions(found)
    assert (0, 0) == found[-1].requests
    assert state.canary_since is None


@pytest.mark.parametrize("level", [(1.0,) * 30 + (3.0,) * 30, (1.0, 1.6, 0.7)])
def test_both_arms_slow_down_together_and_nothing_follows(level: tuple[float, ...]) -> None:
    """A shift that is common to both doesn't decide."""
    state = learned(Traffic(level=level))
    found = [update(state, window) for window in Traffic(level=level).windows(7, 240)]
    assert not decisions(found) & {Decision.ABORT, Decision.PAUSE}
    assert max(each.evidence.evidence for each in found) < 1.5


@pytest.mark.parametrize("errors", [0.2, 0.9])
def test_an_outage_of_both_arms_is_not_the_canarys(errors: float) -> None:
    """Nine of ten requests fail on both sides."""
    state = learned(Traffic())
    found = [update(state, window) for window in Traffic(errors=errors).windows(7, 60)]
    assert {Decision.CONTINUE} == decisions(found)


def test_a_split_that_is_off_pauses_until_somebody_has_looked() -> None:
    """The arms can't be compared."""
    state, found = judged(Traffic(skew=0.05).windows(1, 100), until=Decision.PAUSE)
    assert Decision.PAUSE is found[-1].decision
    assert "instead of 20 %" in found[-1].why
    resume(state)
    mended = [update(state, window) for window in Traffic().windows(2, 60, first=100)]
    assert Decision.PAUSE not in decisions(mended)


def test_windows_in_which_the_weight_changed_are_left_out_of_the_split() -> None:
    """The share was something in between."""
    windows = [replace(window, steady=False) for window in Traffic(skew=0.2).windows(1, 40)]
    _, found = judged(windows)
    assert Decision.PAUSE not in decisions(found)
    assert found[-1].split is not None
    assert 0 == found[-1].split.units


def test_users_are_counted_where_there_is_a_key() -> None:
    """A user's second request is no second choice of an arm."""
    _, found = judged(Traffic(session=5).windows(1, 20))
    split = found[-1].split
    assert split is not None
    assert "users" == split.unit
    assert pytest.approx(2000, rel=0.1) == split.units


def test_a_canary_that_silently_loses_requests_is_not_promoted() -> None:
    """Three in a hundred of its requests, the slow ones, leave no trace: everything else looks better for it."""
    windows = [
        replace(window, canary=_without_the_slow(window.canary, share=0.03)) for window in Traffic().windows(1, 500)
    ]
    _, found = judged(windows)
    assert Decision.PROMOTE not in decisions(found)
    assert {"latency_p50", "latency_p90", "latency_p99"} <= {
        each.name for each in found[-1].metrics if each.safe and each.safe.settled
    }


def _without_the_slow(arm: ArmWindow, share: float) -> ArmWindow:
    lost = round(share * arm.requests)
    kept = dict(arm.latency)
    for place in sorted(kept, reverse=True)[:lost]:
        kept[place] -= 1
    return replace(arm, requests=arm.requests - lost, latency={place: count for place, count in kept.items() if count})


def test_a_cold_start_is_left_out() -> None:
    """Twice the latency in the first two minutes; the judge begins after five."""
    cold = [*Traffic(slower=2.0).windows(1, 12), *Traffic().windows(1, 100, first=12)]
    _, found = judged(cold, JudgePolicy(warmup=300.0))
    assert not decisions(found) & {Decision.ABORT, Decision.PAUSE}
    assert [True] * 30 + [False] * 82 == [each.warming for each in found]
    assert "warming up, 290 s to go" in found[0].why
    _, strict = judged(cold, until=Decision.ABORT)
    assert Decision.ABORT is strict[-1].decision


@pytest.mark.parametrize(
    ("traffic", "why"),
    [(Traffic(more_errors=0.7), "the canary failed "), (Traffic(slower=15.0), "median latency of the last minute is")],
)
def test_a_canary_that_is_broken_is_stopped_in_warm_up(traffic: Traffic, why: str) -> None:
    """Within a minute: it fails most of its requests, or takes more than ten times as long."""
    _, found = judged(traffic.windows(1, 6), JudgePolicy(warmup=600.0), until=Decision.ABORT)
    assert Decision.ABORT is found[-1].decision
    assert why in found[-1].why


def test_nothing_is_promoted_before_the_soak_is_over() -> None:
    """However clear it is."""
    _, found = judged(Traffic(rate=3000).windows(1, 60), JudgePolicy(warmup=0.0, soak=900.0))
    assert Decision.PROMOTE not in decisions(found)
    assert "in its first 900 s" in found[-1].why


def test_metrics_that_are_off_are_on_neither_side() -> None:
    """A metric that is only left out of the margins still aborts."""
    off = JudgePolicy(warmup=0.0, margins={"errors": None, "latency_p50": 0.05})
    _, found = judged(Traffic(more_errors=0.2).windows(1, 30), off)
    assert {Decision.CONTINUE} == decisions(found)
    shown = names(found[-1])
    assert "errors" not in shown
    assert shown["latency_p99"].harm is not None
    assert shown["latency_p99"].safe is None
    _, found = judged(Traffic(more_errors=0.2).windows(1, 30), JudgePolicy(warmup=0.0, margins={"latency_p50": 0.05}))
    assert Decision.ABORT in decisions(found)


def test_a_tolerance_lets_pass_what_is_within_it() -> None:
    """Two per cent slower is harm to a judge without tolerance."""
    windows = [*Traffic(rate=4000, slower=1.025, weight=0.5).windows(3, 120)]
    _, strict = judged(windows, JudgePolicy(warmup=0.0, tolerance=0.0), until=Decision.ABORT)
    _, lenient = judged(windows, JudgePolicy(warmup=0.0, tolerance=0.03))
    assert Decision.ABORT is strict[-1].decision
    assert Decision.ABORT not in decisions(lenient)


def test_few_requests_are_joined_until_there_are_enough() -> None:
    """Blocks of twenty requests of the canary, here from five windows each."""
    state, found = judged(Traffic(rate=20).windows(1, 60))
    counts = [each.requests[1] for each in found]
    steps = {later - earlier for earlier, later in pairwise(counts) if later > earlier}
    assert min(steps) >= 20
    assert state.block is None or int(state.block.requests[1]) < 20


def test_a_step_of_the_weight_closes_a_block() -> None:
    """A block has one weight; what was counted is judged."""
    windows = [*Traffic(rate=20, weight=0.1).windows(1, 3), *Traffic(rate=20, weight=0.5).windows(1, 1, first=3)]
    state, found = judged(windows)
    assert found[2].requests == (0, 0)
    assert found[3].requests[1] == sum(window.canary.requests for window in windows[:3])
    assert state.changes.tolist() == [windows[3].start.timestamp()]


def test_steps_of_the_weight_decide_nothing() -> None:
    """From 5 to 50 %, while the level of both arms rises."""
    windows = [
        window
        for step, weight in enumerate((0.05, 0.2, 0.5))
        for window in Traffic(weight=weight, level=(1.0 + 0.3 * step,)).windows(4, 60, first=60 * step)
    ]
    _, found = judged(windows)
    assert not decisions(found) & {Decision.ABORT, Decision.PAUSE}
    assert found[-1].split is not None
    assert pytest.approx(0.25, abs=0.01) == found[-1].split.expected


EDGES = (0.05, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 1.0)


def test_buckets_of_a_source_are_judged_by_and_margins_move_to_their_edges() -> None:
    """The notes say how large the margins are then."""
    _, found = judged(Traffic(edges=EDGES).windows(1, 200), until=Decision.PROMOTE)
    assert Decision.PROMOTE is found[-1].decision
    assert any("latency_p50 is held at the bucket edge 120 ms, its margin is 25 %" in note for note in found[-1].notes)
    assert pytest.approx(0.25) == names(found[-1])["latency_p50"].margin
    _, found = judged(Traffic(edges=EDGES, slower=1.2).windows(1, 100), until=Decision.ABORT)
    assert Decision.ABORT is found[-1].decision


def test_a_tolerance_holds_in_wide_buckets_too() -> None:
    """Three per cent slower doesn't abort; ten do."""
    policy = JudgePolicy(warmup=0.0, tolerance=0.03)
    _, lenient = judged(Traffic(edges=EDGES, slower=1.02, rate=2000).windows(1, 200), policy)
    assert Decision.ABORT not in decisions(lenient)
    _, harmed = judged(Traffic(edges=EDGES, slower=1.1, rate=2000).windows(1, 200), policy, until=Decision.ABORT)
    assert Decision.ABORT is harmed[-1].decision


def test_a_source_that_changes_its_buckets_is_followed() -> None:
    """Latencies are compared anew, the rest goes on, and a note says so."""
    windows = [*Traffic(edges=EDGES).windows(1, 20), *Traffic(edges=(0.1, 0.2, 0.4)).windows(1, 20, first=20)]
    _, found = judged(windows)
    assert any("changed its latency buckets" in note for note in found[-1].notes)
    assert Decision.ABORT not in decisions(found)


def test_a_note_says_when_independence_had_to_be_assumed() -> None:
    """And doesn't when groups and replicas tell."""
    _, alone = judged(Traffic().windows(1, 10))
    _, told = judged(Traffic(parts=True).windows(1, 10))
    assert any("taken as independent" in note for note in alone[-1].notes)
    assert not any("taken as independent" in note for note in told[-1].notes)


def test_sessions_raise_the_dispersion_and_are_no_harm() -> None:
    """Five requests of each user share their latency: judged as independent they would look like an effect."""
    traffic = Traffic(parts=True, session=5)
    state = learned(traffic, windows=90)
    found = [update(state, window) for window in traffic.windows(9, 120)]
    assert Decision.ABORT not in decisions(found)
    assert 3 < names(found[-1])["latency_p50"].dispersion < 8


@settings(max_examples=8)
@given(st.integers(-150, 150))
def test_a_factor_on_both_arms_latencies_changes_no_evidence(bins: int) -> None:
    """All latencies and all of the history moved by so many bins."""
    past, now = [*Traffic(rate=100).windows(1, 12, first=-12, weight=0.0)], [*Traffic(rate=100).windows(1, 12)]

    def moved(arm: ArmWindow) -> ArmWindow:
        return replace(arm, latency={place + bins: count for place, count in arm.latency.items()}, seconds=None)

    def evidence(shift: bool) -> list[tuple[float, ...]]:  # noqa: FBT001
        state = begin(PLAIN)
        for window in past:
            warm(state, replace(window, stable=moved(window.stable)) if shift else window)
        found = [
            update(
                state, replace(window, stable=moved(window.stable), canary=moved(window.canary)) if shift else window
            )
            for window in now
        ]
        return [
            (
                each.evidence.evidence,
                *(side.evidence for metric in each.metrics for side in (metric.harm, metric.safe) if side),
            )
            for each in found
        ]

    assert evidence(shift=False) == evidence(shift=True)


def test_empty_windows_change_nothing_but_the_time() -> None:
    """A source without an answer, a night without traffic."""
    state, _ = judged(Traffic(rate=200).windows(1, 20))
    before = update(state, Window(start=at(20), weight=0.2))
    for number in range(21, 40):
        after = update(state, Window(start=at(number), weight=0.2))
    assert before.metrics == after.metrics
    assert (before.windows + 19, before.at + timedelta(seconds=190)) == (after.windows, after.at)


def test_stable_without_requests_compares_nothing() -> None:
    """When stable dies, all traffic goes to the canary: that is no evidence."""
    windows = [replace(window, stable=ArmWindow(), steady=False) for window in Traffic().windows(1, 40)]
    _, found = judged(windows)
    assert {Decision.CONTINUE} == decisions(found)
    assert "requests of both arms" in found[-1].why


GARBAGE: Mapping[str, Mapping[str, Any]] = {
    "negative requests": {"canary": ArmWindow(requests=-1)},
    "negative errors": {"canary": ArmWindow(requests=5, errors={"5xx": -1})},
    "negative latencies": {"stable": ArmWindow(requests=5, latency={700: -1})},
    "a bin below": {"stable": ArmWindow(requests=5, latency={-3: 5})},
    "a bin above": {"stable": ArmWindow(requests=5, latency={1600: 5})},
    "no number": {"stable": ArmWindow(requests=5, seconds=float("nan"))},
    "a part": {"stable": ArmWindow(requests=5, replicas={"a": Part(requests=-2)})},
    "a weight": {"weight": 1.5},
    "no length": {"seconds": 0.0},
    "edges": {"edges": (0.5, 0.1)},
    "labels": {"labels": (Labels(served=at(0), metric="rmse", canary=Sums(count=-1)),)},
}


@pytest.mark.parametrize("what", GARBAGE)
def test_what_cannot_have_been_counted_is_refused_and_changes_nothing(what: str) -> None:
    """The next good window is judged as if the bad one had not come."""
    state, _ = judged(Traffic(rate=100).windows(1, 5), JudgePolicy(warmup=0.0, quality=RMSE))
    before = dump(state)
    with pytest.raises(UsageError):
        update(state, replace(Window(start=at(5), weight=0.2), **GARBAGE[what]))
    assert before == dump(state)


@pytest.mark.parametrize("second", [at(4), at(0)])
def test_time_only_goes_forward(second: Any) -> None:
    """A window that was already judged, or is older than the last, is refused; one after a gap is taken."""
    state, _ = judged(Traffic(rate=100).windows(1, 5))
    with pytest.raises(UsageError, match="older than the last"):
        update(state, Window(start=second, weight=0.2))
    assert update(state, Window(start=at(50), weight=0.2)).windows == 6


@pytest.mark.parametrize(
    "policy",
    [
        JudgePolicy(alpha=0.0),
        JudgePolicy(beta=1.0),
        JudgePolicy(margins={"errors": 0.0}),
        JudgePolicy(quality=(QualityPolicy(name="rmse", margin=-0.1),)),
        JudgePolicy(block=0),
        JudgePolicy(split_margin=0.0),
    ],
)
def test_a_policy_that_can_never_be_met_is_refused(policy: JudgePolicy) -> None:
    """Before the release, not in it."""
    with pytest.raises(UsageError):
        begin(policy)
