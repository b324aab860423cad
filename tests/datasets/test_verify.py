"""Whatever was changed in the book or lost from the store is found."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seatrial.datasets.verify import verify
from tests.datasets.making import Place, place_in

ROWS = [(0, 1, "Alien", 4.5, True)]


def _three(place: Place) -> None:
    place.append(ROWS)
    place.append(ROWS * 2, quarantined=place.quarantine(ROWS), dead=place.store.put(b"?\n"), counts={"lines": 4})
    place.append(None)


def test_a_dataset_that_nobody_touched_is_as_it_was(sql_url: str, tmp_path: Path) -> None:
    """All versions and all files are counted; files are read where that is wanted, and nothing stays of it."""
    with place_in(tmp_path, sql_url) as place:
        _three(place)
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        for folder in (None, scratch):
            found = verify("ratings", place.book, place.store, folder)
            assert (3, 4, ()) == (found.versions, found.files, found.faults)
        assert [] == list(scratch.iterdir())
        assert (0, 0, ()) == tuple(vars_of(verify("nobody", place.book, place.store)))


def vars_of(found: Any) -> tuple[Any, ...]:
    """What was found, without the name."""
    return found.versions, found.files, found.faults


def _body(change: Callable[[dict[str, Any]], object]) -> Callable[[str], str]:
    def edited(body: str) -> str:
        told = json.loads(body)
        change(told)
        return json.dumps(told)

    return edited


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        (lambda told: told["counts"].update(lines=5), ["ratings@2: it was changed: its digest is"]),
        (
            lambda told: told["offsets"].update({"t/0": 21}),
            ["ratings@2: it was changed: it does not follow", "ratings@3: a"],
        ),
        (
            lambda told: told.update(rows=4),
            ["ratings@2: it was changed: it does not", "ratings@3: it was", "ratings: the"],
        ),
        (lambda told: told["spans"]["t/0"].update(start=11), ["ratings@2: a version has to go on where"]),
        (
            lambda told: told["added"].update(digest="sha256:" + 64 * "0"),
            ["ratings@2: it was", "ratings: the", "the st"],
        ),
        (lambda told: told.update(parent_digest="sha256:0"), ["ratings@2: it was changed: it does not follow"]),
        (lambda told: told.update(digest="sha256:0"), ["ratings@2: it was", "ratings@3: it was", "ratings: the"]),
    ],
)
def test_an_edited_version_is_found(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], faults: list[str]
) -> None:
    """And so are those that follow from it."""
    with place_in(tmp_path) as place:
        _three(place)
        with sqlite3.connect(tmp_path / "retrain.db") as database:
            ((body,),) = database.execute("SELECT body FROM dataset_bodies WHERE number = 2").fetchall()
            database.execute("UPDATE dataset_bodies SET body = ? WHERE number = 2", (_body(change)(body),))
        database.close()
        found = verify("ratings", place.book, place.store).faults

        assert len(faults) == len(found), found
        assert [True] * len(faults) == [start in fault for start, fault in zip(faults, found, strict=True)]


def test_an_edited_list_is_found(tmp_path: Path) -> None:
    """What lists are made of is held against the versions."""
    with place_in(tmp_path) as place:
        _three(place)
        with sqlite3.connect(tmp_path / "retrain.db") as database:
            database.execute("UPDATE dataset_versions SET rows = 9 WHERE number = 3")
        database.close()

        assert ("ratings: the book's list is not what its versions say",) == verify(
            "ratings", place.book, place.store
        ).faults


def test_a_removed_version_is_found(tmp_path: Path) -> None:
    """The one after it has no parent."""
    with place_in(tmp_path) as place:
        _three(place)
        with sqlite3.connect(tmp_path / "retrain.db") as database:
            for table in ("versions", "bodies"):
                database.execute(f"DELETE FROM dataset_{table} WHERE number = 2")
        database.close()
        (fault,) = verify("ratings", place.book, place.store).faults

        assert "ratings@3: version is for ratings@2, and the newest one is ratings@1" in fault


def test_a_lost_file_is_found(tmp_path: Path) -> None:
    """Of a segment, a quarantine or dead lines; a damaged one where files are read."""
    with place_in(tmp_path) as place:
        _three(place)
        version = place.book.version("ratings", 2)
        assert version.added is not None
        assert version.quarantined is not None
        for digest in (version.quarantined.digest, version.dead):
            bare = digest.removeprefix("sha256:")
            (tmp_path / "store" / bare[:2] / bare[2:]).unlink()
        bare = version.added.digest.removeprefix("sha256:")
        damaged = tmp_path / "store" / bare[:2] / bare[2:]
        damaged.chmod(0o644)
        damaged.write_bytes(b"other")

        missing = [f"ratings@2: the store has no {digest}" for digest in (version.quarantined.digest, version.dead)]
        assert tuple(missing) == verify("ratings", place.book, place.store).faults
        (first, *rest) = verify("ratings", place.book, place.store, tmp_path).faults
        assert missing == rest
        assert "damaged" in first
