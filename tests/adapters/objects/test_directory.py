"""What only objects in a directory can get wrong: half a file, a file in the way, a folder that nobody may write."""

import threading
from pathlib import Path

import pytest

from seatrial.adapters.objects.directory import DirectoryObjects
from seatrial.records import PermanentError


def test_a_key_is_a_path(tmp_path: Path) -> None:
    """Documented, so that a bucket can be filled from a folder and the other way round."""
    DirectoryObjects(tmp_path).put("data/7/all", b"x")

    assert b"x" == (tmp_path / "data" / "7" / "all").read_bytes()


def test_reading_makes_nothing(tmp_path: Path) -> None:
    """A folder that was never written is not there afterwards either."""
    objects = DirectoryObjects(tmp_path / "none")

    assert (None, []) == (objects.get("a"), objects.keys("a"))
    assert not (tmp_path / "none").exists()


def test_what_is_still_being_written_is_no_object(tmp_path: Path) -> None:
    """Neither is what a killed writer left, nor a link to somewhere else."""
    objects = DirectoryObjects(tmp_path)
    objects.put("data/a", b"x")
    (tmp_path / "data" / ".a.0123").write_bytes(b"half")
    (tmp_path / "data" / "link").symlink_to("/etc")

    assert ["data/a"] == objects.keys("data")


def test_readers_see_the_old_or_the_new(tmp_path: Path) -> None:
    """Never a part of one."""
    objects = DirectoryObjects(tmp_path)
    sizes = (1, 1 << 20)
    objects.put("a", b"x" * sizes[0])
    done = threading.Event()

    def write() -> None:
        for number in range(40):
            objects.put("a", b"x" * sizes[number % 2])
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen: set[int] = set()
    while not done.is_set():
        found = objects.get("a")
        assert found is not None
        seen.add(len(found.data))
    writer.join()

    assert seen <= set(sizes)


def test_an_object_in_the_way_is_told(tmp_path: Path) -> None:
    """A key can't go on where another one ends."""
    objects = DirectoryObjects(tmp_path)
    objects.put("a", b"x")

    with pytest.raises(PermanentError, match="could not be written") as caught:
        objects.put("a/b", b"y")

    assert str(tmp_path / "a" / "b") == caught.value.where


def test_a_place_that_can_not_be_written_is_told() -> None:
    """With the folder's name, and before anything else happens."""
    with pytest.raises(PermanentError, match="could not be written") as caught:
        DirectoryObjects(Path("/proc/version/objects")).put("a", b"x")

    assert caught.value.where.startswith("/proc/version")
