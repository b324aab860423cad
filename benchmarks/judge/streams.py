"""A simulated release as the windows that a judge gets, the same for every rule that is tried on it.

Requests are drawn an hour at a time and only when somebody asks for them, so that a rule that decides after a minute costs
one hour's drawing. The seed fixes everything, and the level of the traffic doesn't depend on the effect: what differs between
two runs of one seed is the canary's harm alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import exp, log, pi
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from benchmarks.judge.scenarios import HOUR, MEDIAN_SECONDS, SPREAD, Effect, Scenario
from benchmarks.judge.tally import Answered, Delivered, windows_of
from seatrial.records import Window

STEP: Final = 10.0
STEPS: Final = int(HOUR / STEP)
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
STABLE_REPLICAS: Final = 8
CANARY_REPLICAS: Final = 2
GROUPS: Final = 64
LABELLED: Final = 0.2
LABEL_DELAY: Final = 600.0
LONGEST: Final = 60.0
INCIDENT_STEPS: Final = 18
SESSION_ENDS: Final = 0.1

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Truths = NDArray[np.bool_]


def release(
    scenario: Scenario, effect: Effect, *, seed: int, weight: float = 0.2, hours: int = 12, history: int = 2
) -> Iterator[Window]:
    """Windows of ten seconds of one release; those of its history have a weight of 0.

    Args:
        scenario: the kind of traffic.
        effect: what the canary does worse.
        seed: of the run.
        weight: share that the canary is to get.
        hours: length of the release.
        history: hours of stable alone before it.

    Yields:
        One window after another. Labels are joined once a minute.
    """
    drawing = _Release(scenario=scenario, effect=effect, seed=seed, weight=weight)
    for hour in range(-history, hours):
        yield from drawing.hour(hour)


class _Release:
    """What one hour hands to the next: levels, sessions, labels under way."""

    def __init__(self, *, scenario: Scenario, effect: Effect, seed: int, weight: float) -> None:
        rng = np.random.default_rng([seed])
        self.scenario = scenario
        self.effect = effect
        self.seed = seed
        self.weight = weight
        self.levels = _Levels(scenario, rng)
        self.sessions = _Sessions(scenario, rng, weight + scenario.skew) if scenario.sessions else None
        self.under_way = Delivered.none()

    def hour(self, number: int) -> Iterator[Window]:
        """The windows of one hour; negative numbers are the history."""
        level_rng, request_rng, label_rng = (
            np.random.default_rng([self.seed, number + 1000, purpose]) for purpose in range(3)
        )
        begin = number * HOUR
        level = self.levels.hour(level_rng, begin)
        answered, loss = self._requests(request_rng, level, begin)
        self.under_way = self.under_way.and_also(_labels(label_rng, answered, loss, number * STEPS))
        delivered, self.under_way = self.under_way.split((number + 1) * STEPS)
        yield from windows_of(
            answered,
            delivered,
            first=number * STEPS,
            steps=STEPS,
            weight=self.weight if begin >= 0 else 0.0,
            start=START + timedelta(seconds=begin),
        )

    def _requests(self, rng: np.random.Generator, level: "_Level", begin: float) -> tuple[Answered, Floats]:
        """The hour's requests in their order, and the size of the model's error for each."""
        scenario, effect = self.scenario, self.effect
        step = np.repeat(np.arange(STEPS), rng.poisson(scenario.rate * STEP, STEPS))
        size = step.size
        released = begin >= 0
        since = begin + step * STEP
        own = rng.standard_normal(size)
        share = self.weight + scenario.skew if released else 0.0
        split = rng.random(size)
        if self.sessions is None:
            canary, group, first = split < share, None, None
            deviation, prone = SPREAD * own, np.ones(size)
        else:
            seen = self.sessions.draw(rng, size, released=released)
            canary, group, first, prone = seen.canary, seen.group, seen.first, seen.prone
            deviation = float(np.sqrt(SPREAD**2 - scenario.sessions**2)) * own + seen.slow
        heavy = rng.random(size) < scenario.heavy
        deviation[heavy] += 0.7 + rng.exponential(1 / 1.2, int(heavy.sum()))
        spot = rng.random(size)
        replica = np.where(
            canary,
            STABLE_REPLICAS + (spot * CANARY_REPLICAS).astype(np.int64),
            (spot * STABLE_REPLICAS).astype(np.int64),
        )
        harmed = canary & (since >= effect.after)
        chill = np.where(canary, scenario.cold * np.exp(-np.maximum(since, 0.0) / 90.0), 0.0)
        latency = level.latency[step] + level.replica[step, replica] + deviation + log(2.0) * chill
        latency[harmed] += effect.added(deviation[harmed])
        wrong = level.errors[step] * prone
        wrong[harmed] = wrong[harmed] * effect.errors_times + effect.errors_plus
        failed = rng.random(size) < wrong * (1.0 + 2.0 * chill)
        loss = level.loss[step] * np.where(harmed, effect.loss, 1.0)
        answered = Answered(
            step=step,
            canary=canary,
            replica=replica,
            seconds=np.minimum(np.exp(latency), LONGEST),
            failed=failed,
            group=group,
            first=first,
        )
        if not scenario.lost:
            return answered, loss
        kept = ~(canary & (own > 1.2815515655) & (rng.random(size) < scenario.lost))
        return answered.only(kept), loss[kept]


def _labels(rng: np.random.Generator, answered: Answered, loss: Floats, first: int) -> Delivered:
    """When labels of these requests come in, and the squared errors that they tell."""
    which = np.flatnonzero(rng.random(answered.step.size) < LABELLED)
    at = (answered.step[which] + rng.random(which.size)) * STEP + rng.exponential(LABEL_DELAY, which.size)
    minute_ends = (np.floor(at / 60.0).astype(np.int64) + 1) * 6 - 1
    return Delivered(
        step=first + minute_ends,
        served=first + answered.step[which],
        canary=answered.canary[which],
        loss=(loss[which] * rng.standard_normal(which.size)) ** 2,
    )


@dataclass(frozen=True, slots=True)
class _Level:
    """What all requests of a window share, by window (log latency of replicas: by window and replica)."""

    latency: Floats
    errors: Floats
    loss: Floats
    replica: Floats


class _Levels:
    """The weather: a daily wave, a wandering level, incidents, and what is each replica's own."""

    def __init__(self, scenario: Scenario, rng: np.random.Generator) -> None:
        self.scenario = scenario
        self.phase = rng.random() * 2 * pi
        self.common = _Wandering(rng, deviation=scenario.wander, memory=300.0, columns=1)
        self.own = _Wandering(rng, deviation=scenario.replicas, memory=120.0, columns=STABLE_REPLICAS + CANARY_REPLICAS)
        self.incident = 0

    def hour(self, rng: np.random.Generator, begin: float) -> _Level:
        """The levels of an hour's windows."""
        scenario = self.scenario
        wave = np.sin(2 * pi * (begin + np.arange(STEPS) * STEP) / 86400.0 + self.phase)
        common = self.common.go_on(rng)[:, 0]
        incident = self._incidents(rng.random(STEPS) < scenario.incidents / (12 * STEPS))
        busy = 0.3 * wave if scenario.diurnal else np.zeros(STEPS)
        return _Level(
            latency=log(MEDIAN_SECONDS) + scenario.diurnal * wave + common + log(1.6) * incident,
            errors=scenario.errors * np.exp(busy) * np.where(incident, 10.0, 1.0),
            loss=np.exp(scenario.diurnal * wave),
            replica=self.own.go_on(rng),
        )

    def _incidents(self, begins: Truths) -> Truths:
        """Whether each window lies in an incident."""
        during = np.zeros(STEPS, dtype=np.bool_)
        for step in range(STEPS):
            if self.incident:
                self.incident -= 1
            elif begins[step]:
                self.incident = INCIDENT_STEPS
            during[step] = self.incident > 0
        return during


class _Wandering:
    """Stationary autoregressions of first order, in steps of a window."""

    def __init__(self, rng: np.random.Generator, *, deviation: float, memory: float, columns: int) -> None:
        self.keep = exp(-STEP / memory)
        self.fresh = deviation * float(np.sqrt(1 - self.keep**2))
        self.last = deviation * rng.standard_normal(columns)

    def go_on(self, rng: np.random.Generator) -> Floats:
        """The next hour: window × column."""
        noise = self.fresh * rng.standard_normal((STEPS, self.last.size))
        path, _ = lfilter([1.0], [1.0, -self.keep], noise, axis=0, zi=self.keep * self.last[None, :])
        self.last = path[-1]
        return np.asarray(path)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a request has from its session; `first`: whether it is the session's first in the release."""

    canary: Truths
    slow: Floats
    prone: Floats
    group: Whole
    first: Truths


@dataclass(slots=True)
class _Session:
    """What sessions are like, by session."""

    canary: Truths
    slow: Floats
    prone: Floats
    group: Whole
    known: Truths

    def joined(self, other: "_Session") -> "_Session":
        """These sessions, and then the others."""
        return _Session(
            canary=np.concatenate([self.canary, other.canary]),
            slow=np.concatenate([self.slow, other.slow]),
            prone=np.concatenate([self.prone, other.prone]),
            group=np.concatenate([self.group, other.group]),
            known=np.concatenate([self.known, other.known]),
        )

    def at(self, which: Whole) -> "_Session":
        """Some of them."""
        return _Session(
            canary=self.canary[which],
            slow=self.slow[which],
            prone=self.prone[which],
            group=self.group[which],
            known=self.known[which],
        )


class _Sessions:
    """A pool of as many open sessions as a minute has requests: each request is of a random one, and ends it in one of ten."""

    def __init__(self, scenario: Scenario, rng: np.random.Generator, share: float) -> None:
        self.scenario = scenario
        self.share = share
        self.size = max(10, int(scenario.rate * 60))
        self.open = self._new(rng, self.size)

    def _new(self, rng: np.random.Generator, size: int) -> _Session:
        return _Session(
            canary=rng.random(size) < self.share,
            slow=self.scenario.sessions * rng.standard_normal(size),
            prone=np.where(rng.random(size) < 0.05, 10.0, 0.5 / 0.95),
            group=rng.integers(0, GROUPS, size),
            known=np.zeros(size, dtype=np.bool_),
        )

    def draw(self, rng: np.random.Generator, size: int, *, released: bool) -> _Seen:
        """The sessions of so many requests in a row."""
        slot = rng.integers(0, self.size, size)
        order = np.argsort(slot, kind="stable")
        ends = rng.random(size) < SESSION_ENDS
        ended = np.cumsum(ends[order])
        bounds = np.searchsorted(slot[order], np.arange(self.size + 1))
        before = np.concatenate([[0], ended])[bounds]
        generation = ended - ends[order] - before[slot[order]]
        lives = np.diff(before)
        base = self.size + before[:-1] - 1
        session = np.empty(size, dtype=np.int64)
        session[order] = np.where(generation > 0, base[slot[order]] + generation, slot[order])
        everyone = self.open.joined(self._new(rng, int(lives.sum())))
        first = np.zeros(size, dtype=np.bool_)
        if released:
            met, where = np.unique(session, return_index=True)
            first[where] = ~everyone.known[met]
            everyone.known[met] = True
        self.open = everyone.at(np.where(lives > 0, base + lives, np.arange(self.size)))
        of = everyone.at(session)
        return _Seen(canary=of.canary & released, slow=of.slow, prone=of.prone, group=of.group, first=first)
