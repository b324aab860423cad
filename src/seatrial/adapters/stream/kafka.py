"""Topics of Kafka as a stream.

What was taken is said by the dataset: reading begins at the offsets that are handed in, whatever the group has committed.
The commit comes after the dataset version and tells everybody else, so that nothing is lost and nothing comes twice.
"""

from collections.abc import Mapping, Sequence

from confluent_kafka import Producer

from seatrial.adapters.clock import SystemClock
from seatrial.adapters.stream.beginning import topic_of
from seatrial.adapters.stream.kafka_append import produce
from seatrial.adapters.stream.kafka_client import KafkaClient
from seatrial.adapters.stream.kafka_commit import commit_outside
from seatrial.adapters.stream.kafka_reading import KafkaReading
from seatrial.adapters.stream.kafka_settings import check_settings, new_producer, redactor_of
from seatrial.adapters.stream.kafka_trouble import Trouble
from seatrial.ports import Clock
from seatrial.records import SeatrialError, StreamSpec

PATIENCE = 60.0


class KafkaStream:
    """Topics, read as a member of a consumer group.

    Args:
        spec: with `${NAME}` filled in.
        patience: seconds that brokers may be away before TemporaryError is raised.
        clock: for the patience.

    Raises:
        UsageError: a setting is not the user's to make.
    """

    def __init__(self, spec: StreamSpec, *, patience: float = PATIENCE, clock: Clock | None = None) -> None:
        check_settings(spec)
        self._spec = spec
        self._patience = patience
        self._clock = clock or SystemClock()
        self._reading: KafkaReading | None = None
        self._producer: tuple[Producer, Trouble] | None = None

    def read(self, offsets: Mapping[str, int]) -> KafkaReading:
        """Join the group and begin to read; see `seatrial.ports.Stream`.

        Returns when the group has dealt out its partitions: after a member was killed that takes as long as the group waits
        for it (`session.timeout.ms`, 45 s by default).
        """
        client = self._client()
        try:
            self._reading = KafkaReading(client, self._own(offsets), self._clock)
        except BaseException:
            client.close()
            raise
        return self._reading

    def waiting(self, offsets: Mapping[str, int]) -> int:
        """Offsets between these and the ends of all partitions; joins no group."""
        with self._client() as client:
            starts = client.starts(client.partitions(), self._own(offsets))
        return sum(high - max(start, low) for start, low, high in starts.values())

    def commit(self, offsets: Mapping[str, int]) -> None:
        """Commit for the group, with its other members or without any."""
        own = self._own(offsets)
        if self._reading is not None and not self._reading.closed:
            self._reading.commit(own)
            return
        with self._client() as client:
            commit_outside(client, own, self._clock, self._patience)

    def append(self, values: Sequence[bytes], keys: Sequence[bytes | None] = ()) -> None:
        """Write events to the first topic: those of a key to one partition.

        Raises TemporaryError if not all of them are known to be safe; some may be, so that a second try can write these twice.
        """
        if self._producer is None:
            trouble = Trouble(self._spec.servers, redactor_of(self._spec), self._clock, self._patience)
            self._producer = new_producer(self._spec, trouble.heard, patience=self._patience), trouble
        producer, trouble = self._producer
        try:
            produce(producer, trouble, self._spec.topics[0], values, keys or [None] * len(values))
        except SeatrialError:
            self._producer = None
            raise

    def _client(self) -> KafkaClient:
        return KafkaClient(self._spec, self._clock, self._patience)

    def _own(self, offsets: Mapping[str, int]) -> dict[str, int]:
        """Offsets of topics that are read here; a dataset may know of others, from before its configuration changed."""
        return {name: offset for name, offset in offsets.items() if topic_of(name) in self._spec.topics}
