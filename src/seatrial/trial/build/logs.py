"""Output of commands on its way to the disk: bounded, and without secrets."""

from collections import deque
from contextlib import suppress
from typing import IO

from seatrial.logs import Redactor

KEPT_BYTES = 16 << 20
_END_BYTES = 4 << 20
_LINE_BYTES = 64 << 10


def copy_bounded(source: IO[bytes], target: IO[bytes], redactor: Redactor, kept: int = KEPT_BYTES) -> None:
    """Copy output line by line as it comes, without secrets; of more than `kept` bytes the middle is dropped.

    Args:
        source: pipe of the command; read to its end, so that the command is never blocked.
        target: log, unbuffered. Where it can't be written (disk full) the rest of the output is dropped.
        redactor: takes the secrets out.
        kept: bytes after which only the last 4 MiB are kept, behind a line that says how much is missing.
    """
    written = 0
    while written < kept:
        line = source.readline(_LINE_BYTES)
        if not line:
            return
        written += _write(target, redactor.clean(line))
    _write(target, _end_of(source, redactor))


def _end_of(source: IO[bytes], redactor: Redactor) -> bytes:
    """Read `source` to its end; its last 4 MiB, with a line that says what was dropped before them."""
    chunks: deque[bytes] = deque()
    size = dropped = 0
    while chunk := source.readline(_LINE_BYTES):
        chunks.append(chunk)
        size += len(chunk)
        while size > _END_BYTES:
            gone = len(chunks.popleft())
            size -= gone
            dropped += gone
    note = f"\n[seatrial: {dropped} bytes of this log were dropped here]\n".encode() if dropped else b""
    return note + redactor.clean(b"".join(chunks))


def _write(target: IO[bytes], data: bytes) -> int:
    # On a full disk the command meets the same trouble and says so itself.
    with suppress(OSError):
        target.write(data)
    return len(data)
