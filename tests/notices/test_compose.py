"""What notices say of trials, promotions and deployments."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.notices.build import MOST_ROWS
from seatrial.notices.compose import deployment_notice, promotion_notice, retrain_notice, trial_notice
from seatrial.records import (
    DeploymentReport,
    DeployState,
    DeployStatus,
    DeployWish,
    EventKind,
    PromotionResult,
    ReplicaStatus,
    Report,
    Resources,
    RetrainOutcome,
    Verdict,
)
from tests.report import builders
from tests.retrain.report import builders as retrainings

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
LINK = "https://ci.example/runs/7/report.html"
NASTY = st.text(alphabet=st.sampled_from("\r\n\t\x00\x1b\u202e<>&*`@#:/|! abc"), max_size=40)


def promotion(
    verdict: Verdict = Verdict.PASS, *, promoted: bool = True, refused: str = "", baseline: int | None = 6
) -> PromotionResult:
    """Version 7 of `wine` after its promotion run."""
    return PromotionResult(
        run="20261121-120000-7f3a",
        model="wine",
        number=7,
        stage="Production",
        verdict=verdict,
        headline="All 4 gates hold: accuracy 92.1 → 96.8%.",
        finished=NOON,
        baseline=baseline,
        promoted=promoted,
        refused=refused,
    )


def status(state: DeployState, *replicas: ReplicaStatus, resources: Resources | None = None) -> DeployStatus:
    """The deployment `wine-v7` of as many replicas."""
    wish = DeployWish(
        name="wine-v7",
        model="wine",
        number=7,
        artifact="sha256:" + "0" * 64,
        created=NOON,
        replicas=len(replicas),
        resources=resources or Resources(),
    )
    return DeployStatus(wish=wish, state=state, replicas=replicas, url="http://127.0.0.1:9007", seen=NOON)


READY = ReplicaStatus(index=0, ready=True)
DOWN = ReplicaStatus(index=1, ready=False, restarts=4, reason="exit status 1: no module named lightgbm")


def test_a_failed_trial_leads_with_its_headline_and_its_worst_metric() -> None:
    """Verdict and headline first, then the table with the worst rows on top, and the link."""
    report = builders.report(builders.deployment(slower=1.5), builders.undecided_deployment())
    notice = trial_notice(report, link=LINK)

    assert (EventKind.TRIAL, "digits", Verdict.FAIL) == (notice.event, notice.project, notice.verdict)
    assert "digits: trial of working tree – fail" == notice.subject
    assert report.headline == notice.sentences[0]
    assert ("verdict", "deployment", "metric", "change", "difference", "allowed") == notice.headings
    assert ("fail", "logistic", "latency_p99", "12.1 → 18.2 ms") == notice.rows[0][:4]
    assert ("inconclusive", "ridge", "accuracy") == notice.rows[1][:3]
    assert {"pass"} == {row[0] for row in notice.rows[2:]}
    assert "ridge accuracy: needs about 1,240 more requests." in notice.sentences
    assert LINK == notice.link


def test_one_deployment_needs_no_column_for_its_name() -> None:
    """The table is as narrow as it can be."""
    notice = trial_notice(builders.report(), link=LINK)

    assert ("verdict", "metric", "change", "difference", "allowed") == notice.headings
    assert {5} == {len(row) for row in notice.rows}


def test_a_deployment_that_broke_keeps_its_row_and_says_why() -> None:
    """A deployment without any figure is not left out."""
    notice = trial_notice(builders.report(builders.deployment(), builders.broken_deployment()), link=LINK)

    assert ("error", "forest", "–", "–", "–", "–") == notice.rows[0]
    assert Verdict.ERROR == notice.verdict
    assert any("forest@candidate failed at start (exit status 1)" in sentence for sentence in notice.sentences)


def test_nothing_is_said_twice() -> None:
    """A note that the headline holds already is left out."""
    report = builders.report(builders.broken_deployment())
    notice = trial_notice(report, link=LINK)

    assert 1 == sum("failed at start" in sentence for sentence in notice.sentences)


def test_an_interrupted_trial_says_so_and_is_another_message_than_the_whole_one() -> None:
    """A receiver that drops repeats must not drop the end of a trial because it heard of its interruption."""
    half, whole = builders.report(complete=False), builders.report()

    assert "digits: interrupted trial of working tree – inconclusive" == trial_notice(half, link=LINK).subject
    assert trial_notice(half, link=LINK).key != trial_notice(whole, link=LINK).key


def test_a_table_that_is_too_long_keeps_its_worst_rows_and_counts_the_others() -> None:
    """At most a screenful, and nobody is left to believe that it is all."""
    report = builders.report(
        *(builders.deployment(f"model-{index}") for index in range(8)), builders.deployment("z", slower=1.5)
    )
    notice = trial_notice(report, link=LINK)

    assert MOST_ROWS == len(notice.rows)
    assert ("fail", "z") == notice.rows[0][:2]
    assert "30 more rows are in the report." == notice.sentences[-1]


def test_a_promotion_says_what_holds_now_and_what_did_before() -> None:
    """The stage and both versions."""
    notice = promotion_notice(promotion(), builders.report(), project="wine-quality", link=LINK)

    assert (EventKind.PROMOTION, Verdict.PASS) == (notice.event, notice.verdict)
    assert "wine-quality: wine v7 holds Production now – pass" == notice.subject
    assert ("All 4 gates hold: accuracy 92.1 → 96.8%.", "v6 held Production before.") == notice.sentences
    assert "accuracy" in {row[1] for row in notice.rows}


def test_a_first_promotion_says_that_nobody_held_the_stage() -> None:
    """There is no version before."""
    notice = promotion_notice(promotion(baseline=None), None, project="wine-quality", link=LINK)

    assert "Nobody held Production before." == notice.sentences[-1]
    assert ((), ()) == (notice.headings, notice.rows)


def test_a_refusal_says_why_before_anything_else_and_is_no_pass() -> None:
    """The trial passed, the version was not promoted: nobody may read success into it."""
    result = promotion(promoted=False, refused="version 8 was promoted meanwhile")
    notice = promotion_notice(result, builders.report(), project="wine-quality", link=LINK)

    assert Verdict.FAIL == notice.verdict
    assert "wine-quality: wine v7 was not promoted to Production – fail" == notice.subject
    assert "Refused, although its trial passed: version 8 was promoted meanwhile." == notice.sentences[0]


def test_what_went_wrong_beside_a_promotion_is_told_after_it() -> None:
    """A report that could not be copied changes nothing of the promotion, and is not kept quiet."""
    result = replace(promotion(), notes=("report/: the disk is full",))
    notice = promotion_notice(result, None, project="wine-quality", link=LINK)

    assert (Verdict.PASS, "report/: the disk is full.") == (notice.verdict, notice.sentences[-1])


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE])
def test_a_promotion_that_did_not_pass_keeps_its_verdict(verdict: Verdict) -> None:
    """What failed, broke or stayed open reads so."""
    notice = promotion_notice(promotion(verdict, promoted=False), None, project="wine-quality", link=LINK)

    assert verdict == notice.verdict
    assert f"wine-quality: wine v7 was not promoted to Production – {verdict.value}" == notice.subject


@given(verdict=st.sampled_from(Verdict), promoted=st.booleans(), refused=st.sampled_from(["", "because"]))
def test_pass_is_said_only_of_what_was_promoted(verdict: Verdict, promoted: bool, refused: str) -> None:  # noqa: FBT001
    """Whatever a record holds, only a version that holds its stage reads as pass."""
    result = promotion(verdict, promoted=promoted, refused=refused)
    notice = promotion_notice(result, None, project="p", link="")

    assert (verdict is Verdict.PASS and promoted) == (notice.verdict is Verdict.PASS)
    assert promoted == ("holds Production now" in notice.subject)
    if refused and not promoted:
        assert refused in notice.sentences[0]


@pytest.mark.parametrize(
    ("state", "replicas", "subject", "verdict"),
    [
        (DeployState.READY, (READY,), "wine-v7 is ready – pass", Verdict.PASS),
        (DeployState.STARTING, (replace(READY, ready=False),), "wine-v7 is starting", None),
        (DeployState.DEGRADED, (READY, DOWN), "wine-v7 is degraded – error", Verdict.ERROR),
        (DeployState.FAILED, (DOWN,), "wine-v7 failed – error", Verdict.ERROR),
        (DeployState.STOPPED, (), "wine-v7 is stopped", None),
    ],
)
def test_a_deployment_reads_as_its_state(
    state: DeployState, replicas: tuple[ReplicaStatus, ...], subject: str, verdict: Verdict | None
) -> None:
    """What was asked for does not make it true: the state does."""
    notice = deployment_notice(status(state, *replicas), project="p", what="deploy")

    assert (f"p: {subject}", verdict) == (notice.subject, notice.verdict)
    assert "http://127.0.0.1:9007" == notice.link
    assert "Why you hear of it: deploy." == notice.sentences[-1]


def test_a_deployment_tells_its_version_resources_and_what_is_wrong() -> None:
    """What runs, with how much, and why a replica does not."""
    resources = Resources(cpu=1.5, memory=512 << 20)
    notice = deployment_notice(status(DeployState.DEGRADED, READY, DOWN, resources=resources), project="p", what="")

    assert (
        "wine v7, 1 of 2 replicas ready, each with 1.5 CPU and 512 MiB.",
        "Replica 1: exit status 1: no module named lightgbm.",
    ) == notice.sentences


def test_the_same_again_has_the_same_key_and_another_event_another() -> None:
    """So that a receiver can drop what is repeated, and nothing else."""
    first, again = (deployment_notice(status(DeployState.READY, READY), project="p", what="deploy") for _ in range(2))
    later = deployment_notice(
        replace(status(DeployState.READY, READY), seen=NOON.replace(hour=13)), project="p", what="deploy"
    )

    assert first == again
    assert first.key != later.key
    assert trial_notice(builders.report(), link="a").key == trial_notice(builders.report(), link="b").key


@given(text=NASTY)
def test_text_that_was_not_written_by_us_stays_on_its_line(text: str) -> None:
    """Line breaks, control and bidirectional signs of a headline, a name or a reason are gone from every field."""
    report = replace(builders.report(_named(text)), headline=f"x{text}", project=f"p{text}")
    notices = [
        trial_notice(report, link=LINK),
        promotion_notice(replace(promotion(promoted=False), refused=f"r{text}"), report, project=f"p{text}", link=LINK),
        deployment_notice(
            status(DeployState.FAILED, replace(DOWN, reason=f"r{text}")), project=f"p{text}", what=f"w{text}"
        ),
        retrain_notice(
            replace(retrainings.ended(RetrainOutcome.BROKEN), headline=f"h{text}", why=f"w{text}", notes=(f"n{text}",)),
            link=LINK,
        ),
    ]
    for notice in notices:
        fields = [notice.subject, notice.project, *notice.sentences, *(cell for row in notice.rows for cell in row)]

        assert [] == [field for field in fields if not field or any(char in field for char in "\r\n\t\x00\x1b\u202e")]


def _named(text: str) -> DeploymentReport:
    return replace(
        builders.deployment(f"d{text}"), comparisons=(builders.comparison(f"m{text}", deployment=f"d{text}"),)
    )


def test_a_report_without_any_deployment_still_makes_a_notice() -> None:
    """No data, no table, no crash."""
    empty: Report = replace(builders.report(), deployments=(), headline="Nothing was judged.")
    notice = trial_notice(empty, link="")

    assert ((), (), "") == (notice.headings, notice.rows, notice.link)
    assert "Nothing was judged." == notice.sentences[0]


def test_a_refused_retraining_says_the_metric_its_interval_and_why() -> None:
    """The headline first, the worst metric on top of the table, and that nothing was registered."""
    notice = retrain_notice(retrainings.ended(RetrainOutcome.REFUSED), link=LINK)

    assert (EventKind.RETRAINING, "recommender", Verdict.FAIL) == (notice.event, notice.project, notice.verdict)
    assert "recommender: a new version of movies was refused by its gate – fail" == notice.subject
    assert ("rmse is 0.032 higher [+0.023, +0.041]: 0.01 is allowed.", "It was not registered.") == notice.sentences[:2]
    assert ("verdict", "metric", "change", "difference", "allowed") == notice.headings
    assert ("fail", "rmse", "0.9412 → 0.9731", "+0.0319 [+0.0230, +0.0408]") == notice.rows[0][:4]
    assert "movies rmse [group=new users]: needs about 1,240 more requests." in notice.sentences
    assert LINK == notice.link


def test_quarantined_data_are_told_with_what_and_where_they_are() -> None:
    """What the checks found, and that nothing was trained."""
    notice = retrain_notice(retrainings.ended(RetrainOutcome.QUARANTINED), link="")

    assert "recommender: new data of movies were refused – fail" == notice.subject
    assert (
        "drift of rating: the population stability index is 0.34, at most 0.25.",
        "The batch is kept in quarantine by movies@7, and nothing was trained.",
    ) == notice.sentences[:2]
    assert ((), ()) == (notice.headings, notice.rows)


@pytest.mark.parametrize(
    ("outcome", "what"),
    [
        (RetrainOutcome.SKIPPED, "movies was not trained again"),
        (RetrainOutcome.STOPPED, "retraining of movies stopped – fail"),
        (RetrainOutcome.NOTHING, "nothing new to train movies on – inconclusive"),
        (RetrainOutcome.REGISTERED, "movies v7 was registered – pass"),
        (RetrainOutcome.NOT_PROMOTED, "movies v7 was not promoted – fail"),
        (RetrainOutcome.PROMOTED, "movies v7 was promoted – pass"),
        (RetrainOutcome.NOT_RELEASED, "movies v7 was not released – fail"),
        (RetrainOutcome.ROLLED_BACK, "movies v7 was rolled back – fail"),
        (RetrainOutcome.RELEASED, "movies v7 was released – pass"),
        (RetrainOutcome.INTERRUPTED, "retraining of movies was interrupted – inconclusive"),
        (RetrainOutcome.BROKEN, "retraining of movies broke – error"),
    ],
)
def test_a_retraining_reads_as_what_became_of_it(outcome: RetrainOutcome, what: str) -> None:
    """In its subject."""
    assert f"recommender: {what}" == retrain_notice(retrainings.ended(outcome), link="").subject


@given(outcome=st.sampled_from([None, *RetrainOutcome]), verdict=st.sampled_from([None, *Verdict]))
def test_pass_is_said_only_of_a_retraining_that_came_as_far_as_it_was_meant_to(
    outcome: RetrainOutcome | None, verdict: Verdict | None
) -> None:
    """Whatever else a record holds: nothing reads as done before it is."""
    result = replace(retrainings.ended(outcome or RetrainOutcome.REFUSED), outcome=outcome, verdict=verdict)
    notice = retrain_notice(result, link="")
    done = outcome in {RetrainOutcome.REGISTERED, RetrainOutcome.PROMOTED, RetrainOutcome.RELEASED}

    assert (done and verdict is Verdict.PASS) == (notice.verdict is Verdict.PASS)
    assert (outcome is RetrainOutcome.RELEASED) == ("was released" in notice.subject)
    assert (outcome is RetrainOutcome.PROMOTED) == ("was promoted" in notice.subject)


def test_the_same_retraining_has_one_key() -> None:
    """So that a receiver can drop what is repeated after a crash."""
    keys = {retrain_notice(retrainings.ended(RetrainOutcome.RELEASED), link=link).key for link in ("a", "b")}
    assert {"retraining:20261120-200003-7f3a"} == keys
