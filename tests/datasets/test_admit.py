"""Quarantined rows count once a person says so: in a new version, once."""

import multiprocessing
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from seatrial.datasets.admit import admit
from seatrial.records import Actor, ColumnSpec, DatasetVersion, PermanentError, UsageError
from tests.datasets.making import COLUMNS, NOON, Place, Row, place_in, rows_in

GOOD: list[Row] = [(0, 1, "Alien", 4.5, True)]
BAD: list[Row] = [(1, 2, "Brazil", 9.0, None), (2, 3, None, 0.0, None)]
ADA = Actor(name="ada@example.org")


def _admitted(place: Place, version: DatasetVersion, **fields: Any) -> DatasetVersion:
    known: dict[str, Any] = {"only": "", "reason": "the scale went to 10", "actor": ADA, "at": NOON}
    return admit(
        version, book=place.book, store=place.store, files=place.files, folder=place.folder, **(known | fields)
    )


def test_a_new_version_has_the_rows(tmp_path: Path) -> None:
    """At its end, without why they were refused; the note tells who and why, and offsets stay."""
    with place_in(tmp_path) as place:
        first = place.append(GOOD, quarantined=place.quarantine(BAD))
        second = place.append(GOOD)
        before = place.built(second)
        third = _admitted(place, first, at=NOON + timedelta(days=1))

        assert [*GOOD, *GOOD, *BAD] == rows_in(place.built(third), tmp_path)
        assert before == place.built(second)
        assert (3, second.offsets, {}) == (third.number, third.offsets, third.spans)
        assert {"admitted": 2} == third.counts
        assert "ada@example.org took in 2 quarantined rows of ratings@1: the scale went to 10" == third.note
        assert [] == list(tmp_path.glob(".segment*"))


def test_only_some_may_be_taken(tmp_path: Path) -> None:
    """Those that were refused for a reason with these words in it; others never are then."""
    with place_in(tmp_path) as place:
        version = place.append(GOOD, quarantined=place.quarantine(BAD, "rating over 5; it's late"))
        with pytest.raises(UsageError, match="none of its quarantined rows was refused for 'duplicate'") as refused:
            _admitted(place, version, only="duplicate")
        assert "data checkout ratings@1 --quarantined" in refused.value.remedy
        assert 2 == _admitted(place, version, only="it's late").counts["admitted"]
        bare = place.append(GOOD, quarantined=place.segment(BAD))
        with pytest.raises(UsageError, match="does not say why"):
            _admitted(place, bare, only="late")


def test_rows_are_admitted_once(tmp_path: Path) -> None:
    """Whoever wants it again is told who did it."""
    with place_in(tmp_path) as place:
        version = place.append(GOOD, quarantined=place.quarantine(BAD))
        made = _admitted(place, version)
        with pytest.raises(UsageError, match=r"admitted before, by ratings@2: ada@example\.org took in"):
            _admitted(place, version, actor=Actor(name="bob"))

        assert made == place.book.head("ratings")


@pytest.mark.parametrize(
    ("reason", "refused", "why"), [("  ", BAD, "why do these rows count"), ("so", [], "no row of it is")]
)
def test_without_reason_or_rows_nothing_is_done(tmp_path: Path, reason: str, refused: list[Row], why: str) -> None:
    """It says what is missing."""
    with place_in(tmp_path) as place:
        version = place.append(GOOD, quarantined=place.quarantine(refused) if refused else None)
        with pytest.raises(UsageError, match=why):
            _admitted(place, version, reason=reason)

        assert version == place.book.head("ratings")


def test_rows_that_lack_a_column_of_today_stay_out(tmp_path: Path) -> None:
    """Where it is not optional."""
    with place_in(tmp_path) as place:
        version = place.append(GOOD, quarantined=place.quarantine(BAD))
        wider = replace(COLUMNS[2], name="device", optional=False)
        _next(place, (*COLUMNS, wider))
        with pytest.raises(PermanentError, match="no column device"):
            _admitted(place, version)
        _next(place, (*COLUMNS, replace(wider, optional=True)))
        assert 2 == _admitted(place, version).counts["admitted"]


def _next(place: Place, columns: tuple[ColumnSpec, ...]) -> None:
    place.append(None, columns=columns)


def test_of_two_people_at_once_one_is_told(sql_url: str, tmp_path: Path) -> None:
    """The rows are in one version, of the one who was first."""
    with place_in(tmp_path, sql_url) as place:
        place.append(GOOD, quarantined=place.quarantine(BAD))
    context = multiprocessing.get_context("fork")
    with context.Manager() as manager:
        answers = manager.list()
        start = manager.Barrier(2)
        people = [
            context.Process(target=partial(_race, sql_url, tmp_path, name, start, answers)) for name in ("ada", "bob")
        ]
        for person in people:
            person.start()
        for person in people:
            person.join(60)
        told = list(answers)

    with place_in(tmp_path, sql_url) as place:
        (second, _) = place.book.versions("ratings")
        assert 2 == second.number
        assert {True, False} == {answer.startswith("made") for answer in told}
        assert all(second.note.split()[0] in answer for answer in told)


def _race(url: str, folder: Path, name: str, start: Any, answers: Any) -> None:
    with place_in(folder, url) as place:
        start.wait()
        try:
            made = _admitted(place, place.book.version("ratings", 1), actor=Actor(name=name))
            answers.append(f"made by {made.note.split()[0]}")
        except UsageError as error:
            answers.append(error.what)
