"""What is answered: the judgement whole, and beside it the few fields that other systems' conditions are written with."""

from typing import Any, Final

import msgspec

from seatrial.records import Decision, Judgement
from seatrial.web.session import Session

PHASES: Final = {
    Decision.PROMOTE: "Successful",
    Decision.ABORT: "Failed",
    Decision.PAUSE: "Inconclusive",
    Decision.CONTINUE: "Running",
}
"""Argo Rollouts' words for where an analysis stands."""

VERDICTS: Final = {
    Decision.PROMOTE: "pass",
    Decision.ABORT: "fail",
    Decision.PAUSE: "inconclusive",
    Decision.CONTINUE: "inconclusive",
}
"""seatrial's words, as of trials. Without data the verdict is never `pass`."""

NOTHING_YET: Final = "no window has been judged yet"


def answer_of(session: Session) -> dict[str, Any]:
    """Everything that is known of a release now, ready for JSON."""
    last = session.last
    decision = Decision.CONTINUE if last is None else last.decision
    return {
        "decision": decision.value,
        "verdict": VERDICTS[decision],
        "phase": PHASES[decision],
        "value": harm_of(last),
        "why": NOTHING_YET if last is None else last.why,
        "windows": 0 if last is None else last.windows,
        "judged_to": session.judged_to,
        "notes": session.notes,
        "judgement": last,
    }


def harm_of(judgement: Judgement | None) -> float:
    """How far the evidence of harm has come: 0 none, 1 enough to abort (in logarithms, so that a half is not half way in time)."""
    if judgement is None or judgement.evidence.needed <= 0:
        return 0.0
    return max(0.0, judgement.evidence.evidence / judgement.evidence.needed)


def encoded(value: object) -> bytes:
    """JSON; a figure that is not finite becomes null."""
    return msgspec.json.encode(value)
