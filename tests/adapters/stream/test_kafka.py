"""KafkaStream and a real broker: what happens to a reader when members, brokers and topics come and go."""

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace

import pytest

from seatrial.adapters.stream.kafka import KafkaStream
from seatrial.adapters.stream.kafka_reading import KafkaReading
from seatrial.ports import LostEvents
from seatrial.records import PermanentError, TemporaryError, UsageError
from tests.streams.kafka import PASSWORD, SESSION, USER, Broker
from tests.streams.reading import offsets_of, read_some, read_to_end, values_of
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


def numbered(count: int, start: int = 0) -> list[bytes]:
    """Lines that tell each other apart."""
    return [b"line %d" % number for number in range(start, start + count)]


class Taker:
    """Reads as a collector does: what it holds of a partition that is taken away is thrown away."""

    def __init__(self, reading: KafkaReading) -> None:
        self.reading = reading
        self.held: dict[str, list[bytes]] = {}
        self.gone: list[str] = []

    def take(self) -> bool:
        """One poll; whether something came."""
        batches = self.reading.poll(0.05, 10)
        for name in self.reading.taken_away():
            self.gone.append(name)
            self.held.pop(name, None)
        for batch in batches:
            self.held.setdefault(batch.partition, []).extend(batch.values)
        return bool(batches)

    def lines(self) -> list[bytes]:
        """All that it holds."""
        return [line for lines in self.held.values() for line in lines]

    def until_joined(self, other: "Future[KafkaReading]") -> "Taker":
        """Read on while another member joins; that one."""
        wait_until(lambda: (self.take(), other.done())[1], 40)
        return Taker(other.result())


def at_their_ends(*takers: Taker) -> bool:
    """Let all read a little; whether nothing is left, and who reads what is settled."""
    for taker in takers:
        taker.take()
    positions: Mapping[str, int] = {name: at for taker in takers for name, at in taker.reading.positions().items()}
    return len(positions) == 2 and all(taker.reading.ends() == taker.reading.positions() for taker in takers)


def test_a_second_member_takes_partitions_and_nothing_comes_twice(kafka: Broker) -> None:
    """The first is told which, drops what it had of them, and begins them once more when they come back."""
    topic = kafka.topic(partitions=2)
    for partition in (0, 1):
        kafka.put(topic, numbered(60, 100 * partition), partition=partition)
    spec = kafka.spec(topic)
    everything = sorted(numbered(60) + numbered(60, 100))

    with ThreadPoolExecutor() as threads, closing(KafkaStream(spec).read({})) as reading:
        first = Taker(reading)
        first.take()
        second = first.until_joined(threads.submit(KafkaStream(spec).read, {}))
        with closing(second.reading):
            wait_until(lambda: at_their_ends(first, second), 40)
            assert 1 == len(first.gone)
            assert set(first.gone) == set(second.held)
            assert everything == sorted(first.lines() + second.lines())
        wait_until(lambda: at_their_ends(first), 40)

    assert everything == sorted(first.lines())
    assert numbered(60) == first.held[f"{topic}/0"]


def test_a_broker_that_restarts_is_waited_for(kafka: Broker) -> None:
    """In the middle of reading: what comes goes on where it was. Whoever has less patience is told."""
    topic = kafka.topic()
    kafka.put(topic, numbered(500))
    impatient = KafkaStream(replace(kafka.spec(topic), group=f"impatient-{topic}"), patience=1.0)
    with closing(KafkaStream(kafka.spec(topic)).read({})) as reading, closing(impatient.read({})) as other:
        found = read_some(reading, 100, most=100)
        others = read_to_end(other)
        kafka.kill()

        def left_alone() -> bool:
            found.extend(reading.poll(0.1, 50))
            other.poll(0.1)
            return False

        with pytest.raises(TemporaryError, match="no broker has answered for 1 s"):
            wait_until(left_alone, 30)
        kafka.start()
        kafka.put(topic, numbered(500, 500))
        found += read_to_end(reading)

        def resumed() -> bool:
            with suppress(TemporaryError):
                others.extend(other.poll(0.2))
            return len(values_of(others)) >= 1000

        wait_until(resumed, 40)

    assert numbered(1000) == values_of(found)
    assert numbered(1000) == values_of(others)
    assert list(range(1000)) == offsets_of(found)


def test_a_compacted_topic_has_gaps(kafka: Broker) -> None:
    """Only the last event of each key is left, and reading comes to its end."""
    compacting = {
        "cleanup.policy": "compact",
        "min.cleanable.dirty.ratio": "0.01",
        "segment.ms": "50",
        "min.compaction.lag.ms": "0",
        "max.compaction.lag.ms": "100",
    }
    topic = kafka.topic(config=compacting)
    kafka.put(topic, numbered(40), keys=[b"key %d" % (number % 4) for number in range(40)])

    def compacted() -> list[bytes]:
        # A segment is compacted once another one has begun.
        kafka.put(topic, [b"last"], keys=[b"key"])
        with closing(KafkaStream(kafka.spec(topic)).read({})) as reading:
            found = read_to_end(reading)
            assert [] == list(reading.lost())
        values = values_of(found)
        return values if values[:4] == numbered(4, 36) else []

    assert numbered(4, 36) == wait_until(compacted, 60, poll=0.3)[:4]


def test_deleted_events_are_said_to_be_lost(kafka: Broker) -> None:
    """Before reading began, and in the middle of it; reading goes on with the first that is left."""
    topic = kafka.topic()
    place = f"{topic}/0"
    # Each is fetched by itself, so that not all are on their way when some are deleted.
    single = kafka.spec(topic, settings={"batch.num.messages": "1"})
    KafkaStream(single).append([line.ljust(900) for line in numbered(100)])
    kafka.delete_records(topic, 20)
    few = {
        **SESSION,
        "queued.min.messages": "1",
        "fetch.message.max.bytes": "1000",
        "max.partition.fetch.bytes": "1000",
    }

    with closing(KafkaStream(kafka.spec(topic, settings=few)).read({place: 10})) as reading:
        assert [LostEvents(partition=place, start=10, end=20)] == list(reading.lost())
        first = read_some(reading, 1, most=1)
        kafka.delete_records(topic, 95)
        rest = read_to_end(reading)
        lost = reading.lost()

    read = offsets_of(first) + offsets_of(rest)
    assert 20 == read[0]
    assert list(range(95, 100)) == read[-5:]
    assert [LostEvents(partition=place, start=read[-6] + 1, end=95)] == list(lost[1:])
    assert sorted(set(read)) == read


def test_a_topic_that_was_made_anew_while_it_is_read_is_said(kafka: Broker) -> None:
    """Its offsets begin at 0 again, so that waiting for the next one would be for ever."""
    topic = kafka.topic()
    kafka.put(topic, numbered(30))

    with closing(KafkaStream(kafka.spec(topic)).read({})) as reading:
        read_to_end(reading)
        kafka.delete_topic(topic)
        kafka.topic(name=topic)
        with pytest.raises(PermanentError, match=r"made anew|there is no topic") as raised:
            wait_until(lambda: reading.poll(0.2), 60)
    assert raised.value.remedy
    with pytest.raises(PermanentError, match=f"{topic}/0 was read up to offset 30 and ends at 0"):
        KafkaStream(kafka.spec(topic)).read({f"{topic}/0": 30})


def test_poison_is_an_event_like_any_other(kafka: Broker) -> None:
    """A tombstone is an empty line; bytes that are no text, and a line of 900 kB, come as they are; with key and time."""
    topic = kafka.topic()
    lines = [b"\xff\xfe\x00", None, b"x" * 900_000, b"last"]
    kafka.put(topic, lines, keys=[b"\xff", b"ship", None, b""], stamp=1_700_000_000_123)

    with closing(KafkaStream(kafka.spec(topic)).read({})) as reading:
        found = read_to_end(reading)

    assert [b"\xff\xfe\x00", b"", b"x" * 900_000, b"last"] == values_of(found)
    assert [b"\xff", b"ship", None, b""] == [key for batch in found for key in batch.keys]
    assert {1_700_000_000_123} == {stamp for batch in found for stamp in batch.times}


def test_only_what_was_committed_by_a_transaction_counts(kafka: Broker) -> None:
    """An aborted one leaves a gap, an open one the end before it; a reading comes to the end past both marks."""
    topic = kafka.topic()
    place = f"{topic}/0"
    kafka.transaction(topic, [b"kept"]).commit_transaction(30)
    kafka.transaction(topic, [b"aborted"]).abort_transaction(30)
    still_open = kafka.transaction(topic, [b"late"])

    with closing(KafkaStream(kafka.spec(topic)).read({})) as reading:
        assert [b"kept"] == values_of(read_to_end(reading))
        assert 4 == reading.positions()[place]
        still_open.commit_transaction(30)
        wait_until(lambda: reading.ends()[place] == 6, 30)
        assert [b"late"] == values_of(read_to_end(reading))
    assert 0 == KafkaStream(kafka.spec(topic)).waiting({place: 6})


def test_who_has_no_right_password_is_told_and_no_secret_is(kafka: Broker) -> None:
    """At once, and not when patience ends; the right one reads and writes."""
    topic = kafka.topic()
    kafka.put(topic, [b"one"])
    login = {**SESSION, "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.username": USER}

    def stream(password: str) -> KafkaStream:
        spec = kafka.spec(topic, settings={**login, "sasl.password": password}, servers=kafka.sasl_servers)
        return KafkaStream(spec)

    stream(PASSWORD).append([b"two"])
    with closing(stream(PASSWORD).read({})) as reading:
        assert [b"one", b"two"] == values_of(read_to_end(reading))
    wrong = stream("not-the-password")
    for use in (lambda: wrong.read({}), lambda: wrong.waiting({}), lambda: wrong.append([b"x"])):
        with pytest.raises(PermanentError, match="lets nobody in") as raised:
            use()
        assert "not-the-password" not in str(raised.value)
        assert "sasl" in raised.value.remedy


def test_a_commit_from_outside_counts_while_others_read(kafka: Broker) -> None:
    """A broker refuses it from who is no member, so that the committer becomes one for a moment."""
    topic = kafka.topic()
    place = f"{topic}/0"
    kafka.put(topic, numbered(10))
    spec = kafka.spec(topic)

    with ThreadPoolExecutor() as threads, closing(KafkaStream(spec).read({})) as reading:
        done = threads.submit(KafkaStream(spec).commit, {place: 7, "another-topic/0": 3})
        wait_until(lambda: (reading.poll(0.05), done.done())[1], 40)
        done.result()
    assert 3 == KafkaStream(spec).waiting({})


def test_a_topic_that_is_not_there_is_named_with_those_that_are(kafka: Broker) -> None:
    """Whatever is asked of it; reading does not make it."""
    topic = kafka.topic()
    stream = KafkaStream(kafka.spec("no-such-topic"))

    for use in (lambda: stream.read({}), lambda: stream.waiting({}), lambda: stream.commit({"no-such-topic/0": 1})):
        with pytest.raises(PermanentError, match="there is no topic 'no-such-topic'") as raised:
            use()
        assert "there are " in raised.value.remedy
    assert topic in KafkaStream(kafka.spec(topic))._client().topics()


def test_an_event_larger_than_the_topic_takes_is_refused(kafka: Broker) -> None:
    """With what to raise, by the library or by the broker."""
    small = kafka.topic(config={"max.message.bytes": "1000"})
    with pytest.raises(UsageError, match="larger"):
        KafkaStream(kafka.spec(small)).append([b"x" * 5000])
    with pytest.raises(UsageError, match="larger"):
        KafkaStream(kafka.spec(small)).append([b"x" * 2_000_000])


def test_several_topics_are_one_stream(kafka: Broker) -> None:
    """Each partition begins at its own offset; offsets of topics that are not read any more are left alone."""
    topics = (kafka.topic(), kafka.topic())
    for topic in topics:
        kafka.put(topic, numbered(5))
    stream = KafkaStream(kafka.spec(topics[0], topics=topics))

    with closing(stream.read({f"{topics[0]}/0": 4, "gone/0": 99})) as reading:
        found = read_to_end(reading)

    assert numbered(1, 4) == values_of(found, f"{topics[0]}/0")
    assert numbered(5) == values_of(found, f"{topics[1]}/0")
    assert 5 == stream.waiting({f"{topics[0]}/0": 5})
