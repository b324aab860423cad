"""Where reading begins and what is wrong with an offset: the same for every stream, so that none has a rule of its own."""

from collections.abc import Mapping
from typing import Literal

from seatrial.records import PermanentError

First = Literal["earliest", "latest"]


def topic_of(partition: str) -> str:
    """`ratings` of `ratings/0`; empty for a file of a folder."""
    return partition.rpartition("/")[0]


def start_of(partition: str, known: Mapping[str, int], first: First, *, low: int, high: int) -> int:
    """Offset that a partition is read from.

    Args:
        partition: its name.
        known: offsets of this and other partitions, of a dataset or of a group.
        first: where a topic begins that nothing is known of. A partition that came to a known topic later is read from its
            beginning even with `latest`: it had no events when the topic began.
        low: offset of the first event that is there.
        high: offset after the last one.
    """
    if partition in known:
        return known[partition]
    topic = topic_of(partition)
    return high if first == "latest" and topic not in map(topic_of, known) else low


def beyond_its_end(partition: str, offset: int, high: int, *, kind: str = "topic", where: str = "") -> PermanentError:
    """What is raised of an offset that the stream never gave, as far as it knows."""
    return PermanentError(
        f"partition {partition} was read up to offset {offset} and ends at {high}: the {kind} was made anew",
        where=where or "stream",
        remedy=f"give the new {kind} another name, or begin a new dataset (retrain under another name); what was collected stays",
    )
