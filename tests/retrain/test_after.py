"""What is done with a version that passed its gate, and what is said of it, for every end of its trial and release."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

import pytest

from seatrial.promotion.run import CUT_SHORT
from seatrial.records import (
    After,
    Artifact,
    ModelVersion,
    Project,
    PromotionResult,
    PromotionSpec,
    Release,
    ReleaseOutcome,
    ReleaseSpec,
    RetrainOutcome,
    RetrainPhase,
    RetrainSpec,
    ServiceSpec,
    UsageError,
    Verdict,
)
from seatrial.retrain.after import check_ways, hand_over
from seatrial.retrain.steps import Begun, HandedOver, Order
from seatrial.retrain.tools import Handover, RetrainTools
from tests.promotion.making import refusal
from tests.registry.registering import ADA
from tests.retrain.looping import NOON, loop

T = TypeVar("T")
TRIED = PromotionResult(
    run="20260301-120001-aaaa",
    model="wine",
    number=3,
    stage="Production",
    verdict=Verdict.PASS,
    headline="all gates hold",
    finished=NOON,
)
RELEASE = Release(id="20260301-120500-bbbb", service="wine", model="wine", number=3, started=NOON, spec=ReleaseSpec())
BEGUN = Begun(run="20260301-120000", started=NOON)
VERSION = ModelVersion(
    model="wine",
    number=3,
    artifact=Artifact(digest="sha256:3", name="wine.json", folder=False, size=1, files=1),
    stage="None",
    creator=ADA,
    created=NOON,
)
PROMOTION = PromotionSpec(model="wine", deployment="wine", path="wine.json")
SERVICE = ServiceSpec(name="cellar", model="wine")


@dataclass
class Partners:
    """Those that a version is handed over to; they say what they were told to, and note what they are asked.

    Stands where the engine's promotions and the server's releases do, of which a retraining sees these four calls alone.
    """

    tried: PromotionResult = TRIED
    ended: Release = RELEASE
    asked: list[str] = field(default_factory=list)
    handed: list[Handover] = field(default_factory=list)
    noted: dict[str, Any] = field(default_factory=dict)

    def promote(self, over: Handover) -> None:
        """Begin its trial."""
        self.handed.append(over)
        self.asked.append(f"promote {over.version.id}")

    def promoted(self, over: Handover) -> PromotionResult:
        """Wait for its end."""
        assert [over] == self.handed
        self.asked.append("promoted")
        return self.tried

    def release(self, spec: RetrainSpec, version: ModelVersion, run: str) -> str:
        """Begin its release."""
        self.asked.append(f"release {version.id} of {spec.name} for {run}")
        return self.ended.id

    def follow(self, release: str) -> Release:
        """Wait for its end."""
        self.asked.append(f"follow {release}")
        return self.ended

    def after(self, then: After) -> HandedOver:
        """What becomes of the version."""
        order = Order(spec=loop(model="wine", then=then), stage="Production")
        return hand_over(VERSION, order, BEGUN, cast("RetrainTools", self), _do, self.noted.update)


def _do(name: str, phase: RetrainPhase, work: Callable[[], T], kind: type[T]) -> T:
    found = work()
    assert isinstance(found, kind), f"{name} while {phase}"
    return found


def test_a_promotion_that_passed_says_who_holds_the_stage() -> None:
    """It is the promotion that gives the stage; no release is asked for."""
    partners = Partners(tried=replace(TRIED, promoted=True))
    over = partners.after(After.PROMOTE)

    assert (RetrainOutcome.PROMOTED, Verdict.PASS) == (over.outcome, over.verdict)
    assert over.headline.startswith("wine@3 holds Production now")
    assert ["promote wine@3", "promoted"] == partners.asked
    assert (False, "Production", f"{BEGUN.run}/promote") == (
        partners.handed[0].trial_only,
        partners.handed[0].stage,
        partners.handed[0].key,
    )
    assert {"promotion": TRIED.run} == partners.noted


@pytest.mark.parametrize("then", [After.PROMOTE, After.RELEASE])
@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.ERROR])
def test_a_trial_that_did_not_pass_ends_it(then: After, verdict: Verdict) -> None:
    """No release is begun, and the trial's verdict and reason are said."""
    partners = Partners(tried=replace(TRIED, verdict=verdict, headline="accuracy fell"))
    over = partners.after(then)

    assert HandedOver(outcome=RetrainOutcome.NOT_PROMOTED, verdict=verdict, headline="wine@3: accuracy fell") == over
    assert ["promote wine@3", "promoted"] == partners.asked
    assert {"promotion": TRIED.run} == partners.noted


def test_a_stage_that_was_refused_is_a_failure_although_the_trial_passed() -> None:
    """Somebody else moved the stage meanwhile, say."""
    over = Partners(tried=replace(TRIED, refused="another holds it by now")).after(After.PROMOTE)

    assert RetrainOutcome.NOT_PROMOTED is over.outcome
    assert (Verdict.FAIL, "wine@3: another holds it by now") == (over.verdict, over.headline)


def test_a_trial_that_somebody_ended_is_no_refusal() -> None:
    """It says that it was ended, and no release is begun."""
    tried = replace(TRIED, verdict=Verdict.INCONCLUSIVE, refused=CUT_SHORT)
    partners = Partners(tried=tried)
    over = partners.after(After.RELEASE)

    assert (RetrainOutcome.INTERRUPTED, Verdict.INCONCLUSIVE) == (over.outcome, over.verdict)
    assert ["promote wine@3", "promoted"] == partners.asked


@pytest.mark.parametrize(
    ("ended", "outcome", "verdict"),
    [
        ((ReleaseOutcome.PROMOTED, Verdict.PASS), RetrainOutcome.RELEASED, Verdict.PASS),
        ((ReleaseOutcome.PROMOTED, None), RetrainOutcome.RELEASED, Verdict.INCONCLUSIVE),
        ((ReleaseOutcome.ABORTED, Verdict.FAIL), RetrainOutcome.NOT_RELEASED, Verdict.FAIL),
        ((ReleaseOutcome.ABORTED, None), RetrainOutcome.NOT_RELEASED, Verdict.INCONCLUSIVE),
        ((ReleaseOutcome.ROLLED_BACK, Verdict.FAIL), RetrainOutcome.ROLLED_BACK, Verdict.FAIL),
    ],
)
def test_what_the_release_came_to_is_what_is_said(
    ended: tuple[ReleaseOutcome, Verdict | None], outcome: RetrainOutcome, verdict: Verdict
) -> None:
    """The trial leaves the stage to the release, which is followed to its end; pass is the judge's word alone."""
    release = replace(RELEASE, outcome=ended[0], verdict=ended[1], why="so it went", notes=("the registry said no",))
    partners = Partners(tried=replace(TRIED, refused="its stage is left to a release"), ended=release)
    over = partners.after(After.RELEASE)

    assert (outcome, verdict) == (over.outcome, over.verdict)
    assert f"wine@3, release {RELEASE.id}: so it went; the registry said no" == over.headline
    assert ["promote wine@3", "promoted", f"release wine@3 of ratings for {BEGUN.run}", f"follow {RELEASE.id}"] == (
        partners.asked
    )
    assert partners.handed[0].trial_only
    assert {"promotion": TRIED.run, "release": RELEASE.id} == partners.noted


@pytest.mark.parametrize(
    ("then", "promotions", "services", "service", "said"),
    [
        (After.REGISTER, (), (), "", ""),
        (After.PROMOTE, (PROMOTION,), (), "", ""),
        (After.RELEASE, (PROMOTION,), (SERVICE,), "", ""),
        (After.RELEASE, (PROMOTION,), (SERVICE, replace(SERVICE, name="bar")), "bar", ""),
        (After.PROMOTE, (), (), "", "which deployment serves model 'wine' isn't clear"),
        (After.RELEASE, (), (SERVICE,), "", "which deployment serves model 'wine' isn't clear"),
        (After.RELEASE, (PROMOTION,), (), "", "no service serves wine → describe it under services"),
        (After.RELEASE, (PROMOTION,), (SERVICE, replace(SERVICE, name="bar")), "", "cellar, bar serve wine → name one"),
        (After.RELEASE, (PROMOTION,), (SERVICE,), "bar", "cellar serves wine → name one"),
        (After.RELEASE, (PROMOTION,), (replace(SERVICE, model="beer"),), "cellar", "no service serves wine"),
    ],
)
def test_a_way_that_is_not_there_is_said_before_anything_is_collected(
    then: After, promotions: tuple[PromotionSpec, ...], services: tuple[ServiceSpec, ...], service: str, said: str
) -> None:
    """How a version is tried, and where it is released to."""
    spec = loop(model="wine", then=then, service=service)
    project = Project(name="cellar", deployments=(), promotions=promotions, services=services)
    if not said:
        check_ways(spec, project)
        return
    with pytest.raises(UsageError) as caught:
        check_ways(spec, project)
    assert said in refusal(caught.value)
