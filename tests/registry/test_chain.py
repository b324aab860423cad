"""The chain by itself: whatever is edited, removed, inserted or reordered is found, and nothing else is."""

import hashlib
import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.records import Actor, Books, EntryKind, LedgerEntry, LedgerHead, StageRules, UsageError, Verdict
from seatrial.registry.ledger import Flaw, FlawKind, digest_of, head_after, sealed, verify
from seatrial.testing import MemoryRegistry
from tests.registry.registering import ADA, GLASS, NOON, RULES, after, by_hand, evidence, promote, registered

ENTRY = LedgerEntry(
    seq=2,
    at=datetime(2026, 5, 1, 12, 0, 0, 500, tzinfo=UTC),
    kind=EntryKind.MOVED,
    model="wine",
    number=3,
    source="None",
    to="Staging",
    actor=Actor(name='näin "kävi"', via="login"),
    reason="a\nb",
    commit="c0ffee",
    artifact="sha256:3",
    previous="sha256:before",
)


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Books:
    """A ledger in which everything happened that may: 9 lines."""
    registry = MemoryRegistry(GLASS)
    one, two, three = registered(registry, tmp_path_factory.mktemp("models"), 3)
    registry.move(by_hand(two))
    promote(registry, one)
    promote(registry, two, "run-2", expected=(1,))
    registry.move(by_hand(three, "Production", break_glass=True, reason="fire"))
    return registry.books()


def kinds(flaws: tuple[Flaw, ...]) -> set[FlawKind]:
    """What was found."""
    return {flaw.kind for flaw in flaws}


def without(books: Books, *places: int) -> Books:
    """Books that lack some lines."""
    kept = tuple(entry for place, entry in enumerate(books.entries) if place not in places)
    return replace(books, entries=kept)


def resealed(entries: tuple[LedgerEntry, ...]) -> tuple[LedgerEntry, ...]:
    """The lines with a chain that is whole again, as somebody with the whole database could make it."""
    head, chain = LedgerHead(), []
    for entry in entries:
        chain.append(sealed(entry, head))
        head = head_after(chain[-1])
    return tuple(chain)


def test_the_digest_is_that_of_plain_json() -> None:
    """Anybody can compute it: sorted keys, no white space, UTF-8, no nulls, times in UTC, everything but the digest."""
    text = json.dumps(
        {
            "actor": {"kind": "person", "name": 'näin "kävi"', "via": "login"},
            "artifact": "sha256:3",
            "at": "2026-05-01T12:00:00.000500Z",
            "commit": "c0ffee",
            "kind": "moved",
            "model": "wine",
            "number": 3,
            "previous": "sha256:before",
            "reason": "a\nb",
            "seq": 2,
            "source": "None",
            "to": "Staging",
        },
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )

    assert f"sha256:{hashlib.sha256(text.encode()).hexdigest()}" == digest_of(ENTRY)


def test_the_digest_never_changes_between_releases() -> None:
    """A ledger that was written today has to verify in ten years."""
    assert "sha256:1555a957fb5b6181" == digest_of(ENTRY)[:23]


def test_a_time_is_the_same_in_any_zone() -> None:
    """The digest is over the moment."""
    elsewhere = replace(ENTRY, at=ENTRY.at.astimezone(timezone(timedelta(hours=5, minutes=30))))

    assert digest_of(ENTRY) == digest_of(elsewhere)


def test_what_utf_8_cannot_write_has_no_digest() -> None:
    """It is refused instead of being replaced."""
    with pytest.raises(UsageError, match="UTF-8"):
        digest_of(replace(ENTRY, reason="\ud800"))


def test_a_whole_ledger_has_no_flaw(books: Books) -> None:
    """Nor with any head that was noted on the way."""
    assert 9 == len(books.entries)
    for entry in books.entries:
        assert () == verify(books, GLASS, noted=entry.digest)


OTHER: dict[str, Any] = {
    "seq": 999,
    "at": NOON - timedelta(days=1),
    "kind": "corrected",
    "number": 77,
    "actor": Actor(name="eve"),
}


@given(place=st.integers(0, 8), name=st.sampled_from([field.name for field in fields(LedgerEntry)]))
def test_any_edited_field_of_any_line_is_found(books: Books, place: int, name: str) -> None:
    """The flaw names the line; an edited number, link or digest may be told as a missing or replaced one."""
    entries = list(books.entries)
    entries[place] = replace(entries[place], **{name: OTHER.get(name, "forged")})

    flaws = verify(replace(books, entries=tuple(entries)), GLASS)

    assert {entries[place].seq, books.entries[place].seq} & {flaw.seq for flaw in flaws}
    assert FlawKind.EDITED in kinds(flaws)


@given(places=st.sets(st.integers(0, 8), min_size=1))
def test_any_removed_lines_are_found(books: Books, places: set[int]) -> None:
    """In the middle, at the beginning, at the end, and all of them."""
    assert FlawKind.REMOVED in kinds(verify(without(books, *places), GLASS))


@given(places=st.sets(st.integers(0, 8), min_size=1))
def test_removed_lines_are_found_though_the_rest_was_numbered_anew(books: Books, places: set[int]) -> None:
    """The digests are over the numbers."""
    left = without(books, *places).entries
    renumbered = tuple(replace(entry, seq=seq) for seq, entry in enumerate(left, start=1))

    assert () != verify(replace(books, entries=renumbered), GLASS)


@given(order=st.permutations(range(9)).filter(lambda order: list(order) != list(range(9))))
def test_any_other_order_is_found(books: Books, order: list[int]) -> None:
    """Lines that changed their numbers with each other were edited."""
    entries = tuple(replace(books.entries[place], seq=seq) for seq, place in enumerate(order, start=1))

    assert FlawKind.EDITED in kinds(verify(replace(books, entries=entries), GLASS))


@given(place=st.integers(0, 9))
def test_an_inserted_line_is_found_also_if_all_links_were_made_anew(books: Books, place: int) -> None:
    """The chain is whole then, but the stored head is not its end."""
    forged = replace(ENTRY, model="wine", number=1, source="None", to="Staging", actor=ADA)
    entries = resealed((*books.entries[:place], forged, *books.entries[place:]))

    assert FlawKind.HEAD in kinds(verify(replace(books, entries=entries), GLASS))


def test_the_end_that_was_cut_off_with_the_head_is_found_by_the_standing(books: Books) -> None:
    """The stages that the registry's tables give are not those that the shorter ledger tells of."""
    shorter = books.entries[:-2]
    cut = replace(books, entries=shorter, head=head_after(shorter[-1]))

    assert {FlawKind.STAGE} == kinds(verify(cut, GLASS))


def test_a_registration_that_was_cut_off_is_found_by_the_version(tmp_path: Path) -> None:
    """Also where somebody took the standing back as well."""
    registry = MemoryRegistry()
    registered(registry, tmp_path, 2)
    books = registry.books()
    cut = replace(books, entries=books.entries[:1], head=head_after(books.entries[0]), stages={("wine", 1): "None"})

    (flaw,) = verify(cut, RULES)

    assert "wine@2 is there, but no line tells of its registration" == flaw.what


def test_only_a_noted_head_finds_a_whole_forgery(books: Books) -> None:
    """Somebody who rewrites everything that is in the database leaves nothing to find in it."""
    entries = tuple(replace(entry, actor=Actor(name="eve")) for entry in books.entries)
    forged = replace(books, entries=resealed(entries))
    forged = replace(forged, head=head_after(forged.entries[-1]))

    assert () == verify(forged, GLASS)
    (flaw,) = verify(forged, GLASS, noted=books.head.digest)
    assert (FlawKind.HEAD, True) == (flaw.kind, books.head.digest in flaw.what)


def test_an_empty_ledger_is_whole_but_not_if_a_head_was_noted() -> None:
    """All lines, the head and the versions were removed."""
    empty = Books(entries=(), head=LedgerHead(), stages={}, versions=())

    assert () == verify(empty, RULES)
    assert {FlawKind.HEAD} == kinds(verify(empty, RULES, noted="sha256:1"))


def test_a_removed_head_is_found(books: Books) -> None:
    """Without its row the ledger has no end."""
    assert {FlawKind.HEAD} == kinds(verify(replace(books, head=LedgerHead()), GLASS))


def test_production_without_a_run_is_found(books: Books) -> None:
    """Somebody wrote a line of their own, with a digest that is right and a head that fits, past the rules."""
    line = sealed(
        replace(ENTRY, number=1, source="None", to="Production", actor=ADA), LedgerHead(seq=9, digest=books.head.digest)
    )
    forged = replace(
        books,
        entries=(*books.entries, line),
        head=head_after(line),
        stages={**books.stages, ("wine", 1): "Production"},
    )

    (flaw,) = verify(forged, GLASS)

    assert (FlawKind.UNPROVEN, 10) == (flaw.kind, flaw.seq)
    assert "Production is guarded, and no run is named" in flaw.what


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": Verdict.FAIL},
        {"artifact": "sha256:0"},
        {"number": 9},
        {"model": "digits"},
        {"baseline": 4},
        {"report": "sha256:0"},
        {"finished": after(9)},
        {"url": "https://elsewhere.example.org"},
    ],
)
def test_evidence_that_was_edited_later_is_found(books: Books, change: dict[str, Any]) -> None:
    """The line that rests on it holds its digest."""
    edited = {**books.evidence, "run-1": replace(books.evidence["run-1"], **change)}

    flaws = verify(replace(books, evidence=edited), GLASS)

    assert {FlawKind.UNPROVEN} == kinds(flaws)
    assert "the evidence of run run-1 is not what it was then" in flaws[0].what


def test_evidence_that_was_removed_is_found(books: Books) -> None:
    """A run without evidence proves nothing."""
    kept = {run: found for run, found in books.evidence.items() if run != "run-1"}

    assert "there is no evidence of run run-1" in verify(replace(books, evidence=kept), GLASS)[0].what


def test_a_failed_run_cited_as_proof_is_found(tmp_path: Path) -> None:
    """The line and its evidence agree, but the run did not pass."""
    registry = MemoryRegistry()
    (version,) = registered(registry, tmp_path)
    failed = evidence(version, verdict=Verdict.FAIL)
    books = registry.books()
    line = sealed(
        replace(
            ENTRY,
            number=1,
            source="None",
            to="Production",
            run="run-1",
            report=failed.report,
            evidence=digest_of(failed),
            artifact=version.artifact.digest,
        ),
        books.head,
    )
    forged = replace(
        books,
        entries=(*books.entries, line),
        head=head_after(line),
        stages={("wine", 1): "Production"},
        evidence={"run-1": failed},
    )

    (flaw,) = verify(forged, RULES)

    assert "run run-1 did not pass for this version" in flaw.what


def test_a_gate_applies_from_the_line_on_that_is_named(tmp_path: Path) -> None:
    """A project that guards a stage later says from when; lines before were right by the rules of their time."""
    before = StageRules(stages=RULES.stages[:2])
    guarded = StageRules(stages=(RULES.stages[0], replace(RULES.stages[2], name="Staging")))
    registry = MemoryRegistry(before)
    (version,) = registered(registry, tmp_path)
    registry.move(by_hand(version))

    assert {FlawKind.UNPROVEN} == kinds(verify(registry.books(), guarded))
    assert () == verify(registry.books(), guarded, guarded_from=3)


@pytest.mark.parametrize(
    "change",
    [
        {"description": "forged"},
        {"metrics": {"rmse": 0.0}},
        {"creator": Actor(name="eve")},
        {"flavour": "onnx"},
        {"created": after(1)},
    ],
)
def test_a_version_that_was_edited_is_found(books: Books, change: dict[str, Any]) -> None:
    """What was registered never changes; its line holds the digest of it."""
    assert books.versions is not None
    edited = (replace(books.versions[0], **change), *books.versions[1:])

    (flaw,) = verify(replace(books, versions=edited), GLASS)

    assert (FlawKind.VERSION, 1) == (flaw.kind, flaw.seq)


def test_tags_and_stage_of_a_version_may_change(books: Books) -> None:
    """They are not part of what was registered."""
    assert books.versions is not None
    tagged = tuple(replace(version, tags={"a": "b"}, stage="Elsewhere") for version in books.versions)

    assert () == verify(replace(books, versions=tagged), GLASS)


def test_a_version_that_was_removed_is_found(books: Books) -> None:
    """Its registration stays in the ledger."""
    assert books.versions is not None

    (flaw,) = verify(replace(books, versions=books.versions[1:]), GLASS)

    assert "line 1 registered wine@1, which is no longer there" == flaw.what


def test_a_damaged_line_is_one_flaw_and_not_more_in_the_chain(books: Books) -> None:
    """A line that can't be read breaks no link that can't be checked, but what it told is missing."""
    damaged = replace(without(books, 3), damaged={4: "line 4 of the ledger can't be read"})

    flaws = verify(damaged, GLASS)

    assert [4] == [flaw.seq for flaw in flaws if flaw.kind is FlawKind.EDITED]
    assert {FlawKind.EDITED, FlawKind.STORY} == kinds(flaws)
