"""An application in a thread of its own, whose trouble to listen is its caller's trouble and no line in a log."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from seatrial.web.bot import serve_bot


@contextmanager
def listening(app: web.Application, host: str, port: int) -> Iterator[str]:
    """Answer requests until the block ends; gives the URL.

    Args:
        app: that answers.
        host: address.
        port: 0 takes a free one.

    Raises:
        UsageError: the address is taken, or not this machine's.
    """
    stop, settled = threading.Event(), threading.Event()
    urls: list[str] = []
    raised: list[BaseException] = []

    def ready(url: str) -> None:
        urls.append(url)
        settled.set()

    def run() -> None:
        try:
            serve_bot(app, host, port, stop, ready)
        except BaseException as error:  # noqa: BLE001 - handed on to the thread that waits
            raised.append(error)
        finally:
            settled.set()

    thread = threading.Thread(target=run, name="web", daemon=True)
    thread.start()
    settled.wait()
    if not urls:
        raise raised[0]
    try:
        yield urls[0]
    finally:
        stop.set()
        thread.join()
