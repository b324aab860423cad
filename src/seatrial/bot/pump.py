"""Deals with what the forge told, one delivery after the other on each pull request, whatever breaks meanwhile.

A delivery is done when all that it asked for is in the book and in the queue; until then it is tried again. A forge that
does not answer holds up nobody but the repositories that it does not answer for.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from seatrial.bot.act import Hands, ReadReport, act
from seatrial.bot.book import BotBook
from seatrial.bot.decide import Seen, command_of, decide, unsettled
from seatrial.bot.queue import TrialQueue
from seatrial.ports import Clock, Forge
from seatrial.records import (
    BotSpec,
    Hook,
    HookKind,
    PermanentError,
    Permission,
    PostedComment,
    PullRequest,
    SeatrialError,
    TemporaryError,
    WatchedRepository,
)

PATIENCE: Final = 20.0
"""Seconds that the forge gets to show what it told."""

_GLANCE: Final = 1.0
"""Seconds until the forge is asked again for what it does not show yet."""

_FIRST_PAUSE: Final = 2.0
_LONGEST_PAUSE: Final = 60.0
_POLL: Final = 1.0
_AT_ONCE: Final = 4
_MOST_TRIALS: Final = 200
_MOST_BREAKS: Final = 5
log = logging.getLogger("seatrial.server")


def _no_report(_trial: object) -> None:
    """None is kept."""


@dataclass(frozen=True, slots=True)
class _Pause:
    """When a repository is looked at again, by the monotonic clock, and how often it was put off."""

    until: float
    times: int


class Pump:
    """A duty of the server: takes deliveries out of the book, asks the forge, decides, and acts.

    Args:
        book: where deliveries wait.
        forge: that sent them.
        spec: which repositories are served.
        queue: where trials go.
        clock: of the trials' times, and of pauses.
        say: is told what a reader of the log should know.
        reports: reads the report of a trial, for `/seatrial explain`.
    """

    def __init__(
        self,
        book: BotBook,
        forge: Forge,
        spec: BotSpec,
        queue: TrialQueue,
        clock: Clock,
        say: Callable[[str], None],
        *,
        reports: ReadReport = _no_report,
    ) -> None:
        self._hands = Hands(book=book, forge=forge, spec=spec, queue=queue, clock=clock, reports=reports, say=say)
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._busy: set[str] = set()
        self._repositories: dict[str, _Pause] = {}
        self._pulls: dict[tuple[str, int], float] = {}
        self._first_seen: dict[int, float] = {}
        self._breaks: dict[int, int] = {}

    def __call__(self, stop: threading.Event) -> None:
        """Deal with deliveries until `stop` is set."""
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="pump") as pool:
            while not stop.is_set():
                self._wake.clear()
                self._launch(pool)
                self._wake.wait(_POLL)

    def wake(self) -> None:
        """Look at once whether something waits: a delivery came."""
        self._wake.set()

    def turn(self) -> None:
        """Deal with everything that waits and is due, in this thread."""
        for repository, waiting in self._due().items():
            self._work(repository, waiting)

    def _launch(self, pool: ThreadPoolExecutor) -> None:
        try:
            due = self._due()
        except TemporaryError as error:
            self._hands.say(error.what)
            return
        for repository, waiting in due.items():
            with self._lock:
                self._busy.add(repository)
            pool.submit(self._finish, repository, waiting)

    def _finish(self, repository: str, waiting: Sequence[tuple[int, Hook]]) -> None:
        went_on = False
        try:
            went_on = self._work(repository, waiting)
        except Exception:
            log.exception("dealing with webhooks broke; they wait")
            self._put_off(repository)
        finally:
            with self._lock:
                self._busy.discard(repository)
        if went_on:
            self.wake()

    def _due(self) -> dict[str, list[tuple[int, Hook]]]:
        """What waits, by repository, without those that are being dealt with or have to wait."""
        now = self._hands.clock.monotonic()
        with self._lock:
            held = self._busy | {name for name, pause in self._repositories.items() if pause.until > now}
        found: dict[str, list[tuple[int, Hook]]] = {}
        for number, hook in self._hands.book.waiting(without=held):
            found.setdefault(hook.repository, []).append((number, hook))
        return found

    def _work(self, repository: str, waiting: Sequence[tuple[int, Hook]]) -> bool:
        """Deal with the deliveries of one repository; those behind one that has to wait, on its pull request, wait too.

        Whether any was done, so that others may follow at once.
        """
        done = 0
        held = {hook.number for _, hook in waiting if self._is_held(hook)}
        for place, (number, hook) in enumerate(waiting):
            if hook.number in held:
                continue
            later = frozenset(other.kind for _, other in waiting[place + 1 :] if other.number == hook.number)
            try:
                note = self._deal(number, hook, later)
            except TemporaryError as error:
                self._hands.say(f"{repository}#{hook.number}: {error.what}; tried again later")
                self._put_off(repository)
                break
            except SeatrialError as error:
                note = f"given up: {error.what}"
                self._hands.say(f"{repository}#{hook.number}: {error}")
            except Exception:
                log.exception("dealing with a webhook broke")
                note = self._broke(number, hook)
            if note is None:
                held.add(hook.number)
            else:
                self._done(number, hook, note)
                done += 1
        return done > 0

    def _is_held(self, hook: Hook) -> bool:
        return self._pulls.get((hook.repository, hook.number), 0.0) > self._hands.clock.monotonic()

    def _deal(self, number: int, hook: Hook, later: frozenset[HookKind]) -> str | None:
        """Decide and act; what became of it, or None if the forge has to catch up first."""
        watched = self._hands.spec.watched(hook.repository)
        if watched is None:
            return "the repository is not served any more"
        seen = self._seen(hook, watched, later)
        missing = unsettled(hook, seen)
        if missing and self._is_young(number):
            self._hold(hook, _GLANCE)
            return None
        decision = decide(hook, seen)
        for action in decision.actions:
            act(action, hook, self._hands)
        return decision.note

    def _seen(self, hook: Hook, watched: WatchedRepository, later: frozenset[HookKind]) -> Seen:
        """Ask the forge for no more than the decision needs: comments without a command need nothing of it."""
        hands = self._hands
        trials = hands.book.trials(repository=hook.repository, number=hook.number, limit=_MOST_TRIALS)
        known = Seen(watched=watched, trials=trials, now=hands.clock.now(), later=later)
        commented = hook.kind is HookKind.COMMENTED
        if commented and command_of(hook) is None:
            return known
        permission = (
            hands.forge.permission(hook.repository, hook.author) if commented and hook.author else Permission.NONE
        )
        comment = self._comment(hook) if permission.may_write else None
        pull = self._pull(hook)
        return Seen(
            watched=watched,
            trials=trials,
            now=known.now,
            pull=pull,
            permission=permission,
            comment=comment,
            later=later,
        )

    def _pull(self, hook: Hook) -> PullRequest | None:
        """As it is now. One that was closed may be gone with its repository, and then nothing of it shall run."""
        try:
            return self._hands.forge.pull(hook.repository, hook.number)
        except PermanentError:
            if hook.kind is HookKind.CLOSED:
                return None
            raise

    def _comment(self, hook: Hook) -> PostedComment | None:
        comments = self._hands.forge.comments(hook.repository, hook.number)
        return next((comment for comment in comments if comment.id == hook.comment_id), None)

    def _is_young(self, number: int) -> bool:
        now = self._hands.clock.monotonic()
        return now - self._first_seen.setdefault(number, now) < PATIENCE

    def _broke(self, number: int, hook: Hook) -> str | None:
        """What nobody foresaw is tried a few times, and then must not stand in the way of all that follows."""
        self._breaks[number] = self._breaks.get(number, 0) + 1
        if self._breaks[number] >= _MOST_BREAKS:
            return "given up: something broke that nobody foresaw"
        self._hold(hook, _FIRST_PAUSE)
        return None

    def _hold(self, hook: Hook, seconds: float) -> None:
        """Leave a pull request alone for a while."""
        self._pulls[hook.repository, hook.number] = self._hands.clock.monotonic() + seconds

    def _put_off(self, repository: str) -> None:
        """Leave a repository alone for a while, the longer the more often it was."""
        with self._lock:
            before = self._repositories.get(repository)
            times = 1 if before is None else before.times + 1
            seconds = min(_FIRST_PAUSE * 2 ** (times - 1), _LONGEST_PAUSE)
            self._repositories[repository] = _Pause(until=self._hands.clock.monotonic() + seconds, times=times)

    def _done(self, number: int, hook: Hook, note: str) -> None:
        self._hands.book.done(number, note, at=self._hands.clock.now())
        with self._lock:
            self._repositories.pop(hook.repository, None)
        self._pulls.pop((hook.repository, hook.number), None)
        self._first_seen.pop(number, None)
        self._breaks.pop(number, None)
