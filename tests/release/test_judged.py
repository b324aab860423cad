"""Whole releases with the real judge: what is harmless passes, and each kind of harm is found."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from seatrial.judge import release as judge
from seatrial.records import (
    JudgePolicy,
    Labels,
    QualityPolicy,
    Release,
    ReleaseOutcome,
    ReleasePhase,
    ReleaseSpec,
    Sums,
    Verdict,
    Window,
)
from tests.release.world import World

HOUR = 3600.0
LATER = timedelta(minutes=10)


def _world(folder: Path, spec: ReleaseSpec | None = None) -> World:
    world = World(folder, spec, judge=judge)
    world.given_in_production(1)
    world.stream.rate = 50.0
    return world


def _ended(world: World, hours: float = 3.0) -> Release:
    world.start()
    return world.run_until(ReleasePhase.ENDED, within=hours * HOUR, every=10.0)


@pytest.mark.slow
def test_a_version_that_is_no_worse_is_promoted(tmp_path: Path) -> None:
    """Within three hours at 50 requests a second, on the judge's word."""
    world = _world(tmp_path)
    release = _ended(world)
    assert (ReleaseOutcome.PROMOTED, Verdict.PASS) == (release.outcome, release.verdict)
    assert [2] == [version.number for version in world.registry.holders("wine", "Production")]


def test_a_slower_tail_is_aborted(tmp_path: Path) -> None:
    """Three of a hundred requests take ten times as long; the median is as before."""
    world = _world(tmp_path)
    world.stream.canary.slow = 0.03
    release = _ended(world)
    assert (ReleaseOutcome.ABORTED, Verdict.FAIL) == (release.outcome, release.verdict)
    notice = world.notices[-1]
    assert "latency" in " ".join(notice.sentences)
    assert any(row[0].startswith("latency") for row in notice.rows)
    assert "All requests go to stable: v1." in notice.sentences


def test_five_times_the_errors_are_aborted(tmp_path: Path) -> None:
    """From one in a thousand to five; the notice has the metric and its interval."""
    world = _world(tmp_path)
    world.stream.canary.errors = 0.005
    release = _ended(world)
    assert (ReleaseOutcome.ABORTED, Verdict.FAIL) == (release.outcome, release.verdict)
    assert "error" in release.why
    assert any("errors: " in sentence and "[" in sentence for sentence in world.notices[-1].sentences)


@pytest.mark.slow
def test_a_worse_model_is_aborted_through_labels_that_come_later(tmp_path: Path) -> None:
    """Labels ten minutes after the request, an RMSE that is a fifth larger, and nothing else worse."""
    quality = (QualityPolicy(name="rmse", margin=0.03, root=True),)
    world = _world(tmp_path, ReleaseSpec(policy=replace(JudgePolicy(), quality=quality)))
    world.stream.lays_on = lambda window: _labelled(world, window)
    release = _ended(world)
    assert (ReleaseOutcome.ABORTED, Verdict.FAIL) == (release.outcome, release.verdict)
    assert "rmse" in release.why


def test_what_both_arms_have_in_common_decides_nothing(tmp_path: Path) -> None:
    """Given an incident that slows both down and makes both fail, then the release is neither aborted nor paused."""
    world = _world(tmp_path)
    world.start()
    world.run_until(ReleasePhase.STEPPING)
    world.run(1000.0, every=10.0)
    for arm in (world.stream.stable, world.stream.canary):
        arm.median, arm.errors = 0.25, 0.02
    world.run(600.0, every=10.0)
    assert ReleasePhase.STEPPING is world.release.phase, world.told


def test_a_release_that_is_killed_has_the_very_judgements_of_one_that_is_not(tmp_path: Path) -> None:
    """Bit for bit, with the real judge's state loaded and the windows since then judged again."""
    for name in ("plain", "killed"):
        (tmp_path / name).mkdir()
    plain, killed = (_world(tmp_path / name) for name in ("plain", "killed"))
    for world in (plain, killed):
        world.start()
    for minutes in range(30):
        plain.run(60.0, every=10.0)
        killed.run(60.0, every=10.0)
        if minutes % 4 == 0:
            killed.restart()
    lines = [(one.folder / "releases" / one.release.id / "judgements.jsonl").read_bytes() for one in (plain, killed)]
    assert lines[0] == lines[1]
    assert lines[0].count(b"\n") > 150


def _labelled(world: World, window: Window) -> Window:
    served = window.start - LATER
    earlier = world.stream.made.get(served)
    if earlier is None:
        return window
    chance = np.random.default_rng(int(served.timestamp()) + 1)
    stable, canary = (
        _losses(chance, requests // 5, factor)
        for requests, factor in ((earlier.stable.requests, 1.0), (earlier.canary.requests, 1.2))
    )
    return replace(window, labels=(Labels(served=served, metric="rmse", stable=stable, canary=canary),))


def _losses(chance: np.random.Generator, count: int, factor: float) -> Sums:
    squared = (factor * chance.normal(0.0, 1.0, count)) ** 2
    return Sums(count=count, total=float(squared.sum()), squares=float((squared**2).sum()))
