"""`seatrial worker`: runs the bot's trials beside its server, on this machine or on another one."""

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seatrial.cli.options import Project
from seatrial.cli.output import Format

if TYPE_CHECKING:
    from seatrial.records import Notice


def worker(
    project: Project = Path(),
    form: Annotated[Format, typer.Option("--format", help="Of its log on standard error.")] = Format.TEXT,
) -> None:
    """Run trials that wait in the bot's queue, until SIGTERM or Ctrl-C; it takes no webhooks and shows no pages.

    Workers share the queue of the project's database: on one machine SQLite, on several the registry's PostgreSQL.
    What a worker runs when it ends goes back into the queue, however it ends.
    """
    import logging

    from seatrial.cli.server import set_up_log
    from seatrial.wiring import open_bot
    from seatrial.workflows.attend import Attendant

    set_up_log(form)
    log = logging.getLogger("seatrial.server")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    attendant: Attendant | None = None

    def tell(notice: "Notice") -> None:
        if attendant is not None:
            attendant.notify(notice)

    with open_bot(project, log.info, tell) as bot:
        log.info("%s takes trials", bot.tools.worker)
        attendant = Attendant(project, log.info, bot=bot)
        attendant(stop)
