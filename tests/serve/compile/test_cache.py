"""Entries appear whole or not at all, and what is broken counts as absent."""

from collections.abc import Callable
from pathlib import Path

import pytest

from seatrial.records.serving import Field, Form, Signature
from seatrial.serve.compile.cache import (
    ONNX_NAME,
    Entry,
    as_cached,
    default_folder,
    key_of,
    publish,
    read_entry,
    scratch,
    write_entry,
)
from seatrial.serve.compile.verdict import Verdict

ENTRY = Entry(
    verdict=Verdict(equal=True, faster=True, reason="It is equal.", evidence={"rows": 1000}),
    signature=Signature(form=Form.COLUMNS, fields=(Field(name="x0"),)),
    stack={"scikit-learn": "1.9.1"},
    name="wine",
)
KEY = {"artifact_digest": "sha256:a", "signature_digest": "", "tolerance": 1e-5, "versions": {"numpy": "2.4"}}


def kept(cache: Path, onnx: bytes | None = b"graph", key: str = "key") -> Path:
    """An entry in the cache."""
    with scratch(cache) as folder:
        write_entry(folder, ENTRY, onnx)
        return publish(folder, cache, key)


@pytest.mark.parametrize("onnx", [b"graph", None], ids=["with a model", "without"])
def test_an_entry_comes_back_as_it_was(tmp_path: Path, onnx: bytes | None) -> None:
    """Verdict, signature, stack and name are read again, and the model lies beside them."""
    found = read_entry(kept(tmp_path, onnx))
    assert found is not None
    assert (ENTRY.verdict, ENTRY.signature, ENTRY.stack, "wine") == (
        found.entry.verdict,
        found.entry.signature,
        found.entry.stack,
        found.entry.name,
    )
    assert onnx == (None if found.onnx is None else found.onnx.read_bytes())


def test_nothing_is_left_beside_the_entry(tmp_path: Path) -> None:
    """The folder that the entry was written in is gone."""
    kept(tmp_path)
    assert ["key"] == [each.name for each in tmp_path.iterdir()]


BREAKAGES: dict[str, Callable[[Path], object]] = {
    "cut": lambda entry: (entry / "entry.json").write_bytes((entry / "entry.json").read_bytes()[:-9]),
    "no json": lambda entry: (entry / "entry.json").write_bytes(b"\xff\x00"),
    "another record": lambda entry: (entry / "entry.json").write_text("{}"),
    "another format": lambda entry: (entry / "entry.json").write_text(
        (entry / "entry.json").read_text().replace('"format":1', '"format":0')
    ),
    "another model": lambda entry: (entry / ONNX_NAME).write_bytes(b"something else"),
    "no model": lambda entry: (entry / ONNX_NAME).unlink(),
    "no record": lambda entry: (entry / "entry.json").unlink(),
}


@pytest.mark.parametrize("breakage", BREAKAGES.values(), ids=BREAKAGES)
def test_a_broken_entry_counts_as_absent_and_is_replaced(tmp_path: Path, breakage: Callable[[Path], object]) -> None:
    """What is cut short, changed or of another format is not believed; the next compilation takes its place."""
    entry = kept(tmp_path)
    breakage(entry)
    assert None is read_entry(entry)
    kept(tmp_path)
    assert None is not read_entry(entry)
    assert ["key"] == [each.name for each in tmp_path.iterdir()]


def test_a_file_in_the_place_of_an_entry_is_replaced(tmp_path: Path) -> None:
    """Whatever stands there instead of a folder goes."""
    (tmp_path / "key").write_text("rubbish")
    assert None is read_entry(tmp_path / "key")
    assert None is not read_entry(kept(tmp_path))


def test_of_two_writers_the_first_wins(tmp_path: Path) -> None:
    """A second, equal compilation leaves the first one's entry as it is, since somebody may be reading it."""
    first = kept(tmp_path, b"first")
    inode = first.stat().st_ino
    assert first == kept(tmp_path, b"second")
    assert (inode, b"first") == (first.stat().st_ino, (first / ONNX_NAME).read_bytes())


def test_a_cache_that_cannot_be_made_is_an_os_error(tmp_path: Path) -> None:
    """A file where the folder should be is told as the system tells it."""
    (tmp_path / "cache").write_text("")
    with pytest.raises(OSError, match="cache"), scratch(tmp_path / "cache" / "deeper"):
        pass


def test_the_evidence_says_where_it_comes_from(tmp_path: Path) -> None:
    """A verdict from the cache is marked as such."""
    found = read_entry(kept(tmp_path))
    assert found is not None
    assert {"rows": 1000, "cached": True} == as_cached(found, cached=True).entry.verdict.evidence


@pytest.mark.parametrize(
    "change",
    [
        {"artifact_digest": "sha256:b"},
        {"signature_digest": "sha256:s"},
        {"sample_digest": "sha256:s"},
        {"tolerance": 1e-6},
        {"versions": {"numpy": "2.5"}},
        {"versions": {}},
    ],
    ids=str,
)
def test_whatever_matters_changes_the_key(change: dict[str, object]) -> None:
    """Another model, signature, sample, tolerance or engine is another entry."""
    assert key_of(**KEY) == key_of(**KEY)  # type: ignore[arg-type] # a table of arguments
    assert key_of(**KEY) != key_of(**{**KEY, **change})  # type: ignore[arg-type] # a table of arguments


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"XDG_CACHE_HOME": "/var/caches"}, Path("/var/caches/seatrial/compiled")),
        ({"XDG_CACHE_HOME": "relative"}, Path.home() / ".cache/seatrial/compiled"),
        ({}, Path.home() / ".cache/seatrial/compiled"),
    ],
)
def test_the_default_folder_is_the_users_cache(environment: dict[str, str], expected: Path) -> None:
    """$XDG_CACHE_HOME where it is absolute, as its specification demands; else ~/.cache."""
    assert expected == default_folder(environment)
