"""The files of a version: into a store and out again, whole or not at all."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings

from seatrial.adapters.store.directory import DirectoryStore
from seatrial.records import Artifact, PermanentError, TemporaryError, UsageError
from seatrial.registry.artifacts import keep_artifact, lay_artifact
from seatrial.serve.loaders import digest_of
from seatrial.testing import MemoryStore
from tests.registry.test_listing import TREES, make
from tests.waiting import wait_until

MODEL = {"MLmodel": b"flavors: {}", "data/weights.bin": b"x" * 5000, "data/more/part.bin": b"y", "empty.bin": b""}


def content(folder: Path) -> dict[str, bytes]:
    """All files below, by relative name."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def names(folder: Path) -> list[str]:
    """What lies directly in a folder, hidden things included."""
    return [path.name for path in folder.iterdir()]


def test_a_file_is_kept_under_its_name(tmp_path: Path) -> None:
    """With the digest that the server shows, its size and one file."""
    (tmp_path / "wine.joblib").write_bytes(b"weights")

    kept = keep_artifact(tmp_path / "wine.joblib", MemoryStore())

    assert Artifact(digest=digest_of(tmp_path / "wine.joblib"), name="wine.joblib", size=7) == kept


def test_a_folder_is_kept_with_all_its_files(tmp_path: Path) -> None:
    """They come back as they were, below folders that are made."""
    make(tmp_path / "wine", MODEL)
    store = MemoryStore()

    kept = keep_artifact(tmp_path / "wine", store)
    laid = lay_artifact(kept, store, tmp_path / "a" / "b")

    assert Artifact(digest=digest_of(tmp_path / "wine"), name="wine", folder=True, size=5012, files=4) == kept
    assert tmp_path / "a" / "b" / "wine" == laid
    assert MODEL == content(laid)
    assert ["wine"] == names(tmp_path / "a" / "b")


@settings(max_examples=40)
@given(TREES.filter(bool))
def test_any_folder_comes_back_with_its_digest(tree: dict[str, bytes]) -> None:
    """Whatever its files are called."""
    store = MemoryStore()
    with TemporaryDirectory() as name:
        folder = Path(name) / "model"
        make(folder, {**tree, "one": b""})

        kept = keep_artifact(folder, store)
        laid = lay_artifact(kept, store, Path(name) / "again")

        assert digest_of(folder) == kept.digest == digest_of(laid)


def test_the_same_files_are_stored_once(tmp_path: Path) -> None:
    """Two folders that share a file share it in the store, too."""
    make(tmp_path / "one", {"weights.bin": b"x", "a.txt": b"1"})
    make(tmp_path / "two", {"weights.bin": b"x", "a.txt": b"2"})
    store = DirectoryStore(tmp_path / "store")

    keep_artifact(tmp_path / "one", store)
    keep_artifact(tmp_path / "two", store)
    keep_artifact(tmp_path / "two", store)

    assert 5 == len(content(tmp_path / "store"))


def test_what_links_lead_to_is_kept(tmp_path: Path) -> None:
    """As a copy: the store must not change with it. The link's own name is the artifact's."""
    make(tmp_path / "real", {"weights.bin": b"x"})
    (tmp_path / "current").symlink_to("real")
    store = MemoryStore()

    kept = keep_artifact(tmp_path / "current", store)
    laid = lay_artifact(kept, store, tmp_path / "out")

    assert "current" == kept.name
    assert not laid.is_symlink()
    assert {"weights.bin": b"x"} == content(laid)


def test_the_current_folder_goes_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`.` is no name of a file."""
    make(tmp_path / "wine", MODEL)
    monkeypatch.chdir(tmp_path / "wine")

    assert "wine" == keep_artifact(Path(), MemoryStore()).name
    assert "wine" == keep_artifact(Path("data/.."), MemoryStore()).name


@pytest.mark.parametrize("name", ["nothing", "empty", "dead", "pipe"])
def test_what_holds_no_model_is_refused(tmp_path: Path, name: str) -> None:
    """Nothing there, a folder without files, a link into the void, a pipe; the message says where."""
    (tmp_path / "empty" / "sub").mkdir(parents=True)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dead").symlink_to("nowhere")

    with pytest.raises(UsageError, match=r"no model|no files") as caught:
        keep_artifact(tmp_path / name, MemoryStore())

    assert str(tmp_path / name) == caught.value.where
    assert caught.value.remedy


def test_a_file_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    """It opens, and then the disk fails."""
    make(tmp_path / "model", {"a.bin": b"x"})
    (tmp_path / "model" / "b.bin").symlink_to("/proc/self/mem")

    with pytest.raises(PermanentError, match="can't be read") as caught:
        keep_artifact(tmp_path / "model", MemoryStore())

    assert str(tmp_path / "model" / "b.bin") == caught.value.where


class Meddling(MemoryStore):
    """A store during whose work somebody writes a file."""

    def __init__(self, victim: Path) -> None:
        super().__init__()
        self._victim = victim

    def put_file(self, path: Path) -> str:
        """Store it, and let the file change."""
        digest = super().put_file(path)
        self._victim.write_bytes(b"changed meanwhile")
        return digest


@pytest.mark.parametrize("victim", ["a.bin", "z.bin", "new.bin"])
def test_files_that_change_meanwhile_are_refused(tmp_path: Path, victim: str) -> None:
    """A mixture of two models would be stored, under a digest that is right and of no use."""
    make(tmp_path / "model", {"a.bin": b"a", "z.bin": b"z"})

    with pytest.raises(TemporaryError, match="changed while they were being stored"):
        keep_artifact(tmp_path / "model", Meddling(tmp_path / "model" / victim))


def test_laying_twice_changes_nothing(tmp_path: Path) -> None:
    """A workflow that was interrupted does it again."""
    make(tmp_path / "wine", MODEL)
    store = MemoryStore()
    kept = keep_artifact(tmp_path / "wine", store)
    first = lay_artifact(kept, store, tmp_path / "out")
    before = first.stat()

    assert first == lay_artifact(kept, store, tmp_path / "out")
    assert (before.st_ino, before.st_mtime_ns) == (first.stat().st_ino, first.stat().st_mtime_ns)


@pytest.mark.parametrize("mine", ["file", "folder", "edited", "link"])
def test_what_lies_there_already_is_never_written_over(tmp_path: Path, mine: str) -> None:
    """Somebody's file, folder, edited copy or dead link."""
    make(tmp_path / "wine", MODEL)
    store = MemoryStore()
    kept = keep_artifact(tmp_path / "wine", store)
    there = tmp_path / "out" / "wine"
    if mine == "edited":
        lay_artifact(kept, store, tmp_path / "out")
    if mine == "link":
        there.parent.mkdir()
        there.symlink_to("nowhere")
    else:
        make(tmp_path / "out", {"wine" if mine == "file" else "wine/MLmodel": b"mine"})

    with pytest.raises(UsageError, match="already there") as caught:
        lay_artifact(kept, store, tmp_path / "out")

    assert str(there) == caught.value.where


def test_nothing_is_laid_where_the_store_has_lost_a_file(tmp_path: Path) -> None:
    """Neither the files before it nor what they were gathered in."""
    make(tmp_path / "wine", MODEL)
    store = DirectoryStore(tmp_path / "store")
    kept = keep_artifact(tmp_path / "wine", store)
    lost = digest_of(tmp_path / "wine" / "empty.bin")
    (tmp_path / "store" / lost[7:9] / lost[9:]).unlink()

    with pytest.raises(PermanentError, match="no artifact"):
        lay_artifact(kept, store, tmp_path / "out")

    assert [] == names(tmp_path / "out")


@pytest.mark.parametrize("name", ["../evil", "a/b", "", ".", "..", "a\0b"])
def test_a_name_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    """The artifact's own name comes from the registry, which others may have written to."""
    store = MemoryStore()

    with pytest.raises(PermanentError, match="can't be the name"):
        lay_artifact(Artifact(digest=store.put(b"x"), name=name), store, tmp_path / "out")

    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("listed", ["../evil", "a/../../evil", "/evil"])
def test_a_listing_that_leads_out_writes_nothing(tmp_path: Path, listed: str) -> None:
    """A forged listing in a shared store."""
    store = MemoryStore()
    digest = store.put(f"{listed}\0{store.put(b'x')}\n".encode())

    with pytest.raises(PermanentError, match="leads out"):
        lay_artifact(Artifact(digest=digest, name="wine", folder=True), store, tmp_path / "out")

    assert [tmp_path / "out"] == list(tmp_path.rglob("*"))


def test_a_listing_whose_file_is_another_files_folder_writes_nothing(tmp_path: Path) -> None:
    """No folder can be like that."""
    store = MemoryStore()
    one = store.put(b"x")
    digest = store.put(f"a\0{one}\na/b\0{one}\n".encode())

    with pytest.raises(PermanentError):
        lay_artifact(Artifact(digest=digest, name="wine", folder=True), store, tmp_path / "out")

    assert [tmp_path / "out"] == list(tmp_path.rglob("*"))


@pytest.mark.parametrize("folder", [True, False], ids=["folder", "file"])
def test_a_killed_process_leaves_nothing_at_the_final_path(tmp_path: Path, folder: bool) -> None:  # noqa: FBT001
    """Kill -9 in the middle of writing; the next one clears what is left and lays the whole."""
    big = b"\1" * (8 << 20)
    tree = {"a.bin": b"a", "big.bin": big, "z.bin": b"z"}
    make(tmp_path / "wine", tree)
    source = tmp_path / "wine" if folder else tmp_path / "wine" / "big.bin"
    kept = keep_artifact(source, store := DirectoryStore(tmp_path / "store"))
    pipe = (
        tmp_path
        / "store"
        / digest_of(tmp_path / "wine" / "big.bin")[7:9]
        / digest_of(source / "big.bin" if folder else source)[9:]
    )
    whole = pipe.rename(tmp_path / "whole")
    os.mkfifo(pipe)
    program = (
        "import sys; from pathlib import Path; from seatrial.records import Artifact\n"
        "from seatrial.adapters.store.directory import DirectoryStore\n"
        "from seatrial.registry.artifacts import lay_artifact\n"
        f"lay_artifact({kept!r}, DirectoryStore(Path(sys.argv[1]) / 'store'), Path(sys.argv[1]) / 'out')"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)])
    with pipe.open("wb") as feed:
        feed.write(big[: 1 << 20])
        feed.flush()
        wait_until(lambda: any(path.stat().st_size >= 1 << 19 for path in (tmp_path / "out").rglob("big.bin")))
        process.send_signal(signal.SIGKILL)
        assert -9 == process.wait()
        assert not (tmp_path / "out" / kept.name).exists()
        assert 1 == len(names(tmp_path / "out"))
    whole.replace(pipe)

    laid = lay_artifact(kept, store, tmp_path / "out")

    assert [kept.name] == names(tmp_path / "out")
    assert tree == content(laid) if folder else big == laid.read_bytes()


def test_two_processes_that_lay_the_same_both_succeed(tmp_path: Path) -> None:
    """Whoever is second finds it there; neither takes the other's unfinished work for abandoned."""
    make(tmp_path / "wine", {f"{number}.bin": os.urandom(1000) for number in range(100)})
    kept = keep_artifact(tmp_path / "wine", DirectoryStore(tmp_path / "store"))
    program = (
        "import sys; from pathlib import Path; from seatrial.records import Artifact\n"
        "from seatrial.adapters.store.directory import DirectoryStore\n"
        "from seatrial.registry.artifacts import lay_artifact\n"
        f"for n in range(8): lay_artifact({kept!r}, DirectoryStore(Path(sys.argv[1]) / 'store'), Path(sys.argv[1]) / str(n))"
    )
    processes = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path)]) for _ in range(3)]

    assert [0, 0, 0] == [process.wait() for process in processes]
    assert [["wine"]] * 8 == [names(tmp_path / str(number)) for number in range(8)]
    assert {kept.digest} == {digest_of(tmp_path / str(number) / "wine") for number in range(8)}
