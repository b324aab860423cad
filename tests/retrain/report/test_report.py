"""The report of a retraining: one record, three forms, nothing of which is lost or can act, and none says more than is so."""

import json
import re
from dataclasses import replace
from pathlib import Path

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.records import (
    ColumnProfile,
    DataFinding,
    RetrainOutcome,
    RetrainPhase,
    RetrainResult,
    Verdict,
)
from seatrial.retrain.report import pictures, render_html, render_markdown, write_report
from seatrial.retrain.report.html import log_link
from seatrial.retrain.report.schema import report_schema, schema_text
from seatrial.retrain.report.stages import Mark, stages
from tests.docs.pages import ROOT
from tests.retrain.report import builders

SCHEMA = ROOT / "docs" / "reference" / "retrain-report-schema.json"
ATTACK = "<script>alert(1)</script> ![x](https://x) @here | `"
DONE = {RetrainOutcome.REGISTERED, RetrainOutcome.PROMOTED, RetrainOutcome.RELEASED}
ALL = [
    *(pytest.param(builders.ended(outcome), id=outcome.value) for outcome in RetrainOutcome),
    *(
        pytest.param(builders.running(phase), id=f"is {phase.value}")
        for phase in RetrainPhase
        if phase.value != "ended"
    ),
]


def not_finite() -> RetrainResult:
    """A run whose figures have no bound."""
    whole = builders.ended(RetrainOutcome.REFUSED)
    assert whole.checked is not None
    wild = builders.compared(now=float("inf"), half=float("inf"), verdict=Verdict.ERROR)
    findings = (DataFinding(check="volume", value=float("inf"), limit=1.0, reason="no hour"),)
    empty = (ColumnProfile(column="empty", labels=(), now=()), ColumnProfile(column="none", labels=("a",), now=(0.0,)))
    return replace(whole, gated=builders.gated(wild), checked=replace(whole.checked, findings=findings, profiles=empty))


def hostile() -> RetrainResult:
    """A run in which whatever comes from outside is an attack."""
    whole = builders.ended(RetrainOutcome.REFUSED)
    assert whole.collected is not None
    assert whole.checked is not None
    finding = DataFinding(check="schema", column=ATTACK, rows=1, reason=ATTACK, examples=(ATTACK,))
    return replace(
        whole,
        why=ATTACK,
        headline=ATTACK,
        notes=(ATTACK,),
        gated=builders.gated(builders.compared(ATTACK, slice_=f"user={ATTACK}", reason=ATTACK, verdict=Verdict.FAIL)),
        checked=replace(
            whole.checked,
            headline=ATTACK,
            findings=(finding,),
            profiles=(ColumnProfile(column=ATTACK, labels=(ATTACK,), now=(1.0,), before=(0.5,)),),
        ),
        collected=replace(whole.collected, notes=(ATTACK,), reasons=((ATTACK, 3),)),
    )


@pytest.mark.parametrize("result", [*ALL, pytest.param(not_finite(), id="not finite")])
def test_every_run_has_a_report_that_fits_its_schema(result: RetrainResult, tmp_path: Path) -> None:
    """Ended in whatever way, or not at all: three files, and nothing unfinished beside them."""
    paths = write_report(result, tmp_path / "run")
    write_report(result, tmp_path / "run")

    jsonschema.validate(json.loads(paths.json.read_bytes()), report_schema())
    assert {"report.json", "report.md", "report.html"} == {path.name for path in (tmp_path / "run").iterdir()}


def test_the_record_comes_back(tmp_path: Path) -> None:
    """`report.json` is the record itself."""
    result = builders.ended(RetrainOutcome.RELEASED)
    paths = write_report(result, tmp_path)
    assert result == msgspec.json.decode(paths.json.read_bytes(), type=RetrainResult)


def test_the_documented_schema_is_current() -> None:
    """Made anew with: python -c "from seatrial.retrain.report.schema import schema_text; print(schema_text(), end='')"."""
    assert schema_text() == SCHEMA.read_text(encoding="utf-8")


def test_a_schema_refuses_what_is_no_report() -> None:
    """The schema isn't so wide that it lets anything in."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"project": "recommender"}, report_schema())


@pytest.mark.parametrize("outcome", [*RetrainOutcome])
def test_pass_is_said_only_of_a_model_that_came_as_far_as_it_was_meant_to(outcome: RetrainOutcome) -> None:
    """The seal of the page and the first line of the text."""
    result = replace(builders.ended(outcome), verdict=Verdict.PASS)

    assert (outcome in DONE) == ('<header class="banner pass">' in render_html(result))
    assert (outcome in DONE) == render_markdown(result).startswith("## ✅ pass: ")


def test_a_refusal_leads_with_its_metric_and_draws_its_interval() -> None:
    """A reader of the first lines knows what was refused, by how much, and why."""
    result = builders.ended(RetrainOutcome.REFUSED)
    page = render_markdown(result)

    assert page.startswith("## ❌ fail: a new version of movies was refused by its gate\n\n**rmse is 0.032 higher")
    assert page.index("✘ fail | rmse | 0.9412 → 0.9731") < page.index("✔ pass | mae")
    html = render_html(result)
    assert 3 == html.count('aria-label="rmse: ') + html.count('aria-label="mae: ')
    assert "it is at least 0.023 higher, 0.01 is allowed" in html
    assert '<a href="logs/train.log">' in html


def test_what_was_collected_and_checked_is_all_there() -> None:
    """Lines, dead ones with their reasons, offsets, what was lost, findings with examples, and pictures of the columns."""
    page = render_html(builders.ended(RetrainOutcome.QUARANTINED))
    for part in (
        "10,329 lines: 8,204 rows, 2,113 ignored, 12 not parsed, 3 lost in the stream before they were read",
        "no rating in it",
        "120,400",
        "ratings/1: 3 offsets from 118,011 were gone before they were read",
        "&#39;9&#39;",
        'aria-label="rating: 1: 2%; 2: 5%; 3: 11%; 4: 31%; 5: 51%"',
        "26% → 51%",
        'aria-label="volume: 32,644, 61,000 is allowed"',
        "The batch is kept in quarantine by movies@7, and nothing was trained.",
    ):
        assert part in page


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (builders.ended(RetrainOutcome.STOPPED), {"Collect": Mark.ENDED, "Check": Mark.LEFT}),
        (builders.ended(RetrainOutcome.QUARANTINED), {"Check": Mark.ENDED, "Store": Mark.DONE, "Split": Mark.LEFT}),
        (builders.ended(RetrainOutcome.NOTHING), {"Store": Mark.ENDED, "Train": Mark.LEFT}),
        (builders.ended(RetrainOutcome.BROKEN), {"Split": Mark.DONE, "Train": Mark.ENDED, "Gate": Mark.LEFT}),
        (builders.ended(RetrainOutcome.REFUSED), {"Train": Mark.DONE, "Gate": Mark.ENDED, "Register": Mark.LEFT}),
        (builders.ended(RetrainOutcome.SKIPPED), {"Collect": Mark.ENDED}),
        (builders.ended(RetrainOutcome.ROLLED_BACK), {"Trial": Mark.DONE, "Release": Mark.ENDED}),
        (builders.ended(RetrainOutcome.REGISTERED), {"Gate": Mark.DONE, "Register": Mark.DONE}),
        (builders.running(RetrainPhase.TRAINING), {"Split": Mark.DONE, "Train": Mark.NOW, "Gate": Mark.AHEAD}),
        (builders.running(RetrainPhase.COLLECTING), {"Collect": Mark.NOW, "Check": Mark.AHEAD}),
    ],
)
def test_the_steps_say_how_far_it_came(result: RetrainResult, expected: dict[str, Mark]) -> None:
    """What was done, where it ended or is, and what was never reached."""
    found = {stage.name: stage.mark for stage in stages(result)}
    assert expected == {name: found[name] for name in expected}


def test_steps_that_nobody_asked_for_are_not_shown() -> None:
    """A model that is only registered has no trial and no release."""
    names = [stage.name for stage in stages(builders.ended(RetrainOutcome.REGISTERED))]
    assert ["Collect", "Check", "Store", "Split", "Train", "Gate", "Register"] == names


def test_text_from_outside_stays_text() -> None:
    """No form lets it become markup, a mention or a picture."""
    page = render_html(hostile())
    assert "<script" not in page
    assert "&lt;script&gt;alert" in page
    assert not re.search(r"(?<!\\)!\[x\]\(https://|(?<!`)<script>", render_markdown(hostile()))


def test_the_page_loads_and_runs_nothing() -> None:
    """One file without a script, and a policy that admits none."""
    page = render_html(builders.ended(RetrainOutcome.RELEASED))
    assert not re.findall(r'(?:src|href)="(?:http|//)|url\(', page)
    assert "default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;" in page


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("logs/train.log", "logs/train.log"),
        (f"/srv/recommender/.seatrial/runs/{builders.RUN}/logs/train.log", "logs/train.log"),
        ("/var/log/train.log", ""),
        ("../../secrets.txt", ""),
        ("", ""),
    ],
)
def test_a_log_is_linked_where_it_lies_beside_the_page(log: str, expected: str) -> None:
    """Nothing outside of the run's folder is."""
    whole = builders.ended(RetrainOutcome.REFUSED)
    assert expected == log_link(replace(whole, trained=replace(builders.trained(), log=log)))


@given(
    difference=st.floats(allow_nan=True, allow_infinity=True),
    half=st.floats(min_value=0),
    margin=st.one_of(st.none(), st.floats(min_value=0, max_value=1e9)),
)
def test_an_interval_is_drawn_inside_its_picture(difference: float, half: float, margin: float | None) -> None:
    """However far it goes on; what is not finite is not drawn."""
    drawn = pictures.interval(builders.compared(now=0.9 + difference, before=0.9, half=half, margin=margin))
    found = [float(x) for x in re.findall(r' (?:x1|x2|cx)="([^"]+)"', drawn)]
    assert [] == [x for x in found if not 0 <= x <= 160]
