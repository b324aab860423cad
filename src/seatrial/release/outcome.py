"""What a release's end is worth to whoever waits for it: the exit code of a command."""

from seatrial.records import Release, ReleaseOutcome, Verdict


def exit_code(release: Release) -> int:
    """0 promoted, 1 aborted for harm or rolled back, 3 ended without a verdict or not ended, 4 it broke."""
    if release.outcome is None:
        return Verdict.INCONCLUSIVE.exit_code
    if release.outcome is ReleaseOutcome.PROMOTED:
        return 0
    verdict = release.verdict or Verdict.INCONCLUSIVE
    return Verdict.FAIL.exit_code if verdict is Verdict.PASS else verdict.exit_code
