"""What a parser makes of a batch of events."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from arro3.core import RecordBatch

OFFSET: Final = "_offset"
"""Column of the rows beside the dataset's own: where in its partition the line of the row lies."""


class Fault(NamedTuple):
    """Why a line is dead.

    Attributes:
        reason: one sentence; the column and the value where it is about one: `rating: 'x' is not an integer`.
        kind: the same without the value, so that it can be counted: `rating is not an integer`.
    """

    reason: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLine:
    """A line that did not parse, as it came."""

    offset: int
    fault: Fault
    line: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedBatch:
    """A batch of events of one partition, parsed.

    Attributes:
        rows: Arrow: the dataset's columns in their order and `_offset`, in the order of the lines. A line may give several
            rows, or none. integer: int64, number: float64, text: string, time: timestamp in microseconds, UTC; boolean: bool.
        dead: the lines that did not parse, in their order.
        lines: how many events there were.
        ignored: of those, how many were somebody else's.
        empty: how many held nothing at all.
    """

    partition: str
    rows: "RecordBatch"
    dead: tuple[DeadLine, ...]
    lines: int
    ignored: int
    empty: int
