"""One report of the reports of several deployments."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.bot.merge import Part, merge
from seatrial.records import Failure, PermanentError, Report, Stage, Verdict, worst
from seatrial.trial.report import encode_report, load_report, render_html, render_markdown
from tests.report import builders

BEGAN = datetime(2026, 5, 4, 12, tzinfo=UTC)
ENDED = BEGAN + timedelta(minutes=5)


def one(name: str, verdict: Verdict = Verdict.PASS, **fields: Any) -> Report:
    """The report of one deployment."""
    return replace(builders.report(replace(builders.deployment(name), verdict=verdict)), verdict=verdict, **fields)


def merged(*parts: Part) -> Report:
    """Of parts."""
    return merge(parts, run="t1", started=BEGAN, ended=ENDED)


def test_deployments_keep_their_order_and_their_rows() -> None:
    """That of the parts; times and the run's id are the whole trial's, notes are told once, seconds are added."""
    first = one("b", notes=("same", "first"), timings={"drive": 1.0}, settings={"rate": "5/s"}, machine={"cores": "2"})
    second = one(
        "a", notes=("same",), timings={"drive": 2.0, "build": 1.0}, settings={"rate": "9/s"}, machine={"cores": "2"}
    )
    report = merged(Part(deployment="b", report=first), Part(deployment="a", report=second))

    assert ["b", "a"] == [each.name for each in report.deployments]
    assert ("t1", BEGAN, ENDED, True) == (report.run, report.started, report.ended, report.complete)
    assert ("same", "first") == report.notes
    assert {"drive": 3.0, "build": 1.0} == report.timings
    assert ({"rate": "5/s, 9/s"}, {"cores": "2"}) == (report.settings, report.machine)


def test_what_died_is_a_row_with_the_end_of_its_log() -> None:
    """It is an error; the others keep their verdicts, and every form of the report shows it."""
    failure = Failure(stage=Stage.DRIVE, message="its trial ended: SIGKILL", exit_status=-9, log_tail="the end")
    report = merged(Part(deployment="a", report=one("a")), Part(deployment="b", failure=failure))

    assert [Verdict.PASS, Verdict.ERROR] == [each.verdict for each in report.deployments]
    assert Verdict.ERROR is report.verdict
    assert failure == report.deployments[1].cells[0].result.failure
    assert "SIGKILL" in report.headline
    assert report == load_report(encode_report(report))
    assert "the end" in render_markdown(report)
    assert "the end" in render_html(report)


def test_a_report_about_something_else_is_no_report_of_it() -> None:
    """A fork's code could write any: only the row of the deployment that was asked for counts."""
    report = merged(Part(deployment="a", report=one("b")), Part(deployment="c", report=one("c")))

    assert [("a", Verdict.ERROR), ("c", Verdict.PASS)] == [(each.name, each.verdict) for each in report.deployments]


def test_nothing_passes_that_is_not_complete() -> None:
    """One interrupted part makes the whole inconclusive at best, and the headline says so."""
    report = merged(Part(deployment="a", report=one("a")), Part(deployment="b", report=one("b", complete=False)))

    assert (False, Verdict.INCONCLUSIVE) == (report.complete, report.verdict)
    assert report.headline.startswith("Interrupted")


def test_no_report_at_all_is_no_report() -> None:
    """Nothing is known of the change then."""
    with pytest.raises(PermanentError, match="no deployment"):
        merged(Part(deployment="a", failure=Failure(stage=Stage.BUILD, message="x")))


@given(st.lists(st.sampled_from(list(Verdict)), min_size=1, max_size=6))
def test_the_worst_verdict_wins(verdicts: list[Verdict]) -> None:
    """Whatever the order."""
    parts = [Part(deployment=str(at), report=one(str(at), verdict)) for at, verdict in enumerate(verdicts)]

    assert worst(verdicts) is merged(*parts).verdict
