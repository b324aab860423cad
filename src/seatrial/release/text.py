"""How releases read on a terminal: lists, one of them, and why it stands where it stands."""

from collections.abc import Sequence
from datetime import datetime

from seatrial.records import (
    Decision,
    Judgement,
    MetricJudgement,
    Release,
    ReleaseEvent,
    ReleasePhase,
)
from seatrial.release.report import words
from seatrial.release.steps import missing
from seatrial.wording.grid import Grid
from seatrial.wording.text import MISSING, duration


def list_grid(releases: Sequence[Release], *, now: datetime) -> Grid:
    """Releases, one a row."""
    rows = tuple(
        (
            release.id,
            release.service,
            f"{release.model}@{release.number}",
            stands(release),
            f"{release.weight / 10:g} %" if release.outcome is None else MISSING,
            _took(release, now),
            release.why or MISSING,
        )
        for release in releases
    )
    return Grid(
        headings=("release", "service", "version", "state", "weight", "took", "why"),
        rows=rows,
        right=frozenset({"weight", "took"}),
        unwrapped=frozenset({"release", "version"}),
    )


def stands(release: Release) -> str:
    """Where it stands: `step 2 of 3`, `paused`, `promoted`."""
    dry = " (dry run)" if release.dry_run else ""
    if release.outcome is not None:
        return f"{release.outcome.value}{dry}"
    if release.phase is ReleasePhase.STEPPING:
        return f"step {release.step + 1} of {len(release.spec.steps)}{dry}"
    return f"{release.phase.value}{dry}"


def status_lines(release: Release, judgement: Judgement | None, *, now: datetime) -> list[str]:
    """One release in a few lines."""
    before = f"; {release.model}@{release.baseline} is stable" if release.baseline is not None else ""
    lines = [
        f"{release.service}: {release.model}@{release.number}{before}",
        f"release  {release.id}, begun by {release.who or MISSING}",
        f"state    {stands(release)}, for {_took(release, now)}",
    ]
    if release.phase in {ReleasePhase.STEPPING, ReleasePhase.PAUSED}:
        lines.append(f"weight   {_shares(release)}")
        steps = " → ".join(words.steps(release))
        lines.append(f"steps    {steps}")
        waits = missing(release, judgement, release.step_elapsed)
        if waits:
            lines.append(f"waits for {waits}")
    if release.why:
        lines.append(f"why      {release.why}")
    return [*lines, *(f"note     {note}" for note in release.notes)]


def metric_grid(judgement: Judgement | None) -> Grid:
    """What the judge knows of each metric."""
    rows = tuple(row.cells for row in words.metric_rows(judgement))
    return Grid(headings=words.METRIC_HEADS, rows=rows, unwrapped=frozenset({"Metric"}))


def explained(release: Release, judgement: Judgement | None) -> list[str]:
    """Why it stands where it stands: what was asked, of each metric what was found, and what is missing."""
    lines = [f"{release.model}@{release.number}: {stands(release)}{f': {release.why}' if release.why else ''}"]
    if judgement is None:
        return [*lines, "Nothing was judged yet."]
    stable, canary = judgement.requests
    lines.append(
        f"The judge says {judgement.decision.value} after {judgement.windows:,} windows with {stable:,} requests of stable "
        f"and {canary:,} of the canary{f': {judgement.why}' if judgement.why else ''}."
    )
    lines += [f"{metric.name}: {_found(metric)}" for metric in judgement.metrics]
    lines += [
        f"{each.name}: {'not enough was seen' if each.holds is None else 'it holds' if each.holds else 'it does not hold'}"
        f"{'' if each.value is None else f' ({each.value:.4g})'}"
        for each in judgement.thresholds
    ]
    split = words.split_words(judgement)
    if split != MISSING:
        lines.append(f"Split: {split}.")
    if judgement.decision is Decision.CONTINUE and judgement.more is not None:
        lines.append(f"About {judgement.more:,} more of the canary's requests are needed.")
    return [*lines, *judgement.notes]


def _found(metric: MetricJudgement) -> str:
    """Both hypotheses of a metric, and what is missing."""
    parts = [words.effect(metric)]
    if metric.harm is not None:
        parts.append(f"harm {words.evidence(metric.harm)}")
    if metric.safe is not None:
        more = f", about {metric.more:,} more needed" if metric.more and not metric.safe.settled else ""
        parts.append(f"not worse than {words.margin(metric)}: {words.evidence(metric.safe)}{more}")
    return "; ".join([*parts, *filter(None, [metric.why])])


def event_line(event: ReleaseEvent) -> str:
    """A line of the timeline."""
    return f"{event.at:%Y-%m-%d %H:%M:%S}  {event.kind.value:<8} {event.text}"


def _shares(release: Release) -> str:
    copies = f", and a copy of {release.mirror / 10:g} %" if release.mirror else ""
    return f"{release.weight / 10:g} % to the canary{copies}"


def _took(release: Release, now: datetime) -> str:
    return duration(max(0.0, ((release.ended or now) - release.started).total_seconds()))
