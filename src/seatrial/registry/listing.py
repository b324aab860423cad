r"""Names a model's files and their digest, so that a folder has one identity whoever computes it.

The model server computes the same digest of what it serves (`seatrial.serve.loaders.digests`), without the control
plane being installed beside it. Both follow one rule, and a test holds them together: of a file, the sha256 of its
bytes; of a folder, that of its listing, `NAME\0DIGEST\n` for each file, sorted by name. The listing is stored like any
other artifact, so a folder's digest leads to its files.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from seatrial.records import PermanentError, UsageError

_ENTRY = re.compile(rb"([^\0]+)\0(sha256:[0-9a-f]{64})\n")


def files_of(folder: Path) -> dict[str, Path]:
    """All files in a folder, at any depth, by relative name with forward slashes.

    Links count as what they lead to; one that leads back up, or nowhere, does not count, nor do sockets and pipes.
    Kubernetes' `..data` entries show the same files again, under a date, and don't count either.

    Raises:
        UsageError: a folder can't be listed.
    """
    return {path.relative_to(folder).as_posix(): path for path in _walk(folder)}


def digest_of_path(path: Path) -> str:
    """The digest of a file, or of a folder's files; `sha256:…`.

    Raises:
        UsageError: something can't be read.
    """
    if not path.is_dir():
        return _of_file(path)
    listing = write_listing({name: _of_file(file) for name, file in files_of(path).items()})
    return f"sha256:{hashlib.sha256(listing).hexdigest()}"


def write_listing(parts: Mapping[str, str]) -> bytes:
    """The listing of a folder, from the digests of its files by relative name."""
    return "".join(f"{name}\0{parts[name]}\n" for name in sorted(parts)).encode("utf-8", "surrogateescape")


def read_listing(listing: bytes) -> dict[str, str]:
    """The digests of a folder's files by relative name.

    Raises:
        PermanentError: it is no listing, or a name in it would lead out of the folder.
    """
    parts: dict[str, str] = {}
    end = 0
    for entry in _ENTRY.finditer(listing):
        if entry.start() != end:
            break
        end = entry.end()
        name = entry[1].decode("utf-8", "surrogateescape")
        _check_name(name)
        parts[name] = entry[2].decode()
    if end != len(listing) or not parts or write_listing(parts) != listing:
        raise PermanentError(
            "this is no listing of a folder's files",
            where=f"sha256:{hashlib.sha256(listing).hexdigest()}",
            remedy="register the folder again; what is stored under this digest is something else",
        )
    return parts


def _check_name(name: str) -> None:
    """Refuse what no folder of ours can hold and what a forged listing would: absolute names and ways up."""
    parts = name.split("/")
    if any(part in {"", "."} or part.startswith("..") for part in parts) or PurePosixPath(name).is_absolute():
        raise PermanentError(
            f"a folder's listing names {name!r}, which leads out of the folder",
            remedy="don't use this version: its listing was not made by seatrial",
        )


def _walk(folder: Path, above: tuple[Path, ...] = ()) -> Iterator[Path]:
    try:
        here = folder.resolve()
        if here in above:
            return
        for entry in folder.iterdir():
            if entry.name.startswith(".."):
                continue
            if entry.is_dir():
                yield from _walk(entry, (*above, here))
            elif entry.is_file():
                yield entry
    except OSError as error:
        raise UsageError(f"a folder can't be read: {error.strerror}", where=str(error.filename or folder)) from error


def _of_file(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"
    except OSError as error:
        raise UsageError(f"a file can't be read: {error.strerror}", where=str(path)) from error
