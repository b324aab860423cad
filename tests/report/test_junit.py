"""`junit.xml`: each gate is a case."""

from dataclasses import replace
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from seatrial import records
from seatrial.records import Report
from seatrial.trial.report import render_junit
from tests.report import builders


def suites(report: Report) -> dict[str | None, ET.Element]:
    """The suites by name."""
    return {suite.get("name"): suite for suite in ET.fromstring(render_junit(report))}  # noqa: S314 - our own


def outcomes(suite: ET.Element) -> dict[str | None, tuple[str, str | None] | None]:
    """Name of each case → (element inside it, its type), None where it passed."""
    return {case.get("name"): (case[0].tag, case[0].get("type")) if len(case) else None for case in suite}


def test_each_gate_is_a_case_and_informative_metrics_are_not() -> None:
    """Class name is the deployment, name the metric."""
    suite = suites(builders.report())["seatrial logistic"]
    assert outcomes(suite) == dict.fromkeys(["accuracy", "f1", "latency_p99", "errors", "memory_peak"])
    assert {case.get("classname") for case in suite} == {"logistic"}


def test_verdicts_map_to_failures_and_errors() -> None:
    """Fail and inconclusive are failures (no data never passes), a broken cell is an error."""
    found = suites(builders.six())
    assert outcomes(found["seatrial random-forest"])["latency_p99"] == ("failure", "fail")
    assert outcomes(found["seatrial gradient-boosting"])["accuracy"] == ("failure", "inconclusive")
    assert outcomes(found["seatrial lightgbm"]) == {"cell lightgbm@candidate": ("error", "start")}


def test_a_sliced_gate_has_its_slice_in_its_name() -> None:
    """Two gates of one metric stay two cases."""
    assert "accuracy[age=[0, 30)]" in outcomes(
        suites(builders.report(builders.sliced_deployment()))["seatrial logistic"]
    )


def test_a_failed_gate_tells_its_figures() -> None:
    """Enough to see it in a CI server without opening the report."""
    case = next(c for c in suites(builders.report(builders.deployment(slower=1.52)))["seatrial logistic"] if len(c))
    assert case[0].text is not None
    assert case[0].text.splitlines()[:3] == [
        "change: 12.1 → 18.5 ms",
        "difference: +6.3 ms [+5.2, +7.4]",
        "held to: at most +3.03 ms (25%)",
    ]


def test_cases_of_external_tests_follow_as_suites() -> None:
    """One suite per test and cell, with their own outcomes."""
    whole = builders.deployment()
    result = replace(whole.cells[1].result, tests=(builders.behave_result("logistic@candidate", passed=False),))
    report = builders.report(replace(whole, cells=(whole.cells[0], replace(whole.cells[1], result=result))))
    found = suites(report)
    assert outcomes(found["behave test-model on logistic@candidate"]) == {
        "the dataset is available": None,
        "the deployment is accessible": None,
        "average error is small": ("failure", "failed"),
    }
    assert "behave test-model on logistic@baseline" in found


def test_counts_agree_with_the_cases() -> None:
    """As the Jenkins schema wants them, on every suite and on the whole."""
    root = ET.fromstring(render_junit(builders.six()))  # noqa: S314 - our own
    for suite in root:
        assert suite.get("tests") == str(len(suite.findall("testcase")))
        assert suite.get("failures") == str(len(suite.findall("testcase/failure")))
        assert suite.get("errors") == str(len(suite.findall("testcase/error")))
        assert suite.get("skipped") == str(len(suite.findall("testcase/skipped")))
    assert root.get("failures") == "2"
    assert root.get("errors") == "1"


def test_an_interrupted_trial_never_looks_green() -> None:
    """It has an error case of its own."""
    assert outcomes(suites(builders.report(complete=False))["seatrial trial"]) == {"complete": ("error", "interrupted")}


def test_a_deployment_without_any_gate_shows_its_verdict() -> None:
    """A trial that judged nothing isn't an empty, green file."""
    empty = replace(builders.undecided_deployment(), comparisons=())
    assert outcomes(suites(builders.report(empty))["seatrial ridge"]) == {"verdict": ("failure", "inconclusive")}


def test_the_shape_is_that_of_the_jenkins_schema() -> None:
    """Only the elements and attributes that junit-10.xsd knows."""
    known = {
        "testsuites": {"name", "time", "tests", "failures", "errors"},
        "testsuite": {"name", "tests", "failures", "errors", "skipped", "time", "timestamp"},
        "testcase": {"classname", "name", "time"},
        "failure": {"type", "message"},
        "error": {"type", "message"},
        "skipped": {"message"},
    }
    for element in ET.fromstring(render_junit(builders.six())).iter():  # noqa: S314 - our own
        assert set(element.keys()) <= known[element.tag]


@given(st.text(), st.sampled_from(["passed", "failed", "error", "skipped"]))
def test_any_text_makes_well_formed_xml(value: str, outcome: str) -> None:
    """Control characters and half surrogates that XML forbids are replaced."""
    broken = builders.broken_deployment(log=value)
    case = records.TestCase(name=value, outcome=outcome, message=value)  # type: ignore[arg-type]
    test = replace(builders.behave_result("x"), cases=(case,), test=value, message=value)
    cell = replace(broken.cells[1], result=replace(broken.cells[1].result, tests=(test,)))
    report = replace(builders.report(replace(broken, name=value or "x", cells=(cell,))), project=value)
    ET.fromstring(render_junit(report))  # noqa: S314 - our own
