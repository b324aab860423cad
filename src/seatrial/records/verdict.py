"""The four verdicts and how they combine: the worst wins, and no data never passes."""

from collections.abc import Iterable
from enum import StrEnum


class Verdict(StrEnum):
    """A judgement; `pass < inconclusive < error < fail`, the worst wins."""

    PASS = "pass"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"
    FAIL = "fail"

    @property
    def severity(self) -> int:
        """0 for pass up to 3 for fail."""
        return _ORDER.index(self)

    @property
    def exit_code(self) -> int:
        """What a command that judges exits with: 0 pass, 1 fail, 3 inconclusive, 4 error."""
        return {"pass": 0, "fail": 1, "inconclusive": 3, "error": 4}[self.value]


_ORDER = (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.ERROR, Verdict.FAIL)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of `verdicts`; inconclusive when there are none, because no data never passes."""
    return max(verdicts, key=lambda verdict: verdict.severity, default=Verdict.INCONCLUSIVE)
