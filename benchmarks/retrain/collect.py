"""What it costs to collect ratings from Kafka: lines a second of one core's time, beside the loop that teams write.

    python benchmarks/retrain/collect.py [--lines 1000000] [--rounds 5] [--quick] [--mock] [--servers HOST:PORT]

Run it with the extra `retrain` and the dependency group `bench` (kafka-python), with Java and Maven for the broker. It
starts an Apache Kafka of its own on loopback (`scripts/kafka`), or takes the one that is named (it makes a topic there and
deletes it), or with `--mock` librdkafka's mock cluster, which kafka-python does not speak to: then ours is alone. The lines are the field's:
`2026-11-21T10:00:00,123,GET /rate/the+matrix+1999=4`, one in a thousand of them broken.

In turns, so that both see the same machine, each in a process of its own and from the first offset to the last:

1. ours: `collect` with the regex parser and all that it does: every line's kind checked, dead lines kept with their
   reasons, rows spooled and written as one Parquet file with partition and offset;
2. plain: `for message in KafkaConsumer(...)`, `re.search`, `csv.writer`, with kafka-python.

CPU is that of all threads of the process after its imports, the fetching from the broker included. The ratio is taken
round by round.
"""

import argparse
import csv
import json
import os
import re
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

LINES = 1_000_000
PARTITIONS = 4
BROKEN = 1_000
PATTERN = r"GET /rate/(?P<movie>.*?)=(?P<rating>\d)"
KAFKA = Path(__file__).parents[2] / "scripts" / "kafka"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the lines are, and how many."""

    servers: str
    topic: str
    lines: int


@dataclass(frozen=True, slots=True)
class Run:
    """One reader's round: seconds, megabytes (10⁶) and rows."""

    wall: float
    cpu: float
    memory: float
    rows: int


def main() -> None:
    """Produce, measure in turns, and print a table and the figures as JSON."""
    given = arguments()
    if given.child:
        print(json.dumps(asdict(measured(READERS[given.child], Place(given.servers, given.topic, given.lines)))))
        return
    lines, rounds = (20_000, 1) if given.quick else (given.lines, given.rounds)
    with ExitStack() as stack:
        servers = stack.enter_context(cluster(given.servers, mock=given.mock))
        topic = stack.enter_context(filled_topic(servers, lines, mock=given.mock))
        place = Place(servers, topic, lines)
        runs: dict[str, list[Run]] = {name: [] for name in READERS if name == "ours" or not given.mock}
        for number in range(rounds):
            for name, own in runs.items():
                print(f"round {number + 1} of {rounds}: {name}", file=sys.stderr)
                own.append(in_child(name, place))
    report(lines, runs)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one round of 20,000 lines: to see that it runs")
    parser.add_argument("--mock", action="store_true", help="librdkafka's mock cluster in place of a broker")
    parser.add_argument("--servers", default="", help="a broker that is there already")
    parser.add_argument("--child", default="", help=argparse.SUPPRESS)
    parser.add_argument("--topic", default="", help=argparse.SUPPRESS)
    return parser.parse_args()


@contextmanager
def cluster(servers: str, *, mock: bool) -> Iterator[str]:
    """The broker's address."""
    from confluent_kafka import Producer  # noqa: PLC0415 - the children measure what they import

    if servers:
        yield servers
    elif mock:
        keeper = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "made-up"})
        [broker] = keeper.list_topics(timeout=10).brokers.values()
        yield f"{broker.host}:{broker.port}"
        del keeper
    else:
        with tempfile.TemporaryDirectory() as folder, own_broker(Path(folder)) as address:
            yield address


@contextmanager
def own_broker(folder: Path) -> Iterator[str]:
    """An Apache Kafka on loopback, in this folder, until the block is left."""
    subprocess.run([str(KAFKA)], check=True, stdout=subprocess.DEVNULL)  # fetches its jars once
    port, controller = free_port(), free_port()
    with (
        (folder / "broker.log").open("wb") as log,
        subprocess.Popen(
            [str(KAFKA), "start", str(folder), str(port), str(controller)], stdout=log, stderr=log
        ) as process,
    ):
        try:
            wait_for(port, process)
            yield f"127.0.0.1:{port}"
        finally:
            process.kill()


def free_port() -> int:
    """One that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Until something listens there."""
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
        except OSError:
            if time.monotonic() > deadline or process.poll() is not None:
                raise SystemExit("Kafka does not start") from None
            time.sleep(0.1)
        else:
            return


@contextmanager
def filled_topic(servers: str, lines: int, *, mock: bool) -> Iterator[str]:
    """A topic with all the lines."""
    from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined] # noqa: PLC0415

    topic = f"seatrial-collect-{os.getpid()}"
    admin = AdminClient({"bootstrap.servers": servers})
    if not mock:
        retried(lambda: admin.create_topics([NewTopic(topic, PARTITIONS, 1)])[topic].result(30))
    produce(servers, topic, lines)
    yield topic
    if not mock:
        admin.delete_topics([topic])[topic].result(30)


def retried(act: Callable[[], object]) -> None:
    """A broker that listens may not answer yet."""
    for left in range(9, -1, -1):
        try:
            act()
        except Exception:
            if not left:
                raise
            time.sleep(1)
        else:
            return


def produce(servers: str, topic: str, lines: int) -> None:
    """Write them, evenly over the partitions."""
    from confluent_kafka import Producer  # noqa: PLC0415

    producer = Producer({"bootstrap.servers": servers, "linger.ms": 20, "queue.buffering.max.messages": 200_000})
    for number in range(lines):
        while True:
            try:
                producer.produce(topic, rating_line(number), partition=number % PARTITIONS)
                break
            except BufferError:
                producer.poll(0.1)
    left = producer.flush(120)
    assert left == 0, f"{left} lines were not written"


def rating_line(number: int) -> bytes:
    """As the field's service logs it; every thousandth is broken."""
    if number % BROKEN == BROKEN - 1:
        return b"2026-11-21T10:00:00,123,GET /rate/"
    second, minute, hour = number % 60, number // 60 % 60, number // 3600 % 24
    user, movie = number * 7919 % 100_000, number * 104_729 % 27_000
    line = f"2026-11-21T{hour:02}:{minute:02}:{second:02},{user},GET /rate/the+matrix+{movie}+1999={number % 5 + 1}"
    return line.encode()


def expected_rows(lines: int) -> int:
    """Of so many lines."""
    return lines - lines // BROKEN


def in_child(name: str, place: Place) -> Run:
    """One reader in a process of its own."""
    command = [sys.executable, __file__, "--child", name, "--servers", place.servers, "--topic", place.topic]
    told = subprocess.run(
        [*command, "--lines", str(place.lines)], check=True, stdout=subprocess.PIPE, text=True, timeout=600
    ).stdout
    run = Run(**json.loads(told.splitlines()[-1]))
    assert run.rows == expected_rows(place.lines), f"{name} found {run.rows} rows"
    return run


def measured(reader: Callable[[Place, Path], Callable[[], int]], place: Place) -> Run:
    """What a reader takes after it was set up."""
    with tempfile.TemporaryDirectory() as folder:
        read = reader(place, Path(folder))
        wall, cpu = time.perf_counter(), time.process_time()
        rows = read()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Run(wall, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6, rows)


def ours(place: Place, folder: Path) -> Callable[[], int]:
    """`collect` as a retraining calls it."""
    import arro3.io  # noqa: F401, PLC0415 - imported before the clock runs, like everything of the other reader's

    from seatrial.adapters.clock import SystemClock  # noqa: PLC0415
    from seatrial.adapters.stream.kafka import KafkaStream  # noqa: PLC0415
    from seatrial.records import (  # noqa: PLC0415
        CollectSpec,
        ColumnKind,
        ColumnSpec,
        ParserKind,
        ParserSpec,
        StreamKind,
        StreamSpec,
    )
    from seatrial.retrain.collect import collect  # noqa: PLC0415
    from seatrial.retrain.parse import open_parser  # noqa: PLC0415

    kinds = {
        "time": ColumnKind.TIME,
        "user": ColumnKind.INTEGER,
        "movie": ColumnKind.TEXT,
        "rating": ColumnKind.INTEGER,
    }
    columns = tuple(ColumnSpec(name=name, kind=kind) for name, kind in kinds.items())
    parser = open_parser(ParserSpec(kind=ParserKind.REGEX, pattern=PATTERN, prefix=("time", "user")), columns, folder)
    spec = StreamSpec(
        kind=StreamKind.KAFKA, servers=place.servers, topics=(place.topic,), group=f"{place.topic}-ours-{os.getpid()}"
    )
    stream = KafkaStream(spec)

    def read() -> int:
        found = collect(stream, {}, CollectSpec(), parser, folder=folder, clock=SystemClock(), most_dead=0.01)
        assert found.counts["dead"] == place.lines // BROKEN
        return found.counts["parsed"]

    return read


def plain(place: Place, folder: Path) -> Callable[[], int]:
    """The loop of the tutorials."""
    from kafka import KafkaConsumer  # noqa: PLC0415

    search = re.compile(PATTERN).search

    def read() -> int:
        rows = 0
        consumer = KafkaConsumer(
            place.topic,
            bootstrap_servers=place.servers,
            group_id=f"{place.topic}-plain-{os.getpid()}",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        with (folder / "rows.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["time", "user", "movie", "rating"])
            for number, message in enumerate(consumer, 1):
                line = message.value.decode()
                found = search(line)
                if found is not None:
                    moment, user, _ = line.split(",", 2)
                    writer.writerow([moment, int(user), found["movie"], int(found["rating"])])
                    rows += 1
                if number == place.lines:
                    break
        consumer.close()
        return rows

    return read


READERS: dict[str, Callable[[Place, Path], Callable[[], int]]] = {"ours": ours, "plain": plain}


def report(lines: int, runs: dict[str, list[Run]]) -> None:
    """A table, and a line of JSON."""
    pairs = list(zip(runs["ours"], runs.get("plain", []), strict=False))
    ratios = {what: [getattr(other, what) / getattr(own, what) for own, other in pairs] for what in ("cpu", "wall")}
    print(f"{lines:,} lines, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; medians of rounds (min … max)\n")
    print("| reader | lines/s of a core | CPU µs a line | lines/s of wall time | memory MB |")
    print("|---|---:|---:|---:|---:|")
    for name, own in runs.items():
        cells = [
            spread([lines / run.cpu for run in own], 0),
            spread([run.cpu / lines * 1e6 for run in own], 2),
            spread([lines / run.wall for run in own], 0),
            spread([run.memory for run in own], 0),
        ]
        print(f"| {name} | {' | '.join(cells)} |")
    if pairs:
        print(
            f"\nthe plain loop takes {spread(ratios['cpu'], 1)} × the CPU and {spread(ratios['wall'], 1)} × the time\n"
        )
    found = {name: [asdict(run) for run in own] for name, own in runs.items()}
    print(json.dumps({"lines": lines, "runs": found, "ratios": ratios}))


def spread(values: Sequence[float], decimals: int) -> str:
    """`12 (11 … 14)`."""
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:,.{decimals}f} ({low:,.{decimals}f} … {high:,.{decimals}f})"


if __name__ == "__main__":
    main()
