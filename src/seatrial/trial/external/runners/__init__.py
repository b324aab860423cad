"""The test runners of the field, each told how to be called and how its results are read."""

from seatrial.trial.external.runners.base import Runner, Seen
from seatrial.trial.external.runners.behave import BEHAVE
from seatrial.trial.external.runners.locust import LOCUST
from seatrial.trial.external.runners.pytest import PYTEST

RUNNERS = {runner.package: runner for runner in (BEHAVE, PYTEST, LOCUST)}

__all__ = ["RUNNERS", "Runner", "Seen"]
