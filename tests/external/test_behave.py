"""Features run by the real behave."""

from pathlib import Path

import pytest

from seatrial.records import TestCase as Case
from seatrial.records import TestSpec as Spec
from seatrial.trial.external.runners.junit import collect_junit
from tests.external.conftest import Run

FEATURE = """\
Feature: Test the deployed model
  Scenario: It answers
    Given deployment is accessible
    When I run test on the deployed model
    Then I should get metrics
"""
OTHER = """\
Feature: Something else
  Scenario: It fails
    Then it fails
"""
STEPS = """\
import json, os, requests
from behave import given, when, then

@given("deployment is accessible")
def accessible(context):
    assert requests.get(os.environ["DEPLOYED_MODEL_URL"]).status_code == 200

@when("I run test on the deployed model")
def send(context):
    context.answer = requests.post(os.environ["DEPLOYED_MODEL_URL"] + "/predict", json={"inputs": [1]}).json()

@then("I should get metrics")
def store(context):
    with open(os.environ["STORE_METRICS_PATH"], "w") as file:
        json.dump({"average_probability": context.answer["probability"], "commit": os.environ["COMMIT_SHA"]}, file)

@then("it fails")
def fail(context):
    assert False, "three is not \\x1b[31mfour\\x1b[0m"
"""


@pytest.fixture
def features(project: Path) -> Path:
    """A project with two features."""
    (project / "features" / "steps").mkdir(parents=True)
    (project / "features" / "test-model.feature").write_text(FEATURE)
    (project / "features" / "other.feature").write_text(OTHER)
    (project / "features" / "steps" / "steps.py").write_text(STEPS)
    return project


def behave(target: str, **options: object) -> Spec:
    """A behave test."""
    return Spec(kind="behave", target=target, name="behave", **options)  # type: ignore[arg-type]


def test_a_feature_runs_by_its_name(features: Path, run: Run, tmp_path: Path) -> None:
    """As `behave -i NAME`: only that feature; what it stored and its JUnit are kept; the project stays as it was."""
    before = sorted(features.rglob("*"))
    result = run(behave("test-model"))
    assert result.passed, result
    assert ["It answers"] == [case.name.rpartition(".")[2] for case in result.cases]
    assert {"average_probability": 0.9} == result.metrics
    assert {"commit": "1a2b3c"} == result.info
    assert not result.message
    assert result.junit == "junit/forest@candidate-behave.xml"
    assert collect_junit([tmp_path / "run" / result.junit]).cases == result.cases
    assert before == sorted(features.rglob("*"))


@pytest.mark.usefixtures("features")
def test_a_failing_step_fails_the_test(run: Run) -> None:
    """Its message is in the case, without the colours that it came with."""
    result = run(behave("other"))
    assert not result.passed
    assert result.message == "1 of 1 cases failed", result
    assert result.cases[0].outcome == "failed"
    assert "three is not four" in result.cases[0].message


@pytest.mark.usefixtures("features")
def test_a_scenario_is_found_by_its_name_too(run: Run) -> None:
    """Where no feature's file is named so."""
    result = run(behave("It answers"))
    assert result.passed, result
    assert ["It answers"] == [case.name.rpartition(".")[2] for case in result.cases if case.outcome == "passed"]


@pytest.mark.usefixtures("features")
def test_a_name_that_matches_nothing_does_not_pass(run: Run) -> None:
    """Behave itself exits with 0 then."""
    result = run(behave("test-modle"))
    assert not result.passed
    assert result.message == "no feature or scenario is named 'test-modle' (behave -i test-modle)"


def test_a_project_without_features_says_so(run: Run) -> None:
    """With the remedy."""
    result = run(behave("test-model"))
    assert not result.passed
    assert "features does not exist" in result.message


def test_a_missing_module_is_named_with_the_remedy(features: Path, run: Run) -> None:
    """The runner's own environment holds little; the message says how to get more."""
    (features / "features" / "steps" / "steps.py").write_text("import no_such_module\n")
    result = run(behave("test-model"))
    assert not result.passed
    assert "needs the module no_such_module" in result.message
    assert "`stack:`" in result.message


@pytest.mark.usefixtures("features")
def test_a_deployment_that_does_not_answer_fails_the_test(run: Run) -> None:
    """As a case, with the reason."""
    result = run(behave("test-model"), at="http://127.0.0.1:9")
    assert not result.passed
    assert result.cases[0].outcome in {"failed", "error"}
    assert "Connection refused" in result.cases[0].message + result.log_tail


def test_an_unwritten_step_does_not_pass(features: Path, run: Run) -> None:
    """A scenario whose steps are not written yet has not passed."""
    (features / "features" / "other.feature").write_text(
        "Feature: F\n  Scenario: S\n    Given nobody wrote this step\n"
    )
    result = run(behave("other"))
    assert not result.passed
    assert all(isinstance(case, Case) and case.outcome != "passed" for case in result.cases)
