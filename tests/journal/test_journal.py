"""The journal keeps every run, whatever else happens at the same time."""

import multiprocessing
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from seatrial.journal import HEAD, METADATA, Journal, open_journal
from seatrial.records import Run, RunState, Stage, UsageError, Verdict
from seatrial.testing import FakeClock
from seatrial.trial.progress import Progress

STARTED = datetime(2026, 1, 1, tzinfo=UTC)


def a_run(name: str) -> Run:
    """A run that has just begun."""
    return Run(id=name, project="digits", folder="/nowhere", started=STARTED, baseline="main", candidate="working tree")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """A new journal."""
    return open_journal(tmp_path, FakeClock())


def test_a_run_is_read_back_as_it_was_entered(journal: Journal) -> None:
    """Nothing is lost on the way through the database."""
    run = replace(a_run("20260101-000000"), verdict=Verdict.FAIL, headline="näin kävi", report="sha256:ab")
    journal.begin(run)
    assert [run] == journal.runs()


def test_ending_a_run_sets_its_state_and_time(journal: Journal) -> None:
    """A run that has ended is no longer among the running."""
    run = a_run("20260101-000000")
    journal.begin(run)
    ended = journal.end(run, RunState.FINISHED)
    assert ([], [ended]) == (journal.running(), journal.runs())


def test_events_come_back_in_order(journal: Journal) -> None:
    """Each appended record is kept under its class's name."""
    journal.begin(a_run("r"))
    for stage in (Stage.BUILD, Stage.START):
        journal.append("r", Progress(stage=stage))
    assert [("Progress", "build"), ("Progress", "start")] == [
        (kind, body["stage"]) for _, kind, body in journal.events("r")
    ]


def test_runs_are_found_by_any_unique_part(journal: Journal) -> None:
    """`latest`, the whole id, its beginning or its end."""
    for name in ("20260101-000000", "20260102-000000"):
        journal.begin(a_run(name))
    found = [journal.find(name).id for name in ("latest", "20260101-000000", "20260101")]
    assert ["20260102-000000", "20260101-000000", "20260101-000000"] == found


@pytest.mark.parametrize("name", ["2026", "nothing", ""])
def test_an_unclear_or_unknown_run_is_a_usage_error(journal: Journal, name: str) -> None:
    """The message says how to find the right one."""
    for run in ("20260101-000000", "20260102-000000"):
        journal.begin(a_run(run))
    with pytest.raises(UsageError, match=r"no run|could be any of") as caught:
        journal.find(name)
    assert "seatrial runs" in caught.value.remedy


def _enter(folder: Path, names: list[str]) -> None:
    journal = open_journal(folder, FakeClock())
    for name in names:
        journal.begin(a_run(name))
        for _ in range(5):
            journal.append(name, Progress(stage=Stage.DRIVE))
    journal.close()


def test_processes_that_begin_together_lose_nothing(tmp_path: Path) -> None:
    """Four processes create the same journal at once and write to it."""
    spawn = multiprocessing.get_context("spawn")
    names = [[f"p{process}-{run}" for run in range(5)] for process in range(4)]
    processes = [spawn.Process(target=_enter, args=(tmp_path, part)) for part in names]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    journal = open_journal(tmp_path, FakeClock())
    assert [0] * 4 == [process.exitcode for process in processes]
    assert sorted(name for part in names for name in part) == sorted(run.id for run in journal.runs(100))
    assert {5} == {len(journal.events(name)) for part in names for name in part}


def test_the_migrations_make_the_tables_that_the_code_uses(tmp_path: Path) -> None:
    """A column that is only in the code, or only in the migrations, is found here."""
    open_journal(tmp_path, FakeClock()).close()
    with sqlite3.connect(tmp_path / "journal.db") as connection:
        made = {
            table: [row[1] for row in connection.execute(f"PRAGMA table_info({table})")] for table in METADATA.tables
        }
    assert {name: [column.name for column in table.columns] for name, table in METADATA.tables.items()} == made


def test_a_journal_of_a_newer_seatrial_is_left_alone(tmp_path: Path) -> None:
    """It is refused with a remedy instead of being written to."""
    open_journal(tmp_path, FakeClock()).close()
    with sqlite3.connect(tmp_path / "journal.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(UsageError, match="newer seatrial") as caught:
        open_journal(tmp_path, FakeClock())
    assert "upgrade" in caught.value.remedy
    assert HEAD < "9999"
