"""What the bot's trials work with, and what stands between the server and its durable queue."""

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from seatrial.bot.book import BotBook
from seatrial.bot.checkouts import Checkouts
from seatrial.bot.confine import Confinement
from seatrial.bot.queue import TrialQueue
from seatrial.bot.runner import Runner
from seatrial.ports import Clock, Forge, Store
from seatrial.records import BotSpec, BotTrial, Notice, Project, Published, PublishTarget, Report, SeatrialError
from seatrial.trial.progress import Progress
from seatrial.trial.report.json import load_report


class Publishes(Protocol):
    """What the bot needs of `seatrial.forge.publish.Publisher`. None of it raises for the forge's troubles."""

    def running(self) -> None:
        """The trial began."""
        ...

    def watch(self, progress: Progress) -> None:
        """A step of it."""
        ...

    def ended(self, report: Report) -> Published:
        """It came to a report."""
        ...

    def broken(self, error: SeatrialError) -> Published:
        """It came to none."""
        ...

    def cancelled(self, why: str, *, superseded_by: str = "") -> Published:
        """It was given up."""
        ...

    def close(self) -> None:
        """Somebody else goes on with it."""
        ...


def _tell_nobody(_notice: Notice) -> None:
    """Nobody wants to hear it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BotTools:
    """The surroundings of the bot's trials in one process.

    Attributes:
        key: of the bot, the same for all of its workers.
        worker: name of this process, for people.
        environ: what a trial of somebody with write access gets of the environment.
        publisher: what publishes to a target for the trial of an id.
        say: gets a line for everything that happens.
        tell: sees to it that those who want a notice get it; the same again reaches nobody twice.
    """

    key: str
    worker: str
    spec: BotSpec
    book: BotBook
    forge: Forge
    store: Store
    clock: Clock
    checkouts: Checkouts
    runner: Runner
    confinement: Confinement
    environ: Mapping[str, str]
    publisher: Callable[[PublishTarget, str], Publishes]
    say: Callable[[str], None]
    tell: Callable[[Notice], None] = _tell_nobody

    def kept_report(self, trial: BotTrial) -> Report | None:
        """The report of a trial; None if it came to none, or if it is kept elsewhere."""
        return load_report(self.store.get(trial.report)) if trial.report and self.store.has(trial.report) else None


def bot_key(project: Project) -> str:
    """Tells bots that share a database apart: by the project's name and the forge that it is for."""
    forge = project.forge
    place = "" if forge is None else f"{forge.kind.value}\0{forge.url}"
    return hashlib.sha256(f"{project.name}\0{place}".encode()).hexdigest()[:12]


class Mailbox:
    """The queue as the server sees it before, while and after the workflows are open (implements `TrialQueue`).

    While they are not, nothing is lost: the book holds the trial and the wish to cancel it, and whoever opens the
    workflows goes through the book.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: TrialQueue | None = None

    def attach(self, queue: TrialQueue | None) -> None:
        """The workflows are open now, or no longer (None)."""
        with self._lock:
            self._queue = queue

    def enqueue(self, trial: BotTrial) -> None:
        """As `TrialQueue.enqueue`."""
        with self._lock:
            if self._queue is not None:
                self._queue.enqueue(trial)

    def cancel(self, trial: str, why: str) -> None:
        """As `TrialQueue.cancel`."""
        with self._lock:
            if self._queue is not None:
                self._queue.cancel(trial, why)
