"""The lines of nginx's access log, as records.

nginx has no finer times than milliseconds: what took less than one is told as half of one.
"""

from datetime import UTC, datetime
from typing import Final

import msgspec

from seatrial.adapters.traffic.units import UnitHash
from seatrial.records import AccessLine, Arm

_ARMS: Final = {arm.value: arm for arm in Arm}
_FLAGS: Final = {499: "DC", 502: "UF", 503: "UH", 504: "UT"}
"""In Envoy's words, by the status that nginx itself answers with (499: the caller went away)."""
_LEAST: Final = 0.0005


class _Line(msgspec.Struct, gc=False):
    """A line; nginx writes every value as text."""

    at: str
    sv: str
    fo: str = ""
    as_: str = msgspec.field(default="", name="as")
    se: str = ""
    ve: str = ""
    ep: str = ""
    id: str = ""
    me: str = ""
    pa: str = ""
    un: str = ""
    co: str = "0"
    us: str = "0"
    up: str = ""
    uh: str = ""
    bs: str = "0"
    br: str = "0"


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
            if not read.sv:
                return None
            status, time = int(read.co), datetime.fromtimestamp(float(read.at), UTC)
            seconds = max(float(read.us), _LEAST)
            sent, received = int(read.bs or 0), int(read.br or 0)
        except (msgspec.MsgspecError, ValueError, OverflowError, OSError):
            return None
        answered = _seconds(_last(read.uh)) is not None
        return AccessLine(
            time=time,
            service=read.sv,
            request_id=read.id,
            method=read.me,
            path=read.pa,
            status=0 if status == 499 else status,  # noqa: PLR2004 - nothing was sent
            seconds=seconds,
            assigned=_ARMS.get(read.as_, Arm.STABLE),
            served=_ARMS.get(read.se) if answered else None,
            version=read.ve if answered else "",
            endpoint=read.ep,
            flags="" if answered else _FLAGS.get(status, ""),
            unit=self._units(read.un),
            bytes_sent=sent,
            bytes_received=received,
            forced=bool(read.fo),
            upstream_seconds=_seconds(_last(read.up)),
        )


def _last(values: str) -> str:
    """Of several that were tried the last: `-, 200`."""
    return values.replace(":", ",").rpartition(",")[2].strip()


def _seconds(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None
