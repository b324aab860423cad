"""What a trial says while it runs. The command line turns it into live rows, a log into plain lines, a page into events."""

from collections.abc import Callable
from dataclasses import dataclass

from seatrial.records import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One step of one cell, or of the whole run where `cell` is empty.

    Attributes:
        cell: id of the cell.
        stage: where it is now.
        detail: for people, a few words.
        done, total: of the stage's work (requests, say); `total` is 0 where there is nothing to count.
        failed: whether the cell has failed at this stage.
    """

    cell: str = ""
    stage: Stage
    detail: str = ""
    done: int = 0
    total: int = 0
    failed: bool = False


Watcher = Callable[[Progress], None]


def unwatched(_progress: Progress) -> None:
    """Watch nothing."""
