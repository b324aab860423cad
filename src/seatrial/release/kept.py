"""What a release saw and what was said of it, on disk, so that whoever goes on with it knows exactly what its predecessor knew.

Windows and judgements are lines that are only ever added; the judge's state is put beside them now and then. Lines that
can't be written (the disk is full) wait in memory in their order, and nothing is lost but by a crash just then: then the
windows are asked for again.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from seatrial.records import Judgement, Window

WINDOWS, JUDGEMENTS, STATE = "windows.jsonl", "judgements.jsonl", "judge.json"
VERSION: Final = 1
_END: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """A line of `windows.jsonl`: a window, and what else the judge was given with it.

    Attributes:
        values: results of the thresholds that have a query, by threshold.
        warm: it was from before the canary had requests: history of stable, which was not judged.
        resumed: before it a person overruled the judge's doubt about the split.
    """

    window: Window
    values: Mapping[str, float | None]
    warm: bool = False
    resumed: bool = False


class _Line(msgspec.Struct, omit_defaults=True):
    """What is beside the fields of the window in its line."""

    values: dict[str, float | None] = msgspec.field(default_factory=dict)
    warm: bool = False
    resumed: bool = False


class _State(msgspec.Struct):
    """`judge.json`: the judge's state after so many lines, and which decisions were made by then."""

    version: int
    lines: int
    judged: int
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dumped:
    """The judge's state after the first `lines` windows, of which `judged` were judged."""

    state: bytes
    lines: int
    judged: int


class Kept:
    """The files of one release. One process writes; any may read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._windows = _Lines(folder / WINDOWS)
        self._judgements = _Lines(folder / JUDGEMENTS)

    @property
    def waiting(self) -> int:
        """How many lines could not be written yet."""
        return self._windows.waiting + self._judgements.waiting

    def mend(self) -> None:
        """Remove what a crash left of a line that was being written. For the one process alone that writes here."""
        self._windows.mend()
        self._judgements.mend()

    def windows(self) -> list[Observed]:
        """All windows, in order."""
        return [read_window(line) for line in self._windows.read()]

    def judgements(self) -> list[Judgement]:
        """All judgements, in order."""
        return [msgspec.json.decode(line, type=Judgement) for line in self._judgements.read()]

    def last_judgement(self) -> Judgement | None:
        """The last one, also while somebody else writes; None before the first."""
        line = _last_line(self._folder / JUDGEMENTS)
        return msgspec.json.decode(line, type=Judgement) if line else None

    def add_window(self, observed: Observed) -> None:
        """Keep a window. Raises OSError if it can't be written; it then waits for `retry`."""
        self._windows.add(_window_line(observed))

    def add_judgement(self, judgement: Judgement) -> None:
        """Keep a judgement. Raises OSError if it can't be written; it then waits for `retry`."""
        self._judgements.add(msgspec.json.encode(judgement))

    def retry(self) -> None:
        """Write what waits. Raises OSError if it still can't be."""
        self._windows.flush()
        self._judgements.flush()

    def dumped(self) -> Dumped | None:
        """The judge's state that was kept last; None where there is none that can be read."""
        try:
            found = msgspec.json.decode((self._folder / STATE).read_bytes(), type=_State)
        except (OSError, msgspec.DecodeError):
            return None
        if found.version != VERSION:
            return None
        return Dumped(state=found.state.encode(), lines=found.lines, judged=found.judged)

    def dump(self, dumped: Dumped) -> None:
        """Keep the judge's state in place of the one before. Raises OSError."""
        body = _State(version=VERSION, lines=dumped.lines, judged=dumped.judged, state=dumped.state.decode())
        new = self._folder / f"{STATE}.new"
        try:
            new.write_bytes(msgspec.json.encode(body))
            new.replace(self._folder / STATE)
        except OSError:
            with suppress(OSError):
                new.unlink()
            raise


class _Lines:
    """A file of lines that only grows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: list[bytes] = []

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def read(self) -> list[bytes]:
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return []
        # What follows the last line break is being written, or was when somebody was killed.
        whole = data.rpartition(b"\n")[0]
        return whole.split(b"\n") if whole else []

    def mend(self) -> None:
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return
        rest = len(data.rpartition(b"\n")[2])
        if rest:
            os.truncate(self._path, len(data) - rest)

    def add(self, line: bytes) -> None:
        self._waiting.append(line)
        self.flush()

    def flush(self) -> None:
        """Write all that waits, or nothing of it."""
        if not self._waiting:
            return
        if not self._path.parent.exists():
            self._path.parent.mkdir(parents=True)
        with self._path.open("ab", buffering=0) as file:
            before = file.tell()
            data = b"".join(line + b"\n" for line in self._waiting)
            try:
                written = file.write(data) or 0
                if written < len(data):
                    file.write(data[written:])
            except OSError:
                with suppress(OSError):
                    file.truncate(before)
                raise
        self._waiting.clear()


def _last_line(path: Path) -> bytes:
    """The last whole line of a file; empty where there is none."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            # A judgement is a few kilobytes.
            file.seek(max(0, size - _END))
            whole, newline, _ = file.read().rpartition(b"\n")
    except OSError:
        return b""
    return whole.rpartition(b"\n")[2] if newline else b""


def read_window(line: bytes) -> Observed:
    """A line of `windows.jsonl`. It is a window with further keys, so that who wants the window alone can read it as one."""
    beside = msgspec.json.decode(line, type=_Line)
    window = msgspec.json.decode(line, type=Window)
    return Observed(window=window, values=beside.values, warm=beside.warm, resumed=beside.resumed)


def _window_line(observed: Observed) -> bytes:
    fields = msgspec.to_builtins(observed.window, str_keys=True)
    beside = _Line(values=dict(observed.values), warm=observed.warm, resumed=observed.resumed)
    return msgspec.json.encode({**fields, **msgspec.to_builtins(beside)})
