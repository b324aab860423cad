"""Events as text: what is no text, what is empty, and what is somebody else's is told apart before anything is parsed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from seatrial.retrain.parse.parsed import Fault

_NO_TEXT: Final = Fault("the line is not UTF-8 text", "the line is not UTF-8 text")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """The lines of a batch that are to be parsed.

    Attributes:
        positions: of each, its index in the batch.
        texts: without line breaks at their end.
        faults: by index in the batch, of what is no text.
        ignored, empty: how many were left out for that.
    """

    positions: Sequence[int]
    texts: list[str]
    faults: Mapping[int, Fault] = field(default_factory=dict)
    ignored: int = 0
    empty: int = 0


class LineReader:
    """Makes text of events.

    Args:
        ignore: regular expression; lines that it is found in are left out. Empty: none are.
    """

    def __init__(self, ignore: str) -> None:
        self._ignore = re.compile(ignore).search if ignore else None

    def read(self, values: Sequence[bytes | None]) -> Lines:
        """The lines of a batch; None is an event without a value (a tombstone of a compacted topic)."""
        texts, faults = _decoded(values)
        positions: Sequence[int] = range(len(values))
        empty = list(map(str.isspace, texts))
        if "" in texts:
            empty = [not text or space for text, space in zip(texts, empty, strict=True)]
        blank = sum(empty) - len(faults)
        if any(empty):
            positions, texts = _without(empty, positions, texts)
        if self._ignore is None:
            return Lines(positions=positions, texts=texts, faults=faults, empty=blank)
        others = [self._ignore(text) is not None for text in texts]
        positions, texts = _without(others, positions, texts)
        return Lines(positions=positions, texts=texts, faults=faults, empty=blank, ignored=sum(others))


def _decoded(values: Sequence[bytes | None]) -> tuple[list[str], dict[int, Fault]]:
    """The texts, empty where there is none; and the faults of what is none."""
    faults: dict[int, Fault] = {}
    try:
        texts = list(map(bytes.decode, values))  # type: ignore[arg-type] # None is a TypeError: one by one
    except (UnicodeDecodeError, TypeError):
        texts, faults = _decoded_singly(values)
    together = "".join(texts)
    if "\r" in together or "\n" in together:
        texts = [text.rstrip("\r\n") for text in texts]
    return texts, faults


def _decoded_singly(values: Sequence[bytes | None]) -> tuple[list[str], dict[int, Fault]]:
    texts: list[str] = []
    faults: dict[int, Fault] = {}
    for index, value in enumerate(values):
        try:
            texts.append((value or b"").decode())
        except UnicodeDecodeError:
            texts.append("")
            faults[index] = _NO_TEXT
    return texts, faults


def _without(left_out: list[bool], positions: Sequence[int], texts: list[str]) -> tuple[list[int], list[str]]:
    kept = [index for index, out in enumerate(left_out) if not out]
    return [positions[index] for index in kept], [texts[index] for index in kept]
