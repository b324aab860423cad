"""The way of a run: how far it came, step by step, where it ended, and what each step found, in a few words."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from seatrial.records import RetrainOutcome, RetrainPhase, RetrainResult, Verdict
from seatrial.wording.retraining import verdict_of
from seatrial.wording.text import MISSING, count, duration


class Mark(StrEnum):
    """How a step stands."""

    DONE = "done"
    NOW = "now"
    ENDED = "ended here"
    AHEAD = "ahead"
    LEFT = "not reached"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One step.

    Attributes:
        verdict: of a step that judged, or at which the run ended.
        found: what came of it.
    """

    name: str
    mark: Mark
    found: str
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class _Kind:
    """What is known of a step: its name, the phases in which it is on, and what it found; empty if it was not reached."""

    name: str
    phases: frozenset[RetrainPhase]
    found: Callable[[RetrainResult], str]


def stages(result: RetrainResult) -> tuple[Stage, ...]:
    """All steps that the run made or was on its way to, in their order."""
    kinds = [kind for kind in _KINDS if kind.name not in _FURTHER or _was_meant(kind, result)]
    reached = [bool(kind.found(result)) for kind in kinds]
    last = max((place for place, done in enumerate(reached) if done), default=-1)
    end = _end(result, reached, last)
    made = []
    for place, kind in enumerate(kinds):
        mark = _mark(kind, result, place, end, done=reached[place] or place < last)
        found = kind.found(result) or (_WORDS[mark] if mark is not Mark.AHEAD else MISSING)
        made.append(Stage(name=kind.name, mark=mark, found=found, verdict=_verdict(kind, result, mark)))
    return tuple(made)


def _was_meant(kind: _Kind, result: RetrainResult) -> bool:
    """Whether the run went into a step that not every run makes."""
    return bool(kind.found(result)) or (result.outcome is None and result.phase in kind.phases)


def _mark(kind: _Kind, result: RetrainResult, place: int, end: int, *, done: bool) -> Mark:
    if place == end:
        return Mark.ENDED
    if result.outcome is None and result.phase in kind.phases:
        return Mark.NOW
    if done:
        return Mark.DONE
    return Mark.LEFT if result.outcome is not None else Mark.AHEAD


def _end(result: RetrainResult, reached: list[bool], last: int) -> int:
    """The step at which it ended before it had come all the way; -1 for none."""
    if result.outcome in {None, RetrainOutcome.REGISTERED, RetrainOutcome.PROMOTED, RetrainOutcome.RELEASED}:
        return -1
    if result.outcome in {RetrainOutcome.BROKEN, RetrainOutcome.INTERRUPTED, RetrainOutcome.SKIPPED}:
        return min(last + 1, len(reached) - 1)
    if result.outcome is RetrainOutcome.QUARANTINED:
        return 1
    return last


def _verdict(kind: _Kind, result: RetrainResult, mark: Mark) -> Verdict | None:
    if mark is Mark.ENDED:
        return verdict_of(result) or Verdict.INCONCLUSIVE
    if kind.name == "Check" and result.checked is not None:
        return result.checked.verdict
    if kind.name == "Gate" and result.gated is not None:
        return result.gated.verdict
    return None


_WORDS = {Mark.DONE: "done", Mark.NOW: "going on", Mark.ENDED: "it ended here", Mark.LEFT: "not reached"}


def _collected(result: RetrainResult) -> str:
    found = result.collected
    if found is None:
        return ""
    return f"{count(found.counts.get('lines', 0), 'line')} in {duration((found.ended - found.started).total_seconds())}"


def _checked(result: RetrainResult) -> str:
    found = result.checked
    return f"{count(found.good, 'good row')}, {found.bad:,} bad" if found is not None else ""


def _stored(result: RetrainResult) -> str:
    if result.dataset is None:
        return ""
    return f"{result.name}@{result.dataset}, {result.added:,} new{', in DVC' if result.pointer is not None else ''}"


def _split(result: RetrainResult) -> str:
    found = result.split
    return f"{found.train_rows:,} to train on, {found.test_rows:,} held out" if found is not None else ""


def _gated(result: RetrainResult) -> str:
    if result.gated is None:
        return ""
    judged = [each.verdict for each in result.gated.comparisons if each.verdict is not None]
    return f"{judged.count(Verdict.PASS)} of {count(len(judged), 'gate')} hold"


_KINDS = (
    _Kind("Collect", frozenset({RetrainPhase.WAITING, RetrainPhase.COLLECTING}), _collected),
    _Kind("Check", frozenset({RetrainPhase.CHECKING}), _checked),
    _Kind("Store", frozenset({RetrainPhase.STORING}), _stored),
    _Kind("Split", frozenset({RetrainPhase.SPLITTING}), _split),
    _Kind("Train", frozenset({RetrainPhase.TRAINING}), lambda r: f"{duration(r.trained.seconds)}" if r.trained else ""),
    _Kind("Gate", frozenset({RetrainPhase.GATING}), _gated),
    _Kind("Register", frozenset({RetrainPhase.REGISTERING}), lambda r: f"{r.model} v{r.number}" if r.number else ""),
    _Kind("Trial", frozenset({RetrainPhase.PROMOTING}), lambda r: f"run {r.promotion}" if r.promotion else ""),
    _Kind("Release", frozenset({RetrainPhase.RELEASING}), lambda r: r.release),
)
_FURTHER = frozenset({"Trial", "Release"})
