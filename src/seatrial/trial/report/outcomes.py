"""The external tests of a trial as rows of words: what passed per version, and what the failed cases said."""

from collections.abc import Iterable
from dataclasses import dataclass

from seatrial.records import DeploymentReport, Report, Role, TestResult
from seatrial.wording import text


@dataclass(frozen=True, slots=True, kw_only=True)
class TestedRow:
    """One external test of one deployment: `3 of 3 cases passed` per version.

    `ran` and `passed` are of the candidate; what did not run has not passed.
    """

    deployment: str
    test: str
    kind: str
    baseline: str
    candidate: str
    passed: bool
    ran: bool = True


def tested(report: Report) -> tuple[TestedRow, ...]:
    """One row per external test of each deployment."""
    return tuple(row for deployment in report.deployments for row in _test_rows_of(deployment))


def _test_rows_of(deployment: DeploymentReport) -> Iterable[TestedRow]:
    seen = {(t.test, t.kind): None for cell in deployment.cells for t in cell.result.tests}
    for name, kind in seen:
        baseline = _test_of(deployment, Role.BASELINE, name, kind)
        candidate = _test_of(deployment, Role.CANDIDATE, name, kind)
        yield TestedRow(
            deployment=deployment.name,
            test=name,
            kind=kind,
            baseline=outcome_of(baseline),
            candidate=outcome_of(candidate),
            passed=candidate is not None and candidate.passed,
            ran=candidate is not None,
        )


def _test_of(deployment: DeploymentReport, role: Role, name: str, kind: str) -> TestResult | None:
    tests = (t for cell in deployment.cells if cell.role is role for t in cell.result.tests)
    return next((t for t in tests if (t.test, t.kind) == (name, kind)), None)


def outcome_of(result: TestResult | None) -> str:
    """`3 of 4 cases passed`, `passed`, `failed: no such feature`; `–` where it did not run."""
    if result is None:
        return text.MISSING
    if not result.cases:
        return "passed" if result.passed else f"failed: {result.message or 'no case ran'}"
    ran = [case for case in result.cases if case.outcome != "skipped"]
    passed = sum(case.outcome == "passed" for case in ran)
    skipped = len(result.cases) - len(ran)
    shown = f"{passed} of {text.count(len(ran), 'case')} passed"
    return f"{shown}, {skipped} skipped" if skipped else shown


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedCase:
    """One case of an external test that failed, and what it said."""

    cell: str
    test: str
    name: str
    message: str


def failed_cases(deployment: DeploymentReport) -> tuple[FailedCase, ...]:
    """The failed cases of a deployment's tests; a test that failed without a case stands for itself."""
    return tuple(
        found for cell in deployment.cells for result in cell.result.tests for found in _failed_of(cell.cell, result)
    )


def _failed_of(cell: str, result: TestResult) -> Iterable[FailedCase]:
    bad = [case for case in result.cases if case.outcome in {"failed", "error"}]
    for case in bad:
        yield FailedCase(cell=cell, test=result.test, name=case.name, message=case.message or case.outcome)
    if not result.passed and not bad:
        message = "\n".join(part for part in (result.message, result.log_tail) if part) or "failed"
        yield FailedCase(cell=cell, test=result.test, name=result.kind, message=message)
