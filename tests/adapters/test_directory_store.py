"""What only the directory store can get wrong: the disk, other processes, and sudden ends."""

import multiprocessing
import os
import resource
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from seatrial.adapters.store.directory import DirectoryStore
from seatrial.records import PermanentError
from tests.waiting import wait_until


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


LARGE = bytes(range(256)) * (5 << 12)


@pytest.mark.parametrize("first", ["put", "put_file"])
def test_a_large_file_that_is_there_is_read_and_not_written(tmp_path: Path, first: str) -> None:
    """Whatever it is called; here nothing can be written any more."""
    store = DirectoryStore(tmp_path / "store")
    (tmp_path / "model.bin").write_bytes(LARGE)
    digest = store.put(LARGE) if first == "put" else store.put_file(tmp_path / "model.bin")
    (tmp_path / "store" / "incoming").rmdir()
    (tmp_path / "store" / "incoming").write_bytes(b"in the way")
    (tmp_path / "again.bin").write_bytes(LARGE)

    assert digest == store.put_file(tmp_path / "again.bin")


def test_a_large_file_with_the_same_samples_is_another_artifact(tmp_path: Path) -> None:
    """The samples only say whether it is worth looking; the whole file decides."""
    store = DirectoryStore(tmp_path / "store")
    other = LARGE[:20_000] + b"\1" + LARGE[20_001:]
    (tmp_path / "one.bin").write_bytes(LARGE)
    (tmp_path / "two.bin").write_bytes(other)

    digests = [store.put_file(tmp_path / name) for name in ("one.bin", "two.bin")]

    assert 1 == len(list((tmp_path / "store" / "known").iterdir()))
    assert [LARGE, other] == list(map(store.get, digests))


def test_an_artifact_without_a_mark_is_still_kept_once(tmp_path: Path) -> None:
    """A mark that got lost costs a copy, which is dropped, and comes back."""
    store = DirectoryStore(tmp_path / "store")
    (tmp_path / "model.bin").write_bytes(LARGE)
    digest = store.put_file(tmp_path / "model.bin")
    stored = tmp_path / "store" / digest[7:9] / digest[9:]
    first = stored.stat()
    (mark,) = (tmp_path / "store" / "known").iterdir()
    mark.unlink()

    assert digest == store.put_file(tmp_path / "model.bin")
    assert (first.st_ino, first.st_mtime_ns) == (stored.stat().st_ino, stored.stat().st_mtime_ns)
    assert mark.exists()


def test_a_file_that_is_written_meanwhile_gets_the_digest_of_its_copy(tmp_path: Path) -> None:
    """What is under a digest always has it, although a thread rewrites the source all the time."""
    store = DirectoryStore(tmp_path / "store")
    source = tmp_path / "model.bin"
    source.write_bytes(LARGE)
    digests, done = [], threading.Event()

    def scribble() -> None:
        with source.open("r+b") as file:
            while not done.is_set():
                file.seek(len(LARGE) // 2)
                file.write(os.urandom(1 << 16))
                file.flush()

    writer = threading.Thread(target=scribble)
    writer.start()
    try:
        digests = [store.put_file(source) for _ in range(5)]
    finally:
        done.set()
        writer.join()

    assert {len(LARGE)} == {len(store.get(digest)) for digest in digests}
    assert len(digests) <= len(set(digests)) + 1


def test_damaged_bytes_make_no_file(tmp_path: Path) -> None:
    """What was written before the damage was found is gone again."""
    store = DirectoryStore(tmp_path / "store")
    digest = store.put(LARGE)
    stored = tmp_path / "store" / digest[7:9] / digest[9:]
    stored.chmod(0o644)
    stored.write_bytes(LARGE[:-1] + b"\0")

    with pytest.raises(PermanentError, match="damaged") as caught:
        store.get_file(digest, tmp_path / "model.bin")

    assert str(stored) == caught.value.where
    assert not (tmp_path / "model.bin").exists()


def test_a_folder_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    """The caller makes it."""
    store = DirectoryStore(tmp_path / "store")
    digest = store.put(b"weights")

    with pytest.raises(PermanentError, match="could not be written") as caught:
        store.get_file(digest, tmp_path / "nowhere" / "model.bin")

    assert str(tmp_path / "nowhere" / "model.bin") == caught.value.where


def test_a_killed_writer_leaves_no_artifact(tmp_path: Path) -> None:
    """Kill -9 while a large file is copied; the same file is stored by the next one."""
    source = tmp_path / "model.bin"
    source.write_bytes(os.urandom(1 << 20) * 128)
    program = (
        "import sys; from pathlib import Path; from seatrial.adapters.store.directory import DirectoryStore\n"
        "DirectoryStore(Path(sys.argv[1]) / 'store').put_file(Path(sys.argv[1]) / 'model.bin')"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)])
    wait_until(lambda: any(path.stat().st_size for path in (tmp_path / "store" / "incoming").glob("*")))
    process.kill()

    assert -9 == process.wait()
    assert [] == list((tmp_path / "store").glob("??/*"))
    store = DirectoryStore(tmp_path / "store")
    assert source.read_bytes() == store.get(store.put_file(source))
