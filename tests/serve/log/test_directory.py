"""A directory as the place of segments: whole files or none."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from seatrial.records.errors import UsageError
from seatrial.serve.log import check_target
from seatrial.serve.log.places import Directory, open_place

FIRST = "predictions/date=2026-11-21/w-000001-000001.parquet"


def test_a_file_is_there_with_its_folders(tmp_path: Path) -> None:
    """Folders are made when they are needed; nothing unfinished is left beside the file."""
    place = Directory(tmp_path / "log")
    place.write(FIRST, b"one")
    assert [FIRST] == [one.path for one in place.list("predictions")]
    assert b"one" == place.read(FIRST)
    assert [tmp_path / "log" / FIRST] == [path for path in tmp_path.rglob("*") if path.is_file()]


def test_writing_again_replaces(tmp_path: Path) -> None:
    """A retry after an error whose outcome is unknown does no harm."""
    place = Directory(tmp_path)
    place.write(FIRST, b"one")
    place.write(FIRST, b"two")
    assert (b"two", 1) == (place.read(FIRST), len(place.list("")))


def test_file_and_folders_are_synced_before_they_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The content first, then the rename, then each folder that has a new entry."""
    steps: list[str] = []

    def noting(name: str, real: Callable[..., object], of: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            steps.append(f"{name} {of(*arguments)}")
            return real(*arguments)

        return call

    def opened(descriptor: object) -> str:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        return "unfinished" if path.name.startswith(".") else path.name

    monkeypatch.setattr(os, "fsync", noting("sync", os.fsync, opened))
    monkeypatch.setattr(Path, "replace", noting("rename to", Path.replace, lambda _, target: target.name))
    Directory(tmp_path / "log").write(FIRST, b"one")
    name = FIRST.rpartition("/")[2]
    folders = [f"sync {tmp_path.name}", "sync log", "sync predictions"]
    assert [*folders, "sync unfinished", f"rename to {name}", "sync date=2026-11-21"] == steps


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a file would fill it further."""
    place = Directory(tmp_path)
    place.write(FIRST, b"one")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        place.write(FIRST.replace("w-", "v-"), b"two")
    assert [FIRST.rpartition("/")[2]] == [path.name for path in (tmp_path / FIRST).parent.iterdir()]


def test_what_does_not_exist_is_empty(tmp_path: Path) -> None:
    """A log that has not begun, or whose folder another process just removed."""
    place = Directory(tmp_path / "none")
    place.delete([FIRST])
    assert ([], 0) == (place.list("predictions"), place.sweep(1e12))


def test_unfinished_files_are_not_listed_and_swept_when_they_are_old(tmp_path: Path) -> None:
    """Of a crashed writer; one that is at work has a minute, and files of others are never touched."""
    place = Directory(tmp_path)
    place.write(FIRST, b"one")
    folder = (tmp_path / FIRST).parent
    old, new = (folder / f".w-000002-000002.parquet.{name * 16}" for name in "ab")
    other = folder / ".hidden"
    for path, modified in ((old, 1000.0), (new, 2000.0), (other, 1000.0)):
        path.write_bytes(b"half")
        os.utime(path, (modified, modified))
    assert [FIRST] == [one.path for one in place.list("")]
    assert 1 == place.sweep(1500.0)
    assert (False, True, True) == (old.exists(), new.exists(), other.exists())


def test_an_empty_folder_goes_with_its_last_file(tmp_path: Path) -> None:
    """Retention leaves no folders of dates that are over."""
    place = Directory(tmp_path)
    place.write(FIRST, b"one")
    place.delete([FIRST])
    assert not (tmp_path / FIRST).parent.exists()


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("gs://bucket/prefix", "--log: the prediction log can't be written to gs://"),
        ("s3://", "--log s3://: no bucket is named"),
    ],
)
def test_a_target_of_another_kind_is_refused(target: str, message: str) -> None:
    """With what can be named instead."""
    with pytest.raises(UsageError, match=message):
        open_place(target)


def test_a_target_can_be_checked_before_the_start(tmp_path: Path) -> None:
    """A typing error should be told at once, not by a metric an hour later."""
    check_target(str(tmp_path / "log"))
    assert [] == [path for path in tmp_path.rglob("*") if path.is_file()]
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="can't be written: NotADirectoryError"):
        check_target(str(tmp_path / "file" / "log"))
