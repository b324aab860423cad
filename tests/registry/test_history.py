"""The past as the ledger tells it."""

from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.records import EntryKind, LedgerEntry
from seatrial.registry.history import standing_at, tenures
from seatrial.testing import MemoryRegistry
from tests.registry.registering import ADA, NOON, after, by_hand, evidence, promote, promotion, registered


@pytest.fixture
def entries(tmp_path: Path) -> list[LedgerEntry]:
    """wine@1 is promoted at 12:06 and gives way to wine@2 at 12:30; digits@1 goes to Staging at 12:01."""
    registry = MemoryRegistry()
    one, two = registered(registry, tmp_path, 2)
    (other,) = registered(registry, tmp_path, 1, "digits")
    registry.move(by_hand(other))
    promote(registry, one)
    registry.keep(evidence(two, "run-2"))
    registry.move(promotion(two, "run-2", at=after(30)))
    return list(registry.ledger())


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (after(-1), {}),
        (NOON, {"digits@1": "None", "wine@1": "None", "wine@2": "None"}),
        (after(1), {"digits@1": "Staging", "wine@1": "None", "wine@2": "None"}),
        (after(29.9), {"digits@1": "Staging", "wine@1": "Production", "wine@2": "None"}),
        (after(30), {"digits@1": "Staging", "wine@1": "None", "wine@2": "Production"}),
        (after(99999), {"digits@1": "Staging", "wine@1": "None", "wine@2": "Production"}),
    ],
)
def test_who_held_what_at_a_time(entries: list[LedgerEntry], at: datetime, expected: dict[str, str]) -> None:
    """Nobody before the beginning; the moment of a move belongs to the newcomer."""
    assert expected == {f"{held.model}@{held.number}": held.stage for held in standing_at(entries, at)}


def test_a_tenure_names_the_lines_of_its_beginning_and_end(entries: list[LedgerEntry]) -> None:
    """So it says by whom, on which evidence, and until when."""
    (first, second) = (held for held in tenures(entries) if held.stage == "Production")

    assert (1, "run-1", after(6)) == (first.number, first.began.run, first.began.at)
    assert first.ended is not None
    assert ("run-2", EntryKind.DISPLACED, after(30)) == (first.ended.run, first.ended.kind, first.ended.at)
    assert (2, None) == (second.number, second.ended)


def test_the_order_is_the_ledgers_where_clocks_differ() -> None:
    """A machine whose clock is behind wrote later; what it wrote counts."""
    line = LedgerEntry(
        seq=1, at=after(10), kind=EntryKind.MOVED, model="wine", number=1, source="None", to="Staging", actor=ADA
    )
    behind = LedgerEntry(
        seq=2, at=after(9), kind=EntryKind.MOVED, model="wine", number=1, source="Staging", to="None", actor=ADA
    )

    assert ["None"] == [held.stage for held in standing_at([line, behind], after(10))]


@given(
    moves=st.lists(
        st.tuples(st.sampled_from(["a", "b"]), st.integers(1, 3), st.sampled_from(["x", "y"]), st.integers(0, 9))
    )
)
def test_every_version_is_in_exactly_one_stage_at_any_time(moves: list[tuple[str, int, str, int]]) -> None:
    """Whatever happened, and whatever the clocks said: at the end it is where its last line put it."""
    entries = [
        LedgerEntry(
            seq=seq, at=after(at), kind=EntryKind.MOVED, model=model, number=number, source="", to=to, actor=ADA
        )
        for seq, (model, number, to, at) in enumerate(moves, start=1)
    ]
    last = {(entry.model, entry.number): entry.to for entry in entries}

    held = standing_at(entries, after(9))

    assert last == {(one.model, one.number): one.stage for one in held}
    assert len(last) == len(held)
    assert len(entries) == len(tenures(entries))
