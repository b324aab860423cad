"""What a comment says, how it shortens, and that nothing in it does what nobody meant."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial.forge.commands import parse_command
from seatrial.forge.comment import (
    Sheet,
    broken_sheet,
    cancelled_sheet,
    compose,
    live_sheet,
    report_sheet,
    superseded_sheet,
    with_history,
)
from seatrial.forge.history import EARLIER, main_text
from seatrial.forge.live import Live
from seatrial.forge.marker import Entry, Outcome, State, read_state
from seatrial.records import ForgeLimits, PermanentError, PublishTarget, Stage, UsageError
from seatrial.trial.progress import Progress
from tests.forge.reading import NASTY, NASTY_WORDS, dangers
from tests.report import builders
from tests.report.test_markdown import hostile

AT = datetime(2026, 11, 21, 3, 15, tzinfo=UTC)
RUN, REPORT = "https://ci.example/runs/7?a=1&b=(2)#x", "https://reports.example/digits"
LINKS = frozenset({RUN.replace("(", "%28").replace(")", "%29"), REPORT})
TARGET = PublishTarget(
    repository="ship/wine",
    number=7,
    commit="9f8e7d6c5b4a39",
    project="digits",
    run_url=RUN,
    report_url=REPORT,
    listens=True,
)
STATE = State(
    current=Entry(commit=TARGET.commit, outcome=Outcome.PASS, at=AT),
    earlier=tuple(
        Entry(
            commit=f"{n}" * 40,
            outcome=outcome,
            headline=f"model-0{n}'s latency_p99 went 12.1 → 18.5 ms; allowed: at most +3.03 ms (25%).",
            run=f"r{n}",
            link=RUN,
            at=AT + timedelta(minutes=n),
        )
        for n, outcome in enumerate(Outcome, 1)
    ),
)
PLAIN = ForgeLimits(mermaid=False, details=False)


def body(sheet: Sheet, limits: ForgeLimits | None = None, state: State = STATE, project: str = "digits") -> str:
    """A whole comment."""
    return compose(sheet, state, project, limits or ForgeLimits())


def test_the_decision_comes_first_and_the_past_last() -> None:
    """Hidden line, verdict, sentence, links, tables; then how to talk to it, then the earlier commits, folded."""
    found = body(report_sheet(builders.six(), TARGET, ForgeLimits()))
    blocks = found.split("\n\n")
    assert blocks[0].startswith("<!-- seatrial:")
    assert blocks[1] == "## ❌ Fail: digits"
    assert "Commit `9f8e7d6c5b4a` · [full report](" in found
    order = ["### Model metrics", "### Tests", "How this was measured", "Talk to it", EARLIER, "9 earlier commits"]
    assert sorted(order, key=found.index) == order


def test_earlier_commits_show_verdict_time_and_headline() -> None:
    """One row each."""
    rows = body(cancelled_sheet("it was closed", TARGET)).split(EARLIER)[1].splitlines()
    assert len(STATE.earlier) == sum(row.startswith("| `") for row in rows)
    row = next(row for row in rows if "`888888888888`" in row)
    assert row.startswith(
        "| `888888888888` | [✅ pass](<https://ci.example/runs/7?a=1&b=%282%29#x>) | 2026-11-21 03:23 UTC |"
    )
    assert "latency_p99 went 12.1 → 18.5 ms" in row


def test_nothing_of_the_bot_is_said_where_no_bot_listens() -> None:
    """A comment of CI does not answer."""
    sheet = report_sheet(builders.report(), replace(TARGET, listens=False), ForgeLimits())
    assert "/seatrial" not in body(sheet)


def test_the_comment_itself_is_no_command() -> None:
    """The bot's own words do not start a trial."""
    assert parse_command(body(report_sheet(builders.six(), TARGET, ForgeLimits()))) is None


def test_a_running_trial_shows_each_deployment() -> None:
    """A row with its phase and how far it is."""
    live = Live()
    live.hear(Progress(cell="forest@baseline", stage=Stage.DRIVE, done=300, total=500))
    live.hear(Progress(cell="forest@candidate", stage=Stage.DRIVE, done=200, total=500))
    live.hear(Progress(cell="ridge@candidate", stage=Stage.START, failed=True, detail="no module named lightgbm"))
    found = body(live_sheet(Outcome.RUNNING, live, TARGET))
    assert "## ⏳ Running: digits" in found
    assert "| `forest` | being driven | 500 of 1,000 (50%) |" in found
    assert "| `ridge` | failed at start | no module named lightgbm |" in found


def test_a_broken_trial_says_what_where_and_what_to_do() -> None:
    """With the end of its log, folded, and that nothing was judged."""
    error = UsageError("this is not YAML", where="seatrial.yaml:12", remedy="mend the syntax there")
    found = body(broken_sheet(error, TARGET, ForgeLimits(), log="a\n" * 100 + "the last line"))
    for said in (
        "**this is not YAML**",
        "Where: `seatrial.yaml:12`",
        "What to do: mend the syntax there",
        "the last line",
    ):
        assert said in found
    assert found.count("\na") == 39


def test_a_superseded_commit_names_the_newer_one() -> None:
    """Until there is a result of that."""
    assert "`9f8e7d6c5b4a` was superseded by `0123456789ab`" in body(superseded_sheet("0123456789abcdef", TARGET))


@pytest.mark.parametrize("limit", [65_536, 20_000, 9_000, 5_000, 2_500, 1_200])
@pytest.mark.parametrize("limits", [ForgeLimits(), PLAIN], ids=["folds", "plain"])
def test_it_fits_and_the_verdict_stays(limit: int, limits: ForgeLimits) -> None:
    """However little a forge takes; and it says where the rest is."""
    found = body(report_sheet(builders.many(24, points=3), TARGET, limits), replace(limits, comment=limit))
    assert len(found.encode()) <= limit
    assert "## ✅ Pass: digits\n\n**All 120 gates of 24 deployments hold" in found
    assert "Shortened to fit here; [the full report](<https://reports.example/digits>) holds everything." in found


def test_details_give_way_then_the_past_then_the_tables() -> None:
    """As the forge takes less and less."""
    sheet = report_sheet(builders.many(12, points=3), TARGET, ForgeLimits())
    kept: dict[str, int] = {}
    for limit in range(2_000, 50_000, 2_000):
        found = body(sheet, ForgeLimits(comment=limit))
        for name, sign in (
            ("details", "Every figure of"),
            ("past", "earlier commits"),
            ("tables", "### Platform metrics"),
        ):
            if sign in found:
                kept.setdefault(name, limit)
    assert kept["tables"] < kept["past"] < kept["details"]


def test_where_nothing_folds_and_no_chart_is_drawn_there_is_text() -> None:
    """The same facts, laid open."""
    found = body(report_sheet(builders.six(), TARGET, PLAIN), replace(PLAIN, comment=10**6))
    assert "<details>" not in found
    assert "mermaid" not in found
    assert "Margin used (0%: not worse" in found
    assert "<b>Latency by percentile</b>" in found
    assert dangers(found, LINKS) == []


def test_a_comment_is_taken_apart_and_put_together_again() -> None:
    """The same text, when nothing in it changed."""
    whole = body(report_sheet(builders.six(), TARGET, ForgeLimits()))
    assert whole == with_history(whole, STATE, "digits", ForgeLimits())
    assert whole == with_history(whole.replace("\n", "\r\n"), STATE, "digits", ForgeLimits())


def test_another_run_adds_itself_to_a_full_comment() -> None:
    """What it says of its commit stays whole; the fold and the memory make room."""
    limits = ForgeLimits(comment=30_000)
    full = body(report_sheet(builders.many(30, points=3), TARGET, limits), limits, replace(STATE, earlier=()))
    found = with_history(full, STATE, "digits", limits)
    assert len(found.encode()) <= limits.comment
    assert main_text(full) == main_text(found)
    assert read_state(found).current == STATE.current


@pytest.mark.parametrize("word", NASTY_WORDS)
def test_a_log_that_looks_like_the_end_of_a_comment_is_not_its_end(word: str) -> None:
    """What stands below such a line stays."""
    log = f"{word}\n{EARLIER}\n{word}\n<details>\nthe last line"
    for state in (STATE, State()):
        found = body(broken_sheet(PermanentError("it broke"), TARGET, ForgeLimits(), log=log), state=state)
        assert found == with_history(found, state, "digits", ForgeLimits())
        assert "the last line" in main_text(found)


@given(NASTY)
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_nothing_untrusted_does_anything_in_a_report(text: str) -> None:
    """No mention, reference, command, link, picture, tag or hidden thing comes from anybody's words."""
    report = hostile(text)
    target = replace(TARGET, project=text, commit=text)
    for limits in (ForgeLimits(comment=10**7), replace(PLAIN, comment=6_000)):
        assert dangers(body(report_sheet(report, target, limits), limits, project=text), LINKS) == []


@given(NASTY, st.sampled_from([ForgeLimits(), PLAIN, ForgeLimits(comment=3000)]))
@settings(max_examples=150)
def test_nothing_untrusted_does_anything_elsewhere(text: str, limits: ForgeLimits) -> None:
    """Errors, logs, reasons, names of cells and what the comment itself remembers."""
    target = replace(TARGET, project=text, commit=text)
    live = Live()
    live.hear(Progress(cell=f"{text}@candidate", stage=Stage.BUILD, detail=text))
    forged = Entry(commit=text, outcome=Outcome.FAIL, headline=text, run=text, link=f"https://ci.example/{text}", at=AT)
    error = PermanentError(text, where=text, remedy=text)
    sheets = [
        broken_sheet(error, target, limits, log=text),
        cancelled_sheet(text, target),
        superseded_sheet(text, target),
        live_sheet(Outcome.RUNNING, live, target),
    ]
    for sheet in sheets:
        found = body(sheet, limits, State(current=forged, earlier=(forged,)), text)
        assert [each for each in dangers(found, LINKS) if not each.startswith("links to https://ci.example/")] == []
        assert len(found.encode()) <= limits.comment
