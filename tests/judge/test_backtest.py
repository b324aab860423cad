"""What other rules would have done in past releases."""

from dataclasses import replace

import pytest

from seatrial.judge.backtest import Moment, Past, Rules, Seen, Told, Truth, backtest, moments_of, replay, told
from seatrial.judge.release import begin, update, warm
from seatrial.records import Decision, JudgePolicy
from tests.web.streams import history, stream

QUICK = Rules(policy=JudgePolicy(warmup=0.0))
SLOW = Rules(policy=JudgePolicy(warmup=60.0))
BLIND = Rules(policy=JudgePolicy(warmup=1e6))


def _past(name: str, truth: Truth | None, *, slower: float = 1.0, rules: Rules | None = None) -> Past:
    seen = [Seen(window=window, warm=True) for window in history(30)]
    seen += [Seen(window=window) for window in stream(40, slower=slower)]
    past = Past(name=name, windows=tuple(seen), truth=truth, rules=rules)
    return past if rules is None else replace(past, then=moments_of(replay(past, rules)))


def test_a_replay_is_the_judge_again() -> None:
    """History is learned from, every other window judged, as the judge itself would."""
    state = begin(QUICK.policy)
    for window in history(30):
        warm(state, window)
    expected = tuple(update(state, window) for window in stream(40, slower=1.02))

    assert expected == replay(_past("a", None, slower=1.02), QUICK)


def test_bad_ones_found_earlier() -> None:
    """A policy that leaves out less of the beginning finds the same harm earlier, by the difference."""
    result = backtest([_past("bad", Truth.BAD, slower=1.5, rules=SLOW)], {"quick": QUICK})
    (row,) = result.releases

    assert row.then is not None
    assert Decision.ABORT is row.then.decision is row.now["quick"].decision
    assert row.then.seconds is not None
    assert row.now["quick"].seconds is not None
    assert row.then.seconds - row.now["quick"].seconds == row.earlier["quick"]
    assert 60 == pytest.approx(row.earlier["quick"], abs=20)
    assert row.now["quick"].requests < row.then.requests


def test_misses_and_false_alarms_are_counted() -> None:
    """A bad one that isn't aborted is missed, a good one that is aborted a false alarm."""
    pasts = [
        _past("harmless", Truth.GOOD),
        _past("harmful", Truth.BAD, slower=1.5),
        _past("mislabelled good", Truth.GOOD, slower=1.5),
        _past("mislabelled bad", Truth.BAD),
        _past("unknown", None),
    ]
    scores = backtest(pasts, {"quick": QUICK, "blind": BLIND}).scores
    quick, blind = scores["quick"], scores["blind"]

    assert (2, 2, 1, 1, 1, 0) == (quick.good, quick.bad, quick.missed, quick.promoted, quick.alarms, quick.undecided)
    assert (2, 0, 0, 5) == (blind.missed, blind.promoted, blind.alarms, blind.undecided)
    assert quick.abort_seconds is not None
    assert quick.promote_seconds is not None
    assert (None, None) == (blind.abort_seconds, blind.promote_seconds)


def test_each_release_by_its_own_rules() -> None:
    """Without other rules, what was said then is said again, at the same moment."""
    pasts = [_past("a", Truth.BAD, slower=1.5, rules=QUICK), _past("b", Truth.GOOD, rules=SLOW)]
    result = backtest(pasts, {"own": None})

    assert [row.then for row in result.releases] == [row.now["own"] for row in result.releases]
    assert [0.0, 0.0] == [row.earlier["own"] for row in result.releases]
    assert result.then == result.scores["own"]


def test_the_first_end_counts() -> None:
    """What a judge says after it has ended a release changes nothing, and before there is nothing to say it goes on."""
    windows = [Seen(window=window) for window in stream(3)]
    first, second, third = (seen.window for seen in windows)
    moments = [
        Moment(at=first.end, decision=Decision.PAUSE),
        Moment(at=second.end, decision=Decision.PROMOTE),
        Moment(at=third.end, decision=Decision.ABORT),
    ]
    requests = first.canary.requests + second.canary.requests

    assert Told(decision=Decision.PROMOTE, at=second.end, seconds=20.0, requests=requests) == told(moments, windows)
    assert Decision.PAUSE is told(moments[:1], windows).decision
    assert Told(decision=Decision.CONTINUE) == told([], windows)
    assert Told(decision=Decision.CONTINUE) == told([], [])


def test_a_release_without_windows() -> None:
    """One that ended before it began is undecided, and no division by nothing."""
    empty = Past(name="empty", windows=(), truth=Truth.BAD)
    result = backtest([empty], {"quick": QUICK})

    assert Told(decision=Decision.CONTINUE) == result.releases[0].now["quick"]
    assert (1, 1) == (result.scores["quick"].missed, result.scores["quick"].undecided)
    assert result.then is None
    assert () == backtest([], {"quick": QUICK}).releases
