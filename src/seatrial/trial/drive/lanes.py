"""What the driver is given and what it gives back, apart from the blocks themselves."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from seatrial.records import RequestsSpec, UsageError, UsagePoint
from seatrial.trial.drive.requests import RequestSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One cell to drive.

    Attributes:
        cell: its id.
        deployment: name of its deployment; the lanes of one deployment get the same requests at the same times.
        base_url: where it listens, `http://127.0.0.1:4711`.
        spec: what to send. Rate, count, block, arrivals and concurrent must be the same for a deployment's lanes;
            path, headers, warmup, timeout and prediction may differ.
        requests: the loaded requests, the same rows for a deployment's lanes.
        alive: whether it still runs; always True for one that isn't ours. Called between turns, so it must be quick.
        usage: its usage now; None where unknown. Called between turns.
    """

    cell: str
    deployment: str
    base_url: str
    spec: RequestsSpec
    requests: RequestSet
    alive: Callable[[], bool]
    usage: Callable[[], UsagePoint | None]

    @property
    def total(self) -> int:
        """How many requests it is to get, warm-up left out."""
        return self.spec.count or len(self.requests)


@dataclass(frozen=True, slots=True)
class Lost:
    """A lane that was given up at block `block`: its process `ended`, or it `hung` (timeouts only, 3 blocks running)."""

    cell: str
    block: int
    reason: Literal["ended", "hung"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DriveSummary:
    """What was driven.

    Attributes:
        rounds: complete rounds of blocks; `planned` is how many there would have been.
        stopped: whether `stop` ended it early.
        lost: lanes that were given up.
        requests: requests sent per cell, warm-up left out.
        seconds: of driving, without the warm-up; `warmup_seconds` is the warm-up's.
    """

    rounds: int
    planned: int
    stopped: bool
    lost: tuple[Lost, ...]
    requests: Mapping[str, int]
    seconds: float
    warmup_seconds: float


def by_deployment(lanes: Sequence[Lane]) -> dict[str, list[Lane]]:
    """The lanes of each deployment.

    Raises:
        UsageError: lanes of one deployment disagree about what is sent or when, so that nothing could be paired.
    """
    groups: dict[str, list[Lane]] = {}
    for lane in lanes:
        groups.setdefault(lane.deployment, []).append(lane)
    for name, group in groups.items():
        _check_agreement(name, group)
    return groups


def _check_agreement(deployment: str, lanes: Sequence[Lane]) -> None:
    first = _agreed(lanes[0])
    for lane in lanes[1:]:
        differing = [key for key, value in _agreed(lane).items() if value != first[key]]
        if differing:
            raise UsageError(
                f"{lanes[0].cell} and {lane.cell} disagree about {', '.join(differing)}",
                where=f"deployments.{deployment}",
                remedy="drive every version with the requests and the schedule of one of them",
            )


def _agreed(lane: Lane) -> dict[str, object]:
    spec = lane.spec
    return {
        "requests": lane.requests.digest,
        "rate": spec.rate,
        "count": spec.count,
        "block": spec.block,
        "arrivals": spec.arrivals,
        "concurrent": spec.concurrent,
    }
