"""The report of a release as words, before any markup: what Markdown, HTML, notices and the terminal lay out."""

from collections.abc import Sequence
from dataclasses import dataclass

from seatrial.records import (
    Hypothesis,
    Judgement,
    MetricJudgement,
    Release,
    ReleaseReport,
    ReleaseStep,
    ReplicaUsage,
    StepKind,
    Verdict,
)
from seatrial.wording import text

METRIC_HEADS = ("Metric", "Stable", "Canary", "Effect", "May be worse by", "Harm", "Safe", "Seen")
PLATFORM_HEADS = ("Version", "Replica", "CPU, mean", "CPU, most", "Memory, most", "Restarts")
_UNITS = {"errors": "fraction"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRow:
    """One metric as words; `verdict` says what is settled: fail for harm, pass for safe, else inconclusive."""

    name: str
    stable: str
    canary: str
    effect: str
    margin: str
    harm: str
    safe: str
    seen: str
    why: str
    verdict: Verdict

    @property
    def cells(self) -> tuple[str, ...]:
        """In the order of `METRIC_HEADS`."""
        return (self.name, self.stable, self.canary, self.effect, self.margin, self.harm, self.safe, self.seen)


def metric_rows(judgement: Judgement | None) -> tuple[MetricRow, ...]:
    """A row a metric, and one a fixed threshold; those that do harm first."""
    if judgement is None:
        return ()
    rows = [*(_metric_row(metric) for metric in judgement.metrics), *_threshold_rows(judgement)]
    return tuple(sorted(rows, key=lambda row: -row.verdict.severity))


def _metric_row(metric: MetricJudgement) -> MetricRow:
    unit = _UNITS.get(metric.name, metric.unit)
    scale = text.scale_for(unit, [metric.stable, metric.canary])
    return MetricRow(
        name=metric.name,
        stable=scale.show(metric.stable),
        canary=scale.show(metric.canary),
        effect=effect(metric),
        margin=margin(metric),
        harm=evidence(metric.harm),
        safe=evidence(metric.safe),
        seen=" / ".join(f"{count:,}" for count in metric.samples),
        why=metric.why,
        verdict=_verdict(metric),
    )


def _threshold_rows(judgement: Judgement) -> Sequence[MetricRow]:
    signs = {True: Verdict.PASS, False: Verdict.FAIL, None: Verdict.INCONCLUSIVE}
    return [
        MetricRow(
            name=each.name,
            stable=text.MISSING,
            canary=text.MISSING if each.value is None else f"{each.value:.4g}",
            effect=text.MISSING,
            margin=text.MISSING,
            harm=text.MISSING,
            safe=text.MISSING,
            seen=f"{each.samples:,}",
            why={True: "it holds", False: "it does not hold", None: "not enough was seen"}[each.holds],
            verdict=signs[each.holds],
        )
        for each in judgement.thresholds
    ]


def _verdict(metric: MetricJudgement) -> Verdict:
    if metric.harm is not None and metric.harm.settled:
        return Verdict.FAIL
    if metric.safe is not None and metric.safe.settled:
        return Verdict.PASS
    return Verdict.INCONCLUSIVE


def effect(metric: MetricJudgement) -> str:
    """`+9.8% [+7.1%, +12.4%]`; `–` where nothing was seen."""
    if metric.estimate is None:
        return text.MISSING
    unit = "fraction" if metric.relative else _UNITS.get(metric.name, metric.unit)
    width = None if metric.effect is None else (metric.effect.high - metric.effect.low) / 2
    scale = text.scale_for(unit, [metric.estimate], width)
    shown = _signed(scale, metric.estimate, relative=metric.relative)
    if metric.effect is None:
        return shown
    low, high = (_signed(scale, end, relative=metric.relative) for end in (metric.effect.low, metric.effect.high))
    return f"{shown} [{low}, {high}]"


def _signed(scale: text.Scale, value: float, *, relative: bool) -> str:
    if abs(value) == float("inf"):
        return "−∞" if value < 0 else "+∞"
    return scale.attach(scale.bare(value, sign=True)) if relative else scale.difference(value)


def margin(metric: MetricJudgement) -> str:
    """`5%`, `0.2pp`; `–` where it isn't asked for promotion."""
    if metric.margin is None:
        return text.MISSING
    if metric.relative:
        return f"{100 * metric.margin:g}%"
    if metric.name == "errors":
        return f"{100 * metric.margin:g}pp"
    return text.quantity(metric.margin, metric.unit)


def evidence(side: Hypothesis | None) -> str:
    """The e-value as odds, and what settles it: `1,200 of 100 ✓`."""
    if side is None:
        return text.MISSING
    return f"{_odds(side.evidence)} of {_odds(side.needed)}{' ✓' if side.settled else ''}"


def _odds(log10: float) -> str:
    if log10 >= 6:  # noqa: PLR2004 - longer than a column
        return f"10^{log10:.0f}"
    if log10 < -3:  # noqa: PLR2004
        return "0"
    return f"{10**log10:,.3g}" if log10 < 3 else f"{10**log10:,.0f}"  # noqa: PLR2004


def steps(release: Release) -> tuple[str, ...]:
    """The steps in words, in their order."""
    return tuple(step_words(step) for step in release.spec.steps)


def step_words(step: ReleaseStep) -> str:
    """`20 % until decided, at least 10 min`."""
    if step.kind is StepKind.APPROVAL:
        return "a person's approval"
    what = f"{step.share / 10:g} %" if step.kind is StepKind.WEIGHT else f"a copy of {step.share / 10:g} %"
    parts = [f"{what} until decided" if step.decided else what]
    if step.dwell:
        parts.append(f"at least {text.duration(step.dwell)}")
    return ", ".join(parts)


def split_words(judgement: Judgement | None) -> str:
    """What became of the split."""
    split = judgement.split if judgement is not None else None
    if split is None or split.observed is None:
        return text.MISSING
    said = f"{100 * split.observed:.2f}% of {split.units:,}, asked for {100 * split.expected:.2f}%"
    return f"{said}: not what was asked for" if split.wrong else said


def platform_rows(report: ReleaseReport) -> tuple[tuple[str, ...], ...]:
    """What each replica used, in the order of `PLATFORM_HEADS`."""
    return tuple(_platform_row(usage) for usage in report.platform)


def _platform_row(usage: ReplicaUsage) -> tuple[str, ...]:
    return (
        usage.version,
        usage.replica,
        text.quantity(usage.cores_mean, "cores"),
        text.quantity(usage.cores_most, "cores"),
        text.quantity(usage.memory_most, "B"),
        str(usage.restarts),
    )


def mirrored_lines(report: ReleaseReport) -> tuple[str, ...]:
    """What came of the copies, in sentences; nothing where there were none."""
    found = report.mirrored
    if found is None:
        return ()
    share = f" ({100 * found.agreement:.4g}%)" if found.agreement is not None else ""
    lines = [f"{found.same:,} of {found.compared:,} answers to copies are those of stable{share}."]
    if found.mean is not None and found.largest_absolute is not None:
        lines.append(f"Numbers differ by {found.mean:+.4g} on average, by {found.largest_absolute:.4g} at most.")
    if found.canary_failed or found.stable_failed:
        lines.append(f"The canary alone failed at {found.canary_failed:,}, stable alone at {found.stable_failed:,}.")
    if found.stable_seconds is not None and found.canary_seconds is not None:
        middle = text.scale_for("s", [found.stable_seconds, found.canary_seconds])
        lines.append(
            f"Median time: stable {middle.show(found.stable_seconds)}, canary {middle.show(found.canary_seconds)}."
        )
    lines += [f"Request {each.request_id}: stable {each.stable}, canary {each.canary}." for each in found.differing]
    return (*lines, *found.notes)


def took(report: ReleaseReport) -> str:
    """How long it took, or has been going on."""
    end = report.release.ended or report.written
    return text.duration(max(0.0, (end - report.release.started).total_seconds()))
