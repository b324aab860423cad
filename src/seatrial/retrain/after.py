"""What is done with a version that passed its gate: its trial, its stage, its release; and what became of it.

A trial decides about the stage where no release follows. Where one does, the stage is the release's to give: until all
users have the version, nothing says that it is in production.
"""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from seatrial.config.registering import promotion_of
from seatrial.promotion.run import CUT_SHORT
from seatrial.records import (
    After,
    ModelVersion,
    Project,
    PromotionResult,
    Release,
    ReleaseOutcome,
    RetrainOutcome,
    RetrainPhase,
    RetrainSpec,
    UsageError,
    Verdict,
)
from seatrial.retrain.steps import Begun, HandedOver, Order, ReleaseBegun
from seatrial.retrain.tools import Handover, RetrainTools

ResultT = TypeVar("ResultT")


class Do(Protocol):
    """Does one step of the story."""

    def __call__(self, name: str, phase: RetrainPhase, work: Callable[[], ResultT], kind: type[ResultT]) -> ResultT:
        """As the story does."""
        ...


def check_ways(spec: RetrainSpec, project: Project) -> None:
    """Whether the configuration says how a version is tried and where it is released to, before anything is collected.

    Raises:
        UsageError: it doesn't.
    """
    if spec.then is After.REGISTER:
        return
    promotion_of(spec.model, project)
    if spec.then is After.RELEASE:
        _check_service(spec, project)


def _check_service(spec: RetrainSpec, project: Project) -> None:
    found = [service.name for service in project.services if service.model == spec.model]
    if (spec.service in found) if spec.service else len(found) == 1:
        return
    serve = "serves" if len(found) == 1 else "serve"
    told = f"{', '.join(found)} {serve} {spec.model}" if found else f"no service serves {spec.model}"
    where = f"seatrial.yaml: retrain.{spec.name}"
    raise UsageError(
        f"where a version is released to isn't clear: {told}",
        where=f"{where}.service" if found else where,
        remedy="name one of them" if found else "describe it under services, or end with then: promote",
    )


def hand_over(
    version: ModelVersion, order: Order, begun: Begun, tools: RetrainTools, do: Do, note: Callable[..., Any]
) -> HandedOver:
    """Have the version tried, and promoted or released, and wait for the end of that."""
    releases = order.spec.then is After.RELEASE
    over = Handover(
        key=f"{begun.run}/promote",
        version=version,
        stage=order.stage,
        trial_only=releases,
        why=f"retraining {begun.run}",
    )
    tools.promote(over)
    tried = do("promote", RetrainPhase.PROMOTING, lambda: tools.promoted(over), PromotionResult)
    note(promotion=tried.run)
    if not releases or tried.verdict is not Verdict.PASS:
        return _promoted(tried, version)
    begin = lambda: ReleaseBegun(release=tools.release(order.spec, version, begun.run))  # noqa: E731
    release = do("release", RetrainPhase.RELEASING, begin, ReleaseBegun).release
    note(release=release)
    return do("follow", RetrainPhase.RELEASING, lambda: _released(tools.follow(release), version), HandedOver)


def _promoted(tried: PromotionResult, version: ModelVersion) -> HandedOver:
    if tried.refused == CUT_SHORT:
        headline = f"{version.id} is registered; {CUT_SHORT}"
        return HandedOver(outcome=RetrainOutcome.INTERRUPTED, verdict=Verdict.INCONCLUSIVE, headline=headline)
    if tried.promoted:
        outcome, headline = RetrainOutcome.PROMOTED, f"{version.id} holds {tried.stage} now. {tried.headline}"
    else:
        outcome, headline = RetrainOutcome.NOT_PROMOTED, f"{version.id}: {tried.refused or tried.headline}"
    verdict = tried.verdict
    if verdict is Verdict.PASS and not tried.promoted:
        verdict = Verdict.FAIL
    return HandedOver(outcome=outcome, verdict=verdict, headline=headline)


_OUTCOMES = {
    ReleaseOutcome.PROMOTED: RetrainOutcome.RELEASED,
    ReleaseOutcome.ABORTED: RetrainOutcome.NOT_RELEASED,
    ReleaseOutcome.ROLLED_BACK: RetrainOutcome.ROLLED_BACK,
}


def _released(release: Release, version: ModelVersion) -> HandedOver:
    outcome = _OUTCOMES[release.outcome or ReleaseOutcome.ABORTED]
    return HandedOver(
        outcome=outcome,
        verdict=release.verdict or Verdict.INCONCLUSIVE,
        headline="; ".join((f"{version.id}, release {release.id}: {release.why}", *release.notes)),
    )
