"""What every store of artifacts agrees on: how a digest is written, where its bytes lie, and what is said of lost ones."""

import re
from pathlib import Path

from seatrial.records import PermanentError

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")


def hexdigest_of(digest: str) -> str:
    """The 64 hex digits of `sha256:…`. Raises PermanentError for anything else, so that none of it becomes a path."""
    match = _DIGEST.fullmatch(digest)
    if match is None:
        raise PermanentError(
            f"{digest!r} is no digest of an artifact", remedy="digests look like sha256:<64 hex digits>"
        )
    return match[1]


def is_digest(text: str) -> bool:
    """Whether this is the digest of an artifact."""
    return _DIGEST.fullmatch(text) is not None


def place_of(hexdigest: str) -> str:
    """Where the bytes lie below a store's root, so that no folder gets crowded: `ab/cdef…`."""
    return f"{hexdigest[:2]}/{hexdigest[2:]}"


def missing(digest: str, where: str) -> PermanentError:
    """The artifact is not there."""
    return PermanentError(
        f"there is no artifact {digest}",
        where=where,
        remedy="run again what made it; it was removed, or it belongs to another store",
    )


def damaged(digest: str, where: str) -> PermanentError:
    """Its bytes are no longer those that were stored."""
    return PermanentError(
        f"artifact {digest} is damaged: its bytes no longer match its digest",
        where=where,
        remedy="remove this file and run again what made it; check the disk",
    )


def unreadable(path: Path, error: OSError) -> PermanentError:
    """A file can't be read."""
    return PermanentError(
        f"can't be read: {error.strerror}", where=str(path), remedy="check that it is there and its permissions"
    )


def unwritten(path: Path, error: OSError) -> PermanentError:
    """An artifact can't be written where it is wanted."""
    return PermanentError(
        f"an artifact could not be written: {error.strerror}",
        where=str(path),
        remedy="free space there, or make the folder writable for the user that runs seatrial",
    )
