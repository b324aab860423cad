"""What the ledger says of a registration and of a move, before it is sealed; the same for every registry."""

from seatrial.records import EntryKind, Evidence, LedgerEntry, ModelVersion, Move, StageRules
from seatrial.registry.ledger import digest_of
from seatrial.registry.moves import Shift


def registration(version: ModelVersion, rules: StageRules) -> LedgerEntry:
    """The line of a version that begins in the initial stage; its number and digests are still missing."""
    return LedgerEntry(
        seq=0,
        at=version.created,
        kind=EntryKind.REGISTERED,
        model=version.model,
        number=version.number,
        source="",
        to=rules.initial,
        actor=version.creator,
        evidence=digest_of(version),
        commit=version.lineage.commit,
        data=version.lineage.data,
        stack=version.lineage.stack,
        artifact=version.artifact.digest,
    )


def movement(shift: Shift, move: Move, evidence: Evidence | None, origin: LedgerEntry) -> LedgerEntry:
    """The line of one version that changes its stage; `origin` is an earlier line of it, which says what it is made of."""
    return LedgerEntry(
        seq=0,
        at=move.at,
        kind=shift.kind,
        model=move.model,
        number=shift.number,
        source=shift.source,
        to=shift.to,
        actor=move.actor,
        reason=move.reason,
        run=move.run,
        report=None if evidence is None else evidence.report,
        evidence=None if evidence is None else digest_of(evidence),
        commit=origin.commit,
        data=origin.data,
        stack=origin.stack,
        artifact=origin.artifact,
    )
