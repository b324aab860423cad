"""The report as tables of words: headline, rows of the terminal, tables per family."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from seatrial.records import Verdict, worst
from seatrial.trial.report import compose_headline, headline, outcomes, rows, tables
from tests.report import builders


def test_the_headline_of_a_pass_names_deciding_figures() -> None:
    """How many gates hold, and the first of each family with its numbers."""
    said = headline(builders.report())
    assert said.startswith("All 5 gates hold: accuracy 92.1 → 96.8% (+4.7 pp [+3.5, +5.9]), latency_p99 12.1 → 12.5 ms")


def test_the_headline_of_a_pass_by_tests_alone_says_so() -> None:
    """There is no figure that decided."""
    tested = replace(builders.deployment(), comparisons=())
    assert "The test passes, and no metric is a gate." == compose_headline((tested,), Verdict.PASS)


def test_the_headline_of_a_failure_names_what_failed_and_what_was_allowed() -> None:
    """The reader needs no table to see why."""
    said = headline(builders.report(builders.deployment(slower=1.52), builders.deployment("ridge")))
    assert said == (
        "logistic's latency_p99 went 12.1 → 18.5 ms (+6.3 ms, 95% interval [+5.2, +7.4]); "
        "allowed: at most +3.03 ms (25%); 1 of 2 deployments passes."
    )


def test_the_headline_of_an_error_says_where_it_broke() -> None:
    """Cell, stage, exit status and message."""
    said = headline(builders.report(builders.deployment(), builders.broken_deployment()))
    assert said.startswith("forest@candidate failed at start (exit status 1): it ended before it was healthy; 1 of 2")


def test_the_headline_of_what_is_open_says_what_would_settle_it() -> None:
    """Inconclusive comes with the number of requests that it needs."""
    assert "needs about 1,240 more requests" in headline(builders.report(builders.undecided_deployment()))


def test_an_interrupted_trial_says_so_first() -> None:
    """Nobody takes a part for the whole."""
    assert headline(builders.report(complete=False)).startswith("Interrupted. So far: ")


def test_a_trial_without_deployments_never_passes() -> None:
    """No data never passes."""
    assert "no data never passes" in compose_headline((), Verdict.INCONCLUSIVE)


def test_there_is_a_row_per_gate_the_worst_first() -> None:
    """Figures for information are left to the reports."""
    found = rows(builders.report(builders.deployment(slower=1.52)))
    assert [row.metric for row in found] == ["latency_p99", "accuracy", "f1", "errors", "memory_peak"]
    assert (found[0].symbol, found[0].change, found[0].held) == ("✘", "12.1 → 18.5 ms", "at most +3.03 ms (25%)")


def test_a_deployment_that_broke_keeps_its_row() -> None:
    """A row whose note says why there is no figure."""
    (row,) = rows(builders.report(builders.broken_deployment()))
    assert (row.metric, row.symbol) == ("", "!")
    assert row.note == "forest@candidate failed at start (exit status 1): it ended before it was healthy"


def test_families_have_one_row_per_deployment_and_gated_metrics_first() -> None:
    """Also the deployment that has no figures at all."""
    families = tables.family_tables(builders.six())
    assert [family.title for family in families] == [
        "Model metrics",
        "Application metrics",
        "Platform metrics",
        "Metrics from tests",
    ]
    assert all(len(family.rows) == 6 for family in families)
    application = families[1]
    assert [column.metric for column in application.columns][:3] == ["latency_p99", "errors", "latency_p50"]
    assert application.rows[3].broken == "failed at start (exit status 1)"


def test_slices_are_grouped_by_column_with_the_gap_last() -> None:
    """However they are ordered in the record."""
    groups = tables.slice_groups(builders.sliced_deployment())
    assert {name: [c.slice for c in found] for name, found in groups.items()} == {
        "colour": ["colour=red", "colour=green", "colour=blue", "gap(colour)"],
        "age": ["age=[0, 30)", "age=[30, 60)", "age=[60, ∞)", "gap(age)"],
    }


def test_tests_count_their_cases_per_version() -> None:
    """Passed of those that ran, for baseline and candidate."""
    whole = builders.deployment()
    broken = replace(whole.cells[1].result, tests=(builders.behave_result("logistic@candidate", passed=False),))
    changed = replace(whole, cells=(whole.cells[0], replace(whole.cells[1], result=broken)))
    (row,) = outcomes.tested(builders.report(changed))
    assert (row.baseline, row.candidate, row.passed) == ("3 of 3 cases passed", "2 of 3 cases passed", False)


def test_the_command_runs_it_again_and_is_safe_to_paste() -> None:
    """Commits instead of moving names; quoted for a shell."""
    report = builders.report()
    change = replace(report.change, project="a b; rm -rf $HOME")
    assert tables.reproduce(replace(report, change=change)) == (
        "seatrial trial 'a b; rm -rf $HOME' --base 1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d"
    )


def test_a_trial_of_registered_versions_is_repeated_as_a_promotion() -> None:
    """By the version's number, since no commit holds its files."""
    report = builders.report()
    candidate = replace(report.change.candidate, registered="wine@3")
    change = replace(report.change, project=".", candidate=candidate)
    assert "seatrial promote wine --version 3" == tables.reproduce(replace(report, change=change))
    below = replace(change, project="my service")
    assert "seatrial promote wine --version 3 --project 'my service'" == tables.reproduce(replace(report, change=below))


@given(st.lists(st.sampled_from(["pass", "fail", "broken", "open"]), max_size=4), st.booleans())
def test_any_mixture_has_a_headline_of_one_sentence(kinds: list[str], complete: bool) -> None:  # noqa: FBT001
    """A composed headline is one line and ends with a full stop."""
    made = {
        "pass": builders.deployment,
        "fail": lambda: builders.deployment(slower=1.5),
        "broken": builders.broken_deployment,
        "open": builders.undecided_deployment,
    }
    found = [made[kind]() for kind in kinds]
    verdict = worst(d.verdict for d in found)
    said = compose_headline(found, verdict, complete=complete)
    assert said.endswith(".")
    assert "\n" not in said
