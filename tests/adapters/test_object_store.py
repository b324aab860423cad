"""What only the store in a bucket can get wrong: credentials, buckets, connections, and what others did to an object."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from seatrial.adapters.store.objects import ObjectStore
from seatrial.records import PermanentError, TemporaryError, UsageError
from tests.serve.log import conftest as servers

SECRET = "a-wrong-secret-0123456789"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder in which a running server keeps the bucket's objects as files."""
    server = servers.rclone(tmp_path)
    for name, value in {
        "AWS_ACCESS_KEY_ID": servers.KEY,
        "AWS_SECRET_ACCESS_KEY": servers.SECRET,
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.port}",
    }.items():
        monkeypatch.setenv(name, value)
    server.start()
    yield tmp_path / servers.BUCKET
    server.stop()


def files(folder: Path) -> list[Path]:
    """All files below."""
    return [path for path in folder.rglob("*") if path.is_file()]


def test_keys_are_the_paths_of_the_directory_store(folder: Path) -> None:
    """Documented, so that a bucket can be filled from a folder and the other way round."""
    digest = ObjectStore(f"s3://{servers.BUCKET}/models/").put(b"weights").removeprefix("sha256:")

    assert [folder / "models" / digest[:2] / digest[2:]] == files(folder)


def test_nothing_is_asked_before_the_first_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that needs no artifact works while the bucket is away."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    store = ObjectStore("s3://ships")

    assert not store.has("no digest")


def test_what_is_there_is_not_sent_again(folder: Path, tmp_path: Path) -> None:
    """The object stays as it was written first."""
    store = ObjectStore(f"s3://{servers.BUCKET}")
    (tmp_path / "model.bin").write_bytes(b"weights")
    digest = store.put_file(tmp_path / "model.bin")
    (stored,) = files(folder)
    os.utime(stored, (1, 1))

    assert digest == store.put_file(tmp_path / "model.bin")
    assert digest == store.put(b"weights")
    assert 1 == stored.stat().st_mtime


def test_damaged_bytes_are_never_returned(folder: Path, tmp_path: Path) -> None:
    """Whether they are asked for as bytes or as a file; the error names the object."""
    store = ObjectStore(f"s3://{servers.BUCKET}/models")
    digest = store.put(b"weights")
    (stored,) = files(folder)
    stored.write_bytes(b"wEights")

    with pytest.raises(PermanentError, match="damaged") as caught:
        store.get(digest)
    with pytest.raises(PermanentError, match="damaged"):
        store.get_file(digest, tmp_path / "model.bin")

    assert f"s3://{servers.BUCKET}/models/{digest[7:9]}/{digest[9:]}" == caught.value.where
    assert not (tmp_path / "model.bin").exists()


def test_a_wrong_secret_is_told_without_telling_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says which bucket, and which variables to look at."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)

    with pytest.raises(UsageError, match="refuses these credentials") as caught:
        ObjectStore(f"s3://{servers.BUCKET}").put(b"weights")

    assert f"s3://{servers.BUCKET}" == caught.value.where
    assert "AWS_SECRET_ACCESS_KEY" in caught.value.remedy
    assert SECRET not in str(caught.value)
    assert servers.KEY not in str(caught.value)
    assert [] == files(folder)


@pytest.mark.usefixtures("folder")
def test_a_bucket_that_is_not_there_is_told() -> None:
    """On writing, and on reading, where it is not taken for a lost artifact."""
    store = ObjectStore("s3://no-such-bucket/models")

    with pytest.raises(UsageError, match="no such bucket") as caught:
        store.put(b"weights")
    with pytest.raises(UsageError, match="no such bucket"):
        store.get("sha256:" + "0" * 64)

    assert "s3://no-such-bucket/models" == caught.value.where


def test_a_server_that_is_away_may_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A temporary error that names the bucket, and of the endpoint shows no login."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", servers.KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://ada:pa55word@127.0.0.1:{servers.free_port()}")

    with pytest.raises(TemporaryError, match="can't be read") as caught:
        ObjectStore("s3://ships/models").put(b"weights")

    assert "s3://ships/models" == caught.value.where
    assert "try again" in caught.value.remedy
    assert "pa55word" not in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("url", ["s3://", "s3:///models", "gs://bucket", "s3://key:pa55word@bucket", "s3://b?secret=1"])
def test_what_names_no_bucket_is_refused(url: str) -> None:
    """Credentials don't belong into an URL, and are not shown when they are there."""
    with pytest.raises(UsageError, match="names no bucket") as caught:
        ObjectStore(url)

    assert "s3://bucket/prefix" in caught.value.remedy
    assert "pa55word" not in str(caught.value)
