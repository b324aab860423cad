"""From effects to verdicts.

Two one-sided questions are asked about every gated metric, each at half of 1 − confidence, so that a single gate agrees
with its interval:

- *Is it worse than allowed?* Rejecting "no worse than allowed" fails the trial. One wrong rejection anywhere is a wrong
  failure, so Holm's correction runs over all gates of the whole trial (Holm, Scand. J. Stat. 6, 1979): however many
  metrics are gated, the chance of failing a trial in which nothing is worse than allowed stays at its level.
- *Is it shown to be within what is allowed?* Only all gates together pass a trial, so a wrong pass takes a wrong answer
  for the very metric that is worse: no correction is needed (intersection–union, Berger, Technometrics 24, 1982).

Neither: inconclusive. No data never passes.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scipy import special

from seatrial.judge.effects import Effect, Observed
from seatrial.records import Comparison, Direction, Gate, Interval, MetricSpec, Needs, Verdict, worst

_POWER_SCORE = 0.84
_MOST_GROWTH = 100.0
_SMALLEST_SHOWN = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One metric of one deployment, before the judgement.

    Attributes:
        deployment: its name.
        metric: how it is judged; `metric.gate` says whether it counts.
        slice: as in `Comparison`.
        effect: what is known of it; None where there are no pairs to compare.
        baseline, candidate: the figures where there is no effect; None where there are no data.
        samples: requests per cell behind the figures; the effect's own count if 0.
        note: why something is missing; shown with the reason.
    """

    deployment: str
    metric: MetricSpec
    effect: Effect | None = None
    slice: str = ""
    baseline: float | None = None
    candidate: float | None = None
    samples: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Question:
    """One bound that a metric is held to: `candidate − weight · baseline` against `threshold`.

    `worse` and `within` are the p-values of the two answers; `decided` is the answer where chance plays no part.
    """

    kind: str
    text: str
    weight: float
    threshold: float
    worse: float
    within: float
    decided: bool | None = None

    @property
    def chance(self) -> bool:
        """Whether chance plays a part, so that it counts among the tests to correct for."""
        return self.decided is None


@dataclass(frozen=True, slots=True)
class _Answer:
    verdict: Verdict
    reason: str
    needs: Needs | None = None


def judge(drafts: Iterable[Draft], confidence: float = 0.95) -> tuple[Comparison, ...]:
    """Judge all metrics of a trial together, in their order.

    Args:
        drafts: every metric of every deployment, gated or not.
        confidence: of the reported intervals; a trial where nothing is worse than allowed fails with a chance of at most
            (1 − confidence)/2, and so passes one that has a metric worse than allowed.
    """
    drafts = tuple(drafts)
    asked = [_questions(draft) for draft in drafts]
    adjusted = holm([question.worse for questions in asked for question in questions if question.chance])
    rest = iter(adjusted)
    out = []
    for draft, questions in zip(drafts, asked, strict=True):
        corrected = [next(rest) if question.chance else question.worse for question in questions]
        out.append(_comparison(draft, questions, corrected, len(adjusted), confidence))
    return tuple(out)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in the order given: each times the number not yet smaller, made monotone, at most 1."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted, highest = [1.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, p_values[index] * (len(p_values) - rank)))
        adjusted[index] = highest
    return adjusted


def _figures(draft: Draft) -> tuple[float | None, float | None]:
    if draft.effect is None:
        return draft.baseline, draft.candidate
    return draft.effect.baseline, draft.effect.candidate


def _trouble(draft: Draft) -> tuple[Verdict, str] | None:
    """The verdict and reason for a gated metric that cannot be asked anything; None if it can."""
    baseline, candidate = _figures(draft)
    spec = draft.metric
    known = [figure for figure in (baseline, candidate) if figure is not None]
    if any(not math.isfinite(figure) for figure in known) and not (
        draft.effect is not None and draft.effect.samples == 0
    ):
        return Verdict.ERROR, _sentence("the metric is not a finite number", draft.note)
    if candidate is None or (draft.effect is not None and draft.effect.samples == 0):
        return Verdict.INCONCLUSIVE, _sentence("no data", draft.note or (draft.effect.note if draft.effect else ""))
    if spec.margin is None and spec.limit is None:
        return Verdict.INCONCLUSIVE, "gated, but neither a margin nor a limit is set"
    if spec.margin is not None and baseline is None and spec.limit is None:
        return Verdict.INCONCLUSIVE, _sentence("no data of the baseline", draft.note)
    return None


def _gated(draft: Draft) -> bool:
    return draft.metric.gate and draft.metric.direction is not Direction.NONE


def _questions(draft: Draft) -> tuple[_Question, ...]:
    """The bounds that a gated metric with usable figures is held to."""
    if not _gated(draft) or _trouble(draft) is not None:
        return ()
    spec, questions = draft.metric, []
    if spec.limit is not None:
        questions.append(_limit_question(draft, spec.limit))
    if spec.margin is not None:
        questions.append(_margin_question(draft, spec.margin))
    return tuple(questions)


def _limit_question(draft: Draft, limit: float) -> _Question:
    candidate = _figures(draft)[1]
    text = f"the limit of {_number(limit)}"
    if draft.effect is None or isinstance(draft.effect, Observed):
        refused = draft.effect is not None and draft.effect.needed is not None
        if refused or candidate is None:
            return _Question("limit", text, 0.0, limit, 1.0, 1.0)
        side = _side(draft)
        beyond = side * candidate > side * limit
        return _Question("limit", text, 0.0, limit, 0.0 if beyond else 1.0, 1.0 if beyond else 0.0, decided=not beyond)
    return _asked(draft.effect, "limit", text, weight=0.0, threshold=limit, side=_side(draft))


def _margin_question(draft: Draft, margin: float) -> _Question:
    side = _side(draft)
    text = f"the margin of {_margin_text(draft.metric)}"
    baseline = _figures(draft)[0]
    if draft.effect is None or baseline is None:
        return _Question("margin", text, 1.0, side * margin, 1.0, 1.0)
    if not draft.metric.relative:
        return _asked(draft.effect, "margin", text, weight=1.0, threshold=side * margin, side=side)
    if baseline == 0:
        return _Question("zero baseline", text, 1.0, 0.0, 1.0, 1.0)
    weight = 1 + side * math.copysign(margin, baseline)
    return _asked(draft.effect, "margin", text, weight=weight, threshold=0.0, side=side)


def _asked(effect: Effect, kind: str, text: str, *, weight: float, threshold: float, side: int) -> _Question:
    above, below = effect.p_greater(threshold, weight=weight), effect.p_less(threshold, weight=weight)
    worse, within = (above, below) if side > 0 else (below, above)
    decided = None
    if isinstance(effect, Observed) and effect.exact:
        decided = side * (effect.estimate(weight) - threshold) <= 0
    return _Question(kind, text, weight, threshold, worse, within, decided)


def _comparison(
    draft: Draft,
    questions: Sequence[_Question],
    corrected: Sequence[float],
    tests: int,
    confidence: float,
) -> Comparison:
    baseline, candidate = _figures(draft)
    spec = draft.metric
    verdict, reason, needs = _answer(draft, questions, corrected, tests, (1 - confidence) / 2)
    asked = [index for index, question in enumerate(questions) if question.chance]
    return Comparison(
        deployment=draft.deployment,
        metric=spec.name,
        family=spec.family,
        unit=spec.unit,
        slice=draft.slice,
        baseline=_finite(baseline),
        candidate=_finite(candidate),
        difference=_finite(None if baseline is None or candidate is None else candidate - baseline),
        interval=_interval(draft.effect, confidence),
        samples=draft.samples or (draft.effect.samples if draft.effect else 0),
        gate=_gate(spec, baseline),
        p_worse=min((questions[index].worse for index in asked), default=None),
        p_worse_adjusted=min((corrected[index] for index in asked), default=None),
        verdict=verdict,
        reason=reason,
        needs=needs,
    )


def _answer(
    draft: Draft, questions: Sequence[_Question], corrected: Sequence[float], tests: int, level: float
) -> tuple[Verdict | None, str, Needs | None]:
    if not _gated(draft):
        return None, draft.note or (draft.effect.note if draft.effect else ""), None
    trouble = _trouble(draft)
    if trouble is not None:
        return *trouble, None
    answers = [_judged(draft, question, p, tests, level) for question, p in zip(questions, corrected, strict=True)]
    verdict = worst(answer.verdict for answer in answers)
    reasons = [answer.reason for answer in answers if answer.verdict is verdict]
    needs = [answer.needs.requests for answer in answers if answer.verdict is verdict and answer.needs]
    return verdict, "; ".join(reasons), Needs(requests=max(needs)) if needs else None


def _judged(draft: Draft, question: _Question, corrected: float, tests: int, level: float) -> _Answer:
    if question.decided is not None:
        word = "within" if question.decided else "beyond"
        return _Answer(Verdict.PASS if question.decided else Verdict.FAIL, f"{word} {question.text}")
    if corrected <= level:
        return _Answer(
            Verdict.FAIL, f"worse than {question.text} allows ({_probability(corrected)}{_corrected(tests)})"
        )
    if question.within <= level:
        return _Answer(Verdict.PASS, f"shown to be within {question.text}")
    return _open(draft, question, tests, level)


def _open(draft: Draft, question: _Question, tests: int, level: float) -> _Answer:
    """An inconclusive answer: why, and how many more requests would settle it."""
    if question.kind == "zero baseline":
        return _Answer(
            Verdict.INCONCLUSIVE,
            "the baseline is 0, so a relative margin allows nothing: give the margin in the metric's own unit",
        )
    effect = draft.effect
    if effect is None and _figures(draft)[0] is None:
        return _Answer(Verdict.INCONCLUSIVE, _sentence("no data of the baseline", draft.note))
    if effect is None or isinstance(effect, Observed):
        return _refused(draft, effect)
    if question.worse <= level:
        reason = f"beyond {question.text}, but not clearly enough among {tests} gated metrics"
        return _Answer(Verdict.INCONCLUSIVE, reason, _needs(draft, question.worse, level / tests))
    better = question.within < question.worse
    reason = (
        f"not yet shown to be within {question.text}"
        if better
        else f"looks worse than {question.text} allows, but may be chance"
    )
    needs = _needs(draft, question.within, level) if better else _needs(draft, question.worse, level / tests)
    if needs is None:
        reason += "; too near to the margin for an estimate of how many more requests would settle it"
    return _Answer(Verdict.INCONCLUSIVE, _sentence(reason, draft.note), needs)


def _refused(draft: Draft, effect: Effect | None) -> _Answer:
    if effect is None or (effect.needed is None and not effect.note):
        reason = "one observation a version cannot tell a difference from chance: set a limit, or leave it ungated"
        return _Answer(Verdict.INCONCLUSIVE, _sentence(reason, draft.note))
    samples = draft.samples or effect.samples
    growth = (effect.needed or 0) / max(effect.samples, 1)
    needs = Needs(requests=max(1, math.ceil(samples * (growth - 1)))) if growth > 1 else None
    return _Answer(Verdict.INCONCLUSIVE, _sentence(effect.note, draft.note), needs)


def _needs(draft: Draft, p_value: float, level: float) -> Needs | None:
    """More requests per cell to settle it with a chance of 80 %, should the estimate be the truth.

    A statistic's distance from the threshold, in standard errors, grows with √n. None where it would take more
    than a hundred times as many requests.
    """
    samples = draft.samples or (draft.effect.samples if draft.effect else 0)
    now, wanted = -float(special.ndtri(p_value)), -float(special.ndtri(level)) + _POWER_SCORE
    if samples == 0 or not math.isfinite(now) or now <= 0 or (wanted / now) ** 2 > _MOST_GROWTH:
        return None
    return Needs(requests=max(1, math.ceil(samples * ((wanted / now) ** 2 - 1))))


def _interval(effect: Effect | None, confidence: float) -> Interval | None:
    if effect is None or not (math.isfinite(effect.baseline) and math.isfinite(effect.candidate)):
        return None
    return effect.interval(confidence)


def _gate(spec: MetricSpec, baseline: float | None) -> Gate | None:
    if not spec.gate or spec.direction is Direction.NONE:
        return None
    margin = spec.margin
    if margin is not None and spec.relative:
        margin = None if baseline is None or not math.isfinite(baseline) else margin * abs(baseline)
    return Gate(direction=spec.direction, margin=margin, margin_text=_margin_text(spec), limit=spec.limit)


def _finite(figure: float | None) -> float | None:
    """The figure, None where it is not a number: a report holds numbers only, and the reason says the rest."""
    return figure if figure is not None and math.isfinite(figure) else None


def _side(draft: Draft) -> int:
    """1 where more is worse, −1 where less is."""
    return 1 if draft.metric.direction is Direction.LOWER else -1


def _margin_text(spec: MetricSpec) -> str:
    if spec.margin is None:
        return ""
    if spec.margin_text:
        return spec.margin_text
    return f"{_number(100 * spec.margin)}%" if spec.relative else _number(spec.margin)


def _probability(value: float) -> str:
    """`p = 0.012`, and `p < 0.0001` for what nobody should read digits of."""
    return f"p = {value:.2g}" if value >= _SMALLEST_SHOWN else f"p < {_SMALLEST_SHOWN:g}"


def _number(value: float) -> str:
    return f"{value:.4g}"


def _corrected(tests: int) -> str:
    return f", corrected for {tests} gated metrics" if tests > 1 else ""


def _sentence(reason: str, note: str) -> str:
    return f"{reason} ({note})" if note and note != reason else reason
