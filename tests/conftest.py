"""What all tests share."""

import os

import hypothesis
import pytest

from tests.browsing import browser
from tests.forges.gitea.server import gitea
from tests.registry.mlflow_server import mlflow_home, mlflow_url
from tests.registry.postgres import postgres_server, postgres_url, sql_url
from tests.streams.kafka import kafka, mock_kafka

__all__ = [
    "browser",
    "gitea",
    "kafka",
    "mlflow_home",
    "mlflow_url",
    "mock_kafka",
    "postgres_server",
    "postgres_url",
    "sql_url",
]
NOT_IN_CI = "torch is not installed"

# A loaded machine must not fail a property, so that no example has a deadline.
hypothesis.settings.register_profile("seatrial", deadline=None)
hypothesis.settings.load_profile("seatrial")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where every part is installed (`SEATRIAL_REQUIRE_ALL`, as in CI) a skipped test is a failure.

    One part is not installed there, and its tests say so.
    """
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not os.environ.get("SEATRIAL_REQUIRE_ALL") or reporter is None:
        return
    skipped = [test for test in reporter.stats.get("skipped", []) if NOT_IN_CI not in str(test.longrepr)]
    if skipped:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
