"""Many processes on one registry: exactly one of several promotions wins, and nothing is lost."""

import fcntl
import multiprocessing
import os
import re
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest

from seatrial.adapters.registry.transactions import writing_ledger
from seatrial.records import ModelVersion, TemporaryError, UsageError
from seatrial.registry.ledger import verify
from tests.registry.registering import (
    RULES,
    by_hand,
    draft,
    evidence,
    model_file,
    promote,
    promotion,
    registered,
    sql_registry,
)
from tests.waiting import wait_until

SPAWN = multiprocessing.get_context("spawn")
PROCESSES = 6


def together(work: Any, *args: Any) -> list[Any]:
    """What `work(index, *args)` returns in each of several processes that begin at the same moment."""
    results: Any = SPAWN.Queue()
    start = SPAWN.Barrier(PROCESSES)
    processes = [SPAWN.Process(target=_report, args=(results, start, work, index, args)) for index in range(PROCESSES)]
    for process in processes:
        process.start()
    found = [results.get(timeout=120) for _ in processes]
    for process in processes:
        process.join()
    return [result for _, result in sorted(found, key=itemgetter(0))]


def _report(results: Any, start: Any, work: Any, index: int, args: tuple[Any, ...]) -> None:
    start.wait(timeout=120)
    try:
        results.put((index, work(index, *args)))
    except Exception as error:  # noqa: BLE001 - the test shall show it
        results.put((index, f"{type(error).__name__}: {error}"))


def _promote(index: int, url: str, folder: str, versions: list[ModelVersion]) -> str:
    """Promote one of the versions, as compared with wine@1; what became of it."""
    with sql_registry(url, Path(folder)) as registry:
        version = versions[index]
        registry.keep(evidence(version, f"run-{version.number}", baseline=1))
        try:
            lines = registry.move(promotion(version, f"run-{version.number}", expected=(1,)))
        except UsageError as refusal:
            return refusal.what
    return f"promoted {lines[-1].number}"


@pytest.mark.slow
def test_exactly_one_of_many_promotions_wins(sql_url: str, tmp_path: Path) -> None:
    """The others are told who was faster; afterwards one version holds Production."""
    with sql_registry(sql_url, tmp_path) as registry:
        first, *others = registered(registry, tmp_path, PROCESSES + 1)
        promote(registry, first)

    told = together(_promote, sql_url, str(tmp_path), others)

    winners = [text for text in told if text.startswith("promoted")]
    with sql_registry(sql_url, tmp_path) as registry:
        (holder,) = registry.holders("wine", "Production")
        assert [f"promoted {holder.number}"] == winners
        refused = f"Production moved from 1 to {holder.number} meanwhile (by ci-account"
        assert PROCESSES - 1 == len([text for text in told if text.startswith(refused)])
        assert PROCESSES + 1 + 3 == len(registry.ledger())
        assert () == verify(registry.books(), RULES)


def _work_hard(index: int, url: str, folder: str) -> int:
    """Register, stage, tag and promote, all in one registry that may not be there yet."""
    files = Path(folder) / str(index)
    with sql_registry(url, Path(folder)) as registry:
        for turn in range(4):
            version = registry.register(draft(), model_file(files, f"{index} {turn}"))
            registry.move(by_hand(version))
            registry.tag("wine", 1, {f"by-{index}": str(turn), "last": str(index)})
            promote(registry, version, f"run-{index}-{turn}")
    return index


@pytest.mark.slow
def test_processes_that_work_at_once_lose_nothing(sql_url: str, tmp_path: Path) -> None:
    """They make the tables together, every version gets a number of its own, every move its lines, every tag its value."""
    assert list(range(PROCESSES)) == together(_work_hard, sql_url, str(tmp_path))

    with sql_registry(sql_url, tmp_path) as registry:
        versions = registry.versions("wine")
        moves = [line for line in registry.ledger() if line.kind.value == "moved"]
        count = PROCESSES * 4
        assert list(range(count, 0, -1)) == [version.number for version in versions]
        assert count == len({version.artifact.digest for version in versions})
        assert 2 * count == len(moves)
        assert {f"by-{index}": "3" for index in range(PROCESSES)}.items() <= versions[-1].tags.items()
        assert 1 == len(registry.holders("wine", "Production"))
        assert () == verify(registry.books(), RULES)


def _keep_same(_index: int, url: str, folder: str, version: ModelVersion) -> str:
    """The same evidence and the same move, as a workflow does that was recovered twice."""
    with sql_registry(url, Path(folder)) as registry:
        registry.keep(evidence(version))
        return registry.move(promotion(version, expected=()))[-1].digest


@pytest.mark.slow
def test_one_run_that_was_recovered_many_times_moves_once(sql_url: str, tmp_path: Path) -> None:
    """All get the same line."""
    with sql_registry(sql_url, tmp_path) as registry:
        (version,) = registered(registry, tmp_path)

    digests = together(_keep_same, sql_url, str(tmp_path), version)

    with sql_registry(sql_url, tmp_path) as registry:
        assert {registry.ledger()[-1].digest} == set(digests)
        assert 2 == len(registry.ledger())


def test_a_registry_that_is_busy_for_too_long_is_worth_a_retry(postgres_url: str, tmp_path: Path) -> None:
    """Somebody holds the lock and does not let go: a temporary error, and nothing was written."""
    impatient = f"{postgres_url}&options=-c%20lock_timeout%3D50"
    with sql_registry(postgres_url, tmp_path) as registry, sql_registry(impatient, tmp_path) as other:
        (version,) = registered(registry, tmp_path)
        with writing_ledger(registry._engine), pytest.raises(TemporaryError, match="does not answer"):
            other.move(by_hand(version))
        assert 1 == len(other.ledger())


def test_nobody_looks_into_a_registry_that_is_being_made(tmp_path: Path) -> None:
    """SQLite waits for nobody while it switches a new file to its write-ahead log, so the others have to wait before."""
    database = tmp_path / "registry.db"
    with (tmp_path / "registry.lock").open("w") as maker:
        fcntl.flock(maker, fcntl.LOCK_EX)
        child = _forked_opening(f"sqlite:///{database}", tmp_path)
        wait_until(lambda: re.search(rf"-> FLOCK .* {child} ", Path("/proc/locks").read_text()))
        touched = database.exists()
        fcntl.flock(maker, fcntl.LOCK_UN)  # the child has the file open as well
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    assert (False, 0, True) == (touched, ended, database.exists())


def _forked_opening(url: str, folder: Path) -> int:
    """A process that opens the registry and looks into it; its id."""
    child = os.fork()
    if child:
        return child
    try:
        with sql_registry(url, folder) as registry:
            registry.models()
    except BaseException:  # noqa: BLE001 - a forked test must not go on as a second pytest
        os._exit(1)
    os._exit(0)
