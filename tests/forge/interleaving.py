"""Plays several writers of one comment against each other, in every order or in one that is chosen.

Each writer runs in a thread of its own and stops before every call to the forge and before every pause; the player picks
who goes on. The one assumption is that of `upsert`: nobody's pause ends while another is between its reading and its
writing. Without it (`timed=False`) a writer can be as slow as it likes.
"""

import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from seatrial.ports import Clock, Forge
from seatrial.testing import MemoryForge

_READS = {"comments"}
_WRITES = {"create_comment", "edit_comment", "delete_comment"}
_PAUSE = "pause"
_DONE = "done"
Act = Callable[[Forge, Clock], object]


class _Writer:
    """One writer; it waits before each step until it is told to go on."""

    def __init__(self, forge: MemoryForge, act: Act) -> None:
        self.pending = ""
        self.last = ""
        self.steps = 0
        self.seen: Hashable = None
        self.error: BaseException | None = None
        self._forge = forge
        self._turn = threading.Semaphore(0)
        self._ready = threading.Semaphore(0)
        mine = forge.as_account(forge.account, before=self._before)
        self._thread = threading.Thread(target=self._run, args=(act, mine), daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._ready.acquire()

    def go_on(self) -> None:
        """Take the pending step, and run to the next."""
        self.last, self.steps = self.pending, self.steps + 1
        if self.last in _READS:
            self.seen = tuple(self._forge.bodies("ship/wine", 7))
        self._turn.release()
        self._ready.acquire()

    @property
    def is_done(self) -> bool:
        return self.pending == _DONE

    @property
    def is_about_to_write(self) -> bool:
        """Whether what it will write rests on what it read some time ago."""
        return self.pending in _WRITES

    def _run(self, act: Act, forge: Forge) -> None:
        try:
            act(forge, _Clock(self._before))
        except BaseException as error:  # noqa: BLE001 - it is raised where the play is judged
            self.error = error
        self.pending = _DONE
        self._ready.release()

    def _before(self, call: str) -> None:
        if call in _READS | _WRITES | {_PAUSE}:
            self.pending = call
            self._ready.release()
            self._turn.acquire()


class _Clock:
    """A clock whose pauses are steps of the play."""

    def __init__(self, before: Callable[[str], None]) -> None:
        self._before = before

    def now(self) -> datetime:
        return datetime(2026, 11, 21, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, _seconds: float) -> None:
        self._before(_PAUSE)


@dataclass(slots=True)
class Play:
    """One performance.

    Attributes:
        forge: with what is there at the beginning.
        acts: what each writer does.
        timed: whether pauses are longer than the time from a reading to its writing.
    """

    forge: MemoryForge
    acts: Sequence[Act]
    timed: bool = True
    writers: list[_Writer] = field(default_factory=list)

    def perform(self, choose: Callable[[Sequence[int]], int]) -> None:
        """Let the writers take their steps in the order that `choose` picks among those who can go on."""
        self.writers = [_Writer(self.forge, act) for act in self.acts]
        for writer in self.writers:
            writer.start()
        try:
            while options := self.options():
                self.writers[choose(options)].go_on()
        except _Enough:
            self._finish()
            raise
        for writer in self.writers:
            if writer.error is not None:
                raise writer.error

    def options(self) -> list[int]:
        """Who can go on."""
        held = self.timed and any(writer.is_about_to_write for writer in self.writers)
        return [
            index
            for index, writer in enumerate(self.writers)
            if not writer.is_done and not (held and writer.pending == _PAUSE)
        ]

    def standing(self) -> Hashable:
        """All that decides how the play can go on."""
        return (
            tuple((c.id, c.body) for c in self.forge.comments("ship/wine", 7)),
            tuple((w.pending, w.steps, w.seen) for w in self.writers),
        )

    def _finish(self) -> None:
        """Let everybody go home."""
        for writer in self.writers:
            while not writer.is_done:
                writer.go_on()


class _Enough(Exception):  # noqa: N818 - it ends a performance that would go where another went
    pass


def every_ending(make: Callable[[], Play]) -> Iterator[MemoryForge]:
    """The forge at the end of every order of steps, each situation being gone on from once.

    Args:
        make: the play at its beginning; it is performed again for each order.
    """
    waiting: list[tuple[int, ...]] = [()]
    known: set[Any] = set()
    while waiting:
        begun = waiting.pop()
        play = make()
        path: list[int] = []

        def choose(
            options: Sequence[int], play: Play = play, begun: tuple[int, ...] = begun, path: list[int] = path
        ) -> int:
            if len(path) < len(begun):
                path.append(begun[len(path)])
                return path[-1]
            standing = play.standing()
            if standing in known:
                raise _Enough
            known.add(standing)
            waiting.extend((*path, other) for other in options[1:])
            path.append(options[0])
            return options[0]

        try:
            play.perform(choose)
        except _Enough:
            continue
        yield play.forge
