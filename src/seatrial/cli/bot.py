"""The bot in `seatrial server`: webhooks come in, pages show what becomes of them."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seatrial.records import Notice, Project
    from seatrial.wiring import BotParts


@contextmanager
def opened_bot(
    project: Path, configured: "Project | None", say: Callable[[str], None], tell: "Callable[[Notice], None]"
) -> "Iterator[BotParts | None]":
    """The bot of a project, with its address open until the block ends; None where the project has none.

    Raises:
        UsageError: the address is taken, a secret is missing, or the configuration is wrong.
        PermanentError: the database does not answer.
    """
    if configured is None or configured.bot is None or configured.forge is None:
        yield None
        return
    from seatrial.trial.build.environment import filled
    from seatrial.web.background import listening
    from seatrial.web.bot import BotServer, bot_app
    from seatrial.web.trials.routes import TrialPages, trial_routes
    from seatrial.wiring import open_bot

    spec = configured.bot
    secret = filled(spec.secret, os.environ, what="secret", where="bot")
    password = filled(spec.token, os.environ, what="token", where="bot") if spec.token else ""
    with open_bot(project, say, tell) as bot:
        app = bot_app(
            BotServer(
                book=bot.book,
                spec=spec,
                kind=configured.forge.kind,
                secret=secret,
                clock=bot.tools.clock,
                arrived=bot.pump.wake,
            )
        )
        pages = TrialPages(
            project=configured.name,
            book=bot.book,
            store=bot.tools.store,
            clock=bot.tools.clock,
            password=password,
            repositories=tuple(each.name for each in spec.repositories),
        )
        trial_routes(app, pages)
        with listening(app, spec.host, spec.port) as url:
            say(f"webhooks are taken at {url}/hooks/{configured.forge.kind.value}, trials are shown at {url}/")
            yield bot
