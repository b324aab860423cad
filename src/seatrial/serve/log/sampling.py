"""Which requests are logged: by their id alone, so that all rows of one, and its labels, are kept or left together."""

from zlib import crc32

_IDS = 1 << 32


def sampled(request_id: str, share: float) -> bool:
    """Whether a request belongs to the sample; every process decides alike, and a larger share holds the smaller ones."""
    return crc32(request_id.encode("utf-8", "replace")) < share * _IDS
