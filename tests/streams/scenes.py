"""Streams of every kind, as scenes of the contract of the Stream port."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, Protocol

from seatrial.adapters.stream.files import FileStream
from seatrial.adapters.stream.kafka import KafkaStream
from seatrial.adapters.stream.memory import MemoryStream
from seatrial.ports import Stream
from tests.streams.kafka import Topics


class Scene(Protocol):
    """An empty stream with a partition that others write to.

    Attributes:
        partition: its name.
        has_group: whether a commit is remembered.
    """

    partition: str
    has_group: bool

    def stream(self, first: Literal["earliest", "latest"] = "earliest") -> Stream:
        """The stream, opened anew."""
        ...

    def put(self, values: Sequence[bytes]) -> None:
        """Another program writes events to the partition."""
        ...


class MemoryScene:
    """In memory."""

    partition = "events/0"
    has_group = True

    def __init__(self) -> None:
        self._streams = {first: MemoryStream(first=first) for first in ("earliest", "latest")}

    def stream(self, first: Literal["earliest", "latest"] = "earliest") -> Stream:
        """The stream."""
        return self._streams[first]

    def put(self, values: Sequence[bytes]) -> None:
        """Write events."""
        for stream in self._streams.values():
            stream.put(self.partition, values)


class FilesScene:
    """A folder."""

    partition = "ships.jsonl"
    has_group = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / self.partition).touch()

    def stream(self, first: Literal["earliest", "latest"] = "earliest") -> Stream:
        """The stream."""
        return FileStream(self._folder, first=first)

    def put(self, values: Sequence[bytes]) -> None:
        """Write lines."""
        with (self._folder / self.partition).open("ab") as file:
            file.write(b"".join(value + b"\n" for value in values))


class KafkaScene:
    """A topic, of a real broker or of a mock cluster."""

    has_group = True

    def __init__(self, topics: Topics) -> None:
        self._topics = topics
        self._topic = topics.topic()
        self.partition = f"{self._topic}/0"

    def stream(self, first: Literal["earliest", "latest"] = "earliest") -> Stream:
        """The stream."""
        return KafkaStream(replace(self._topics.spec(self._topic), first=first))

    def put(self, values: Sequence[bytes]) -> None:
        """Write events."""
        self._topics.put(self._topic, values)
