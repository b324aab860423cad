"""Where the bot's trials wait for a worker: a port, because what makes them durable lives above this room."""

from typing import Protocol

from seatrial.records import BotTrial


class TrialQueue(Protocol):
    """Runs each trial that is in the bot's book once, whatever dies meanwhile. Safe to use from many threads.

    Both raise TemporaryError if the queue does not answer.
    """

    def enqueue(self, trial: BotTrial) -> None:
        """Have a trial run when its turn comes. One that was enqueued before, also one that has ended, is left alone."""
        ...

    def cancel(self, trial: str, why: str) -> None:
        """Bring a trial to its end, by its id: it becomes cancelled, says so on the forge and leaves nothing running.

        The book holds the wish already (`BotBook.request_cancel`). One that has ended, or that nobody knows, is left alone.
        """
        ...
