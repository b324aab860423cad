"""All that the judge remembers between two windows: plain numbers and arrays, and nothing that is measured elsewhere."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from seatrial.judge.release.alarm import Alarm
from seatrial.judge.release.blocks import Block
from seatrial.judge.release.dispersion import Dispersion
from seatrial.judge.release.effects import Effects
from seatrial.judge.release.harm import Harm
from seatrial.judge.release.mixtures import Floats
from seatrial.judge.release.noninferiority import ErrorRate, Safe
from seatrial.judge.release.quality import Quality
from seatrial.judge.release.scale import Scale
from seatrial.judge.release.split import Split
from seatrial.judge.release.thresholds import SLOTS
from seatrial.judge.release.trail import Trail
from seatrial.records.judgement import JudgePolicy, Threshold


@dataclass(slots=True, kw_only=True)
class Latencies:
    """What depends on the latency bins, and begins anew if a source changes its buckets.

    Attributes:
        scale: the bins.
        past: stable's last minutes, which thresholds come from.
        watched: one trail for each fixed bound.
    """

    scale: Scale
    past: Trail
    alarm: Alarm
    watched: list[Trail]
    effects: Effects

    @classmethod
    def begin(cls, scale: Scale, policy: JudgePolicy, thresholds: tuple[Threshold, ...]) -> Self:
        """Nothing seen in these bins."""
        return cls(
            scale=scale,
            past=Trail.of(policy.history, scale.size),
            alarm=Alarm.silent(scale.size),
            watched=[Trail.of(each.seconds, scale.size, SLOTS) for each in thresholds],
            effects=Effects.empty(scale),
        )


@dataclass(slots=True, kw_only=True)
class JudgeState:
    """One release's judge.

    Attributes:
        windows: seen since the release began.
        until: end of the last window, in seconds since 1970.
        canary_since, judged_since: begin of the first window in which the canary had requests, and of the first that was
            judged.
        weight, changes: the last window's weight, and when it changed.
        settled: names of hypotheses that ever reached what they needed: `harm`, `harm errors`, `safe latency_p50`….
        labels_flushed: when labels were last compared.
        notes: what a reader should know.
    """

    policy: JudgePolicy
    thresholds: tuple[Threshold, ...]
    latencies: Latencies
    harm: Harm
    quality: list[Quality]
    safe: Safe = field(default_factory=Safe.empty)
    stable_errors: ErrorRate = field(default_factory=ErrorRate)
    dispersion: Dispersion = field(default_factory=Dispersion)
    split: Split = field(default_factory=Split.empty)
    block: Block | None = None
    windows: int = 0
    until: float | None = None
    canary_since: float | None = None
    judged_since: float | None = None
    weight: float = 0.0
    changes: Floats = field(default_factory=lambda: np.zeros(0))
    labels_flushed: float = 0.0
    settled: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, policy: JudgePolicy, thresholds: tuple[Threshold, ...]) -> Self:
        """Before the first window."""
        return cls(
            policy=policy,
            thresholds=thresholds,
            latencies=Latencies.begin(Scale(), policy, thresholds),
            harm=Harm.empty(len(policy.quality)),
            quality=[Quality.empty() for _ in policy.quality],
        )

    def note(self, text: str) -> None:
        """Add what a reader should know, once."""
        if text not in self.notes:
            self.notes.append(text)
