"""How far a group is, told to the broker: by somebody outside, or, where the group has members, by one more of them."""

from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaException, TopicPartition

from seatrial.adapters.stream.kafka_client import KafkaClient, at
from seatrial.adapters.stream.kafka_trouble import NOT_A_MEMBER
from seatrial.ports import Clock
from seatrial.records import TemporaryError

_SLICE = 0.25


def commit_outside(client: KafkaClient, offsets: Mapping[str, int], clock: Clock, patience: float) -> None:
    """Commit without reading.

    A broker takes no commit from outside while a group has members, be it one that was killed and is not yet missed. Then this
    joins, which deals the group out anew, and leaves when it is done.

    Raises:
        TemporaryError: the group did not let this member in.
    """
    until = clock.monotonic() + patience
    there = set(client.partitions())
    wanted = [at(name, offset) for name, offset in offsets.items() if name in there]
    if commit(client, wanted):
        return
    client.consumer.subscribe(list(client.spec.topics), on_assign=_idle)
    while not (client.consumer.assignment() or client.consumer.memberid()) or not commit(client, wanted):
        client.consumer.poll(_SLICE)
        if clock.monotonic() > until:
            raise TemporaryError(
                f"the group {client.spec.group!r} has other members, and let nobody in for {patience:g} s",
                where=f"Kafka at {client.spec.servers}",
                remedy="nothing is lost: the dataset has the offsets; the next commit tells them too",
            )


def commit(client: KafkaClient, wanted: list[TopicPartition]) -> bool:
    """Commit; False if the broker wants a member of the group for that."""

    def told(_: float) -> bool:
        try:
            done = client.consumer.commit(offsets=wanted, asynchronous=False)
        except KafkaException as error:
            if error.args[0].code() in NOT_A_MEMBER:
                return False
            raise
        for each in done:
            if each.error is not None:
                raise KafkaException(each.error)
        return True

    return not wanted or client.trouble.ask(told, client.serve)


def _idle(consumer: Consumer, partitions: list[TopicPartition]) -> None:
    """Be a member, and fetch nothing."""
    consumer.assign(partitions)
    consumer.pause(partitions)
