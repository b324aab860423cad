"""Whether a file is a whole Parquet file, told from a dozen bytes of it.

A crash can leave a file half written or empty. DuckDB would refuse the whole query for one of them.
"""

from pathlib import Path

_MAGIC = b"PAR1"
_FOOT = 8
_SMALLEST = 2 * len(_MAGIC) + 4


def why_unreadable(path: Path) -> str:
    """Why a file is no whole Parquet file; empty if it looks like one.

    Looks at the magic at both ends and at the length of the metadata that stands before the last one.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(len(_MAGIC))
            file.seek(max(0, size - _FOOT))
            foot = file.read(_FOOT)
    except OSError as error:
        return f"it can't be opened ({error.strerror or type(error).__name__})"
    if size == 0:
        return "it is empty"
    if head != _MAGIC:
        return "it is no Parquet file"
    if size < _SMALLEST or foot[-len(_MAGIC) :] != _MAGIC:
        return "it is half written: its end is missing"
    if int.from_bytes(foot[:4], "little") > size - _SMALLEST:
        return "its metadata are damaged"
    return ""
