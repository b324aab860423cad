"""A pump with everything that it works on, for tests that hold its clock."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from seatrial.adapters.forge.memory import MemoryForge
from seatrial.bot.book import BotBook, open_bot_book
from seatrial.bot.pump import Pump
from seatrial.records import (
    BotSpec,
    BotTrial,
    Hook,
    HookKind,
    Permission,
    PostedComment,
    PullState,
    Report,
    TrialState,
    WatchedRepository,
)
from seatrial.testing import FakeClock
from tests.bot.booking import REPOSITORY, hook

B, C = "b" * 40, "c" * 40
SPEC = BotSpec(
    repositories=(WatchedRepository(name=REPOSITORY), WatchedRepository(name="ada/churn", projects=("a", "b"))),
    secret="s",
    url="https://bot.example",
)


class FolderQueue:
    """A queue that outlives its process: a file for each trial. Implements `seatrial.bot.queue.TrialQueue`.

    Args:
        folder: of the files.
        before: called before each change, and after it.
    """

    def __init__(self, folder: Path, before: Callable[[], object] = lambda: None) -> None:
        self._folder = folder
        self._before = before
        self.fault: Exception | None = None

    def enqueue(self, trial: BotTrial) -> None:
        """Once for each id."""
        self._note("run", trial.id)

    def cancel(self, trial: str, why: str) -> None:
        """The last reason stays."""
        self._note("cancel", trial, why)

    def noted(self, what: str) -> dict[str, str]:
        """Ids that were noted, with what was said."""
        files = sorted(self._folder.glob(f"{what} *"))
        return {file.name.removeprefix(f"{what} "): file.read_text() for file in files}

    def _note(self, what: str, trial: str, text: str = "") -> None:
        if self.fault is not None:
            raise self.fault
        self._before()
        self._folder.mkdir(exist_ok=True)
        (self._folder / f"{what} {trial}").write_text(text)
        self._before()


class FolderForge(MemoryForge):
    """A forge whose comments outlive the process that wrote them, one line each.

    Args:
        file: of the comments.
        before: called before each call, and after each comment.
    """

    def __init__(self, file: Path, before: Callable[[], object] = lambda: None) -> None:
        self.slow: Callable[[], object] = before
        super().__init__(before=lambda _call: (self.slow(), None)[1])
        self._file = file
        self._after = before
        for repository in SPEC.repositories:
            for number in (7, 8):
                self.open_pull(repository.name, number, head=B)
        for line in file.read_text().splitlines() if file.exists() else ():
            super().say(REPOSITORY, 7, *json.loads(line))

    def say(self, repository: str, number: int, author: str, body: str) -> PostedComment:
        """As `MemoryForge.say`, and kept."""
        self._keep(author, body)
        return super().say(repository, number, author, body)

    def create_comment(self, repository: str, number: int, body: str) -> PostedComment:
        """As `MemoryForge.create_comment`, and kept."""
        posted = super().create_comment(repository, number, body)
        self._keep(self.account, body)
        self._after()
        return posted

    def _keep(self, author: str, body: str) -> None:
        with self._file.open("a") as handle:
            handle.write(json.dumps([author, body]) + "\n")
            handle.flush()
            os.fsync(handle.fileno())


@dataclass(kw_only=True)
class World:
    """A forge with two repositories, the book, the queue and the pump."""

    book: BotBook
    forge: FolderForge
    queue: FolderQueue
    clock: FakeClock
    pump: Pump
    said: list[str] = field(default_factory=list)
    reports: dict[str, Report] = field(default_factory=dict)

    def take(self, delivery: str = "", **fields: Any) -> Hook:
        """A delivery comes."""
        given = hook(delivery, **{"head": B, **fields})
        assert self.book.take(given, self.clock.now())
        return given

    def comment(self, text: str, author: str = "carol", delivery: str = "", **fields: Any) -> Hook:
        """Somebody comments, and its delivery comes."""
        posted = self.forge.say(REPOSITORY, 7, author, text)
        about = {"kind": HookKind.COMMENTED, "author": author, "comment": text, "comment_id": posted.id, "head": ""}
        return self.take(delivery, **{**about, **fields})

    def turn(self) -> Sequence[BotTrial]:
        """One turn of the pump; the trials there are, oldest first."""
        self.pump.turn()
        return self.book.trials()[::-1]

    def notes(self, *hooks: Hook) -> list[str | None]:
        """What became of deliveries."""
        return [self.book.note(each.delivery) for each in hooks]

    def finish(self, trial: BotTrial, **fields: Any) -> BotTrial:
        """A worker brings a trial to its end."""
        return self.book.change(trial.id, **{"state": TrialState.FINISHED, "ended": self.clock.now(), **fields})

    def close(self, number: int = 7, state: PullState = PullState.CLOSED) -> None:
        """Somebody closes the pull request."""
        self.forge.put_pull(replace(self.forge.pull(REPOSITORY, number), state=state))

    def fork(self, number: int = 7) -> None:
        """The pull request comes from a fork."""
        pull = self.forge.pull(REPOSITORY, number)
        self.forge.put_pull(replace(pull, head_repository="eve/fraud"))


@contextmanager
def world(folder: Path, url: str | None = None, before: Callable[[], object] = lambda: None) -> Iterator[World]:
    """Everything, as it was left in `folder`; carol may write."""
    clock = FakeClock()
    book = open_bot_book(folder, url)
    forge = FolderForge(folder / "comments", before)
    forge.grant(REPOSITORY, "carol", Permission.WRITE)
    queue = FolderQueue(folder / "queue", before)
    said: list[str] = []
    reports: dict[str, Report] = {}
    pump = Pump(book, forge, SPEC, queue, clock, said.append, reports=lambda trial: reports.get(trial.report))
    try:
        yield World(book=book, forge=forge, queue=queue, clock=clock, pump=pump, said=said, reports=reports)
    finally:
        book.close()
