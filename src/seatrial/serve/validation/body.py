"""From bytes to JSON values, whatever the bytes are: what isn't JSON is refused with the place where it stops being so.

msgspec reads. Where it gives up because of NaN, Infinity or a number beyond all floats, which Python's own writer
sends, the standard library reads once more, so that the value can be named instead of a position.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from seatrial.serve.codec import JSON, Limits, Refused
from seatrial.serve.validation.aliases import Json
from seatrial.serve.validation.kinds import Reason

GOOD_TYPES = frozenset(
    {JSON, b"application/json; charset=utf-8", b"application/json;charset=utf-8", b"application/octet-stream"}
)
_NOT_JSON_TYPES = re.compile(
    rb"\s*(multipart/|image/|audio/|video/|font/|text/(?!plain|json)|application/"
    rb"(xml|pdf|zip|gzip|grpc|protobuf|x-protobuf|x-ndjson|jsonl|msgpack|x-msgpack|vnd\.ms|yaml|x-yaml|x-parquet|vnd\.apache))",
    re.IGNORECASE,
)
_POSITION = re.compile(r"\(byte (\d+)\)")
_TRAILING = "trailing characters"  # msgspec gives the place behind the first of them
_READ_TWICE = 256 * 1024  # bytes; a second reading of larger bodies would keep the event loop from others
_LONGEST_INTEGER = 400  # digits; floats end at 309

_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A JSON value; not `strict` where it holds numbers that JSON or a float can't."""

    value: Json
    strict: bool = True

    def require_strict(self) -> None:
        """Refuse what is not strict and yet has nothing else wrong with it: the number stands where nobody looked."""
        if not self.strict:
            raise _not_strict()


def _not_strict() -> Refused:
    return Refused(422, Reason.INVALID, "a number is NaN, Infinity or beyond all floats, which JSON cannot carry")


def require_json(headers: Mapping[bytes, bytes]) -> None:
    """Refuse a body that its sender calls something other than JSON (415). No content type, or a vague one, is fine."""
    encoding = headers.get(b"content-encoding", b"identity")
    if encoding.lower() not in (b"identity", b""):
        raise Refused(415, Reason.WRONG_TYPE, "compressed bodies are not read; send JSON without a content encoding")
    if _NOT_JSON_TYPES.match(headers.get(b"content-type", JSON)):
        raise Refused(415, Reason.WRONG_TYPE, "the content type says that this is not JSON; send application/json")


def parse(body: bytes, limits: Limits) -> Parsed:
    """The JSON value of a body, at most `limits.depth` levels deep.

    Raises:
        Refused: empty, not UTF-8, not JSON (400), or too deep (422).
    """
    try:
        value = _decode(body)
    except RecursionError:
        raise too_deep(limits) from None
    except ValueError as error:
        return _second_reading(body, error, limits)
    check_depth(body, value, limits)
    return Parsed(value=value)


def too_deep(limits: Limits) -> Refused:
    """More levels of arrays and objects than allowed."""
    return Refused(422, Reason.TOO_DEEP, f"the JSON is nested deeper than {limits.depth} levels")


def check_depth(body: bytes, value: Json, limits: Limits) -> None:
    """Refuse a value that is nested too deeply; costs next to nothing where `body` has few brackets."""
    if body.count(b"[") + body.count(b"{") <= limits.depth:
        return
    containers = _containers([value])
    for _ in range(limits.depth):
        if not containers:
            return
        containers = _containers(child for one in containers for child in _children(one))
    if containers:
        raise too_deep(limits)


def _containers(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if type(value) is list or type(value) is dict]


def _children(container: Json) -> Iterable[Any]:
    return container if type(container) is list else container.values()


def _second_reading(body: bytes, error: ValueError, limits: Limits) -> Parsed:
    if not body.strip():
        raise Refused(400, Reason.EMPTY, "the body is empty, expected JSON") from None
    try:
        text = body.decode()
    except UnicodeDecodeError as wrong:
        message = f"the body is not UTF-8: byte {wrong.start} is 0x{body[wrong.start]:02x}"
        raise Refused(400, Reason.NOT_UTF8, message) from None
    if len(body) > _READ_TWICE or not _stopped_at_a_number(body, error):
        raise not_json(body, error) from None
    try:
        value = json.loads(text, parse_int=_integer)
    except RecursionError:
        raise too_deep(limits) from None
    except ValueError:
        raise not_json(body, error) from None
    check_depth(body, value, limits)
    return Parsed(value=value, strict=False)


def not_json(body: bytes, error: ValueError) -> Refused:
    """The refusal of a body that msgspec called malformed, or that has a number which it can't hold."""
    if isinstance(error, msgspec.ValidationError):
        return _not_strict()
    found = _POSITION.search(str(error))
    if found is None:
        return Refused(400, Reason.NOT_JSON, f"the body is not JSON: it ends too early, at byte {len(body)}")
    what = str(error).removeprefix("JSON is malformed: ").replace(found[0], "").strip()
    place = int(found[1]) - (what == _TRAILING)
    return Refused(400, Reason.NOT_JSON, f"the body is not JSON: {what} at byte {place}")


def _stopped_at_a_number(body: bytes, error: ValueError) -> bool:
    if isinstance(error, msgspec.ValidationError):
        return True
    found = _POSITION.search(str(error))
    return found is not None and body[int(found[1]) :].startswith((b"NaN", b"Infinity"))


def _integer(digits: str) -> float:
    """An integer as it is; beyond all floats as infinity, before its digits cost anything."""
    return int(digits) if len(digits) < _LONGEST_INTEGER else math.copysign(math.inf, -1 if digits[0] == "-" else 1)
