"""Which moves the registry carries out: the one place where the rules of stages are, whatever adapter keeps them.

People may set open stages. A guarded stage (Production) is entered with a promotion run that passed, for this very
version and these very bytes, and is left when another version takes it. In an emergency a person breaks the glass, if
the project allows that, with a reason that stays in the ledger.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from seatrial.records import (
    ActorKind,
    EntryKind,
    Evidence,
    LedgerEntry,
    ModelVersion,
    Move,
    StageGate,
    StageRules,
    StageSpec,
    UsageError,
    Verdict,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the registry knows of a move, read in the transaction that carries it out.

    Attributes:
        version: the one that is to be moved, with the stage that it holds.
        holders: numbers of the versions that hold the target stage, ascending.
        evidence: what `move.run` found; None if nothing was kept, or no run is named.
        latest: the newest line about those who hold the stage now or were expected to; None where it is not known.
    """

    version: ModelVersion
    holders: tuple[int, ...] = ()
    evidence: Evidence | None = None
    latest: LedgerEntry | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """One version that changes its stage. `source` and `to` are names of stages."""

    number: int
    source: str
    to: str
    kind: EntryKind


def decide(move: Move, standing: Standing, rules: StageRules) -> tuple[Shift, ...]:
    """What a move changes: those whom it displaces first, the version itself last; nothing if it is there already.

    Raises:
        UsageError: the rules refuse it; the message says why, and what would do it.
    """
    stage = rules.get(move.to)
    source = standing.version.stage
    if source == stage.name:
        _check_expected(move, stage, standing)
        return ()
    kind = _checked_kind(move, stage, standing, rules)
    _check_expected(move, stage, standing)
    own = Shift(number=move.number, source=source, to=stage.name, kind=kind)
    if stage.several:
        return (own,)
    return (*_displaced(standing.holders, stage, rules), own)


def first_lines(move: Move, lines: Sequence[LedgerEntry], rules: StageRules) -> tuple[LedgerEntry, ...]:
    """The lines that this move of this run got before, if it was carried out already; empty otherwise.

    Args:
        move: the move, which may come again after a crash.
        lines: everything in the ledger that names `move.run`, in order.
        rules: the project's.
    """
    stage = rules.get(move.to).name
    found: list[LedgerEntry] = []
    for line in lines:
        found.append(line)
        if line.kind is EntryKind.DISPLACED:
            continue
        if (line.model, line.number, line.to) == (move.model, move.number, stage):
            return tuple(found)
        found.clear()
    return ()


def _displaced(holders: Sequence[int], stage: StageSpec, rules: StageRules) -> tuple[Shift, ...]:
    to = rules.get(rules.displaced(stage)).name
    return tuple(Shift(number=number, source=stage.name, to=to, kind=EntryKind.DISPLACED) for number in sorted(holders))


def _checked_kind(move: Move, stage: StageSpec, standing: Standing, rules: StageRules) -> EntryKind:
    """Who may do this, and on what grounds. Raises UsageError where nobody may."""
    left = _known(standing.version.stage, rules)
    guarded = stage.gate is StageGate.PROMOTION
    leaves_guarded = left is not None and left.gate is StageGate.PROMOTION
    if move.break_glass and (guarded or leaves_guarded):
        _check_glass(move, stage if guarded or left is None else left, rules)
        return EntryKind.BROKE_GLASS
    if move.run is not None:
        _check_evidence(move, stage, standing)
    elif guarded:
        raise _refused(move, f"{stage.name} is set only by a promotion run that passed", rules)
    if leaves_guarded and not guarded:
        raise _refused(
            move,
            f"{standing.version.stage} is left only when another version is promoted into it",
            rules,
            remedy=f"seatrial promote {move.model} --version N puts version N in its place{_or_glass(rules)}",
        )
    if not guarded and stage.people and move.actor.name not in stage.people:
        raise UsageError(
            f"{move.actor.name} may not set {stage.name}",
            where=_name(move),
            remedy=f"ask {_either(stage.people)}",
        )
    return EntryKind.MOVED


def _known(name: str, rules: StageRules) -> StageSpec | None:
    """The stage of this name; None for one that the project no longer has."""
    return next((stage for stage in rules.stages if stage.name == name), None)


def _check_glass(move: Move, stage: StageSpec, rules: StageRules) -> None:
    if not rules.break_glass:
        raise _refused(move, f"this project allows nobody to break the glass before {stage.name}", rules)
    if move.run is not None:
        raise _refused(move, "what a run moves needs no broken glass", rules)
    if move.actor.kind is not ActorKind.PERSON:
        raise _refused(move, "only a person breaks the glass", rules)
    if not move.reason.strip():
        raise UsageError("breaking the glass needs a reason", where=_name(move), remedy='add --reason "what happened"')


def _check_evidence(move: Move, stage: StageSpec, standing: Standing) -> None:
    evidence, version = standing.evidence, standing.version
    why = ""
    if evidence is None:
        why = f"there is no evidence of run {move.run}"
    elif (evidence.model, evidence.number) != (version.model, version.number):
        why = f"run {move.run} tried {evidence.model}@{evidence.number}"
    elif evidence.artifact != version.artifact.digest:
        why = f"run {move.run} tried other files than those of {version.id}"
    elif evidence.verdict is not Verdict.PASS:
        why = f"run {move.run} ended with {evidence.verdict.value}"
    if why:
        raise UsageError(
            f"can't go to {stage.name}: {why}",
            where=version.id,
            remedy=f"{_command(move)} tries it, and promotes it if it passes",
        )


def _check_expected(move: Move, stage: StageSpec, standing: Standing) -> None:
    if move.expected is None or sorted(move.expected) == sorted(standing.holders):
        return
    raise UsageError(
        f"{_change(stage, move.expected, standing.holders)} meanwhile{_told(standing.latest)}",
        where=_name(move),
        remedy=f"look whether {_name(move)} should still take its place; {_command(move)} tries it against what is there now",
    )


def _change(stage: StageSpec, before: Sequence[int], now: Sequence[int]) -> str:
    if not now:
        return f"{_numbers(before)} left {stage.name}"
    if not before:
        return f"{stage.name} went to {_numbers(now)}"
    return f"{stage.name} moved from {_numbers(before)} to {_numbers(now)}"


def _told(line: LedgerEntry | None) -> str:
    if line is None:
        return ""
    run = f", run {line.run}" if line.run else ""
    return f" (by {line.actor.name} on {line.at:%Y-%m-%d at %H:%M} UTC{run})"


def _refused(move: Move, why: str, rules: StageRules, *, remedy: str = "") -> UsageError:
    return UsageError(
        f"can't go to {rules.get(move.to).name}: {why}",
        where=_name(move),
        remedy=remedy or f"{_command(move)} tries it, and promotes it if it passes{_or_glass(rules)}",
    )


def _or_glass(rules: StageRules) -> str:
    return '; in an emergency: --break-glass --reason "what happened"' if rules.break_glass else ""


def _command(move: Move) -> str:
    return f"seatrial promote {move.model} --version {move.number}"


def _name(move: Move) -> str:
    return f"{move.model}@{move.number}"


def _numbers(numbers: Sequence[int]) -> str:
    return ", ".join(str(number) for number in sorted(numbers))


def _either(people: Sequence[str]) -> str:
    return " or ".join(people)
