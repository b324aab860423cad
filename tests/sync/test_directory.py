"""A directory as a place for code: files appear whole, keep their permission, and no link leads out of it."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from seatrial.adapters.code.directory import DirectoryPlace
from seatrial.records import PermanentError, SeatrialError, UsageError

FOLDER = "ml_apps/wine/main"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where the place is; not made yet."""
    return tmp_path / "workspace"


@pytest.fixture
def place(root: Path) -> DirectoryPlace:
    """The place."""
    return DirectoryPlace(root)


def test_executable_files_are_executable(place: DirectoryPlace, root: Path) -> None:
    """For whoever may read them, within the umask; the others are not."""
    before = os.umask(0o027)
    try:
        stamps = place.put(FOLDER, {"run.sh": b"#!/bin/sh\n", "app.py": b""}, {"run.sh"})
    finally:
        os.umask(before)

    assert (0o750, 0o640) == tuple((root / FOLDER / name).stat().st_mode & 0o777 for name in ("run.sh", "app.py"))
    assert stamps == {n: s for n, s in place.files(FOLDER, stamps).items() if n in stamps}
    (root / FOLDER / "app.py").chmod(0o755)
    assert stamps["app.py"] != place.files(FOLDER, ["app.py"])["app.py"]


def test_a_reader_sees_the_old_file_or_the_new_one(place: DirectoryPlace, root: Path) -> None:
    """One that is open when it is replaced goes on with what it was."""
    place.put(FOLDER, {"app.py": b"old" * 1000})
    with (root / FOLDER / "app.py").open("rb") as reader:
        first = reader.read(3)
        place.put(FOLDER, {"app.py": b"new" * 1000})
        assert b"old" * 1000 == first + reader.read()
    assert b"new" * 1000 == (root / FOLDER / "app.py").read_bytes()


@pytest.mark.parametrize(
    "link", ["ml_apps", "ml_apps/wine/main", "ml_apps/wine/main/src", "ml_apps/wine/main/.seatrial"]
)
def test_no_link_on_the_way_is_followed(place: DirectoryPlace, root: Path, tmp_path: Path, link: str) -> None:
    """Whatever it is about to do there, and whoever put it there."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "app.py").write_text("theirs")
    (root / link).parent.mkdir(parents=True)
    (root / link).symlink_to(outside)
    actions: list[Callable[[], object]] = [
        lambda: place.put(FOLDER, {"src/app.py": b"1"}),
        lambda: place.read(f"{FOLDER}/src/app.py"),
        lambda: place.delete(FOLDER, ["src/app.py"]),
    ]
    for action in actions:
        with suppress(UsageError):
            action()
    assert ["app.py"] == [path.name for path in outside.iterdir()]
    assert "theirs" == (outside / "app.py").read_text()


def test_a_link_in_a_files_place_is_replaced_and_not_followed(
    place: DirectoryPlace, root: Path, tmp_path: Path
) -> None:
    """And it never has the stamp of the file that it points to."""
    stamps = place.put(FOLDER, {"app.py": b"1"})
    outside = tmp_path / "outside.py"
    outside.write_bytes(b"1")
    (root / FOLDER / "app.py").unlink()
    (root / FOLDER / "app.py").symlink_to(outside)

    assert stamps["app.py"] != place.files(FOLDER, ["app.py"])["app.py"]
    assert None is place.read(f"{FOLDER}/app.py")
    place.put(FOLDER, {"app.py": b"2"})
    assert (b"1", b"2") == (outside.read_bytes(), (root / FOLDER / "app.py").read_bytes())
    assert not (root / FOLDER / "app.py").is_symlink()


def test_dropping_a_folder_follows_no_link(place: DirectoryPlace, root: Path, tmp_path: Path) -> None:
    """The link goes, what it points to stays."""
    place.put(FOLDER, {"app.py": b"1"})
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/theirs").write_text("theirs")
    (root / FOLDER / "data").symlink_to(tmp_path / "outside")
    (root / FOLDER / "deep/er").mkdir(parents=True)
    place.clear(FOLDER, ".seatrial")

    assert (False, "theirs") == ((root / FOLDER).exists(), (tmp_path / "outside/theirs").read_text())
    place.clear(FOLDER, ".seatrial")


def test_what_is_no_file_is_seen_and_never_opened(place: DirectoryPlace, root: Path) -> None:
    """A pipe would keep the reader waiting forever."""
    place.put(FOLDER, {"app.py": b"1"})
    os.mkfifo(root / FOLDER / "pipe")
    (root / FOLDER / "link").symlink_to("nowhere")
    (root / FOLDER / "folder").symlink_to("/")

    seen = place.files(FOLDER, ["pipe", "link", "folder"])
    assert {"app.py": "", "pipe": "", "link": "", "folder": ""} == dict(seen)


def test_an_empty_folder_is_in_nobodys_way(place: DirectoryPlace, root: Path) -> None:
    """Git knows none."""
    (root / FOLDER / "app.py").mkdir(parents=True)
    place.put(FOLDER, {"app.py": b"1"})

    assert b"1" == (root / FOLDER / "app.py").read_bytes()


def test_a_folder_that_is_not_empty_is(place: DirectoryPlace, root: Path) -> None:
    """And nothing of it is lost."""
    (root / FOLDER / "app.py").mkdir(parents=True)
    (root / FOLDER / "app.py/theirs").write_text("theirs")
    with pytest.raises(UsageError, match="a link or a file is where a folder has to be"):
        place.put(FOLDER, {"app.py": b"1"})

    assert "theirs" == (root / FOLDER / "app.py/theirs").read_text()
    assert [] == list((root / FOLDER / ".seatrial").iterdir())


def test_folders_that_removal_empties_go_and_others_stay(place: DirectoryPlace, root: Path) -> None:
    """Up to the branch's own folder."""
    place.put(FOLDER, {"a/b/c.py": b"1", "a/d.py": b"1", "x/y.py": b"1"})
    place.delete(FOLDER, ["a/b/c.py", "x/y.py"])

    assert {"a", ".seatrial"} == {path.name for path in (root / FOLDER).iterdir()}
    assert ["d.py"] == [path.name for path in (root / FOLDER / "a").iterdir()]


def test_what_a_killed_sync_left_unfinished_goes_later(place: DirectoryPlace, root: Path) -> None:
    """Once it is an hour older than the newest note; what another sync is writing now stays."""
    notes = root / FOLDER / ".seatrial"
    notes.mkdir(parents=True)
    for name, age in {"old": 7200, "new": 60}.items():
        (notes / f".unfinished-{name}").write_text("half")
        os.utime(notes / f".unfinished-{name}", (time.time() - age,) * 2)
    place.put(f"{FOLDER}/.seatrial", {"sync-1.json": b"{}"})

    assert {".unfinished-new", "sync-1.json"} == {path.name for path in notes.iterdir()}


def test_a_root_that_is_a_link_is_the_users_choice(tmp_path: Path) -> None:
    """Only what is below it is under suspicion."""
    (tmp_path / "share").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "share")
    DirectoryPlace(tmp_path / "link").put(FOLDER, {"app.py": b"1"})

    assert (tmp_path / "share" / FOLDER / "app.py").is_file()


@pytest.mark.parametrize("what", ["a file", "a full disk"])
def test_a_place_that_can_not_be_written_is_named(tmp_path: Path, what: str) -> None:
    """With what to do about it."""
    (tmp_path / "file").write_text("no folder")
    where = {"a file": tmp_path / "file", "a full disk": Path("/dev/full/x")}[what]
    with pytest.raises(SeatrialError) as caught:
        DirectoryPlace(where).put(FOLDER, {"app.py": b"1"})

    assert isinstance(caught.value, UsageError | PermanentError)
    assert str(where) in caught.value.where
    assert caught.value.remedy
