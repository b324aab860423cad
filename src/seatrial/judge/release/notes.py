"""What a reader of a judgement should know about how it was made."""

from typing import Final

from seatrial.judge.release.metrics import QUANTILES, moved_margin
from seatrial.judge.release.state import JudgeState

NO_CLUSTERS: Final = "neither replicas nor groups of users are told apart: requests are taken as independent"


def notes_of(state: JudgeState) -> tuple[str, ...]:
    """The state's own notes, where margins were moved to, and what dispersion can't be estimated from."""
    notes = list(state.notes)
    if state.policy.dispersion is None and not state.dispersion.known:
        notes.append(NO_CLUSTERS)
    latencies = state.latencies
    if latencies.scale.standard or not latencies.effects.answered[1]:
        return tuple(notes)
    bins = latencies.effects.bins
    for place, name in enumerate(QUANTILES):
        margin = state.policy.margins.get(name)
        if margin is not None:
            edge = 1000 * latencies.scale.seconds(bins[place])
            held = moved_margin(latencies.scale, bins, place, margin)
            notes.append(
                f"{name} is held at the bucket edge {edge:.4g} ms, its margin is {100 * held:.3g} %, the next edge"
            )
    return tuple(notes)
