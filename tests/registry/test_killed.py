"""kill -9 at any moment leaves the old or the new state, and a ledger that holds together."""

import os
import random
import signal
from pathlib import Path

import pytest

from seatrial.records import ModelVersion
from seatrial.registry.ledger import verify
from tests.registry.killing import killed_at_each_moment
from tests.registry.registering import (
    RULES,
    draft,
    evidence,
    model_file,
    promote,
    promotion,
    registered,
    sql_registry,
)
from tests.waiting import wait_until


def two_versions(url: str, folder: Path) -> list[ModelVersion]:
    """wine@1 in Production, and wine@2 with evidence that passed."""
    with sql_registry(url, folder) as registry:
        versions = registered(registry, folder, 2)
        promote(registry, versions[0])
        registry.keep(evidence(versions[1], "run-2"))
        return versions


def state(url: str, folder: Path) -> tuple[dict[tuple[str, int], str], int]:
    """The stage of each version and the number of lines, of a registry in which nothing is wrong."""
    with sql_registry(url, folder) as registry:
        books = registry.books()
        assert () == verify(books, RULES)
        return dict(books.stages), len(books.entries)


def test_a_promotion_happens_whole_or_not_at_all(sql_url: str, tmp_path: Path) -> None:
    """Between any two statements: either the old version holds Production and no line tells of it, or the new one."""
    _, two = two_versions(sql_url, tmp_path)
    before = state(sql_url, tmp_path)

    def work() -> None:
        with sql_registry(sql_url, tmp_path) as registry:
            registry.move(promotion(two, "run-2", expected=(1,)))

    kills = 0
    for _ in killed_at_each_moment(work):
        kills += 1
        assert before == state(sql_url, tmp_path)

    assert kills > 20
    assert ({("wine", 1): "None", ("wine", 2): "Production"}, 5) == state(sql_url, tmp_path)


def test_a_registration_happens_whole_or_not_at_all(sql_url: str, tmp_path: Path) -> None:
    """A number is never given without a version, nor a version without a line; files alone may be there already."""
    path = model_file(tmp_path)

    def work() -> None:
        with sql_registry(sql_url, tmp_path) as registry:
            registry.register(draft(tags={"a": "b", "c": "d"}), path)

    kills = 0
    for _ in killed_at_each_moment(work):
        kills += 1
        with sql_registry(sql_url, tmp_path) as registry:
            assert ((), ()) == (registry.models(), registry.ledger())

    assert kills > 20
    with sql_registry(sql_url, tmp_path) as registry:
        assert {"a": "b", "c": "d"} == registry.version("wine", 1).tags
        assert () == verify(registry.books(), RULES)


def test_a_registry_is_made_whole_or_not_at_all(sql_url: str, tmp_path: Path) -> None:
    """A process that dies while it makes the tables leaves nothing that stops the next."""

    def work() -> None:
        with sql_registry(sql_url, tmp_path):
            pass

    kills = sum(1 for _ in killed_at_each_moment(work))

    assert kills > 20
    two_versions(sql_url, tmp_path)
    assert ({("wine", 1): "Production", ("wine", 2): "None"}, 3) == state(sql_url, tmp_path)


@pytest.mark.slow
def test_a_busy_registry_survives_any_number_of_kills(sql_url: str, tmp_path: Path) -> None:
    """Processes that promote as fast as they can are killed at random times, also within a COMMIT."""
    versions = two_versions(sql_url, tmp_path)
    moments = random.Random(4)
    for attempt in range(12):
        lines = state(sql_url, tmp_path)[1]
        child = os.fork()
        if child == 0:
            _promote_for_ever(sql_url, tmp_path, versions, attempt)
        enough = lines + moments.randint(1, 9)
        wait_until(lambda enough=enough: _count(sql_url, tmp_path) >= enough)  # type: ignore[misc]
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        stages, _ = state(sql_url, tmp_path)
        assert ["None", "Production"] == sorted(stages.values())


def _promote_for_ever(url: str, folder: Path, versions: list[ModelVersion], attempt: int) -> None:
    """In a child: promote one version after the other until somebody kills it."""
    try:
        with sql_registry(url, folder) as registry:
            for turn in range(100_000):
                version = versions[turn % 2]
                run = f"run-{attempt}-{turn}"
                registry.keep(evidence(version, run))
                registry.move(promotion(version, run))
    finally:
        os._exit(1)


def _count(url: str, folder: Path) -> int:
    with sql_registry(url, folder) as registry:
        return len(registry.ledger())
