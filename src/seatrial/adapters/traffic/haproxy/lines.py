"""The lines of HAProxy's access log, as records."""

from datetime import UTC, datetime
from typing import Final

import msgspec

from seatrial.adapters.traffic.units import UnitHash
from seatrial.records import AccessLine, Arm

_ARMS: Final = {arm.value: arm for arm in Arm}
_MICRO: Final = 1e-6
_CAME_WELL: Final = "-"
_NOBODY: Final = "<NOSRV>"
_CLIENT: Final = frozenset("Cc")
_FLAGS: Final = {"C": "DC", "c": "DC", "s": "UT", "S": "UC"}
"""In Envoy's words, by who ended it: the client, a time-out of the server, the server."""


class _Line(msgspec.Struct, gc=False):
    """A line; what is missing was unknown to HAProxy."""

    be: str
    en: str
    sv: str
    fo: str = ""
    as_: str = msgspec.field(default="", name="as")
    ep: str = ""
    id: str = ""
    me: str = ""
    pa: str = ""
    un: str = ""
    ve: str = ""
    ts: str = "--"
    bs: str = ""
    br: str = ""
    co: int = 0
    tr: int = -1


class LineReader:
    """Reads lines.

    Args:
        units: hides the keys of users.
    """

    def __init__(self, units: UnitHash) -> None:
        self._units = units
        self._decode = msgspec.json.Decoder(_Line).decode

    def __call__(self, line: bytes) -> AccessLine | None:
        """A line as a record; None for what is not about a service's request, or not whole."""
        try:
            read = self._decode(line)
            if not _told(read.sv):
                return None
            begin, end = int(read.be), int(read.en)
            time = datetime.fromtimestamp(end * _MICRO, UTC)
            sent, received = _size(read.bs), _size(read.br)
        except (msgspec.MsgspecError, ValueError, OverflowError, OSError):
            return None
        arm, _, endpoint = read.ep.partition(":")
        answered = read.tr >= 0 and read.ts[:1] == _CAME_WELL
        gone = read.tr < 0 and read.ts[:1] in _CLIENT
        return AccessLine(
            time=time,
            service=read.sv,
            request_id=read.id,
            method=read.me,
            path=read.pa,
            status=0 if gone else max(read.co, 0),
            seconds=max(0, end - begin) * _MICRO,
            assigned=_ARMS.get(read.as_, Arm.STABLE),
            served=_ARMS.get(arm) if answered else None,
            version=_told(read.ve) if answered else "",
            endpoint=endpoint,
            flags="" if answered else _flags(read),
            unit=self._units(_told(read.un)),
            bytes_sent=sent,
            bytes_received=received,
            forced=bool(_told(read.fo)),
            upstream_seconds=read.tr / 1000 if read.tr >= 0 else None,
        )


def _flags(read: _Line) -> str:
    return "UH" if read.ep == _NOBODY else _FLAGS.get(read.ts[:1], "UF")


def _told(value: str) -> str:
    """HAProxy writes a dash for what is not there."""
    return "" if value == "-" else value


def _size(value: str) -> int:
    return int(value) if value.isdigit() else 0
