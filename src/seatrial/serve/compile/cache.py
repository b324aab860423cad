"""Verdicts and compiled models on disk, so that only the first start pays for the compilation.

An entry is a folder named by everything that the compilation depends on. It appears by a rename, and is believed only
if it is whole: what can't be read, or whose ONNX bytes are not those that were checked, counts as absent.
"""

import hashlib
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec

from seatrial.records.serving import Signature
from seatrial.serve.compile.metadata import plain
from seatrial.serve.compile.verdict import Verdict

FORMAT: Final = 1
"""Goes up when entries, the conversion or the checks change: then older entries are no longer found."""

ONNX_NAME: Final = "model.onnx"
_ENTRY_NAME: Final = "entry.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What one compilation left.

    Attributes:
        verdict: on the compiled model.
        signature: of the model, whichever engine answers.
        stack: versions of the packages that computed or compiled.
        name, version: from the signature file.
        warnings: of the loader, which opened the model then.
        onnx_digest: `sha256:…` of the ONNX file beside it; None where there is none.
        format: of this record.
    """

    verdict: Verdict
    signature: Signature
    stack: Mapping[str, str]
    onnx_digest: str | None = None
    name: str | None = None
    version: str | None = None
    warnings: tuple[str, ...] = ()
    format: int = FORMAT


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An entry that is whole, and where its ONNX file lies."""

    entry: Entry
    onnx: Path | None


def default_folder(environment: Mapping[str, str]) -> Path:
    """`seatrial/compiled` in the user's cache: $XDG_CACHE_HOME, else ~/.cache.

    A user without a home, as containers have them, gets a folder that can't be made.
    """
    base = environment.get("XDG_CACHE_HOME", "")
    try:
        home = Path(base) if Path(base).is_absolute() else Path.home() / ".cache"
    except RuntimeError:
        home = Path(os.devnull)
    return home / "seatrial" / "compiled"


def key_of(
    *,
    artifact_digest: str,
    signature_digest: str,
    tolerance: float,
    versions: Mapping[str, str],
    sample_digest: str = "",
) -> str:
    """The name of the entry that belongs to a compilation.

    Args:
        artifact_digest: of the model.
        signature_digest: of the signature file; empty where there is none.
        tolerance: largest difference that counted as equal.
        versions: of the engines.
        sample_digest: of the user's own sample; empty where there is none.
    """
    parts = [
        FORMAT,
        artifact_digest,
        signature_digest,
        sample_digest,
        tolerance,
        sorted(versions.items()),
        platform.python_version(),
        platform.machine(),
    ]
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def write_entry(folder: Path, entry: Entry, onnx: bytes | None) -> None:
    """Writes an entry into a folder that nobody reads yet; see `publish`.

    Args:
        folder: exists.
        entry: its `onnx_digest` is filled in here.
        onnx: the content of the ONNX file, where there is one.
    """
    if onnx is not None:
        (folder / ONNX_NAME).write_bytes(onnx)
        entry = replace(entry, onnx_digest=_digest(onnx))
    (folder / _ENTRY_NAME).write_bytes(msgspec.json.encode(entry, enc_hook=plain))


def read_entry(folder: Path) -> Found | None:
    """The entry in a folder; None if there is none that is whole."""
    try:
        entry = msgspec.json.decode((folder / _ENTRY_NAME).read_bytes(), type=Entry)
        if entry.format != FORMAT:
            return None
        if entry.onnx_digest is None:
            return Found(entry=entry, onnx=None)
        onnx = folder / ONNX_NAME
        return Found(entry=entry, onnx=onnx) if _digest(onnx.read_bytes()) == entry.onnx_digest else None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def as_cached(found: Found, *, cached: bool) -> Found:
    """The same entry, whose evidence says whether it comes from an earlier start."""
    verdict = replace(found.entry.verdict, evidence={**found.entry.verdict.evidence, "cached": cached})
    return replace(found, entry=replace(found.entry, verdict=verdict))


@contextmanager
def scratch(cache: Path) -> Iterator[Path]:
    """A new folder inside the cache, from where an entry can be renamed into its place; gone afterwards.

    Raises:
        OSError: the cache can't be written.
    """
    cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = Path(tempfile.mkdtemp(prefix=".new-", dir=cache))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(folder: Path, cache: Path, key: str) -> Path:
    """Moves a written entry to its place in the cache; of two at once, one wins and both are right.

    Raises:
        OSError: the cache can't be written.
    """
    target = cache / key
    try:
        folder.rename(target)
    except OSError:
        if read_entry(target) is None:
            _move_away(target, cache)
            folder.rename(target)
    return target


def _move_away(broken: Path, cache: Path) -> None:
    """Takes a broken entry out of the way in one step, so that nobody sees it half deleted."""
    grave = Path(tempfile.mkdtemp(prefix=".old-", dir=cache))
    try:
        os.replace(broken, grave / broken.name)  # noqa: PTH105 - it may be a file or a folder
    finally:
        shutil.rmtree(grave, ignore_errors=True)


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
