"""Identities of artifacts: what may be trusted, cached and shown. Nothing is unpickled or imported for them."""

import hashlib
import importlib.machinery
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from seatrial.records import UsageError
from seatrial.serve.loaders.flavours import is_reference


def digest_of(model: str | Path) -> str:
    """The digest of a model, `sha256:…`, without opening it.

    Of a file: of its bytes. Of a directory: over its files' relative names and digests, sorted by name, whatever
    order the file system lists them in. Of `module:Class`: of the module's file (of a package, of its directory),
    which is found without importing it.

    Raises:
        UsageError: there is nothing of that name.
    """
    if isinstance(model, str) and is_reference(model):
        return _digest_of_path(module_path(model.partition(":")[0]))
    return _digest_of_path(Path(model))


def read(path: Path) -> bytes:
    """The bytes of an artifact, read once: what was hashed is what is opened.

    Raises:
        UsageError: they can't be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"the model can't be read: {error.strerror}", where=str(path)) from error


def of_bytes(content: bytes) -> str:
    """The digest of a file's content."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def of_parts(parts: Mapping[str, str]) -> str:
    """The digest of a directory, from the digests of its files by relative name."""
    listing = "".join(f"{name}\0{parts[name]}\n" for name in sorted(parts))
    return of_bytes(listing.encode("utf-8", "surrogateescape"))


def parts_of(directory: Path) -> dict[str, str]:
    """The digests of all files in a directory, at any depth, by relative name with forward slashes."""
    return {path.relative_to(directory).as_posix(): _of_file(path) for path in _files(directory)}


def module_path(name: str) -> Path:
    """The file of a module, or the directory of a package; no module is imported.

    Raises:
        UsageError: there is no such module on the import path or in the current directory.
    """
    search: list[str] | None = [str(Path.cwd()), *sys.path]
    spec = None
    for index, _ in enumerate(parts := name.split(".")):
        spec = importlib.machinery.PathFinder.find_spec(".".join(parts[: index + 1]), search)
        search = list((spec and spec.submodule_search_locations) or [])
    if spec is None or not spec.origin:
        raise UsageError(f"there is no module {name}", where=name, remedy=f"looked in {Path.cwd()} and on sys.path")
    origin = Path(spec.origin)
    return origin.parent if spec.submodule_search_locations else origin


def _digest_of_path(path: Path) -> str:
    if path.is_dir():
        return of_parts(parts_of(path))
    return _of_file(path)


def _of_file(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"
    except OSError as error:
        raise UsageError(f"the model can't be read: {error.strerror}", where=str(path)) from error


def _files(directory: Path, above: tuple[Path, ...] = ()) -> Iterator[Path]:
    """Every file, through links as well, since they are opened through them; a link that leads back up ends there.

    Kubernetes' `..data` entries don't count: they show the same files again, under a date.
    """
    here = directory.resolve()
    if here in above:
        return
    for entry in directory.iterdir():
        if entry.name.startswith(".."):
            continue
        if entry.is_dir():
            yield from _files(entry, (*above, here))
        elif entry.is_file():
            yield entry
