"""The model's page: everything is on it, nothing hostile runs, and the example can be sent."""

import contextlib
import html
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from seatrial.records.serving import Field, Form, Signature
from seatrial.serve.codec import Limits, Refused
from seatrial.serve.model import Outputs
from seatrial.serve.protocols import endpoints, page
from tests.serve.protocols.models import SECONDS, Declared, anything, cars, image, info, numbers, wine

ATTACK = "</script><img src=x onerror=alert(1)>'\"&"


def text_of(signature: Signature, **more: Any) -> str:
    """The page."""
    return page(signature, info(), endpoints(signature, info(), Limits(), **more)).decode()


def test_the_page_shows_who_answers_and_what_it_takes() -> None:
    """Name, version, engine, evidence, fields with their ranges, each route with a curl line."""
    shown = text_of(wine(output="quality", classes=(5, 6)))
    for expected in (
        "<title>wine</title>",
        "version 7",
        "compiled: equal on 200 rows and 270 times as fast",
        "largest difference",
        "1.5e-07",
        "a number of at least 0 and below 14",
        "quality: 5, 6",
        "/v1/models/wine:predict",
        "/v2/models/wine/versions/7/infer",
        "made up from the types",
        "curl -s",
    ):
        assert expected in shown


@pytest.mark.parametrize("signature", [wine(), cars(), numbers(3), image(), anything()])
def test_the_page_loads_nothing(signature: Signature) -> None:
    """No address of another machine, no placeholder left over, and small."""
    shown = text_of(signature, routes=(Declared("GET", "/recommend/{user}"),))
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", shown)
    assert not re.search(r"\$[a-z_]+", shown)
    assert len(shown) < 40_000
    assert "/recommend/user" in shown


def test_hostile_names_stay_text() -> None:
    """In markup, in attributes and inside the script's data."""
    signature = Signature(form=Form.COLUMNS, fields=(Field(name=ATTACK),), output=ATTACK, classes=(ATTACK,))
    who = replace(
        info(), source=ATTACK, flavour=ATTACK, choice=replace(info().choice, reason=ATTACK, evidence={ATTACK: ATTACK})
    )
    shown = page(signature, who, endpoints(signature, who, Limits())).decode()
    assert "<img" not in shown
    assert html.escape(ATTACK) in shown
    assert 2 == shown.count("</script>")


def test_curl_lines_survive_a_shell() -> None:
    """A quote in a name doesn't end the argument."""
    signature = Signature(form=Form.COLUMNS, fields=(Field(name="it's"),))
    shown = html.unescape(text_of(signature))
    assert """-d '{"it'"'"'s":1.0}'""" in shown


class Predicting(BaseHTTPRequestHandler):
    """Answers /docs, and /predict with the sum of each row."""

    def do_GET(self) -> None:
        """The page."""
        self._answer(200, text_of(wine(output="quality")).encode(), "text/html; charset=utf-8")

    def do_POST(self) -> None:
        """A prediction, through the codec."""
        body = self.rfile.read(int(self.headers["content-length"]))
        codec = endpoints(wine(output="quality"), info(), Limits())[0].codec
        try:
            asked = codec.decode(body, {b"content-type": self.headers["content-type"].encode()})
            made = codec.encode(asked, Outputs(np.asarray(asked.batch, dtype=float).sum(axis=1)), 0, SECONDS)
        except Refused as refused:
            made = codec.refuse(refused)
        self._answer(made.status, made.body, "application/json")

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A server with the page."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Predicting)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    with contextlib.closing(server.socket):
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@dataclass
class Seen:
    """What a page did: words on the console, requests to others."""

    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


def opened(browser: Any, address: str, **context: Any) -> tuple[Any, Seen]:
    """The page in a tab of its own, and a note of all it does."""
    seen = Seen()
    tab = browser.new_context(**context).new_page()
    tab.set_default_timeout(10_000)
    tab.on("console", lambda message: seen.console.append(message.text))
    tab.on("pageerror", lambda error: seen.console.append(str(error)))
    tab.on("request", lambda request: seen.requests.append(request.url))
    tab.goto(f"{address}/docs")
    return tab, seen


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_example_can_be_sent(browser: Any, address: str, scheme: str) -> None:
    """Click, and there is the answer, its status and the time; nothing else was asked of anybody."""
    tab, seen = opened(browser, address, color_scheme=scheme)
    tab.get_by_role("button", name="Send").click()
    tab.locator("#status").filter(has_text=re.compile("^200")).wait_for()
    assert '"quality": 1909' in tab.locator("#answer").inner_text()
    assert re.fullmatch(r"\d+\.\d ms", tab.locator("#time").inner_text())
    assert [f"{address}/docs", f"{address}/predict"] == seen.requests
    assert not seen.console


@pytest.mark.browser
def test_an_edited_example_is_what_is_sent(browser: Any, address: str) -> None:
    """And a refusal is shown as it is."""
    tab, _ = opened(browser, address)
    tab.get_by_label("Body (JSON)").fill('{"alcohol": 1, "pH": 20, "year": 2000}')
    tab.get_by_role("button", name="Send").press("Enter")
    tab.locator("#status").filter(has_text=re.compile("^422")).wait_for()
    assert "pH is 20, expected a number of at least 0 and below 14" in tab.locator("#answer").inner_text()


@pytest.mark.browser
def test_another_example_can_be_chosen(browser: Any, address: str) -> None:
    """Its method, path and body are filled in."""
    tab, _ = opened(browser, address)
    tab.get_by_label("Example").select_option(label="/v1/models/wine:predict – two rows")
    assert "POST /v1/models/wine:predict" == tab.get_by_label("Method and path").input_value()
    assert '"instances"' in tab.get_by_label("Body (JSON)").input_value()


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_fits_its_window(browser: Any, address: str, width: int) -> None:
    """On a phone and on a desk nothing has to be scrolled sideways, and every field has a name for screen readers."""
    tab, _ = opened(browser, address, viewport={"width": width, "height": 800})
    assert width >= tab.evaluate("document.documentElement.scrollWidth")
    unnamed = "[...document.querySelectorAll('input,select,textarea,button')].filter(e => !e.labels?.length && !e.textContent)"
    assert 0 == tab.evaluate(f"{unnamed}.length")
    assert "en" == tab.evaluate("document.documentElement.lang")


@pytest.mark.browser
def test_without_javascript_the_page_still_tells_everything(browser: Any, address: str) -> None:
    """And says what is missing."""
    tab, _ = opened(browser, address, java_script_enabled=False)
    assert tab.get_by_text("Sending from this page needs JavaScript").is_visible()
    assert tab.get_by_text("http://localhost:8000/predict").first.is_visible()
