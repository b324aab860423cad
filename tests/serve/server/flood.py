"""Callers that ask at a fixed rate, whether they are answered or not, and what became of each request."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field

import aiohttp

LOOK_SECONDS = 0.1
HEALTH = aiohttp.ClientTimeout(total=30)


@dataclass(slots=True)
class Flood:
    """What became of the requests.

    Attributes:
        statuses: how often each came.
        hasty: refusals without a `retry-after`.
        failures: requests without an answer.
        seconds: that each 200 took.
        health: seconds that each answer of /healthz took.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    hasty: int = 0
    failures: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    health: list[float] = field(default_factory=list)


async def flood(url: str, *, rate: float, seconds: float, patience: float = 30.0) -> Flood:
    """Ask `rate` times a second, give up each request after `patience` seconds, and look at the server's health."""
    seen = Flood()
    timeout = aiohttp.ClientTimeout(total=patience)
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        aiohttp.ClientSession(url, connector=connector, timeout=timeout) as session,
        asyncio.TaskGroup() as tasks,
    ):
        tasks.create_task(_look(session, seen, seconds))
        begun = time.monotonic()
        for number in range(round(rate * seconds)):
            await asyncio.sleep(begun + number / rate - time.monotonic())
            tasks.create_task(_ask(session, seen))
    return seen


async def _ask(session: aiohttp.ClientSession, seen: Flood) -> None:
    begun = time.monotonic()
    try:
        async with session.post("/predict", json=1) as response:
            await response.read()
    except (aiohttp.ClientError, TimeoutError) as error:
        seen.failures.append(repr(error))
        return
    seen.statuses[response.status] += 1
    if response.status == 200:
        seen.seconds.append(time.monotonic() - begun)
    elif "retry-after" not in response.headers:
        seen.hasty += 1


async def _look(session: aiohttp.ClientSession, seen: Flood, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        begun = time.monotonic()
        async with session.get("/healthz", timeout=HEALTH) as response:
            response.raise_for_status()
        seen.health.append(time.monotonic() - begun)
        await asyncio.sleep(LOOK_SECONDS)
