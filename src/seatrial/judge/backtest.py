"""What a policy would have done in past releases: decided when, missed what, raised which false alarms.

A policy is changed with hindsight in mind, and hindsight is cheap here: the windows of every release are kept, and the
judge says the same of the same windows. So a change is tried on what really happened before it is trusted with what will.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from statistics import median

from seatrial.judge.release import begin, update, warm
from seatrial.records import Decision, Judgement, JudgePolicy, Threshold, Window


class Truth(StrEnum):
    """What a released version turned out to be."""

    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a release is held to."""

    policy: JudgePolicy = field(default_factory=JudgePolicy)
    thresholds: tuple[Threshold, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A window as the judge got it.

    Attributes:
        values: results of the thresholds that have a query, by threshold.
        warm: it was learned from, and not judged.
    """

    window: Window
    values: Mapping[str, float | None] = field(default_factory=dict)
    warm: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One look at a release."""

    at: datetime
    decision: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A past release.

    Attributes:
        windows: of it, in order.
        then: what was decided, window by window, while it ran; empty if that isn't known.
        truth: None if nobody knows.
        rules: that it was held to; None if that isn't known.
    """

    name: str
    windows: tuple[Seen, ...]
    then: tuple[Moment, ...] = ()
    truth: Truth | None = None
    rules: Rules | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What came of all looks at one release.

    Attributes:
        decision: the first that ends it, `abort` or `promote`; else that of the last look.
        at: of that look; None without any.
        seconds: from the begin of the first window until then.
        requests: that the canary had had by then.
    """

    decision: Decision
    at: datetime | None = None
    seconds: float | None = None
    requests: int = 0

    @property
    def settled(self) -> bool:
        """Whether it ended the release."""
        return self.decision in {Decision.ABORT, Decision.PROMOTE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Retold:
    """One past release: what was said then, and by each set of rules now.

    Attributes:
        earlier: seconds by which each set of rules comes to the same end earlier; None where the ends differ or aren't known.
    """

    name: str
    truth: Truth | None
    then: Told | None
    now: Mapping[str, Told]
    earlier: Mapping[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One set of rules over all releases whose truth is known.

    Attributes:
        missed: bad ones that were not aborted; `promoted` how many of them were even promoted.
        alarms: good ones that were aborted.
        undecided: neither aborted nor promoted, whatever they were.
        abort_seconds, promote_seconds: median time until a bad one was aborted, and a good one promoted.
    """

    good: int
    bad: int
    missed: int
    promoted: int
    alarms: int
    undecided: int
    abort_seconds: float | None = None
    promote_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """All of it: a row for each release, a score for each set of rules, and one for what was said then, if that is known."""

    releases: tuple[Retold, ...]
    scores: Mapping[str, Score]
    then: Score | None = None


def replay(past: Past, rules: Rules) -> tuple[Judgement, ...]:
    """What the judge says after each window of a past release."""
    return tuple(_replayed(past, rules))


def _replayed(past: Past, rules: Rules) -> Iterator[Judgement]:
    state = begin(rules.policy, rules.thresholds)
    for seen in past.windows:
        if seen.warm:
            warm(state, seen.window)
        else:
            yield update(state, seen.window, seen.values)


def backtest(pasts: Sequence[Past], rules: Mapping[str, Rules | None]) -> Backtest:
    """Each release by each set of rules, by name; None stands for the release's own, as far as they are known."""
    retold = tuple(_retold(past, rules) for past in pasts)
    known = [(each.truth, each.then) for each in retold if each.then is not None]
    return Backtest(
        releases=retold,
        scores={name: _score([(each.truth, each.now[name]) for each in retold]) for name in rules},
        then=_score(known) if known else None,
    )


def told(moments: Sequence[Moment], windows: Sequence[Seen]) -> Told:
    """The first end that was called, or where it stood at last."""
    if not moments:
        return Told(decision=Decision.CONTINUE)
    ends = (each for each in moments if each.decision in {Decision.ABORT, Decision.PROMOTE})
    found = next(ends, moments[-1])
    judged = [seen.window for seen in windows if not seen.warm]
    until = [window for window in judged if window.end <= found.at]
    return Told(
        decision=found.decision,
        at=found.at,
        seconds=(found.at - judged[0].start).total_seconds() if judged else None,
        requests=sum(window.canary.requests for window in until),
    )


def moments_of(judgements: Sequence[Judgement]) -> tuple[Moment, ...]:
    """What was decided when."""
    return tuple(Moment(at=each.at, decision=each.decision) for each in judgements)


def _retold(past: Past, rules: Mapping[str, Rules | None]) -> Retold:
    then = told(past.then, past.windows) if past.then else None
    now = {
        name: told(moments_of(replay(past, each or past.rules or Rules())), past.windows)
        for name, each in rules.items()
    }
    return Retold(
        name=past.name,
        truth=past.truth,
        then=then,
        now=now,
        earlier={name: _earlier(then, each) for name, each in now.items()},
    )


def _earlier(then: Told | None, now: Told) -> float | None:
    if then is None or not now.settled or then.decision is not now.decision or None in {then.seconds, now.seconds}:
        return None
    return (then.seconds or 0.0) - (now.seconds or 0.0)


def _score(outcomes: Sequence[tuple[Truth | None, Told]]) -> Score:
    bad = [each for truth, each in outcomes if truth is Truth.BAD]
    good = [each for truth, each in outcomes if truth is Truth.GOOD]
    return Score(
        good=len(good),
        bad=len(bad),
        missed=sum(each.decision is not Decision.ABORT for each in bad),
        promoted=sum(each.decision is Decision.PROMOTE for each in bad),
        alarms=sum(each.decision is Decision.ABORT for each in good),
        undecided=sum(not each.settled for _, each in outcomes),
        abort_seconds=_median(bad, Decision.ABORT),
        promote_seconds=_median(good, Decision.PROMOTE),
    )


def _median(outcomes: Sequence[Told], decision: Decision) -> float | None:
    times = [each.seconds for each in outcomes if each.decision is decision and each.seconds is not None]
    return median(times) if times else None
