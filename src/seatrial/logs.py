"""Text of logs made safe to show: no secrets, no escape sequences, no endless lines.

A package index's URL may carry a token, and a program may print its environment. Both end up in logs, error messages
and reports, which people publish; so secrets are replaced before anything is kept or shown.
"""

import os
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path

MASK = "****"
_TAIL_BYTES = 8 << 10
_READ_BYTES = 64 << 10
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


def tail(path: Path, lines: int = 20) -> str:
    """The last `lines` lines of the log, at most 8 KiB, without escape sequences, control and bidi characters.

    Undecodable bytes are replaced; of a line that was redrawn with carriage returns only the last state is kept. Empty
    if there is no log. Only the end of the file is read.
    """
    if lines <= 0:
        return ""
    text = _read_end(path, _READ_BYTES).decode("utf-8", "replace")
    # Not splitlines(): it also splits at form feeds and the like, which are stripped here.
    last = text.rstrip("\r\n").split("\n")[-lines:]
    return _last_bytes("\n".join(map(shown, last)), _TAIL_BYTES)


def _read_end(path: Path, count: int) -> bytes:
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - count))
            return file.read(count)
    except FileNotFoundError:
        return b""


def _last_bytes(text: str, count: int) -> str:
    encoded = text.encode("utf-8")
    return text if len(encoded) <= count else encoded[-count:].decode("utf-8", "ignore")


def shown(line: str) -> str:
    """One line without escape, control and bidi characters; of a line redrawn with returns only the last state."""
    final = line.rstrip("\r").rpartition("\r")[2]
    plain = _ESCAPES.sub("", final)
    return "".join(char for char in plain if char == "\t" or unicodedata.category(char) not in _UNSHOWN)


def shown_text(text: str, limit: int) -> str:
    """A text of several lines made safe to show, at most `limit` characters of it."""
    cut = text if len(text) <= limit else f"{text[: limit - 1]}…"
    return "\n".join(shown(line) for line in cut.split("\n")).strip()
