"""The page in a real browser: it fits a phone, fetches nothing, and nothing hostile runs."""

from pathlib import Path
from typing import Any

import pytest

from seatrial.records import RetrainOutcome
from seatrial.retrain.report import write_report
from tests.browsing import opened
from tests.retrain.report import builders
from tests.retrain.report.test_report import ATTACK, hostile

pytestmark = pytest.mark.browser


def test_the_page_is_never_wider_than_its_window(browser: Any, tmp_path: Path) -> None:
    """Wide tables scroll inside their own place, on a phone as well; the console is silent."""
    address = write_report(builders.ended(RetrainOutcome.RELEASED), tmp_path).html.as_uri()
    tab, seen = opened(browser, address)
    widths = [360, 768, 1280]
    found = []
    for width in widths:
        tab.set_viewport_size({"width": width, "height": 800})
        found.append(tab.evaluate("document.documentElement.scrollWidth"))

    assert widths == found
    assert tab.locator(".profiles svg").first.is_visible()
    assert ([], [address]) == (seen.console, seen.requests)


def test_a_hostile_line_stays_text(browser: Any, tmp_path: Path) -> None:
    """It is read on the page, and runs nowhere."""
    address = write_report(hostile(), tmp_path).html.as_uri()
    tab, seen = opened(browser, address)

    assert ATTACK in tab.inner_text("body")
    assert 0 == tab.locator("script, img").count()
    assert ([], [address]) == (seen.console, seen.requests)
