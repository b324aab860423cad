"""Whole releases, from the beginning to the end, hours of them in seconds."""

from pathlib import Path

import pytest

from seatrial.records import (
    OrderKind,
    ReleaseOutcome,
    ReleasePhase,
    ReleaseSpec,
    ReleaseStep,
    StepKind,
    TemporaryError,
    Threshold,
    Verdict,
)
from seatrial.release.outcome import exit_code
from seatrial.release.text import stands
from tests.release.world import PlainJudge, World

HOUR = 3600.0
RAMP = ReleaseSpec(
    steps=(
        ReleaseStep(kind=StepKind.MIRROR, share=100, dwell=120.0),
        ReleaseStep(kind=StepKind.WEIGHT, share=50, dwell=300.0),
        ReleaseStep(kind=StepKind.WEIGHT, share=200, decided=True),
        ReleaseStep(kind=StepKind.APPROVAL),
        ReleaseStep(kind=StepKind.WEIGHT, share=500, dwell=60.0, decided=True),
    )
)


def test_a_harmless_version_gets_all_requests_as_soon_as_it_is_decided(tmp_path: Path) -> None:
    """Given a version that is no worse, when it is released, then stable is replaced before the canary goes."""
    world = World(tmp_path)
    world.given_in_production(1)
    world.start()

    release = world.run_until(ReleasePhase.ENDED)

    assert (ReleaseOutcome.PROMOTED, Verdict.PASS, 0) == (release.outcome, release.verdict, exit_code(release))
    assert ["wine-canary: 2", "wine: 2", "wine-canary: gone"] == world.fleet.asked
    assert [200, 0] == world.weights()
    assert [2] == [version.number for version in world.registry.holders("wine", "Production")]
    assert ["cellar: wine v2 has all requests of wine – pass"] == [notice.subject for notice in world.notices]


def test_a_version_that_does_harm_is_aborted_in_the_turn_of_the_verdict(tmp_path: Path) -> None:
    """Given a canary that fails, when the judge says so, then stable has everything within that turn."""
    world = World(tmp_path)
    world.given_in_production(1)
    world.stream.canary.errors = 0.1
    world.start()
    world.run_until(ReleasePhase.STEPPING)
    world.run(HOUR, until=lambda: "the judge says abort" in world.told)

    assert 0 == world.weight
    release = world.run_until(ReleasePhase.ENDED)
    verdict = next(event.at for event in world.events if "the judge says abort" in event.text)
    back = next(event.at for event in world.events if event.weight == 0)
    assert verdict == back
    assert (ReleaseOutcome.ABORTED, Verdict.FAIL, 1) == (release.outcome, release.verdict, exit_code(release))
    assert ["wine-canary: 2", "wine-canary: gone"] == world.fleet.asked
    assert [1] == [version.number for version in world.registry.holders("wine", "Production")]
    assert release.why.startswith("errors: ")
    assert ["cellar: the release of wine v2 to wine was aborted – fail"] == [each.subject for each in world.notices]


def test_steps_follow_each_other_and_wait_for_what_they_wait_for(tmp_path: Path) -> None:
    """Given a ramp with a mirror and an approval, then each step lasts its time, and a person lets it go on."""
    world = World(tmp_path, RAMP)
    world.start()
    world.run_until(ReleasePhase.STEPPING)
    world.turn()
    assert 100 == world.traffic.wanted()[0].mirror

    world.run(HOUR, until=lambda: world.release.step == 3)
    begun = {event.weight: event.at for event in world.events if event.weight is not None}
    mirrored = next(event.at for event in world.events if "copy of 10 %" in event.text and event.weight == 0)
    assert 120 <= (begun[50] - mirrored).total_seconds() <= 150
    assert 300 <= (begun[200] - begun[50]).total_seconds() <= 330
    world.stream.rate = 0.0
    world.run(13 * HOUR, every=600.0)
    world.stream.rate = 10.0
    assert (3, 200) == (world.release.step, world.weight)
    assert ["cellar: the release of wine v2 to wine waits for approval"] == [one.subject for one in world.notices]

    world.order(OrderKind.APPROVE, "looks good")
    release = world.run_until(ReleasePhase.ENDED)
    assert [0, 50, 200, 500, 0] == world.weights()
    assert ReleaseOutcome.PROMOTED is release.outcome
    assert "bob approved it: looks good" in world.told


def test_without_requests_nothing_passes(tmp_path: Path) -> None:
    """Given no traffic at all, then the release ends without a verdict after its time, and is aborted."""
    world = World(tmp_path)
    world.stream.rate = 0.0
    world.start()

    release = world.run_until(ReleasePhase.ENDED, every=60.0)

    assert (ReleaseOutcome.ABORTED, Verdict.INCONCLUSIVE, 3) == (release.outcome, release.verdict, exit_code(release))
    assert release.why.startswith("not enough evidence after 12 h")
    assert release.ended is not None
    assert 12 * HOUR <= (release.ended - release.started).total_seconds() <= 12 * HOUR + 180


def test_a_step_that_lasts_its_time_does_not_pass_without_requests_either(tmp_path: Path) -> None:
    """A first weight that is only to last a while waits until the canary has answered something."""
    world = World(tmp_path, RAMP)
    world.stream.rate = 0.0
    world.start()
    world.run(3 * HOUR, every=30.0)
    assert 1 == world.release.step

    world.stream.rate = 10.0
    world.run(60.0)
    assert 2 == world.release.step


@pytest.mark.parametrize(("at_timeout", "phase"), [("promote", ReleasePhase.ENDED), ("pause", ReleasePhase.PAUSED)])
def test_the_end_of_time_does_what_was_configured(tmp_path: Path, at_timeout: str, phase: ReleasePhase) -> None:
    """Promote: without a verdict, and it says so. Pause: until a person says what."""
    spec = ReleaseSpec(longest=HOUR / 2, at_timeout="promote" if at_timeout == "promote" else "pause")
    world = World(tmp_path, spec, judge=PlainJudge(promotes=10**9))
    world.start()

    release = world.run_until(phase, within=HOUR)

    assert release.why.startswith("not enough evidence after 30 min")
    if at_timeout == "promote":
        assert (ReleaseOutcome.PROMOTED, Verdict.INCONCLUSIVE) == (release.outcome, release.verdict)
        return
    assert 200 == world.weight
    world.order(OrderKind.RESUME)
    world.run(HOUR / 4)
    assert "step 1 of 1" == stands(world.release)


def test_a_canary_that_falls_over_again_and_again_is_aborted(tmp_path: Path) -> None:
    """Given a version that does not stay up, then it never gets requests, and its end says how it fell."""
    world = World(tmp_path)
    world.fleet.broken.add(2)
    world.start()

    release = world.run_until(ReleasePhase.ENDED, within=HOUR)

    assert (ReleaseOutcome.ABORTED, Verdict.FAIL) == (release.outcome, release.verdict)
    assert "fell over" in release.why
    assert "exit status 1" in release.why
    assert [] == world.weights()


def test_a_canary_that_breaks_later_is_aborted_too(tmp_path: Path) -> None:
    """Given a canary that ran well, when it begins to fall over, then everything is back on stable."""
    world = World(tmp_path)
    world.start()
    world.run_until(ReleasePhase.STEPPING)
    world.run(120.0)
    world.fleet.broken.add(2)

    release = world.run_until(ReleasePhase.ENDED, within=HOUR)

    assert (ReleaseOutcome.ABORTED, Verdict.FAIL, 0) == (release.outcome, release.verdict, world.weight)


def test_a_canary_that_somebody_removes_ends_the_release(tmp_path: Path) -> None:
    """It is nobody's harm: the release broke."""
    world = World(tmp_path)
    world.start()
    world.run_until(ReleasePhase.STEPPING)
    world.fleet.take_away("wine-canary")

    release = world.run_until(ReleasePhase.ENDED, within=HOUR)

    assert (Verdict.ERROR, 4) == (release.verdict, exit_code(release))
    assert "is gone" in release.why


def test_while_stable_is_dead_nothing_is_taken_from_the_canary(tmp_path: Path) -> None:
    """Given a stable that does not answer, when the canary does harm, then it is kept until stable is back."""
    world = World(tmp_path)
    world.start()
    world.run_until(ReleasePhase.STEPPING)
    world.run(60.0)
    world.fleet.dead.add("wine")
    world.stream.canary.errors = 0.5
    world.run(300.0)

    assert ReleasePhase.ABORTING is world.release.phase
    assert 200 == world.weight
    assert "wine-canary: gone" not in world.fleet.asked
    assert any("stable does not answer" in text for text in world.troubles())

    world.fleet.dead.clear()
    release = world.run_until(ReleasePhase.ENDED, within=60.0)
    assert (ReleaseOutcome.ABORTED, 0) == (release.outcome, world.weight)


def test_a_release_does_not_promote_into_nothing(tmp_path: Path) -> None:
    """Given a stable that died, when the judge says promote, then the release waits for it."""
    world = World(tmp_path)
    world.start()
    world.run_until(ReleasePhase.STEPPING)
    world.fleet.dead.add("wine")
    world.run(HOUR)
    assert (ReleasePhase.STEPPING, 200) == (world.release.phase, world.weight)

    world.fleet.dead.clear()
    assert ReleaseOutcome.PROMOTED is world.run_until(ReleasePhase.ENDED, within=60.0).outcome


def test_stable_that_does_not_come_up_with_the_version_gets_the_old_one_back(tmp_path: Path) -> None:
    """Given a version that runs as a canary and not in stable's place, then stable returns to what it was."""
    world = World(tmp_path)
    world.start()
    world.run_until(ReleasePhase.PROMOTING)
    world.fleet.broken.add(2)

    release = world.run_until(ReleasePhase.ENDED, within=HOUR)

    assert (ReleaseOutcome.ABORTED, Verdict.FAIL) == (release.outcome, release.verdict)
    assert ["wine-canary: 2", "wine: 2", "wine: 1", "wine-canary: gone"] == world.fleet.asked


def test_a_split_that_is_not_what_was_asked_for_pauses(tmp_path: Path) -> None:
    """Given a gateway that deals otherwise, then the release says so, keeps the weight, and waits for a person."""
    world = World(tmp_path)
    world.stream.share = 0.5
    world.start()

    release = world.run_until(ReleasePhase.PAUSED, within=HOUR)

    assert "the split is not what was asked for" == release.why
    assert 200 == world.weight
    assert ["cellar: the release of wine v2 to wine is paused"] == [notice.subject for notice in world.notices]
    world.run(13 * HOUR, every=600.0)
    assert ReleasePhase.PAUSED is world.release.phase

    world.stream.share = None
    world.order(OrderKind.RESUME, "a load test")
    assert ReleaseOutcome.PROMOTED is world.run_until(ReleasePhase.ENDED, within=60.0).outcome


def test_a_fixed_threshold_aborts_whatever_stable_does(tmp_path: Path) -> None:
    """A query of Prometheus is asked for the canary, over the window, and what it says is kept with the window."""
    threshold = Threshold(
        name="latency_mean < 0.5",
        metric="latency_mean",
        operator="<",
        value=0.5,
        query='sum(increase(seconds_total{version="$version"}[$window]))',
        url="http://prometheus",
    )
    world = World(tmp_path, ReleaseSpec(thresholds=(threshold,)))
    world.start()
    world.run_until(ReleasePhase.STEPPING)
    world.run(60.0)
    world.queries['sum(increase(seconds_total{version="2"}[300s]))'] = 0.6

    release = world.run_until(ReleasePhase.ENDED, within=HOUR)

    assert (Verdict.FAIL, "latency_mean < 0.5 does not hold") == (release.verdict, release.why)
    lines = (tmp_path / "releases" / release.id / "windows.jsonl").read_text().splitlines()
    assert '"latency_mean < 0.5":0.6' in lines[-1]


def test_a_gateway_that_is_killed_is_waited_for(tmp_path: Path) -> None:
    """Given a gateway that is gone for a while, then nothing is lost, the trouble is told once, and it goes on."""
    world = World(tmp_path)
    world.start()
    world.run_until(ReleasePhase.STEPPING)
    world.traffic.running = False
    world.run(300.0)
    assert ReleasePhase.STEPPING is world.release.phase
    assert 1 == len(world.troubles())

    world.traffic.keep()
    release = world.run_until(ReleasePhase.ENDED, within=HOUR)
    assert (ReleaseOutcome.PROMOTED, [200, 0]) == (release.outcome, world.weights())


def test_an_abort_that_the_gateway_does_not_confirm_is_not_over_until_it_does(tmp_path: Path) -> None:
    """Given a gateway that does not answer just then, then the canary stays until it says that it sends nothing there."""
    world = World(tmp_path)
    world.stream.canary.errors = 0.1
    world.start()
    world.run_until(ReleasePhase.STEPPING)
    world.turn()
    world.traffic.errors += [TemporaryError("no answer within 5 s")] * 3
    world.run(HOUR, until=lambda: world.release.phase is not ReleasePhase.STEPPING)
    assert (ReleasePhase.ABORTING, 200) == (world.release.phase, world.weight)
    assert "wine-canary: gone" not in world.fleet.asked
    assert ["the gateway does not confirm: no answer within 5 s"] == world.troubles()

    release = world.run_until(ReleasePhase.ENDED, within=60.0)
    assert (ReleaseOutcome.ABORTED, 0) == (release.outcome, world.weight)


def test_a_weight_that_somebody_else_changed_is_set_again(tmp_path: Path) -> None:
    """Given a gateway that does something else than it was asked for, then the timeline says so and it is asked again."""
    from dataclasses import replace

    world = World(tmp_path)
    world.start()
    world.run_until(ReleasePhase.STEPPING)
    world.turn()
    found = world.traffic.read("wine")
    assert found is not None
    world.traffic.meddle(replace(found, weight=700))
    world.run(20.0)

    assert [200, 700, 200] == world.weights()
    assert 200 == world.weight


def test_a_proxy_that_can_not_mirror_ends_a_release_that_asks_for_it(tmp_path: Path) -> None:
    """Nobody could mend that meanwhile: it says why and takes the canary away."""
    world = World(tmp_path, RAMP)
    world.traffic._mirrors = False
    world.start()
    release = world.run_until(ReleasePhase.ENDED, within=HOUR)
    assert (Verdict.ERROR, "this proxy can't mirror requests") == (release.verdict, release.why)


def test_a_source_that_says_nothing_lets_no_step_pass(tmp_path: Path) -> None:
    """Given figures that can't be had, then it goes on where it was once they can."""
    world = World(tmp_path)
    world.stream.silent = TemporaryError("prometheus does not answer")
    world.start()
    world.run(HOUR, every=10.0)
    assert (ReleasePhase.STEPPING, 0) == (world.release.phase, world.release.step)
    assert ["no figures: prometheus does not answer"] == world.troubles()

    world.stream.silent = None
    assert ReleaseOutcome.PROMOTED is world.run_until(ReleasePhase.ENDED, within=HOUR).outcome
