"""One release while it is worked on: as it is now, and what happened since it was last written down.

It is written down whole after each round of actions, so that whoever goes on after a crash finds a release that was.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from seatrial.ports import Clock
from seatrial.records import Release, ReleaseEvent, ReleaseEventKind
from seatrial.release.book import Answer, ReleaseBook
from seatrial.release.course import Course
from seatrial.release.steps import add_up

log = logging.getLogger("seatrial.server")


class Story:
    """A release on its way through a turn.

    Args:
        release: as it was written down.
        book: where it is written down.
        clock: of all times in it.
    """

    def __init__(self, release: Release, book: ReleaseBook, clock: Clock) -> None:
        self.release = release
        self.course = Course(event for _, event in book.events(release.id))
        self.changes = 0
        self._saved = release
        self._book = book
        self._clock = clock
        self._events: list[ReleaseEvent] = []
        self._answers: list[Answer] = []
        self._troubles: dict[str, str] = {}
        self._unsaved = ""

    @property
    def saved(self) -> bool:
        """Whether all of it is on disk."""
        return not self._unsaved

    def answered(self, order: int) -> bool:
        """Whether an order was answered in this turn."""
        return any(answer.order == order for answer in self._answers)

    def change(self, changes: Mapping[str, Any]) -> None:
        """Set these fields of the release."""
        self.changes += 1
        self.release = replace(add_up(self.release, self._clock.monotonic()), **changes)

    def count(self, changes: Mapping[str, Any]) -> None:
        """The same for what only counts on, and decides nothing by itself."""
        self.release = replace(add_up(self.release, self._clock.monotonic()), **changes)

    def note(self, kind: ReleaseEventKind, text: str, *, weight: int | None = None, who: str = "") -> None:
        """Add a line to the timeline."""
        self.changes += 1
        event = ReleaseEvent(at=self._clock.now(), kind=kind, text=text, weight=weight, who=who)
        self._events.append(event)
        self.course.note(event)
        log.info("%s of %s: %s", self.release.id, self.release.service, text)

    def answer(self, order: int, refused: str = "") -> None:
        """An order was obeyed or refused."""
        self.changes += 1
        self._answers.append(Answer(order=order, at=self._clock.now(), refused=refused))

    def trouble(self, about: str, text: str) -> None:
        """Say what is wrong with something, once; no text: nothing is any more."""
        before = self._troubles.get(about, "")
        if text == before:
            return
        if text:
            self._troubles[about] = text
            self.note(ReleaseEventKind.TROUBLE, text)
        else:
            del self._troubles[about]
            self.note(ReleaseEventKind.NOTE, f"it is over: {before}")

    def save(self) -> bool:
        """Write down what changed; whether that is done. Nothing is lost if it can't be: it is tried again."""
        if self.release == self._saved and not self._events and not self._answers:
            return True
        try:
            kept = self._book.write(self.release, self._events, self._answers)
        except sa.exc.DBAPIError as error:
            self._unsaved = f"it can't be written down: {error.orig}; nothing goes forward until it can"
            self.trouble("book", self._unsaved)
            return False
        if not kept:
            # Another process began a release of this service in this very moment.
            self.release = self._saved
        self._saved = self.release
        self._events.clear()
        self._answers.clear()
        self._unsaved = ""
        self.trouble("book", "")
        return kept
