"""Text from commands made safe to keep and to show: no secrets, no escape sequences, no endless logs.

A package index's URL may carry a token, and a command may print its environment. Both end up in logs, error messages
and reports, which people publish; so the secrets are replaced before a byte of output reaches the disk.
"""

import re
import unicodedata
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

MASK = "****"
KEPT_BYTES = 16 << 20
_END_BYTES = 4 << 20
_LINE_BYTES = 64 << 10
_TAIL_BYTES = 8 << 10
_SHORTEST_SECRET = 6
_URL_LOGIN = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*://)[^/\s\"'<>]*@")
_SECRET_NAME = re.compile(r"secret|token|passw|api_?key|credential|private_?key|access_?key", re.IGNORECASE)
_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, cursor movement
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)"  # titles, links
    r"|\x1b[ -/]*[0-~]"  # two-character escapes
)
_UNSHOWN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


class Redactor:
    """Replaces logins in URLs (`https://user:token@host`) and the values of secret variables by `****`.

    Args:
        env: environment of the command; variables whose names say `TOKEN`, `PASSWORD`, `SECRET`, `API_KEY` and the
            like are secret if their value has at least six characters.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        values = {value for name, value in env.items() if _SECRET_NAME.search(name) and len(value) >= _SHORTEST_SECRET}
        longest_first = sorted(values, key=len, reverse=True)
        self._values = re.compile(b"|".join(re.escape(value.encode()) for value in longest_first)) if values else None

    def clean(self, data: bytes) -> bytes:
        """The bytes without secrets."""
        masked = _URL_LOGIN.sub(rb"\1" + MASK.encode() + b"@", data) if b"@" in data else data
        return self._values.sub(MASK.encode(), masked) if self._values else masked

    def text(self, text: str) -> str:
        """The text without secrets."""
        return self.clean(text.encode("utf-8", "replace")).decode("utf-8", "replace")


def redact(text: str) -> str:
    """The text without logins in URLs."""
    return Redactor({}).text(text)


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


def tail(path: Path, lines: int = 20) -> str:
    """The last lines of a log, at most 8 KiB, safe to show; empty if there is no log."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _LINE_BYTES))
            data = file.read(_LINE_BYTES)
    except OSError:
        return ""
    text = data.decode("utf-8", "replace").rstrip("\r\n")
    shown_lines = "\n".join(shown(line) for line in text.split("\n")[-lines:])
    return shown_lines.encode()[-_TAIL_BYTES:].decode("utf-8", "ignore")


def shown(line: str) -> str:
    """One line without escape, control and bidi characters; of a line redrawn with returns only the last state."""
    final = line.rstrip("\r").rpartition("\r")[2]
    plain = _ESCAPES.sub("", final)
    return "".join(char for char in plain if char == "\t" or unicodedata.category(char) not in _UNSHOWN)


def shown_text(text: str, limit: int) -> str:
    """A text of several lines made safe to show, at most `limit` characters of it."""
    cut = text if len(text) <= limit else f"{text[: limit - 1]}…"
    return "\n".join(shown(line) for line in cut.split("\n")).strip()
