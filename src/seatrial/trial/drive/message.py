"""The bytes of a request: everything but its body is made once, before anything is measured."""

import base64
import re
from dataclasses import dataclass

from yarl import URL

from seatrial.records import RequestsSpec, UsageError
from seatrial.trial.drive.connection import Answer, Origin, TransportError

REDIRECTS = frozenset({301, 302, 303, 307, 308})
_DEFAULTS = {"Content-Type": "application/json", "Accept": "application/json", "Accept-Encoding": "identity"}
_OURS = frozenset({"content-length", "transfer-encoding"})
_SECRET = frozenset({"authorization", "cookie", "host"})
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_MOVED_TO_GET = frozenset({301, 302})
_SEE_OTHER = 303


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go and all of them but the body. `head` ends before the length of the body."""

    url: URL
    method: str
    headers: tuple[tuple[str, str], ...]
    origin: Origin
    head: bytes

    def request(self, body: bytes) -> bytes:
        """The bytes of one request. GET and HEAD have no body."""
        if self.method in {"GET", "HEAD"}:
            return self.head + b"\r\n"
        return b"%bContent-Length: %d\r\n\r\n%b" % (self.head, len(body), body)


def first_target(base_url: str, spec: RequestsSpec) -> Target:
    """Where `spec` sends to on the server at `base_url`. Raises UsageError if the address or a header is malformed."""
    url = _url(base_url, spec.path)
    headers = {name.lower(): (name, value) for name, value in {**_DEFAULTS, **_basic(url)}.items()}
    headers |= {name.lower(): (name, value) for name, value in spec.headers.items()}
    for name, value in headers.values():
        _check_header(name, value)
    if not _TOKEN.fullmatch(spec.method):
        raise UsageError(f"{spec.method!r} is not an HTTP method", where="requests.method", remedy="write POST")
    return _target(url, spec.method.upper(), tuple(headers.values()))


def redirected(target: Target, answer: Answer) -> Target | None:
    """Where `answer` sends the request on to; None if it doesn't.

    As browsers do (Fetch standard, HTTP-redirect fetch): 303, and 301 or 302 after a POST, go on as GET without the
    body; another origin gets no credentials.

    Raises:
        TransportError: `redirect`, to something that is no http or https address.
    """
    if answer.status not in REDIRECTS or answer.location is None:
        return None
    try:
        url = target.url.join(URL(answer.location))
        port = url.port
    except ValueError:
        raise TransportError("redirect") from None
    if url.scheme not in {"http", "https"} or not url.host or port is None:
        raise TransportError("redirect")
    to_get = answer.status == _SEE_OTHER or (answer.status in _MOVED_TO_GET and target.method == "POST")
    same = url.origin() == target.url.origin()
    headers = tuple(pair for pair in target.headers if same or pair[0].lower() not in _SECRET)
    return _target(url, "GET" if to_get and target.method != "HEAD" else target.method, headers)


def _url(base_url: str, path: str) -> URL:
    try:
        url = URL(f"{base_url.rstrip('/')}/{path.lstrip('/')}")
    except ValueError as error:
        raise UsageError(f"not an address: {error}", where=base_url, remedy="write http://host:port") from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise UsageError("not an http or https address", where=base_url, remedy="write http://host:port")
    return url


def _target(url: URL, method: str, headers: tuple[tuple[str, str], ...]) -> Target:
    origin = Origin(url.raw_host or "", url.port or 80, url.scheme == "https")
    named = {name.lower() for name, _ in headers}
    lines = [f"{method} {url.raw_path_qs} HTTP/1.1"]
    if "host" not in named:
        lines.append(f"Host: {url.host_port_subcomponent}")
    lines += [f"{name}: {value}" for name, value in headers]
    return Target(url, method, headers, origin, "".join(f"{line}\r\n" for line in lines).encode())


def _basic(url: URL) -> dict[str, str]:
    """Credentials in the address travel as a header."""
    if url.user is None:
        return {}
    token = base64.b64encode(f"{url.user}:{url.password or ''}".encode()).decode()
    return {"Authorization": f"Basic {token}"}


def _check_header(name: str, value: str) -> None:
    where = f"requests.headers.{name!r}"
    if not _TOKEN.fullmatch(name):
        raise UsageError("this is not the name of a header", where=where, remedy="use letters, digits and hyphens")
    if set(value) & set("\r\n\0"):
        raise UsageError("a header holds a line break", where=where, remedy="keep its value on one line")
    if name.lower() in _OURS:
        raise UsageError("seatrial sets this header itself", where=where, remedy="take it out")
