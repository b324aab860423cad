"""A Prometheus server, or what speaks its HTTP API (Thanos, Mimir, VictoriaMetrics): questions and answers.

Its URL may hold a login, which is in no message. A user `bearer` means that the password is a token:
`https://bearer:TOKEN@prometheus.example.com`.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

import httpx

from seatrial.logs import shown_text
from seatrial.records import SeatrialError, TemporaryError, UsageError
from seatrial.release.promql_counters import duration
from seatrial.release.promql_tokens import shown_query

TIMEOUT: Final = 10.0
LARGEST: Final = 64 << 20
_CONNECT: Final = 3.0
_LONGEST: Final = 400
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_BEARER: Final = "bearer"
_BUSY: Final = frozenset({408, 425, 429})
_NO_POST: Final = frozenset({405, 501})
_NO_LOGIN: Final = frozenset({401, 403})


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One series of an answer.

    Attributes:
        labels: with the name as `__name__`, where it has one; empty for a scalar.
        samples: moment in seconds since 1970, and value, in the order of time. Values may be NaN and infinite.
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    samples: tuple[tuple[float, float], ...] = ()


class PrometheusServer:
    """Asks one server; safe to use from many threads.

    Args:
        url: `http(s)://[login@]host[:port][/path]`, without `/api/v1`.
        timeout: seconds until an answer has to be there.

    Raises:
        UsageError: that is no such URL.
    """

    def __init__(self, url: str, *, timeout: float = TIMEOUT) -> None:
        parts = _parts(url)
        self.shown = _without_login(url)
        self._base = self.shown.rstrip("/")
        self._timeout = timeout
        self._http = httpx.Client(
            auth=_login(parts.username, parts.password),
            timeout=httpx.Timeout(timeout, connect=min(_CONNECT, timeout)),
            follow_redirects=False,
            # Questions are seconds apart: nothing is left open, so that nobody has to close this.
            limits=httpx.Limits(max_keepalive_connections=0),
            # A proxy of the environment is for what lies outside of this machine.
            trust_env=parts.hostname not in _LOOPBACK,
        )

    def ask(self, query: str, at: datetime) -> Sequence[Series]:
        """What a query says at a moment: one sample a series.

        Raises:
            UsageError: the query is wrong or asks for a range, or the server wants another login.
            TemporaryError: the server does not answer, or can't right now.
        """
        kind, found = self._asked(query, at)
        if kind not in {"vector", "scalar"}:
            raise UsageError(
                f"a {'range of samples' if kind == 'matrix' else kind} is no figure",
                where=shown_query(query),
                remedy="put increase(…), rate(…) or avg_over_time(…) around a range",
            )
        return found

    def samples(self, selector: str, since: datetime, until: datetime) -> Sequence[Series]:
        """The samples of a selector after `since`, up to `until`; one of just that moment may be there too. Raises as `ask`."""
        length = math.ceil((until - since) / timedelta(milliseconds=1))
        return self._asked(f"{selector}[{max(length, 1)}ms]", until)[1]

    def _asked(self, query: str, at: datetime) -> tuple[str, list[Series]]:
        given = {"query": query, "time": f"{at.timestamp():.3f}", "timeout": duration(self._timeout)}
        data = self._get("query", given, query)
        try:
            return data["resultType"], _series(data["resultType"], data["result"])
        except (KeyError, TypeError, ValueError) as error:
            raise self._stranger() from error

    def _get(self, name: str, given: Mapping[str, str], query: str) -> dict[str, Any]:
        try:
            with self._http.stream("POST", f"{self._base}/api/v1/{name}", data=given) as answer:
                status, body = answer.status_code, _bounded(answer)
        except httpx.HTTPError as error:
            raise self._silent(f"{type(error).__name__}: {error}".rstrip(": ")) from error
        if body is None:
            raise UsageError(
                f"the answer is larger than {LARGEST >> 20} MiB",
                where=shown_query(query),
                remedy="ask for fewer series",
            )
        found = _decoded(body)
        if status == httpx.codes.OK and found.get("status") == "success" and isinstance(found.get("data"), dict):
            return dict(found["data"])
        raise self._refused(status, found, query)

    def _refused(self, status: int, found: Mapping[str, Any], query: str) -> SeatrialError:
        words = shown_text(str(found.get("error", "")), _LONGEST)
        if status in _NO_LOGIN:
            return UsageError(
                f"Prometheus refuses the login ({status})",
                where=self.shown,
                remedy="write it into the URL, https://USER:${PASSWORD}@… or https://bearer:${TOKEN}@…",
            )
        if status in _NO_POST:
            return self._stranger()
        if status in _BUSY or status >= httpx.codes.INTERNAL_SERVER_ERROR:
            return self._silent(f"it answered {status}{f', {words}' if words else ''}")
        if not words:
            return self._stranger()
        return UsageError(
            f"Prometheus can't answer: {words}",
            where=shown_query(query),
            remedy="try the query in Prometheus's own page",
        )

    def _silent(self, why: str) -> TemporaryError:
        return TemporaryError(
            f"Prometheus does not answer: {shown_text(why, _LONGEST)}", where=self.shown, remedy="look whether it runs"
        )

    def _stranger(self) -> UsageError:
        return UsageError(
            "this does not answer as Prometheus does",
            where=self.shown,
            remedy="name the URL before /api/v1, such as http://HOST:9090",
        )


def text_of(labels: Mapping[str, str]) -> str:
    """A series's labels as PromQL writes them, at most 200 characters: `x_total{instance="a:80"}`."""
    inner = ", ".join(f"{name}={json.dumps(value)}" for name, value in sorted(labels.items()) if name != "__name__")
    return shown_text(f"{labels.get('__name__', '')}{{{inner}}}", 200)


def _login(user: str | None, password: str | None) -> httpx.Auth | None:
    if not user and not password:
        return None
    name, secret = unquote(user or ""), unquote(password or "")
    return _Bearer(secret) if name == _BEARER else httpx.BasicAuth(name, secret)


class _Bearer(httpx.Auth):
    """A token in place of a login."""

    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Any:  # noqa: ANN401 - a generator of httpx's
        """Put it on."""
        request.headers["authorization"] = f"Bearer {self._token}"
        yield request


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise UsageError("this is no URL of a Prometheus server", where="url", remedy="write http://HOST:9090")
    return parts


def _without_login(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _bounded(answer: httpx.Response) -> bytes | None:
    parts: list[bytes] = []
    size = 0
    for part in answer.iter_bytes():
        size += len(part)
        if size > LARGEST:
            return None
        parts.append(part)
    return b"".join(parts)


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _series(kind: str, result: Any) -> list[Series]:  # noqa: ANN401 - JSON
    if kind == "vector":
        return [Series(labels=one["metric"], samples=(_sample(one["value"]),)) for one in result]
    if kind == "matrix":
        return [Series(labels=one["metric"], samples=tuple(map(_sample, one["values"]))) for one in result]
    return [Series(samples=(_sample(result),))] if kind == "scalar" else []


def _sample(pair: Sequence[Any]) -> tuple[float, float]:
    moment, value = pair
    return float(moment), float(value)
