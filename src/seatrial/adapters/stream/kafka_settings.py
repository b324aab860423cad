"""librdkafka's settings: the user's own beside those that reading exactly once depends on."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer

from seatrial.logs import Redactor
from seatrial.records import StreamSpec, UsageError

_OURS: Final = {
    "bootstrap.servers": "stream.kafka names the brokers",
    "metadata.broker.list": "stream.kafka names the brokers",
    "group.id": "stream.group names the group",
    "enable.auto.commit": "offsets are committed when a dataset version is stored, and no sooner",
    "auto.commit.enable": "offsets are committed when a dataset version is stored, and no sooner",
    "enable.auto.offset.store": "offsets are committed when a dataset version is stored, and no sooner",
    "auto.offset.reset": "stream.first says where a partition begins",
    "isolation.level": "events of transactions count once these are committed",
    "enable.partition.eof": "collecting to the end depends on it",
    "partition.assignment.strategy": "members of the group agree on it",
    "group.protocol": "members of the group agree on it",
    "allow.auto.create.topics": "a topic that is not there is an error",
    "enable.idempotence": "events are written once",
    "acks": "events are written when they are safe",
    "request.required.acks": "events are written when they are safe",
    "transactional.id": "events are written without a transaction",
}
_SECRET_ENDINGS: Final = (".pem", ".config", ".key", ".secret")
_logger = logging.getLogger("seatrial.kafka")
# librdkafka says every broken connection; where nobody asked for logs that is noise in the middle of a report.
_logger.addHandler(logging.NullHandler())

Heard = Callable[[KafkaError], None]
Client = TypeVar("Client", Consumer, Producer)


def check_settings(spec: StreamSpec) -> None:
    """Raise UsageError for a setting that is not the user's to make."""
    for key in spec.settings:
        if key in _OURS:
            raise UsageError(
                f"{key} is not for a project to set: {_OURS[key]}", where="stream.settings", remedy=f"leave {key} out"
            )


def redactor_of(spec: StreamSpec) -> Redactor:
    """What keeps the values of secret settings out of messages."""
    named = {f"secret {key}" if key.endswith(_SECRET_ENDINGS) else key: text for key, text in spec.settings.items()}
    return Redactor(named)


def new_consumer(spec: StreamSpec, heard: Heard) -> Consumer:
    """A member of the group that commits nothing by itself. Raises UsageError for settings that librdkafka refuses."""
    own = {
        "bootstrap.servers": spec.servers,
        "group.id": spec.group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
        "allow.auto.create.topics": False,
        "error_cb": heard,
    }
    # A question to a broker waits behind the fetch that is under way; and a full queue pauses fetching, which is emptied here
    # in less than the second that librdkafka would wait.
    return _made(Consumer, spec, own, {"fetch.wait.max.ms": 100, "fetch.queue.backoff.ms": 10})


def new_producer(spec: StreamSpec, heard: Heard, *, patience: float) -> Producer:
    """A producer that writes each event once, and says of each whether it is safe."""
    own = {
        "bootstrap.servers": spec.servers,
        "enable.idempotence": True,
        "acks": "all",
        "message.timeout.ms": max(1, round(patience * 1000)),
        "error_cb": heard,
    }
    return _made(Producer, spec, own, {"linger.ms": 5})


def _made(kind: type[Client], spec: StreamSpec, own: Mapping[str, Any], defaults: Mapping[str, Any]) -> Client:
    try:
        return kind(
            {"client.id": "seatrial", "reconnect.backoff.max.ms": 1000, **defaults, **spec.settings, **own},
            logger=_logger,
        )
    except (KafkaException, ValueError, TypeError) as error:
        told = error.args[0].str() if isinstance(error, KafkaException) else str(error)
        raise UsageError(
            f"Kafka's library refuses the settings: {redactor_of(spec).text(told)}",
            where="stream.settings",
            remedy="the names and values are librdkafka's: CONFIGURATION.md of librdkafka lists them",
        ) from None
