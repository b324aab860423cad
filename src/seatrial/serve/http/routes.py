"""Which handler answers which request: exact paths by a lookup, templates by a pattern, everything else by 404 or 405."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import unquote_to_bytes

from seatrial.serve.http.exchange import Exchange


class Meter(Protocol):
    """What a route tells the metrics; see `serve.metrics.RouteMeter`."""

    def started(self) -> None:
        """A request began."""
        ...

    def answered(self, status: int, seconds: float, received: int, sent: int) -> None:
        """It was answered."""
        ...

    def abandoned(self) -> None:
        """Its caller went away first."""
        ...


Handler = Callable[[Exchange], None]
"""Answers an exchange, at once or later, by `Exchange.reply`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One path (exact, or a template with `{names}`) and method, who answers, and where it is counted."""

    method: bytes
    path: str
    handler: str
    answer: Handler = field(compare=False)
    meter: Meter = field(compare=False)


class Routes:
    """All routes of a server; `find` never fails."""

    __slots__ = ("_exact", "_missing", "_templates", "_wrong_method")

    def __init__(
        self, routes: Iterable[Route], *, missing: Route, wrong_method: Callable[[tuple[bytes, ...]], Route]
    ) -> None:
        self._exact: dict[tuple[bytes, bytes], Route] = {}
        self._templates: list[tuple[re.Pattern[bytes], Route]] = []
        self._missing = missing
        self._wrong_method = wrong_method
        for route in routes:
            if "{" in route.path:
                self._templates.append((_pattern(route.path), route))
            else:
                self._exact[route.method, route.path.encode()] = route

    def find(self, method: bytes, path: bytes) -> Route:
        """The route of a request; HEAD is answered as GET is."""
        route = self._exact.get((method, path))
        return route if route is not None else self._search(b"GET" if method == b"HEAD" else method, path)

    def _search(self, method: bytes, path: bytes) -> Route:
        if b"%" in path:
            path = unquote_to_bytes(path)
        route = self._exact.get((method, path))
        if route is not None:
            return route
        fitting = [route for pattern, route in self._templates if pattern.fullmatch(path)]
        for route in fitting:
            if route.method == method:
                return route
        allowed = {route.method for route in fitting} | {one for one, exact in self._exact if exact == path}
        return self._wrong_method(tuple(sorted(allowed))) if allowed else self._missing


def _pattern(template: str) -> re.Pattern[bytes]:
    parts = re.split(r"\{[^{}]*\}", template)
    return re.compile(b"[^/]+".join(re.escape(part.encode()) for part in parts))
