"""The answer to `/seatrial explain METRIC`."""

from hypothesis import HealthCheck, given, settings

from seatrial.forge.explain import explain
from tests.forge.reading import NASTY, dangers
from tests.report import builders
from tests.report.test_markdown import hostile


def test_everything_of_a_metric_is_told_per_deployment() -> None:
    """Both values, the difference, its interval, what is allowed, samples, why, and what would settle it."""
    told = explain(builders.report(builders.undecided_deployment("ridge")), "accuracy")
    for fact in (
        "**`ridge`**: ❔ inconclusive",
        "| Baseline | 93.1% |",
        "| Candidate | 92.7% |",
        "| Difference | −0.4 pp |",
        "| Interval | \\[−1.7, +0.9], 95%, paired-bootstrap |",
        "| Allowed | at least −1 pp |",
        "| Samples | 500 |",
        "| Why | the interval holds the margin |",
        "| To settle it | about 1,240 more requests |",
    ):
        assert fact in told


def test_its_slices_are_shown() -> None:
    """Judged or not, with the gap between them."""
    told = explain(builders.report(builders.sliced_deployment()), "ACCURACY")
    assert "| `colour=red` | 93 → 97% | +4 pp \\[+1, +7] | 210 | for information, not judged |" in told
    assert "| largest gap between `colour` |" in told
    assert told == explain(builders.report(builders.sliced_deployment()), "accuracy [colour=red]")


def test_a_metric_that_is_only_shown_says_so() -> None:
    """Nothing is allowed and nothing is forbidden."""
    told = explain(builders.report(), "log_loss")
    assert "for information, not judged" in told
    assert "no margin and no limit is set for it" in told


def test_a_deployment_that_broke_says_why_there_is_no_figure() -> None:
    """It keeps its place."""
    told = explain(builders.report(builders.deployment(), builders.broken_deployment("forest")), "accuracy")
    assert "failed at start (exit status 1): it ended before it was healthy" in told


def test_an_unknown_metric_is_answered_with_the_nearest() -> None:
    """Or with all, where none is near."""
    report = builders.report()
    assert "no metric `latency_p95` in this trial. The nearest are `latency_p9" in explain(report, "latency_p95")
    assert "Known are `accuracy`" in explain(report, "zzz")
    assert "Nothing was measured" in explain(builders.report(builders.broken_deployment()), "accuracy")


def test_it_fits() -> None:
    """Slices give way first, then each deployment but one line, then lines."""
    report = builders.report(*(builders.sliced_deployment(f"model-{n}") for n in range(30)))
    for limit in (60_000, 20_000, 5_000, 800):
        told = explain(report, "accuracy", limit=limit)
        assert len(told.encode()) <= limit
        assert told.startswith("### `accuracy` in digits")
        assert ("Shortened" in told) == (limit < 60_000)


@given(NASTY)
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_nothing_untrusted_does_anything(text: str) -> None:
    """Neither what was asked nor what the trial holds."""
    assert dangers(explain(hostile(text), "accuracy")) == []
    assert dangers(explain(builders.report(), text)) == []
