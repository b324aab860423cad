"""What became of a retraining, in words: notices, reports and the terminal say the same, and never more than is so."""

from collections.abc import Iterable, Mapping
from typing import Final

from seatrial.records import Collected, DataPointer, Gated, RetrainOutcome, RetrainPhase, RetrainResult, Verdict
from seatrial.wording.text import count

_DONE: Final = frozenset({RetrainOutcome.REGISTERED, RetrainOutcome.PROMOTED, RetrainOutcome.RELEASED})
_OWN: Final = {
    RetrainOutcome.SKIPPED: None,
    RetrainOutcome.NOTHING: Verdict.INCONCLUSIVE,
    RetrainOutcome.INTERRUPTED: Verdict.INCONCLUSIVE,
    RetrainOutcome.BROKEN: Verdict.ERROR,
}
_PHASES: Final = {
    RetrainPhase.WAITING: "waits for its turn",
    RetrainPhase.COLLECTING: "is collecting events",
    RetrainPhase.CHECKING: "is checking the new rows",
    RetrainPhase.STORING: "is storing the new rows",
    RetrainPhase.SPLITTING: "is splitting the rows",
    RetrainPhase.TRAINING: "is training",
    RetrainPhase.GATING: "is judging the model",
    RetrainPhase.REGISTERING: "is registering the model",
    RetrainPhase.PROMOTING: "has handed the model over to its trial",
    RetrainPhase.RELEASING: "has handed the model over to its release",
    RetrainPhase.ENDED: "has ended",
}
_MOST_REASONS: Final = 3


def verdict_of(result: RetrainResult) -> Verdict | None:
    """What is shown as its verdict: pass is only said of a model that came as far as it was meant to."""
    if result.outcome is None:
        return None
    if result.outcome in _OWN:
        return _OWN[result.outcome]
    if result.outcome in _DONE:
        return result.verdict
    return Verdict.FAIL if result.verdict in {None, Verdict.PASS} else result.verdict


def became(result: RetrainResult) -> str:
    """What became of it, in a few words: `wine v7 was released`; where it has not ended, what it is doing."""
    number = f" v{result.number}" if result.number is not None else ""
    name = f"{result.model}{number}"
    told = {
        None: f"{result.name} {_PHASES[result.phase]}",
        RetrainOutcome.SKIPPED: f"{result.model} was not trained again",
        RetrainOutcome.STOPPED: f"retraining of {result.model} stopped",
        RetrainOutcome.NOTHING: f"nothing new to train {result.model} on",
        RetrainOutcome.QUARANTINED: f"new data of {result.name} were refused",
        RetrainOutcome.REFUSED: f"a new version of {result.model} was refused by its gate",
        RetrainOutcome.REGISTERED: f"{name} was registered",
        RetrainOutcome.NOT_PROMOTED: f"{name} was not promoted",
        RetrainOutcome.PROMOTED: f"{name} was promoted",
        RetrainOutcome.NOT_RELEASED: f"{name} was not released",
        RetrainOutcome.ROLLED_BACK: f"{name} was rolled back",
        RetrainOutcome.RELEASED: f"{name} was released",
        RetrainOutcome.INTERRUPTED: f"retraining of {result.model} was interrupted",
        RetrainOutcome.BROKEN: f"retraining of {result.model} broke",
    }
    return told[result.outcome]


def consequence(result: RetrainResult) -> str:
    """What it means for the stream, the dataset and the stage; empty where the headline says all."""
    kept = f"{result.name}@{result.dataset}" if result.dataset is not None else ""
    told = {
        RetrainOutcome.SKIPPED: "Nothing was taken from the stream; the next run collects it",
        RetrainOutcome.STOPPED: "Nothing was taken from the stream; the next run reads the same lines again",
        RetrainOutcome.NOTHING: f"{kept} keeps what came in" if result.added else "",
        RetrainOutcome.QUARANTINED: f"The batch is kept in quarantine by {kept}, and nothing was trained"
        if kept
        else "",
        RetrainOutcome.REFUSED: "It was not registered",
        RetrainOutcome.REGISTERED: "Nothing was tried, promoted or released: more was not asked for",
        RetrainOutcome.NOT_PROMOTED: "It stays registered; its stage was not given to it",
        RetrainOutcome.NOT_RELEASED: "It stays registered; it did not get all requests",
        RetrainOutcome.INTERRUPTED: _resumed(kept),
        RetrainOutcome.BROKEN: _resumed(kept),
    }
    return told.get(result.outcome, "") if result.outcome is not None else ""


def _resumed(kept: str) -> str:
    """What is left of a run that came to no end."""
    return f"{kept} is stored, and the next run goes on from there" if kept else "Nothing was taken from the stream"


def begun_by(result: RetrainResult) -> str:
    """What began it: `cron: every 2 days at 20:00`, `hand: Ada`."""
    why = result.why.removeprefix(f"by {result.trigger.value}: ")
    return f"{result.trigger.value}{f': {why}' if why else ''}"


def collected_words(collected: Collected) -> str:
    """`1,311 lines: 1,234 rows, 65 ignored, 12 not parsed`."""
    counts = collected.counts
    parts = [
        count(counts.get("parsed", 0), "row"),
        *(f"{counts[key]:,} {word}" for key, word in _COUNTED.items() if counts.get(key)),
    ]
    return f"{count(counts.get('lines', 0), 'line')}: {', '.join(parts)}"


_COUNTED: Final[Mapping[str, str]] = {
    "ignored": "ignored",
    "dead": "not parsed",
    "empty": "empty",
    "lost": "lost in the stream before they were read",
}


def dead_words(collected: Collected) -> str:
    """Why lines did not parse: `no rating (8), not a time (4)`; empty where all did."""
    told = [f"{reason} ({number:,})" for reason, number in collected.reasons[:_MOST_REASONS]]
    more = len(collected.reasons) - len(told)
    return ", ".join([*told, *([count(more, "more reason")] if more > 0 else [])])


def dataset_words(result: RetrainResult) -> str:
    """`ratings@3: 41,003 rows, 1,234 of them new`; empty where there is no version."""
    if result.dataset is None:
        return ""
    bad = (
        f"; {count(result.checked.bad, 'row')} quarantined" if result.checked is not None and result.checked.bad else ""
    )
    return f"{result.name}@{result.dataset}: {count(result.rows, 'row')}, {result.added:,} of them new{bad}"


def judged_words(gated: Gated) -> str:
    """On what it was judged, and against whom."""
    against = "against fixed limits alone: nobody held the stage"
    if gated.baseline is not None:
        against = f"against v{gated.baseline} on the same rows"
    return f"Judged on {count(gated.rows, 'held-out row')}, {against}"


def pointer_words(pointer: DataPointer) -> str:
    """Where DVC keeps it."""
    where = f"in commit {pointer.commit[:12]}" if pointer.commit else "not committed"
    return f"{pointer.file} is at {pointer.digest}, {where}{', pushed' if pointer.pushed else ''}"


def facts(result: RetrainResult) -> tuple[str, ...]:
    """What there is to say of its data and its judgement, in sentences without a full stop."""
    told: Iterable[str] = (
        collected_words(result.collected) if result.collected is not None else "",
        f"Not parsed: {dead_words(result.collected)}"
        if result.collected is not None and result.collected.reasons
        else "",
        dataset_words(result),
        pointer_words(result.pointer) if result.pointer is not None else "",
        judged_words(result.gated) if result.gated is not None else "",
    )
    return tuple(filter(None, told))
