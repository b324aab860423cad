"""Many deliveries at once, one transaction: a commit waits for the disk, and so everyone who waits shares it."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from seatrial.bot.book import Delivery
from seatrial.records import TemporaryError

MOST_AT_ONCE: Final = 100
MOST_WAITING: Final = 2_000


class Intake:
    """Keeps deliveries in the book, from one event loop, without blocking it.

    Args:
        take_many: keeps several, and says of each whether it was new; runs in a thread of its own, one call at a time.
    """

    def __init__(self, take_many: Callable[[Sequence[Delivery]], Sequence[bool]]) -> None:
        self._take_many = take_many
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hooks")
        self._waiting: list[tuple[Delivery, asyncio.Future[bool]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def take(self, delivery: Delivery) -> bool:
        """Keep a delivery; False if it is known. It is on the disk when this returns.

        Raises TemporaryError if the book does not answer, or too many wait for it.
        """
        if len(self._waiting) >= MOST_WAITING:
            raise TemporaryError("too many deliveries wait to be kept", remedy="send it again in a moment")
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((delivery, future))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())
        return await future

    async def close(self) -> None:
        """Return when nothing is being written any more."""
        if self._writer is not None:
            await self._writer
        self._thread.shutdown()

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
            try:
                deliveries = [delivery for delivery, _ in batch]
                answers = await loop.run_in_executor(self._thread, self._take_many, deliveries)
            except Exception as error:  # noqa: BLE001 - whoever waits is told
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
            else:
                for (_, future), new in zip(batch, answers, strict=True):
                    if not future.done():
                        future.set_result(new)
        self._writer = None
