"""Short ways to make lanes and drive them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from seatrial.adapters.clock import SystemClock
from seatrial.records import BlockSamples, RequestsSpec, Sample, UsagePoint
from seatrial.trial.drive.requests import Request, RequestSet
from seatrial.trial.drive.rounds import DriveSummary, Lane, drive

SPEC = RequestsSpec(file="requests.jsonl", rate=1000.0, count=20, warmup=0, timeout=5.0)


def requests(count: int = 20) -> RequestSet:
    """`count` requests whose bodies are their numbers."""
    return RequestSet(
        tuple(Request(b"%d" % index, index, None, {}) for index in range(count)), "sha256:0", labelled=True
    )


def lane(url: str, cell: str = "d@candidate", **changes: Any) -> Lane:
    """A lane to `url`; `changes` to its specification, but for `alive`, `usage` and `requests`, which are the lane's."""
    own: dict[str, Any] = {key: changes.pop(key) for key in ("alive", "usage", "requests") if key in changes}
    defaults: dict[str, Any] = {"alive": lambda: True, "usage": lambda: None, "requests": requests()}
    return Lane(
        cell=cell,
        deployment=cell.split("@", maxsplit=1)[0],
        base_url=url,
        spec=replace(SPEC, **changes),
        **(defaults | own),
    )


@dataclass
class Driven:
    """What came of a drive: the blocks in the order of their delivery, the lanes that were lost, the summary."""

    blocks: list[BlockSamples] = field(default_factory=list)
    lost: list[tuple[str, int]] = field(default_factory=list)
    summary: DriveSummary | None = None

    @property
    def order(self) -> list[tuple[int, str]]:
        """Block and cell of each turn."""
        return [(block.block, block.cell) for block in self.blocks]

    def samples(self, cell: str | None = None) -> list[Sample]:
        """All samples, or those of one cell."""
        return [sample for block in self.blocks if cell in {None, block.cell} for sample in block.samples]

    def errors(self) -> set[str | None]:
        """The kinds of error seen; None for good answers."""
        return {sample.error for sample in self.samples()}


def drive_all(
    lanes: Sequence[Lane],
    *,
    seed: int = 0,
    stop: Callable[[int], bool] = lambda _: False,
    into: Driven | None = None,
) -> Driven:
    """Drive `lanes` and keep everything that is handed over."""
    driven = into or Driven()
    driven.summary = drive(
        lanes,
        seed=seed,
        clock=SystemClock(),
        on_block=driven.blocks.append,
        stop=stop,
        on_lane_lost=lambda cell, block: driven.lost.append((cell, block)),
    )
    return driven


def point(cpu_seconds: float, memory: int) -> UsagePoint:
    """Usage at an unimportant time."""
    return UsagePoint(at=0.0, cpu_seconds=cpu_seconds, memory=memory)
