"""From what was seen to the verdict: the worst wins, and no data never passes."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from seatrial.records import (
    Axis,
    CellResult,
    Comparison,
    DeploymentReport,
    Failure,
    Family,
    MetricSpec,
    Package,
    Report,
    RequestsSpec,
    Role,
    Stage,
    TestResult,
    Verdict,
    Version,
)
from seatrial.trial.conclude import Circumstances, Seen, conclude, is_settled
from seatrial.trial.drive.requests import Request, RequestSet
from seatrial.trial.plan import make_plan
from seatrial.trial.samples import gather
from tests.trial.making import blocks, change, deployment, metric, project

COUNT = 400
LABELS = [index % 3 for index in range(COUNT)]
MET = (
    metric("accuracy"),
    metric("latency_p50"),
    metric("latency_p90"),
    metric("errors"),
    metric("memory_mean"),
    metric("cpu_peak"),
)


def latencies(scale: float = 1.0) -> list[float]:
    """Skewed latencies, the same every time."""
    return [float(value) for value in np.random.default_rng(7).lognormal(-4, 0.3, COUNT) * scale]


def rows(labels: list[Any] | None = None) -> RequestSet:
    """Requests with labels."""
    found = labels if labels is not None else LABELS
    return RequestSet(
        tuple(Request(b"{}", label, None, {"side": index % 2}) for index, label in enumerate(found)),
        "sha256:0",
        labelled=True,
    )


def seen(
    *,
    metrics: tuple[MetricSpec, ...] = MET,
    failures: Mapping[str, Failure] | None = None,
    tests: Mapping[str, tuple[TestResult, ...]] | None = None,
    packages: Mapping[str, tuple[Package, ...]] | None = None,
    new: bool = False,
    **candidate: Any,
) -> Seen:
    """A trial of one deployment with 400 requests; `candidate` changes what its candidate did."""
    judged = deployment(metrics=metrics, requests=RequestsSpec(file="requests.jsonl", label="label"))
    whole = project(judged)
    mixed = {Axis.CODE: Version(name="baseline+code", tree="m")} if candidate.pop("mixed", False) else {}
    plan = make_plan(change(Axis.CODE, Axis.DATA), whole, project(deployment("other")) if new else whole, mixed=mixed)
    ids = [cell.id for cell in plan.cells]
    driven = {
        "forest@baseline": blocks("forest@baseline", latencies(), predictions=LABELS),
        "forest@candidate": blocks(
            "forest@candidate", **{"latencies": latencies(1.01), "predictions": LABELS, **candidate}
        ),
        "forest@baseline+code": blocks("forest@baseline+code", latencies(2.0), predictions=LABELS),
    }
    results = {
        name: CellResult(
            cell=name,
            stage=(failures or {})[name].stage if name in (failures or {}) else Stage.DONE,
            failure=(failures or {}).get(name),
            tests=(tests or {}).get(name, ()),
            packages=(packages or {}).get(name, ()),
        )
        for name in ids
    }
    return Seen(
        project=whole,
        change=change(Axis.CODE),
        plan=plan,
        results=results,
        samples=gather([block for name in ids if name not in (failures or {}) for block in driven[name]]),
        rows={"forest": rows()},
        functions={},
    )


def report(found: Seen, *, complete: bool = True) -> Report:
    """The report of it."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    about = Circumstances(
        run="r",
        started=now,
        ended=now,
        complete=complete,
        confidence=0.95,
        notes=(),
        timings={},
        machine={},
        settings={},
    )
    return conclude(found, about)


def only(found: Report) -> DeploymentReport:
    """The deployment."""
    (deployment,) = found.deployments
    return deployment


def failure(stage: Stage = Stage.START) -> Failure:
    """A cell that failed."""
    return Failure(stage=stage, message="it ended", exit_status=1)


def test_an_equal_candidate_passes() -> None:
    """All gates are shown to be within their margins."""
    assert Verdict.PASS is report(seen()).verdict


def test_a_wrong_candidate_fails() -> None:
    """One failed gate fails the deployment and the trial, and its reason comes first."""
    found = report(seen(predictions=[0] * COUNT))
    assert Verdict.FAIL is found.verdict
    assert only(found).reasons[0].startswith("accuracy: worse than the margin")


def test_a_slow_candidate_fails() -> None:
    """Twice the latency is beyond 10 %."""
    found = report(seen(latencies=latencies(2.0)))
    assert Verdict.FAIL is found.verdict
    assert any(reason.startswith("latency_p50") for reason in only(found).reasons)


def test_errors_take_requests_out_of_the_accuracy_and_fail_their_own_gate() -> None:
    """A request that one version did not answer is compared by the errors metric alone."""
    errors: list[str | None] = ["timeout" if index % 10 == 0 else None for index in range(COUNT)]
    found = {c.metric: c for c in only(report(seen(errors=errors))).comparisons}
    assert 360 == found["accuracy"].samples
    assert (0.1, Verdict.FAIL) == (found["errors"].candidate, found["errors"].verdict)


@pytest.mark.parametrize(
    ("expected", "failed"),
    [
        (Verdict.FAIL, ["forest@candidate"]),
        (Verdict.ERROR, ["forest@baseline"]),
        (Verdict.ERROR, ["forest@baseline", "forest@candidate"]),
    ],
)
def test_whose_failure_it_is_decides(expected: Verdict, failed: list[str]) -> None:
    """A candidate that fails where the baseline lives has failed; anything else is an error."""
    found = report(seen(failures={name: failure() for name in failed}))
    assert (expected, expected) == (found.verdict, only(found).verdict)
    assert {cell.cell for cell in only(found).cells if cell.result.failure} == set(failed)


def test_nothing_judged_is_inconclusive() -> None:
    """Without a gate and without a test there is no pass."""
    found = report(replace(seen(metrics=(replace(metric("latency_p50"), gate=False),)), rows={}))
    assert Verdict.INCONCLUSIVE is found.verdict
    assert "nothing was judged" in only(found).reasons[0]


def test_an_interrupted_trial_is_at_best_inconclusive() -> None:
    """Even where everything that was finished passed."""
    assert Verdict.INCONCLUSIVE is report(seen(), complete=False).verdict


def a_test(cell: str, *, passed: bool) -> tuple[TestResult, ...]:
    """One external test."""
    return (
        TestResult(
            cell=cell,
            test="smoke",
            kind="pytest",
            passed=passed,
            metrics={"figure": 1.0},
            message="" if passed else "no such page",
        ),
    )


def test_a_failed_test_fails_the_trial_and_says_whether_it_failed_before() -> None:
    """The candidate's tests are gates."""
    before = {"forest@baseline": a_test("forest@baseline", passed=False)}
    found = report(seen(tests=before | {"forest@candidate": a_test("forest@candidate", passed=False)}))
    assert Verdict.FAIL is found.verdict
    assert "test smoke failed (it fails on the baseline as well): no such page" in only(found).reasons[0]
    assert Verdict.PASS is report(seen(tests=before)).verdict


def test_figures_that_tests_stored_are_compared() -> None:
    """Informative, unless the configuration names them."""
    tests = {name: a_test(name, passed=True) for name in ("forest@baseline", "forest@candidate")}
    found = {c.metric: c for c in only(report(seen(tests=tests))).comparisons}
    assert (1.0, 1.0, None) == (found["figure"].baseline, found["figure"].candidate, found["figure"].verdict)


def test_what_changed_in_the_stack_is_told() -> None:
    """Added, removed and changed packages."""
    before = (Package(name="numpy", version="1"), Package(name="old", version="1"))
    after = (Package(name="numpy", version="2"), Package(name="new", version="1"))
    stack = only(report(seen(packages={"forest@baseline": before, "forest@candidate": after}))).stack
    assert stack is not None
    assert ((after[1],), (before[1],), ((before[0], after[0]),)) == (stack.added, stack.removed, stack.changed)


def test_an_axis_is_credited_with_what_it_alone_did() -> None:
    """Code alone doubles the latency of the baseline."""
    effects = {effect.metric: effect for effect in only(report(seen(mixed=True))).attribution}
    slower = effects["latency_p50"]
    assert Axis.CODE is slower.axis
    assert slower.effect == pytest.approx(float(np.median(latencies())), rel=0.05)
    assert effects["accuracy"].effect == 0.0


def test_a_mixed_cell_that_failed_is_an_effect_without_figure() -> None:
    """It says why, and leaves the verdict alone."""
    found = report(seen(mixed=True, failures={"forest@baseline+code": failure()}))
    assert Verdict.PASS is found.verdict
    assert {None} == {effect.effect for effect in only(found).attribution}
    assert "it ended" in only(found).attribution[0].note


def test_a_new_deployment_without_limits_is_inconclusive() -> None:
    """There is nothing to hold it to: that it answers is not enough."""
    found = report(seen(new=True))
    assert Verdict.INCONCLUSIVE is found.verdict
    assert "nothing says whether it is good enough" in only(found).reasons[0]


def test_a_new_deployment_passes_by_its_tests() -> None:
    """They are what it is held to."""
    tests = {"forest@candidate": a_test("forest@candidate", passed=True)}
    assert Verdict.PASS is report(seen(new=True, tests=tests)).verdict


def test_a_new_deployment_that_fails_requests_fails_whatever_its_tests_say() -> None:
    """Without a baseline the margin of the errors is held against a service that fails none."""
    tests = {"forest@candidate": a_test("forest@candidate", passed=True)}
    errors: list[str | None] = ["http_5xx" if index % 10 == 0 else None for index in range(COUNT)]
    found = report(seen(new=True, tests=tests, errors=errors))
    assert Verdict.FAIL is found.verdict
    assert only(found).reasons[0].startswith("errors: ")


def test_a_new_deployment_is_held_to_its_limits() -> None:
    """A limit needs no baseline."""
    limited = (replace(metric("accuracy"), margin=None, margin_text="", limit=0.9),)
    assert Verdict.PASS is report(seen(new=True, metrics=limited)).verdict
    assert Verdict.FAIL is report(seen(new=True, metrics=limited, predictions=[0] * COUNT)).verdict


def test_labels_choose_the_usual_metric() -> None:
    """Whole numbers and text are classes, fractions are figures."""
    plain = (metric("errors"),)
    found = seen(metrics=plain)
    assert "accuracy" in {c.metric for c in only(report(found)).comparisons}
    fractions = replace(found, rows={"forest": rows([label + 0.5 for label in LABELS])})
    assert {"mae", "rmse"} <= {c.metric for c in only(report(fractions)).comparisons}


def test_a_gate_without_a_figure_is_inconclusive_and_says_why() -> None:
    """The size of a stack that seatrial did not build is not known, and what is not known never passes."""
    gated = (*MET, replace(metric("stack_size"), gate=True, margin=0.1, margin_text="10%", relative=True))
    found = {c.metric: c for c in only(report(seen(metrics=gated))).comparisons}
    assert Verdict.INCONCLUSIVE is found["stack_size"].verdict
    assert "neither built nor started" in found["stack_size"].reason
    assert "ready_seconds" not in found, "nothing is shown of what was not seen and not asked for"


FAIL, PASS, OPEN = Verdict.FAIL, Verdict.PASS, Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("expected", "verdicts"),
    [
        (False, {}),
        (False, {"a": [None]}),
        (True, {"a": [PASS, PASS]}),
        (False, {"a": [PASS, OPEN]}),
        (True, {"a": [FAIL, OPEN]}),
        (False, {"a": [FAIL, OPEN], "b": [PASS, OPEN]}),
        (True, {"a": [FAIL, OPEN], "b": [PASS, None]}),
    ],
)
def test_a_failed_gate_settles_its_deployment(expected: bool, verdicts: dict[str, list[Verdict | None]]) -> None:  # noqa: FBT001
    """The worst wins, so no open gate can change a failure; the other deployments still have to be settled."""
    found = [
        Comparison(deployment=name, metric=str(index), family=Family.MODEL, verdict=verdict)
        for name, its in verdicts.items()
        for index, verdict in enumerate(its)
    ]
    assert expected is is_settled(found)


def test_cells_are_summed_up_for_the_plots() -> None:
    """Quantiles, errors by kind, throughput and how late the driver was."""
    errors: list[str | None] = ["timeout", *[None] * (COUNT - 1)]
    (candidate,) = (cell for cell in only(report(seen(errors=errors))).cells if cell.role is Role.CANDIDATE)
    assert ({"timeout": 1}, COUNT - 1, 0.0) == (candidate.errors, candidate.good, candidate.lag_p99)
    assert candidate.latency is not None
    assert list(candidate.latency.seconds) == sorted(candidate.latency.seconds)
