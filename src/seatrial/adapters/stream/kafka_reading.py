"""Kafka while it is read: a member of the group that begins at our offsets, and says what became of its partitions."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from seatrial.adapters.stream.beginning import beyond_its_end
from seatrial.adapters.stream.kafka_batches import batches_of, name_of, sort_out
from seatrial.adapters.stream.kafka_client import KafkaClient, at, partition_name
from seatrial.adapters.stream.kafka_commit import commit
from seatrial.adapters.stream.kafka_trouble import NO_OFFSET, NO_TOPIC
from seatrial.ports import Clock, EventBatch, LostEvents
from seatrial.records import PermanentError, TemporaryError

_SLICE = 0.25
_PROBE_AFTER = 5.0
# A group waits so long for a member that lives and does not take part (max.poll.interval.ms).
_LONGEST_DEAL = 300.0
_MOST_AT_ONCE = 1_000_000


class KafkaReading:
    """A member of the group; made by `KafkaStream.read`, which returns when partitions were given to it.

    Partitions move between members while messages are on their way, so that what one fetch brought in which they moved is
    thrown away and read again from the last offset that was handed out.
    """

    def __init__(self, client: KafkaClient, offsets: Mapping[str, int], clock: Clock) -> None:
        self._client = client
        self._consumer: Consumer = client.consumer
        self._offsets = dict(offsets)
        self._clock = clock
        self._begun: dict[str, int] = {}
        self._positions: dict[str, int] = {}
        self._between: dict[str, int] = {}
        self._told: list[str] = []
        self._lost: list[LostEvents] = []
        self._joined = self._moved = self._astray = self._closed = False
        self._join()

    def poll(self, seconds: float, most: int = 10_000) -> Sequence[EventBatch]:
        """What has come; see `seatrial.ports.StreamReading`."""
        if self._closed:
            raise PermanentError("the reading is closed", where="stream", remedy="read again")
        until = self._clock.monotonic() + seconds
        while True:
            found = self._take(min(most, _MOST_AT_ONCE), min(_SLICE, until - self._clock.monotonic()))
            if found:
                return found
            self._look_after_the_broker()
            if self._clock.monotonic() >= until:
                return []

    def ends(self) -> Mapping[str, int]:
        """Offset after the last event of each partition; events of open transactions are not there yet."""
        return self._client.ends(list(self._positions))

    def positions(self) -> Mapping[str, int]:
        """Where each partition is read on, past compacted events and the marks of transactions."""
        return dict(self._positions)

    def taken_away(self) -> Sequence[str]:
        """Partitions that other members read now, since it was asked last."""
        told, self._told = self._told, []
        return told

    def lost(self) -> Sequence[LostEvents]:
        """What retention or somebody deleted before it was read."""
        return tuple(self._lost)

    def close(self) -> None:
        """Leave the group; nothing is committed by that."""
        if not self._closed:
            self._closed = True
            self._client.close()

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    def commit(self, offsets: Mapping[str, int]) -> None:
        """Commit as the member that this is. Raises TemporaryError while the group is being dealt out anew."""
        if not commit(self._client, [at(name, offset) for name, offset in offsets.items()]):
            raise TemporaryError("the group is being dealt out anew", where="stream", remedy="read on, and commit then")

    def _join(self) -> None:
        self._client.partitions()
        self._client.reading = True
        self._consumer.subscribe(
            list(self._client.spec.topics), on_assign=self._given, on_revoke=self._revoked, on_lost=self._revoked
        )
        until = self._clock.monotonic() + self._client.trouble.patience + _LONGEST_DEAL
        while not self._joined:
            self._take(1, _SLICE)
            self._look_after_the_broker()
            if self._clock.monotonic() > until:
                raise TemporaryError(
                    f"the group {self._client.spec.group!r} deals out no partitions",
                    where=f"Kafka at {self._client.spec.servers}",
                    remedy="see which members it has (kafka-consumer-groups --describe), and try again",
                )

    def _take(self, most: int, seconds: float) -> list[EventBatch]:
        """One fetch. What it brought is handed out, or, whatever goes wrong, fetched again by the next one."""
        if self._astray:
            self._go_on()
        self._astray, self._moved = True, False
        messages = self._fetched(most, max(0.0, seconds))
        if self._moved:
            return []
        events, ends, errors = sort_out(messages)
        batches = batches_of(events, ends)
        reached = self._positions | {batch.partition: batch.following for batch in batches}
        reached |= {name: max(end, reached.get(name, 0)) for name, end in ends.items()}
        self._astray = self._mended(errors, reached)
        self._positions = reached
        if events or ends:
            self._client.trouble.answered()
        return batches

    def _fetched(self, most: int, seconds: float) -> list[Message]:
        """What is here already, or else the first that comes and what came with it."""
        try:
            messages = self._consumer.consume(most, timeout=0)
            if messages or not seconds:
                return messages
            first = self._consumer.poll(seconds)
            return [] if first is None else [first, *(self._consumer.consume(most - 1, timeout=0) if most > 1 else [])]
        except KafkaException as error:
            self._client.trouble.heard(error.args[0])
            self._client.trouble.check()
            self._moved = True
            return []

    def _mended(self, errors: Sequence[Message], reached: dict[str, int]) -> bool:
        """Deal with partitions that can't be read on, whose places it changes; librdkafka waits other errors out.

        Returns whether a place was changed.
        """
        found = [(name_of(message), error) for message in errors if (error := message.error()) is not None]
        for _, error in found:
            if error.code() not in NO_OFFSET | NO_TOPIC:
                self._client.trouble.heard(error)
        if found:
            self._client.trouble.check()
        if any(error.code() in NO_TOPIC for _, error in found):
            self._client.partitions()
        lost = sorted({name for name, error in found if error.code() in NO_OFFSET and name in reached})
        lows, highs = self._client.beginnings(lost), self._client.ends(lost)
        for name in lost:
            reached[name] = self._place(name, reached[name], lows[name], highs[name])
        return bool(lost)

    def _place(self, name: str, wanted: int, low: int, high: int) -> int:
        """Where to go on: at `wanted`, or at the first event that is left."""
        if wanted > high:
            raise beyond_its_end(name, wanted, high, where=f"Kafka at {self._client.spec.servers}")
        if wanted < low:
            self._lost.append(LostEvents(partition=name, start=wanted, end=low))
        return max(wanted, low)

    def _go_on(self) -> None:
        """Fetch from our positions, and forget what was fetched from others."""
        if self._positions:
            self._consumer.assign([at(name, offset) for name, offset in self._positions.items()])

    def _given(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Partitions were given to this member; those that it had a moment ago go on where they were."""
        names = [partition_name(each.topic, each.partition) for each in partitions]
        kept = {name: offset for name, offset in self._between.items() if name in names}
        self._tell(self._between.keys() - kept.keys())
        self._between = {}
        self._positions = kept
        new = [name for name in names if name not in kept]
        for name, (start, low, high) in self._client.starts(new, self._offsets | self._begun).items():
            self._positions[name] = self._place(name, start, low, high)
            self._begun.setdefault(name, start)
        consumer.assign([at(name, offset) for name, offset in self._positions.items()])
        self._joined = self._moved = True
        self._client.trouble.answered()

    def _revoked(self, consumer: Consumer, _: list[TopicPartition]) -> None:
        """The group is dealt out anew, or took this member for dead; who gets what is known when it is done."""
        if self._closed:
            return
        self._between |= self._positions
        self._positions = {}
        self._moved = True
        consumer.unassign()

    def _tell(self, gone: AbstractSet[str]) -> None:
        """Others read these now; who gets one back begins it once more."""
        self._told += sorted(gone)
        self._lost = [lost for lost in self._lost if lost.partition not in gone]

    def _look_after_the_broker(self) -> None:
        """When nothing came for a while, make sure that the broker is there at all."""
        trouble = self._client.trouble
        if trouble.silent < min(_PROBE_AFTER, trouble.patience / 2):
            return
        try:
            self._consumer.list_topics(self._client.spec.topics[0], timeout=1.0)
            trouble.answered()
        except KafkaException as error:
            trouble.heard(error.args[0])
        trouble.check()
