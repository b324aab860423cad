"""Nothing of anybody's is overwritten, and an error leaves nothing half-made."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.records import PermanentError, UsageError
from seatrial.scaffold import File
from seatrial.scaffold.write import Added, add_missing, create_project

FILES = {
    "README.md": File(content=b"read\n"),
    "a/b/c.txt": File(content=b"deep\n"),
    "a/d.txt": File(content=b"less\n"),
    "scripts/test": File(content=b"#!/bin/sh\n", executable=True),
}


def content(folder: Path) -> Mapping[str, bytes]:
    """All files below a folder by their path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def whole() -> Mapping[str, bytes]:
    """What a finished project holds."""
    return {path: file.content for path, file in FILES.items()}


@pytest.mark.parametrize("there", [False, True])
def test_a_project_is_made(tmp_path: Path, *, there: bool) -> None:
    """In a folder that does not exist, or is empty; beside it nothing remains."""
    place = tmp_path / "wine"
    if there:
        place.mkdir()

    assert "finished" == create_project(place, FILES, lambda _: "finished")
    assert whole() == content(place)
    assert [place] == list(tmp_path.iterdir())


def test_modes_follow_the_umask(tmp_path: Path) -> None:
    """Programs can be started, other files not, and the user's umask decides for whom."""
    before = os.umask(0o027)
    try:
        create_project(tmp_path / "wine", FILES, lambda _: None)
    finally:
        os.umask(before)

    modes = {
        path: stat.S_IMODE((tmp_path / "wine" / path).stat().st_mode) for path in ("scripts/test", "README.md", "a")
    }
    assert {"scripts/test": 0o750, "README.md": 0o640, "a": 0o750} == modes
    assert 0o750 == stat.S_IMODE((tmp_path / "wine").stat().st_mode)


def test_a_folder_with_anything_in_it_is_left_alone(tmp_path: Path) -> None:
    """One hidden file is enough."""
    (tmp_path / ".keep").touch()

    with pytest.raises(UsageError, match="not empty"):
        create_project(tmp_path, FILES, lambda _: None)
    assert {".keep": b""} == content(tmp_path)


def test_a_file_or_a_broken_link_in_the_way_is_left_alone(tmp_path: Path) -> None:
    """The place is taken, whatever takes it."""
    (tmp_path / "wine").symlink_to(tmp_path / "nowhere")

    with pytest.raises(UsageError, match="a file of this name"):
        create_project(tmp_path / "wine", FILES, lambda _: None)
    assert (tmp_path / "wine").is_symlink()
    assert not (tmp_path / "nowhere").exists()


def test_the_folder_above_has_to_be_there(tmp_path: Path) -> None:
    """A misspelt path makes no tree of folders."""
    with pytest.raises(UsageError, match="no such folder"):
        create_project(tmp_path / "misspelt" / "wine", FILES, lambda _: None)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("error", [UsageError("no"), OSError("disk"), KeyboardInterrupt()])
def test_an_error_leaves_nothing(tmp_path: Path, error: BaseException, *, there: bool) -> None:
    """Whatever goes wrong after the files were written, git's refusal or Ctrl-C, the place is as before."""
    place = tmp_path / "wine"
    if there:
        place.mkdir()

    def fail(made: Path) -> None:
        assert whole() == content(made)
        raise error

    with pytest.raises(PermanentError if isinstance(error, OSError) else type(error)):
        create_project(place, FILES, fail)
    assert ([place] if there else []) == list(tmp_path.iterdir())
    assert {} == content(tmp_path)


def test_a_folder_that_fills_up_meanwhile_is_left_alone(tmp_path: Path) -> None:
    """Somebody else was faster: the files that were moved already are taken away again."""
    place = tmp_path / "wine"
    place.mkdir()

    def intrude(_: Path) -> None:
        (place / "scripts").mkdir()
        (place / "scripts" / "mine").write_bytes(b"mine")

    with pytest.raises(PermanentError):
        create_project(place, FILES, intrude)
    assert {"scripts/mine": b"mine"} == content(place)


def test_what_is_missing_is_added(tmp_path: Path) -> None:
    """What was there stays as it was, a broken link too; both are told."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "d.txt").write_bytes(b"mine")
    (tmp_path / "README.md").symlink_to("nowhere")

    assert Added(added=("a/b/c.txt", "scripts/test"), left=("README.md", "a/d.txt")) == add_missing(tmp_path, FILES)
    assert {**whole(), "a/d.txt": b"mine"} == {**content(tmp_path), "README.md": FILES["README.md"].content}
    assert not (tmp_path / "nowhere").exists()


def test_nothing_is_added_twice(tmp_path: Path) -> None:
    """A second time there is nothing to add."""
    add_missing(tmp_path, FILES)

    assert Added(added=(), left=tuple(FILES)) == add_missing(tmp_path, FILES)


@pytest.mark.parametrize("kind", ["link", "file"])
def test_nothing_is_written_outside_of_the_project(tmp_path: Path, kind: str) -> None:
    """A folder that is a link, or no folder, is refused before anything is added."""
    outside, project = tmp_path / "outside", tmp_path / "project"
    outside.mkdir()
    project.mkdir()
    if kind == "link":
        (project / "scripts").symlink_to(outside)
    else:
        (project / "scripts").touch()

    with pytest.raises(UsageError, match="scripts is no folder of its own"):
        add_missing(project, FILES)
    assert {} == content(outside)
    assert ["scripts"] == [path.name for path in project.iterdir()]


def test_what_was_added_is_taken_away_when_the_rest_cannot_be(tmp_path: Path) -> None:
    """A name that the disk refuses ends it; folders that were made for it go as well."""
    (tmp_path / "mine").write_bytes(b"mine")
    files = {**FILES, "z/" + "x" * 300: File(content=b"")}

    with pytest.raises(PermanentError, match="nothing was left"):
        add_missing(tmp_path, files)
    assert {"mine": b"mine"} == content(tmp_path)
    assert ["mine"] == [path.name for path in tmp_path.iterdir()]


@given(st.dictionaries(st.sampled_from(list(FILES)), st.binary(max_size=5)))
def test_nobodys_bytes_change(there: dict[str, bytes]) -> None:
    """Whatever files there are before, afterwards they are the same, and the others are as they should be."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for path, data in there.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)

        outcome = add_missing(folder, FILES)

        assert {**whole(), **there} == content(folder)
        assert set(there) == set(outcome.left)
        assert set(FILES) - set(there) == set(outcome.added)
