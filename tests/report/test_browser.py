"""The page in a real browser: every plot is drawn, nothing is fetched, nothing hostile runs."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from seatrial.records import Report
from seatrial.trial.report import render_html
from tests.report import builders
from tests.report.test_markdown import hostile

ATTACK = "</script><img src=x onerror=alert(1)>"

pytestmark = pytest.mark.browser


@dataclass
class Seen:
    """What a page did: words on the console, requests beyond the page itself, dialogs."""

    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)


def open_page(browser: Any, folder: Path, report: Report, **context: Any) -> tuple[Any, Seen]:
    """The page of `report` in a tab of its own, and a note of all it does."""
    path = folder / "report.html"
    path.write_text(render_html(report), encoding="utf-8")
    seen = Seen()
    page = browser.new_context(**context).new_page()
    page.set_default_timeout(10_000)
    page.on("console", lambda message: seen.console.append(message.text))
    page.on("pageerror", lambda error: seen.console.append(str(error)))
    page.on("dialog", lambda dialog: dismiss(dialog, seen))
    page.on("request", lambda request: seen.requests.append(request.url))
    page.goto(path.as_uri())
    seen.requests.remove(path.as_uri())
    return page, seen


def dismiss(dialog: Any, seen: Seen) -> None:
    """Note a dialog, which only an attack would open, and close it."""
    seen.dialogs.append(dialog.message)
    dialog.dismiss()


def draw_everything(page: Any) -> list[str]:
    """Unfold and scroll through the page; the states of its plots once none is left waiting."""
    page.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
    for plot in page.query_selector_all(".plot"):
        plot.scroll_into_view_if_needed()
    page.wait_for_function("[...document.querySelectorAll('.plot')].every((p) => /drawn|failed/.test(p.dataset.state))")
    states: list[str] = page.eval_on_selector_all(".plot", "plots => plots.map(p => p.dataset.state)")
    return states


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_plot_is_drawn_and_nothing_is_fetched(browser: Any, tmp_path: Path, scheme: str) -> None:
    """No word on the console (a blocked script would be one), no request beyond the page."""
    report = builders.report(builders.sliced_deployment(), builders.broken_deployment(), builders.deployment("ridge"))
    page, seen = open_page(browser, tmp_path, report, color_scheme=scheme)
    assert set(draw_everything(page)) == {"drawn"}
    assert page.locator(".plot svg").count() == page.locator(".plot").count() > 9
    assert page.locator(".plot svg path[d]").count() > 40
    assert seen == Seen()
    assert not page.get_by_text("Plots need JavaScript.").is_visible()


def test_a_hostile_log_stays_text(browser: Any, tmp_path: Path) -> None:
    """It is read on the page, and runs nowhere: not in the markup, the data or a plot's tooltip."""
    page, seen = open_page(browser, tmp_path, hostile(ATTACK))
    assert set(draw_everything(page)) == {"drawn"}
    page.locator(".plot svg .mark-symbol path").first.hover(force=True)
    assert ATTACK in page.inner_text("body")
    assert page.locator("img").count() == 0
    assert seen == Seen()


def test_figures_that_are_not_finite_break_no_plot(browser: Any, tmp_path: Path) -> None:
    """They are left out."""
    page, seen = open_page(browser, tmp_path, builders.not_finite())
    assert set(draw_everything(page)) == {"drawn"}
    assert seen == Seen()


def test_a_pointer_finds_the_figures_of_a_gate(browser: Any, tmp_path: Path) -> None:
    """A tooltip with its change and what is allowed."""
    page, _ = open_page(browser, tmp_path, builders.report())
    draw_everything(page)
    page.locator("[data-spec=chart-margins] svg .mark-symbol path").last.hover()
    page.wait_for_selector("#vg-tooltip-element.visible")
    assert "at most +0.5 pp" in page.inner_text("#vg-tooltip-element")


def test_without_javascript_the_tables_are_there(browser: Any, tmp_path: Path) -> None:
    """And a note says what is missing."""
    page, _ = open_page(browser, tmp_path, builders.report(), java_script_enabled=False)
    assert page.get_by_text("Plots need JavaScript.").is_visible()
    assert page.get_by_text("latency_p99", exact=True).first.is_visible()
    assert not page.locator("figure").first.is_visible()


def test_the_page_is_never_wider_than_its_window(browser: Any, tmp_path: Path) -> None:
    """Wide tables scroll inside their own place, on a phone as well."""
    report = builders.report(
        builders.sliced_deployment("a-deployment-with-a-rather-long-name"), builders.broken_deployment()
    )
    page, _ = open_page(browser, tmp_path, report)
    widths = [360, 768, 1280]
    found = []
    for width in widths:
        page.set_viewport_size({"width": width, "height": 800})
        draw_everything(page)
        found.append(page.evaluate("document.documentElement.scrollWidth"))
    assert widths == found


def test_a_link_unfolds_the_deployment_that_it_points_to(browser: Any, tmp_path: Path) -> None:
    """From the list at the top."""
    page, _ = open_page(browser, tmp_path, builders.six())
    assert page.locator("#deployment-1").get_attribute("open") is None
    page.locator(".roster a").first.click()
    page.wait_for_selector("#deployment-1[open]")
