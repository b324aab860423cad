"""Lines that did not parse, kept beside the rows: with them nothing is lost, and a person can see what went wrong."""

import base64
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from seatrial.retrain.parse.parsed import DeadLine

LONGEST_LINE: Final = 10_000
"""Bytes of a line that are kept."""
_MOST_KINDS: Final = 1_000
_OTHERS: Final = "other reasons"


class DeadLines:
    """The dead lines of one partition, in a file of JSON lines.

    Args:
        file: may not be there yet; it is there once a line is dead.
        partition: whose they are.
    """

    def __init__(self, file: Path, partition: str) -> None:
        self._file = file
        self._partition = partition
        self.kinds: Counter[str] = Counter()
        """How many lines were dead for which reason, the value left out of it."""

    def add(self, lines: Iterable[DeadLine]) -> None:
        """Write them at the end of the file."""
        written = []
        for line in lines:
            kind = line.fault.kind
            known = kind in self.kinds or len(self.kinds) < _MOST_KINDS
            self.kinds[kind if known else _OTHERS] += 1
            written.append(msgspec.json.encode(self._document(line)) + b"\n")
        if written:
            with self._file.open("ab") as file:
                file.writelines(written)

    def copy_to(self, target: IO[bytes]) -> None:
        """Write the file's lines to another one."""
        if self.kinds:
            with self._file.open("rb") as file:
                while piece := file.read(1 << 20):
                    target.write(piece)

    def drop(self) -> None:
        """Remove the file."""
        self._file.unlink(missing_ok=True)

    def _document(self, dead: DeadLine) -> dict[str, Any]:
        document: dict[str, Any] = {"partition": self._partition, "offset": dead.offset, "reason": dead.fault.reason}
        document |= _text_or_base64(dead.line)
        if len(dead.line) > LONGEST_LINE:
            document["length"] = len(dead.line)
        return document


def _text_or_base64(line: bytes) -> dict[str, str]:
    """The line as `line`, with `encoding` where it is no text; shortened."""
    kept = line[:LONGEST_LINE]
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return {"line": base64.b64encode(kept).decode(), "encoding": "base64"}
    return {"line": text if len(line) <= LONGEST_LINE else kept.decode(errors="ignore")}
