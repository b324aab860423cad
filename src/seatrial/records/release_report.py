"""The report of a release: everything that was seen and decided, as one record from which each form is written."""

from dataclasses import dataclass, field
from datetime import datetime

from seatrial.records.judgement import Judgement
from seatrial.records.mirrored import MirrorReport
from seatrial.records.release import Release, ReleaseEvent
from seatrial.records.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmFigures:
    """One arm in a stretch of time; latencies in seconds, None without requests."""

    requests: int = 0
    errors: int = 0
    p50: float | None = None
    p90: float | None = None
    p99: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasePoint:
    """A stretch of time that is one point of every plot.

    Attributes:
        at: its end.
        weight: the canary's share, 0 … 1.
        harm: log10 of the combined e-value of harm; None before it was judged.
        safe: log10 of the safe side's e-value, by metric.
    """

    at: datetime
    weight: float
    stable: ArmFigures
    canary: ArmFigures
    harm: float | None = None
    safe: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaUsage:
    """What a replica of one version used during the release: cores (mean, highest), memory in bytes (highest), restarts."""

    version: str
    replica: str
    cores_mean: float | None = None
    cores_most: float | None = None
    memory_most: int | None = None
    restarts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseReport:
    """The whole of it.

    Attributes:
        seatrial: version of seatrial that wrote it.
        release: as it is now.
        verdict: pass: promoted on the judge's word; fail: harm; inconclusive: neither was shown; error: it broke.
        headline: one sentence.
        judgement: the last one; None before the first window.
        points: at most 300, in order of time.
        events: the timeline.
        failing: the canary's last failing requests, as lines.
        platform: by version and replica.
        mirrored: what the canary answered to copies; None where it got none, or nobody wrote answers down.
        notes: what a reader should know.
        schema: raised where a field's meaning changes or one is taken away.
    """

    seatrial: str
    project: str
    written: datetime
    release: Release
    verdict: Verdict
    headline: str
    judgement: Judgement | None = None
    points: tuple[ReleasePoint, ...] = ()
    events: tuple[ReleaseEvent, ...] = ()
    failing: tuple[str, ...] = ()
    platform: tuple[ReplicaUsage, ...] = ()
    mirrored: MirrorReport | None = None
    notes: tuple[str, ...] = ()
    schema: int = 1
