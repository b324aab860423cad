"""What people do with the gateway beside its keeper: give a share by hand, end the proxy, start it again.

While a server runs, it is told and does it; otherwise this process does it, as the project's server for that moment.
"""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from seatrial.gateway.keep import weigh
from seatrial.gateway.tools import GatewayTools
from seatrial.records import PermanentError, TemporaryError, UsageError
from seatrial.records.traffic import THOUSAND

LOOK_SECONDS: Final = 0.05
ANSWER_SECONDS: Final = 30.0
END_SECONDS: Final = 60.0
START_SECONDS: Final = 40.0
"""Longer than the longest pause between two tries."""
_SHARE: Final = re.compile(r"(\d{1,3}(?:\.\d+)?) ?%?")

Alone = Callable[[], AbstractContextManager[None]]
"""Makes this process the project's server for a block; raises UsageError if another is."""


def read_share(text: str) -> int:
    """Thousandths of `20%`, `0.5 %` or `20`. Raises UsageError."""
    match = _SHARE.fullmatch(text.strip())
    thousandths = round(float(match[1]) * 10, 6) if match else -1.0
    if not (0 <= thousandths <= THOUSAND and thousandths.is_integer()):
        raise UsageError(
            f"{text!r} is no share of requests", where="SHARE", remedy="write 0% to 100%, in steps of 0.1%"
        )
    return int(thousandths)


def set_weight(tools: GatewayTools, service: str, weight: int, alone: Alone) -> None:
    """Give a canary so many thousandths of the requests, in force when it returns.

    Raises:
        UsageError: there is no such service or no canary of it, or a release runs.
        TemporaryError: the proxy does not confirm it, or the server does not answer.
    """
    tools.keeper.routes.service(service)
    if tools.server() is None:
        with alone():
            weigh(tools.keeper.routes, service, weight, tools.busy)
        return
    order = tools.orders.give(service, weight)
    try:
        _wait(tools, lambda: tools.orders.answered(order), ANSWER_SECONDS, "the server does not answer")
        answer = tools.orders.answer_to(order)
    finally:
        tools.orders.withdraw(order)
    if answer is not None and answer.error:
        raise (UsageError if answer.usage else TemporaryError)(answer.error, where=service, remedy=answer.remedy)


def end_proxy(tools: GatewayTools, alone: Alone) -> bool:
    """End the proxy after the requests that it holds; it stays so until `start_proxy`. Whether one ran.

    Raises:
        PermanentError: it does not end.
    """
    status = tools.keeper.status()
    tools.orders.stop()
    if status is None or not status.running:
        return False
    if tools.server() is None:
        with alone():
            tools.keeper.end()
    _wait(tools, lambda: not _runs(tools), END_SECONDS, "the proxy does not end")
    return True


def start_proxy(tools: GatewayTools) -> int | None:
    """Let the proxy run, also if a person has ended it, and wait until the server has started it.

    The server's process id; None where none runs, and the caller has to be one.

    Raises:
        PermanentError: the server does not get it to run.
    """
    tools.orders.start()
    server = tools.server()
    if server is not None:
        _wait(tools, lambda: _runs(tools), START_SECONDS, "the proxy does not start")
    return server


def _runs(tools: GatewayTools) -> bool:
    status = tools.keeper.status()
    return status is not None and status.running


def _wait(tools: GatewayTools, done: Callable[[], bool], seconds: float, otherwise: str) -> None:
    deadline = tools.clock.monotonic() + seconds
    while not done():
        if tools.clock.monotonic() > deadline:
            raise PermanentError(otherwise, remedy="the end of .seatrial/server.log says why")
        tools.clock.sleep(LOOK_SECONDS)
