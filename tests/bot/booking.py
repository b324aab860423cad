"""Books, hooks and trials for the bot's tests."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from seatrial.bot.book import BotBook, open_bot_book
from seatrial.records import BotTrial, Hook, HookKind

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
REPOSITORY = "ada/fraud"
_NUMBERS = itertools.count(1)


@contextmanager
def book_at(url: str, folder: Path) -> Iterator[BotBook]:
    """The bot's book: in the database of `sql_url`, which for SQLite is a file of its own name in `folder`."""
    book = open_bot_book(folder, url)
    try:
        yield book
    finally:
        book.close()


def database_of(url: str, folder: Path) -> str:
    """The URL of the database that the book is in."""
    return url if sa.make_url(url).get_backend_name() == "postgresql" else f"sqlite:///{folder / 'bot.db'}"


def hook(delivery: str = "", **fields: Any) -> Hook:
    """A push to pull request 7, or whatever `fields` say; of a delivery id of its own where none is given."""
    opened = Hook(delivery=delivery or f"d-{next(_NUMBERS)}", kind=HookKind.OPENED, repository=REPOSITORY, number=7)
    return replace(opened, **fields)


def trial(ident: str = "t-1", /, **fields: Any) -> BotTrial:
    """A trial of pull request 7 that is queued."""
    return replace(BotTrial(id=ident, repository=REPOSITORY, number=7, commit="c1", queued=NOON), **fields)
