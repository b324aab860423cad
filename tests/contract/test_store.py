"""The contract of the Store port, on the shipped fake, the directory, and buckets of two servers with S3's protocol."""

import hashlib
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial.adapters.store.directory import DirectoryStore
from seatrial.adapters.store.objects import ObjectStore
from seatrial.ports import Store
from seatrial.records import PermanentError, TemporaryError
from seatrial.testing import MemoryStore
from tests.serve.log import conftest as servers

ABSENT = "sha256:" + "0" * 64
LARGE = b"weights." * 3_000_000
_numbers = count()


@pytest.fixture(params=["memory", "directory", "rclone", "moto"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Each store in turn, empty."""
    if request.param == "memory":
        return MemoryStore()
    if request.param == "directory":
        return DirectoryStore(tmp_path / "store")
    server: servers.ObjectStore = request.getfixturevalue(request.param)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", servers.KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", servers.SECRET)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.port}")
    return ObjectStore(f"s3://{servers.BUCKET}/ships/{next(_numbers)}")


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=2000))
def test_what_was_put_is_got_by_its_sha256(store: Store, data: bytes) -> None:
    """The digest is that of the bytes, and gives the same bytes back."""
    digest = store.put(data)

    assert f"sha256:{hashlib.sha256(data).hexdigest()}" == digest
    assert data == store.get(digest)
    assert store.has(digest)


def test_a_file_has_the_digest_of_its_bytes(store: Store, tmp_path: Path) -> None:
    """It makes no difference whether bytes come from memory or from a file."""
    path = tmp_path / "model.bin"
    path.write_bytes(b"weights" * 500_000)

    digest = store.put_file(path)

    assert store.put(b"weights" * 500_000) == digest
    assert b"weights" * 500_000 == store.get(digest)


def test_a_digest_keeps_its_meaning_when_the_file_changes(store: Store, tmp_path: Path) -> None:
    """The store holds its own copy."""
    path = tmp_path / "model.bin"
    path.write_bytes(b"old")
    digest = store.put_file(path)

    path.write_bytes(b"new")

    assert b"old" == store.get(digest)


@pytest.mark.parametrize("digest", [ABSENT, "sha256:abc", "../../etc/passwd", ""])
def test_an_unknown_digest_is_absent_and_an_error_to_get(store: Store, digest: str) -> None:
    """Nothing is there, and getting it says so; a malformed digest is no path."""
    assert not store.has(digest)
    with pytest.raises(PermanentError, match="artifact"):
        store.get(digest)


@pytest.mark.parametrize("digest", [ABSENT, "sha256:abc", "../../etc/passwd", ""])
def test_an_unknown_digest_makes_no_file(store: Store, tmp_path: Path, digest: str) -> None:
    """Neither a whole nor an empty one."""
    with pytest.raises(PermanentError, match="artifact"):
        store.get_file(digest, tmp_path / "model.bin")

    assert not (tmp_path / "model.bin").exists()


@pytest.mark.parametrize("data", [b"", b"weights", LARGE], ids=["empty", "small", "large"])
def test_a_file_comes_back_as_it_was(store: Store, tmp_path: Path, data: bytes) -> None:
    """Of any size, also one that is sent and fetched in parts."""
    (tmp_path / "model.bin").write_bytes(data)
    digest = store.put_file(tmp_path / "model.bin")

    store.get_file(digest, tmp_path / "again.bin")

    assert f"sha256:{hashlib.sha256(data).hexdigest()}" == digest
    assert data == (tmp_path / "again.bin").read_bytes()


def test_a_file_is_never_written_over(store: Store, tmp_path: Path) -> None:
    """What lies there stays, and the error names it."""
    digest = store.put(b"weights")
    (tmp_path / "mine").write_bytes(b"mine")

    with pytest.raises(PermanentError) as caught:
        store.get_file(digest, tmp_path / "mine")

    assert str(tmp_path / "mine") == caught.value.where
    assert b"mine" == (tmp_path / "mine").read_bytes()


def test_a_file_can_be_stored_again_and_fetched_twice(store: Store, tmp_path: Path) -> None:
    """The same bytes have the same digest, whatever they are called."""
    (tmp_path / "one").write_bytes(LARGE)
    (tmp_path / "two").write_bytes(LARGE)

    digests = {store.put_file(tmp_path / "one"), store.put_file(tmp_path / "two"), store.put(LARGE)}

    assert 1 == len(digests)
    for name in ("three", "four"):
        store.get_file(next(iter(digests)), tmp_path / name)
        assert LARGE == (tmp_path / name).read_bytes()


def test_a_file_that_changes_meanwhile_has_the_digest_of_what_was_stored(store: Store) -> None:
    """Linux makes up this file anew each time it is read. Either it is refused, or digest and bytes belong together."""
    try:
        digest = store.put_file(Path("/proc/sys/kernel/random/uuid"))
    except TemporaryError as error:
        refusal = error.what
    else:
        refusal = ""
        assert f"sha256:{hashlib.sha256(store.get(digest)).hexdigest()}" == digest

    assert refusal in {"", "the file changed while it was being stored"}


def test_a_file_that_can_not_be_read_is_an_error_that_names_it(store: Store) -> None:
    """It opens, and then the disk fails (here: the memory at address 0)."""
    with pytest.raises(PermanentError, match="can't be read") as caught:
        store.put_file(Path("/proc/self/mem"))

    assert "/proc/self/mem" == caught.value.where


def test_a_missing_file_is_an_error_that_names_it(store: Store, tmp_path: Path) -> None:
    """The message says which file."""
    with pytest.raises(PermanentError) as caught:
        store.put_file(tmp_path / "nowhere.bin")

    assert str(tmp_path / "nowhere.bin") == caught.value.where
