"""What people are told of a release: the verdict, the metric that decided with its interval, the table, the plot, the log."""

from collections.abc import Sequence
from pathlib import Path

from seatrial.records import EventKind, Notice, ReleaseReport
from seatrial.release.report import words

_HEADS = ("metric", "stable", "canary", "effect", "may be worse by")


def release_notice(report: ReleaseReport, *, what: str, link: str, pictures: Sequence[Path] = ()) -> Notice:
    """Of something that a release did.

    Args:
        report: as it is now.
        what: what happened, in a few words that are the same when it is told again: `aborted`, `paused`, `promoted`.
        link: where people read the report: a URL or a path.
        pictures: of its plots.
    """
    release = report.release
    rows = words.metric_rows(report.judgement)
    return Notice(
        key=f"release:{release.id}:{what}",
        event=EventKind.RELEASE,
        project=report.project,
        subject=f"{report.project}: {release.model}@{release.number} {what} in {release.service}",
        verdict=report.verdict,
        sentences=(report.headline, *_deciding(rows), *_share(report)),
        headings=_HEADS if rows else (),
        rows=tuple((row.name, row.stable, row.canary, row.effect, row.margin) for row in rows),
        link=link,
        lines=report.failing,
        pictures=tuple(str(path) for path in pictures),
    )


def _deciding(rows: Sequence[words.MetricRow]) -> tuple[str, ...]:
    """The metric that stands worst, in a sentence with its interval; nothing where none was judged."""
    return tuple(f"{row.name}: {row.effect}. {row.why}" for row in rows[:1] if row.why)


def _share(report: ReleaseReport) -> tuple[str, ...]:
    judgement = report.judgement
    if judgement is None:
        return ()
    stable, canary = judgement.requests
    return (f"It was judged on {canary:,} requests of the canary beside {stable:,} of stable.",)
