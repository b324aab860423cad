"""A trained model is judged on held-out rows: by limits, and beside the stage's model on the same rows."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from seatrial.records import (
    Artifact,
    ColumnKind,
    ColumnSpec,
    Comparison,
    Direction,
    Family,
    Gated,
    GateSpec,
    MetricSpec,
    ModelVersion,
    PermanentError,
    Slice,
    SplitResult,
    UsageError,
    Verdict,
)
from seatrial.retrain.gate import Contest, gate
from tests.registry.registering import ADA, NOON
from tests.retrain.splitting import RMSE, dataset

ROWS = 600
COLUMNS = (
    ColumnSpec(name="user", kind=ColumnKind.INTEGER),
    ColumnSpec(name="group", kind=ColumnKind.TEXT),
    ColumnSpec(name="age", kind=ColumnKind.NUMBER, optional=True),
    ColumnSpec(name="label", kind=ColumnKind.NUMBER),
)
THIRD = ModelVersion(
    model="recommender",
    number=3,
    artifact=Artifact(digest="sha256:3", name="m.json"),
    stage="Production",
    creator=ADA,
    created=NOON,
)
MARGIN = replace(RMSE, limit=None, margin=0.05, margin_text="5%", relative=True)
BOTH = replace(RMSE, margin=0.05, margin_text="5%", relative=True, limit=1.0)


def drawn(seed: int = 0, size: int = ROWS) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Labels, and standard normal errors."""
    generator = np.random.default_rng(seed)
    return generator.uniform(1, 5, size), generator.normal(0, 1, size)


def judged(
    folder: Path,
    metrics: Sequence[MetricSpec],
    labels: Sequence[Any] | NDArray[Any],
    candidate: Sequence[Any] | NDArray[Any],
    baseline: Sequence[Any] | NDArray[Any] | None = None,
    **more: Any,
) -> Gated:
    """What the gate finds of these answers; every row is of the user and group that its place says."""
    kind = ColumnKind.TEXT if isinstance(labels[0], str) else ColumnKind.NUMBER
    columns = (*COLUMNS[:3], ColumnSpec(name="label", kind=kind))
    rows = [
        (place % 40, "ab"[place % 2], None if place % 3 else 20.0 + place % 50, label)
        for place, label in enumerate(labels)
    ]
    truth = dataset(folder, rows, columns)
    files = [_written(folder / f"{whose}.csv", given) for whose, given in (("new", candidate), ("old", baseline))]
    split = SplitResult(
        train_file="",
        test_file="",
        truth_file=str(truth),
        train_rows=1,
        test_rows=len(labels),
        train_digest="",
        test_digest="",
    )
    return gate(
        GateSpec(metrics=tuple(metrics), **more),
        split,
        folder / "new.csv",
        files[1],
        columns=columns,
        label="label",
        contest=Contest(
            model="recommender",
            artifact="sha256:4",
            stage="Production",
            baseline=None if baseline is None else THIRD,
        ),
        project=folder,
        seed=1,
    )


def _written(file: Path, predictions: Sequence[Any] | NDArray[Any] | None) -> Path | None:
    if predictions is None:
        return None
    file.write_text("prediction\n" + "".join(f"{value}\n" for value in predictions))
    return file


def whole(found: Gated) -> Comparison:
    """The first comparison, over all rows."""
    return found.comparisons[0]


def test_a_limit_is_held_against_the_candidates_own_interval(tmp_path: Path) -> None:
    """Surely below passes, surely above fails, in between nothing is said."""
    labels, errors = drawn()
    for spread, verdict, told in (
        (0.8, Verdict.PASS, "shown to be within the limit of 1"),
        (1.3, Verdict.FAIL, "worse than the limit of 1 allows"),
        (1.01, Verdict.INCONCLUSIVE, "not yet shown|looks worse"),
    ):
        found = judged(tmp_path, [RMSE], labels, labels + spread * errors)
        assert (verdict, verdict) == (found.verdict, whole(found).verdict)
        assert any(part in found.headline for part in told.split("|"))
        assert "its own 95% interval is " in whole(found).reason
        assert found.headline.startswith("the gate holds: rmse is 0.7" if verdict is Verdict.PASS else "rmse is ")
        assert "on 600 held-out rows" in found.headline


def test_without_a_baseline_only_limits_judge(tmp_path: Path) -> None:
    """A first model shows no difference to anything, and a margin alone lets nothing pass."""
    labels, errors = drawn()
    found = judged(tmp_path, [BOTH], labels, labels + 0.5 * errors)
    assert (Verdict.PASS, None) == (found.verdict, found.baseline)
    assert (None, None, None) == (whole(found).baseline, whole(found).difference, whole(found).interval)
    unjudged = judged(tmp_path, [MARGIN], labels, labels + 0.5 * errors)
    assert (Verdict.INCONCLUSIVE, None) == (unjudged.verdict, whole(unjudged).verdict)
    assert "nobody holds Production, and no metric has a limit" in unjudged.headline


def test_the_stages_model_is_compared_on_the_same_rows(tmp_path: Path) -> None:
    """Paired: what both find hard cancels, so a small difference is told where two averages would tell nothing."""
    labels, errors = drawn(size=200)
    worse = judged(tmp_path, [MARGIN], labels, labels + 1.08 * errors, labels + errors)
    assert (Verdict.FAIL, 3) == (worse.verdict, worse.baseline)
    assert worse.headline.startswith("rmse went ")
    assert "from recommender@3 (Production) on the same 200 held-out rows" in worse.headline
    assert "worse than the margin of 5% allows" in worse.headline
    interval = whole(worse).interval
    assert interval is not None
    assert 0.05 < interval.low < 0.08 * float(np.sqrt(np.mean(errors**2))) + 0.001
    better = judged(tmp_path, [MARGIN], labels, labels + 0.97 * errors, labels + errors)
    assert Verdict.PASS is better.verdict
    assert "95% interval [−" in better.headline


def test_a_limit_and_a_margin_are_both_held(tmp_path: Path) -> None:
    """Worst wins: within the limit and worse than Production is refused, and so is the reverse."""
    labels, errors = drawn()
    regressed = judged(tmp_path, [BOTH], labels, labels + 0.8 * errors, labels + 0.5 * errors)
    assert (Verdict.FAIL, True) == (regressed.verdict, "margin of 5%" in regressed.headline)
    improved = judged(tmp_path, [BOTH], labels, labels + 1.3 * errors, labels + 1.8 * errors)
    assert (Verdict.FAIL, True) == (improved.verdict, "limit of 1" in improved.headline)


def test_few_rows_are_inconclusive_and_say_how_many_would_settle_it(tmp_path: Path) -> None:
    """No pass by chance."""
    labels, errors = drawn(3, 12)
    found = judged(tmp_path, [RMSE], labels, labels + 0.9 * errors)
    assert Verdict.INCONCLUSIVE is found.verdict
    assert "more held-out rows" in found.headline


def test_rows_of_one_user_are_not_independent(tmp_path: Path) -> None:
    """With a cluster the interval is that of the users."""
    labels, errors = drawn()
    user = np.random.default_rng(5).normal(0, 1, 40)
    candidate = labels + 0.6 * user[np.arange(ROWS) % 40] + 0.3 * errors
    alone = judged(tmp_path, [MARGIN], labels, candidate, labels + 0.5 * errors)
    together = judged(tmp_path, [MARGIN], labels, candidate, labels + 0.5 * errors, cluster="user")
    intervals = [whole(found).interval for found in (alone, together)]
    widths = [interval.high - interval.low for interval in intervals if interval is not None]
    assert widths[1] > 2 * widths[0]


def test_groups_and_the_gap_between_them(tmp_path: Path) -> None:
    """Slices are shown; a gap that may not grow, and does, refuses the model."""
    labels, errors = drawn()
    slow = np.where(np.arange(ROWS) % 2 == 0, 0.9, 0.3)
    fair = replace(MARGIN, margin=1.0, margin_text="1", relative=False, gap=0.2)
    found = judged(
        tmp_path, [fair], labels, labels + slow * errors, labels + 0.6 * errors, slices=(Slice(column="group"),)
    )
    assert ["", "group=a", "group=b", "gap(group)"] == [c.slice for c in found.comparisons]
    assert [Verdict.PASS, None, None, Verdict.FAIL] == [c.verdict for c in found.comparisons]
    assert found.headline.startswith("rmse [gap between group] went ")


def test_a_column_with_holes_can_be_a_slice(tmp_path: Path) -> None:
    """Rows without an age are a slice of their own."""
    labels, errors = drawn(size=300)
    found = judged(tmp_path, [RMSE], labels, labels + 0.5 * errors, slices=(Slice(column="age", bins=(40.0,)),))
    assert {"age=below 40", "age=40 and above", "age=missing"} < {c.slice for c in found.comparisons}


def test_classes_are_judged_as_well(tmp_path: Path) -> None:
    """Accuracy of texts, beside the stage's."""
    generator = np.random.default_rng(8)
    labels = generator.choice(["red", "green"], 400).tolist()
    flipped = generator.uniform(size=400)
    swap = {"red": "green", "green": "red"}
    new = [swap[label] if chance < 0.3 else label for label, chance in zip(labels, flipped, strict=True)]
    old = [swap[label] if chance < 0.1 else label for label, chance in zip(labels, flipped, strict=True)]
    accuracy = MetricSpec(
        name="accuracy",
        family=Family.MODEL,
        direction=Direction.HIGHER,
        function="accuracy_score",
        margin=0.05,
        gate=True,
        unit="fraction",
    )
    found = judged(tmp_path, [accuracy], labels, new, old)
    assert Verdict.FAIL is found.verdict
    assert "accuracy went 9" in found.headline
    assert Verdict.PASS is judged(tmp_path, [accuracy], labels, old, new).verdict


def test_answers_of_another_kind_are_an_error(tmp_path: Path) -> None:
    """Texts where numbers are wanted can't be judged, and what can't be judged never passes."""
    labels, _ = drawn(size=20)
    found = judged(tmp_path, [RMSE], labels, ["good"] * 20)
    assert Verdict.ERROR is found.verdict
    assert "must be numbers" in found.headline


def test_the_projects_own_function(tmp_path: Path) -> None:
    """`module:function` judges too, and one that is not there is the user's to mend."""
    (tmp_path / "taste_of_ours.py").write_text(
        "def near(labels, predictions):\n    return float((abs(labels - predictions) < 0.5).mean())\n"
    )
    labels, errors = drawn(size=120)
    near = MetricSpec(
        name="near",
        family=Family.MODEL,
        direction=Direction.HIGHER,
        function="taste_of_ours:near",
        limit=0.5,
        gate=True,
    )
    assert Verdict.PASS is judged(tmp_path, [near], labels, labels + 0.2 * errors).verdict
    assert Verdict.FAIL is judged(tmp_path, [near], labels, labels + 5 * errors).verdict
    with pytest.raises(UsageError, match="can't be loaded"):
        judged(tmp_path, [replace(near, function="taste_of_ours:far")], labels, labels)


def test_a_metric_of_the_service_is_no_reason_to_pass(tmp_path: Path) -> None:
    """Held-out rows tell nothing of latency: gated, it has no data."""
    latency = MetricSpec(
        name="latency_p50", family=Family.APPLICATION, direction=Direction.LOWER, limit=0.1, gate=True, unit="s"
    )
    labels, errors = drawn()
    found = judged(tmp_path, [RMSE, latency], labels, labels + 0.1 * errors)
    assert Verdict.INCONCLUSIVE is found.verdict
    assert "latency_p50 can't be judged" in found.headline


def test_the_same_answers_are_judged_alike(tmp_path: Path) -> None:
    """A step that was cut off finds the same again, to the last digit."""
    labels, errors = drawn()
    r2 = MetricSpec(
        name="max", family=Family.MODEL, direction=Direction.LOWER, function="median_absolute_error", limit=1, gate=True
    )
    assert judged(tmp_path, [RMSE, r2], labels, labels + errors) == judged(
        tmp_path, [RMSE, r2], labels, labels + errors
    )


def test_torn_predictions_are_not_judged(tmp_path: Path) -> None:
    """A file that lost rows after it was checked is noticed."""
    labels, errors = drawn()
    with pytest.raises(PermanentError, match="of different lengths"):
        judged(tmp_path, [RMSE], labels, labels[1:] + errors[1:])
