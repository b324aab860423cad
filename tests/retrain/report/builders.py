"""Retrainings as they might have been, one for each way that they can end."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from seatrial.records import (
    Checked,
    Collected,
    ColumnProfile,
    Comparison,
    DataFinding,
    DataPointer,
    Direction,
    Family,
    Gate,
    Gated,
    Interval,
    Needs,
    RetrainOutcome,
    RetrainPhase,
    RetrainResult,
    Span,
    SplitResult,
    Trained,
    TriggerKind,
    Verdict,
)

STARTED = datetime(2026, 11, 20, 20, 0, 3, tzinfo=UTC)
RUN = "20261120-200003-7f3a"
LABELS = ("1", "2", "3", "4", "5")


def compared(
    metric: str = "rmse",
    *,
    before: float | None = 0.9412,
    now: float = 0.9187,
    half: float = 0.0089,
    margin: float | None = 0.01,
    limit: float | None = 1.0,
    verdict: Verdict = Verdict.PASS,
    reason: str = "",
    slice_: str = "",
    needs: int | None = None,
) -> Comparison:
    """One metric of the gate."""
    difference = None if before is None else now - before
    interval = None
    if difference is not None:
        interval = Interval(low=difference - half, high=difference + half, confidence=0.95, method="paired-bootstrap")
    return Comparison(
        deployment="movies",
        metric=metric,
        family=Family.MODEL,
        slice=slice_,
        baseline=before,
        candidate=now,
        difference=difference,
        interval=interval,
        samples=2051,
        gate=Gate(direction=Direction.LOWER, margin=margin, margin_text="", limit=limit),
        verdict=verdict,
        reason=reason,
        needs=None if needs is None else Needs(requests=needs),
    )


def gated(*comparisons: Comparison, verdict: Verdict = Verdict.PASS, headline: str = "") -> Gated:
    """What the gate found."""
    shown = comparisons or (
        compared(),
        compared("mae", before=0.7421, now=0.7275, half=0.0061, limit=None),
        compared(slice_="group=new users", before=1.0214, now=0.9986, half=0.0271, limit=1.1, margin=0.03),
        compared(slice_="group=regulars", before=0.9023, now=0.8841, half=0.0094, margin=0.03),
        compared(slice_="gap(group)", before=0.1191, now=0.1145, half=0.0132, margin=0.02, limit=None),
    )
    return Gated(
        verdict=verdict,
        headline=headline or "All 5 gates hold: rmse 0.941 → 0.919.",
        comparisons=shown,
        artifact=f"sha256:{'a1' * 32}",
        rows=2051,
        baseline=6,
    )


def refused() -> Gated:
    """One that is worse than the model in the stage."""
    worse = compared(now=0.9731, verdict=Verdict.FAIL, reason="it is at least 0.023 higher, 0.01 is allowed")
    open_ = compared(
        slice_="group=new users", before=1.0214, now=1.0402, half=0.0371, limit=1.1, margin=0.03,
        verdict=Verdict.INCONCLUSIVE, needs=1240,
    )  # fmt: skip
    return gated(
        worse,
        open_,
        compared("mae", before=0.7421, now=0.7466, half=0.0021, limit=None),
        verdict=Verdict.FAIL,
        headline="rmse is 0.032 higher [+0.023, +0.041]: 0.01 is allowed.",
    )


def collected(*, dead: int = 12) -> Collected:
    """A quarter of an hour of ratings."""
    half = dead // 3
    return Collected(
        file="rows.parquet",
        counts={"lines": 10_317 + dead, "parsed": 8_204, "ignored": 2_113, "dead": dead, "lost": 3},
        spans={"ratings/0": Span(start=120_400, end=125_602), "ratings/1": Span(start=118_020, end=123_135 + dead)},
        started=STARTED,
        ended=STARTED + timedelta(minutes=15),
        ended_by="window",
        dead_file="dead.jsonl",
        reasons=(("no rating in it", dead - half), ("the time is no time", half)) if dead else (),
        notes=("ratings/1: 3 offsets from 118,011 were gone before they were read",),
    )


def checked(*, verdict: Verdict = Verdict.PASS, drifted: bool = False) -> Checked:
    """What the data checks found."""
    rating = (0.02, 0.05, 0.11, 0.31, 0.51) if drifted else (0.05, 0.10, 0.23, 0.37, 0.25)
    drift = DataFinding(
        check="drift",
        column="rating",
        value=0.34 if drifted else 0.02,
        limit=0.25,
        verdict=Verdict.FAIL if drifted else Verdict.PASS,
        reason="the population stability index is 0.34, at most 0.25; 5 is more frequent"
        if drifted
        else "0.02, at most 0.25",
    )
    return Checked(
        verdict=verdict,
        headline="drift of rating: the population stability index is 0.34, at most 0.25" if drifted else "8,161 rows are good",
        findings=(
            DataFinding(check="duplicates", rows=31, reason="rows of the same time, user and movie came before"),
            DataFinding(
                check="schema", column="rating", rows=12, reason="it is not from 1 to 5", examples=("'9'", "'<b>5</b>'")
            ),
            DataFinding(check="bad rows", rows=43, value=0.0052, limit=0.05, verdict=Verdict.PASS, reason="0.5%, at most 5%"),
            DataFinding(
                check="volume", value=32_644.0, limit=61_000.0, verdict=Verdict.PASS,
                reason="32,644 good rows per hour, 1.1 times the usual 30,500 (the median of 6 versions)",
            ),
            drift,
        ),
        good=8_161,
        bad=43,
        good_file="good.parquet",
        bad_file="bad.parquet",
        volume=32_644.0,
        profiles=(
            ColumnProfile(column="rating", labels=LABELS, now=rating, before=(0.05, 0.09, 0.22, 0.38, 0.26)),
            ColumnProfile(
                column="movie", labels=("Heat", "Alien", "Amélie", "other"), now=(0.2, 0.15, 0.05, 0.6),
                before=(0.1, 0.2, 0.1, 0.6),
            ),
            ColumnProfile(column="age", labels=("< 18", "18 to 30", "30 to 50", "> 50"), now=(0.1, 0.4, 0.3, 0.2)),
        ),
    )  # fmt: skip


def split() -> SplitResult:
    """The latest fifth held out."""
    return SplitResult(
        train_file="train.parquet",
        test_file="test.parquet",
        truth_file="truth.parquet",
        train_rows=39_001,
        test_rows=2_051,
        train_digest=f"sha256:{'b2' * 32}",
        test_digest=f"sha256:{'c3' * 32}",
        boundary=STARTED - timedelta(days=2),
        sealed_from=STARTED - timedelta(days=3),
        checks=("no row is on both sides, by time, user, movie", "no row to train on is later than a held-out one"),
    )


def trained() -> Trained:
    """A small model."""
    return Trained(
        path="model/model.npz",
        digest=f"sha256:{'a1' * 32}",
        stack="sha256:5a",
        seconds=41.7,
        cpu_seconds=77.2,
        memory_peak=412 << 20,
        log="logs/train.log",
    )


def begun(name: str = "movies", **known: object) -> RetrainResult:
    """A run that has just begun."""
    made = RetrainResult(
        run=RUN,
        name=name,
        model="movies",
        project="recommender",
        trigger=TriggerKind.CRON,
        why="0 20 */2 * * Europe/Berlin: due 2026-11-20T19:00:00Z",
        started=STARTED,
        folder=f"/srv/recommender/.seatrial/runs/{RUN}",
        baseline=6,
    )
    return replace(made, **known)  # type: ignore[arg-type]


def stored(**known: object) -> RetrainResult:
    """A run that has stored its rows."""
    pointer = DataPointer(
        file="data/movies.parquet.dvc",
        digest="md5:9a0364b9e99bb480dd25e1f0284c8555",
        commit="41f3c2d7aa90b1",
        pushed=True,
    )
    made = replace(
        begun(),
        collected=collected(),
        checked=checked(),
        dataset=7,
        dataset_digest=f"sha256:{'d4' * 32}",
        rows=41_052,
        added=8_161,
        pointer=pointer,
    )
    return replace(made, **known)  # type: ignore[arg-type]


def ended(outcome: RetrainOutcome) -> RetrainResult:
    """A run that ended like this, after 24 minutes."""
    return replace(_ended(outcome), phase=RetrainPhase.ENDED, outcome=outcome, ended=STARTED + timedelta(minutes=24))


def _ended(outcome: RetrainOutcome) -> RetrainResult:
    whole = stored(split=split(), trained=trained(), gated=gated(), verdict=Verdict.PASS)
    numbered = replace(whole, number=7, promotion="20261120-202011-7f3a")
    told = {
        RetrainOutcome.SKIPPED: begun(headline="run 20261120-195901-7f3a of movies was on"),
        RetrainOutcome.STOPPED: begun(
            collected=collected(dead=1_812),
            verdict=Verdict.FAIL,
            headline="15% of the lines did not parse, at most 1%; nothing was taken",
        ),
        RetrainOutcome.NOTHING: stored(verdict=Verdict.INCONCLUSIVE, headline="12 new rows; 500 are needed"),
        RetrainOutcome.QUARANTINED: replace(
            stored(),
            checked=checked(verdict=Verdict.FAIL, drifted=True),
            verdict=Verdict.FAIL,
            rows=32_891,
            added=0,
            pointer=None,
            headline=checked(verdict=Verdict.FAIL, drifted=True).headline,
        ),
        RetrainOutcome.REFUSED: replace(whole, gated=refused(), verdict=Verdict.FAIL, headline=refused().headline),
        RetrainOutcome.REGISTERED: replace(whole, number=7, headline=gated().headline),
        RetrainOutcome.NOT_PROMOTED: replace(
            numbered, verdict=Verdict.FAIL, headline="movies@7: latency_p99 is 31% higher"
        ),
        RetrainOutcome.PROMOTED: replace(numbered, headline="movies@7 holds Production now. All 4 gates hold."),
        RetrainOutcome.NOT_RELEASED: replace(
            numbered, release="20261120-202512-7f3a", verdict=Verdict.FAIL, headline="movies@7, release 2: errors +2pp"
        ),
        RetrainOutcome.ROLLED_BACK: replace(
            numbered, release="20261120-202512-7f3a", verdict=Verdict.FAIL, headline="movies@7, release 2: errors +2pp"
        ),
        RetrainOutcome.RELEASED: replace(
            numbered, release="20261120-202512-7f3a", headline="movies@7, release 2: every metric is no worse"
        ),
        RetrainOutcome.INTERRUPTED: stored(verdict=Verdict.INCONCLUSIVE, headline="it was interrupted"),
        RetrainOutcome.BROKEN: stored(
            split=split(),
            verdict=Verdict.ERROR,
            headline="train: the train command failed (exit status 1); the end of its log: MemoryError",
        ),
    }
    return told[outcome]


def running(phase: RetrainPhase) -> RetrainResult:
    """A run in the middle of it."""
    if phase in {RetrainPhase.WAITING, RetrainPhase.COLLECTING}:
        return begun(phase=phase)
    return stored(phase=phase, split=split() if phase is RetrainPhase.TRAINING else None)
