"""The dataset book: versions are appended where the newest one ends, once, and never change."""

import multiprocessing
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from seatrial.database import open_database
from seatrial.datasets.book import open_dataset_book
from seatrial.datasets.grow import ParentMovedError
from seatrial.datasets.tables import METADATA, SCHEMA
from seatrial.records import (
    ColumnKind,
    ColumnSpec,
    DatasetDraft,
    PermanentError,
    Segment,
    Span,
    TemporaryError,
    UsageError,
)
from tests.datasets.making import COLUMNS, NOON, database_of, draft, place_in, segment
from tests.registry.killing import killed_at_each_moment


def _ours_alone(_object: Any, name: str | None, kind: str, _reflected: Any, _compared: Any) -> bool:
    return kind != "table" or name in METADATA.tables


def test_the_migrations_make_the_tables_that_the_code_uses(sql_url: str, tmp_path: Path) -> None:
    """A column, index or key that is only in the code, or only in the migrations, is found here."""
    with place_in(tmp_path, sql_url):
        engine = sa.create_engine(database_of(sql_url, tmp_path))
        with engine.connect() as connection:
            options = {"compare_type": True, "include_object": _ours_alone}
            assert [] == compare_metadata(MigrationContext.configure(connection, opts=options), METADATA)
        assert {*METADATA.tables, SCHEMA.version_table} == set(sa.inspect(engine).get_table_names())
        engine.dispose()


def test_a_version_is_read_back_as_it_was_given_out(sql_url: str, tmp_path: Path) -> None:
    """Also in another process's book; times are UTC, whatever zone they came in."""
    east = timezone(timedelta(hours=2))
    given = replace(
        draft(added=segment(1), quarantined=segment(2, rows=3), dead=segment(3).digest, note="ä \N{GRINNING FACE}"),
        created=NOON.astimezone(east),
        columns=(*COLUMNS, ColumnSpec(name="x", kind=ColumnKind.NUMBER, low=1, values=("1", "2"), pattern="\\d")),
    )
    with place_in(tmp_path, sql_url) as place:
        appended = place.book.append(given)
    with place_in(tmp_path, sql_url) as place:
        found = place.book.version("ratings", 1)

        assert appended == found == place.book.head("ratings")
        assert [found] == place.book.versions("ratings")
        assert found == place.book.by_run(given.run) == place.book.by_digest(found.digest)
        assert (given.added, given.quarantined, given.dead) == (found.added, found.quarantined, found.dead)
        assert (given.columns, given.spans, given.counts) == (found.columns, found.spans, found.counts)
        assert NOON.isoformat() == found.created.isoformat()


def test_a_version_goes_on_where_its_parent_ends(sql_url: str, tmp_path: Path) -> None:
    """Its offsets are the parent's with its own over them; rows and sizes add up, also past a version without rows."""
    with place_in(tmp_path, sql_url) as place:
        first = place.append(None, spans={"t/0": Span(start=5, end=8), "t/1": Span(start=0, end=2)})
        second = place.book.append(draft(first, added=segment(1, 4), spans={"t/0": Span(start=8, end=9)}))
        third = place.book.append(draft(second, added=segment(2, 6), spans={"t/2": Span(start=70, end=71)}))

        assert {"t/0": 8, "t/1": 2} == first.offsets
        assert {"t/0": 9, "t/1": 2} == second.offsets
        assert {"t/0": 9, "t/1": 2, "t/2": 71} == third.offsets
        assert [(0, 0), (4, 100), (10, 200)] == [(each.rows, each.size) for each in (first, second, third)]
        assert [(1, None, ""), (2, 1, first.digest), (3, 2, second.digest)] == [
            (each.number, each.parent, each.parent_digest) for each in (first, second, third)
        ]


def test_segments_and_lineage_are_those_of_the_ancestors(sql_url: str, tmp_path: Path) -> None:
    """Segments oldest first, from where they are asked; lineage newest first; another dataset's are not among them."""
    with place_in(tmp_path, sql_url) as place:
        parts: list[Segment | None] = [segment(1), None, segment(2), replace(segment(3), earliest=None, latest=None)]
        for part in parts:
            place.book.append(draft(place.book.head("ratings"), added=part))
            place.book.append(draft(place.book.head("others"), dataset="others", added=part))
        book = place.book

        assert [parts[0], parts[2], parts[3]] == book.segments("ratings", 4)
        assert [parts[0]] == book.segments("ratings", 2)
        assert [parts[2]] == book.segments("ratings", 3, since=1)
        assert [] == book.segments("nobody", 3)
        versions = [book.version("ratings", number) for number in (3, 2, 1)]
        assert [(each.number, each.digest, each.rows) for each in versions] == [
            (each.number, each.digest, each.rows) for each in book.lineage("ratings", 3)
        ]
        assert [10, 0, 10] == [each.added for each in book.lineage("ratings", 3)]
        assert versions[:1] == book.versions("ratings")[1:2]
        assert [4, 3] == [each.number for each in book.versions("ratings", 2)]
        assert ["others", "ratings"] == book.datasets()


def test_the_same_run_makes_one_version(sql_url: str, tmp_path: Path) -> None:
    """Appended again, also after others were, it gives the version that it made."""
    with place_in(tmp_path, sql_url) as place:
        once = draft(added=segment(1))
        first = place.book.append(once)
        second = place.book.append(draft(first))

        assert first == place.book.append(once)
        assert [second, first] == place.book.versions("ratings")
        with pytest.raises(PermanentError, match=f"run {once.run} made ratings@1 already"):
            place.book.append(replace(once, dataset="others"))
        assert ["ratings"] == place.book.datasets()


def test_a_version_for_another_parent_is_refused(sql_url: str, tmp_path: Path) -> None:
    """Somebody was faster: it is told so, what to do, and nothing is appended."""
    with place_in(tmp_path, sql_url) as place:
        first = place.book.append(draft())
        second = place.book.append(draft(first))
        for late in (draft(), draft(first), replace(draft(second), parent=3)):
            with pytest.raises(ParentMovedError, match="newest one is ratings@2") as refused:
                place.book.append(late)
            assert isinstance(refused.value, TemporaryError)
            assert "run it again" in refused.value.remedy
        with pytest.raises(ParentMovedError, match="newest one is none"):
            place.book.append(replace(draft(dataset="others"), parent=1))

        assert second == place.book.head("ratings")
        assert None is place.book.head("others")


@pytest.mark.parametrize(
    ("spans", "counts", "why"),
    [
        ({"t/0": Span(start=9, end=12)}, {}, "offsets 9 to 12 of t/0 were taken before 10 already"),
        ({"t/0": Span(start=9, end=12)}, {"lost": 5}, "taken before 10"),
        ({"t/0": Span(start=11, end=12)}, {}, "1 offsets are neither in it nor before it, and 0 count as lost"),
        ({"t/0": Span(start=13, end=14)}, {"lost": 2}, "3 offsets are neither"),
        ({"t/0": Span(start=12, end=14), "t/1": Span(start=6, end=7)}, {"lost": 2}, "3 offsets are neither"),
        ({"t/0": Span(start=10, end=9)}, {}, "taken before"),
        ({"t/9": Span(start=4, end=3)}, {}, "taken before"),
    ],
)
def test_offsets_have_neither_holes_nor_overlaps(
    tmp_path: Path, spans: dict[str, Span], counts: dict[str, int], why: str
) -> None:
    """A version that does not begin where its parent ends is refused, unless the stream lost so many offsets."""
    with place_in(tmp_path) as place:
        first = place.book.append(draft(spans={"t/0": Span(start=0, end=10), "t/1": Span(start=0, end=5)}))
        with pytest.raises(PermanentError, match=why):
            place.book.append(draft(first, spans=spans, counts=counts))

        assert first == place.book.head("ratings")


def test_offsets_that_the_stream_lost_may_be_missing(tmp_path: Path) -> None:
    """As many as are counted as lost, and no more."""
    with place_in(tmp_path) as place:
        first = place.book.append(draft())
        second = place.book.append(draft(first, spans={"t/0": Span(start=14, end=20)}, counts={"lost": 4}))

        assert {"t/0": 20} == second.offsets


def test_the_digest_is_of_what_it_holds_and_where_it_comes_from(tmp_path: Path) -> None:
    """Not of number, time, run and note: the same rows from the same places are the same version anywhere."""
    with place_in(tmp_path) as place:
        first = place.book.append(draft(added=segment(1)))
        digest = place.book.append(draft(first, added=segment(2))).digest
    other = tmp_path / "other"
    other.mkdir()
    with place_in(other) as place:
        later: dict[str, Any] = {"created": NOON + timedelta(days=1), "note": "again"}
        again = place.book.append(draft(added=segment(1), **later))
        assert first.digest == again.digest
        assert first.digest != again.parent_digest
        assert digest == place.book.append(draft(again, added=segment(2), **later)).digest

    known = {digest, first.digest}
    for number, fields in enumerate(_CHANGES):
        folder = tmp_path / str(number)
        folder.mkdir()
        with place_in(folder) as place:
            parent = place.book.append(draft(added=segment(1)))
            known.add(place.book.append(replace(draft(parent, added=segment(2)), **fields)).digest)
    assert 2 + len(_CHANGES) == len(known)


_CHANGES: tuple[dict[str, Any], ...] = (
    {"added": segment(3)},
    {"added": segment(2, rows=11)},
    {"added": None},
    {"quarantined": segment(3)},
    {"dead": segment(3).digest},
    {"spans": {"t/0": Span(start=10, end=21)}},
    {"counts": {"lines": 11}},
    {"columns": COLUMNS[1:]},
    {"columns": (replace(COLUMNS[0], optional=True), *COLUMNS[1:])},
)


def test_what_is_not_there_is_answered_with_what_is(sql_url: str, tmp_path: Path) -> None:
    """A version or a dataset that nobody made."""
    with place_in(tmp_path, sql_url) as place:
        with pytest.raises(UsageError, match="no dataset 'ratings'") as refused:
            place.book.version("ratings", 1)
        assert "seatrial retrain" in refused.value.remedy
        place.book.append(draft(place.book.append(draft())))
        with pytest.raises(UsageError, match="no ratings@3") as refused:
            place.book.version("ratings", 3)
        assert "from ratings@1 to ratings@2" in refused.value.remedy
        with pytest.raises(UsageError, match="no dataset 'rating'") as refused:
            place.book.version("rating", 1)
        assert "known are ratings" == refused.value.remedy
        assert None is place.book.by_run("nobody")
        assert None is place.book.by_digest("sha256:0")


def test_a_book_of_a_newer_seatrial_is_left_alone(tmp_path: Path) -> None:
    """It says so, and changes nothing."""
    newer = replace(SCHEMA, head="0000")
    open_database(f"sqlite:///{tmp_path / 'retrain.db'}", SCHEMA).dispose()
    with pytest.raises(UsageError, match="dataset book was written by a newer seatrial"):
        open_database(f"sqlite:///{tmp_path / 'retrain.db'}", newer)


def test_of_two_who_append_at_once_one_is_told(sql_url: str, tmp_path: Path) -> None:
    """Processes with the same parent: one version comes of it, and it is whole."""
    with place_in(tmp_path, sql_url) as place:
        parent = place.book.append(draft())
    drafts = [draft(parent, run=f"racer-{number}", added=segment(number + 2)) for number in range(4)]
    told = _at_once([partial(_race, sql_url, tmp_path, each) for each in drafts])

    with place_in(tmp_path, sql_url) as place:
        head = place.book.head("ratings")
        assert head is not None
        assert 2 == head.number
        assert [head.run, *["told"] * 3] == sorted(told)


def test_of_one_run_twice_at_once_one_version_comes(sql_url: str, tmp_path: Path) -> None:
    """Both get it."""
    once = draft(run="the run", added=segment(1))
    with place_in(tmp_path, sql_url):
        pass
    assert ["the run"] * 3 == _at_once([partial(_race, sql_url, tmp_path, once)] * 3)
    with place_in(tmp_path, sql_url) as place:
        assert [1] == [each.number for each in place.book.versions("ratings")]


def _race(url: str, folder: Path, wanted: DatasetDraft) -> str:
    with place_in(folder, url) as place:
        try:
            return place.book.append(wanted).run
        except ParentMovedError:
            return "told"


def _at_once(works: list[Callable[[], str]]) -> list[str]:
    """What each says, each in a process of its own."""
    context = multiprocessing.get_context("fork")
    with context.Manager() as manager:
        answers = manager.list()
        start = manager.Barrier(len(works))
        racers = [context.Process(target=_begin_together, args=(work, start, answers)) for work in works]
        for racer in racers:
            racer.start()
        for racer in racers:
            racer.join(60)
        assert [0] * len(works) == [racer.exitcode for racer in racers]
        return list(answers)


def _begin_together(work: Callable[[], str], start: Any, answers: Any) -> None:
    start.wait()
    answers.append(work())


def test_an_append_that_was_killed_left_nothing_or_all_of_it(sql_url: str, tmp_path: Path) -> None:
    """Killed -9 before and after every statement, and at the commit; the same again then makes one version of it."""
    with place_in(tmp_path, sql_url) as place:
        parent = place.book.append(draft())

    def append() -> None:
        book = open_dataset_book(tmp_path, sql_url)
        book.append(wanted)
        book.close()

    number = 2
    wanted = draft(parent, run="run of 2", added=segment(2))
    for moment in killed_at_each_moment(append):
        with place_in(tmp_path, sql_url) as place:
            head = place.book.head("ratings")
            assert head is not None, moment
            assert head.number in {number - 1, number}, moment
            made = place.book.append(wanted)
            assert (number, wanted.run) == (made.number, made.run)
            assert {"t/0": 10 * number} == made.offsets
            assert made == place.book.version("ratings", number)
        number += 1
        wanted = draft(made, run=f"run of {number}", added=segment(number))
    assert number > 4
