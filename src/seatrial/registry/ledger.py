"""The ledger's chain: how a line is sealed, and how edited, removed, inserted and forged lines are found.

Every line holds the digest of the line before it and a digest over all of itself, so that no line can change without
all that follow. Somebody who can rewrite the whole database can recompute the whole chain; only a head that was noted
elsewhere finds that. Everything here is pure: `Books` go in, `Flaw`s come out.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec

from seatrial.records import (
    Books,
    EntryKind,
    Evidence,
    LedgerEntry,
    LedgerHead,
    ModelVersion,
    StageGate,
    StageRules,
    UsageError,
    Verdict,
)

_CHANGING = ("tags", "stage")
"""What may change of a version, and so is not in its digest."""


class FlawKind(StrEnum):
    """What is wrong with the ledger, or beside it."""

    EDITED = "edited"
    REMOVED = "removed"
    REPLACED = "replaced"
    HEAD = "head"
    STORY = "story"
    STAGE = "stage"
    VERSION = "version"
    UNPROVEN = "unproven"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """One thing that does not hold together.

    Attributes:
        what: a sentence for people.
        seq: the line that it is about; None where it is about none of them.
    """

    kind: FlawKind
    what: str
    seq: int | None = None


def digest_of(record: LedgerEntry | Evidence | ModelVersion) -> str:
    """The digest of a line (over all but its `digest`), of evidence, or of what was registered as a version.

    It is the sha256 of the record as JSON in UTF-8, as `--format json` prints it, with sorted keys, without white space,
    and without keys whose value is null (so that a field that comes later changes no older digest).

    Raises:
        UsageError: a text in it can't be written as UTF-8.
    """
    plain = _plain(msgspec.to_builtins(record, builtin_types=(datetime,)))
    for name in ("digest",) if isinstance(record, LedgerEntry) else _CHANGING:
        plain.pop(name, None)
    try:
        text = msgspec.json.encode(plain, order="sorted")
    except UnicodeEncodeError:
        raise UsageError(
            "a text holds characters that can't be written as UTF-8", remedy="take out the half of a surrogate pair"
        ) from None
    return f"sha256:{hashlib.sha256(text).hexdigest()}"


def _plain(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def sealed(entry: LedgerEntry, previous: LedgerHead) -> LedgerEntry:
    """The entry as the next line after `previous`: with its number, the digest before it and its own."""
    numbered = replace(entry, seq=previous.seq + 1, previous=previous.digest, digest="")
    return replace(numbered, digest=digest_of(numbered))


def head_after(entry: LedgerEntry) -> LedgerHead:
    """The end of a ledger whose last line is `entry`."""
    return LedgerHead(seq=entry.seq, digest=entry.digest)


def verify(books: Books, rules: StageRules, *, noted: str | None = None, guarded_from: int = 1) -> tuple[Flaw, ...]:
    """Everything that is wrong with the ledger; empty if it holds together.

    Args:
        books: the registry's, as of one moment.
        rules: which stages are guarded today.
        noted: digest of a head (or of any line) that somebody noted before; None if nobody did.
        guarded_from: the first line to which today's gates apply; lines before may have been written under other ones.
    """
    return (
        *_chain(books),
        *_noted(books.entries, noted),
        *_story(books),
        *_versions(books),
        *_proofs(books, rules, guarded_from),
    )


def _chain(books: Books) -> Iterator[Flaw]:
    """Each line is as it was sealed and follows the one before it, up to the last, which the stored head names."""
    lines: dict[int, LedgerEntry | None] = {
        **dict.fromkeys(books.damaged),
        **{entry.seq: entry for entry in books.entries},
    }
    before = 0
    link: str | None = ""
    for seq in sorted(lines):
        entry = lines[seq]
        if seq != before + 1:
            yield Flaw(kind=FlawKind.REMOVED, seq=before + 1, what=f"{_range(before + 1, seq - 1)} missing")
        elif entry is not None and link is not None and entry.previous != link:
            what = f"line {seq} was written after another line {before} than the one that is there"
            yield Flaw(kind=FlawKind.REPLACED, seq=before or seq, what=what)
        if entry is None:
            yield Flaw(kind=FlawKind.EDITED, seq=seq, what=books.damaged[seq])
        elif digest_of(entry) != entry.digest:
            yield Flaw(kind=FlawKind.EDITED, seq=seq, what=f"line {seq} was edited: {_shown(entry)}")
        before, link = seq, None if entry is None else entry.digest
    yield from _end(before, link, books.head)


def _end(last: int, digest: str | None, head: LedgerHead) -> Iterator[Flaw]:
    """The stored head is the last line; otherwise lines were cut off, added, or the head itself was edited."""
    if head.seq > last:
        what = f"the ledger ends with line {last}, its head says {head.seq}: {_range(last + 1, head.seq)} missing"
        yield Flaw(kind=FlawKind.REMOVED, seq=last + 1, what=what)
    elif head.seq < last:
        what = f"the head says that line {head.seq} is the last, but there is line {last}"
        yield Flaw(kind=FlawKind.HEAD, seq=last, what=what)
    elif digest is not None and digest != head.digest:
        what = f"the head's digest is not that of line {last}: one of them was replaced"
        yield Flaw(kind=FlawKind.HEAD, seq=last or None, what=what)


def _noted(entries: Iterable[LedgerEntry], noted: str | None) -> Iterator[Flaw]:
    if noted is not None and all(entry.digest != noted for entry in entries):
        what = f"no line has the digest {noted} that was noted: the ledger was shortened or rewritten since"
        yield Flaw(kind=FlawKind.HEAD, what=what)


def _story(books: Books) -> Iterator[Flaw]:
    """Replays the ledger: each move starts where the version was, and all end where the registry has them."""
    stages: dict[tuple[str, int], str] = {}
    for place, entry in enumerate(books.entries):
        name = f"{entry.model}@{entry.number}"
        before = stages.get((entry.model, entry.number))
        stages[entry.model, entry.number] = entry.to
        if entry.kind is EntryKind.REGISTERED:
            if before is not None:
                yield _told(entry, f"{name} was registered before")
        elif before is None:
            yield _told(entry, f"{name} was never registered")
        elif before != entry.source:
            yield _told(entry, f"{name} was in {before}, not in {entry.source}")
        if entry.kind is EntryKind.DISPLACED and not _has_newcomer(books.entries, place):
            yield _told(entry, f"nobody took the place of {name} in {entry.source}")
    yield from _standing(stages, books.stages)


def _told(entry: LedgerEntry, why: str) -> Flaw:
    return Flaw(kind=FlawKind.STORY, seq=entry.seq, what=f"line {entry.seq} can't be: {why}")


def _has_newcomer(entries: Sequence[LedgerEntry], place: int) -> bool:
    """Whether the move that comes right after the displaced ones at `place` leads to the stage that was left."""
    displaced = entries[place]
    following = (entries[later] for later in range(place + 1, len(entries)))
    move = next((entry for entry in following if entry.kind is not EntryKind.DISPLACED), None)
    return move is not None and (move.model, move.to) == (displaced.model, displaced.source)


def _standing(told: Mapping[tuple[str, int], str], stored: Mapping[tuple[str, int], str]) -> Iterator[Flaw]:
    for model, number in sorted(told.keys() | stored.keys(), key=str):
        by_ledger, by_registry = told.get((model, number)), stored.get((model, number))
        if by_ledger == by_registry:
            continue
        what = f"{model}@{number} is in {by_registry or 'no stage'} by the registry, in {by_ledger or 'none'} by the ledger"
        yield Flaw(kind=FlawKind.STAGE, what=what)


def _versions(books: Books) -> Iterator[Flaw]:
    """Every version was registered by a line, as it is now, and every such line's version is there."""
    if books.versions is None:
        return
    registered = {(e.model, e.number): e for e in books.entries if e.kind is EntryKind.REGISTERED}
    kept = {(version.model, version.number): version for version in books.versions}
    for key in sorted(registered.keys() | kept.keys(), key=str):
        entry, version = registered.get(key), kept.get(key)
        if entry is None:
            what = f"{key[0]}@{key[1]} is there, but no line tells of its registration"
            yield Flaw(kind=FlawKind.VERSION, what=what)
        elif version is None:
            what = f"line {entry.seq} registered {key[0]}@{key[1]}, which is no longer there"
            yield Flaw(kind=FlawKind.VERSION, seq=entry.seq, what=what)
        elif entry.evidence not in {None, digest_of(version)} or entry.artifact != version.artifact.digest:
            what = f"{version.id} is not what line {entry.seq} registered: it was edited"
            yield Flaw(kind=FlawKind.VERSION, seq=entry.seq, what=what)


def _proofs(books: Books, rules: StageRules, guarded_from: int) -> Iterator[Flaw]:
    """Whoever entered a guarded stage, or cited a run, had evidence that passed; and it is as it was."""
    guarded = {stage.name for stage in rules.stages if stage.gate is StageGate.PROMOTION}
    for entry in books.entries:
        if entry.kind is EntryKind.REGISTERED:
            if entry.to != rules.initial and entry.to in guarded:
                yield _unproven(entry, f"it was registered right into {entry.to}")
        elif entry.run is None:
            touched = {entry.to, entry.source} & guarded
            if entry.kind is EntryKind.MOVED and touched and entry.seq >= guarded_from:
                yield _unproven(entry, f"{' and '.join(sorted(touched))} is guarded, and no run is named")
        else:
            yield from _proof(entry, books.evidence.get(entry.run))


def _proof(entry: LedgerEntry, evidence: Evidence | None) -> Iterator[Flaw]:
    if evidence is None:
        yield _unproven(entry, f"there is no evidence of run {entry.run}")
    elif entry.evidence != digest_of(evidence) or entry.report != evidence.report:
        yield _unproven(entry, f"the evidence of run {entry.run} is not what it was then")
    elif entry.kind is EntryKind.MOVED and (
        evidence.verdict is not Verdict.PASS
        or (evidence.model, evidence.number, evidence.artifact) != (entry.model, entry.number, entry.artifact)
    ):
        yield _unproven(entry, f"run {entry.run} did not pass for this version")


def _unproven(entry: LedgerEntry, why: str) -> Flaw:
    return Flaw(kind=FlawKind.UNPROVEN, seq=entry.seq, what=f"line {entry.seq} ({_shown(entry)}): {why}")


def _shown(entry: LedgerEntry) -> str:
    return f"{entry.model}@{entry.number} {entry.source or '–'} → {entry.to}"


def _range(first: int, last: int) -> str:
    return f"line {first} is" if first >= last else f"lines {first} to {last} are"
