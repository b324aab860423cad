"""Where segments are kept: a directory or a bucket, behind the five things that the log does with either.

In a directory a segment is written under a name that begins with a dot, synced, renamed, and its folder synced: after
that it survives kill -9 and a power cut. In a bucket a put is all that already.
"""

import errno
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import urlsplit

from seatrial.records.errors import UsageError

if TYPE_CHECKING:
    from obstore.store import S3Store

_UNFINISHED = re.compile(r"\..+\.parquet\.[0-9a-f]{16}")
_LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|::1")
_TIMEOUT = "30s"
_CONNECT_TIMEOUT = "5s"
_RETRIES = 2
_RETRY_SECONDS = 30
_TAIL = 64 * 1024
_WHOLE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A file that is whole: its path below the target, and unix seconds of its writing."""

    path: str
    modified: float


class Place(Protocol):
    """A target of the log. Paths are relative to it, with `/`.

    Errors are those of the file system (OSError) or of obstore; a file that is gone is always FileNotFoundError.
    """

    def list(self, folder: str) -> list[Kept]:
        """All whole files below a folder; none where there is no such folder."""
        ...

    def open(self, path: str) -> IO[bytes]:
        """For reading a part of a file; the caller closes it."""
        ...

    def read(self, path: str) -> bytes:
        """A whole file."""
        ...

    def write(self, path: str, content: bytes | memoryview) -> None:
        """Puts a file there at once and durably, in place of one that may be there."""
        ...

    def delete(self, paths: Sequence[str]) -> None:
        """Removes files; those that are gone already are no error."""
        ...

    def sweep(self, before: float) -> int:
        """Removes what crashed writers left unfinished before a time (unix seconds); returns how many."""
        ...


def open_place(target: str) -> Place:
    """The place that a target names: a directory, or `s3://bucket/prefix` (credentials from AWS_… variables).

    Raises:
        UsageError: another scheme, no bucket, or the extra `log` is missing.
    """
    _require_packages(target)
    scheme, found, rest = target.partition("://")
    if not found:
        return Directory(Path(target))
    if scheme != "s3":
        remedy = "name a directory, or a bucket as s3://bucket/prefix"
        raise UsageError(f"the prediction log can't be written to {scheme}://", where="--log", remedy=remedy)
    if not rest.partition("/")[0]:
        raise UsageError("no bucket is named", where=f"--log {target}", remedy="write s3://bucket/prefix")
    return Bucket(target)


def _require_packages(target: str) -> None:
    try:
        import arro3.core  # noqa: PLC0415 - of the extra `log`
        import arro3.io  # noqa: F401, PLC0415

        if "://" in target:
            import obstore  # noqa: F401, PLC0415
    except ImportError as error:
        what = f"the prediction log needs {error.name}, which isn't installed"
        raise UsageError(what, where="--log", remedy="pip install 'seatrial[log]'") from None


class Directory:
    """A place on a disk; its folders are made when they are needed."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def list(self, folder: str) -> list[Kept]:
        """See `Place.list`."""
        found = []
        for path in self._files(folder):
            if not path.name.startswith("."):
                with suppress(FileNotFoundError):
                    relative = path.relative_to(self._root).as_posix()
                    found.append(Kept(path=relative, modified=path.stat().st_mtime))
        return found

    def open(self, path: str) -> IO[bytes]:
        """See `Place.open`."""
        return (self._root / path).open("rb")

    def read(self, path: str) -> bytes:
        """See `Place.read`."""
        return (self._root / path).read_bytes()

    def write(self, path: str, content: bytes | memoryview) -> None:
        """See `Place.write`."""
        final = self._root / path
        _make_folder(final.parent)
        unfinished = final.with_name(f".{final.name}.{secrets.token_hex(8)}")
        try:
            with unfinished.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(final)
        except OSError:
            with suppress(OSError):
                unfinished.unlink()
            raise
        _sync_folder(final.parent)

    def delete(self, paths: Sequence[str]) -> None:
        """See `Place.delete`; a folder that is empty then goes too."""
        for path in paths:
            with suppress(FileNotFoundError):
                (self._root / path).unlink()
        for folder in {(self._root / path).parent for path in paths}:
            with suppress(OSError):
                folder.rmdir()

    def sweep(self, before: float) -> int:
        """See `Place.sweep`."""
        removed = 0
        for path in self._files(""):
            if _UNFINISHED.fullmatch(path.name):
                with suppress(FileNotFoundError):
                    if path.stat().st_mtime < before:
                        path.unlink()
                        removed += 1
        return removed

    def _files(self, folder: str) -> Iterator[Path]:
        for parent, _, names in os.walk(self._root / folder):
            for name in names:
                yield Path(parent, name)


def _make_folder(folder: Path) -> None:
    """Makes a folder, and the entry of each new one durable in its parent."""
    if folder.is_dir():
        return
    if folder.exists():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Bucket:
    """A place in an object store with S3's protocol.

    Credentials, region and endpoint come from the usual variables (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
    AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL). Plain http is allowed to the same machine, elsewhere with
    AWS_ALLOW_HTTP=true.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._store_or_none: S3Store | None = None

    @property
    def _store(self) -> "S3Store":
        """Made at the first use, which is in the thread that writes: obstore's own threads do not survive a fork."""
        if self._store_or_none is None:
            self._store_or_none = _connect(self._url)
        return self._store_or_none

    def list(self, folder: str) -> list[Kept]:
        """See `Place.list`."""
        import obstore  # noqa: PLC0415 - of the extra `log`

        pages = obstore.list(self._store, prefix=folder or None)
        return [
            Kept(path=one["path"], modified=one["last_modified"].timestamp())
            for page in pages
            for one in page
            if not one["path"].rpartition("/")[2].startswith(".")
        ]

    def open(self, path: str) -> IO[bytes]:
        """See `Place.open`; reads all of a small file, and where the server does not know ranges (rclone 1.75)."""
        import obstore  # noqa: PLC0415 - of the extra `log`

        with _gone_is_not_found(path):
            size = obstore.head(self._store, path)["size"]
        if size > _WHOLE:
            file = cast("IO[bytes]", obstore.open_reader(self._store, path, buffer_size=_TAIL, size=size))
            with suppress(OSError):
                file.read(1)
                return file
        return BytesIO(self.read(path))

    def read(self, path: str) -> bytes:
        """See `Place.read`."""
        import obstore  # noqa: PLC0415 - of the extra `log`

        with _gone_is_not_found(path):
            return obstore.get(self._store, path).bytes().to_bytes()

    def write(self, path: str, content: bytes | memoryview) -> None:
        """See `Place.write`; in one request, because parts of an unfinished upload would stay and cost."""
        import obstore  # noqa: PLC0415 - of the extra `log`

        obstore.put(self._store, path, content, use_multipart=False)

    def delete(self, paths: Sequence[str]) -> None:
        """See `Place.delete`."""
        import obstore  # noqa: PLC0415 - of the extra `log`

        if paths:
            obstore.delete(self._store, paths)

    def sweep(self, before: float) -> int:  # noqa: ARG002 - see `Place.sweep`
        """Nothing: a put that did not end leaves nothing."""
        return 0


def _connect(url: str) -> "S3Store":
    from obstore.store import S3Store  # noqa: PLC0415 - of the extra `log`

    endpoint = urlsplit(os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or "")
    near = endpoint.scheme == "http" and _LOOPBACK.fullmatch(endpoint.hostname or "") is not None
    timeouts: Any = {"timeout": _TIMEOUT, "connect_timeout": _CONNECT_TIMEOUT}
    retries: Any = {"max_retries": _RETRIES, "retry_timeout": timedelta(seconds=_RETRY_SECONDS)}
    options = timeouts | ({"allow_http": True} if near else {})
    return S3Store.from_url(url, client_options=options, retry_config=retries)


@contextmanager
def _gone_is_not_found(path: str) -> Iterator[None]:
    from obstore.exceptions import NotFoundError  # noqa: PLC0415 - of the extra `log`

    try:
        yield
    except NotFoundError as error:
        raise FileNotFoundError(path) from error
