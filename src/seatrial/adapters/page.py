"""A page for machines on this machine's loopback: one HTTP address that answers GET from a function."""

import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

LOOPBACK = "127.0.0.1"
LOOK_SECONDS = 1.0
QUIET_SECONDS = 10.0

Answer = Callable[[str, Mapping[str, str], str], tuple[bytes, str] | None]
"""From path, query and the `Accept` header to the page and its content type; None: there is no such page."""


class Page:
    """Answers at a loopback port: call it with the event that ends it, in a thread of its own.

    Args:
        port: where; asked again every second, None while there shall be no page.
        answer: what.
        say: gets a line for a port that can't be had; it is tried again until it can.
    """

    def __init__(self, port: Callable[[], int | None], answer: Answer, say: Callable[[str], None]) -> None:
        self._port = port
        self._answer = answer
        self._say = say
        self._complaint = ""
        self._server: ThreadingHTTPServer | None = None

    def __call__(self, stop: threading.Event) -> None:
        """Answer until `stop` is set."""
        try:
            while True:
                self._follow(self._port())
                if stop.wait(LOOK_SECONDS):
                    return
        finally:
            self._follow(None)

    @property
    def address(self) -> str:
        """Where it answers now; empty where it does not."""
        return "" if self._server is None else f"http://{LOOPBACK}:{self._server.server_port}"

    def _follow(self, port: int | None) -> None:
        server = self._server
        if server is not None and server.server_port != port:
            self._server = None
            server.shutdown()
            server.server_close()
        if self._server is None and port is not None:
            self._open(port)

    def _open(self, port: int) -> None:
        try:
            server = _Server((LOOPBACK, port), _handler(self._answer))
        except OSError as error:
            complaint = f"metrics can't be shown at {LOOPBACK}:{port}: {error.strerror}"
            if complaint != self._complaint:
                self._say(complaint)
            self._complaint = complaint
            return
        self._server, self._complaint = server, ""
        threading.Thread(target=server.serve_forever, name="page", daemon=True).start()


class _Server(ThreadingHTTPServer):
    """Does not wait for its readers at the end, nor write of those that went away."""

    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """Whoever asked has gone."""


def _handler(answer: Answer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = QUIET_SECONDS

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            found = answer(parts.path, dict(parse_qsl(parts.query)), self.headers.get("accept", ""))
            status, body, kind = (404, b"there is no such page\n", "text/plain") if found is None else (200, *found)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def version_string(self) -> str:
            """Nothing of the interpreter."""
            return "seatrial"

        def log_message(self, *_: object) -> None:
            """Nobody reads that."""

    return Handler
