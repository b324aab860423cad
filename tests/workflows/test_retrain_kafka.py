"""Real retrainings in real processes on a real broker: collectors are killed, the broker is, and others read along."""

import json
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from seatrial.records import RetrainOutcome
from tests.streams.kafka import SESSION, Broker
from tests.waiting import wait_until
from tests.workflows.loops import Loop, make_loop, numbered, ratings

PATIENCE = 90.0
WINDOW = "5m"
"""Far longer than a test takes: what ends a collection is `--events`."""


class OnKafka(Loop):
    """A loop whose stream is a topic of its own with two partitions."""

    broker: Broker
    topic: str

    @property
    def group(self) -> str:
        """Of its collectors."""
        return f"group-of-{self.topic}"

    def put(self, lines: Sequence[str], partition: int = 0) -> None:
        """Write to the topic."""
        self.broker.put(self.topic, [line.encode() for line in lines], partition=partition)

    def put_evenly(self, first: int, last: int) -> None:
        """The lines of users first to last, half of them into each partition."""
        lines = numbered(first, last)
        self.put(lines[::2], 0)
        self.put(lines[1::2], 1)

    def committed(self) -> Mapping[str, int]:
        """How far the group is, by what the broker says."""
        asked = [TopicPartition(self.topic, partition) for partition in (0, 1)]
        consumer = Consumer(self.settings())
        try:
            found = consumer.committed(asked, timeout=30)
        finally:
            consumer.close()
        return {f"{each.topic}/{each.partition}": each.offset for each in found if each.offset >= 0}

    @contextmanager
    def member(self, taken: int) -> Iterator[int]:
        """Another member of the group that takes so many lines of the partition that it is given; that one's number."""
        given: list[int] = []
        told, done = threading.Event(), threading.Event()

        def read() -> None:
            consumer = Consumer(self.settings())
            consumer.subscribe(
                [self.topic], on_assign=lambda _, places: given.extend(each.partition for each in places)
            )
            while not done.is_set():
                consumer.poll(0.1)
                if given and not told.is_set():
                    consumer.commit(offsets=[TopicPartition(self.topic, given[0], taken)], asynchronous=False)
                    told.set()
            consumer.close()

        thread = threading.Thread(target=read)
        thread.start()
        try:
            wait_until(told.is_set, PATIENCE, poll=0.1)
            yield given[0]
        finally:
            done.set()
            thread.join()

    def settings(self) -> dict[str, str | bool]:
        """Of a plain member of the group."""
        plain = {"bootstrap.servers": self.broker.servers, "group.id": self.group}
        return {**plain, "enable.auto.commit": False, "auto.offset.reset": "earliest", **SESSION}


@pytest.fixture
def loop(tmp_path: Path, kafka: Broker) -> OnKafka:
    """A loop on the broker, with an empty topic."""
    topic = kafka.topic(partitions=2)
    settings = ", ".join(f"{key}: {value}" for key, value in SESSION.items())
    stream = f"{{kafka: '{kafka.servers}', topics: [{topic}], group: group-of-{topic}, settings: {{{settings}}}}}"
    made = make_loop(tmp_path, then="register", stream=stream)
    found = OnKafka(made.small, made.environ)
    found.broker, found.topic = kafka, topic
    return found


@pytest.mark.slow
def test_a_collector_that_is_killed_in_its_window_loses_and_doubles_nothing(loop: OnKafka, tmp_path: Path) -> None:
    """It had read and committed nothing: whoever goes on reads it again, with what came since."""
    loop.put_evenly(1, 80)
    log = tmp_path / "log"
    with loop.running("retrain", "--window", WINDOW, "--events", "240", log=log) as process:
        wait_until(lambda: "80 lines" in log.read_text(), PATIENCE, poll=0.1)
        process.send_signal(signal.SIGKILL)
    assert ({}, []) == (loop.committed(), loop.versions())

    loop.put_evenly(81, 240)
    done = loop.run("retrain", "--events", "10")

    assert 0 == done.returncode, done.stderr
    assert "going on with a retraining of ratings that was cut off" in " ".join(done.stderr.split())
    (version,) = loop.versions()
    assert list(range(1, 241)) == loop.users()
    assert {f"{loop.topic}/0": 120, f"{loop.topic}/1": 120} == version.offsets == loop.committed()
    (result,) = loop.results()
    assert (RetrainOutcome.REGISTERED, 1) == (result.outcome, result.number)


@pytest.mark.slow
def test_what_was_taken_is_committed_whoever_has_to_do_it(loop: OnKafka) -> None:
    """One is killed when it has collected, the next one when it has stored: the third says it to the broker."""
    loop.put_evenly(1, 100)
    assert -signal.SIGKILL == loop.run("retrain", dying=("after", "collect")).returncode
    loop.put_evenly(101, 160)
    assert -signal.SIGKILL == loop.run("resume", dying=("after", "store")).returncode
    assert {} == loop.committed()
    loop.put_evenly(161, 200)
    assert 0 == loop.run("resume").returncode

    (version,) = loop.versions()
    assert list(range(1, 161)) == loop.users()
    assert {f"{loop.topic}/0": 80, f"{loop.topic}/1": 80} == version.offsets == loop.committed()


@pytest.mark.slow
def test_a_broker_that_dies_in_a_window_and_comes_back_costs_nothing(loop: OnKafka, tmp_path: Path) -> None:
    """The collection waits for it, and goes on where it was."""
    loop.put_evenly(1, 100)
    log = tmp_path / "log"
    with loop.running("retrain", "--window", WINDOW, "--events", "200", log=log) as process:
        wait_until(lambda: "100 lines" in log.read_text(), PATIENCE, poll=0.1)
        loop.broker.kill()
        loop.broker.start()
        loop.put_evenly(101, 200)
        process.communicate(timeout=PATIENCE)

    assert 0 == process.returncode, log.read_text()
    (version,) = loop.versions()
    assert list(range(1, 201)) == loop.users()
    assert {f"{loop.topic}/0": 100, f"{loop.topic}/1": 100} == version.offsets == loop.committed()


@pytest.mark.slow
def test_what_another_member_took_is_not_in_the_dataset(loop: OnKafka, tmp_path: Path) -> None:
    """It gets a partition in the middle of a window and commits half of it: the next run takes the rest."""
    loop.put(numbered(1, 60), 0)
    loop.put(numbered(101, 160), 1)
    log = tmp_path / "log"
    with loop.running("retrain", "--window", WINDOW, "--events", "150", log=log) as process:
        wait_until(lambda: "120 lines" in log.read_text(), PATIENCE, poll=0.1)
        with loop.member(taken=30) as place:
            theirs, ours = (1, 101) if place == 0 else (101, 1)
            loop.put(numbered(ours + 60, ours + 149), 1 - place)
            out, _ = process.communicate(timeout=PATIENCE)

    assert 0 == process.returncode, log.read_text()
    name, own = f"{loop.topic}/{place}", f"{loop.topic}/{1 - place}"
    assert f"{name} went to another member of the group: 60 lines that had been read of it were dropped" in out
    assert list(range(ours, ours + 150)) == loop.users()
    assert {own: 150, name: 30} == loop.committed()

    assert 0 == loop.run("retrain").returncode
    assert sorted([*range(ours, ours + 150), *range(theirs + 30, theirs + 60)]) == loop.users()
    assert {own: 150, name: 60} == loop.committed()


@pytest.mark.slow
def test_a_parser_that_does_not_fit_costs_no_line(loop: OnKafka) -> None:
    """Too many lines that do not parse stop the run, and nothing is taken; the mended parser gets all of them."""
    lines = numbered(1, 120)
    loop.put(lines[:60], 0)
    loop.put([line.replace("GET /rate/", "POST /rate/") for line in lines[60:]], 1)
    stopped = loop.run("retrain", "--format", "json")
    (result,) = json.loads(stopped.stdout)["retrainings"]
    assert (1, "stopped") == (stopped.returncode, result["outcome"])
    assert "60 of 120 lines did not parse (50.0%; at most 10.0% may): nothing was taken" in result["headline"]
    assert ({}, []) == (loop.committed(), loop.versions())

    config = (loop.folder / "seatrial.yaml").read_text()
    loop.small.write("seatrial.yaml", config.replace("'GET /rate/", "'(?:GET|POST) /rate/"))
    assert 0 == loop.run("retrain").returncode
    (version,) = loop.versions()
    assert list(range(1, 121)) == loop.users()
    assert {f"{loop.topic}/0": 60, f"{loop.topic}/1": 60} == version.offsets == loop.committed()


@pytest.mark.slow
def test_a_stream_that_is_read_from_its_latest_on_is_noted_before_anything_comes(tmp_path: Path, kafka: Broker) -> None:
    """The first run takes nothing and notes where it stood; what came in between is the next run's, and not lost."""
    topic = kafka.topic()
    kafka.put(topic, [line.encode() for line in ratings(5)])
    stream = f"{{kafka: '{kafka.servers}', topics: [{topic}], first: latest}}"
    loop = make_loop(tmp_path, then="register", stream=stream)
    first = loop.run("retrain")
    kafka.put(topic, [line.encode() for line in ratings(60, seed=1)])
    second = loop.run("retrain")

    assert (3, "nothing new") == (first.returncode, str(loop.results()[0].outcome))
    assert "collecting 60 lines" in second.stderr
    assert [0, 60] == [version.rows for version in loop.versions()]
