"""One lane's turn: warm-up, sending a block, and what becomes of the answers once nothing is left to send."""

import asyncio
import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from seatrial.records import BlockSamples, Sample, UsagePoint
from seatrial.trial.drive.answers import read_answer
from seatrial.trial.drive.client import Client, Reply
from seatrial.trial.drive.lanes import Lane
from seatrial.trial.drive.pacer import Pacer
from seatrial.trial.drive.schedule import Block

HUNG_BLOCKS = 3


@dataclass(slots=True)
class Driven:
    """A lane on its way: what it is driven with, and what is counted of it. `hung` is blocks of timeouts in a row."""

    lane: Lane
    client: Client
    pacer: Pacer
    path: tuple[str, ...]
    sent: int = 0
    hung: int = 0


@dataclass(frozen=True, slots=True)
class _Turn:
    driven: Driven
    started: float
    seconds: float
    replies: list[Reply]
    before: UsagePoint | None
    after: UsagePoint | None


async def warm_up(driven: Driven, monotonic: Callable[[], float]) -> None:
    """Send the warm-up requests and forget the answers.

    The first goes alone, as many servers load their model on it. The others follow at the rate of the measurement, so
    that as many connections are open as it will need.
    """
    spec, rows = driven.lane.spec, driven.lane.requests.rows
    bodies = [rows[index % len(rows)].body for index in range(spec.warmup)]
    for part in (bodies[:1], bodies[1:]):
        offsets = [index / spec.rate for index in range(len(part))]
        await driven.client.send_block(part, offsets, start=monotonic(), pacer=driven.pacer)


async def take_turn(
    lanes: Sequence[Driven], block: Block, *, monotonic: Callable[[], float], origin: float
) -> list[BlockSamples]:
    """Drive `lanes` together through `block` and parse the answers. `origin` is the moment that `sent` counts from."""
    before = [driven.lane.usage() for driven in lanes]
    with _no_collection():
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_send(driven, block, monotonic)) for driven in lanes]
    after = [driven.lane.usage() for driven in lanes]
    turns = [
        _Turn(driven, *task.result(), usage_before, usage_after)
        for driven, task, usage_before, usage_after in zip(lanes, tasks, before, after, strict=True)
    ]
    return [_finish(turn, block, origin) for turn in turns]


async def _send(driven: Driven, block: Block, monotonic: Callable[[], float]) -> tuple[float, float, list[Reply]]:
    rows = driven.lane.requests.rows
    bodies = [rows[row].body for row in block.rows]
    started = monotonic()
    replies = await driven.client.send_block(bodies, block.offsets, start=started, pacer=driven.pacer)
    await driven.pacer.until(started + block.seconds)
    return started, monotonic() - started, replies


def _finish(turn: _Turn, block: Block, origin: float) -> BlockSamples:
    """Parse the answers of a turn and count it."""
    driven = turn.driven
    start = turn.started - origin
    samples = tuple(
        _sample(row, block.index, start + offset, reply, driven.path)
        for row, offset, reply in zip(block.rows, block.offsets, turn.replies, strict=True)
    )
    driven.sent += len(samples)
    driven.hung = driven.hung + 1 if all(sample.error == "timeout" for sample in samples) else 0
    return BlockSamples(
        cell=driven.lane.cell,
        block=block.index,
        samples=samples,
        seconds=turn.seconds,
        cpu_seconds=_cpu_seconds(turn.before, turn.after),
        memory=turn.after.memory if turn.after else None,
    )


def _sample(row: int, block: int, sent: float, reply: Reply, path: tuple[str, ...]) -> Sample:
    error, prediction = reply.error, None
    if error is None and reply.status is not None:
        error, prediction = read_answer(reply.status, reply.body, path)
    return Sample(row, block, sent, reply.lag, reply.latency, reply.status, error, prediction)


def _cpu_seconds(before: UsagePoint | None, after: UsagePoint | None) -> float | None:
    """CPU used between two points; None where it is unknown or where the count began anew (a restarted process)."""
    if before is None or after is None or after.cpu_seconds < before.cpu_seconds:
        return None
    return after.cpu_seconds - before.cpu_seconds


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the garbage collector from pausing a turn; it catches up between turns."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
