"""What people are told of what happened: one pure function a kind of event, from its record to a notice.

A notice has to be right at a glance: the verdict and what holds now come first, the worst metrics above the others, and
all of it fits a screen; the report, which is linked, has the rest. Nothing reads as done before its record says that it
is, and whatever was refused says why.
"""

from datetime import datetime
from typing import Final

from seatrial.notices.build import MOST_NOTES, build
from seatrial.records import (
    DeployState,
    DeployStatus,
    EventKind,
    Notice,
    PromotionResult,
    Report,
    Resources,
    RetrainResult,
    Verdict,
)
from seatrial.wording import retraining
from seatrial.wording.rows import judged_rows, rows
from seatrial.wording.text import count, quantity


def trial_notice(report: Report, *, link: str) -> Notice:
    """Of a trial that ended, or was interrupted.

    Args:
        report: its record.
        link: where people read the report: a URL or a path; empty where there is none.
    """
    ended = "" if report.complete else "interrupted "
    return build(
        key=f"trial:{report.run}" if report.complete else f"trial:{report.run}:interrupted",
        event=EventKind.TRIAL,
        project=report.project,
        what=f"{ended}trial of {report.change.candidate.described or 'the candidate'}",
        verdict=report.verdict,
        sentences=(report.headline, _compared(report)),
        judged=rows(report),
        link=link,
    )


def promotion_notice(result: PromotionResult, report: Report | None, *, project: str, link: str) -> Notice:
    """Of a promotion run that ended.

    The notice of a version that was not promoted never says pass, whatever its trial found: that is FAIL here.

    Args:
        result: its record.
        report: of the trial in it; None where it came to none.
        project: whose it is.
        link: where people read the report; empty where there is none.
    """
    name = f"{result.model} v{result.number}"
    held = result.promoted or result.verdict is not Verdict.PASS
    return build(
        key=f"promotion:{result.run}",
        event=EventKind.PROMOTION,
        project=project,
        what=f"{name} holds {result.stage} now" if result.promoted else f"{name} was not promoted to {result.stage}",
        verdict=result.verdict if held else Verdict.FAIL,
        sentences=(_refusal(result), result.headline, _holder(result), *result.notes[:MOST_NOTES]),
        judged=rows(report) if report is not None else (),
        link=link,
    )


def _refusal(result: PromotionResult) -> str:
    if result.promoted or not (result.refused or result.verdict is Verdict.PASS):
        return ""
    although = ", although its trial passed" if result.verdict is Verdict.PASS else ""
    return f"Refused{although}: {result.refused or 'no reason was given'}"


def _holder(result: PromotionResult) -> str:
    """Who holds the stage now and who did before."""
    if result.promoted:
        before = f"v{result.baseline} held {result.stage} before" if result.baseline is not None else ""
        return before or f"Nobody held {result.stage} before"
    if result.baseline is None:
        return f"It had no version in {result.stage} to be compared with"
    return f"It was compared with v{result.baseline} of {result.stage}"


_STATES: Final = {
    DeployState.STARTING: ("is starting", None),
    DeployState.READY: ("is ready", Verdict.PASS),
    DeployState.DEGRADED: ("is degraded", Verdict.ERROR),
    DeployState.FAILED: ("failed", Verdict.ERROR),
    DeployState.STOPPED: ("is stopped", None),
}


def deployment_notice(status: DeployStatus, *, project: str, what: str) -> Notice:
    """Of a deployment that was asked for or whose state changed.

    What the notice says became of it comes from the state alone. READY is pass, DEGRADED and FAILED are error; what is
    starting or was stopped has no verdict. Its link is where the deployment answers.

    Args:
        status: as last seen.
        project: whose it is.
        what: why this is told, in a few words: `deploy`, `scaled from 1 to 3 replicas`, `the supervisor saw it change`.
    """
    wish = status.wish
    told, verdict = _STATES[status.state]
    seen = status.seen.isoformat() if status.seen else ""
    ready = sum(replica.ready for replica in status.replicas)
    reasons = tuple(f"Replica {each.index}: {each.reason}" for each in status.replicas if each.reason)
    return build(
        key=f"deployment:{wish.name}:{wish.created.isoformat()}:{seen}:{status.state.value}",
        event=EventKind.DEPLOYMENT,
        project=project,
        what=f"{wish.name} {told}",
        verdict=verdict,
        sentences=(
            f"{wish.model} v{wish.number}, {ready} of {count(wish.replicas, 'replica')} ready{_limits(wish.resources)}",
            *reasons[:MOST_NOTES],
            f"Why you hear of it: {what}" if what else "",
        ),
        link=status.url,
    )


def retrain_notice(result: RetrainResult, *, link: str) -> Notice:
    """Of a retraining that ended: how far it came, and why no further.

    Args:
        result: its record.
        link: where people read the report; empty where there is none.
    """
    gated = result.gated
    return build(
        key=f"retraining:{result.run}",
        event=EventKind.RETRAINING,
        project=result.project,
        what=retraining.became(result),
        verdict=retraining.verdict_of(result),
        sentences=(
            result.headline,
            retraining.consequence(result),
            *retraining.facts(result),
            f"It was begun by {retraining.begun_by(result)}",
            *result.notes[:MOST_NOTES],
        ),
        judged=judged_rows(gated.comparisons) if gated is not None else (),
        link=link,
    )


def sample_notice(project: str, *, now: datetime) -> Notice:
    """To try whether a receiver can be reached. It has no verdict, so that nobody takes it for one."""
    return build(
        key=f"sample:{project}:{now.isoformat()}",
        event=EventKind.TRIAL,
        project=project,
        what="a test of this receiver",
        verdict=None,
        sentences=(
            "This receiver works: seatrial sends its notices here",
            "Nothing was tried, promoted or deployed; someone ran: seatrial notify test",
        ),
    )


def _limits(resources: Resources) -> str:
    cpu = f"{resources.cpu:g} CPU" if resources.cpu is not None else ""
    memory = quantity(resources.memory, "B") if resources.memory is not None else ""
    told = " and ".join(filter(None, (cpu, memory)))
    return f", each with {told}" if told else ""


def _compared(report: Report) -> str:
    baseline, candidate = report.change.baseline.described, report.change.candidate.described
    return f"Tried {candidate} beside {baseline}" if baseline and candidate else ""
