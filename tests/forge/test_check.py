"""The check: queued, running with the live phase of each deployment, then the verdict; nothing but a pass is green."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings

from seatrial.forge.check import LONGEST_TITLE, CheckMaker, most_needed, verdict_title
from seatrial.forge.live import Live, live_table, live_title
from seatrial.records import (
    Check,
    CheckPhase,
    Conclusion,
    ForgeLimits,
    PermanentError,
    PublishTarget,
    Report,
    Stage,
    UsageError,
)
from seatrial.trial.progress import Progress
from seatrial.wording.text import one_line
from tests.forge.reading import NASTY, dangers
from tests.report import builders

AT = datetime(2026, 11, 21, 3, 15, tzinfo=UTC)
TARGET = PublishTarget(
    repository="ship/wine", number=7, commit="9f8e7d6c5b4a39", project="digits", run_url="https://ci.example/7"
)
SMALL = ForgeLimits(summary=900, annotations=1)


def maker(limits: ForgeLimits | None = None, target: PublishTarget = TARGET) -> CheckMaker:
    """The checks of one run."""
    return CheckMaker(target=target, key="run-7", limits=limits or ForgeLimits(), started=AT)


def ended(report: Report, *, newer: str = "", limits: ForgeLimits | None = None) -> Check:
    """The check of a report."""
    return maker(limits).ended(report, lines={}, newer=newer)


def live(*steps: Progress) -> Live:
    """What was heard of a trial."""
    heard = Live()
    for step in steps:
        heard.hear(step)
    return heard


def test_it_waits_then_runs_then_is_done() -> None:
    """With the same name and key in all phases."""
    checks = [maker().queued(), maker().running(Live()), ended(builders.report())]
    assert [CheckPhase.QUEUED, CheckPhase.RUNNING, CheckPhase.DONE] == [check.phase for check in checks]
    assert {("seatrial", "run-7", "9f8e7d6c5b4a39", "https://ci.example/7")} == {
        (check.name, check.key, check.commit, check.url) for check in checks
    }
    assert [None, None, Conclusion.SUCCESS] == [check.conclusion for check in checks]


def test_of_several_projects_the_name_tells_which() -> None:
    """`seatrial / PROJECT`, which nobody's name breaks."""
    several = replace(TARGET, several=True)
    assert maker(target=several).queued().name == "seatrial / digits"
    assert maker(target=replace(several, project="a\n\u202eb")).queued().name == "seatrial / a \\u202eb"


@pytest.mark.parametrize(
    ("report", "conclusion", "title"),
    [
        (builders.report(), Conclusion.SUCCESS, "Pass: All 5 gates hold: accuracy 92.1 → 96.8%"),
        (builders.six(), Conclusion.FAILURE, "Fail: random-forest's latency_p99 went 12.1 → 18.5 ms"),
        (
            builders.report(builders.undecided_deployment()),
            Conclusion.NEUTRAL,
            "Inconclusive: needs about 1,240 more requests; ridge's accuracy went",
        ),
        (
            builders.report(builders.broken_deployment()),
            Conclusion.ACTION_REQUIRED,
            "Broken: forest@candidate failed at start (exit status 1)",
        ),
    ],
    ids=lambda value: value.value if isinstance(value, Conclusion) else "",
)
def test_the_verdict_is_the_conclusion(report: Report, conclusion: Conclusion, title: str) -> None:
    """And the title says what decides."""
    check = ended(report)
    assert conclusion == check.conclusion
    assert check.title.startswith(title)
    assert len(check.title) <= LONGEST_TITLE


def test_the_most_needed_metric_tells_how_many_requests() -> None:
    """All are settled when the last one is."""
    whole = builders.undecided_deployment()
    more = replace(whole, comparisons=(*whole.comparisons, builders.comparison("f1", needs=9000)))
    assert most_needed(builders.report(more)) == 9000
    assert "needs about 9,000 more requests" in verdict_title(builders.report(more))
    assert most_needed(builders.report()) == 0


def test_a_running_check_counts_the_deployments() -> None:
    """How many are driven, and where the others are."""
    heard = live(
        Progress(stage=Stage.DRIVE, detail="driving, about 20 s"),
        Progress(cell="a@baseline", stage=Stage.TEST),
        Progress(cell="a@candidate", stage=Stage.DONE),
        Progress(cell="b@baseline", stage=Stage.DRIVE, done=500, total=500),
        Progress(cell="b@candidate", stage=Stage.DRIVE, done=500, total=500),
        Progress(cell="c@baseline", stage=Stage.DRIVE, done=100, total=500),
        Progress(cell="c@candidate", stage=Stage.DRIVE, done=500, total=500),
        Progress(cell="d@candidate", stage=Stage.BUILD, failed=True),
        Progress(cell="e@baseline", stage=Stage.BUILD),
        Progress(cell="e@candidate", stage=Stage.DRIVE),
    )
    assert live_title(heard) == "2 of 5 deployments driven, 1 being driven, 1 failed, 1 building"
    check = maker().running(heard)
    assert check.title == live_title(heard)
    assert "| `c` | being driven | 600 of 1,000 (60%) |" in check.summary
    assert "| `d` | failed at build |" in check.summary


def test_before_any_deployment_is_heard_of_it_says_what_the_trial_does() -> None:
    """From the whole trial's steps."""
    assert live_title(Live()) == "Running"
    assert (
        live_title(live(Progress(stage=Stage.CHECKOUT, detail="finding the baseline")))
        == "Running: finding the baseline"
    )
    assert live_table(Live()) == ""


def test_very_many_deployments_are_counted_and_not_all_shown() -> None:
    """A hundred rows."""
    heard = live(*(Progress(cell=f"m{n}@candidate", stage=Stage.BUILD) for n in range(150)))
    assert "and 50 more deployments" in live_table(heard)
    assert live_title(heard) == "0 of 150 deployments driven, 150 building"


def test_the_summary_and_the_remarks_fit() -> None:
    """As many lines as the forge takes; none where it takes none."""
    report = builders.report(*(builders.broken_deployment(f"forest-{n}") for n in range(30)))
    lines = {deployment.name: ("seatrial.yaml", 4) for deployment in report.deployments}
    small = maker(SMALL).ended(report, lines=lines, newer="")
    assert 0 < len(small.summary.encode()) <= SMALL.summary
    assert len(small.annotations) == 1
    none = maker(ForgeLimits(summary=0, annotations=0))
    checks = [
        none.ended(report, lines=lines, newer=""),
        none.broken(PermanentError("x", where="a.yaml:1"), log="x", newer="", at=AT),
        none.running(live(Progress(cell="a@candidate", stage=Stage.BUILD))),
    ]
    assert [("", ())] * 3 == [(check.summary, check.annotations) for check in checks]


def test_charts_of_a_summary_are_text() -> None:
    """Checks draw no Mermaid."""
    assert "mermaid" not in ended(builders.six()).summary
    assert "Margin used" in ended(builders.six()).summary


def test_a_broken_trial_asks_for_something_to_be_done() -> None:
    """With the line that it is about."""
    error = UsageError("unknown key 'margn'", where="models/seatrial.yaml:12", remedy="did you mean 'margin'?")
    check = maker().broken(error, log="the end", newer="", at=AT)
    assert (check.conclusion, check.title) == (Conclusion.ACTION_REQUIRED, "Broken: unknown key 'margn'")
    assert [("models/seatrial.yaml", 12)] == [(a.path, a.line) for a in check.annotations]
    assert "the end" in check.summary


def test_a_superseded_check_says_by_what() -> None:
    """Whether it came to a verdict or not."""
    assert ended(builders.report(), newer="0123456789abcdef").title.startswith("Superseded by 0123456789ab. Pass: ")
    check = maker().cancelled("a newer commit was pushed", newer="0123456789abcdef", at=AT)
    assert (check.conclusion, check.title) == (Conclusion.CANCELLED, "Superseded by 0123456789ab")
    assert maker().cancelled("closed", newer="", at=AT).title == "Cancelled: closed"


@given(NASTY)
@settings(max_examples=100)
def test_nothing_untrusted_does_anything_in_a_check(text: str) -> None:
    """Titles are one plain line, summaries hold our own markup only."""
    error = PermanentError(text, where=text, remedy=text)
    checks = [
        maker().broken(error, log=text, newer=text, at=AT),
        maker().cancelled(text, newer="", at=AT),
        maker(SMALL).running(live(Progress(cell=f"{text}@candidate", stage=Stage.BUILD, detail=text))),
    ]
    for check in checks:
        assert dangers(check.summary, frozenset({TARGET.run_url})) == []
        assert len(check.title) <= LONGEST_TITLE
        assert one_line(check.title) == check.title
