"""What only the directory store can get wrong: the disk, other processes, and sudden ends."""

import multiprocessing
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from seatrial.adapters.store.directory import DirectoryStore
from seatrial.records import PermanentError


def files(root: Path) -> list[str]:
    """All files below, relative."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_the_layout_is_two_digits_and_the_rest(tmp_path: Path) -> None:
    """Documented, so that other tools may read it; read-only, so that they don't write it."""
    digest = DirectoryStore(tmp_path).put(b"weights").removeprefix("sha256:")

    assert [f"{digest[:2]}/{digest[2:]}"] == files(tmp_path)
    assert 0o444 == (tmp_path / digest[:2] / digest[2:]).stat().st_mode & 0o777


def test_the_same_bytes_are_written_once(tmp_path: Path) -> None:
    """Neither the second put nor a file with the same bytes touches the disk."""
    store = DirectoryStore(tmp_path / "store")
    digest = store.put(b"weights")
    (tmp_path / "model.bin").write_bytes(b"weights")
    path = tmp_path / "store" / digest[7:9] / digest[9:]
    first = path.stat()

    store.put(b"weights")
    store.put_file(tmp_path / "model.bin")

    assert (first.st_ino, first.st_mtime_ns) == (path.stat().st_ino, path.stat().st_mtime_ns)


def test_damaged_bytes_are_never_returned(tmp_path: Path) -> None:
    """A flipped bit is an error that names the file and says what to do."""
    store = DirectoryStore(tmp_path)
    digest = store.put(b"weights")
    path = tmp_path / digest[7:9] / digest[9:]
    path.chmod(0o644)
    path.write_bytes(b"wEights")

    with pytest.raises(PermanentError, match="damaged") as caught:
        store.get(digest)

    assert str(path) == caught.value.where
    assert "remove this file" in caught.value.remedy


def test_a_file_cut_short_is_mended_by_the_next_put(tmp_path: Path) -> None:
    """A disk that lost the end of a file doesn't poison its digest for ever."""
    store = DirectoryStore(tmp_path)
    digest = store.put(b"weights")
    path = tmp_path / digest[7:9] / digest[9:]
    path.chmod(0o644)
    path.write_bytes(b"wei")

    store.put(b"weights")

    assert store.get(digest) == b"weights"


def test_many_processes_put_the_same_and_different_bytes(tmp_path: Path) -> None:
    """All succeed, each artifact is whole and there once."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(3) as pool:
        digests = pool.map(_put_many, [tmp_path] * 3)

    assert 1 == len(set(digests))
    assert [b"%d" % number * 10_000 for number in range(20)] == list(map(DirectoryStore(tmp_path).get, digests[0]))
    assert 20 == len(files(tmp_path))


def _put_many(root: Path) -> tuple[str, ...]:
    store = DirectoryStore(root)
    return tuple(store.put(b"%d" % number * 10_000) for number in range(20))


@pytest.mark.parametrize("put", ["store.put(bytes(2 << 20))", "store.put_file(Path(sys.argv[1]) / 'big')"])
def test_a_full_disk_is_a_clear_error_that_leaves_nothing(tmp_path: Path, put: str) -> None:
    """The kernel refuses to write on (here by RLIMIT_FSIZE); no half of an artifact stays."""
    (tmp_path / "big").write_bytes(bytes(2 << 20))
    program = (
        "import sys\nfrom pathlib import Path\n"
        "from seatrial.adapters.store.directory import DirectoryStore\nfrom seatrial.records import PermanentError\n"
        f"store = DirectoryStore(Path(sys.argv[1]) / 'store')\ntry:\n    {put}\nexcept PermanentError as error:\n    print(error)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)),
        capture_output=True,
        text=True,
        check=False,
    )

    assert "an artifact could not be stored: File too large" in ended.stdout
    assert "free space on that disk" in ended.stdout
    assert ended.stderr == ""
    assert [] == files(tmp_path / "store")


def test_a_root_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    """A file stands where the directory should be."""
    (tmp_path / "store").write_text("")

    with pytest.raises(PermanentError, match="could not be stored") as caught:
        DirectoryStore(tmp_path / "store").put(b"weights")

    assert str(tmp_path / "store") == caught.value.where


def test_nothing_is_made_before_the_first_write(tmp_path: Path) -> None:
    """Looking leaves no trace."""
    assert not DirectoryStore(tmp_path / "store").has("sha256:" + "0" * 64)
    assert not (tmp_path / "store").exists()


def test_what_a_killed_writer_left_is_cleared_but_not_what_is_being_written(tmp_path: Path) -> None:
    """A temporary file untouched for more than an hour has no writer any more."""
    store = DirectoryStore(tmp_path)
    store.put(b"weights")
    old, new = tmp_path / "incoming/old", tmp_path / "incoming/new"
    old.write_bytes(b"half")
    new.write_bytes(b"half")
    os.utime(old, (old.stat().st_atime, old.stat().st_mtime - 4000))

    store.put(b"other weights")

    assert not old.exists()
    assert new.exists()
