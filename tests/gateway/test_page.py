"""A page for machines: answers while it shall, at the port that it shall."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx

from seatrial.adapters.page import Page
from seatrial.adapters.runtime.loopback import PortReserve
from tests.waiting import wait_until


def told(path: str, query: Mapping[str, str], accept: str) -> tuple[bytes, str] | None:
    """What was asked, as text."""
    return None if path != "/metrics" else (f"{sorted(query.items())} {accept}".encode(), "text/plain; version=1")


@contextmanager
def answering(page: Page) -> Iterator[None]:
    """While the page is there."""
    stop = threading.Event()
    thread = threading.Thread(target=page, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)


def test_it_answers_at_its_port_until_it_is_told_to_end() -> None:
    """With what the function makes of path, query and header; other paths and methods are refused."""
    port = PortReserve().free_port()
    page = Page(lambda: port, told, lambda _: None)
    with answering(page), httpx.Client(trust_env=False) as http:
        base = wait_until(lambda: page.address)
        found = http.get(f"{base}/metrics?version=3", headers={"accept": "text/plain"})
        other, posted = http.get(f"{base}/x"), http.post(f"{base}/metrics")

    assert f"http://127.0.0.1:{port}" == base
    assert (200, "[('version', '3')] text/plain", "text/plain; version=1") == (
        found.status_code,
        found.text,
        found.headers["content-type"],
    )
    assert (404, 501) == (other.status_code, posted.status_code)
    assert "" == page.address


def test_a_port_that_is_taken_is_told_once_and_tried_again() -> None:
    """Then it moves to where it shall be."""
    said: list[str] = []
    ports = PortReserve()
    taken, free = ports.free_port(), ports.free_port()
    first = Page(lambda: taken, told, said.append)
    second = Page(lambda: taken if len(said) < 2 else free, told, said.append)
    with answering(first):
        wait_until(lambda: first.address)
        with answering(second):
            wait_until(lambda: said)
            said.append("somebody changed the configuration")
            wait_until(lambda: second.address.endswith(str(free)))

    assert 1 == len([line for line in said if f"127.0.0.1:{taken}" in line])
