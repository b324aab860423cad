"""A release as it might have been: an hour of windows, of which the canary's are slower from the beginning."""

from datetime import UTC, datetime, timedelta
from random import Random

from seatrial.records import (
    ArmWindow,
    Decision,
    Hypothesis,
    Interval,
    Judgement,
    MetricJudgement,
    PlatformPoint,
    Release,
    ReleaseEvent,
    ReleaseEventKind,
    ReleaseOutcome,
    ReleasePhase,
    ReleaseSpec,
    SplitJudgement,
    ThresholdJudgement,
    Window,
    latency_bin,
)
from seatrial.release.report import Seen

BEGIN = datetime(2026, 11, 21, 12, tzinfo=UTC)
WINDOWS = 360


def arm(chance: Random, requests: int, factor: float, failing: float) -> ArmWindow:
    """Requests around 120 ms times `factor`."""
    counts: dict[int, int] = {}
    for _ in range(requests):
        found = latency_bin(0.12 * factor * chance.lognormvariate(0, 0.4))
        counts[found] = counts.get(found, 0) + 1
    errors = sum(chance.random() < failing for _ in range(requests))
    return ArmWindow(requests=requests, errors={"5xx": errors} if errors else {}, latency=counts)


def window(chance: Random, place: int) -> Window:
    """The window at a place, from 0."""
    return Window(
        start=BEGIN + timedelta(seconds=10 * place),
        weight=0.2,
        stable=arm(chance, 80, 1.0, 0.001),
        canary=arm(chance, 20, 1.15, 0.02),
    )


def metric(name: str, *, harm: float, safe: float, estimate: float, margin: float) -> MetricJudgement:
    """One metric with those log10 e-values."""
    relative = name != "errors"
    return MetricJudgement(
        name=name,
        unit="s" if relative else "",
        stable=0.12 if relative else 0.001,
        canary=0.12 * (1 + estimate) if relative else 0.001 + estimate,
        estimate=estimate,
        effect=Interval(low=estimate - margin / 2, high=estimate + margin / 2, confidence=0.95, method="sequence"),
        relative=relative,
        margin=margin,
        harm=Hypothesis(evidence=harm, needed=2.0, settled=harm >= 2),
        safe=Hypothesis(evidence=safe, needed=1.3, settled=safe >= 1.3),
        samples=(28_800, 7_200),
        why=f"{name} is what it is",
    )


def judgement(place: int, decision: Decision = Decision.CONTINUE) -> Judgement:
    """The judgement after the window at a place; evidence grows with it."""
    grown = 3 * (place + 1) / WINDOWS
    return Judgement(
        at=BEGIN + timedelta(seconds=10 * (place + 1)),
        windows=place + 1,
        decision=decision,
        why="latency_p50 is 15% higher [7%, 23%]",
        evidence=Hypothesis(evidence=grown, needed=2.0, settled=grown >= 2),
        metrics=(
            metric("errors", harm=0.1, safe=grown / 2, estimate=0.0005, margin=0.002),
            metric("latency_p50", harm=grown, safe=-0.5, estimate=0.15, margin=0.05),
            metric("latency_p99", harm=0.3, safe=0.2, estimate=0.04, margin=0.10),
        ),
        split=SplitJudgement(expected=0.2, observed=0.199, units=36_000, equivalent=True),
        thresholds=(ThresholdJudgement(name="latency_mean_ms < 500", value=138.2, holds=True, samples=600),),
        warming=place < 30,
        requests=(28_800, 7_200),
    )


def seen(words: str = "harm") -> Seen:
    """The whole of it; `words` stand wherever text comes from outside."""
    chance = Random(1)
    release = Release(
        id="20261121-120000-7f3a",
        service="wine",
        model="wine",
        number=4,
        baseline=3,
        started=BEGIN,
        ended=BEGIN + timedelta(hours=1),
        spec=ReleaseSpec(),
        phase=ReleasePhase.ENDED,
        outcome=ReleaseOutcome.ABORTED,
        why=f"latency_p50 is 15% higher [7%, 23%] {words}",
        who=words,
    )
    events = [
        ReleaseEvent(at=BEGIN, kind=ReleaseEventKind.PHASE, text="the canary starts", who=words),
        ReleaseEvent(at=BEGIN + timedelta(minutes=1), kind=ReleaseEventKind.WEIGHT, text="20 %", weight=200),
        ReleaseEvent(at=BEGIN + timedelta(hours=1), kind=ReleaseEventKind.VERDICT, text=f"abort: {words}"),
    ]
    return Seen(
        release=release,
        events=events,
        windows=[window(chance, place) for place in range(WINDOWS)],
        judgements=[
            judgement(place, Decision.ABORT if place == WINDOWS - 1 else Decision.CONTINUE) for place in range(WINDOWS)
        ],
        failing=[f"12:59:58 503 UF /predict {words}"],
        platform=[
            PlatformPoint(
                at=BEGIN,
                service="wine",
                version="4",
                replica="wine-canary.0.1",
                cpu_seconds=10,
                memory=200 << 20,
                restarts=1,
                cores=0.5,
            ),
            PlatformPoint(
                at=BEGIN,
                service="wine",
                version="4",
                replica="wine-canary.0.1",
                cpu_seconds=20,
                memory=300 << 20,
                restarts=2,
                cores=1.5,
            ),
        ],
    )
