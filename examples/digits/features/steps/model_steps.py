"""Steps of `test-model.feature`; they need only `behave` and `requests`, not the model's own stack.

DEPLOYED_MODEL_URL is the deployment under test, STORE_METRICS_PATH (default `metrics.json`) where the metrics go,
TUTORIAL_MAX_REQUESTS_TEST (default 200) how many digits are sent at most.
"""

import json
import os
from pathlib import Path
from statistics import fmean

import requests
from behave import given, then, when
from behave.runner import Context

DATASET = Path(__file__).parents[2] / "requests.jsonl"
TIMEOUT_S = 10


@given("dataset is available")
def dataset_is_available(context: Context) -> None:
    """Load the held-out digits."""
    limit = int(os.environ.get("TUTORIAL_MAX_REQUESTS_TEST", "200"))
    context.digits = [json.loads(line) for line in DATASET.read_text(encoding="utf-8").splitlines()[:limit]]
    assert context.digits, f"{DATASET} is empty"


@given("deployment is accessible")
def deployment_is_accessible(context: Context) -> None:
    """Its base URL answers 200 with a body."""
    context.url = os.environ["DEPLOYED_MODEL_URL"].rstrip("/")
    answer = requests.get(context.url, timeout=TIMEOUT_S)
    assert answer.status_code == requests.codes.ok, f"{context.url} answered {answer.status_code}"
    assert answer.text, f"{context.url} answered without a body"


@when("I run test on the deployed model")
def run_test(context: Context) -> None:
    """Send the digits one after another over one connection."""
    with requests.Session() as session:
        context.answers = [_predict(session, context.url, digit["inputs"]) for digit in context.digits]


def _predict(session: requests.Session, url: str, inputs: list[int]) -> dict[str, float]:
    answer = session.post(f"{url}/predict", json={"inputs": inputs}, timeout=TIMEOUT_S)
    answer.raise_for_status()
    return answer.json()


@then("I should get metrics")
def store_metrics(context: Context) -> None:
    """Store the means; the error of one digit is 0 if it was recognised, else 1."""
    wrong = [
        answer["prediction"] != digit["label"] for answer, digit in zip(context.answers, context.digits, strict=True)
    ]
    metrics = {
        "average_latency": fmean(answer["latency"] for answer in context.answers),
        "average_error": fmean(wrong),
        "average_probability": fmean(answer["probability"] for answer in context.answers),
        "number_requests": len(context.answers),
    }
    path = Path(os.environ.get("STORE_METRICS_PATH", "metrics.json"))
    path.write_text(json.dumps(metrics, indent=2, sort_keys=True) + "\n", encoding="utf-8")


@when("I send a digit with a missing pixel")
def send_bad_input(context: Context) -> None:
    """One pixel too few."""
    context.answer = requests.post(f"{context.url}/predict", json={"inputs": [0] * 63}, timeout=TIMEOUT_S)


@then("I should get status {status:d}")
def check_status(context: Context, status: int) -> None:
    """Bad input is the caller's fault and must be said so."""
    assert context.answer.status_code == status, f"got {context.answer.status_code}: {context.answer.text}"
