"""Windows of made-up releases: what the tests of the judge feed it with."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from seatrial.judge.release import JudgeState, begin, update, warm
from seatrial.records.judgement import Decision, Judgement, JudgePolicy
from seatrial.records.window import HIGHEST_BIN, LOWEST_LATENCY, ArmWindow, Labels, Part, Sums, Window

START = datetime(2026, 3, 1, tzinfo=UTC)
STEP = np.log(1.1) / 10
Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
PLAIN = JudgePolicy(warmup=0.0)


def bins_of(seconds: Floats) -> Whole:
    """The latency bin of each request."""
    steps = np.log(np.maximum(seconds, LOWEST_LATENCY) / LOWEST_LATENCY) / STEP
    return np.asarray(np.clip(steps, 0, HIGHEST_BIN), dtype=np.int64)


def spectrum(seconds: Floats) -> dict[int, int]:
    """Requests by latency bin."""
    return _counted(bins_of(seconds))


def at(window: int, seconds: float = 10.0) -> datetime:
    """When a window of a release begins."""
    return START + timedelta(seconds=window * seconds)


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """Requests of two arms, and what is worse with the canary.

    Attributes:
        rate: requests a window, of both arms.
        slower: factor of all the canary's latencies; `tail` of those beyond its p95.
        level: factor of both arms' latencies by window, repeated.
        errors: rate of stable's; `more_errors` is added for the canary.
        skew: added to the canary's share.
        session: requests in a row that are of one user: they share their latency, their arm and their group.
        noise: standard deviation of a replica's log latency, anew each minute.
        after: window with which the harm begins.
    """

    rate: int = 500
    weight: float = 0.2
    slower: float = 1.0
    tail: float = 1.0
    level: tuple[float, ...] = (1.0,)
    errors: float = 0.001
    more_errors: float = 0.0
    skew: float = 0.0
    session: int = 1
    noise: float = 0.0
    replicas: int = 4
    after: int = 0
    parts: bool = False
    edges: tuple[float, ...] | None = None
    extra: Mapping[str, float] = field(default_factory=dict)

    def windows(self, seed: int, windows: int, *, first: int = 0, weight: float | None = None) -> Iterator[Window]:
        """So many windows of ten seconds."""
        rng = np.random.default_rng([seed, first + 1_000_000])
        share = self.weight if weight is None else weight
        noise = np.zeros(2 * self.replicas)
        for number in range(first, first + windows):
            if number % 6 == 0 and self.noise:
                noise = self.noise * rng.standard_normal(2 * self.replicas)
            yield self._window(rng, number, share, noise)

    def _window(self, rng: np.random.Generator, number: int, share: float, noise: Floats) -> Window:
        users = int(rng.poisson(self.rate / self.session))
        canary = np.repeat(rng.random(users) < (share + self.skew if share else 0.0), self.session)
        group = np.repeat(rng.integers(0, 64, users), self.session)
        log = np.repeat(rng.standard_normal(users), self.session) if self.session > 1 else rng.standard_normal(users)
        place = rng.integers(0, self.replicas, canary.size)
        latency = 0.125 * np.exp(0.45 * log + noise[place + self.replicas * canary])
        latency *= self.level[number % len(self.level)]
        harmed = canary & (number >= self.after)
        latency[harmed & (log > 1.645)] *= self.tail
        latency[harmed] *= self.slower
        failed = rng.random(canary.size) < self.errors + self.more_errors * harmed
        arms = [self._arm(latency, failed, group, place, canary == arm) for arm in (False, True)]
        return Window(start=at(number), weight=share, stable=arms[0], canary=arms[1], edges=self.edges)

    def _arm(
        self,
        latency: Floats,
        failed: NDArray[np.bool_],
        group: Whole,
        place: Whole,
        own: NDArray[np.bool_],
    ) -> ArmWindow:
        bins = self._bins(latency[own])
        replicas = _parts(place[own], bins, failed[own]) if self.parts else {}
        groups = _parts(group[own], bins, failed[own]) if self.parts else {}
        errors = int(failed[own].sum())
        return ArmWindow(
            requests=int(own.sum()),
            errors={"5xx": errors} if errors else {},
            latency=_counted(bins),
            seconds=float(latency[own].sum()),
            replicas={f"r{index}": part for index, part in replicas.items()},
            groups=groups,
            units=int(own.sum()) // self.session if self.session > 1 else None,
        )

    def _bins(self, seconds: Floats) -> Whole:
        return bins_of(seconds) if self.edges is None else np.searchsorted(self.edges, seconds)


def _counted(bins: Whole) -> dict[int, int]:
    held, counts = np.unique(bins, return_counts=True)
    return dict(zip(held.tolist(), counts.tolist(), strict=True))


def _parts(owner: Whole, bins: Whole, failed: NDArray[np.bool_]) -> dict[int, Part]:
    spectra: dict[int, dict[int, int]] = {}
    for key, count in _counted(owner * 10_000 + bins).items():
        spectra.setdefault(key // 10_000, {})[key % 10_000] = count
    errors = np.bincount(owner, weights=failed)
    return {
        part: Part(requests=sum(spectrum.values()), errors=int(errors[part]), latency=spectrum)
        for part, spectrum in spectra.items()
    }


def judged(
    windows: Iterable[Window], policy: JudgePolicy = PLAIN, *, until: Decision | None = None
) -> tuple[JudgeState, list[Judgement]]:
    """All judgements of a release, up to the first of a decision."""
    state, found = begin(policy), []
    for window in windows:
        found.append(update(state, window))
        if until is not None and found[-1].decision is until:
            break
    return state, found


def learned(traffic: Traffic, seed: int = 0, windows: int = 60, policy: JudgePolicy = PLAIN) -> JudgeState:
    """A judge that has seen some of stable's past."""
    state = begin(policy)
    for window in traffic.windows(seed, windows, first=-windows, weight=0.0):
        warm(state, window)
    return state


def sums(losses: Floats) -> Sums:
    """Losses, added up."""
    return Sums(count=losses.size, total=float(losses.sum()), squares=float((losses**2).sum()))


def labelled(
    windows: Iterable[Window], seed: int, *, worse: float = 1.0, delay: int = 6, each: tuple[int, int] = (80, 20)
) -> Iterator[Window]:
    """The same windows with labels for the window `delay` before: squared errors, the canary's `worse` times as large."""
    rng = np.random.default_rng(seed)
    for number, window in enumerate(windows):
        if number < delay or not window.weight:
            yield window
            continue
        stable, canary = (rng.standard_normal(size) ** 2 for size in each)
        told = Labels(
            served=window.start - timedelta(seconds=10 * delay),
            metric="rmse",
            stable=sums(stable),
            canary=sums(worse**2 * canary),
        )
        yield replace(window, labels=(told,))
