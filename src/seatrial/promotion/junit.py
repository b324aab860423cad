"""`junit.xml` of a promotion: one file for all that was tried, and a case for what became of each version.

A version that passed its trial can still be refused (another was faster), so a CI server that shows nothing but this
file has to see that too.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from seatrial.records import PromotionResult, Report, Verdict
from seatrial.trial.report import render_junit
from seatrial.wording.inert import for_xml

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def render_promotions(told: Sequence[tuple[PromotionResult, Report | None]]) -> bytes:
    """JUnit XML, UTF-8: the cases of every trial, then one case a version.

    Args:
        told: in their order; the report is None where the trial came to none.
    """
    suites = [_trial_suite(suite, result) for result, report in told if report for suite in _suites(report)]
    suites.append(_outcome_suite([result for result, _ in told]))
    root = ET.Element("testsuites", name=for_xml(told[0][0].model if told else "promotion"))
    for key in ("tests", "failures", "errors"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in suites)))
    root.set("time", f"{sum(float(suite.get('time', '0')) for suite in suites):.3f}")
    root.extend(suites)
    ET.indent(root)
    return b"<?xml version='1.0' encoding='UTF-8'?>\n" + ET.tostring(root, encoding="unicode").encode() + b"\n"


def _suites(report: Report) -> list[ET.Element]:
    return list(ET.fromstring(render_junit(report)))  # noqa: S314 - our own text, made a moment ago


def _trial_suite(suite: ET.Element, result: PromotionResult) -> ET.Element:
    """The suite under the version's name, so that those of several versions can be told apart."""
    suite.set("name", for_xml(f"{result.model}@{result.number} {suite.get('name', '')}"))
    return suite


def _outcome_suite(results: Sequence[PromotionResult]) -> ET.Element:
    broken = [result for result in results if not result.promoted and result.verdict is Verdict.ERROR]
    refused = [result for result in results if not result.promoted and result.verdict is not Verdict.ERROR]
    suite = ET.Element(
        "testsuite",
        name="seatrial promotion",
        tests=str(len(results)),
        failures=str(len(refused)),
        errors=str(len(broken)),
        skipped="0",
        time="0.000",
        timestamp=min((result.finished for result in results), default=_EPOCH).strftime("%Y-%m-%dT%H:%M:%S"),
    )
    suite.extend(_outcome(result) for result in results)
    return suite


def _outcome(result: PromotionResult) -> ET.Element:
    case = ET.Element(
        "testcase",
        classname=for_xml(result.model),
        name=for_xml(f"{result.model}@{result.number} to {result.stage}"),
        time="0.000",
    )
    if not result.promoted:
        kind = "refused" if result.verdict is Verdict.PASS else result.verdict.value
        element = "error" if result.verdict is Verdict.ERROR else "failure"
        ET.SubElement(case, element, type=kind, message=for_xml(result.refused or result.headline))
    return case
