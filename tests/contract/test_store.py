"""The contract of the Store port, on the shipped fake and the directory."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial.adapters.store.directory import DirectoryStore
from seatrial.ports import Store
from seatrial.records import PermanentError
from seatrial.testing import MemoryStore

ABSENT = "sha256:" + "0" * 64


@pytest.fixture(params=["memory", "directory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Each store in turn, empty."""
    return MemoryStore() if request.param == "memory" else DirectoryStore(tmp_path / "store")


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


def test_a_missing_file_is_an_error_that_names_it(store: Store, tmp_path: Path) -> None:
    """The message says which file."""
    with pytest.raises(PermanentError) as caught:
        store.put_file(tmp_path / "nowhere.bin")

    assert str(tmp_path / "nowhere.bin") == caught.value.where
