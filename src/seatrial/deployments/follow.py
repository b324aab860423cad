"""Reads the logs of a deployment's replicas, once or as they grow; secrets and escape sequences stay out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seatrial.logs import Redactor, shown, tail

PIECE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the log of one replica."""

    replica: int
    text: str


class LogFollower:
    """What is new in some logs since the last look.

    Args:
        logs: files by replica; one that isn't there yet may come.
        env: variables whose secret values are masked.
        lines: of each that is there already, so many of the last are new.
    """

    def __init__(self, logs: Mapping[int, Path], env: Mapping[str, str], lines: int) -> None:
        self._logs = logs
        self._redactor = Redactor(env)
        self._lines = lines
        self._places = dict.fromkeys(logs, -1)
        self._rest = dict.fromkeys(logs, b"")

    def new(self) -> Iterator[Line]:
        """The lines that were written since the last call, replica by replica."""
        for replica, log in self._logs.items():
            for text in self._new_of(replica, log):
                yield Line(replica=replica, text=self._redactor.text(shown(text)))

    def _new_of(self, replica: int, log: Path) -> Sequence[str]:
        try:
            size = log.stat().st_size
        except FileNotFoundError:
            self._places[replica] = 0
            return ()
        place = self._places[replica]
        if place < 0:
            self._places[replica] = size
            return tail(log, self._lines).split("\n") if size and self._lines else ()
        if size < place:  # it was cut: its end is what it was
            self._places[replica] = size
            return ()
        with log.open("rb") as file:
            file.seek(place)
            data = self._rest[replica] + file.read(PIECE)
        self._places[replica] = min(size, place + PIECE)
        whole, newline, rest = data.rpartition(b"\n")
        self._rest[replica] = rest
        return whole.decode("utf-8", "replace").split("\n") if newline else ()
