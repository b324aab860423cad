"""Requests that are wrong, from a seeded generator: JSON that is none, values that do not fit, tensors that lie."""

import copy
import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

RAW = "\x00raw\x00"
"""Stands in a document for bytes that no writer of JSON would write."""

RAW_VALUES = (
    b"NaN", b"-NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"1e-999", b"1e400000", b"-0", b"00", b"01", b"+1",
    b".5", b"5.", b"0x10", b"1_000", b"1e", b"--1", b"9" * 400, b"9" * 5000, b"0." + b"3" * 5000, b"-" + b"1" * 320,
    b"9223372036854775808", b"-9223372036854775809", b"18446744073709551616", b"1.7976931348623159e308",
    b"tru", b"True", b"None", b"null", b"undefined", b"'x'", b"", b",", b":", b"]", b"}", b"[", b"{", b"//", b"/**/1",
    b'"\xff"', b'"\xc3"', b'"\xed\xa0\x80"', b'"\xf8\x88\x80\x80\x80"', b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\u0000"',
    b'"\\x41"', b'"\\', b'"\x00"', b'"\x01"', b'"\n"', b'"' + b"a" * 70_000 + b'"', b"[" * 40 + b"]" * 40,
    b"[" * 2000, b'{"a":' * 100 + b"1" + b"}" * 100, b"[" * 1500 + b"]" * 1500, b'{"a":1,"a":2}',
    b'{"":0}', b"[1,]", b'{"a":1,}', b"\xef\xbb\xbf1", b"\x00", b"1 2", b"[1 2]",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 0.5, 1e308, -1e308, 1e-320, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**30, "", " ",
    "1", "NaN", "inf", "null", "red", "Red", "rot", "\u0000", "\ud83d\ude00", "é" * 300, "x" * 5000, "__proto__", "../..",
    [], {}, [[]], [None], [{}], [1, [2]], {"a": {}}, {"inputs": []}, {"instances": [[]]}, [[1, 2], [3]], list(range(100)),
)  # fmt: skip
KEYS = (
    "",
    "x3",
    "X0",
    "inputs",
    "instances",
    "name",
    "shape",
    "data",
    "datatype",
    "parameters",
    "id",
    "row",
    "ü",
    "a" * 3000,
)
TYPES = (
    b"text/plain", b"text/html", b"application/octet-stream", b"application/x-www-form-urlencoded",
    b"multipart/form-data; boundary=x", b"application/json; charset=latin-1", b"application/json;charset=utf-8",
    b"application/xml", b"", b";;;", b"\xff\xfe", b"application/" + b"j" * 2000,
)  # fmt: skip
METHODS = (b"GET", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE", b"PROPFIND", b"SEARCH", b"POST")
DATATYPES = ("BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64",
             "BYTES", "BF16", "fp64", "", None, 5, "FP128")  # fmt: skip
SHAPES: tuple[Any, ...] = (
    [], [0], [1], [1, 0], [0, 3], [1, 3], [3], [3, 1], [2, 3], [-1, 3], [1, 3, 1], [1, 2, 3], [1.0, 3], ["1", 3], [True, 3], None, "1,3", {},
    [2**31, 3], [2**40, 2**40], [2**63], [2**64, 1], [10**30, 0], [10_001, 3], [1] * 40, [1] * 2000, [[1, 3]], [None, 3],
)  # fmt: skip
LENGTHS = (
    b"0",
    b"-1",
    b"1",
    b"+5",
    b"5.0",
    b"1e2",
    b"abc",
    b"",
    b"0x10",
    b"999999999",
    b"9" * 400,
    b"\xb2",
    b" 12 ",
    b"1,2",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """A good request, to be spoilt."""

    path: str
    document: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Nonsense:
    """Makes wrong requests; the same ones for the same seed.

    Args:
        random: decides.
        seeds: good requests.
        paths: that are asked without regard to what they are for.
    """

    random: Random
    seeds: Sequence[Seed]
    paths: Sequence[str]

    def request(self, identity: bytes) -> bytes:
        """One request, well-formed as HTTP; its answer names `identity`."""
        kind = self.random.random()
        seed = self.random.choice(self.seeds)
        path, method = seed.path.encode(), b"POST"
        headers = [(b"x-request-id", identity), (b"content-type", b"application/json")]
        if kind < 0.08:
            path, method = self._path().encode(), self.random.choice(METHODS)
            body = self._text(seed.document)
        elif kind < 0.2 and path.endswith(b"/infer"):
            body, length = self._binary(seed.document)
            headers.append((b"inference-header-content-length", length))
        elif kind < 0.27:
            headers[1] = (b"content-type", self.random.choice(TYPES))
            if self.random.random() < 0.3:
                headers.append((b"content-encoding", self.random.choice((b"gzip", b"identity", b"br", b"\xff"))))
            body = self._text(seed.document)
        else:
            body = self._text(seed.document)
        return message(method, path, headers, body, chunked=self._chunks(body))

    def _chunks(self, body: bytes) -> list[bytes] | None:
        """Now and then the body in pieces."""
        if not body or self.random.random() > 0.05:
            return None
        edges = sorted(self.random.randrange(1, len(body) + 1) for _ in range(self.random.randrange(4)))
        return [body[first:last] for first, last in zip([0, *edges], [*edges, len(body)], strict=True)]

    def _path(self) -> str:
        path = self.random.choice(self.paths)
        return self.random.choice(
            (
                path,
                path + "/",
                path + "?x=1&x=2",
                "/" + path,
                path.upper(),
                path + "%00",
                path + "%2f..",
                path + "/%ff",
                "/x" * 50,
            )
        )

    def _text(self, document: Any) -> bytes:
        """A spoilt document as bytes, sometimes spoilt as bytes too."""
        spoilt = copy.deepcopy(document)
        for _ in range(1 + (self.random.random() < 0.2)):
            spoilt = self._spoil(spoilt)
        text = json.dumps(spoilt, ensure_ascii=self.random.random() < 0.5).encode("utf-8", "surrogatepass")
        mark = json.dumps(RAW).encode()
        while mark in text:
            text = text.replace(mark, self.random.choice(RAW_VALUES), 1)
        return self._bytes(text) if self.random.random() < 0.25 else text

    def _spoil(self, document: Any) -> Any:
        places = list(_places(document))
        holder, key = self.random.choice(places) if places else (None, None)
        if holder is None or self.random.random() < 0.05:
            return self._value()
        self.random.choice(_CHANGES)(self, holder, key)
        return document

    def _value(self) -> Any:
        return RAW if self.random.random() < 0.5 else copy.deepcopy(self.random.choice(VALUES))

    def _replace(self, holder: Any, key: Any) -> None:
        holder[key] = self._value()

    def _drop(self, holder: Any, key: Any) -> None:
        del holder[key]

    def _add(self, holder: Any, key: Any) -> None:
        if isinstance(holder, list):
            holder.insert(key, self._value())
        else:
            holder[self.random.choice(KEYS)] = self._value()

    def _wrap(self, holder: Any, key: Any) -> None:
        holder[key] = self.random.choice(
            ([holder[key]], {"value": holder[key]}, [holder[key], holder[key]], str(holder[key]))
        )

    def _lie(self, holder: Any, key: Any) -> None:
        """In a tensor, say something else of its shape or type; elsewhere as `_replace`."""
        if isinstance(holder, dict) and "shape" in holder:
            lies = SHAPES if self.random.random() < 0.7 else DATATYPES
            holder["shape" if self.random.random() < 0.7 else "datatype"] = copy.deepcopy(self.random.choice(lies))
        else:
            self._replace(holder, key)

    def _bytes(self, text: bytes) -> bytes:
        at = self.random.randrange(len(text) + 1)
        some = self.random.randbytes(self.random.randrange(1, 9))
        return self.random.choice(
            (
                text[:at],
                text[at:],
                text[:at] + some + text[at:],
                text[:at] + some + text[at + len(some) :],
                text + text,
                text + b"\x00",
                b"\xef\xbb\xbf" + text,
                b"\x00" + text,
                text.decode("utf-8", "replace").encode("utf-16"),
                text.decode("utf-8", "replace").encode("utf-32-le"),
                text.replace(b'"', b"'"),
                text.replace(b":", b"="),
                text.replace(b"{", b"{,", 1),
                text + b",",
                b"",
                b" \n\t " + text + b"\r\n",
                some,
            )
        )

    def _binary(self, document: Any) -> tuple[bytes, bytes]:
        """Tensors as bytes behind the JSON, with sizes that are wrong in one way or another."""
        header = copy.deepcopy(document)
        tail = b""
        for tensor in header["inputs"]:
            tensor.pop("data", None)
            data = self._tensor(tensor)
            size: Any = len(data)
            if self.random.random() < 0.4:
                size = self.random.choice(
                    (0, -1, size + 1, max(0, size - 1), size * 2, 2**31, 2**63, 10**30, 1.0, "8", None, True, [], {})
                )
            tensor["parameters"] = {"binary_data_size": size}
            tail += data
        if self.random.random() < 0.3:
            header = self._spoil(header)
        text = json.dumps(header).encode().replace(json.dumps(RAW).encode(), self.random.choice(RAW_VALUES))
        if self.random.random() < 0.3:
            tail = self.random.choice((b"", tail[:-1], tail + b"\x00", self.random.randbytes(len(tail)), tail * 3))
        length = self.random.choice(LENGTHS) if self.random.random() < 0.4 else b"%d" % (len(text) + self._off())
        return text + tail, length

    def _off(self) -> int:
        return self.random.choice((-1, 1, 2, -5, 1000)) if self.random.random() < 0.3 else 0

    def _tensor(self, tensor: dict[str, Any]) -> bytes:
        """Bytes that nearly are what the tensor says."""
        if self.random.random() < 0.3:
            tensor["datatype"] = self.random.choice(DATATYPES)
        if self.random.random() < 0.3:
            tensor["shape"] = copy.deepcopy(self.random.choice(SHAPES))
        if tensor.get("datatype") == "BYTES":
            lengths = [self.random.choice((0, 1, 3, 4, 2**31, 2**32 - 1)) for _ in range(3)]
            return b"".join(struct.pack("<I", length) + b"abc" for length in lengths)
        values = [self.random.choice((0.0, 1.0, float("nan"), float("inf"), 1e300)) for _ in range(3)]
        return (
            struct.pack("<3d", *values)
            if self.random.random() < 0.7
            else self.random.randbytes(self.random.randrange(40))
        )


Change = Callable[[Nonsense, Any, Any], None]
_CHANGES: tuple[Change, ...] = (
    Nonsense._replace, Nonsense._replace, Nonsense._replace, Nonsense._lie, Nonsense._lie, Nonsense._drop, Nonsense._add, Nonsense._wrap,
)  # fmt: skip


def _places(document: Any) -> list[tuple[Any, Any]]:
    """Where a value of a document stands: its holder, and its key or index there."""
    found: list[tuple[Any, Any]] = []
    held: list[Any] = [document]
    while held:
        one = held.pop()
        keys = list(one) if isinstance(one, dict) else range(len(one)) if isinstance(one, list) else ()
        found += [(one, key) for key in keys]
        held += [one[key] for key in keys]
    return found


def message(
    method: bytes,
    path: bytes,
    headers: Sequence[tuple[bytes, bytes]],
    body: bytes,
    *,
    chunked: Sequence[bytes] | None = None,
) -> bytes:
    """An HTTP/1.1 request, its body whole or in chunks."""
    lines = [b"%b %b HTTP/1.1" % (method, path), b"host: test", *(b"%b: %b" % header for header in headers)]
    if chunked is None:
        return b"\r\n".join([*lines, b"content-length: %d" % len(body), b"", body])
    pieces = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in chunked if piece)
    return b"\r\n".join([*lines, b"transfer-encoding: chunked", b"", pieces + b"0\r\n\r\n"])
