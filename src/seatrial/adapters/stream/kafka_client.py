"""One consumer of Kafka and the questions that it is asked: which partitions, from where to where, how far is the group."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Self

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaException, TopicPartition

from seatrial.adapters.stream.beginning import beyond_its_end, start_of
from seatrial.adapters.stream.kafka_settings import new_consumer, redactor_of
from seatrial.adapters.stream.kafka_trouble import NO_TOPIC, Trouble
from seatrial.ports import Clock
from seatrial.records import PermanentError, StreamSpec

_NAMED_TOPICS = 10


def partition_name(topic: str, partition: int) -> str:
    """`ratings/0`."""
    return f"{topic}/{partition}"


def at(name: str, offset: int | None = None) -> TopicPartition:
    """Librdkafka's word for a partition by our name of it, and an offset in it."""
    topic, _, number = name.rpartition("/")
    return TopicPartition(topic, int(number)) if offset is None else TopicPartition(topic, int(number), offset)


class KafkaClient:
    """A consumer that waits for brokers that are away, as long as its patience lasts.

    Args:
        spec: brokers, topics, group and settings.
        clock: for the patience.
        patience: seconds without an answer after which TemporaryError is raised.

    Attributes:
        reading: whether events come by the consumer's polls, so that nobody else may poll it.
    """

    def __init__(self, spec: StreamSpec, clock: Clock, patience: float) -> None:
        self.spec = spec
        self.trouble = Trouble(spec.servers, redactor_of(spec), clock, patience)
        self.reading = False
        self.consumer: Consumer = new_consumer(spec, self.trouble.heard)

    def serve(self) -> None:
        """Let librdkafka tell its errors, which takes a poll; one that reads hears of them as it reads."""
        if not self.reading:
            self.consumer.poll(0)

    def partitions(self) -> list[str]:
        """All partitions of the topics. Raises PermanentError if one of the topics is not there."""
        there = self.topics()
        missing = [topic for topic in self.spec.topics if topic not in there]
        if missing:
            raise PermanentError(
                f"there is no topic {', '.join(map(repr, missing))}",
                where=f"Kafka at {self.spec.servers}",
                remedy=_known_topics(there),
            )
        return [partition_name(topic, number) for topic in self.spec.topics for number in sorted(there[topic])]

    def topics(self) -> dict[str, Sequence[int]]:
        """Partitions of every topic that this account may see."""
        found = self.trouble.ask(lambda seconds: self.consumer.list_topics(timeout=seconds), self.serve)
        return {
            name: list(topic.partitions)
            for name, topic in found.topics.items()
            if topic.error is None or topic.error.code() not in NO_TOPIC
        }

    def ends(self, names: Sequence[str]) -> dict[str, int]:
        """Of each partition the offset after the last event that may be read: what open transactions wrote may not be."""
        return self._offsets(names, OFFSET_END)

    def beginnings(self, names: Sequence[str]) -> dict[str, int]:
        """Of each partition the first offset that is there."""
        return self._offsets(names, OFFSET_BEGINNING)

    def committed(self, names: Sequence[str]) -> dict[str, int]:
        """How far the group is, of the partitions that it has taken anything of."""
        if not names:
            return {}
        wanted = [at(name) for name in names]
        found = self.trouble.ask(lambda seconds: self.consumer.committed(wanted, timeout=seconds), lambda: None)
        return {partition_name(each.topic, each.partition): each.offset for each in found if each.offset >= 0}

    def starts(self, names: Sequence[str], offsets: Mapping[str, int]) -> dict[str, tuple[int, int, int]]:
        """Where each partition is read from, with its first and last offset.

        Raises:
            PermanentError: an offset lies beyond the end.
        """
        unnamed = [name for name in names if name not in offsets]
        known = {**self.committed(unnamed), **offsets}
        lows, highs = self.beginnings(names), self.ends(names)
        found: dict[str, tuple[int, int, int]] = {}
        for name in names:
            low, high = lows[name], highs[name]
            start = start_of(name, known, self.spec.first, low=low, high=high)
            if start > high:
                raise beyond_its_end(name, start, high, where=f"Kafka at {self.spec.servers}")
            found[name] = (start, low, high)
        return found

    def _offsets(self, names: Sequence[str], which: int) -> dict[str, int]:
        """The protocol's times -1 and -2 mean end and beginning: one question for all partitions, in place of one for each."""
        if not names:
            return {}
        wanted = [at(name, which) for name in names]

        def asked(seconds: float) -> dict[str, int]:
            found = self.consumer.offsets_for_times(wanted, timeout=seconds)
            for each in found:
                if each.error is not None:
                    raise KafkaException(each.error)
            return {partition_name(each.topic, each.partition): each.offset for each in found}

        return self.trouble.ask(asked, lambda: None)

    def close(self) -> None:
        """Leave."""
        self.consumer.close()

    def __enter__(self) -> Self:
        """The client."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave."""
        self.close()


def _known_topics(there: Iterable[str]) -> str:
    shown = sorted(name for name in there if not name.startswith("__"))
    if not shown:
        return "make it; there are no topics yet, or none that this account may see"
    more = f" and {len(shown) - _NAMED_TOPICS} more" if len(shown) > _NAMED_TOPICS else ""
    return f"there are {', '.join(shown[:_NAMED_TOPICS])}{more}"
