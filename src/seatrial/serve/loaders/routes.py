"""Routes that a Python class asks for, in the form in which people write them: `GET /recommend/{user}`."""

import re
from collections.abc import Iterable

from seatrial.records import UsageError
from seatrial.serve.loaders.opened import Route

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_SEGMENT = re.compile(r"\{([A-Za-z_]\w*)\}|[^{}?#\s]*")
_REMEDY = 'write it as "GET /recommend/{user}"'


def parse_routes(texts: object, where: str) -> tuple[Route, ...]:
    """The routes of a class.

    Args:
        texts: its attribute `routes`: a list of `METHOD /path/{name}`.
        where: the class.

    Raises:
        UsageError: one can't be understood, or is there twice.
    """
    if isinstance(texts, str) or not isinstance(texts, Iterable):
        raise UsageError(f"routes is no list of texts: {texts!r}", where=where, remedy=_REMEDY)
    routes = tuple(parse_route(text, where) for text in texts)
    for route in routes:
        if routes.count(route) > 1:
            raise UsageError(f"the route {route.method} {route.path} is there twice", where=where)
    return routes


def parse_route(text: object, where: str) -> Route:
    """One route.

    Raises:
        UsageError: it can't be understood.
    """
    method, _, path = text.partition(" ") if isinstance(text, str) else ("", "", "")
    if method not in _METHODS or not path.startswith("/"):
        raise UsageError(f"{text!r} is no route", where=where, remedy=_REMEDY)
    matches = [(segment, _SEGMENT.fullmatch(segment)) for segment in path[1:].split("/")]
    for segment, match in matches:
        if match is None:
            remedy = "a parameter takes a whole segment: /items/{item}"
            raise UsageError(f"the segment {segment!r} of {path} can't be understood", where=where, remedy=remedy)
    parameters = tuple(match[1] for _, match in matches if match and match[1])
    if len(set(parameters)) < len(parameters):
        raise UsageError(f"a parameter is twice in {path}", where=where)
    return Route(method=method, path=path, parameters=parameters)
