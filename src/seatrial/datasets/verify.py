"""Whether a dataset still is what its digests say: every version, and every file that they name."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from seatrial.datasets.book import DatasetBook
from seatrial.datasets.grow import draft_of, next_version
from seatrial.ports import Store
from seatrial.records import DatasetVersion, SeatrialError


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was found. `files`: of segments, quarantines and dead lines; `faults`: a sentence each, none if all is well."""

    dataset: str
    versions: int
    files: int
    faults: tuple[str, ...] = ()


def verify(dataset: str, book: DatasetBook, store: Store, scratch: Path | None = None) -> Verified:
    """Derive every version anew from its parent, and look for every file.

    Args:
        dataset: its name.
        book: that it is in.
        store: that has the files.
        scratch: a folder in which each file is written once, held against its digest, and removed; None: it is enough
            that the store has it.

    Raises:
        TemporaryError: the book does not answer.
    """
    versions = list(reversed(book.versions(dataset)))
    faults = list(_broken_links(versions))
    if versions and not _listed_alike(versions, book):
        faults.append(f"{dataset}: the book's list is not what its versions say")
    named = {digest: version.id for version in versions for digest in _files_of(version)}
    faults += [f"{where}: {fault}" for digest, where in named.items() if (fault := _lost(digest, store, scratch))]
    return Verified(dataset=dataset, versions=len(versions), files=len(named), faults=tuple(faults))


def _broken_links(versions: list[DatasetVersion]) -> Iterator[str]:
    parent: DatasetVersion | None = None
    for version in versions:
        try:
            derived = next_version(draft_of(version), parent)
        except SeatrialError as error:
            yield f"{version.id}: {error.what}"
        else:
            if derived.digest != version.digest:
                yield f"{version.id}: it was changed: its digest is {derived.digest}, and {version.digest} was noted"
            elif derived != version:
                yield f"{version.id}: it was changed: it does not follow from the version before it"
        parent = version


def _listed_alike(versions: list[DatasetVersion], book: DatasetBook) -> bool:
    """Whether lists, which never read the versions themselves, tell the same."""
    last = versions[-1]
    added = [version.added for version in versions if version.added is not None]
    told = [(version.number, version.digest, version.rows) for version in reversed(versions)]
    lines = [(line.number, line.digest, line.rows) for line in book.lineage(last.dataset, last.number)]
    return lines == told and book.segments(last.dataset, last.number) == added


def _files_of(version: DatasetVersion) -> Iterator[str]:
    for segment in (version.added, version.quarantined):
        if segment is not None:
            yield segment.digest
    if version.dead:
        yield version.dead


def _lost(digest: str, store: Store, scratch: Path | None) -> str:
    """What is wrong with a file; empty if nothing is."""
    if not store.has(digest):
        return f"the store has no {digest}"
    if scratch is None:
        return ""
    copy = scratch / secrets.token_hex(8)
    try:
        store.get_file(digest, copy)
    except SeatrialError as error:
        return error.what
    finally:
        copy.unlink(missing_ok=True)
    return ""
