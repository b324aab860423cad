"""Users who never stop: so many requests a second, whatever happens, and a line about each that was not answered well.

A process of its own, so that a test that waits does not hold up its load. Requests are sent when they are due and not
when the one before was answered, so that a gateway that stalls is seen as what it is. Nothing is tried twice.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.waiting import wait_until

SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Load:
    """A load that runs."""

    tally: Path
    process: "subprocess.Popen[bytes]"

    @property
    def counted(self) -> dict[str, Any]:
        """What came of it so far: `sent`, `answered`, `failed`, `failures` (the first twenty), `versions`, `last`.

        `versions` are the answers by version, `last` the time (seconds since the epoch) of the last answer of each.
        """
        try:
            found: dict[str, Any] = json.loads(self.tally.read_text())
        except FileNotFoundError:
            return {"sent": 0, "answered": 0, "failed": 0, "failures": [], "versions": {}, "last": {}}
        return found

    def end(self) -> dict[str, Any]:
        """Send no more, wait for the last answers, and what came of it all."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(SECONDS * 3)
        return self.counted


@contextmanager
def load(url: str, rate: float, folder: Path) -> Iterator[Load]:
    """Post `rate` requests a second to `url` until the block ends; each user is one of a thousand.

    Args:
        url: of the model behind the gateway; `{number}` in it becomes each of 0 to 99 in turn.
        rate: requests a second.
        folder: where the tally is kept.
    """
    tally = folder / "tally.json"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.end_to_end.load", url, str(rate), str(tally)],
        cwd=Path(__file__).parents[2],
        env={**os.environ},
    )
    running = Load(tally, process)
    try:
        wait_until(lambda: running.counted["answered"] > 0, SECONDS * 2)
        yield running
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


class _Users:
    """All of them, in one event loop."""

    def __init__(self, url: str, rate: float, tally: Path) -> None:
        self._url = url
        self._rate = rate
        self._tally = tally
        self._body = json.dumps({"x0": 1.0, "x1": 2.0})
        self._stop = asyncio.Event()
        self._sent = self._answered = 0
        self._failures: list[str] = []
        self._failed = 0
        self._versions: Counter[str] = Counter()
        self._last: dict[str, float] = {}

    async def run(self) -> None:
        """Until SIGTERM."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._stop.set)
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=30)
        timeout = aiohttp.ClientTimeout(total=SECONDS)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            pending: set[asyncio.Task[None]] = set()
            begin = time.monotonic()
            while not self._stop.is_set():
                due = begin + self._sent / self._rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                task = asyncio.create_task(self._ask(session, self._sent))
                self._sent += 1
                pending.add(task)
                task.add_done_callback(pending.discard)
                if self._sent % max(1, int(self._rate / 4)) == 0:
                    self._write()
            await asyncio.gather(*pending)
        self._write()

    async def _ask(self, session: aiohttp.ClientSession, number: int) -> None:
        headers = {"content-type": "application/json", "x-user-id": str(number % 1000)}
        try:
            url = self._url.replace("{number}", str(number % 100))
            async with session.post(url, data=self._body, headers=headers) as answer:
                text = await answer.text()
                if answer.status != 200:
                    self._fail(f"{answer.status} {text[:200]}")
                    return
                version = answer.headers.get("x-seatrial-version", "")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._fail(f"{type(error).__name__}: {error}")
            return
        self._answered += 1
        self._versions[version] += 1
        self._last[version] = time.time()

    def _fail(self, why: str) -> None:
        self._failed += 1
        if len(self._failures) < 20:
            self._failures.append(f"{time.time():.3f} {why}")

    def _write(self) -> None:
        beside = self._tally.with_suffix(".new")
        beside.write_text(
            json.dumps(
                {
                    "sent": self._sent,
                    "answered": self._answered,
                    "failed": self._failed,
                    "failures": self._failures,
                    "versions": self._versions,
                    "last": self._last,
                }
            )
        )
        beside.replace(self._tally)


if __name__ == "__main__":
    asyncio.run(_Users(sys.argv[1], float(sys.argv[2]), Path(sys.argv[3])).run())
