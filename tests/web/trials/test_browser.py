"""The pages in a real browser: they follow a trial by themselves, fetch nothing from elsewhere, and run nothing hostile."""

from pathlib import Path
from typing import Any

import pytest

from seatrial.records import BotTrial
from tests.browsing import opened
from tests.web.trials.pages import QUEUED, TRIAL, bot

pytestmark = pytest.mark.browser


def test_a_trial_is_followed_from_its_queue_to_its_report(browser: Any, tmp_path: Path) -> None:
    """Without a reload: it appears in the list, its cells move, and at the end its report is there."""
    with bot(tmp_path) as shown:
        page, seen = opened(browser, shown.url)
        page.get_by_text("None yet").wait_for()
        shown.book.add(TRIAL)
        page.get_by_role("link", name="cellar/wine #7").click()
        page.get_by_text("Waits for its turn").wait_for()
        shown.begin()
        page.get_by_text("50 of 200 requests").wait_for()
        page.get_by_text("exit code 3").wait_for()
        shown.finish()
        page.frame_locator("iframe.report").get_by_role("heading", name="Error").first.wait_for()
        assert page.get_by_text("Where each deployment is").count() == 0
        page.close()
        assert [] == seen.console
        assert [] == [url for url in seen.requests if not url.startswith((shown.url, "data:"))]


def test_the_report_can_not_reach_the_servers_pages(browser: Any, tmp_path: Path) -> None:
    """Its origin is opaque: a script in it could neither read the list nor look like it."""
    with bot(tmp_path) as shown:
        shown.begin()
        shown.finish()
        page, _ = opened(browser, f"{shown.url}/trials/{TRIAL.id}/report")
        assert "null" == page.evaluate("self.origin")
        page.close()


def test_the_list_holds_a_narrow_screen(browser: Any, tmp_path: Path) -> None:
    """On a telephone nothing is wider than the page."""
    with bot(tmp_path) as shown:
        shown.book.add(BotTrial(id="t1", repository="cellar/" + "w" * 60, number=1, commit="c" * 40, queued=QUEUED))
        page = browser.new_context(viewport={"width": 390, "height": 800}).new_page()
        page.goto(shown.url)
        assert 390 >= page.evaluate("document.documentElement.scrollWidth")
        page.close()
