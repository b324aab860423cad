"""What all tests share."""

import os

import hypothesis
import pytest

# A loaded machine must not fail a property, so that no example has a deadline.
hypothesis.settings.register_profile("seatrial", deadline=None)
hypothesis.settings.load_profile("seatrial")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where every part is installed (`SEATRIAL_REQUIRE_ALL`, as in CI) a skipped test is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("SEATRIAL_REQUIRE_ALL") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
