"""From what a release left behind to its report: thousands of windows become at most three hundred points."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from seatrial import __version__
from seatrial.records import (
    ArmFigures,
    ArmWindow,
    Decision,
    Judgement,
    MirrorReport,
    PlatformPoint,
    Release,
    ReleaseEvent,
    ReleaseOutcome,
    ReleasePhase,
    ReleasePoint,
    ReleaseReport,
    ReplicaUsage,
    Verdict,
    Window,
    bin_edge,
)

MOST_POINTS = 300
_LEVELS = (0.5, 0.9, 0.99)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was kept of a release.

    Attributes:
        windows, judgements: in order of time; a judgement belongs to the window that ends when it was made.
        failing: lines of the canary's failing requests.
        platform: what its replicas used, at any times.
        mirrored: what the canary answered to copies.
    """

    release: Release
    events: Sequence[ReleaseEvent] = ()
    windows: Sequence[Window] = ()
    judgements: Sequence[Judgement] = ()
    failing: Sequence[str] = ()
    platform: Sequence[PlatformPoint] = ()
    mirrored: MirrorReport | None = None


def build_report(seen: Seen, *, project: str, now: datetime) -> ReleaseReport:
    """The report of what was seen so far."""
    last = seen.judgements[-1] if seen.judgements else None
    verdict = verdict_of(seen.release, last)
    return ReleaseReport(
        seatrial=__version__,
        project=project,
        written=now,
        release=seen.release,
        verdict=verdict,
        headline=headline(seen.release, last),
        judgement=last,
        points=tuple(_points(seen.windows, seen.judgements)),
        events=tuple(seen.events),
        failing=tuple(seen.failing),
        platform=tuple(_usage(seen.platform)),
        mirrored=seen.mirrored,
        notes=(*seen.release.notes, *(last.notes if last is not None else ())),
    )


def verdict_of(release: Release, last: Judgement | None) -> Verdict:
    """The release's own once it has ended; before that, what the judge says of it now."""
    if release.verdict is not None:
        return release.verdict
    decision = last.decision if last is not None else Decision.CONTINUE
    return {Decision.PROMOTE: Verdict.PASS, Decision.ABORT: Verdict.FAIL}.get(decision, Verdict.INCONCLUSIVE)


_ENDS = {
    ReleaseOutcome.PROMOTED: "has all requests",
    ReleaseOutcome.ABORTED: "was aborted",
    ReleaseOutcome.ROLLED_BACK: "was rolled back",
}


def headline(release: Release, last: Judgement | None) -> str:
    """What became of it, and why, in one sentence."""
    name = f"{release.model}@{release.number}"
    if release.outcome is not None:
        state = _ENDS[release.outcome]
    else:
        state = f"is {release.phase.value}"
        if release.phase is ReleasePhase.STEPPING:
            state = f"gets {release.weight / 10:g} % of the requests"
    why = release.why or (last.why if last is not None else "")
    return f"{name} {state}{f': {why}' if why else ''}"


def _points(windows: Sequence[Window], judgements: Sequence[Judgement]) -> Iterable[ReleasePoint]:
    judged = {judgement.at: judgement for judgement in judgements}
    size = max(1, -(-len(windows) // MOST_POINTS))
    for begin in range(0, len(windows), size):
        yield _point(windows[begin : begin + size], judged)


def _point(windows: Sequence[Window], judged: Mapping[datetime, Judgement]) -> ReleasePoint:
    last = next((judged[window.end] for window in reversed(windows) if window.end in judged), None)
    known = last is not None and not last.warming
    edges = windows[-1].edges
    return ReleasePoint(
        at=windows[-1].end,
        weight=windows[-1].weight,
        stable=_figures([window.stable for window in windows], edges),
        canary=_figures([window.canary for window in windows], edges),
        harm=last.evidence.evidence if last is not None and known else None,
        safe={metric.name: metric.safe.evidence for metric in last.metrics if metric.safe is not None}
        if last is not None and known
        else {},
    )


def _figures(arms: Sequence[ArmWindow], edges: tuple[float, ...] | None) -> ArmFigures:
    counts: Counter[int] = Counter()
    for arm in arms:
        counts.update(arm.latency)
    p50, p90, p99 = (quantile(counts, level, edges) for level in _LEVELS)
    return ArmFigures(
        requests=sum(arm.requests for arm in arms), errors=sum(arm.failed for arm in arms), p50=p50, p90=p90, p99=p99
    )


def quantile(counts: Mapping[int, int], level: float, edges: tuple[float, ...] | None = None) -> float | None:
    """The upper edge of the bin that holds the quantile, in seconds; None without counts, or beyond the last bucket."""
    total = sum(counts.values())
    reached = 0
    for index in sorted(counts):
        reached += counts[index]
        if total and reached >= level * total:
            if edges is None:
                return bin_edge(index)
            return edges[index] if index < len(edges) else None
    return None


def _usage(points: Sequence[PlatformPoint]) -> Iterable[ReplicaUsage]:
    by_replica: defaultdict[tuple[str, str], list[PlatformPoint]] = defaultdict(list)
    for point in points:
        by_replica[point.version, point.replica].append(point)
    for (version, replica), found in sorted(by_replica.items()):
        cores = [point.cores for point in found if point.cores is not None]
        yield ReplicaUsage(
            version=version,
            replica=replica,
            cores_mean=sum(cores) / len(cores) if cores else None,
            cores_most=max(cores, default=None),
            memory_most=max(point.memory for point in found),
            restarts=max(point.restarts for point in found),
        )
