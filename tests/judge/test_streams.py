"""The streams that the judge of releases is tried on are what they say, and so are the peers' rules beside it."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice, pairwise
from math import exp, log
from pathlib import Path

import numpy as np
import pytest

from benchmarks.judge import peers
from benchmarks.judge.follow import Task, follow
from benchmarks.judge.minutes import MIDDLES, Minute, Minutes, Side
from benchmarks.judge.run import main
from benchmarks.judge.scenarios import EFFECTS, SCENARIOS, Effect
from benchmarks.judge.streams import release
from benchmarks.judge.tables import interval
from seatrial.records import ArmWindow, Decision, Labels, Sums, Window, latency_bin

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@cache
def seen(scenario: str, effect: str = "none", *, seed: int = 7, hours: int = 2) -> Minute:
    """All of a release's windows together."""
    everything = Minute()
    for window in release(SCENARIOS[scenario], EFFECTS[effect], seed=seed, hours=hours, history=0):
        everything.take(window)
    return everything


def near(expected: float, within: float) -> object:
    """A figure, to a fraction."""
    return pytest.approx(expected, rel=within)


def test_a_seed_gives_the_same_windows_again() -> None:
    """Two readings of a seed agree, those of two seeds don't."""
    first, again, other = (
        list(islice(release(SCENARIOS["rest"], EFFECTS["p99"], seed=seed, history=0), 60)) for seed in (1, 1, 2)
    )

    assert first == again
    assert first != other


def test_an_effect_changes_the_canary_alone() -> None:
    """Stable's windows and labels are the same with and without harm."""
    without, harmed = (
        [
            (window.stable, [label.stable for label in window.labels])
            for window in islice(release(SCENARIOS["sess"], EFFECTS[effect], seed=3, history=0), 360)
        ]
        for effect in ("none", "margin-all")
    )

    assert without == harmed


def test_history_has_no_canary() -> None:
    """Before the release, windows follow each other from an hour before it, with a weight of 0 and stable alone."""
    windows = list(release(SCENARIOS["real"], EFFECTS["none"], seed=1, hours=1, history=1))

    assert [0.0] * 360 + [0.2] * 360 == [window.weight for window in windows]
    assert {10.0} == {(late.start - early.start).total_seconds() for early, late in pairwise(windows)}
    assert 0 == sum(window.canary.requests for window in windows[:360])
    assert min(window.canary.requests for window in windows[360:]) > 50


@pytest.mark.parametrize("scenario", ["iid", "rest"])
def test_parts_add_up_to_their_arm(scenario: str) -> None:
    """Replicas, and groups where there are sessions, hold each request, error and latency once."""
    for window in islice(release(SCENARIOS[scenario], EFFECTS["errors"], seed=5, history=0), 40):
        for arm, replicas in ((window.stable, 8), (window.canary, 2)):
            assert arm.requests == sum(arm.latency.values())
            assert replicas == len(arm.replicas)
            for parts in filter(None, (arm.replicas.values(), arm.groups.values())):
                latency: Counter[int] = Counter()
                for part in parts:
                    latency.update(part.latency)
                assert (arm.requests, arm.failed) == (sum(p.requests for p in parts), sum(p.errors for p in parts))
                assert dict(arm.latency) == dict(latency)
            assert (scenario == "rest") == bool(arm.groups)


def test_traffic_is_as_stated() -> None:
    """50 requests a second, a fifth of them the canary's; latency, errors and labels as stated; no effect."""
    both = seen("iid")

    assert near(360_000, 0.01) == both.stable.requests + both.canary.requests
    assert near(72_000, 0.02) == both.canary.requests
    for side in (both.stable, both.canary):
        assert near(0.125 * exp(0.0057), 0.02) == side.quantile(0.5)
        assert near(0.228, 0.03) == side.quantile(0.9)
        assert near(0.41, 0.06) == side.quantile(0.99)
        assert near(0.001, 0.4) == side.error_rate
        assert near(1.0, 0.05) == side.loss
        assert side.seconds == near(float(np.dot(side.latency, MIDDLES)), 0.01)
    assert near(0.2 * 50 * (7200 - 600), 0.03) == both.stable.labels[0] + both.canary.labels[0]


@pytest.mark.parametrize(
    ("effect", "p50", "p90", "p99", "errors", "loss"),
    [
        ("p50", 1.1, 1.1, 1.1, 0.0, 1.0),
        ("p99", 1.0, 1.0, 1.5, 0.0, 1.0),
        ("errors", 1.0, 1.0, 1.0, 0.004, 1.0),
        ("rmse", 1.0, 1.0, 1.0, 0.0, 1.05),
        ("margin-p50", 1.05, 1.05, 1.05, 0.0, 1.0),
        ("margin-p90", 1.0, 1.1, 1.0, 0.0, 1.0),
        ("margin-p99", 1.0, 1.0, 1.1, 0.0, 1.0),
        ("margin-errors", 1.0, 1.0, 1.0, 0.002, 1.0),
        ("margin-rmse", 1.0, 1.0, 1.0, 0.0, 1.03),
        ("margin-all", 1.05, 1.1, 1.1, 0.002, 1.03),
    ],
)
def test_effects_are_of_the_stated_size(
    effect: str, p50: float, p90: float, p99: float, errors: float, loss: float
) -> None:
    """The same seed with and without the effect: each figure of the canary moves by what is stated, and no other does."""
    before, after = seen("iid", hours=1).canary, seen("iid", effect, hours=1).canary
    bin_width = 0.0096

    for level, factor in ((0.5, p50), (0.9, p90), (0.99, p99)):
        assert pytest.approx(log(factor), abs=bin_width) == log(after.quantile(level) / before.quantile(level))
    assert pytest.approx(errors, abs=0.0008) == after.error_rate - before.error_rate
    assert near(loss, 1e-6) == (after.loss / before.loss) ** 0.5


def test_late_harm_begins_after_two_hours() -> None:
    """Until then the windows are those of a harmless canary."""
    late, harmless = (release(SCENARIOS["iid"], EFFECTS[name], seed=2, history=0) for name in ("late-p50", "none"))
    pairs = list(islice(zip(late, harmless, strict=True), 800))

    assert all(mine == theirs for mine, theirs in pairs[:720])
    assert all(mine.canary != theirs.canary for mine, theirs in pairs[720:])


def test_both_arms_share_the_level() -> None:
    """In `real` the medians of the arms rise and fall together; in `iid` they don't."""
    together = {}
    for scenario in ("real", "iid"):
        minutes = Minutes()
        taken = [
            minutes.take(window) for window in release(SCENARIOS[scenario], EFFECTS["none"], seed=4, hours=3, history=0)
        ]
        medians = [(one.stable.quantile(0.5), one.canary.quantile(0.5)) for one in taken if one]
        together[scenario] = float(np.corrcoef(np.array(medians).T)[0, 1])

    assert together["real"] > 0.5
    assert abs(together["iid"]) < 0.3


def test_sessions_are_correlated_and_stay_in_their_arm() -> None:
    """Slow requests gather in a minute's groups of sessions, and each session is counted once: a tenth of the requests."""
    windows = list(release(SCENARIOS["sess"], EFFECTS["none"], seed=6, hours=1, history=1))[360:]
    median = latency_bin(0.125)
    beyond, variance = np.zeros(64), 0.0
    for window in windows:
        size, slow = np.zeros(64), np.zeros(64)
        for group, part in window.stable.groups.items():
            size[group] = part.requests
            slow[group] = sum(count for at, count in part.latency.items() if at > median)
        share = slow.sum() / size.sum()
        beyond += slow - size * share
        variance += size.sum() * share * (1 - share)
    units = np.array([(window.stable.units or 0, window.canary.units or 0) for window in windows[60:]])

    assert 3 < float((beyond**2).sum()) / variance < 10
    assert near(5 * 3000, 0.05) == units.sum()
    assert near(0.2, 0.1) == units[:, 1].sum() / units.sum()


def test_replicas_differ_where_stated() -> None:
    """In `pod` the replicas' medians differ by more than in `real`."""

    def spread(scenario: str) -> float:
        logs = []
        for window in islice(release(SCENARIOS[scenario], EFFECTS["none"], seed=8, history=0), 360):
            means = [
                sum(at * n for at, n in part.latency.items()) / part.requests
                for part in window.stable.replicas.values()
            ]
            logs.append(np.var(means))
        return float(np.mean(logs))

    assert near(0.03**2 / (log(1.1) / 10) ** 2, 0.3) == spread("pod") - spread("real")


def test_a_cold_canary_warms_up() -> None:
    """Twice as slow at first, as fast as stable after ten minutes."""
    windows = list(islice(release(SCENARIOS["cold"], EFFECTS["none"], seed=1, history=0), 120))

    def ratio(some: list[Window]) -> float:
        both = Minute()
        for window in some:
            both.take(window)
        return both.canary.quantile(0.5) / both.stable.quantile(0.5)

    assert ratio(windows[:2]) > 1.7
    assert near(1.0, 0.05) == ratio(windows[60:])


@pytest.mark.parametrize(("scenario", "share"), [("real", 0.2), ("srm", 0.21), ("drop", 0.2 * 0.97 / (1 - 0.2 * 0.03))])
def test_the_split_is_as_stated(scenario: str, share: float) -> None:
    """A fifth, one point more, and a fifth less three in a hundred."""
    both = seen(scenario, hours=4)

    assert pytest.approx(share, abs=0.0017) == both.canary.requests / (both.canary.requests + both.stable.requests)


def test_labels_come_later_and_name_the_window_that_served() -> None:
    """Ten minutes later on average, once a minute, never before the request."""
    delays: list[float] = []
    for number, window in enumerate(release(SCENARIOS["iid"], EFFECTS["none"], seed=9, hours=3, history=0)):
        assert number % 6 == 5 or window.labels == ()
        for label in window.labels:
            if label.served < EPOCH + timedelta(hours=1):
                delays += [(window.end - label.served).total_seconds()] * (label.stable.count + label.canary.count)

    assert min(delays) >= 10
    assert near(600 + 5 + 30, 0.05) == float(np.mean(delays))


def test_a_bend_moves_what_it_names() -> None:
    """Between its points it is interpolated, outside it is constant."""
    added = Effect(bend=((0.0, 0.0), (1.0, 0.4))).added(np.array([-1.0, 0.0, 0.5, 1.0, 2.0]))

    assert [0.0, 0.0, 0.2, 0.4, 0.4] == added.tolist()


def minute(latency: dict[float, int], *, errors: int = 0, stable: dict[float, int] | None = None) -> Minute:
    """A minute in which the canary answered so many requests in so many seconds."""

    def arm(counts: dict[float, int], wrong: int = 0) -> ArmWindow:
        return ArmWindow(
            requests=sum(counts.values()),
            errors={"5xx": wrong} if wrong else {},
            latency={latency_bin(seconds): count for seconds, count in counts.items()},
            seconds=sum(seconds * count for seconds, count in counts.items()),
        )

    both = Minute()
    both.take(Window(start=EPOCH, weight=0.2, stable=arm(stable or {0.1: 400}), canary=arm(latency, errors)))
    return both


GOOD = {0.1: 100}
SLOW = {0.1: 95, 0.7: 5}


def said(rule: peers.Peer, minutes: list[Minute]) -> list[Decision]:
    """What a rule says after each minute, until it has decided."""
    answers = []
    for one in minutes:
        answers.append(rule.look(one))
        if answers[-1] is not Decision.CONTINUE:
            break
    return answers


def test_the_fixed_wait_looks_at_the_mean_at_the_end() -> None:
    """Before the end nothing stops it; at the end the mean of all time decides."""
    assert [Decision.CONTINUE, Decision.CONTINUE, Decision.PROMOTE] == said(
        peers.FixedWait(minutes=3), [minute({0.9: 100}), minute(GOOD), minute(GOOD)]
    )
    assert Decision.ABORT == said(peers.FixedWait(minutes=2), [minute({0.9: 100}), minute({0.2: 100})])[-1]


def test_flagger_counts_failed_checks_over_the_whole_analysis() -> None:
    """Five checks that miss the latency or the success rate roll back, with good ones between; ten good ones may promote."""
    bad = [minute(SLOW), minute(GOOD, errors=2), minute(GOOD), minute(SLOW, errors=2), minute(SLOW), minute(SLOW)]

    assert [Decision.CONTINUE] * 5 + [Decision.ABORT] == said(peers.Flagger(), bad)
    assert [Decision.CONTINUE] * 11 + [Decision.PROMOTE] == said(
        peers.Flagger(checks=10), bad[:2] + [minute(GOOD)] * 12
    )
    assert [Decision.CONTINUE] * 4 + [Decision.ABORT] == said(peers.Flagger(), [Minute()] * 9)


def test_argo_counts_each_metric_by_itself() -> None:
    """Three failures of each of two metrics are within the limit, the fourth of one isn't."""
    within = [minute(SLOW)] * 3 + [minute(GOOD, errors=2)] * 3

    assert [Decision.CONTINUE] * 6 + [Decision.ABORT] == said(peers.Argo(), [*within, minute(SLOW)])


def test_kayenta_fails_on_errors_but_not_on_one_quantile() -> None:
    """Two thirds of the score are the other groups': a p99 of twice the time passes the threshold, errors don't."""
    rng = np.random.default_rng(1)

    def hour(slow: float, errors: int) -> list[Minute]:
        return [
            minute(
                {0.1: 900, 0.2 + 0.01 * rng.random(): 85, slow + 0.1 * rng.random(): 15},
                errors=errors,
                stable={0.1: 900, 0.2 + 0.01 * rng.random(): 85, 0.4 + 0.1 * rng.random(): 15},
            )
            for _ in range(60)
        ]

    assert Decision.CONTINUE == said(peers.Kayenta(), hour(0.8, 0))[-1]
    assert [Decision.CONTINUE] * 59 + [Decision.ABORT] == said(peers.Kayenta(), hour(0.4, 5))
    assert Decision.PROMOTE == said(peers.Kayenta(runs=1), hour(0.4, 0))[-1]
    assert Decision.ABORT == said(peers.Kayenta(runs=1), hour(0.8, 0))[-1]


@pytest.mark.parametrize(
    "test", [peers.kolmogorov_smirnov, peers.mann_whitney, peers.mean_latency, peers.errors, peers.loss]
)
def test_peeking_rejects_what_is_clear_and_not_its_opposite(test: object) -> None:
    """Each test sees a canary that is clearly worse, and is silent when stable is the worse one."""
    worse = Side(labels=np.array([100.0, 300.0, 1000.0]))
    worse.take(ArmWindow(requests=200, errors={"5xx": 40}, latency={latency_bin(0.1): 100, latency_bin(0.4): 100}))
    better = Side(labels=np.array([100.0, 100.0, 200.0]))
    better.take(ArmWindow(requests=200, errors={"5xx": 2}, latency={latency_bin(0.1): 190, latency_bin(0.4): 10}))

    assert callable(test)
    assert Decision.ABORT == peers.Peeking(test).look(Minute(stable=better, canary=worse))
    assert Decision.CONTINUE == peers.Peeking(test).look(Minute(stable=worse, canary=better))


def test_a_mean_test_is_the_textbook_one() -> None:
    """Ranks against the exact figure: two of three wins and a tie of two by two."""
    both = Minute()
    both.canary.take(ArmWindow(requests=2, latency={10: 1, 20: 1}))
    both.stable.take(ArmWindow(requests=2, latency={5: 1, 10: 1}))

    assert pytest.approx((3.5 - 2) / np.sqrt(4 / 12 * (5 - 6 / 12))) == peers.mann_whitney(both)


def test_labels_reach_the_minute() -> None:
    """Losses of both arms are summed, whatever window served them."""
    both = Minute()
    both.take(
        Window(
            start=EPOCH,
            weight=0.2,
            labels=(
                Labels(served=EPOCH, metric="rmse", stable=Sums(count=2, total=3.0, squares=5.0), canary=Sums(count=1)),
            ),
        )
    )

    assert ([2.0, 3.0, 5.0], [1.0, 0.0, 0.0]) == (both.stable.labels.tolist(), both.canary.labels.tolist())


@pytest.mark.parametrize(
    ("hits", "runs", "low", "high"), [(0, 20, 0.0, 0.1684), (1, 20, 0.00127, 0.2487), (20, 20, 0.8316, 1.0)]
)
def test_intervals_of_shares_are_exact(hits: int, runs: int, low: float, high: float) -> None:
    """Clopper and Pearson's, as tables have them."""
    assert (low, high) == pytest.approx(interval(hits, runs), abs=1e-4)


def test_a_batch_goes_on_where_it_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line that was cut off is run again, one that is whole isn't, and the table counts each run once."""
    out = tmp_path / "runs.jsonl"
    command = ["--rules", "peers", "--scenarios", "low", "--hours", "1", "--history", "0", "--out", str(out)]

    assert 0 == main([*command, "--runs", "2"])
    whole, cut = out.read_text(encoding="utf-8").splitlines()
    out.write_text(f"{whole}\n{cut[:40]}", encoding="utf-8")
    assert 0 == main([*command, "--runs", "3"])
    lines = out.read_text(encoding="utf-8").splitlines()
    assert [whole, cut[:40], cut] == lines[:3]
    assert 2 == json.loads(lines[3])["seed"]

    capsys.readouterr()
    assert 0 == main(["--table", str(out)])
    assert "| low | Flagger-like | 3 |" in capsys.readouterr().out


def test_the_judge_is_followed_until_there_is_nothing_more_to_learn() -> None:
    """A harmful run ends with its abort, a harmless one goes on to its end whatever the judge would have done."""
    harmed, harmless = (
        follow(Task(rules="judge", scenario="iid", effect=effect, policy="unlabelled", weight=0.5, seed=1, hours=1))
        for effect in ("errors", "none")
    )

    assert ["abort"] == list(harmed["events"])
    assert harmed["watched"] == harmed["events"]["abort"]["minutes"] < 60
    assert ["promote"] == list(harmless["events"])
    assert harmless["events"]["promote"]["minutes"] < harmless["watched"] == 60
