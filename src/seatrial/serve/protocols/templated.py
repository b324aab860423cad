"""Further routes of a Python class, such as `GET /recommend/{user}`: the model gets an object and its answer goes out as it is.

The object has the parts of the path by their names, and beside them the query's parameters; all are strings, and a
parameter that comes twice is a list of them. The path wins over a parameter of the same name. The JSON body of a POST
is under `body`.
"""

import re
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import parse_qsl, unquote_to_bytes

from seatrial.records.serving import Signature
from seatrial.serve.codec import JSON, Answer, Asked, Limits, Refused
from seatrial.serve.model import Outputs
from seatrial.serve.protocols.errors import error_answer
from seatrial.serve.protocols.operation import Operation, Schema
from seatrial.serve.protocols.values import encode, prediction
from seatrial.serve.validation import GOOD_TYPES, Json, Reason, parse, require_json, words

BODY = "body"
_MOST_PARAMETERS = 100
_NAME = re.compile(r"\{([^{}]*)\}")


class RouteLike(Protocol):
    """A route as a model declares it."""

    @property
    def method(self) -> str:
        """In upper case."""
        ...

    @property
    def path(self) -> str:
        """The template, with `{name}` for a whole segment."""
        ...


class Templated:
    """The codec of one such route."""

    __slots__ = ("_limits", "_names", "_pattern", "_route", "_signature")

    def __init__(self, route: RouteLike, signature: Signature, limits: Limits) -> None:
        self._route = route
        self._signature = signature
        self._limits = limits
        self._names = _NAME.findall(route.path)
        self._pattern = re.compile(b"([^/]+)".join(re.escape(part.encode()) for part in _NAME.split(route.path)[::2]))

    def decode(self, body: bytes, headers: Mapping[bytes, bytes]) -> Asked:
        """One row out of the path, the query and the body; see `serve.codec.Codec`."""
        path, _, query = headers.get(b":path", b"").partition(b"?")
        row = _parameters(query) | self._segments(path)
        if body.strip():
            if headers.get(b"content-type", JSON) not in GOOD_TYPES or b"content-encoding" in headers:
                require_json(headers)
            parsed = parse(body, self._limits)
            parsed.require_strict()
            row[BODY] = parsed.value
        return Asked([row], 1)

    def _segments(self, path: bytes) -> dict[str, Json]:
        found = self._pattern.fullmatch(path) or self._pattern.fullmatch(unquote_to_bytes(path))
        if found is None:
            raise Refused(404, Reason.NOT_FOUND, f"{words(path.decode(errors='replace'))} is not {self._route.path}")
        return {name: _text(part) for name, part in zip(self._names, found.groups(), strict=True)}

    def encode(self, asked: Asked, outputs: Outputs, start: int, seconds: float) -> Answer:  # noqa: ARG002 - the answer is the model's alone
        """The model's value, nothing around it."""
        return Answer(200, encode(prediction(outputs, start)))

    def refuse(self, refused: Refused) -> Answer:
        """The error document."""
        return error_answer(refused)

    def operation(self) -> Operation:
        """For the OpenAPI document."""
        bodied = self._route.method not in ("GET", "HEAD", "DELETE")
        return Operation(
            summary="A route of the model's own",
            description="Parameters of the query reach the model as strings.",
            request={"description": "Any JSON value."} if bodied else None,
            examples={"a body": {}} if bodied else {},
            answer={"description": "The model's answer as it is."},
            parameters=tuple(_path_parameter(name) for name in self._names),
            refusals=(400, 404, 415, 422, 500, 503) if bodied else (400, 404, 422, 500, 503),
        )


def _parameters(query: bytes) -> dict[str, Json]:
    try:
        pairs = parse_qsl(query.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS)
    except UnicodeDecodeError:
        raise Refused(400, Reason.NOT_UTF8, "the query is not UTF-8") from None
    except ValueError:
        message = f"the query has more than {_MOST_PARAMETERS} parameters"
        raise Refused(400, Reason.MALFORMED, message) from None
    several: dict[str, list[str]] = {}
    for name, value in pairs:
        several.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in several.items()}


def _text(part: bytes) -> str:
    try:
        return unquote_to_bytes(part).decode()
    except UnicodeDecodeError:
        raise Refused(400, Reason.NOT_UTF8, "the path is not UTF-8") from None


def _path_parameter(name: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
