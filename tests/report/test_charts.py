"""The plots as data."""

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.pages.vega import thin
from seatrial.records import Direction, LatencySummary, Usage, UsagePoint, Verdict
from seatrial.trial.report import charts, effects, mermaid
from seatrial.trial.report.curves import latency, latency_tail, quantiles, timelines, usage_line
from tests.report import builders


def rows(spec: charts.Spec | None) -> list[dict[str, Any]]:
    """The rows of a plot that must be there."""
    assert spec is not None
    values: list[dict[str, Any]] = spec["data"]["values"]
    return values


def gate(**changes: Any) -> dict[str, Any]:
    """The one row of the forest plot of one gate."""
    deployment = replace(builders.deployment(), comparisons=(builders.comparison(**changes),))
    (row,) = rows(charts.margins(builders.report(deployment)))
    return row


def test_the_margin_is_one_and_no_difference_zero() -> None:
    """Half of the margin worse is 0.5, whichever direction is better."""
    lower = gate(baseline=1.0, candidate=1.5, half=0.2, margin=1.0, direction=Direction.LOWER)
    higher = gate(baseline=1.0, candidate=0.5, half=0.2, margin=1.0, direction=Direction.HIGHER)
    for row in (lower, higher):
        assert pytest.approx((0.3, 0.5, 0.7)) == (row["low"], row["point"], row["high"])


def test_what_reaches_beyond_the_axis_is_an_arrow() -> None:
    """Positions stay inside; `right` or `left` says that it goes on."""
    row = gate(baseline=1.0, candidate=11.0, half=0.2, margin=1.0, direction=Direction.LOWER, verdict=Verdict.FAIL)
    assert (row["high"], row["right"], row["left"], row["inside"]) == (3.0, True, False, False)


def test_a_margin_of_zero_is_drawn_around_the_line() -> None:
    """In units of its own half width, so that nothing is divided by zero."""
    row = gate(baseline=1.0, candidate=1.0, half=0.2, margin=0.0, direction=Direction.LOWER)
    assert pytest.approx((0.0, 1.0, 2.0)) == (row["low"], row["point"], row["high"])


@given(
    *[st.floats(allow_nan=True, allow_infinity=True)] * 2,
    st.floats(min_value=0),
    st.floats(min_value=0, allow_infinity=False),
)
def test_any_interval_has_a_place_on_the_axis(baseline: float, candidate: float, half: float, margin: float) -> None:
    """Or none at all; never a position that isn't a number."""
    changed = builders.comparison(baseline=baseline, candidate=candidate, half=half, margin=margin)
    spec = charts.margins(builders.report(replace(builders.deployment(), comparisons=(changed,))))
    for row in rows(spec) if spec else []:
        assert all(math.isfinite(row[key]) for key in ("low", "point", "high"))
        assert row["low"] <= row["point"] <= row["high"]


def test_many_gates_are_cut_to_those_nearest_to_their_margin() -> None:
    """Forty rows, and the caption says of how many."""
    report = builders.many(16, points=5)
    assert len(rows(charts.margins(report))) == 40
    assert "40 of 64" in charts.margins_caption(report)


def test_a_distribution_has_a_line_per_cell_of_at_most_200_points() -> None:
    """Shares from 0 to 1, latencies in one unit."""
    spec = latency(builders.deployment())
    found = rows(spec)
    assert {row["cell"] for row in found} == {"baseline", "candidate"}
    assert max(sum(row["cell"] == name for row in found) for name in ("baseline", "candidate")) <= 200
    assert spec is not None
    assert spec["encoding"]["x"]["title"] == "latency (ms, log scale)"
    assert (found[0]["share"], max(row["share"] for row in found)) == (0.0, 1.0)


def test_the_tail_spreads_percentiles_by_their_odds() -> None:
    """p90 lies at 10, p99 at 100; the maximum has no place there."""
    found = rows(latency_tail(builders.deployment()))
    assert {row["percentile"]: row["odds"] for row in found if row["percentile"] in {99.0, 99.9}} == {
        99.0: 100.0,
        99.9: 1000.0,
    }
    assert all(math.isfinite(row["odds"]) for row in found)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 100) | st.just(math.nan)), max_size=500))
def test_quantiles_are_few_and_positive(pairs: list[tuple[float, float]]) -> None:
    """A logarithmic axis has no zero; what isn't a number is left out."""
    summary = LatencySummary(levels=tuple(p[0] for p in pairs), seconds=tuple(p[1] for p in pairs))
    found = quantiles(summary)
    assert len(found) <= 200
    assert all(seconds > 0 for _, seconds in found)


@given(st.integers(0, 2000), st.integers(2, 300))
def test_thinning_keeps_both_ends_and_the_order(size: int, most: int) -> None:
    """At most `most`, evenly spread."""
    kept = thin(range(size), most)
    assert len(kept) == min(size, most)
    assert all(a < b for a, b in pairwise(kept))
    assert not size or (kept[0], kept[-1]) == (0, size - 1)


def test_timelines_keep_the_peak_and_the_total_however_thin() -> None:
    """The highest memory survives; cores × time is the CPU time that was used."""
    points = tuple(UsagePoint(at=i / 10, cpu_seconds=i / 20, memory=100 + (10**6) * (i == 777)) for i in range(5000))
    line = usage_line(points)
    assert len(line) <= 300
    assert max(memory for _, _, memory in line) == 10**6 + 100
    assert all(cores == pytest.approx(0.5) for _, cores, _ in line)


def test_a_clock_that_stands_still_or_usage_that_drops_breaks_nothing() -> None:
    """Spans without time are left out; negative usage is none."""
    points = (
        UsagePoint(at=0, cpu_seconds=1, memory=1),
        UsagePoint(at=0, cpu_seconds=2, memory=2),
        UsagePoint(at=1, cpu_seconds=0, memory=3),
    )
    assert usage_line(points) == [(1, 0.0, 3.0)]


def test_cells_differ_in_colour_and_in_dashes() -> None:
    """In the key and in every plot alike."""
    deployment = builders.sliced_deployment()
    lines = charts.key(deployment)
    assert len({line.colour for line in lines}) == len({tuple(line.dash) for line in lines}) == 5
    spec = latency(deployment)
    assert spec is not None
    assert spec["layer"][0]["encoding"]["color"]["scale"]["range"] == [line.colour for line in lines]


def test_slices_show_both_versions_and_the_gap() -> None:
    """One plot per column and metric; the gap in its caption."""
    found = dict(effects.slices(builders.sliced_deployment()))
    assert list(found) == ["accuracy by colour, largest gap 5.0 → 3.0%", "accuracy by age, largest gap 5.0%"]
    assert [row["slice"] for row in rows(next(iter(found.values())))] == ["red", "green", "blue"]


def test_attribution_shows_an_effect_per_axis() -> None:
    """With its interval, in the metric's unit."""
    found = dict(effects.attribution(builders.sliced_deployment()))
    assert list(found) == ["accuracy", "latency_p99"]
    assert [(row["axis"], row["effect"], row["low"]) for row in rows(found["accuracy"])] == [
        ("code", 0.1, -0.3),
        ("data", 1.2, 0.6),
        ("model", 3.1, 2.3),
    ]


def test_without_figures_there_are_no_plots() -> None:
    """Of a deployment whose cells never started."""
    broken = builders.broken_deployment()
    bare = replace(broken, cells=broken.cells[1:])
    assert charts.of_deployment(bare) == ()
    assert charts.margins(builders.report(bare)) is None
    assert timelines(bare) is None
    assert (mermaid.latency(bare), mermaid.margins(builders.report(bare))) == ("", "")


def test_empty_usage_is_no_plot() -> None:
    """One point is no line."""
    cell = builders.cell()
    one = replace(cell, result=replace(cell.result, usage=Usage(source="psutil", points=cell.result.usage.points[:1])))  # type: ignore[union-attr]
    assert timelines(replace(builders.deployment(), cells=(one,))) is None


def test_every_plot_describes_itself() -> None:
    """For a screen reader."""
    for group in charts.of_deployment(builders.sliced_deployment()):
        assert all(len(spec["description"]) > 10 for _, spec in group.plots)


def test_mermaid_numbers_have_no_exponent() -> None:
    """Mermaid's grammar knows none."""
    assert [mermaid._figure(value) for value in (0.0, 1.5e-7, 123456.0, math.inf)] == [
        "0",
        "0.000000150",
        "123456",
        "0",
    ]
