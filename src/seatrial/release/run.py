"""The story of one release: look, judge what is new, decide, act, write down; again and again until it has ended.

It is no workflow that is told again after a crash: like a deployment it is a state that is held against the world in each
turn, and the world may have changed in any way meanwhile. What has to reach people is handed to `tell`, which is durable.
"""

from dataclasses import replace
from typing import Final

from seatrial.records import (
    Decision,
    InForce,
    ReleaseEventKind,
    ReleasePhase,
    SeatrialError,
)
from seatrial.release.decide import hindrance, next_actions
from seatrial.release.hands import DryHands, Hands, RealHands
from seatrial.release.kept import Observed
from seatrial.release.observe import Observer, watched_of
from seatrial.release.state import Order, Side, World
from seatrial.release.steps import passed_since, share_of
from seatrial.release.story import Story
from seatrial.release.tools import ReleaseTools

READ_BACK_SECONDS: Final = 5.0
MOST_PASSES: Final = 8
_IDLE: Final = frozenset({ReleasePhase.WAITING, ReleasePhase.ENDED})
_WATCHES: Final = frozenset({ReleasePhase.STARTING, ReleasePhase.STEPPING, ReleasePhase.PAUSED})
_CONFIRMS: Final = frozenset({ReleasePhase.PROMOTING, ReleasePhase.ABORTING})


class ReleaseRun:
    """One release in the hands of the one process that turns it."""

    def __init__(self, release_id: str, tools: ReleaseTools) -> None:
        self._tools = tools
        self._story = Story(tools.book.get(release_id), tools.book, tools.clock)
        dry = self._story.release.dry_run
        self._hands: Hands = DryHands(self._story, tools) if dry else RealHands(self._story, tools)
        self._observer: Observer | None = None
        self._in_force: InForce | None = None
        self._read_at = float("-inf")
        self._replicas: tuple[tuple[str, ...], tuple[str, ...]] | None = None
        self._decision = Decision.CONTINUE

    @property
    def story(self) -> Story:
        """The release as it is now."""
        return self._story

    def turn(self, order: Order | None = None, busy: str = "") -> None:
        """Look at everything, and do what has to be done.

        Args:
            order: the oldest that was not answered.
            busy: why another release goes first.
        """
        self._observe()
        for _ in range(MOST_PASSES):
            before = self._story.changes
            world = self._look(order, busy)
            self._say_what_is_wrong(world)
            for action in next_actions(self._story.release, world):
                self._hands.do(action, world.judgement)
            if not self._story.save() or self._story.changes == before:
                break
            self._read_at = float("-inf")
            if order is not None and (self._story.release.phase is ReleasePhase.ENDED or self._is_answered(order)):
                order = None

    # see

    def _observe(self) -> None:
        release = self._story.release
        if release.phase in _IDLE:
            return
        if self._observer is None:
            self._observer = Observer(release, self._tools, self._story.course)
        if release.phase in _WATCHES:
            watched = watched_of(release, static=self._tools.fleet.stable(release.service).static)
            for observed in self._observer.look(release, watched):
                self._count(observed)
            self._note_verdict(self._observer)

    def _count(self, observed: Observed) -> None:
        """A window that was judged within the step, with its weight in force, makes the step pass."""
        release, window = self._story.release, observed.window
        share, _ = share_of(release.spec, release.step)
        in_step = release.step_since is not None and window.start >= release.step_since
        meant = release.dry_run or round(window.weight * 1000) == share
        counts = release.phase is ReleasePhase.STEPPING and in_step and meant
        self._story.count(
            {
                "judged_to": window.end,
                "step_judged": release.step_judged + (window.seconds if counts else 0.0),
                "step_requests": release.step_requests + (window.canary.requests if counts else 0),
            }
        )

    def _note_verdict(self, observer: Observer) -> None:
        judgement = observer.judgement
        if judgement is not None and judgement.decision is not self._decision:
            self._decision = judgement.decision
            text = f"the judge says {judgement.decision.value}{f': {judgement.why}' if judgement.why else ''}"
            self._story.note(ReleaseEventKind.VERDICT, text)

    # look

    def _look(self, order: Order | None, busy: str) -> World:
        release, fleet = self._story.release, self._tools.fleet
        world = World(
            now=self._tools.clock.now(),
            stable=fleet.stable(release.service),
            canary=fleet.canary(release.service),
            passed=passed_since(release, self._tools.clock.monotonic()),
            judgement=self._observer.judgement if self._observer is not None else None,
            order=order,
            busy=busy,
            writable=self._story.saved and (self._observer is None or self._observer.writable),
        )
        if release.phase in _IDLE:
            return world
        self._note_replicas(world)
        return replace(world, in_force=self._read_back(world)) if not release.dry_run else self._as_if(world)

    def _read_back(self, world: World) -> InForce | None:
        """What the gateway says; asked at once where something waits for it, now and then otherwise."""
        release, now = self._story.release, self._tools.clock.monotonic()
        done = self._in_force is not None and (self._in_force.weight, self._in_force.mirror) == (
            release.weight,
            release.mirror,
        )
        starts = release.phase is ReleasePhase.STARTING and world.canary.ready
        waits = starts or (release.phase in _CONFIRMS and not done)
        if not waits and now - self._read_at < READ_BACK_SECONDS and self._in_force is not None:
            return self._in_force
        self._read_at = now
        try:
            found = self._tools.steering.in_force(release.service)
        except SeatrialError as error:
            self._story.trouble("gateway", f"the gateway does not answer: {error.what}")
            self._in_force = None
            return None
        self._story.trouble("gateway", "")
        self._note_weight(found or InForce(service=release.service, weight=0, mirror=0))
        return self._in_force

    def _note_weight(self, found: InForce) -> None:
        before, self._in_force = self._in_force, found
        known = self._story.course.weight
        mirrors = found.mirror if before is None else before.mirror
        if (known if known is not None else 0, mirrors) == (found.weight, found.mirror):
            return
        copies = f", and a copy of {found.mirror / 10:g} %" if found.mirror else ""
        text = f"the canary gets {found.weight / 10:g} %{copies}"
        self._story.note(ReleaseEventKind.WEIGHT, text, weight=found.weight)

    def _note_replicas(self, world: World) -> None:
        """Which replicas answer, where that changed."""
        found = (world.stable.replicas, world.canary.replicas)
        before, self._replicas = self._replicas, found
        if before is None or found == before:
            return
        for name, side, was in zip(("stable", "canary"), (world.stable, world.canary), before, strict=True):
            if side.replicas != was:
                text = f"{name}: {side.answers} of {side.wanted} replicas answer" if side.there else f"{name} is gone"
                self._story.note(ReleaseEventKind.REPLICA, text)

    def _as_if(self, world: World) -> World:
        """The world as it would be if all that was decided had been done; what is really in force is noted all the same."""
        release = self._story.release
        self._read_back(world)
        return replace(
            world,
            stable=replace(_as_asked(world.stable), number=release.baseline),
            canary=replace(_as_asked(world.canary), number=release.number),
            in_force=InForce(service=release.service, weight=release.weight, mirror=release.mirror, canary=("as if",)),
        )

    def _say_what_is_wrong(self, world: World) -> None:
        self._story.trouble("stable", hindrance(self._story.release, world))
        if self._observer is not None:
            for about, text in self._observer.troubles:
                self._story.trouble(about, text)

    def _is_answered(self, order: Order) -> bool:
        answer = self._tools.book.answer(order.number)
        return answer is not None


def _as_asked(side: Side) -> Side:
    return replace(side, there=True, ready=True, answers=max(side.answers, 1), static=True)
