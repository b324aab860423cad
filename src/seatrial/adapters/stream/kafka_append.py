"""Events written to a topic, each of which the broker has said to be safe."""

from collections.abc import Sequence

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from seatrial.adapters.stream.kafka_trouble import NO_TOPIC, Trouble
from seatrial.records import PermanentError, TemporaryError, UsageError

_SLICE = 0.25
_SERVE_EVERY = 1000
_TOO_LARGE = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE})


def produce(
    producer: Producer, trouble: Trouble, topic: str, values: Sequence[bytes], keys: Sequence[bytes | None]
) -> None:
    """Write all events, and return when all are safe.

    Raises:
        UsageError: one is larger than the topic takes.
        PermanentError: there is no such topic, or no right to write to it.
        TemporaryError: not all are known to be safe.
    """
    receipt = _Receipt(trouble)
    trouble.answered()
    try:
        for number, (value, key) in enumerate(zip(values, keys, strict=True), start=1):
            _queue(producer, receipt, topic, value, key)
            if number % _SERVE_EVERY == 0:
                producer.poll(0)
        while producer.flush(_SLICE):
            trouble.check()
    except BaseException:
        producer.purge()
        raise
    receipt.check(topic, len(values))


class _Receipt:
    """What became of the events of one call."""

    def __init__(self, trouble: Trouble) -> None:
        self._trouble = trouble
        self._safe = 0
        self._errors: list[KafkaError] = []

    def take(self, error: KafkaError | None, _: Message) -> None:
        """What librdkafka says of one event."""
        if error is None:
            self._safe += 1
            self._trouble.answered()
        else:
            self._errors.append(error)
            self._trouble.heard(error)

    def check(self, topic: str, wanted: int) -> None:
        """Raise unless all are safe."""
        if self._safe == wanted:
            return
        for error in self._errors:
            if error.code() in _TOO_LARGE:
                raise _too_large(topic)
            if error.code() in NO_TOPIC:
                raise PermanentError(f"there is no topic {topic!r}", where="stream", remedy="make it first")
        self._trouble.check()
        reason = f": {self._errors[0].str()}" if self._errors else ""
        raise TemporaryError(
            f"of {wanted} events {self._safe} are known to be safe{reason}",
            where=f"topic {topic}",
            remedy="write again",
        )


def _queue(producer: Producer, receipt: _Receipt, topic: str, value: bytes, key: bytes | None) -> None:
    while True:
        try:
            producer.produce(topic, value=value, key=key, on_delivery=receipt.take)
        except BufferError:
            producer.poll(_SLICE)
        except KafkaException as error:
            if error.args[0].code() in _TOO_LARGE:
                raise _too_large(topic) from None
            raise TemporaryError(
                f"an event could not be written: {error.args[0].str()}", where=f"topic {topic}"
            ) from None
        else:
            return


def _too_large(topic: str) -> UsageError:
    return UsageError(
        "an event is larger than messages may be",
        where=f"topic {topic}",
        remedy="raise message.max.bytes in stream.settings, and max.message.bytes of the topic",
    )
