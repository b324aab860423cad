"""The bot: what it takes in, what it tries, and where it waits."""

import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.wiring.forges import open_forge
from seatrial.wiring.registries import open_store, registry_url
from seatrial.wiring.trials import cache_folder

if TYPE_CHECKING:
    from seatrial.bot.book import BotBook
    from seatrial.bot.pump import Pump
    from seatrial.bot.tools import BotTools, Mailbox
    from seatrial.deployments.server import Duty
    from seatrial.records import (
        Notice,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BotParts:
    """The bot in this process.

    Attributes:
        tools: what its trials work with; `Attendant(project, say, bot=…)` runs them.
        queue: where trials wait; it works from any thread, also while the workflows are not open.
        pump: deals with what the forge told.
    """

    tools: "BotTools"
    queue: "Mailbox"
    pump: "Pump"

    @property
    def book(self) -> "BotBook":
        """What the bot knows."""
        return self.tools.book

    @property
    def duties(self) -> "tuple[Duty, ...]":
        """What a server does for the bot beside receiving webhooks; a worker leaves it alone."""
        return (self.pump,)


@contextmanager
def open_bot(project: Path, say: "Callable[[str], None]", tell: "Callable[[Notice], None]") -> "Iterator[BotParts]":
    """The bot of a project.

    Args:
        project: folder with a `seatrial.yaml` that has `forge` and `bot`.
        say: gets a line for everything that happens.
        tell: sees to it that those who want a notice get it.

    Raises:
        UsageError: the configuration has no bot, or the forge's token is missing.
        PermanentError: the database does not answer.
    """
    from seatrial.adapters.clock import SystemClock
    from seatrial.adapters.runtime.process import ProcessRuntime
    from seatrial.bot.book import open_bot_book
    from seatrial.bot.checkouts import Checkouts
    from seatrial.bot.confine import Confinement
    from seatrial.bot.hiding import without_secrets
    from seatrial.bot.pump import Pump
    from seatrial.bot.runner import Runner
    from seatrial.bot.tools import BotTools, Mailbox, bot_key
    from seatrial.config import load_project
    from seatrial.forge.publish import Publisher
    from seatrial.records import UsageError
    from seatrial.trial.workspace import open_workspace

    config = load_project(project)
    if config.bot is None or config.forge is None:
        raise UsageError(
            "the configuration has no bot",
            where=str(project / "seatrial.yaml"),
            remedy="add bot: and forge:; see docs/how-to/bot.md",
        )
    root = open_workspace(project).root
    clock = SystemClock()
    runtime = ProcessRuntime()
    forge = open_forge(config.forge, os.environ, project)
    book = open_bot_book(root, registry_url(config.registry, os.environ))
    queue = Mailbox()
    tools = BotTools(
        key=bot_key(config),
        worker=f"{platform.node() or 'localhost'}/{os.getpid()}",
        spec=config.bot,
        book=book,
        forge=forge,
        store=open_store(config.registry.artifacts, project, root),
        clock=clock,
        checkouts=Checkouts(root / "bot", clock, runtime, os.environ),
        runner=Runner(clock, runtime),
        confinement=Confinement(cache_folder() / "stacks", os.environ),
        environ=without_secrets(os.environ, config),
        publisher=lambda target, key: Publisher(forge, target, clock=clock, key=key),
        say=say,
        tell=tell,
    )
    try:
        yield BotParts(
            tools=tools,
            queue=queue,
            pump=Pump(book, forge, config.bot, queue, clock, say, reports=tools.kept_report),
        )
    finally:
        book.close()
