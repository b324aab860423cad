"""A real browser, and a note of all that a page does in it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = Path("/usr/bin/chromium")
OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
PATIENCE = 10_000  # milliseconds


@dataclass
class Seen:
    """What a page did: words on the console, and the addresses that it asked for."""

    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium; skips the test where there is none."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is missing: apt-get install -y chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(OPTIONS))
        yield launched
        launched.close()


def opened(browser: Any, address: str, **context: Any) -> tuple[Any, Seen]:
    """A page in a tab of its own, and what it does from now on."""
    seen = Seen()
    tab = browser.new_context(**context).new_page()
    tab.set_default_timeout(PATIENCE)
    tab.on("console", lambda message: seen.console.append(message.text))
    tab.on("pageerror", lambda error: seen.console.append(str(error)))
    tab.on("request", lambda request: seen.requests.append(request.url))
    tab.goto(address)
    return tab, seen
