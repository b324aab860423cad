"""Kafka's messages as columns, by partition: each message is touched by C code alone, so that a million is quick."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from confluent_kafka import KafkaError, Message

from seatrial.adapters.stream.kafka_client import partition_name
from seatrial.ports import EventBatch

_END: int = KafkaError._PARTITION_EOF  # noqa: SLF001 - librdkafka's own errors are named like that


def sort_out(messages: Sequence[Message]) -> tuple[list[Message], dict[str, int], list[Message]]:
    """Events, ends that were reached (offset by partition), and errors."""
    errors = list(map(Message.error, messages))
    # By their types: librdkafka's errors can't be compared with None.
    if {type(None)}.issuperset(map(type, errors)):
        return list(messages), {}, []
    events: list[Message] = []
    ends: dict[str, int] = {}
    broken: list[Message] = []
    for message, error in zip(messages, errors, strict=True):
        if error is None:
            events.append(message)
        elif error.code() == _END:
            ends[name_of(message)] = _number(message.offset())
        else:
            broken.append(message)
    return events, ends, broken


def batches_of(events: Sequence[Message], ends: Mapping[str, int]) -> list[EventBatch]:
    """The events as columns; a tombstone is an empty line."""
    return [_batch(name, group, ends.get(name, 0)) for name, group in _by_partition(events)]


def name_of(message: Message) -> str:
    """`ratings/0`; empty for an error that is about no partition."""
    topic, partition = message.topic(), message.partition()
    return "" if topic is None or partition is None or partition < 0 else partition_name(topic, partition)


def _by_partition(events: Sequence[Message]) -> Iterable[tuple[str, list[Message]]]:
    """Messages come in runs of one partition."""
    found: dict[str, list[Message]] = {}
    for topic, of_topic in groupby(events, key=Message.topic):
        for partition, run in groupby(of_topic, key=Message.partition):
            found.setdefault(partition_name(str(topic), _number(partition)), []).extend(run)
    return found.items()


def _batch(name: str, group: Sequence[Message], end: int) -> EventBatch:
    offsets: list[Any] = list(map(Message.offset, group))
    values: list[Any] = list(map(Message.value, group))
    if None in values:
        values = [b"" if value is None else value for value in values]
    return EventBatch(
        partition=name,
        offsets=offsets,
        values=values,
        times=[stamp for _, stamp in map(Message.timestamp, group)],
        keys=list(map(Message.key, group)),
        following=max(offsets[-1] + 1, end),
    )


def _number(value: int | None) -> int:
    return -1 if value is None else value
