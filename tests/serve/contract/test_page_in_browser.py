"""The page of a running server in a real browser: what it offers works, and nobody else is asked."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.browsing import opened
from tests.serve.contract import fitted
from tests.serve.running import Server, serving

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def press_send(tab: Any, status: int) -> str:
    """What the page shows once the answer with this status is there."""
    tab.evaluate("document.getElementById('status').textContent = ''")
    tab.get_by_role("button", name="Send").click()
    tab.locator("#status").filter(has_text=re.compile(f"^{status} ")).wait_for()
    shown: str = tab.locator("#answer").inner_text()
    return shown


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_example_is_sent_and_answered(grade: Server, browser: Any, scheme: str) -> None:
    """By the model, in a moment; the console stays empty."""
    tab, seen = opened(browser, f"{grade.url}/", color_scheme=scheme)

    shown = press_send(tab, 200)

    assert re.search(r'"prediction": [012]\b', shown)
    assert re.search(r'"probability": 0\.\d+', shown)
    assert [f"{grade.url}/", f"{grade.url}/predict"] == seen.requests
    assert [] == seen.console


@pytest.mark.parametrize("name", ["ridge", "grade", "two"])
def test_every_example_works(request: pytest.FixtureRequest, browser: Any, name: str) -> None:
    """In every protocol; no request leaves the server's origin."""
    server: Server = request.getfixturevalue(name)
    tab, seen = opened(browser, f"{server.url}/")
    labels = tab.get_by_label("Example").locator("option").all_inner_texts()

    for label in labels:
        tab.get_by_label("Example").select_option(label=label)
        assert press_send(tab, 200)

    assert {f"/v1/models/{name}:predict", f"/v2/models/{name}/infer", "/predict"} == {
        label.split(" ")[0] for label in labels
    }
    assert 1 + len(labels) == len(seen.requests)
    assert all(address.startswith(f"{server.url}/") for address in seen.requests)
    assert [] == seen.console


def test_a_refusal_names_the_field(grade: Server, browser: Any) -> None:
    """As the server says it."""
    tab, _ = opened(browser, f"{grade.url}/")
    tab.get_by_label("Body (JSON)").fill('{"alcohol": 1, "density": "much", "pH": 3}')

    assert 'density is \\"much\\", expected a number' in press_send(tab, 422)


def test_a_route_of_the_class_is_offered(shop: Server, browser: Any) -> None:
    """With something in the place of its parameter, and without a body."""
    tab, seen = opened(browser, f"{shop.url}/")
    tab.get_by_label("Example").select_option(label="/recommend/{user}")

    shown = press_send(tab, 200)

    assert '"user": "user"' in shown
    assert f"{shop.url}/recommend/user" == seen.requests[-1]
    assert [] == seen.console


def test_the_page_fits_a_phone(models: Path, tmp_path: Path, browser: Any) -> None:
    """With the version that a model has by default, which makes its paths long."""
    with serving(tmp_path, "models:Quality", "--name", "quality", cwd=models) as server:
        tab, _ = opened(browser, f"{server.url}/", viewport={"width": 360, "height": 800})

        assert 360 == tab.evaluate("document.documentElement.scrollWidth")


def test_other_addresses_are_out_of_reach(ridge: Server, grade: Server, browser: Any) -> None:
    """For whatever a hostile name might bring to run: the page's policy allows its own origin only."""
    tab, _ = opened(browser, f"{ridge.url}/")

    asked = "address => fetch(address).then(() => 'answered', () => 'refused')"

    assert "answered" == tab.evaluate(asked, f"{ridge.url}/healthz")
    assert "refused" == tab.evaluate(asked, f"{grade.url}/healthz")


def test_what_the_page_shows_is_true(grade: Server, browser: Any) -> None:
    """Fields in the model's order; its links lead somewhere; its lines for the terminal name this server."""
    tab, _ = opened(browser, f"{grade.url}/")

    assert list(fitted.NAMES) == tab.locator("#inputs-title ~ .scroll tbody th").all_inner_texts()
    links = tab.evaluate("[...document.querySelectorAll('footer a')].map((link) => link.href)")
    assert 3 == len(links)
    assert {httpx.codes.OK} == {httpx.get(link).status_code for link in links}
    assert f"curl -s {grade.url}/predict -H 'content-type: application/json' -d " in tab.inner_text("main")
