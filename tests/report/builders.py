"""Reports for the tests, as a trial would make them: every figure is drawn from a seeded generator."""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from seatrial.records import (
    AttributionEffect,
    Axis,
    AxisChange,
    CellResult,
    CellSummary,
    Change,
    Comparison,
    DeploymentReport,
    Direction,
    Failure,
    Family,
    FileChange,
    Gate,
    Interval,
    LatencySummary,
    Limits,
    Needs,
    Package,
    Report,
    Role,
    StackChange,
    Stage,
    TestCase,
    TestResult,
    Usage,
    UsagePoint,
    Verdict,
    Version,
    worst,
)
from seatrial.trial.report.sentence import compose_headline

STARTED = datetime(2026, 11, 21, 3, 15, 44, tzinfo=UTC)
MIB = 2**20


def comparison(
    metric: str = "accuracy",
    *,
    deployment: str = "logistic",
    family: Family = Family.MODEL,
    unit: str = "fraction",
    baseline: float | None = 0.921,
    candidate: float | None = 0.968,
    half: float | None = 0.012,
    margin: float | None = 0.01,
    margin_text: str = "1pp",
    limit: float | None = None,
    direction: Direction = Direction.HIGHER,
    verdict: Verdict | None = Verdict.PASS,
    slice_: str = "",
    samples: int = 500,
    needs: int | None = None,
    reason: str = "",
) -> Comparison:
    """One comparison; `half` is the half width of its interval, None for no interval."""
    both = baseline is not None and candidate is not None
    difference = (candidate or 0.0) - (baseline or 0.0) if both else None
    interval = None
    if difference is not None and half is not None:
        interval = Interval(low=difference - half, high=difference + half, confidence=0.95, method="paired-bootstrap")
    gate = None if verdict is None else Gate(direction=direction, margin=margin, margin_text=margin_text, limit=limit)
    return Comparison(
        deployment=deployment,
        metric=metric,
        family=family,
        unit=unit,
        slice=slice_,
        baseline=baseline,
        candidate=candidate,
        difference=difference,
        interval=interval,
        samples=samples,
        gate=gate,
        p_worse=0.4 if verdict is not None else None,
        verdict=verdict,
        reason=reason,
        needs=None if needs is None else Needs(requests=needs),
    )


def comparisons(deployment: str = "logistic", *, slower: float = 1.03) -> tuple[Comparison, ...]:
    """The metrics of a small model server; `slower` is how many times slower the candidate is."""
    worse = slower > 1.25
    return (
        comparison(deployment=deployment, reason="better by 4.7 pp, at least 3.5 pp"),
        comparison(
            "f1", deployment=deployment, unit="", baseline=0.9181, candidate=0.9672, half=0.0127, margin_text="0.01"
        ),
        comparison(
            "log_loss", deployment=deployment, unit="", baseline=0.2871, candidate=0.1342, half=0.021, verdict=None
        ),
        _latency("latency_p50", deployment, 0.00412, slower, 0.0002, None),
        _latency("latency_p90", deployment, 0.00731, slower, 0.0004, None),
        _latency("latency_p99", deployment, 0.01214, slower, 0.0011, Verdict.FAIL if worse else Verdict.PASS),
        comparison(
            "errors",
            deployment=deployment,
            family=Family.APPLICATION,
            unit="fraction",
            baseline=0.0,
            candidate=0.002,
            half=0.0019,
            margin=0.005,
            margin_text="0.5pp",
            direction=Direction.LOWER,
        ),
        comparison(
            "throughput",
            deployment=deployment,
            family=Family.APPLICATION,
            unit="1/s",
            baseline=49.93,
            candidate=49.88,
            half=0.2,
            verdict=None,
        ),
        comparison(
            "ready_seconds",
            deployment=deployment,
            family=Family.APPLICATION,
            unit="s",
            baseline=1.31,
            candidate=1.94,
            half=None,
            verdict=None,
        ),
        comparison(
            "stack_size",
            deployment=deployment,
            family=Family.APPLICATION,
            unit="B",
            baseline=412.0 * MIB,
            candidate=448.3 * MIB,
            half=None,
            verdict=None,
        ),
        comparison(
            "memory_peak",
            deployment=deployment,
            family=Family.PLATFORM,
            unit="B",
            baseline=148.2 * MIB,
            candidate=171.9 * MIB,
            half=3.1 * MIB,
            margin=None,
            margin_text="",
            limit=512.0 * MIB,
            direction=Direction.LOWER,
        ),
        comparison(
            "cpu_per_request",
            deployment=deployment,
            family=Family.PLATFORM,
            unit="s",
            baseline=0.00181,
            candidate=0.00209,
            half=0.00011,
            verdict=None,
        ),
        comparison(
            "cpu_mean",
            deployment=deployment,
            family=Family.PLATFORM,
            unit="cores",
            baseline=0.091,
            candidate=0.104,
            half=0.006,
            verdict=None,
        ),
        comparison(
            "average_probability",
            deployment=deployment,
            family=Family.TEST,
            unit="",
            baseline=0.881,
            candidate=0.934,
            half=None,
            verdict=None,
        ),
    )


def _latency(
    name: str, deployment: str, base: float, slower: float, half: float, verdict: Verdict | None
) -> Comparison:
    reason = "slower by more than the margin" if verdict is Verdict.FAIL else ""
    return comparison(
        name, deployment=deployment, family=Family.APPLICATION, unit="s", baseline=base, candidate=base * slower, half=half,
        margin=base / 4, margin_text="25%", direction=Direction.LOWER, verdict=verdict, reason=reason,
    )  # fmt: skip


def cell(
    deployment: str = "logistic",
    version: str = "candidate",
    role: Role = Role.CANDIDATE,
    *,
    seed: int = 0,
    slower: float = 1.0,
    points: int = 400,
    requests: int = 500,
) -> CellSummary:
    """One cell that went well."""
    rng = np.random.default_rng(seed)
    name = f"{deployment}@{version}"
    result = CellResult(
        cell=name,
        stage=Stage.DONE,
        ready_seconds=1.31 * slower,
        stack_digest="sha256:" + "ab" * 32,
        stack_bytes=412 * MIB,
        packages=(Package(name="scikit-learn", version="1.7.2"),),
        build_seconds=8.4,
        build_cached=role is Role.BASELINE,
        limits=Limits(
            kind="cgroup v1", memory_enforced=True, notes=("cpu is measured, not enforced: no cpu controller",)
        ),
        usage=Usage(source="cgroup v1", points=_usage(rng, points, slower)),
        driven_seconds=10.0,
        requests=requests,
        tests=(behave_result(name),),
        scrape={"http_requests_total": 523.0, 'process_resident_memory_bytes{pid="1"}': 1.5e8},
        log=f"logs/{name}.log",
    )
    return CellSummary(
        cell=name,
        deployment=deployment,
        version=version,
        role=role,
        result=result,
        errors={"timeout": 1} if role is Role.CANDIDATE else {},
        good=requests - (role is Role.CANDIDATE),
        latency=_latencies(rng, slower),
        lag_p99=0.00031,
        throughput=49.9,
    )


def _usage(rng: np.random.Generator, points: int, slower: float) -> tuple[UsagePoint, ...]:
    at = np.arange(points) * 0.05
    cores = np.clip(0.09 * slower + 0.5 * np.exp(-at * 2) + rng.normal(0, 0.02, points), 0, None)
    memory = (90 + 60 * (1 - np.exp(-at)) * slower + rng.normal(0, 0.6, points)) * MIB
    used = np.cumsum(cores * 0.05)
    return tuple(
        UsagePoint(at=float(a), cpu_seconds=float(c), memory=int(m)) for a, c, m in zip(at, used, memory, strict=True)
    )


def _latencies(rng: np.random.Generator, slower: float) -> LatencySummary:
    sample = 0.0035 * slower * rng.lognormal(0, 0.35, 2000) + 0.004 * slower * (rng.random(2000) > 0.985)
    levels = np.concatenate([np.linspace(0, 0.99, 180), [0.995, 0.999, 0.9995, 1.0]])
    return LatencySummary(
        levels=tuple(float(level) for level in levels),
        seconds=tuple(float(value) for value in np.quantile(sample, levels)),
    )


def behave_result(cell_name: str, *, passed: bool = True) -> TestResult:
    """A behave feature of three scenarios, the last of which may fail."""
    cases = (
        TestCase(name="the dataset is available", outcome="passed", seconds=0.12),
        TestCase(name="the deployment is accessible", outcome="passed", seconds=0.05),
        TestCase(
            name="average error is small",
            outcome="passed" if passed else "failed",
            seconds=1.4,
            message="" if passed else "Assertion Failed: average error 0.31 is above 0.10",
        ),
    )
    return TestResult(
        cell=cell_name,
        test="test-model",
        kind="behave",
        passed=passed,
        cases=cases,
        metrics={"average_probability": 0.93},
        junit=f"tests/{cell_name}/behave.xml",
    )


def deployment(
    name: str = "logistic", *, slower: float = 1.03, seed: int = 0, points: int = 400, stack: StackChange | None = None
) -> DeploymentReport:
    """One deployment with both cells; it fails its latency gate if `slower` is above the margin of 25 %."""
    found = comparisons(name, slower=slower)
    verdict = worst(c.verdict for c in found if c.verdict is not None)
    reasons = () if verdict is Verdict.PASS else (f"latency_p99 is {slower - 1:.0%} slower; at most 25% is allowed",)
    return DeploymentReport(
        name=name,
        verdict=verdict,
        reasons=reasons,
        comparisons=found,
        cells=(
            cell(name, "baseline", Role.BASELINE, seed=seed, points=points),
            cell(name, "candidate", Role.CANDIDATE, seed=seed + 1, slower=slower, points=points),
        ),
        stack=stack,
    )


STACK_CHANGE = StackChange(
    added=(Package(name="lightgbm", version="4.6.0"),),
    removed=(Package(name="joblib-compat", version="0.3"),),
    changed=(
        (Package(name="numpy", version="2.2.1"), Package(name="numpy", version="2.3.4")),
        (Package(name="scikit-learn", version="1.6.1"), Package(name="scikit-learn", version="1.7.2")),
    ),
)


def broken_deployment(name: str = "forest", *, log: str | None = None) -> DeploymentReport:
    """A deployment whose candidate never started."""
    tail = log if log is not None else (
        "INFO:     Started server process [4242]\n"
        "Traceback (most recent call last):\n"
        '  File "app.py", line 3, in <module>\n'
        "    import lightgbm\n"
        "ModuleNotFoundError: No module named 'lightgbm'"
    )  # fmt: skip
    failure = Failure(stage=Stage.START, message="it ended before it was healthy", exit_status=1, log_tail=tail)
    result = CellResult(cell=f"{name}@candidate", stage=Stage.START, failure=failure)
    candidate = CellSummary(
        cell=f"{name}@candidate", deployment=name, version="candidate", role=Role.CANDIDATE, result=result
    )
    return DeploymentReport(
        name=name,
        verdict=Verdict.ERROR,
        reasons=(f"{name}@candidate failed at start (exit status 1): it ended before it was healthy",),
        cells=(cell(name, "baseline", Role.BASELINE, seed=9), candidate),
    )


def undecided_deployment(name: str = "ridge") -> DeploymentReport:
    """A deployment whose accuracy is not settled."""
    whole = deployment(name)
    open_ = comparison(
        deployment=name, baseline=0.931, candidate=0.927, half=0.013, verdict=Verdict.INCONCLUSIVE, needs=1240,
        reason="the interval holds the margin",
    )  # fmt: skip
    return replace(
        whole,
        verdict=Verdict.INCONCLUSIVE,
        reasons=("accuracy is not settled: needs about 1,240 more requests",),
        comparisons=(open_, *whole.comparisons[1:]),
    )


def sliced_deployment(name: str = "logistic") -> DeploymentReport:
    """A deployment with slices by two columns, fairness gaps and an attribution over three axes."""
    whole = deployment(name, stack=STACK_CHANGE)
    colours = [
        comparison(
            "accuracy",
            deployment=name,
            slice_=f"colour={value}",
            baseline=base,
            candidate=base + gain,
            half=0.03,
            samples=size,
            verdict=None,
        )
        for value, base, gain, size in (
            ("red", 0.93, 0.04, 210),
            ("green", 0.90, 0.06, 160),
            ("blue", 0.95, -0.01, 130),
        )
    ]
    ages = [
        comparison(
            "accuracy",
            deployment=name,
            slice_=f"age={value}",
            baseline=base,
            candidate=base + 0.03,
            half=0.02,
            samples=170,
            verdict=Verdict.PASS,
            margin=0.03,
            margin_text="3pp",
        )
        for value, base in (("[0, 30)", 0.94), ("[30, 60)", 0.92), ("[60, ∞)", 0.89))
    ]
    gaps = [
        comparison(
            "accuracy",
            deployment=name,
            slice_="gap(colour)",
            baseline=0.05,
            candidate=0.03,
            half=0.02,
            direction=Direction.LOWER,
            margin=0.02,
            margin_text="2pp",
        ),
        comparison(
            "accuracy",
            deployment=name,
            slice_="gap(age)",
            baseline=0.05,
            candidate=0.05,
            half=0.015,
            direction=Direction.LOWER,
            verdict=None,
        ),
    ]
    mixed = tuple(
        cell(name, f"baseline+{axis}", Role.MIXED, seed=20 + index, slower=1 + index / 10)
        for index, axis in enumerate((Axis.CODE, Axis.DATA, Axis.MODEL))
    )
    return replace(
        whole,
        comparisons=(*whole.comparisons, *gaps[:1], *colours, *ages, *gaps[1:]),
        cells=(*whole.cells, *mixed),
        attribution=_effects(name),
    )


def _effects(name: str) -> tuple[AttributionEffect, ...]:
    figures = {
        ("accuracy", Family.MODEL, "fraction"): {
            Axis.CODE: (0.001, 0.004),
            Axis.DATA: (0.012, 0.006),
            Axis.MODEL: (0.031, 0.008),
        },
        ("latency_p99", Family.APPLICATION, "s"): {
            Axis.CODE: (0.0021, 0.0006),
            Axis.DATA: (0.0001, 0.0005),
            Axis.MODEL: (-0.0006, 0.0007),
        },
    }
    return tuple(
        AttributionEffect(
            deployment=name, metric=metric, family=family, axis=axis, effect=effect, unit=unit,
            interval=Interval(low=effect - half, high=effect + half, confidence=0.95, method="paired-bootstrap"),
        )
        for (metric, family, unit), effects in figures.items()
        for axis, (effect, half) in effects.items()
    )  # fmt: skip


CHANGE = Change(
    project="examples/digits",
    baseline=Version(name="baseline", tree="a" * 40, commit="1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d", described="main (1a2b3c4)"),
    candidate=Version(name="candidate", tree="b" * 40, commit="9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c", described="working tree", dirty=True),
    axes=(
        AxisChange(
            axis=Axis.CODE,
            files=(FileChange(path="app.py", status="modified", axis=Axis.CODE), FileChange(path="features/scale.py", status="added", axis=Axis.CODE)),
            baseline_version="4f1c9b7ad01e55",
            candidate_version="be0a2c33f19d20",
        ),
        AxisChange(
            axis=Axis.MODEL,
            files=(FileChange(path="models/digits.joblib", status="modified", axis=Axis.MODEL),),
            baseline_version="0c7de1aa93b2f4",
            candidate_version="77ab04e1c2d3e5",
        ),
        AxisChange(
            axis=Axis.OTHER,
            files=(FileChange(path="README.md", status="modified", axis=Axis.OTHER),),
            baseline_version="11",
            candidate_version="12",
        ),
    ),
)  # fmt: skip


def report(*deployments: DeploymentReport, complete: bool = True, notes: Sequence[str] = ()) -> Report:
    """A trial over `deployments`; one passing deployment if none are given."""
    found = deployments or (deployment(),)
    verdict = worst(d.verdict for d in found)
    if not complete:
        verdict = worst([verdict, Verdict.INCONCLUSIVE])
    return Report(
        run="20261121-031544-7f3a",
        project="digits",
        seatrial="0.1.0",
        started=STARTED,
        ended=STARTED + timedelta(seconds=48.3),
        change=CHANGE,
        verdict=verdict,
        headline=compose_headline(found, verdict, complete=complete),
        deployments=tuple(found),
        notes=tuple(notes),
        complete=complete,
        timings={
            "change": 0.21,
            "plan": 0.01,
            "build": 8.42,
            "deploy": 2.11,
            "drive": 30.2,
            "test": 5.31,
            "compare": 0.84,
        },
        machine={"cpu": "2 cores", "memory": "23.4 GiB", "python": "3.11.7", "cgroup": "v1"},
        settings={"rate": "50/s", "requests": "500", "warmup": "20", "seed": "0", "confidence": "95%"},
    )


def many(count: int, *, points: int = 400) -> Report:
    """A trial over `count` deployments, two cells each, all passing."""
    return report(*(deployment(f"model-{index:02}", seed=index, points=points) for index in range(count)))


def six() -> Report:
    """Six deployments with every verdict among them."""
    return report(
        deployment("ridge"),
        deployment("random-forest", slower=1.52, seed=3),
        undecided_deployment("gradient-boosting"),
        broken_deployment("lightgbm"),
        deployment("k-nearest-neighbours", seed=7, slower=0.91),
        deployment("multilayer-perceptron-with-a-long-name", seed=8, stack=STACK_CHANGE),
    )


def not_finite() -> Report:
    """A report that holds infinities and NaN wherever a record allows a float."""
    odd = replace(
        comparison(candidate=math.nan, verdict=Verdict.ERROR, reason="the figure is not a number"),
        interval=Interval(low=-math.inf, high=0.02, confidence=0.95, method="one-sided"),
    )
    whole = deployment()
    first = whole.cells[0]
    usage = Usage(
        source="psutil",
        points=(UsagePoint(at=0.0, cpu_seconds=math.nan, memory=1), UsagePoint(at=1.0, cpu_seconds=0.5, memory=2)),
    )
    mended = replace(first, result=replace(first.result, scrape={"x": math.inf}, usage=usage), throughput=math.nan)
    return report(replace(whole, comparisons=(odd, *whole.comparisons[1:]), cells=(mended, *whole.cells[1:])))
