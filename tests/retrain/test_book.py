"""The retrainings' book: a model is one run's, a wish is kept once, and many may write at once."""

import multiprocessing
import stat
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from seatrial.records import (
    Checked,
    CollectSpec,
    CronSpec,
    DataFinding,
    RetrainOutcome,
    RetrainPhase,
    ScheduleState,
    TemporaryError,
    TriggerKind,
    Verdict,
)
from seatrial.retrain.book import RetrainBook, open_retrain_book
from seatrial.retrain.tables import METADATA, SCHEMA
from tests.registry.killing import killed_at_each_moment
from tests.retrain.looping import NOON, book_at, database_of, result, wish

LATER = NOON + timedelta(hours=1)
CRON = CronSpec(cron="0 20 * * *", zone="Europe/Berlin")


def _ours_alone(_object: Any, name: str | None, kind: str, _reflected: Any, _compared: Any) -> bool:
    return kind != "table" or name in METADATA.tables


def test_the_migrations_make_the_tables_that_the_code_uses(sql_url: str, tmp_path: Path) -> None:
    """A column, index or key that is only in the code, or only in the migrations, is found here."""
    with book_at(sql_url, tmp_path):
        driver = "postgresql+psycopg" if sql_url.startswith("postgres") else "sqlite"
        engine = sa.create_engine(sa.make_url(database_of(sql_url, tmp_path)).set(drivername=driver))
        with engine.connect() as connection:
            options = {"compare_type": True, "include_object": _ours_alone}
            assert [] == compare_metadata(MigrationContext.configure(connection, opts=options), METADATA)
        assert {*METADATA.tables, SCHEMA.version_table} == set(sa.inspect(engine).get_table_names())
        engine.dispose()


def test_a_book_on_one_machine_is_nobody_elses_business(tmp_path: Path) -> None:
    """The file can be read by its owner alone; a registry on SQLite does not take the book in."""
    with book_at("sqlite:///elsewhere.db", tmp_path) as book:
        book.enter(wish())

    assert 0o600 == stat.S_IMODE((tmp_path / "retrain.db").stat().st_mode)


def test_a_model_is_one_runs_until_it_lets_go(sql_url: str, tmp_path: Path) -> None:
    """The one that has it may ask again, others are told which it is, and none can let go of what another one has."""
    with book_at(sql_url, tmp_path) as book:
        assert book.claim("movies", "r-1", NOON) is None
        assert book.claim("movies", "r-1", LATER) is None
        assert "r-1" == book.claim("movies", "r-2", NOON)
        assert book.claim("prices", "r-2", NOON) is None

        book.release("movies", "r-2")
        assert "r-1" == book.holder("movies")
        book.release("movies", "r-1")
        assert book.holder("movies") is None
        assert book.claim("movies", "r-2", LATER) is None


def _claimed(url: str, folder: Path, run: str) -> str | None:
    with book_at(url, folder) as book:
        return book.claim("movies", run, NOON)


def test_of_many_processes_one_has_the_model(sql_url: str, tmp_path: Path) -> None:
    """All others are told the same run."""
    book_at(sql_url, tmp_path).__enter__().close()
    runs = [f"r-{number}" for number in range(4)]
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        told = pool.map(partial(_claimed, sql_url, tmp_path), runs)

    winner = runs[told.index(None)]
    assert [None if run == winner else winner for run in runs] == told


def test_a_model_passes_from_hand_to_hand(sql_url: str, tmp_path: Path) -> None:
    """Threads that claim and let go again and again are never two at once."""
    inside, most = [0], [0]
    lock = threading.Lock()

    def work(run: str) -> int:
        turns = 0
        while turns < 5:
            if book.claim("movies", run, NOON) is None:
                with lock:
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                with lock:
                    inside[0] -= 1
                book.release("movies", run)
                turns += 1
        return turns

    with book_at(sql_url, tmp_path) as book, ThreadPoolExecutor(4) as pool:
        assert [5] * 4 == list(pool.map(work, [f"r-{number}" for number in range(4)]))
    assert [1] == most


def test_a_run_is_kept_as_far_as_it_is(sql_url: str, tmp_path: Path) -> None:
    """Whatever it has found comes back as it was, under its id, in another process's book too."""
    finding = DataFinding(check="late", rows=3, value=0.1, limit=0.2, verdict=Verdict.PASS, examples=("a\x00ä",))
    checked = Checked(verdict=Verdict.PASS, headline="fine", findings=(finding,), good=9, bad=1)
    whole = result(phase=RetrainPhase.TRAINING, checked=checked, dataset=3, notes=("a", "b"))
    with book_at(sql_url, tmp_path) as book:
        book.put(result())
        book.put(whole)
        assert [whole] == list(book.live())
    with book_at(sql_url, tmp_path) as book:
        assert whole == book.result(whole.run)
        assert book.result("nobody's") is None


def test_a_run_that_has_ended_is_not_reopened(sql_url: str, tmp_path: Path) -> None:
    """A step that is done again after a crash changes nothing of the end; the end itself may be written again."""
    ended = result(phase=RetrainPhase.ENDED, outcome=RetrainOutcome.REFUSED, ended=LATER)
    with book_at(sql_url, tmp_path) as book:
        for each in (result(), ended, result(phase=RetrainPhase.GATING)):
            book.put(each)
        assert [ended] == list(book.results())
        assert [] == list(book.live())
        book.put(replace(ended, page="report.html"))
        assert replace(ended, page="report.html") == book.result(ended.run)


def test_runs_are_listed_newest_first(sql_url: str, tmp_path: Path) -> None:
    """Of all loops or of one, in the order in which they began and not in that in which they were told."""
    runs = [
        result("c", started=LATER, phase=RetrainPhase.ENDED),
        result("a"),
        result("b"),
        result("d", name="prices", started=LATER),
    ]
    with book_at(sql_url, tmp_path) as book:
        for each in runs:
            book.put(each)
        assert ["d", "c", "b", "a"] == [each.run for each in book.results()]
        assert ["c", "b"] == [each.run for each in book.results(name="ratings", limit=2)]
        assert ["a", "b", "d"] == [each.run for each in book.live()]


def test_wishes_wait_in_the_order_in_which_they_came(sql_url: str, tmp_path: Path) -> None:
    """Until each is begun; one that was is still known, with the run that it became."""
    wishes = [wish(ident, collect=CollectSpec(window=9.0), to={"p/0": 7}) for ident in ("c", "a", "b")]
    with book_at(sql_url, tmp_path) as book:
        assert [True] * 3 == [book.enter(each) for each in wishes]
        assert not book.enter(wish("a", why="again"))
        assert wishes == list(book.waiting_wishes())

        assert book.run_of("a") is None
        book.wish_done("a", LATER, run="r-1")
        book.wish_done("a", LATER, run="r-2")
        book.wish_done("b", LATER)
        assert [wishes[0]] == list(book.waiting_wishes())
        assert ["r-1", "", None, None] == [book.run_of(ident) for ident in ("a", "b", "c", "d")]
        assert not book.enter(wish("a"))
        assert wishes[1] == book.wish("a")
        assert book.wish("d") is None


def test_of_many_who_enter_the_same_wish_one_does(sql_url: str, tmp_path: Path) -> None:
    """Threads of one process, wishes that overlap."""
    idents = [f"w-{number % 10}" for number in range(40)]
    with book_at(sql_url, tmp_path) as book:
        with ThreadPoolExecutor(8) as pool:
            assert 10 == sum(pool.map(lambda ident: book.enter(wish(ident)), idents))
        assert set(idents) == {each.id for each in book.waiting_wishes()}


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda _: None, False),
        (lambda book: book.enter(wish()), True),
        (lambda book: book.enter(wish(name="prices")), False),
        (lambda book: book.put(result()), True),
        (lambda book: book.put(result(name="other loop, same model")), True),
        (lambda book: book.put(result(phase=RetrainPhase.ENDED)), False),
        (lambda book: book.claim("model of ratings", "r-1", NOON), True),
        (lambda book: book.claim("another model", "r-1", NOON), False),
    ],
)
def test_a_loop_is_busy_while_something_of_it_waits_or_runs(
    make: Callable[[RetrainBook], object], *, expected: bool, tmp_path: Path
) -> None:
    """A wish of the loop, a run of its model, or a claim on that."""
    with book_at("", tmp_path) as book:
        make(book)
        assert expected == book.busy("ratings", "model of ratings")


def test_the_first_who_pauses_is_named(sql_url: str, tmp_path: Path) -> None:
    """Until somebody resumes; nothing is known of a loop that was never seen."""
    with book_at(sql_url, tmp_path) as book:
        assert ScheduleState(name="ratings") == book.schedule("ratings")
        paused = ScheduleState(name="ratings", paused=True, paused_by="ada", paused_at=NOON)
        assert paused == book.pause("ratings", "ada", NOON)
        assert paused == book.pause("ratings", "bob", LATER)
        assert ScheduleState(name="ratings") == book.resume("ratings", LATER)
        assert ScheduleState(name="ratings") == book.resume("ratings", LATER)


def test_what_fell_into_a_pause_is_dealt_with(sql_url: str, tmp_path: Path) -> None:
    """Cron is considered from the end of the pause; to resume what was not paused changes nothing."""
    with book_at(sql_url, tmp_path) as book:
        book.consider("ratings", CRON, NOON)
        book.resume("ratings", LATER)
        assert NOON == book.schedule("ratings").considered
        book.pause("ratings", "ada", NOON)
        assert LATER == book.resume("ratings", LATER).considered


def test_another_cron_is_considered_from_the_moment_that_it_is_seen(sql_url: str, tmp_path: Path) -> None:
    """The same one goes on from where it was; one that was taken away is forgotten."""
    with book_at(sql_url, tmp_path) as book:
        book.consider("ratings", CRON, NOON)
        book.consider("ratings", CRON, LATER)
        assert ScheduleState(name="ratings", considered=NOON, cron=CRON) == book.schedule("ratings")
        other = replace(CRON, zone="UTC")
        book.consider("ratings", other, LATER)
        assert ScheduleState(name="ratings", considered=LATER, cron=other) == book.schedule("ratings")
        book.consider("ratings", None, LATER)
        assert ScheduleState(name="ratings") == book.schedule("ratings")


def test_a_firing_is_kept_only_while_its_state_is_what_was_seen(sql_url: str, tmp_path: Path) -> None:
    """Whoever was paused, overtaken by another firing or asked for meanwhile looks again."""
    fired = wish("cron:1", trigger=TriggerKind.CRON, asked=LATER)
    with book_at(sql_url, tmp_path) as book:
        book.consider("ratings", CRON, NOON)
        seen = book.schedule("ratings")

        book.pause("ratings", "ada", NOON)
        assert not book.fire(fired, seen, LATER)
        book.resume("ratings", NOON)
        assert book.fire(fired, seen, LATER)
        moved = ScheduleState(name="ratings", cron=CRON, considered=LATER, last_fired=LATER)
        assert moved == book.schedule("ratings")

        assert not book.fire(wish("cron:2"), seen, LATER)
        assert not book.fire(wish("rows:1"), seen, None)
        assert not book.fire(fired, moved, LATER)
        assert [fired] == list(book.waiting_wishes())


def test_what_does_not_matter_to_a_firing_may_have_changed(sql_url: str, tmp_path: Path) -> None:
    """Cron fires whatever was begun meanwhile, and what a look found counts although cron was looked at."""
    with book_at(sql_url, tmp_path) as book:
        unseen = book.schedule("ratings")
        book.consider("ratings", CRON, NOON)
        assert book.fire(wish("rows:1", asked=NOON), unseen, None)
        seen = replace(unseen, cron=CRON, considered=NOON)
        assert book.fire(wish("cron:1", asked=LATER), seen, LATER)
        assert ScheduleState(name="ratings", cron=CRON, considered=LATER, last_fired=LATER) == book.schedule("ratings")


def test_the_last_begin_is_that_of_whatever_was_asked_for(sql_url: str, tmp_path: Path) -> None:
    """By hand too; a wish that is entered late does not set it back."""
    with book_at(sql_url, tmp_path) as book:
        moments: list[datetime | None] = []
        for ident, asked in (("a", LATER), ("b", NOON), ("a", LATER + timedelta(hours=1))):
            book.enter(wish(ident, asked=asked))
            moments.append(book.schedule("ratings").last_fired)
        assert [LATER] * 3 == moments


def test_a_firing_survives_a_kill_at_any_moment(sql_url: str, tmp_path: Path) -> None:
    """Killed before, between and after its statements: the wish is there and the clock moved on, or neither."""
    with book_at(sql_url, tmp_path) as book:
        book.consider("ratings", CRON, NOON)
        seen = book.schedule("ratings")

    def work() -> None:
        with book_at(sql_url, tmp_path) as own:
            own.fire(wish(), seen, LATER)

    for _ in killed_at_each_moment(work):
        with book_at(sql_url, tmp_path) as book:
            kept = (len(book.waiting_wishes()), book.schedule("ratings").considered)
            assert kept in {(0, NOON), (1, LATER)}
    with book_at(sql_url, tmp_path) as book:
        assert (1, LATER) == (len(book.waiting_wishes()), book.schedule("ratings").considered)


def test_a_book_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """What may pass is a TemporaryError, so that whoever sent a webhook is told to come again."""
    book = open_retrain_book(tmp_path, None)
    for file in tmp_path.glob("retrain.db*"):
        file.unlink()
    (tmp_path / "retrain.db").mkdir()
    book.close()
    with pytest.raises(TemporaryError, match="retrainings' database does not answer"):
        book.enter(wish())
    with pytest.raises(TemporaryError, match="retrainings' database does not answer"):
        book.check()


def test_a_wish_has_one_run_however_many_servers_begin_one(sql_url: str, tmp_path: Path) -> None:
    """The first has it, also when it asks again, and before or after it is said that the wish is done."""
    with book_at(sql_url, tmp_path) as book:
        book.enter(wish("a"))
        book.enter(wish("b"))
        book.wish_done("b", LATER)
        for ident in ("a", "b"):
            assert ["r-1", "r-1", "r-1"] == [book.begun_for(ident, run, LATER) for run in ("r-1", "r-2", "r-1")]
            book.wish_done(ident, LATER)
            assert "r-1" == book.run_of(ident)
        assert [] == book.waiting_wishes()
        assert book.begun_for("by hand", "r-1", LATER) is None
