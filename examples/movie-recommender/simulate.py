"""Writes the stream of a made-up service, as text lines: ratings, what is being watched, and what goes wrong on the way.

    time,userid,GET /rate/<movie>=<1-5>
    time,userid,GET /data/m/<movie>/<minute>.mpg

To a folder, or to Kafka (which needs the package confluent-kafka). The same options always give the same lines.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from world import BAD_KINDS, EPOCH, World

_AT_ONCE = 1_000


class Sink(Protocol):
    """Where lines go to."""

    def write(self, lines: Sequence[bytes]) -> None:
        """Add lines."""
        ...

    def close(self) -> None:
        """Return when all of them are there."""
        ...


class Folder:
    """A folder with a file, to which lines are added."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / "events.log").open("ab")

    def write(self, lines: Sequence[bytes]) -> None:
        """Whole lines at once, so that a reader never sees a part of one for long."""
        self._file.write(b"".join(line + b"\n" for line in lines))
        self._file.flush()

    def close(self) -> None:
        """All is written."""
        self._file.close()


class Kafka:
    """A topic of Kafka; the lines of one user keep their order."""

    def __init__(self, servers: str, topic: str) -> None:
        try:
            from confluent_kafka import Producer  # noqa: PLC0415 - only this needs it
        except ModuleNotFoundError:
            raise SystemExit("writing to Kafka needs a package: pip install confluent-kafka") from None
        self._topic = topic
        self._failed = 0
        self._producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True, "linger.ms": 20})

    def write(self, lines: Sequence[bytes]) -> None:
        """Hand the lines over; waits while the producer's buffer is full."""
        for line in lines:
            self._produce(line)
        self._producer.poll(0)

    def close(self) -> None:
        """Wait until the broker has every line; exits if it does not take them."""
        left = self._producer.flush(30)
        if left or self._failed:
            raise SystemExit(f"Kafka did not take {left + self._failed} lines")

    def _produce(self, line: bytes) -> None:
        user = line.split(b",", 2)[1] if line.count(b",") > 1 else None
        while True:
            try:
                self._producer.produce(self._topic, line, key=user, on_delivery=self._delivered)
            except BufferError:
                self._producer.poll(0.1)
            else:
                return

    def _delivered(self, error: Any, _: Any) -> None:  # noqa: ANN401 - the package's own
        self._failed += error is not None


def main() -> None:
    """Read the command line and write."""
    arguments = _arguments()
    world = World(arguments.seed)
    sink: Sink = Kafka(arguments.kafka, arguments.topic) if arguments.kafka else Folder(arguments.to)
    counted = dict.fromkeys(("ratings", "of what is watched", "others"), 0)
    with closing(sink), suppress(KeyboardInterrupt):
        for lines in _live(world, arguments) if arguments.live else _simulated(world, arguments):
            sink.write(lines)
            for line in lines:
                counted[_kind(line)] += 1
    told = ", ".join(f"{number} {kind}" for kind, number in counted.items())
    print(f"{sum(counted.values())} lines: {told}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--to", type=Path, help="folder")
    where.add_argument("--kafka", help="brokers, as 127.0.0.1:9092")
    parser.add_argument("--topic", default="movielog", help="of Kafka (default: %(default)s)")
    parser.add_argument("--events", type=int, default=30_000, help="so many lines (default: %(default)s)")
    parser.add_argument("--day", type=float, default=0, help="first day of the world (default: %(default)s)")
    parser.add_argument("--days", type=float, default=7, help="so many days of the world (default: %(default)s)")
    parser.add_argument("--rate", type=_rate, help="so many lines a second, as 500/s (default: as fast as it goes)")
    parser.add_argument(
        "--live", action="store_true", help="the lines' time is the clock's; needs --rate, ends with Ctrl-C"
    )
    parser.add_argument("--broken", type=float, default=0.01, help="share of broken lines (default: %(default)s)")
    parser.add_argument("--bad", choices=BAD_KINDS, help="lines that are well formed, and worthless")
    parser.add_argument("--seed", type=int, default=0, help="of the world (default: %(default)s)")
    arguments = parser.parse_args()
    if arguments.live and arguments.rate is None:
        parser.error("--live needs --rate, as --rate 500/s")
    return arguments


def _rate(text: str) -> float:
    rate = float(text.removesuffix("/s"))
    if rate <= 0:
        raise ValueError(text)
    return rate


def _simulated(world: World, arguments: argparse.Namespace) -> Iterator[Sequence[bytes]]:
    """Days of the world, at the rate of the clock that is wanted."""
    start = EPOCH + timedelta(days=arguments.day)
    end = start + timedelta(days=arguments.days)
    lines = _lines(world, start, end, arguments.events / (end - start).total_seconds(), arguments)
    if arguments.rate is None:
        yield lines
        return
    began = time.monotonic()
    step = max(1, min(_AT_ONCE, round(arguments.rate / 10)))
    for first in range(0, len(lines), step):
        time.sleep(max(0.0, began + first / arguments.rate - time.monotonic()))
        yield lines[first : first + step]


def _live(world: World, arguments: argparse.Namespace) -> Iterator[Sequence[bytes]]:
    """Each second's lines when it is over."""
    second = datetime.now(UTC).replace(microsecond=0)
    while True:
        following = second + timedelta(seconds=1)
        time.sleep(max(0.0, (following - datetime.now(UTC)).total_seconds()))
        yield _lines(world, second, following, arguments.rate, arguments)
        second = following


def _lines(world: World, start: datetime, end: datetime, rate: float, arguments: argparse.Namespace) -> Sequence[bytes]:
    if arguments.bad:
        return world.bad_batch(start, end, rate, kind=arguments.bad)
    return world.events(start, end, rate, broken=arguments.broken)


def _kind(line: bytes) -> str:
    """What a line is for who only looks at its middle."""
    if b"GET /rate/" in line:
        return "ratings"
    return "of what is watched" if b"GET /data/m/" in line else "others"


if __name__ == "__main__":
    main()
