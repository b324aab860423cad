"""A real Apache Kafka of the test run's own, on loopback, and librdkafka's mock cluster.

`scripts/kafka` fetches the jars; a broker starts in three seconds, and can be killed and started again in its place.
"""

import logging
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest
from confluent_kafka import KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from seatrial.records import StreamKind, StreamSpec
from tests.waiting import wait_until

SCRIPT = Path(__file__).parents[2] / "scripts" / "kafka"
START_SECONDS = 60.0
USER, PASSWORD = "reader", "secret-of-the-tests"
# A member that is killed is missed after this long, in place of 45 s.
SESSION: Mapping[str, str] = {"session.timeout.ms": "6000", "heartbeat.interval.ms": "500"}
_PORTS = 5
# What librdkafka says of brokers that tests kill is nobody's business.
_quiet = logging.getLogger("tests.kafka")
_SASL = """\
listeners=PLAINTEXT://127.0.0.1:{port},SASL_PLAINTEXT://127.0.0.1:{sasl},CONTROLLER://127.0.0.1:{controller}
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
 user_{user}="{password}";
"""
_numbers = count(1)


class Topics:
    """What tests do to a cluster, real or not.

    Attributes:
        servers: `127.0.0.1:PORT`.
    """

    def __init__(self, servers: str) -> None:
        self.servers = servers

    def topic(self) -> str:
        """Make a topic; its name, which no other test has."""
        name = f"ships-{os.getpid()}-{next(_numbers)}"
        # A mock cluster makes what it is asked for.
        wait_until(
            lambda: (
                Producer({"bootstrap.servers": self.servers}, logger=_quiet)
                .list_topics(name, timeout=5)
                .topics[name]
                .partitions
            )
        )
        return name

    def spec(self, topic: str, **changes: object) -> StreamSpec:
        """A stream of one topic and a group of its own."""
        values = {"kind": StreamKind.KAFKA, "servers": self.servers, "topics": (topic,), "group": f"group-of-{topic}"}
        return StreamSpec(**{**values, "settings": SESSION, **changes})  # type: ignore[arg-type]

    def put(
        self,
        topic: str,
        values: Sequence[bytes | None],
        *,
        partition: int = 0,
        keys: Sequence[bytes | None] = (),
        stamp: int = 0,
    ) -> None:
        """Write events to one partition; `stamp`: their time, in milliseconds since 1970 (0: now)."""
        producer = Producer({"bootstrap.servers": self.servers, "acks": "all", "linger.ms": 5}, logger=_quiet)
        for value, key in zip(values, keys or [None] * len(values), strict=True):
            producer.produce(topic, value=value, key=key, partition=partition, timestamp=stamp)
        assert producer.flush(START_SECONDS) == 0

    def transaction(self, topic: str, values: Sequence[bytes], *, partition: int = 0) -> Producer:
        """Begin a transaction and write events in it, so that the broker has them; the producer can end it."""
        producer = Producer(
            {"bootstrap.servers": self.servers, "transactional.id": f"of-the-tests-{next(_numbers)}"}, logger=_quiet
        )
        producer.init_transactions(START_SECONDS)
        producer.begin_transaction()
        for value in values:
            producer.produce(topic, value=value, partition=partition)
        assert producer.flush(START_SECONDS) == 0
        return producer


@dataclass
class Broker(Topics):
    """A real broker in a folder; not for several threads.

    Attributes:
        sasl_servers: the same broker for those who log in as USER with PASSWORD.
        process: that runs now.
    """

    folder: Path
    ports: tuple[int, int, int] = (0, 0, 0)
    process: subprocess.Popen[bytes] | None = None
    servers: str = ""
    sasl_servers: str = ""
    _admins: dict[str, AdminClient] = field(default_factory=dict)

    def start(self) -> None:
        """Start it, in its folder and on its ports; returns when it answers. Raises AssertionError if it doesn't."""
        if not self.ports[0]:
            self._find_ports()
        else:
            assert self._serves(), self.log()

    def kill(self) -> None:
        """End it as a power cut does."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def topic(self, *, name: str = "", partitions: int = 1, config: Mapping[str, str] | None = None) -> str:
        """Make a topic; its name, which no other test has."""
        name = name or f"ships-{os.getpid()}-{next(_numbers)}"
        made = self._admin().create_topics(
            [NewTopic(name, num_partitions=partitions, replication_factor=1, config=dict(config or {}))]
        )
        made[name].result(START_SECONDS)
        # A broker says that a topic is made before it can be written to.
        wait_until(lambda: self._has_leaders(name, partitions), START_SECONDS, poll=0.05)
        return name

    def delete_topic(self, name: str) -> None:
        """Delete a topic; returns when it is gone."""
        self._admin().delete_topics([name])[name].result(START_SECONDS)
        wait_until(lambda: name not in self._admin().list_topics(timeout=5).topics, START_SECONDS, poll=0.05)

    def delete_records(self, name: str, before: int, *, partition: int = 0) -> None:
        """Delete the events before an offset, as retention does."""
        place = TopicPartition(name, partition, before)
        [done] = self._admin().delete_records([place]).values()
        done.result(START_SECONDS)

    def log(self) -> str:
        """The end of its log."""
        return (self.folder / "broker.log").read_text(errors="replace")[-2000:]

    def _admin(self) -> AdminClient:
        return self._admins.setdefault(self.servers, AdminClient({"bootstrap.servers": self.servers}, logger=_quiet))

    def _has_leaders(self, name: str, partitions: int) -> bool:
        found = self._admin().list_topics(name, timeout=5).topics[name].partitions
        return len(found) == partitions and all(each.leader >= 0 for each in found.values())

    def _find_ports(self) -> None:
        """Other ports are tried where somebody took the first ones."""
        for _ in range(_PORTS):
            self.ports = _free_ports()
            port, controller, sasl = self.ports
            self.servers, self.sasl_servers = f"127.0.0.1:{port}", f"127.0.0.1:{sasl}"
            extra = _SASL.format(port=port, controller=controller, sasl=sasl, user=USER, password=PASSWORD)
            (self.folder / "extra.properties").write_text(extra, encoding="utf-8")
            if self._serves():
                return
        raise AssertionError(f"Kafka does not start: {self.log()}")

    def _serves(self) -> bool:
        """Launch it; False if it ends in place of answering."""
        self.process = process = self._launched()
        wait_until(lambda: process.poll() is not None or self._answers(), START_SECONDS, poll=0.1)
        return process.poll() is None

    def _launched(self) -> subprocess.Popen[bytes]:
        # A test run that is killed takes its broker along: the script becomes the broker's process.
        tether = ["setpriv", "--pdeathsig", "KILL", "--"] if shutil.which("setpriv") else []
        port, controller, _ = self.ports
        with (self.folder / "broker.log").open("ab") as log:
            return subprocess.Popen(
                [*tether, str(SCRIPT), "start", str(self.folder), str(port), str(controller)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.ports[0]), timeout=1):
                pass
            return bool(AdminClient({"bootstrap.servers": self.servers}, logger=_quiet).list_topics(timeout=1).brokers)
        except (OSError, KafkaException):
            return False


def jars() -> Path:
    """Where `scripts/kafka` puts the jars of the version that it is pinned to."""
    found = re.search(r"^version=(\S+)$", SCRIPT.read_text(encoding="utf-8"), re.MULTILINE)
    assert found, f"{SCRIPT} names no version"
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "seatrial-tests" / "kafka" / found[1]


def _free_ports() -> tuple[int, int, int]:
    with ExitStack() as held:
        one, two, three = (held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3))
        return one.getsockname()[1], two.getsockname()[1], three.getsockname()[1]


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A real broker, shared by the tests of a process: each takes topics of its own."""
    if shutil.which("java") is None:
        pytest.skip("Kafka needs java")
    if not jars().is_dir():
        pytest.skip("Kafka's jars are not there: scripts/kafka")
    broker = Broker(tmp_path_factory.mktemp("kafka"))
    try:
        broker.start()
        yield broker
    finally:
        broker.kill()


@pytest.fixture(scope="session")
def mock_kafka() -> Iterator[Topics]:
    """A mock cluster by librdkafka: it speaks Kafka's protocol, in this process; topics make themselves, with 4 partitions."""
    keeper = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "made-up"}, logger=_quiet)
    [broker] = keeper.list_topics(timeout=10).brokers.values()
    yield Topics(f"{broker.host}:{broker.port}")
    del keeper
