"""What people are told of a release: that it was promoted, that it goes back, that it waits for them."""

from collections.abc import Sequence
from dataclasses import dataclass

from seatrial.records import Decision, EventKind, Judgement, MetricJudgement, Notice, Release, ReleasePhase, Verdict
from seatrial.release.report import words
from seatrial.wording.text import one_line

_SUBJECT, _SENTENCE, _CELL = 140, 300, 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What goes with a notice: log lines of failing requests, paths of pictures, where the report is."""

    lines: Sequence[str] = ()
    pictures: Sequence[str] = ()
    link: str = ""


def release_notice(
    release: Release, judgement: Judgement | None, about: str, *, project: str, shown: Shown | None = None
) -> Notice:
    """The notice; the same thing told twice has the same key.

    Args:
        release: as it is now.
        judgement: the last one.
        about: what is told, as `Tell` names it.
        project: whose it is.
        shown: what goes with it.
    """
    shown = shown or Shown()
    what, verdict = _what(release, about)
    rows = words.metric_rows(judgement)
    return Notice(
        key=f"release:{release.id}:{about}",
        event=EventKind.RELEASE,
        project=one_line(project, _CELL),
        subject=one_line(f"{project}: {what}{f' – {verdict.value}' if verdict else ''}", _SUBJECT),
        verdict=verdict,
        sentences=tuple(_sentence(each) for each in _sentences(release, judgement, about) if each),
        headings=words.METRIC_HEADS if rows else (),
        rows=tuple(tuple(one_line(cell, _CELL) for cell in row.cells) for row in rows),
        link=shown.link,
        lines=tuple(shown.lines),
        pictures=tuple(shown.pictures),
    )


def _what(release: Release, about: str) -> tuple[str, Verdict | None]:
    name = f"{release.model} v{release.number}"
    if about == "promoted":
        return f"{name} has all requests of {release.service}", release.verdict
    if about == "going back":
        done = "was rolled back" if release.promoted is not None else "was aborted"
        return f"the release of {name} to {release.service} {done}", release.verdict
    if about.startswith("approval"):
        return f"the release of {name} to {release.service} waits for approval", None
    return f"the release of {name} to {release.service} is paused", None


def _sentences(release: Release, judgement: Judgement | None, about: str) -> Sequence[str]:
    before = f"v{release.baseline}" if release.baseline is not None else "stable"
    told = [release.why]
    if about == "going back":
        told += [_telling(judgement), _where(release, before)]
    elif about == "promoted":
        told += [f"{before} ran there before", *release.notes]
    elif release.phase is ReleasePhase.PAUSED:
        told += [f"The canary keeps {release.weight / 10:g} %: seatrial release resume {release.service}, or abort"]
    else:
        told += [f"seatrial release approve {release.service} lets it go on"]
    return told


def _where(release: Release, before: str) -> str:
    if release.weight:
        return f"{release.weight / 10:g} % of the requests still go to the canary, since stable does not answer"
    return f"All requests go to stable: {before}"


def _telling(judgement: Judgement | None) -> str:
    """The metric that did it, with its interval."""
    metric = _worst(judgement)
    if metric is None:
        return ""
    return f"Metric {metric.name}: {words.effect(metric)}, {metric.samples[1]:,} of the canary's requests seen"


def _worst(judgement: Judgement | None) -> MetricJudgement | None:
    """The one with most evidence of harm; none where it was not harm that decided."""
    if judgement is None or judgement.decision is not Decision.ABORT:
        return None
    metrics = [metric for metric in judgement.metrics if metric.harm is not None and metric.estimate is not None]
    return max(metrics, key=lambda metric: metric.harm.evidence if metric.harm else 0.0, default=None)


def _sentence(told: str) -> str:
    line = one_line(told, _SENTENCE)
    line = line[:1].upper() + line[1:]
    return line if line.endswith((".", "…", "!", "?")) else f"{line}."
