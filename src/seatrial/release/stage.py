"""What the registry is told: which stage the version has now, on what evidence, and who holds it again after a roll-back.

The release is the run that the registry asks for. Its evidence says pass only where the judge said promote; a version that
a person or the end of time promoted gets the stage only where the registry lets people set it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from seatrial.records import (
    Actor,
    ActorKind,
    Evidence,
    ModelVersion,
    Move,
    Release,
    StageGate,
    UsageError,
    Verdict,
)
from seatrial.registry.tools import RegistryTools

BACK = "-back"
VIA = "release"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageMoved:
    """What became of a move. `note`: why the stage is not what people would expect; empty where it is."""

    moved: bool
    note: str = ""


def take_stage(
    release: Release, tools: RegistryTools, report: Callable[[Release], str | None], now: datetime
) -> StageMoved:
    """Give the version its stage, with the evidence of the release; done twice it is as done once.

    Raises:
        TemporaryError, PermanentError: the registry does not answer.
    """
    version = tools.registry.version(release.model, release.number)
    stage = tools.rules.get(release.spec.stage)
    if version.stage == stage.name:
        return StageMoved(moved=tools.registry.evidence(release.id) is not None)
    _keep(release, version, release.id, tools, lambda: report(release), now, _verdict(release))
    move = Move(
        model=release.model,
        number=release.number,
        to=stage.name,
        actor=_actor(release),
        at=now,
        reason=release.why,
        run=release.id,
        expected=release.held,
    )
    if release.promoted_by and _verdict(release) is not Verdict.PASS:
        glass = stage.gate is StageGate.PROMOTION
        move = replace(move, run=None, break_glass=glass, actor=replace(move.actor, kind=ActorKind.PERSON))
        move = replace(move, reason=release.why or "promoted by hand")
    return _moved(move, tools)


def give_back_stage(release: Release, tools: RegistryTools, now: datetime) -> StageMoved:
    """Give the stage back to the version that held it before; done twice it is as done once."""
    stage = tools.rules.get(release.spec.stage)
    if release.baseline is None or release.held != (release.baseline,):
        held = ", ".join(str(number) for number in release.held) or "nobody"
        return StageMoved(
            moved=False,
            note=f"{release.model}@{release.number} keeps {stage.name} in the registry: before it {held} held it, "
            f"not what runs again now",
        )
    version = tools.registry.version(release.model, release.baseline)
    if version.stage == stage.name:
        return StageMoved(moved=True)
    run = f"{release.id}{BACK}"
    # It held the stage before, on evidence that the ledger names: that it does again rests on the same.
    _keep(release, version, run, tools, lambda: None, now, Verdict.PASS)
    return _moved(
        Move(
            model=release.model,
            number=release.baseline,
            to=stage.name,
            actor=_actor(release),
            at=now,
            reason=f"it held {stage.name} before release {release.id}: {release.why}",
            run=run,
        ),
        tools,
    )


def _keep(
    release: Release,
    version: ModelVersion,
    run: str,
    tools: RegistryTools,
    report: Callable[[], str | None],
    now: datetime,
    verdict: Verdict,
) -> None:
    if tools.registry.evidence(run) is not None:
        return
    back = run != release.id
    tools.registry.keep(
        Evidence(
            run=run,
            model=version.model,
            number=version.number,
            artifact=version.artifact.digest if back else release.digest,
            verdict=verdict,
            finished=now,
            baseline=release.number if back else release.baseline,
            report=report(),
        )
    )


def _moved(move: Move, tools: RegistryTools) -> StageMoved:
    try:
        tools.registry.move(move)
    except UsageError as error:
        return StageMoved(moved=False, note=f"the registry did not give it {move.to}: {error.what}")
    return StageMoved(moved=True)


def _verdict(release: Release) -> Verdict:
    return release.verdict or Verdict.INCONCLUSIVE


def _actor(release: Release) -> Actor:
    return Actor(name=release.promoted_by or release.who, kind=ActorKind.RUN, via=VIA)
