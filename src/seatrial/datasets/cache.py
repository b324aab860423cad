"""Segments as files: where the store is far away each is fetched once, and read from the disk from then on."""

import hashlib
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final

from seatrial.ports import Store
from seatrial.records import PermanentError

_SHA256: Final = "sha256:"


class SegmentCache:
    """The files of a store. Safe to use from many threads and processes; the folder may be removed when nobody reads."""

    def __init__(self, store: Store, folder: Path, near: Callable[[str], Path | None] | None = None) -> None:
        """Make one.

        Args:
            store: that has the files.
            folder: that fetched ones are laid in; made when it is needed.
            near: where the store itself has the file of a digest on this machine's disk, None if it has not: then
                nothing is laid anywhere. None where a store has none at all.
        """
        self._store = store
        self._folder = folder
        self._near = near

    def file(self, digest: str) -> Path:
        """A file with these bytes, to be read and not changed.

        Its bytes are held against the digest each time, because what is built of them has to be exact; one that was
        damaged on this disk is fetched anew.

        Raises:
            PermanentError: the store does not have it, or it no longer is what it was.
        """
        near = self._near(digest) if self._near else None
        if near is not None and _is_whole(near, digest):
            return near
        laid = self._folder / digest.removeprefix(_SHA256)
        if not laid.is_file() or not _is_whole(laid, digest):
            self._fetch(digest, laid)
        return laid

    def _fetch(self, digest: str, laid: Path) -> None:
        unfinished = laid.with_name(f".{laid.name}.{secrets.token_hex(8)}")
        try:
            laid.parent.mkdir(parents=True, exist_ok=True)
            self._store.get_file(digest, unfinished)
            unfinished.replace(laid)
        except OSError as error:
            raise PermanentError(
                f"a segment can't be laid on this disk: {error.strerror}",
                where=str(laid.parent),
                remedy="free space there, or make it writable",
            ) from error
        finally:
            unfinished.unlink(missing_ok=True)


def _is_whole(file: Path, digest: str) -> bool:
    with file.open("rb") as source:
        return _SHA256 + hashlib.file_digest(source, "sha256").hexdigest() == digest
