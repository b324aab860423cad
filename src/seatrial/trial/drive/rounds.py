"""Sends the same requests to every cell, open loop and in turns, and hands over each block as soon as it is measured.

Cells of one machine disturb each other, and the machine changes while they are measured. So they take turns in short
blocks in a random order: every block of a cell has a block of its rival beside it that saw the same weather and the
same requests, and the comparison pairs them. Latency counts from the intended send time, so that a stall shows in every
request that it held up (Tene, "How NOT to Measure Latency": coordinated omission).
"""

import asyncio
import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field

import numpy as np

from seatrial.ports import Clock
from seatrial.records import BlockSamples
from seatrial.trial.drive.answers import split_path
from seatrial.trial.drive.client import Client
from seatrial.trial.drive.lanes import DriveSummary, Lane, Lost, by_deployment
from seatrial.trial.drive.pacer import open_pacer
from seatrial.trial.drive.schedule import Block, cut_blocks, deployment_rng, order_rng, turn_order
from seatrial.trial.drive.turns import HUNG_BLOCKS, Driven, take_turn, warm_up

__all__ = ["DriveSummary", "Lane", "Lost", "drive", "drive_lanes"]


def drive(
    lanes: Sequence[Lane],
    *,
    seed: int,
    clock: Clock,
    on_block: Callable[[BlockSamples], None],
    stop: Callable[[int], bool],
    on_lane_lost: Callable[[str, int], None],
) -> DriveSummary:
    """Drive all lanes to the end of their requests, in an event loop of its own; see `drive_lanes`."""
    import uvloop  # noqa: PLC0415 - heavy, and only driving needs it

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(
            drive_lanes(lanes, seed=seed, clock=clock, on_block=on_block, stop=stop, on_lane_lost=on_lane_lost)
        )


async def drive_lanes(
    lanes: Sequence[Lane],
    *,
    seed: int,
    clock: Clock,
    on_block: Callable[[BlockSamples], None],
    stop: Callable[[int], bool],
    on_lane_lost: Callable[[str, int], None],
) -> DriveSummary:
    """Warm all lanes up together, then let them take turns block by block.

    Args:
        lanes: the cells to drive; their ids are unique.
        seed: of the arrivals and of the order of turns.
        clock: only its `monotonic` is used, for measuring; waiting is the event loop's.
        on_block: gets each block once it is parsed. What it got is safe, whatever happens later.
        stop: asked after each complete round with the block's index; True ends the driving.
        on_lane_lost: told once of each lane that is given up (cell, block); `DriveSummary.lost` says why.

    Raises:
        UsageError: an address or header is malformed, or lanes of one deployment disagree about what is sent.
        KeyboardInterrupt, asyncio.CancelledError: passed on with the connections closed; the block under way is lost.
    """
    groups = by_deployment(lanes)
    rounds = _Rounds(
        schedules={name: _schedule(name, group[0], seed) for name, group in groups.items()},
        clock=clock,
        on_block=on_block,
        on_lane_lost=on_lane_lost,
        order=order_rng(seed),
    )
    async with AsyncExitStack() as stack:
        for lane in lanes:
            rounds.driven[lane.cell] = Driven(
                lane,
                await stack.enter_async_context(Client(lane.base_url, lane.spec, clock.monotonic)),
                stack.enter_context(open_pacer(clock.monotonic)),
                split_path(lane.spec.prediction),
            )
        stack.enter_context(_frozen_heap())
        return await rounds.run(stop)


def _schedule(deployment: str, lane: Lane, seed: int) -> tuple[Block, ...]:
    return cut_blocks(lane.requests.indices(lane.spec.count), lane.spec, deployment_rng(seed, deployment))


@dataclass(slots=True, kw_only=True)
class _Rounds:
    """The driving under way: which lanes are left and what became of the others."""

    schedules: dict[str, tuple[Block, ...]]
    clock: Clock
    on_block: Callable[[BlockSamples], None]
    on_lane_lost: Callable[[str, int], None]
    order: np.random.Generator
    driven: dict[str, Driven] = field(default_factory=dict)
    lost: dict[str, Lost] = field(default_factory=dict)
    origin: float = 0.0

    async def run(self, stop: Callable[[int], bool]) -> DriveSummary:
        """Warm up, then drive round after round until the requests or the lanes are used up or `stop` says so."""
        began = self.clock.monotonic()
        async with asyncio.TaskGroup() as group:
            for driven in self.driven.values():
                group.create_task(warm_up(driven, self.clock.monotonic))
        self.origin = self.clock.monotonic()
        planned = max(map(len, self.schedules.values()), default=0)
        rounds, stopped = 0, False
        while rounds < planned and not stopped and len(self.lost) < len(self.driven):
            await self._round(rounds)
            stopped = stop(rounds)
            rounds += 1
        return DriveSummary(
            rounds=rounds,
            planned=planned,
            stopped=stopped and rounds < planned,
            lost=tuple(self.lost.values()),
            requests={cell: driven.sent for cell, driven in self.driven.items()},
            seconds=self.clock.monotonic() - self.origin,
            warmup_seconds=self.origin - began,
        )

    async def _round(self, index: int) -> None:
        """Let every lane whose deployment has a block of this index take its turn."""
        cells: dict[str, list[str]] = {}
        for cell, driven in self.driven.items():
            if index < len(self.schedules[driven.lane.deployment]):
                cells.setdefault(driven.lane.deployment, []).append(cell)
        for deployment, order in turn_order(cells, self.order):
            for group in self._groups(order):
                await self._turn(group, self.schedules[deployment][index])

    def _groups(self, cells: Sequence[str]) -> list[list[Driven]]:
        """The lanes of one deployment that go together: all at once if it is driven concurrently, else one by one."""
        lanes = [self.driven[cell] for cell in cells]
        return [lanes] if lanes[0].lane.spec.concurrent else [[driven] for driven in lanes]

    async def _turn(self, group: Sequence[Driven], block: Block) -> None:
        """Drive the lanes of `group` that are alive, hand their blocks over, and see whether they still are."""
        running = [driven for driven in group if driven.lane.cell not in self.lost and self._keep(driven, block.index)]
        if not running:
            return
        for samples in await take_turn(running, block, monotonic=self.clock.monotonic, origin=self.origin):
            self.on_block(samples)
        for driven in running:
            self._keep(driven, block.index)

    def _keep(self, driven: Driven, block: int) -> bool:
        """Whether the lane goes on; if not, it is noted and told as lost."""
        cell = driven.lane.cell
        if not driven.lane.alive():
            self.lost[cell] = Lost(cell, block, "ended")
        elif driven.hung >= HUNG_BLOCKS:
            self.lost[cell] = Lost(cell, block, "hung")
        if cell not in self.lost:
            return True
        self.on_lane_lost(cell, block)
        return False


@contextmanager
def _frozen_heap() -> Iterator[None]:
    """Take what exists already out of the garbage collector's sight, so that its rounds between turns are short."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
