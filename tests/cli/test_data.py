"""`seatrial data` as a user meets it, in a folder whose dataset has three versions."""

import json
import re
import shutil
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner, Result

from seatrial.adapters.clock import SystemClock
from seatrial.cli.main import app
from seatrial.datasets.book import open_dataset_book
from seatrial.records import Actor, Lineage, SeatrialError, UsageError, VersionDraft
from seatrial.trial.workspace import open_workspace
from seatrial.wiring import open_registry
from tests.datasets.making import NOON, Row, place_in

GOOD: list[Row] = [(0, 1, "Alien", 4.5, True), (10, 2, None, 1.0, None)]
LATE: list[Row] = [(-(10**9), 3, "Brazil", 2.0, None)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions with rows, and one without between them whose rows are in quarantine."""
    folder = tmp_path_factory.mktemp("made")
    with open_registry(folder), place_in(open_workspace(folder).root) as place:
        place.append(GOOD, run="20260501-120000")
        dead = place.store.put(b'{"line":"?"}\n')
        refused: dict[str, Any] = {
            "quarantined": place.quarantine(LATE),
            "dead": dead,
            "counts": {"lines": 2, "dead": 1},
        }
        place.append(None, run="20260502-120000", created=NOON + timedelta(days=1), note="too many are late", **refused)
        place.append(GOOD * 2, run="20260503-120000", created=NOON + timedelta(days=2))
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it for each test, and a user."""
    monkeypatch.setenv("SEATRIAL_ACTOR", "ada@example.org")
    monkeypatch.setenv("COLUMNS", "150")
    return Path(shutil.copytree(made, tmp_path / "project"))


def _run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["data", *words, "--project", str(folder)])


def _json(folder: Path, *words: str) -> Any:
    done = _run(folder, *words, "--format", "json")
    assert 0 == done.exit_code, done.output
    return json.loads(done.stdout)


def _refused(folder: Path, *words: str) -> SeatrialError:
    error = _run(folder, *words).exception
    assert isinstance(error, UsageError), error
    return error


def _count(file: Path) -> int:
    with duckdb.connect() as connection:
        ((rows,),) = connection.sql(f"SELECT count(*) FROM read_parquet('{file}')").fetchall()
    return int(rows)


def test_list_tells_datasets_and_versions(folder: Path) -> None:
    """Newest first; the JSON has the records."""
    assert ["ratings@3"] == [f"{each['dataset']}@{each['number']}" for each in _json(folder, "list")]
    assert [3, 2, 1] == [each["number"] for each in _json(folder, "list", "ratings")]
    assert [3] == [each["number"] for each in _json(folder, "list", "ratings", "--limit", "1")]
    shown = _run(folder, "list", "ratings").stdout.splitlines()
    assert ["version", "created", "rows", "added", "quarantined", "dead", "run", "note"] == shown[0].split()
    assert re.match(r"ratings@2 +2026-05-02 12:00 +2 +0 +1 +1 +20260502-120000 +too many are late", shown[2])


def test_an_empty_place_says_what_makes_a_dataset(tmp_path: Path) -> None:
    """In words, and as an empty list."""
    assert "seatrial retrain" in _run(tmp_path, "list").stdout
    assert [] == _json(tmp_path, "list")
    assert "no dataset 'ratings'" in _refused(tmp_path, "list", "ratings").what


def test_show_and_lineage_tell_the_models_that_were_trained_from_it(folder: Path) -> None:
    """By the digest of their data in the registry."""
    digests = [each["digest"] for each in _json(folder, "list", "ratings")]
    model = folder / "model.bin"
    with open_registry(folder) as tools:
        for number, digest in enumerate([digests[2], digests[0], digests[0], "md5:1"]):
            model.write_bytes(bytes([number]))
            actor, now = Actor(name="ada"), SystemClock().now()
            draft = VersionDraft(model="stars", creator=actor, created=now, lineage=Lineage(data=digest))
            tools.registry.register(draft, model)

    shown = _json(folder, "show", "ratings@latest")
    assert (3, ["stars@2", "stars@3"]) == (shown["version"]["number"], shown["models"])
    assert "stars@2, stars@3" in _run(folder, "show", "ratings").stdout
    lines = _json(folder, "lineage", "ratings@3")
    assert [["stars@2", "stars@3"], [], ["stars@1"]] == [each["models"] for each in lines]
    assert [(3, 6), (2, 2), (1, 2)] == [(each["version"]["number"], each["version"]["rows"]) for each in lines]
    assert "stars@1" in _run(folder, "lineage", "ratings@1").stdout


def test_only_models_of_the_datasets_own_loop_are_asked(folder: Path) -> None:
    """Where one of its name is configured: a registry may have very many others."""
    (folder / "seatrial.yaml").write_text(_LOOP)
    digest = _json(folder, "list")[0]["digest"]
    (folder / "model.bin").write_bytes(b"1")
    with open_registry(folder) as tools:
        for model in ("stars", "others"):
            draft = VersionDraft(model=model, creator=Actor(name="ada"), created=NOON, lineage=Lineage(data=digest))
            tools.registry.register(draft, folder / "model.bin")

    assert ["stars@1"] == _json(folder, "show", "ratings")["models"]


_LOOP = """\
requests: {file: requests.jsonl, label: label}
deployments: {model: {run: python server.py}}
retrain:
  ratings:
    model: stars
    stream: events
    parse: {json: {}}
    data: {columns: {time: time, user: integer, rating: number}}
    train: {train: python train.py, predict: python predict.py, label: rating}
    gate: [rmse < 1]
"""


def test_diff_tells_rows_and_columns(folder: Path) -> None:
    """Side by side, with the counts in between below."""
    found = _json(folder, "diff", "ratings@1", "ratings@3")
    assert (2, 4, 0) == (found["shared"], found["added"], found["removed"])
    shown = _run(folder, "diff", "ratings@1", "ratings@3").stdout
    assert re.search(r"rating +type +number +number\n +missing +0 of 2 +0 of 6\n +range +1 … 4.5", shown)
    assert "4 rows added, 0 removed, 2 shared" in shown


@pytest.mark.parametrize(
    ("words", "name", "rows"),
    [
        ((), "a.parquet", 6),
        ((), "a.CSV", 6),
        (("--as", "parquet"), "a.csv", 6),
        (("--quarantined",), "a.csv", 1),
    ],
)
def test_checkout_writes_a_file(folder: Path, words: Sequence[str], name: str, rows: int) -> None:
    """In the form that its name or an option says; the same bytes each time."""
    version = "ratings@2" if "--quarantined" in words else "ratings"
    file = folder / name
    found = _json(folder, "checkout", version, "--out", str(file), *words)
    data = file.read_bytes()
    is_parquet = name == "a.parquet" or "parquet" in words
    assert (rows, str(file), is_parquet) == (found["rows"], found["path"], data.startswith(b"PAR1"))
    if is_parquet:
        assert rows == _count(file)
    again = _run(
        folder, "checkout", version, "--out", str(folder / "again"), "--as", "parquet" if is_parquet else "csv"
    )
    assert 0 == again.exit_code
    if version == "ratings":
        assert data == (folder / "again").read_bytes()


def test_checkout_of_dead_lines(folder: Path) -> None:
    """As they were kept; a version that has none says so, and one that has no quarantine."""
    file = folder / "dead.jsonl"
    assert "1 lines of ratings@2" in _run(folder, "checkout", "ratings@2", "--dead", "--out", str(file)).stdout
    assert b'{"line":"?"}\n' == file.read_bytes()
    out = str(folder / "x")
    assert "every line" in _refused(folder, "checkout", "ratings@1", "--dead", "--out", out).what
    assert "no row" in _refused(folder, "checkout", "ratings@1", "--quarantined", "--out", out).what


def test_checkout_overwrites_only_when_told(folder: Path) -> None:
    """And writes into no folder that is not there, in no form that it does not know."""
    file = folder / "a.csv"
    file.write_text("mine")
    assert "--force" in _refused(folder, "checkout", "ratings", "--out", str(file)).remedy
    assert "mine" == file.read_text()
    assert 0 == _run(folder, "checkout", "ratings", "--out", str(file), "--force").exit_code
    assert 7 == len(file.read_text().splitlines())
    assert "no such folder" in _refused(folder, "checkout", "ratings", "--out", str(folder / "no" / "a.csv")).what
    assert "parquet or csv" in _refused(folder, "checkout", "ratings", "--out", f"{file}2", "--as", "xlsx").remedy
    assert "two files" in _refused(folder, "checkout", "ratings", "--out", f"{file}2", "--dead", "--quarantined").what


def test_admit_takes_rows_in_once(folder: Path) -> None:
    """With the name of who says so."""
    made = _json(folder, "admit", "ratings@2", "--reason", "the producer was down", "--only", "late")
    assert (4, 7) == (made["number"], made["rows"])
    assert "ada@example.org took in 1 quarantined row of ratings@2: the producer was down" == made["note"]
    assert "admitted before, by ratings@4" in _refused(folder, "admit", "ratings@2", "--reason", "again").what


def test_verify_fails_where_something_is_lost(folder: Path) -> None:
    """Exit code 1, with a sentence for each."""
    done = _run(folder, "verify", "--contents")
    assert (0, "ratings: 3 versions and 4 files are as they were\n") == (done.exit_code, done.stdout)
    book = open_dataset_book(folder / ".seatrial", None)
    (first, *_) = book.segments("ratings", 3)
    book.close()
    bare = first.digest.removeprefix("sha256:")
    (folder / ".seatrial" / "store" / bare[:2] / bare[2:]).unlink()
    done = _run(folder, "verify", "ratings")
    assert (1, f"ratings@1: the store has no {first.digest}\n") == (done.exit_code, done.stdout)
    assert "known are ratings" == _refused(folder, "verify", "rating").remedy
