"""The lines of Envoy's access log: what is asked for, and how it is read.

Lines are many, five hundred a second and more, so they hold little and are decoded into a fixed shape. The user's key is
written as it is, since Envoy can't hash it; it leaves `LineReader` only as a keyed hash.
"""

from datetime import UTC, datetime
from typing import Final

import msgspec

from seatrial.adapters.traffic.envoy.names import OWN, UNIT
from seatrial.adapters.traffic.units import UnitHash
from seatrial.records import AccessLine, Arm

LOG_FORMAT: Final = {
    "at": "%START_TIME(%s.%6f)%",
    "sv": f"%METADATA(ROUTE:{OWN}:service)%",
    "fo": f"%METADATA(ROUTE:{OWN}:forced)%",
    "as": f"%METADATA(CLUSTER:{OWN}:arm)%",
    "se": f"%UPSTREAM_METADATA({OWN}:arm)%",
    "ve": f"%UPSTREAM_METADATA({OWN}:version)%",
    "ep": f"%UPSTREAM_METADATA({OWN}:name)%",
    "id": "%REQ(x-request-id):128%",
    "me": "%REQ(:method):16%",
    "pa": "%PATH(NQ):512%",
    "un": f"%DYNAMIC_METADATA({OWN}:{UNIT}):256%",
    "co": "%RESPONSE_CODE%",
    "de": "%RESPONSE_CODE_DETAILS%",
    "fl": "%RESPONSE_FLAGS%",
    "us": "%COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)%",
    "ms": "%DURATION%",
    "up": "%COMMON_DURATION(US_TX_BEG:US_RX_END:us)%",
    "bs": "%BYTES_SENT%",
    "br": "%BYTES_RECEIVED%",
}
"""Keys as short as can be: they are in every line."""

_ANSWERED: Final = "via_upstream"
_MICRO: Final = 1e-6
_MILLI: Final = 1e-3
_ARMS: Final = {arm.value: arm for arm in Arm}


class _Line(msgspec.Struct, gc=False):
    """A line; what is missing was unknown to Envoy."""

    at: str
    sv: str = ""
    fo: str = ""
    as_: str = msgspec.field(default="", name="as")
    se: str = ""
    ve: str = ""
    ep: str = ""
    id: str = ""
    me: str = ""
    pa: str = ""
    un: str = ""
    co: int = 0
    de: str = ""
    fl: str = "-"
    us: int | None = None
    ms: int = 0
    up: int | None = None
    bs: int = 0
    br: int = 0


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
            seconds = read.ms * _MILLI if read.us is None else read.us * _MICRO
            time = datetime.fromtimestamp(float(read.at) + seconds, UTC)
        except (msgspec.MsgspecError, ValueError, OverflowError, OSError):
            return None
        served = _ARMS.get(read.se) if read.de == _ANSWERED else None
        return AccessLine(
            time=time,
            service=read.sv,
            request_id=read.id,
            method=read.me,
            path=read.pa,
            status=read.co,
            seconds=seconds,
            assigned=_ARMS.get(read.as_, Arm.STABLE),
            served=served,
            version=read.ve if served is not None else "",
            endpoint=read.ep,
            flags="" if read.fl == "-" else read.fl,
            unit=self._units(read.un),
            bytes_sent=read.bs,
            bytes_received=read.br,
            forced=bool(read.fo),
            upstream_seconds=None if read.up is None else read.up * _MICRO,
        )
