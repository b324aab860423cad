"""Receivers of notices on the loopback: a webhook, mail servers, and some that misbehave."""

import email
import email.policy
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

CERTIFICATE = Path(__file__).parents[1] / "drive" / "self-signed.pem"
USER, PASSWORD = "ship", "hunter2-secret"
MAILBOX = "team@example.org"


@dataclass(frozen=True)
class Request:
    """One request that a webhook got."""

    path: str
    headers: dict[str, str]
    body: str

    @property
    def json(self) -> dict[str, Any]:
        """The body, a JSON object."""
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass
class Webhook:
    """A web server that keeps what it is posted and answers with `statuses` in turn, then with 200."""

    port: int = 0
    requests: list[Request] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)


@contextmanager
def webhook(*, tls: bool = False) -> Iterator[Webhook]:
    """A webhook that runs inside the block."""
    kept = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            kept.requests.append(Request(self.path, dict(self.headers), body))
            status = kept.statuses.pop(0) if kept.statuses else 200
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = _server_context().wrap_socket(server.socket, server_side=True)
    kept.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


@dataclass
class Mails:
    """A mail server that keeps what it takes.

    Attributes:
        refusal: what it answers to every recipient in place of taking the mail.
        logins: who has logged in.
        encrypted: of each mail, whether it came over TLS.
        look: asked whenever a mail comes; `seen`: what it said then, of each mail.
    """

    port: int = 0
    messages: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    refusal: str = ""
    logins: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    look: Callable[[], object] = lambda: None
    seen: list[object] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - the name is aiosmtpd's
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take every recipient, or none."""
        if self.refusal:
            return self.refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - the name is aiosmtpd's
        self, _server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Keep a mail."""
        content = envelope.content or b""
        raw = content if isinstance(content, bytes) else content.encode()
        self.seen.append(self.look())
        self.messages.append(email.message_from_bytes(raw, policy=email.policy.default))
        self.recipients.append(list(envelope.rcpt_tos))
        self.encrypted.append(session.ssl is not None)
        return "250 OK"

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        """Let `USER` in with `PASSWORD`."""
        if mechanism not in {"LOGIN", "PLAIN"} or (data.login, data.password) != (USER.encode(), PASSWORD.encode()):
            return AuthResult(success=False, handled=False)
        self.logins.append(data.login.decode())
        return AuthResult(success=True)


@contextmanager
def mail_server(*, login: bool = False, starttls: bool = False) -> Iterator[Mails]:
    """A mail server that runs inside the block; it may insist on a login and on STARTTLS."""
    kept = Mails(port=_free_port())
    options: dict[str, Any] = {}
    if login:
        options |= {"authenticator": kept.authenticate, "auth_required": True, "auth_require_tls": starttls}
    if starttls:
        options |= {"tls_context": _server_context(), "require_starttls": True}
    controller = Controller(kept, hostname="127.0.0.1", port=kept.port, **options)
    controller.start()
    try:
        yield kept
    finally:
        controller.stop()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def silent() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(8)
        yield listening.getsockname()[1]


@contextmanager
def dripping() -> Iterator[int]:
    """A port that answers HTTP one byte at a time and never comes to an end; no single read takes long."""
    done = threading.Event()

    def drip() -> None:
        connection, _ = listening.accept()
        with connection, suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while not done.wait(0.02):
                connection.sendall(b"x")

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(8)
        thread = threading.Thread(target=drip)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            done.set()
            thread.join()
