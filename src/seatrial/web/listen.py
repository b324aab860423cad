"""An application on an address, until it is told to stop."""

import asyncio
import signal
from collections.abc import Awaitable, Callable

from aiohttp import web

from seatrial.records import UsageError

_GRACE = 5.0


def listen(app: web.Application, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Answer requests until SIGTERM or Ctrl-C.

    Args:
        app: that answers.
        host: address.
        port: 0 takes a free one.
        ready: is told the URL once requests are taken.

    Raises:
        UsageError: the address is taken, or not this machine's.
    """
    asyncio.run(_listen(app, host, port, ready))


async def _listen(app: web.Application, host: str, port: int, ready: Callable[[str], None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await answer_until(app, host, port, ready, stop.wait)


async def answer_until(
    app: web.Application,
    host: str,
    port: int,
    ready: Callable[[str], None],
    stopped: Callable[[], Awaitable[object]],
    *,
    remedy: str = "take another --port or --host",
) -> None:
    """Answer requests until `stopped()` returns; otherwise as `listen`. `remedy`: how another address is taken."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_GRACE)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise UsageError(
                f"it can't listen there: {error.strerror}",
                where=f"{host}:{port}",
                remedy=remedy,
            ) from None
        ready(f"http://{f'[{host}]' if ':' in host else host}:{runner.addresses[0][1]}")
        await stopped()
    finally:
        await runner.cleanup()
