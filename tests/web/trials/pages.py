"""The bot's pages on a real port, over a real book, with trials that a test puts into it."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

from seatrial.bot.book import BotBook, open_bot_book
from seatrial.records import BotTrial, CellProgress, TrialState
from seatrial.testing import FakeClock, MemoryStore
from seatrial.trial.report import render_html
from seatrial.trial.report.json import encode_report
from seatrial.web.trials.routes import TrialPages, trial_routes
from tests.report import builders

QUEUED = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
TRIAL = BotTrial(
    id="cellar-wine-7-c0ffee-1", repository="cellar/wine", number=7, commit="c0ffee" + "0" * 34, queued=QUEUED
)
CELLS = (
    CellProgress(cell="", stage="drive", detail="driving, about 12 s"),
    CellProgress(cell="forest@baseline", stage="drive", done=50, total=200),
    CellProgress(cell="forest@candidate", stage="start", detail="exit code 3", failed=True),
)


@dataclass(kw_only=True)
class Bot:
    """What the pages show, and where."""

    url: str
    book: BotBook
    store: MemoryStore
    clock: FakeClock

    def begin(self, trial: BotTrial = TRIAL) -> None:
        """A trial whose cells are on their way."""
        self.book.add(trial)
        self.book.change(trial.id, state=TrialState.RUNNING, started=QUEUED)
        self.book.set_progress(trial.id, CELLS)

    def finish(self, trial: BotTrial = TRIAL) -> None:
        """Its end, with a report."""
        report = replace(builders.report(builders.deployment(), builders.broken_deployment()), project="wine")
        self.book.change(
            trial.id,
            state=TrialState.FINISHED,
            ended=QUEUED,
            verdict=report.verdict,
            headline=report.headline,
            report=self.store.put(encode_report(report)),
            page=self.store.put(render_html(report).encode()),
        )


@contextmanager
def bot(folder: Path, *, password: str = "", heartbeat: float = 15.0) -> Iterator[Bot]:
    """The pages, on a loopback port of their own, until the block ends."""
    book, store, clock = open_bot_book(folder, None), MemoryStore(), FakeClock(QUEUED)
    pages = TrialPages(
        project="cellar",
        book=book,
        store=store,
        clock=clock,
        password=password,
        repositories=("cellar/wine",),
        heartbeat=heartbeat,
    )
    ready, stop, port = threading.Event(), asyncio.Event(), [0]
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        app = web.Application()
        trial_routes(app, pages)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=5)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port[0] = runner.addresses[0][1]
        ready.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield Bot(url=f"http://127.0.0.1:{port[0]}", book=book, store=store, clock=clock)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
        book.close()
