"""Remarks stand at lines of the change, and nowhere else."""

from dataclasses import replace

import pytest
from hypothesis import given

from seatrial.forge.annotations import annotations, annotations_of, deployment_lines
from seatrial.records import (
    AnnotationLevel,
    DeploymentReport,
    PermanentError,
    Report,
    TestCase,
    TestResult,
    Verdict,
)
from tests.forge.reading import NASTY
from tests.report import builders

CONFIG = """\
requests: {file: requests.jsonl}
deployments:
  ridge: {run: python ridge.py}

  # this one is new
  forest:
    run: python forest.py
"""


def failing(message: str, name: str = "average error is small", project: str = ".") -> Report:
    """A trial where a test of the candidate failed and said `message`."""
    case = TestCase(name=name, outcome="failed", message=message)
    test = TestResult(cell="ridge@candidate", test="test-model", kind="pytest", passed=False, cases=(case,))
    whole = builders.deployment("ridge", points=2)
    baseline, candidate = whole.cells
    cells = (
        replace(baseline, result=replace(baseline.result, tests=(replace(test, cell="ridge@baseline"),))),
        replace(candidate, result=replace(candidate.result, tests=(test,))),
    )
    report = builders.report(DeploymentReport(name="ridge", verdict=Verdict.FAIL, cells=cells))
    return replace(report, change=replace(report.change, project=project))


def places(report: Report) -> list[tuple[str, int]]:
    """Where the remarks stand."""
    return [(each.path, each.line) for each in annotations(report, {}, 50)]


def test_a_configuration_tells_where_it_speaks_of_each_deployment() -> None:
    """Lines count from 1."""
    assert deployment_lines("a/seatrial.yaml", CONFIG) == {
        "ridge": ("a/seatrial.yaml", 3),
        "forest": ("a/seatrial.yaml", 6),
    }


@pytest.mark.parametrize("text", ["", "deployments: 3", "[", "- a", "deployments: [a]", "x: &a [*a]", "\x00"])
def test_what_is_no_configuration_tells_nothing(text: str) -> None:
    """Remarks are left out; the trial's verdict does not depend on them."""
    assert deployment_lines("seatrial.yaml", text) == {}


def test_a_deployment_that_did_not_start_is_remarked_in_the_configuration() -> None:
    """With why and the end of its log."""
    report = builders.report(builders.broken_deployment("forest"), builders.deployment("ridge", points=2))
    (found,) = annotations(report, deployment_lines("seatrial.yaml", CONFIG), 50)
    assert (found.path, found.line, found.level) == ("seatrial.yaml", 6, AnnotationLevel.FAILURE)
    assert found.title == "forest@candidate did not run"
    assert "failed at start (exit status 1): it ended before it was healthy" in found.message
    assert "No module named 'lightgbm'" in found.message


@pytest.mark.parametrize(
    ("message", "place"),
    [
        ("tests/test_api.py:12: AssertionError", ("tests/test_api.py", 12)),
        ("def test():\n>  assert 1 == 2\nE  assert 1 == 2\n\ntest_api.py:7: AssertionError", ("test_api.py", 7)),
        (
            'Traceback:\n  File "features/steps/model.py", line 31, in step\nAssertionError',
            ("features/steps/model.py", 31),
        ),
        ("Failing scenario: features/model.feature:5 average error", ("features/model.feature", 5)),
        ('File "/usr/lib/python3/x.py", line 3\n  File "steps/a.py", line 9', ("steps/a.py", 9)),
        ('File "a.py", line 1\n  File ".venv/lib/python3.11/site-packages/x.py", line 3', ("a.py", 1)),
    ],
)
def test_a_failed_test_is_remarked_where_it_failed(message: str, place: tuple[str, int]) -> None:
    """By its own words, of whatever runner; once, for the candidate."""
    assert [place] == places(failing(message))


def test_paths_are_told_from_the_root_of_the_repository() -> None:
    """The project's folder is put before them."""
    assert [("models/a/tests/test_api.py", 12)] == places(
        failing("tests/test_api.py:12: it failed", project="models/a")
    )


@pytest.mark.parametrize(
    "message",
    [
        "it failed", "", "../../etc/passwd.txt:1: x", "/etc/passwd.txt:1: x", "http://x.example:8080/", "at 12.5:30",
        'File "<string>", line 1', "tests/test_api.py:0: x", "C:\\x\\a.py:3", "a/../b.py:3", 'File "..", line 3',
    ],
)  # fmt: skip
def test_what_leads_nowhere_in_the_project_is_no_place(message: str) -> None:
    """No output can point at a file outside it."""
    assert places(failing(message)) == []


def test_failures_of_deployments_come_before_those_of_tests() -> None:
    """Where there is room for one only."""
    whole = failing("a.py:1: x")
    report = replace(whole, deployments=(*whole.deployments, builders.broken_deployment("forest")))
    (found,) = annotations(report, {"forest": ("seatrial.yaml", 6)}, 1)
    assert found.path == "seatrial.yaml"


def test_an_error_is_remarked_at_its_line() -> None:
    """If it has one."""
    assert [("seatrial.yaml", 12)] == [
        (a.path, a.line) for a in annotations_of(PermanentError("x", where="seatrial.yaml:12"))
    ]
    for where in ("seatrial.yaml", "", "/etc/x.yaml:3", "../x.yaml:3", "http://127.0.0.1:80", "the forge"):
        assert annotations_of(PermanentError("x", where=where)) == ()


@given(NASTY)
def test_any_words_are_survived_and_shown_as_they_are(text: str) -> None:
    """Remarks are plain text; nothing is hidden in them, and their paths stay inside."""
    for found in (*annotations(failing(text, text), {}, 50), *annotations_of(PermanentError(text, where=text))):
        assert not found.path.startswith(("/", ".."))
        assert "\u202e" not in found.title + found.message
