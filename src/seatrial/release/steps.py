"""The steps of a release: what the canary gets in each, and when one is over."""

from dataclasses import replace

from seatrial.records import Decision, Judgement, Release, ReleasePhase, ReleaseSpec, ReleaseStep, StepKind
from seatrial.wording.text import duration


def share_of(spec: ReleaseSpec, step: int) -> tuple[int, int]:
    """Thousandths of requests and of copies that the canary gets in a step.

    A share of requests ends the copies; copies leave the share as it was, so that nobody who had the canary is sent back;
    an approval leaves both.
    """
    weight = mirror = 0
    for each in spec.steps[: step + 1]:
        if each.kind is StepKind.WEIGHT:
            weight, mirror = each.share, 0
        elif each.kind is StepKind.MIRROR:
            mirror = each.share
    return weight, mirror


def current(release: Release) -> ReleaseStep:
    """The step that it is in."""
    return release.spec.steps[min(release.step, len(release.spec.steps) - 1)]


def is_last(release: Release) -> bool:
    """Whether promotion comes next."""
    return release.step + 1 >= len(release.spec.steps)


def missing(release: Release, judgement: Judgement | None, seconds: float) -> str:
    """What the step still waits for, in words; empty if it is over.

    The least time of a step is counted twice: as time that went by, and as windows that were judged meanwhile. Neither a
    jump of the clock nor a source that says nothing makes it pass.

    Args:
        release: in a step.
        judgement: the last one.
        seconds: since the step began, by a clock that does not jump.
    """
    step = current(release)
    if step.kind is StepKind.APPROVAL:
        return "" if release.step in release.approved else "a person's approval"
    if min(seconds, release.step_judged) < step.dwell:
        left = step.dwell - min(seconds, release.step_judged)
        return f"{duration(left)} more of this step"
    if step.kind is StepKind.MIRROR:
        return ""
    if not release.step_requests:
        return "requests that the canary answered"
    if step.decided and (judgement is None or judgement.decision is not Decision.PROMOTE):
        return f"the judge: {judgement.why}" if judgement is not None and judgement.why else "the judge"
    return ""


def add_up(release: Release, monotonic: float) -> Release:
    """Its times, counted up to this reading of a clock that does not jump.

    The reading is kept with them. Another process goes on from it; after a restart of the machine the reading may be
    smaller, and then what lies between is not known and not counted.
    """
    passed = 0.0 if release.mark is None else max(0.0, monotonic - release.mark)
    stepping = release.phase is ReleasePhase.STEPPING
    counts = stepping and current(release).kind is not StepKind.APPROVAL
    return replace(
        release,
        mark=monotonic,
        phase_elapsed=release.phase_elapsed + passed,
        step_elapsed=release.step_elapsed + (passed if stepping else 0.0),
        elapsed=release.elapsed + (passed if counts else 0.0),
    )


def passed_since(release: Release, monotonic: float) -> float:
    """Seconds that are not yet added up."""
    return 0.0 if release.mark is None else max(0.0, monotonic - release.mark)
