"""Carries out what was decided for a release. Each action done twice is as done once, since nobody knows what a crash cut off."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, Protocol

from seatrial.records import (
    Judgement,
    Release,
    ReleaseEventKind,
    ReleaseOutcome,
    ReleasePhase,
    SeatrialError,
    TemporaryError,
    UsageError,
    Verdict,
)
from seatrial.release.actions import (
    Action,
    Become,
    Begin,
    Deploy,
    MoveStage,
    RemoveCanary,
    ReplaceStable,
    Steer,
    Tell,
)
from seatrial.release.notice import Shown, release_notice
from seatrial.release.stage import StageMoved, give_back_stage, take_stage
from seatrial.release.story import Story
from seatrial.release.tools import ReleaseTools

AGAIN_SECONDS: Final = 5.0


class Hands(Protocol):
    """What carries actions out."""

    def do(self, action: Action, judgement: Judgement | None) -> None:
        """Do it, or begin to; an action that takes long is asked for again until it is done."""
        ...


class RealHands:
    """Changes the world."""

    def __init__(self, story: Story, tools: ReleaseTools) -> None:
        self._story = story
        self._tools = tools
        self._errands: dict[str, Future[Any]] = {}
        self._not_before: dict[str, float] = {}

    def do(self, action: Action, judgement: Judgement | None) -> None:
        """Do it. What goes wrong is a trouble of the release; it is tried again as long as it is decided."""
        match action:
            case Become():
                become(self._story, action)
            case Begin():
                self._guarded("registry", lambda: self._begin(action))
            case Steer():
                self._steer(action)
            case Deploy() | ReplaceStable() | RemoveCanary():
                self._guarded("deployments", lambda: self._move_deployments(action))
            case MoveStage(back=back):
                self._move_stage(back=back)
            case Tell(about=about):
                self._tell(about, judgement)

    # the gateway

    def _steer(self, action: Steer) -> None:
        release = self._story.release
        asked = {"weight": action.weight, "mirror": action.mirror}
        try:
            self._tools.steering.steer(release.service, weight=action.weight, mirror=action.mirror)
        except TemporaryError as error:
            self._story.trouble("steering", f"the gateway does not confirm: {error.what}")
        except SeatrialError as error:
            self._story.trouble("steering", error.what)
            if isinstance(error, UsageError) and action.mirror:
                self._cannot(error)
            return
        else:
            self._story.trouble("steering", "")
        if (release.weight, release.mirror) != (action.weight, action.mirror):
            self._story.change(asked)

    def _cannot(self, error: UsageError) -> None:
        """The proxy can't do what the steps ask for: nobody could mend that while it goes on."""
        now = self._tools.clock.now()
        changes = {
            "phase": ReleasePhase.ABORTING,
            "phase_since": now,
            "phase_elapsed": 0.0,
            "why": error.what,
            "verdict": Verdict.ERROR,
            "verdict_at": now,
        }
        become(self._story, Become(changes=changes, text=error.what))

    # deployments

    def _move_deployments(self, action: Deploy | ReplaceStable | RemoveCanary) -> None:
        release, fleet = self._story.release, self._tools.fleet
        match action:
            case Deploy(number=number, spare=spare):
                digest = action.digest or self._digest(number)
                fleet.deploy_canary(release.service, number, digest, spare=spare)
            case ReplaceStable(number=number):
                fleet.replace_stable(release.service, number, action.digest or self._digest(number))
            case RemoveCanary():
                fleet.remove_canary(release.service)

    def _digest(self, number: int) -> str:
        with self._tools.registry() as found:
            return found.registry.version(self._story.release.model, number).artifact.digest

    # the registry

    def _begin(self, action: Begin) -> None:
        release = self._story.release
        with self._tools.registry() as found:
            holders = found.registry.holders(release.model, found.rules.get(release.spec.stage).name)
            baseline = action.baseline
            if baseline is None and len(holders) == 1 and holders[0].number != release.number:
                baseline = holders[0].number
            digest = "" if baseline is None else found.registry.version(release.model, baseline).artifact.digest
        facts = {
            "held": tuple(sorted(version.number for version in holders)),
            "baseline": baseline,
            "baseline_digest": digest,
        }
        become(self._story, action.become, facts)

    def _move_stage(self, *, back: bool) -> None:
        release, now = self._story.release, self._tools.clock.now()
        about = "stage back" if back else "stage"

        def work() -> StageMoved:
            try:
                with self._tools.registry() as found:
                    if back:
                        return give_back_stage(release, found, now)
                    return take_stage(release, found, self._tools.report, now)
            except UsageError as error:
                # Trying again would not help: the release comes to its end, and says so.
                return StageMoved(moved=False, note=f"the registry was not told: {error.what}")

        def done(result: StageMoved) -> None:
            told = (*self._story.release.told, about)
            notes = (*self._story.release.notes, *filter(None, [result.note]))
            self._story.change({"moved": result.moved and not back, "told": told, "notes": notes})
            stage = release.spec.stage
            holder = release.baseline if back else release.number
            if result.note:
                self._story.note(ReleaseEventKind.NOTE, result.note)
            elif result.moved:
                self._story.note(ReleaseEventKind.NOTE, f"{release.model}@{holder} holds {stage}")

        self._errand(about, work, done)

    # people

    def _tell(self, about: str, judgement: Judgement | None) -> None:
        release = self._story.release

        def work() -> None:
            shown = self._shown(release)
            project = self._tools.project
            self._tools.tell(release_notice(release, judgement, about, project=project, shown=shown))

        def done(_: None) -> None:
            self._story.change({"told": (*self._story.release.told, about)})

        self._errand(f"notice: {about}", work, done)

    def _shown(self, release: Release) -> Shown:
        """What goes with a notice, as far as it can be had: people are told in any case."""
        tools = self._tools
        return Shown(
            lines=_or_nothing(lambda: tuple(tools.failing(release)), ()),
            pictures=_or_nothing(lambda: tuple(tools.pictures(release)), ()),
            link=_or_nothing(lambda: tools.link(release) or "", ""),
        )

    # how

    def _guarded(self, about: str, work: Callable[[], None]) -> None:
        """Do something that may not be possible for now."""
        try:
            work()
        except SeatrialError as error:
            self._story.trouble(about, error.what)
        else:
            self._story.trouble(about, "")

    def _errand(self, name: str, work: Callable[[], Any], done: Callable[[Any], None]) -> None:
        """Do something in another thread; asked again and again, it says what came of it once it is over."""
        now = self._tools.clock.monotonic()
        if name not in self._errands:
            if now < self._not_before.get(name, now):
                return
            self._errands[name] = self._tools.threads.submit(work)
        future = self._errands[name]
        if not future.done():
            return
        del self._errands[name]
        error = future.exception()
        if error is None:
            self._story.trouble(name, "")
            done(future.result())
            return
        self._not_before[name] = now + AGAIN_SECONDS
        words = error.what if isinstance(error, SeatrialError) else f"{type(error).__name__}: {error}"
        self._story.trouble(name, f"{name}: {words}")


class DryHands:
    """Says what would be done, and does none of it: the weight is what people set by hand."""

    def __init__(self, story: Story, tools: ReleaseTools) -> None:
        self._story = story
        self._clock = tools.clock

    def do(self, action: Action, judgement: Judgement | None) -> None:  # noqa: ARG002 - the same for all hands
        """Note it."""
        match action:
            case Become(changes=changes) if changes.get("phase") in _ENDS:
                self._end(action, _ENDS[changes["phase"]])
            case Become():
                become(self._story, action)
            case Begin():
                become(self._story, action.become, {"baseline": action.baseline})
            case Steer(weight=weight, mirror=mirror):
                copies = f", and a copy of {mirror / 10:g} %" if mirror else ""
                self._story.note(ReleaseEventKind.NOTE, f"it would give the canary {weight / 10:g} %{copies}")
                self._story.change({"weight": weight, "mirror": mirror})
            case Tell(about=about):
                self._story.change({"told": (*self._story.release.told, about)})
            case _:
                pass

    def _end(self, action: Become, outcome: ReleaseOutcome) -> None:
        now = self._clock.now()
        changes = {**action.changes, "phase": ReleasePhase.ENDED, "outcome": outcome, "ended": now, "replaced": False}
        text = f"it would be {outcome.value}: {changes['why']}"
        become(self._story, Become(changes=changes, kind=action.kind, text=text, who=action.who, order=action.order))


_ENDS: Final = {
    ReleasePhase.PROMOTING: ReleaseOutcome.PROMOTED,
    ReleasePhase.ABORTING: ReleaseOutcome.ABORTED,
}


def become(story: Story, action: Become, facts: dict[str, Any] | None = None) -> None:
    """Change what is kept of the release, and add the line of its timeline."""
    changes = {**action.changes, **(facts or {})}
    if changes:
        story.change(changes)
    if action.text:
        story.note(action.kind, action.text, who=action.who)
    if action.order is not None:
        story.answer(action.order, "" if action.changes else action.text)


def _or_nothing(work: Callable[[], Any], otherwise: Any) -> Any:  # noqa: ANN401
    try:
        return work()
    except Exception:  # noqa: BLE001 - a picture that can't be drawn keeps nobody from being told
        return otherwise
