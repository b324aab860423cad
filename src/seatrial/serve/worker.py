"""One worker process: listen, load the model, answer, and end without leaving anybody without an answer.

`work` reads like its life. Everything that it needs of the outside (clock, sockets, files) comes through its
arguments; what it serves is put together in `app`.
"""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import uvloop

from seatrial.records import SeatrialError, UsageError
from seatrial.serve.app import App
from seatrial.serve.door import Door
from seatrial.serve.http.connection import LINGER_SECONDS, SWEEP_SECONDS, Connection
from seatrial.serve.loading import Loaded, load
from seatrial.serve.options import ServeOptions
from seatrial.serve.supervisor import READY, Post

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

DONE, USAGE, BROKEN = 0, 2, 4
# A collection of the youngest generation every 700 objects costs a request more than its JSON does.
COLLECT_AFTER = (50_000, 20, 50)
LOOK_SECONDS = 0.05

log = logging.getLogger("seatrial.serve")


def work(options: ServeOptions, post: Post) -> int:
    """Serve until told to stop; the exit code of the process."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_Worker(options, post).run())


class _Worker:
    def __init__(self, options: ServeOptions, post: Post) -> None:
        self._options = options
        self._post = post
        self._stop: asyncio.Event
        self._close_idle = True

    async def run(self) -> int:
        """The whole life of a worker."""
        loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._listen_to_the_parent(loop)
        threads = ThreadPoolExecutor(1, thread_name_prefix="model")
        app = App(
            self._options,
            worker=self._post.name,
            metrics=self._post.metrics,
            loop=loop,
            threads=threads,
            now=time.perf_counter,
            wall=time.time,
        )
        loop.add_signal_handler(signal.SIGUSR2, app.open)
        sweeper = loop.create_task(_every(SWEEP_SECONDS, app.hub.sweep))
        server = await self._accept(loop, app) if self._post.at_once else None
        door = Door(self._post.door, loop, lambda: Connection(app.hub)) if self._post.door is not None else None
        try:
            loaded = await self._load(loop)
            if loaded is None:
                return DONE
            await app.serve(loaded)
            if not self._post.at_once or self._options.workers == 1:
                app.open()
            server = server or await self._accept(loop, app)
            _settle()
            if door is not None:
                door.open()
            os.write(self._post.report, READY)
            await self._stop.wait()
        except SeatrialError as error:
            log.error("%s", error)  # noqa: TRY400 - the message says it all
            return USAGE if isinstance(error, UsageError) else BROKEN
        else:
            return DONE
        finally:
            if server is not None:
                server.close()
            if door is not None:
                await door.close()
            await self._drain(app)
            sweeper.cancel()
            await loop.run_in_executor(None, app.close)
            threads.shutdown(wait=False, cancel_futures=True)

    def _listen_to_the_parent(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.add_signal_handler(signal.SIGTERM, self._told, True)  # noqa: FBT003 - passed on as an argument
        loop.add_signal_handler(signal.SIGUSR1, self._told, False)  # noqa: FBT003
        loop.add_reader(self._post.lifeline, self._orphaned, loop)

    def _told(self, close_idle: bool) -> None:  # noqa: FBT001 - a signal handler's argument
        self._close_idle = close_idle
        self._stop.set()

    def _orphaned(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.remove_reader(self._post.lifeline)
        log.error("the parent process is gone; ending")
        self._stop.set()

    async def _accept(self, loop: asyncio.AbstractEventLoop, app: App) -> asyncio.Server:
        return await loop.create_server(lambda: Connection(app.hub), sock=self._post.listener.dup(), backlog=1024)

    async def _load(self, loop: asyncio.AbstractEventLoop) -> Loaded | None:
        """The model; None if told to stop before it was there."""
        loading = _in_background(loop, lambda: load(self._options))
        stopped = loop.create_task(self._stop.wait())
        either: list[asyncio.Future[Any]] = [loading, stopped]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        return await loading if loading.done() else None

    async def _drain(self, app: App) -> None:
        self._say_goodbye(app)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._options.drain_timeout):
                while not app.idle:
                    await asyncio.sleep(LOOK_SECONDS)
                    # A worker that a reload retired may be told to stop at once.
                    self._say_goodbye(app)

    def _say_goodbye(self, app: App) -> None:
        """Behind a door there are other servers: callers may send what they are about to, and are told to come anew."""
        shared = self._post.door is not None
        app.hub.drain(
            close_idle=self._close_idle and not shared, linger=LINGER_SECONDS if self._close_idle and shared else None
        )


def _settle() -> None:
    """What was made while loading stays: keep the collector away from it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def _in_background(loop: asyncio.AbstractEventLoop, act: "Callable[[], Loaded]") -> "asyncio.Future[Loaded]":
    """Run in a thread that need not end before the process does: a model may take minutes to load."""
    future: asyncio.Future[Loaded] = loop.create_future()

    def run() -> None:
        try:
            result = act()
        except BaseException as error:  # noqa: BLE001 - handed on to whoever waits
            loop.call_soon_threadsafe(_settle_future, future, None, error)
        else:
            loop.call_soon_threadsafe(_settle_future, future, result, None)

    threading.Thread(target=run, name="loading", daemon=True).start()
    return future


def _settle_future(future: "asyncio.Future[Loaded]", result: Loaded | None, error: BaseException | None) -> None:
    if future.cancelled():
        return
    if error is not None:
        future.set_exception(error)
    elif result is not None:
        future.set_result(result)


def _every(seconds: float, act: "Callable[[], None]") -> "Coroutine[None, None, None]":
    async def forever() -> None:
        while True:
            await asyncio.sleep(seconds)
            act()

    return forever()
