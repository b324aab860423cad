"""Reads and writes rows of ledger, standing and evidence on a connection whose transaction somebody else holds."""

from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from seatrial.adapters.registry.columns import to_text
from seatrial.adapters.registry.tables import EVIDENCE, HEADS, LEDGER, STANDING
from seatrial.adapters.registry.transactions import insert_into
from seatrial.records import (
    Books,
    EntryKind,
    Evidence,
    LedgerEntry,
    LedgerHead,
    ModelVersion,
    Move,
    PermanentError,
    StageRules,
    UsageError,
)
from seatrial.registry.ledger import digest_of, head_after, sealed
from seatrial.registry.lines import movement, registration
from seatrial.registry.moves import Standing, decide, first_lines
from seatrial.registry.numbers import other_findings

_OTHERWISE: Final = {"from_stage": "source", "to_stage": "to", "git_commit": "commit"}
_LINE: Final = tuple(_OTHERWISE.get(column.name, str(column.name)) for column in LEDGER.columns)
"""How the record calls the columns of the ledger, in their order."""
_FINDINGS: Final = tuple(str(column.name) for column in EVIDENCE.columns)


def read_head(connection: sa.Connection) -> LedgerHead:
    """The end of the ledger. Raises PermanentError if somebody removed it."""
    head = _stored_head(connection)
    if head is None:
        raise PermanentError(
            "the ledger has no head any more: its row was removed",
            remedy="restore the database from a copy; seatrial ledger verify says what else is missing",
        )
    return head


def _stored_head(connection: sa.Connection) -> LedgerHead | None:
    row = connection.execute(sa.select(HEADS.c.seq, HEADS.c.digest)).one_or_none()
    return None if row is None else LedgerHead(seq=row.seq, digest=row.digest)


def read_entries(
    connection: sa.Connection, model: str | None = None, *, number: int | None = None, before: datetime | None = None
) -> tuple[LedgerEntry, ...]:
    """Lines in their order: all, of a model, of a version; up to and including the time `before`."""
    query = sa.select(LEDGER).order_by(LEDGER.c.seq)
    if model is not None:
        query = query.where(LEDGER.c.model == model)
    if number is not None:
        query = query.where(LEDGER.c.number == number)
    if before is not None:
        query = query.where(LEDGER.c.at <= to_text(before))
    return tuple(map(_entry, connection.execute(query).all()))


def read_stages(connection: sa.Connection, model: str | None = None) -> dict[tuple[str, int], str]:
    """The stage of each version, by model and number."""
    query = sa.select(STANDING.c.model, STANDING.c.number, STANDING.c.stage)
    if model is not None:
        query = query.where(STANDING.c.model == model)
    return {(name, number): stage for name, number, stage in connection.execute(query)}


def read_holders(connection: sa.Connection, model: str, stage: str) -> tuple[int, ...]:
    """Numbers of the versions of a model that hold a stage, ascending."""
    query = (
        sa.select(STANDING.c.number)
        .where(STANDING.c.stage == stage, STANDING.c.model == model)
        .order_by(STANDING.c.number)
    )
    return tuple(connection.execute(query).scalars())


def read_holding(connection: sa.Connection, initial: str) -> dict[str, dict[str, tuple[int, ...]]]:
    """Numbers of the versions in every stage but the initial one, by model and stage."""
    columns = sa.select(STANDING.c.model, STANDING.c.stage, STANDING.c.number)
    # Two ranges of the index; with <> every version would be looked at.
    ranges = sa.union_all(columns.where(STANDING.c.stage < initial), columns.where(STANDING.c.stage > initial))
    found: dict[str, dict[str, tuple[int, ...]]] = defaultdict(dict)
    for (model, stage), rows in groupby(sorted(map(tuple, connection.execute(ranges))), key=itemgetter(0, 1)):
        found[model][stage] = tuple(number for _, _, number in rows)
    return found


def read_evidence(connection: sa.Connection, run: str) -> Evidence | None:
    """What a promotion run found; None if nothing was kept."""
    row = connection.execute(sa.select(EVIDENCE).where(EVIDENCE.c.run == run)).one_or_none()
    return None if row is None else _evidence(row)


def read_books(connection: sa.Connection, versions: tuple[ModelVersion, ...] | None) -> Books:
    """Everything that the ledger is verified against; what can't be read is no reason to fail here."""
    entries: list[LedgerEntry] = []
    damaged: dict[int, str] = {}
    for row in connection.execute(sa.select(LEDGER).order_by(LEDGER.c.seq)):
        try:
            entries.append(_entry(row))
        except PermanentError as error:
            damaged[row.seq] = error.what
    return Books(
        entries=tuple(entries),
        head=_stored_head(connection) or LedgerHead(),
        stages=read_stages(connection),
        evidence=_readable_evidence(connection),
        versions=versions,
        damaged=damaged,
    )


def _readable_evidence(connection: sa.Connection) -> dict[str, Evidence]:
    found = {}
    for row in connection.execute(sa.select(EVIDENCE)):
        with suppress(PermanentError):
            found[row.run] = _evidence(row)
    return found


def write_evidence(connection: sa.Connection, evidence: Evidence) -> None:
    """Keep evidence. Raises UsageError if the run found something else before."""
    kept = read_evidence(connection, evidence.run)
    if kept is None:
        new = insert_into(connection, EVIDENCE).values(**_evidence_row(evidence))
        connection.execute(new.on_conflict_do_nothing(index_elements=["run"]))
        kept = read_evidence(connection, evidence.run)
    if kept is None or digest_of(kept) != digest_of(evidence):
        raise other_findings(evidence)


def enter(connection: sa.Connection, version: ModelVersion, rules: StageRules) -> LedgerEntry:
    """Write the line of a registration; the first one if the version was entered before.

    Raises PermanentError if other files were registered under this number.
    """
    found = read_entries(connection, version.model, number=version.number)
    if found:
        return _same_registration(found[0], version)
    return _append(connection, [registration(version, rules)])[0]


def _same_registration(entry: LedgerEntry, version: ModelVersion) -> LedgerEntry:
    if entry.artifact != version.artifact.digest:
        raise PermanentError(
            f"{version.id} was registered with other files (line {entry.seq} of the ledger)",
            where=version.id,
            remedy="register these files as a new version",
        )
    return entry


def carry_out(
    connection: sa.Connection, move: Move, version: ModelVersion, rules: StageRules
) -> tuple[tuple[LedgerEntry, ...], bool]:
    """Do what the rules make of a move; its lines, and whether they are new.

    Raises:
        UsageError: the rules refuse it, or the version was never entered.
    """
    if move.run is not None:
        done = first_lines(move, _lines_of_run(connection, move.run), rules)
        if done:
            return done, False
    standing = _standing(connection, move, version, rules)
    shifts = decide(move, standing, rules)
    entries = [
        movement(shift, move, standing.evidence, _last_line(connection, move.model, shift.number)) for shift in shifts
    ]
    return _append(connection, entries), bool(entries)


def _lines_of_run(connection: sa.Connection, run: str) -> list[LedgerEntry]:
    query = sa.select(LEDGER).where(LEDGER.c.run == run).order_by(LEDGER.c.seq)
    return [_entry(row) for row in connection.execute(query)]


def _standing(connection: sa.Connection, move: Move, version: ModelVersion, rules: StageRules) -> Standing:
    stage = connection.execute(
        sa.select(STANDING.c.stage).where(STANDING.c.model == move.model, STANDING.c.number == move.number)
    ).scalar_one_or_none()
    if stage is None:
        raise UsageError(
            f"the ledger knows no {move.model}@{move.number}", remedy=f"register it: seatrial models list {move.model}"
        )
    target = rules.get(move.to).name
    return Standing(
        version=replace(version, stage=stage),
        holders=read_holders(connection, move.model, target),
        evidence=None if move.run is None else read_evidence(connection, move.run),
        latest=_latest(connection, move, target),
    )


def _latest(connection: sa.Connection, move: Move, target: str) -> LedgerEntry | None:
    """The newest line about those who hold the stage, or were expected to."""
    about = sa.or_(STANDING.c.stage == target, STANDING.c.number.in_(move.expected or ()))
    last = sa.select(sa.func.max(STANDING.c.seq)).where(STANDING.c.model == move.model, about)
    row = connection.execute(sa.select(LEDGER).where(LEDGER.c.seq == last.scalar_subquery())).one_or_none()
    return None if row is None else _entry(row)


def _last_line(connection: sa.Connection, model: str, number: int) -> LedgerEntry:
    """The line that brought a version to where it is."""
    seq = sa.select(STANDING.c.seq).where(STANDING.c.model == model, STANDING.c.number == number)
    return _entry(connection.execute(sa.select(LEDGER).where(LEDGER.c.seq == seq.scalar_subquery())).one())


def _append(connection: sa.Connection, entries: Iterable[LedgerEntry]) -> tuple[LedgerEntry, ...]:
    """Seal entries as the ledger's next lines, and move the standing and the head with them."""
    head = read_head(connection)
    lines = []
    for entry in entries:
        line = sealed(entry, head)
        head = head_after(line)
        connection.execute(LEDGER.insert().values(**_entry_row(line)))
        _place(connection, line)
        lines.append(line)
    if lines:
        connection.execute(HEADS.update().values(seq=head.seq, digest=head.digest))
    return tuple(lines)


def _place(connection: sa.Connection, line: LedgerEntry) -> None:
    if line.kind is EntryKind.REGISTERED:
        values = {"model": line.model, "number": line.number, "stage": line.to, "seq": line.seq}
        connection.execute(STANDING.insert().values(**values))
        return
    mine = (STANDING.c.model == line.model, STANDING.c.number == line.number)
    connection.execute(STANDING.update().where(*mine).values(stage=line.to, seq=line.seq))


def _entry(row: sa.Row[Any]) -> LedgerEntry:
    """A line as it is in the table. Raises PermanentError for what is none; SQLite keeps any value in any column."""
    try:
        return msgspec.convert(_fields(row), LedgerEntry)
    except (msgspec.ValidationError, UnicodeError) as error:
        raise PermanentError(
            f"line {row.seq} of the ledger can't be read: {error}",
            remedy="seatrial ledger verify says what else was changed by hand",
        ) from None


def _fields(row: sa.Row[Any]) -> dict[str, Any]:
    fields = dict(zip(_LINE, row, strict=True))
    fields["actor"] = {"name": fields["actor_name"], "kind": fields["actor_kind"], "via": fields["actor_via"]}
    return fields


def _entry_row(entry: LedgerEntry) -> dict[str, Any]:
    return {
        "seq": entry.seq,
        "at": to_text(entry.at),
        "kind": entry.kind.value,
        "model": entry.model,
        "number": entry.number,
        "from_stage": entry.source,
        "to_stage": entry.to,
        "actor_name": entry.actor.name,
        "actor_kind": entry.actor.kind.value,
        "actor_via": entry.actor.via,
        "reason": entry.reason,
        "run": entry.run,
        "report": entry.report,
        "evidence": entry.evidence,
        "git_commit": entry.commit,
        "data": entry.data,
        "stack": entry.stack,
        "artifact": entry.artifact,
        "previous": entry.previous,
        "digest": entry.digest,
    }


def _evidence(row: sa.Row[Any]) -> Evidence:
    """Evidence as it is in the table. Raises PermanentError for what is none."""
    try:
        return msgspec.convert(dict(zip(_FINDINGS, row, strict=True)), Evidence)
    except msgspec.ValidationError as error:
        raise PermanentError(
            f"the evidence of run {row.run} can't be read: {error}",
            remedy="seatrial ledger verify says what else was changed by hand",
        ) from None


def _evidence_row(evidence: Evidence) -> dict[str, Any]:
    return {
        "run": evidence.run,
        "model": evidence.model,
        "number": evidence.number,
        "artifact": evidence.artifact,
        "verdict": evidence.verdict.value,
        "finished": to_text(evidence.finished),
        "baseline": evidence.baseline,
        "report": evidence.report,
        "url": evidence.url,
    }
