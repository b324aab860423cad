"""The bot's book: nothing is taken twice, nothing that has ended comes back, and many may write at once."""

import multiprocessing
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from seatrial.bot.book import Delivery, open_bot_book
from seatrial.bot.tables import METADATA, SCHEMA
from seatrial.records import CellProgress, TemporaryError, TrialState, UsageError, Verdict
from tests.bot.booking import NOON, book_at, database_of, hook, trial
from tests.registry.killing import killed_at_each_moment

LATER = NOON + timedelta(days=1)
CELLS = (CellProgress(cell="small", stage="drive", done=3, total=9), CellProgress(cell="big", stage="build"))


def _ours_alone(_object: Any, name: str | None, kind: str, _reflected: Any, _compared: Any) -> bool:
    return kind != "table" or name in METADATA.tables


def test_the_migrations_make_the_tables_that_the_code_uses(sql_url: str, tmp_path: Path) -> None:
    """A column, index or key that is only in the code, or only in the migrations, is found here."""
    with book_at(sql_url, tmp_path):
        engine = sa.create_engine(sa.make_url(database_of(sql_url, tmp_path)).set(drivername=_driver(sql_url)))
        with engine.connect() as connection:
            options = {"compare_type": True, "include_object": _ours_alone}
            assert [] == compare_metadata(MigrationContext.configure(connection, opts=options), METADATA)
        assert {*METADATA.tables, SCHEMA.version_table} == set(sa.inspect(engine).get_table_names())
        engine.dispose()


def _driver(url: str) -> str:
    return "postgresql+psycopg" if url.startswith("postgres") else "sqlite"


def test_a_book_on_one_machine_is_nobody_elses_business(tmp_path: Path) -> None:
    """The file can be read by its owner alone; a registry on SQLite does not take the book in."""
    with book_at("sqlite:///elsewhere.db", tmp_path) as book:
        book.take(hook(), NOON)

    assert 0o600 == stat.S_IMODE((tmp_path / "bot.db").stat().st_mode)


def test_deliveries_wait_in_the_order_in_which_they_came(sql_url: str, tmp_path: Path) -> None:
    """Until they are dealt with; also in another process's book."""
    hooks = [hook(number=number, comment="ä\x00\N{GRINNING FACE}") for number in (3, 1, 2)]
    with book_at(sql_url, tmp_path) as book:
        assert [True, True] == book.take_many([Delivery(hook=each) for each in hooks[:2]], NOON)
        assert book.take(hooks[2], NOON)
    with book_at(sql_url, tmp_path) as book:
        waiting = book.waiting()
        assert hooks == [each for _, each in waiting]
        assert hooks[:1] == [each for _, each in book.waiting(limit=1)]
        assert [] == book.waiting(without={"ada/fraud"})

        assert book.note(hooks[1].delivery) is None
        book.done(waiting[1][0], "nothing to do", at=NOON)
        assert [hooks[0], hooks[2]] == [each for _, each in book.waiting()]
        assert "nothing to do" == book.note(hooks[1].delivery)


def test_a_delivery_is_taken_once(sql_url: str, tmp_path: Path) -> None:
    """Whether its id or what was signed comes again, in the same batch or later, after it was dealt with or pruned."""
    first = Delivery(hook=hook("a"), digest="one")
    with book_at(sql_url, tmp_path) as book:
        same_id = Delivery(hook=hook("a"), digest="two")
        same_body = Delivery(hook=hook("b"), digest="one")
        other = Delivery(hook=hook("c"), digest="three")
        assert [True, False, False, True] == book.take_many([first, same_id, same_body, other], NOON)

        for number, _ in book.waiting():
            book.done(number, at=NOON)
        book.prune(LATER)
        assert [False, False, False, False] == book.take_many([first, same_id, same_body, other], LATER)
        assert [] == book.waiting()


def test_deliveries_without_a_digest_differ_by_their_ids(sql_url: str, tmp_path: Path) -> None:
    """No digest is not the same digest."""
    with book_at(sql_url, tmp_path) as book:
        assert [True, True] == [book.take(hook("a"), NOON), book.take(hook("b"), NOON)]
        assert [] == list(book.take_many([], NOON))


def test_of_many_who_take_the_same_one_does(sql_url: str, tmp_path: Path) -> None:
    """Threads of one process with batches that overlap: each delivery is taken by exactly one."""
    hooks = [hook() for _ in range(20)]
    batches = [[Delivery(hook=each, digest=each.delivery) for each in hooks[start : start + 8]] for start in range(13)]
    with book_at(sql_url, tmp_path) as book:
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda batch: book.take_many(batch, NOON), batches))

        assert 20 == sum(map(sum, answers))
        assert {each.delivery for each in hooks} == {each.delivery for _, each in book.waiting()}


def test_trials_are_listed_newest_first(sql_url: str, tmp_path: Path) -> None:
    """Of a repository, of a pull request, or those alone that have not ended."""
    trials = [
        trial("a"),
        trial("b", number=8, state=TrialState.RUNNING),
        trial("c", repository="ada/other", state=TrialState.FINISHED),
    ]
    with book_at(sql_url, tmp_path) as book:
        assert [True] * 3 == [book.add(each) for each in trials]

        assert trials[::-1] == list(book.trials())
        assert trials[1::-1] == list(book.trials(repository="ada/fraud"))
        assert [trials[1]] == list(book.trials(repository="ada/fraud", number=8))
        assert trials[1::-1] == list(book.trials(live=True))
        assert [trials[2]] == list(book.trials(limit=1))
        assert trials[0] == book.trial("a")
        assert book.trial("d") is None


def test_a_trial_is_entered_once(sql_url: str, tmp_path: Path) -> None:
    """The second one of an id changes nothing."""
    with book_at(sql_url, tmp_path) as book:
        assert [True, False] == [book.add(trial("a")), book.add(trial("a", commit="c2"))]
        assert [trial("a")] == list(book.trials())


def test_a_trial_that_has_ended_is_not_reopened(sql_url: str, tmp_path: Path) -> None:
    """A worker that comes late changes nothing of it; what belongs to its end may still be added."""
    ended = trial("a", state=TrialState.FINISHED, verdict=Verdict.PASS, ended=LATER)
    with book_at(sql_url, tmp_path) as book:
        book.add(trial("a"))
        running = book.change("a", state=TrialState.RUNNING, worker="w-1", started=NOON)
        assert trial("a", state=TrialState.RUNNING, worker="w-1", started=NOON) == running
        ended = replace(ended, worker="w-1", started=NOON)
        assert ended == book.change("a", state=TrialState.FINISHED, verdict=Verdict.PASS, ended=LATER)

        for late in (TrialState.RUNNING, TrialState.QUEUED, TrialState.CANCELLED, TrialState.BROKEN):
            assert ended == book.change("a", state=late, why="too late", verdict=None)
        book.request_cancel("a", "closed")
        assert ended == book.trial("a")
        assert replace(ended, page="d1") == book.change("a", state=TrialState.FINISHED, page="d1")
        assert replace(ended, page="d2") == book.change("a", page="d2")
        assert [] == list(book.trials(live=True))


def test_the_first_reason_to_cancel_stays(sql_url: str, tmp_path: Path) -> None:
    """Closing a pull request does not hide that a newer commit came before."""
    with book_at(sql_url, tmp_path) as book:
        book.add(trial("a"))
        book.request_cancel("a", "superseded")
        book.request_cancel("a", "closed")
        assert [trial("a", cancelling="superseded")] == list(book.trials(live=True))


def test_a_trial_that_nobody_knows_is_an_error(sql_url: str, tmp_path: Path) -> None:
    """Changes to it are not lost silently."""
    with book_at(sql_url, tmp_path) as book:
        with pytest.raises(UsageError, match="no trial 'a'"):
            book.change("a", why="x")
        with pytest.raises(UsageError, match="no trial 'a'"):
            book.request_cancel("a", "x")


def test_progress_is_of_live_trials(sql_url: str, tmp_path: Path) -> None:
    """It is replaced as a whole, and gone when the trial ends; nobody brings it back."""
    with book_at(sql_url, tmp_path) as book:
        book.add(trial("a"))
        assert () == book.progress("a")
        book.set_progress("a", CELLS[:1])
        book.set_progress("a", CELLS)
        assert CELLS == book.progress("a")

        book.change("a", state=TrialState.BROKEN)
        assert () == book.progress("a")
        book.set_progress("a", CELLS)
        book.set_progress("unknown", CELLS)
        assert [(), ()] == [book.progress("a"), book.progress("unknown")]


def test_the_revision_grows_with_every_change(sql_url: str, tmp_path: Path) -> None:
    """Of trials and of how far they are; deliveries are not counted, nor is reading."""
    with book_at(sql_url, tmp_path) as book:
        seen = [book.revision()]
        for change in (
            lambda: book.add(trial("a")),
            lambda: book.change("a", name="fraud"),
            lambda: book.set_progress("a", CELLS),
            lambda: book.request_cancel("a", "closed"),
            lambda: book.change("a", state=TrialState.CANCELLED, ended=NOON),
            lambda: book.prune(LATER),
        ):
            change()
            seen.append(book.revision())
        assert sorted(set(seen)) == seen
        book.take(hook(), NOON)
        assert seen[-1] == book.revision()


def test_changes_of_many_are_all_there(sql_url: str, tmp_path: Path) -> None:
    """No change overwrites another one that was made at the same time, and the revision counts them all."""
    with book_at(sql_url, tmp_path) as book:
        book.add(trial("a"))
        before = book.revision()
        names = ("name", "worker", "headline", "report", "page", "why")
        start = threading.Barrier(len(names))

        def write(name: str) -> None:
            start.wait()
            for turn in range(10):
                book.change("a", **{name: f"{name} {turn}"})

        with ThreadPoolExecutor(len(names)) as pool:
            list(pool.map(write, names))

        assert trial("a", **{name: f"{name} 9" for name in names}) == book.trial("a")
        assert before + 60 == book.revision()


def _finish(url: str, folder: Path, state: TrialState) -> TrialState:
    with book_at(url, folder) as book:
        return book.change("a", state=state).state


def test_processes_agree_how_a_trial_ended(sql_url: str, tmp_path: Path) -> None:
    """Of several workers that end the same trial one does, and all are told its way."""
    with book_at(sql_url, tmp_path) as book:
        book.add(trial("a"))
    ends = [TrialState.FINISHED, TrialState.CANCELLED, TrialState.BROKEN]
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        told = pool.map(partial(_finish, sql_url, tmp_path), ends)

    with book_at(sql_url, tmp_path) as book:
        final = book.trial("a")
    assert final is not None
    assert {final.state} == set(told)


def test_what_ended_long_ago_is_forgotten(sql_url: str, tmp_path: Path) -> None:
    """Its trial is handed out for the last time; live ones stay however old they are."""
    old = trial("a", state=TrialState.FINISHED, ended=NOON)
    young = trial("b", state=TrialState.BROKEN, ended=LATER)
    with book_at(sql_url, tmp_path) as book:
        for each in (old, young, trial("c")):
            book.add(each)
        book.take(hook(), NOON)

        assert [old] == list(book.prune(NOON + timedelta(microseconds=1)))
        assert [trial("c"), young] == list(book.trials())
        assert 1 == len(book.waiting())


def test_a_book_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """What may pass is a TemporaryError, so that the forge is told to come again."""
    book = open_bot_book(tmp_path, None)
    for file in tmp_path.glob("bot.db*"):
        file.unlink()
    (tmp_path / "bot.db").mkdir()
    book.close()
    with pytest.raises(TemporaryError, match="bot's database does not answer"):
        book.take(hook(), NOON)


def test_a_taken_delivery_survives_a_kill_at_any_moment(sql_url: str, tmp_path: Path) -> None:
    """Killed before, between and after its statements, a batch is in the book whole or not at all."""
    hooks = [hook("a"), hook("b")]
    book_at(sql_url, tmp_path).__enter__().close()

    def work() -> None:
        with book_at(sql_url, tmp_path) as book:
            book.take_many([Delivery(hook=each) for each in hooks], NOON)

    for _ in killed_at_each_moment(work):
        with book_at(sql_url, tmp_path) as book:
            assert [each for _, each in book.waiting()] in ([], hooks)
    with book_at(sql_url, tmp_path) as book:
        assert hooks == [each for _, each in book.waiting()]
