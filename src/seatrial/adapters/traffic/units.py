"""Hides who a user or session is: what leaves an access log is a keyed hash of it.

The key is random, made once for a project's gateway, and stays in its folder; without it a hash can't be traced back by
hashing all known users. The proxy itself writes the plain key into its log, whose files only this user may read.
"""

import secrets
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

from seatrial.records import PermanentError

KEY_NAME = "units.key"
_KEY_BYTES = 32
_HASH_BYTES = 8


class UnitHash:
    """Hashes the keys of users and sessions.

    Args:
        key: secret, 1 to 64 bytes.
    """

    def __init__(self, key: bytes) -> None:
        self._fresh = blake2b(key=key, digest_size=_HASH_BYTES)

    def __call__(self, unit: str) -> str:
        """16 hexadecimal digits; empty for an empty key."""
        if not unit:
            return ""
        hashing = self._fresh.copy()
        hashing.update(unit.encode("utf-8", "surrogatepass"))
        return hashing.hexdigest()


def open_units(folder: Path) -> UnitHash:
    """The hash whose key is in this folder; it is made where there is none. Raises PermanentError if it can't be."""
    path = folder / KEY_NAME
    try:
        if not path.exists():
            _make(path)
        return UnitHash(path.read_bytes())
    except OSError as error:
        raise PermanentError(
            f"the key that hides users can't be kept: {error.strerror}",
            where=str(path),
            remedy="make the folder writable, or free space on its disk",
        ) from error


def _make(path: Path) -> None:
    """Whole or not at all; of two that make it at once, one is taken by both."""
    mine = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    mine.touch(mode=0o600)
    try:
        mine.write_bytes(secrets.token_bytes(_KEY_BYTES))
        with suppress(FileExistsError):
            path.hardlink_to(mine)
    finally:
        mine.unlink()
