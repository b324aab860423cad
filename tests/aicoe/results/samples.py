"""Reports of small trials in a repository of the AICoE ecosystem, with figures that can be computed by hand."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from seatrial.aicoe.gathered import Facts
from seatrial.records import (
    CellResult,
    CellSummary,
    Change,
    Comparison,
    DeploymentReport,
    Failure,
    Family,
    Gate,
    Report,
    Role,
    Stage,
    TestCase,
    TestResult,
    Usage,
    UsagePoint,
    Verdict,
    Version,
    worst,
)
from seatrial.records.compare import Direction

SHA = "9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c"
STARTED = datetime(2026, 11, 21, 3, 15, tzinfo=UTC)
STORED = {"average_latency": 0.1, "average_error": 0.02, "average_probability": 0.93, "number_requests": 10000.0}
FACTS = Facts(repository="acme/wine", url="https://github.com/acme/wine", number=446)


def behave_result(cell: str, stored: Mapping[str, float], *, message: str = "") -> TestResult:
    """A behave feature that stored some metrics; one that says something has failed."""
    outcome = TestCase(name="the model answers", outcome="failed" if message else "passed")
    return TestResult(
        cell=cell,
        test="test-model",
        kind="behave",
        passed=not message,
        cases=(outcome,),
        metrics=stored,
        message=message,
    )


def cell(
    name: str,
    role: Role = Role.CANDIDATE,
    stored: Mapping[str, float] | None = STORED,
    *,
    failure: Failure | None = None,
    message: str = "",
) -> CellSummary:
    """One cell; it held 384 MiB and used a quarter of a core at most, unless it failed."""
    version = "candidate" if role is Role.CANDIDATE else "baseline"
    points = (
        UsagePoint(at=0.0, cpu_seconds=0.0, memory=100 << 20),
        UsagePoint(at=1.0, cpu_seconds=0.12345, memory=384 << 20),
        UsagePoint(at=2.0, cpu_seconds=0.37345, memory=200 << 20),
    )
    result = CellResult(
        cell=f"{name}@{version}",
        stage=failure.stage if failure else Stage.DONE,
        failure=failure,
        usage=None if failure else Usage(source="psutil", points=points),
        tests=() if failure or stored is None else (behave_result(f"{name}@{version}", stored, message=message),),
    )
    return CellSummary(cell=result.cell, deployment=name, version=version, role=role, result=result)


def good(name: str, stored: Mapping[str, float] | None = STORED) -> DeploymentReport:
    """A deployment that passed: accuracy judged, what its test stored beside the baseline's."""
    accuracy = Comparison(
        deployment=name,
        metric="accuracy",
        family=Family.MODEL,
        unit="fraction",
        baseline=0.9,
        candidate=0.95,
        difference=0.05,
        gate=Gate(direction=Direction.HIGHER, margin=0.01, margin_text="1pp"),
        verdict=Verdict.PASS,
    )
    latency = Comparison(
        deployment=name, metric="latency_p99", family=Family.APPLICATION, unit="s", baseline=0.012, candidate=0.0125
    )
    figures = [
        Comparison(
            deployment=name, metric=key, family=Family.TEST, baseline=2 * value, candidate=value, difference=-value
        )
        for key, value in sorted((stored or {}).items())
    ]
    return DeploymentReport(
        name=name,
        verdict=Verdict.PASS,
        comparisons=(accuracy, latency, *figures),
        cells=(cell(name, Role.BASELINE, stored), cell(name, stored=stored)),
    )


def broken(name: str, message: str = "it ended before it was healthy") -> DeploymentReport:
    """A deployment whose candidate never answered."""
    failure = Failure(stage=Stage.START, message=message, exit_status=1, log_tail="no such file")
    return DeploymentReport(
        name=name,
        verdict=Verdict.ERROR,
        reasons=(f"{name}@candidate failed at start (exit status 1): {message}",),
        cells=(cell(name, Role.BASELINE), cell(name, failure=failure)),
    )


def report(*deployments: DeploymentReport, headline: str = "", project: str = ".") -> Report:
    """A trial of them."""
    verdict = worst(each.verdict for each in deployments)
    return Report(
        run="20261121-031500-7f3a",
        project="wine",
        seatrial="0.1.0",
        started=STARTED,
        ended=STARTED + timedelta(seconds=90),
        change=Change(
            project=project,
            baseline=Version(name="baseline", tree="a" * 40, commit="1" * 40, described="master (1111111)"),
            candidate=Version(name="candidate", tree="b" * 40, commit=SHA, described=SHA[:7]),
        ),
        verdict=verdict,
        headline=headline or f"{len(deployments)} tried.",
        deployments=deployments,
        timings={"build": 40.0, "drive": 20.0, "test": 10.0},
    )


def of_commit(found: Report, commit: str) -> Report:
    """The same trial of another commit."""
    return replace(found, change=replace(found.change, candidate=replace(found.change.candidate, commit=commit)))
