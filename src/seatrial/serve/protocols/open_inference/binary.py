"""The binary tensor data extension: little-endian, row-major, no padding; strings with their length in four bytes."""

import math
import struct
from collections.abc import Iterable

import numpy as np

from seatrial.serve.codec import Refused
from seatrial.serve.model import Array
from seatrial.serve.protocols.open_inference.datatypes import BYTES, dtype_of
from seatrial.serve.validation import Reason, short

_LENGTH = struct.Struct("<I")


def unpack(data: memoryview, datatype: str, shape: tuple[int, ...], name: str) -> Array:
    """An array of `shape`; numbers share the memory of `data`.

    Args:
        data: exactly the tensor's bytes.
        datatype: as in the request.
        shape: as in the request.
        name: of the tensor, for messages.

    Raises:
        Refused: there are more or fewer bytes than the shape says, or a string is cut or not UTF-8.
    """
    count = math.prod(shape)
    if datatype == BYTES:
        return np.array(_strings(data, count, name), dtype=object).reshape(shape)
    dtype = np.dtype(dtype_of(datatype)).newbyteorder("<")
    if count * dtype.itemsize != len(data):
        raise _wrong_size(name, f"{len(data)} bytes", f"{count * dtype.itemsize} for {count} values of {datatype}")
    if datatype == "BOOL":
        truths: Array = np.frombuffer(data, dtype=np.uint8) != 0
        return truths.reshape(shape)
    array: Array = np.frombuffer(data, dtype=dtype).astype(dtype.newbyteorder("="), copy=False)
    return array.reshape(shape)


def _strings(data: memoryview, count: int, name: str) -> list[str]:
    """The strings; no more of them are read than announced, so that a lie about the shape costs nothing."""
    strings: list[str] = []
    offset = 0
    while offset < len(data) and len(strings) < count:
        start = offset + _LENGTH.size
        if start > len(data):
            raise _wrong_size(name, "a length of less than 4 bytes", "4")
        offset = start + _LENGTH.unpack_from(data, offset)[0]
        if offset > len(data):
            raise _wrong_size(name, f"{len(data) - start} bytes of a string", f"{offset - start}")
        strings.append(_text(data[start:offset], name))
    if len(strings) != count or offset != len(data):
        raise _wrong_size(name, f"{len(strings)} strings in {len(data)} bytes", f"{count} and nothing behind them")
    return strings


def _text(data: memoryview, name: str) -> str:
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError as wrong:
        message = f"a string of {short(name)} is not UTF-8: its byte {wrong.start} is 0x{data[wrong.start]:02x}"
        raise Refused(400, Reason.NOT_UTF8, message) from None


def _wrong_size(name: str, found: str, expected: str) -> Refused:
    return Refused(400, Reason.MALFORMED, f"the binary data of {short(name)} has {found}, expected {expected}")


def pack(array: Array) -> bytes:
    """The bytes of an array; of arrays of objects the strings."""
    if array.dtype.kind in "OUS":
        return pack_strings(array.ravel().tolist())
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def pack_strings(values: Iterable[str | bytes]) -> bytes:
    """Each with its length before it."""
    encoded = (value.encode() if isinstance(value, str) else value for value in values)
    return b"".join(_LENGTH.pack(len(one)) + one for one in encoded)
