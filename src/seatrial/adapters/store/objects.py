"""Artifacts in a bucket of an object store with S3's protocol, by the sha256 of their bytes.

For teams whose machines share no disk. An object appears whole or not at all, and writing the same bytes twice is the
same as writing them once, so any number of machines may share a bucket. Keys are those of the directory store:
`PREFIX/ab/cdef…` for `sha256:abcdef…`.
"""

import hashlib
from collections.abc import Iterator
from functools import cached_property
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial.adapters.buckets import NO_BUCKET, explained, open_bucket
from seatrial.adapters.store.copying import hash_file, new_file, read_chunk, readable, write_all
from seatrial.adapters.store.digests import damaged, hexdigest_of, is_digest, missing, place_of
from seatrial.records import TemporaryError

if TYPE_CHECKING:
    from obstore.store import S3Store

_PART = 8 << 20
_MOST_PARTS = 9_000
_PARTS_AT_ONCE = 4


class ObjectStore:
    """Implements `seatrial.ports.Store` on `s3://bucket/prefix`; nothing is asked before the first use.

    Raises:
        UsageError: this is no such URL, or obstore is not installed.
    """

    def __init__(self, url: str) -> None:
        self._bucket: S3Store = open_bucket(url, extra="s3")
        self._url = url.rstrip("/")

    def put(self, data: bytes) -> str:
        """Store bytes, return their digest. Raises TemporaryError or PermanentError if the bucket refuses."""
        hexdigest = hashlib.sha256(data).hexdigest()
        if self._size(hexdigest) != len(data):
            with explained("written to", self._url):
                self._obstore.put(self._bucket, place_of(hexdigest), data)
        return f"sha256:{hexdigest}"

    def put_file(self, path: Path) -> str:
        """Store a file's bytes, return their digest; what is there already is read and not sent.

        Raises:
            PermanentError: it can't be read, or the bucket refuses.
            TemporaryError: it changed while it was being sent, or the bucket does not answer.
        """
        with readable(path) as file:
            hexdigest = hash_file(file)
            size = file.tell()
            file.seek(0)
            if self._size(hexdigest) != size:
                self._send(file, size, hexdigest)
        return f"sha256:{hexdigest}"

    def get(self, digest: str) -> bytes:
        """The bytes. Raises PermanentError if there are none or if they no longer match their digest."""
        data = b"".join(self._chunks(digest))
        if hashlib.sha256(data).hexdigest() != hexdigest_of(digest):
            raise damaged(digest, self._where(digest))
        return data

    def get_file(self, digest: str, path: Path) -> None:
        """Write the bytes to `path`, which must not exist, piece by piece.

        Raises PermanentError if there are none, if they no longer match their digest, or if `path` can't be written;
        then there is no file at `path`.
        """
        hashed = hashlib.sha256()
        with new_file(path) as file:
            for chunk in self._chunks(digest):
                hashed.update(chunk)
                write_all(file, chunk)
            if hashed.hexdigest() != hexdigest_of(digest):
                raise damaged(digest, self._where(digest))

    def has(self, digest: str) -> bool:
        """Whether it is there; False for what is no digest at all."""
        return is_digest(digest) and self._size(hexdigest_of(digest)) is not None

    @cached_property
    def _obstore(self) -> Any:  # noqa: ANN401 - a module
        import obstore  # noqa: PLC0415 - of the extra `s3`

        return obstore

    def _where(self, digest: str) -> str:
        return f"{self._url}/{place_of(hexdigest_of(digest))}"

    def _size(self, hexdigest: str) -> int | None:
        """Bytes of an artifact that is there; None if it is not."""
        with explained("read", self._url):
            try:
                return int(self._obstore.head(self._bucket, place_of(hexdigest))["size"])
            except FileNotFoundError:
                return None

    def _chunks(self, digest: str) -> Iterator[bytes]:
        key = place_of(hexdigest_of(digest))
        with explained("read", self._url):
            try:
                yield from map(bytes, self._obstore.get(self._bucket, key))
            except FileNotFoundError as error:
                if NO_BUCKET in str(error):
                    raise
                raise missing(digest, self._url) from None

    def _send(self, file: FileIO, size: int, hexdigest: str) -> None:
        """Send a file, a large one in parts; one that changed since it was hashed is never completed."""
        part = max(_PART, size // _MOST_PARTS)
        pieces = _unchanged(file, hexdigest)
        body = pieces if size > part else b"".join(pieces)
        with explained("written to", self._url):
            self._obstore.put(self._bucket, place_of(hexdigest), body, chunk_size=part, max_concurrency=_PARTS_AT_ONCE)


def _unchanged(file: FileIO, hexdigest: str) -> Iterator[bytes]:
    """The file's bytes, piece by piece; the last piece only if all of them are those that were hashed."""
    hashed = hashlib.sha256()
    pending = b""
    while chunk := read_chunk(file):
        if pending:
            yield pending
        hashed.update(chunk)
        pending = chunk
    if hashed.hexdigest() != hexdigest:
        raise TemporaryError(
            "the file changed while it was being stored",
            where=str(file.name),
            remedy="store it again once nothing writes to it any more; nothing of it was kept",
        )
    yield pending
