"""`junit.xml`: what a CI server shows. Each gate is a case; the external tests' own cases follow as suites.

| verdict of the gate | in JUnit |
|---|---|
| pass | a passed case |
| fail | `<failure type="fail">` |
| inconclusive | `<failure type="inconclusive">`: no data never passes |
| error | `<error type="error">` |

Metrics that are only shown are no cases. A cell that failed is an `<error>` case named `cell NAME`, so that a
deployment that never came up can't look like one without gates. The shape is that of Jenkins' junit-10.xsd.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from seatrial.records import CellSummary, Comparison, DeploymentReport, Report, TestCase, TestResult, Verdict
from seatrial.wording import text, verdicts
from seatrial.wording.inert import for_xml

_LOG_LINES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One case; `outcome` is the name of the element inside it, empty for a passed one."""

    classname: str
    name: str
    seconds: float = 0.0
    outcome: str = ""
    kind: str = ""
    message: str = ""
    body: str = ""


def render_junit(report: Report) -> bytes:
    """The report as JUnit XML, UTF-8."""
    suites = [_suite(f"seatrial {d.name}", _deployment_cases(d), report) for d in report.deployments]
    suites += [
        _test_suite(result, cell, report)
        for d in report.deployments
        for cell in d.cells
        for result in cell.result.tests
    ]
    if not report.complete:
        broken = _Case(
            classname=report.project,
            name="complete",
            outcome="error",
            kind="interrupted",
            message="the trial was interrupted",
        )
        suites.append(_suite("seatrial trial", [broken], report))
    root = ET.Element(
        "testsuites", name=for_xml(report.project), time=_seconds((report.ended - report.started).total_seconds())
    )
    for key in ("tests", "failures", "errors"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in suites)))
    root.extend(suites)
    ET.indent(root)
    return b"<?xml version='1.0' encoding='UTF-8'?>\n" + ET.tostring(root, encoding="unicode").encode() + b"\n"


def _suite(name: str, cases: Sequence[_Case], report: Report) -> ET.Element:
    counts = {
        outcome: str(sum(case.outcome == outcome for case in cases)) for outcome in ("failure", "error", "skipped")
    }
    suite = ET.Element(
        "testsuite",
        name=for_xml(name),
        tests=str(len(cases)),
        failures=counts["failure"],
        errors=counts["error"],
        skipped=counts["skipped"],
        time=_seconds(sum(case.seconds for case in cases)),
        timestamp=report.started.strftime("%Y-%m-%dT%H:%M:%S"),
    )
    suite.extend(_element(case) for case in cases)
    return suite


def _element(case: _Case) -> ET.Element:
    element = ET.Element(
        "testcase", classname=for_xml(case.classname), name=for_xml(case.name), time=_seconds(case.seconds)
    )
    if case.outcome == "skipped":
        ET.SubElement(element, "skipped", message=for_xml(case.message))
    elif case.outcome:
        inner = ET.SubElement(element, case.outcome, type=case.kind, message=for_xml(case.message))
        inner.text = for_xml(case.body) or None
    return element


def _deployment_cases(deployment: DeploymentReport) -> list[_Case]:
    cases = [_broken_case(cell) for cell in deployment.cells if cell.result.failure is not None]
    cases += [_gate_case(comparison) for comparison in verdicts.gates(deployment)]
    if cases and (deployment.verdict is Verdict.PASS or any(case.outcome for case in cases)):
        return cases
    return [*cases, _verdict_case(deployment)]


def _verdict_case(deployment: DeploymentReport) -> _Case:
    """The deployment's own verdict, where no gate or cell carries it."""
    outcome = _OUTCOMES[deployment.verdict]
    message = next(iter(deployment.reasons), "nothing was judged" if outcome else "")
    return _Case(
        classname=deployment.name, name="verdict", outcome=outcome, kind=deployment.verdict.value, message=message
    )


_OUTCOMES = {
    Verdict.PASS: "",
    Verdict.FAIL: "failure",
    Verdict.INCONCLUSIVE: "failure",
    Verdict.ERROR: "error",
}


def _broken_case(cell: CellSummary) -> _Case:
    failure = cell.result.failure
    if failure is None:
        raise ValueError(cell.cell)
    return _Case(
        classname=cell.deployment,
        name=f"cell {cell.cell}",
        outcome="error",
        kind=failure.stage.value,
        message=verdicts.failure_sentence(cell),
        body=text.last_lines(failure.log_tail, _LOG_LINES) if failure.log_tail else "",
    )


def _gate_case(comparison: Comparison) -> _Case:
    figures = text.figures(comparison)
    verdict = comparison.verdict or Verdict.PASS
    lines = [
        ("change", figures.change),
        ("difference", f"{figures.difference} {figures.interval}".strip()),
        ("held to", figures.held),
        ("samples", f"{comparison.samples:,}" if comparison.samples else ""),
        ("open", text.needs(comparison)),
    ]
    name = f"{comparison.metric}[{comparison.slice}]" if comparison.slice else comparison.metric
    return _Case(
        classname=comparison.deployment,
        name=name,
        outcome=_OUTCOMES[verdict],
        kind=verdict.value,
        message=comparison.reason or f"{name} {figures.change}",
        body="\n".join(f"{key}: {value}" for key, value in lines if value),
    )


def _test_suite(result: TestResult, cell: CellSummary, report: Report) -> ET.Element:
    return _suite(f"{result.kind} {result.test} on {cell.cell}", list(_test_cases(result, cell)), report)


def _test_cases(result: TestResult, cell: CellSummary) -> Iterable[_Case]:
    classname = f"{cell.cell}.{result.test}"
    for case in result.cases:
        yield _test_case(case, classname)
    failing = any(case.outcome in {"failed", "error"} for case in result.cases)
    if not result.cases or (not result.passed and not failing):
        yield _Case(
            classname=classname,
            name=result.test,
            outcome="" if result.passed else "error",
            kind=result.kind,
            message=result.message,
            body=text.last_lines(result.log_tail, _LOG_LINES) if result.log_tail else "",
        )


def _test_case(case: TestCase, classname: str) -> _Case:
    outcomes = {"passed": "", "failed": "failure", "error": "error", "skipped": "skipped"}
    first = text.one_line(case.message)
    return _Case(
        classname=classname,
        name=case.name,
        seconds=case.seconds,
        outcome=outcomes[case.outcome],
        kind=case.outcome,
        message=first,
        body=case.message,
    )


def _seconds(value: float) -> str:
    return f"{max(value, 0.0):.3f}" if math.isfinite(value) else "0.000"
