"""Streams, collections and files that the tests of collecting share."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from arro3.io import read_parquet

from seatrial.ports import Stream
from seatrial.records import Collected, CollectSpec
from seatrial.retrain.collect import CollectProgress, collect
from seatrial.retrain.parse import Parser
from seatrial.testing import FakeClock
from tests.retrain.parse.batches import regex_parser

BROKEN = b"hello"


def rating(number: int) -> bytes:
    """A line; each is another one."""
    return f"2026-11-21T10:00:{number % 60:02},{number},GET /rate/m+{number}={number % 5 + 1}".encode()


def ratings(count: int, first: int = 0) -> list[bytes]:
    """Lines."""
    return [rating(number) for number in range(first, first + count)]


@dataclass(slots=True)
class Collecting:
    """A collection with everything that a test doesn't care about."""

    stream: Stream
    folder: Path
    clock: FakeClock
    parser: Parser = field(default_factory=regex_parser)
    told: list[CollectProgress] = field(default_factory=list)

    def __call__(
        self,
        start: Mapping[str, int] | None = None,
        *,
        to: Mapping[str, int] | None = None,
        most_dead: float = 1.0,
        stop: Callable[[], bool] = lambda: False,
        **spec: Any,
    ) -> Collected:
        """Collect: `spec` as of CollectSpec."""
        return collect(
            self.stream,
            start or {},
            CollectSpec(**spec),
            self.parser,
            folder=self.folder,
            clock=self.clock,
            most_dead=most_dead,
            to=to,
            stop=stop,
            watch=self.told.append,
        )


def table(file: str) -> dict[str, list[Any]]:
    """The columns of a Parquet file."""
    found = read_parquet(file).read_all()
    return {name: list(found[name].to_pylist()) for name in found.column_names}


def places(file: str) -> list[tuple[str, int]]:
    """Partition and offset of each row, in the file's order."""
    columns = table(file)
    return list(zip(columns["_partition"], columns["_offset"], strict=True))


def dead_lines(collected: Collected) -> list[dict[str, Any]]:
    """The dead-letter file."""
    return [json.loads(line) for line in Path(collected.dead_file).read_text().splitlines()]
