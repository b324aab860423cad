"""A CodeTarget on any place: the copy's books, and why nothing gets lost in them.

In each folder that seatrial writes there is a folder `.seatrial`, which is never part of the code:

    .seatrial/
    ├── sync-<id>.json       which files seatrial wrote, with the digest of each, and of which commit they are
    └── pending-<id>.json    what a sync that has not ended yet is about to write

No place here has locks that all of them know, and a lock of our own would outlive a killed process. So no note is ever
changed, only made and deleted; every sync announces what it is about to write before it does; and whoever deletes a
note has read it and has put all that is still true of it into a new one. Therefore a file that anybody wrote is always
in some note:

- killed in the middle: the announcement is still there, so that the next sync knows these files and completes or
  removes them;
- two at once: each one's final note carries on what the other one announced; of notes that do not know of each other
  both stay, until somebody reads both and writes a third.

A note also holds a stamp of each file, which the place changes when somebody else writes the file. A file counts as
what a note says only while it has that note's stamp.
"""

import secrets
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

import msgspec

from seatrial.adapters.code.place import Place
from seatrial.ports import Holding
from seatrial.records import PermanentError, TemporaryError, UsageError

BOOKS = ".seatrial"
_NOTE = "sync-"
_PENDING = "pending-"
_VERSION = 1
_ATTEMPTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file in the books: the name that the place has for it, its digest, and its stamp there; empty if not known."""

    stored: str
    digest: str = ""
    stamp: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """The contents of a note: files by path, and of a final one the commit."""

    version: int = _VERSION
    commit: str = ""
    files: dict[str, Entry]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Books:
    """All notes of a folder by their names."""

    final: Mapping[str, Note]
    pending: Mapping[str, Note]

    @property
    def paths(self) -> set[str]:
        """Every file that seatrial may have written."""
        return {path for note in self._all() for path in note.files}

    @property
    def announced(self) -> set[str]:
        """Those of them that some sync is about to write, or was when it was killed."""
        return {path for note in self.pending.values() for path in note.files}

    @property
    def names(self) -> set[str]:
        """The place's names of all of them."""
        return {entry.stored for note in self._all() for entry in note.files.values()}

    def names_of(self, path: str) -> set[str]:
        """The place's names of one; two where the file becomes another kind of thing."""
        return {note.files[path].stored for note in self._all() if path in note.files}

    def digests(self, present: Mapping[str, str]) -> dict[str, str]:
        """Of those files that are as some note says, by path; `present` are the stamps by the place's names."""
        found: dict[str, str] = {}
        for note in self.final.values():
            for path, entry in note.files.items():
                if entry.stamp and present.get(entry.stored) == entry.stamp:
                    found[path] = entry.digest
        return found

    def noted(self, path: str, digest: str) -> Entry | None:
        """What a note says of a file with this digest; what it says is true, though the file may be another one by now."""
        entries = (note.files[path] for _, note in sorted(self.final.items(), reverse=True) if path in note.files)
        return next((entry for entry in entries if entry.digest == digest), None)

    def _all(self) -> Iterator[Note]:
        yield from self.final.values()
        yield from self.pending.values()


class PlacedTarget:
    """Implements `seatrial.ports.CodeTarget`.

    Args:
        place: where the files are.
        mark: names this sync's notes; another one for each.
    """

    def __init__(self, place: Place, mark: str | None = None) -> None:
        self._place = place
        self._mark = mark or secrets.token_hex(8)
        self._numbers = count()
        self._written: dict[str, dict[str, Entry]] = defaultdict(dict)

    @property
    def largest(self) -> int | None:
        """Bytes of the largest file that it takes; None without a limit."""
        return self._place.largest

    def stored_as(self, path: str, data: bytes) -> str:
        """The name that the place gives a file."""
        return self._place.stored_as(path, data)

    def holding(self, folder: str) -> Holding:
        """What the folder holds, and what of it is as seatrial left it."""
        books = self._books(checked(folder))
        names = books.names
        present = self._place.files(folder, names)
        digests = books.digests(present)
        there = [path for path in sorted(books.paths) if books.names_of(path).intersection(present)]
        strangers = {name for name in present if name not in names and not name.startswith(f"{BOOKS}/")}
        if strangers:
            # Another sync may have announced and written files between the two looks.
            strangers -= self._books(folder).names
        return Holding(
            listing={path: digests.get(path, "") for path in there},
            strangers=tuple(sorted(strangers)),
            commits=tuple(books.final[name].commit for name in sorted(books.final)),
        )

    def write(self, folder: str, files: Mapping[str, bytes], *, executable: Collection[str] = ()) -> None:
        """Announce these files, then make or replace them."""
        books = self._books(checked(folder))
        stored = {checked(path): self._place.stored_as(path, data) for path, data in files.items()}
        announced = {path: Entry(stored=name) for path, name in stored.items()}
        self._put_note(folder, _PENDING, Note(files=announced), books)
        self._place.delete(folder, sorted(_of_another_kind(stored, books) - self._taken(folder)))
        stamps = self._place.put(folder, files, executable)
        self._written[folder].update({path: Entry(stored=stored[path], stamp=stamps[path]) for path in files})

    def remove(self, folder: str, paths: Sequence[str]) -> None:
        """Remove files by path, unless another path has taken their place meanwhile."""
        books = self._books(checked(folder))
        names = {name for path in paths for name in books.names_of(path)}
        self._place.delete(folder, sorted(names - self._taken(folder)))

    def commit(self, folder: str, listing: Mapping[str, str], commit: str) -> None:
        """Note what the folder holds now, and with it what others wrote meanwhile; then delete the notes before it."""
        books = self._books(checked(folder))
        files = {path: self._entry(folder, path, digest, books) for path, digest in listing.items()}
        files.update(self._left_behind(folder, files, books))
        self._put_note(folder, _NOTE, Note(commit=commit, files=files), books)
        self._place.delete(f"{folder}/{BOOKS}", sorted({*books.final, *books.pending}))

    def folders(self, above: str) -> Sequence[str]:
        """The folders directly below `above` with books of ours."""
        return sorted(name for name in self._place.folders(checked(above)) if self._note_names(f"{above}/{name}"))

    def drop(self, folder: str) -> None:
        """Remove a folder; its books go last, so that one that was cut short is still ours to drop."""
        if not self._note_names(checked(folder)):
            raise UsageError("seatrial did not write this folder", where=folder, remedy="remove it by hand, if at all")
        self._place.clear(folder, BOOKS)

    def _taken(self, folder: str) -> set[str]:
        """The place's names of what this sync wrote."""
        return {entry.stored for entry in self._written[folder].values()}

    def _note_names(self, folder: str) -> list[str]:
        return sorted(name for name in self._place.files(f"{folder}/{BOOKS}") if name.startswith((_NOTE, _PENDING)))

    def _books(self, folder: str) -> _Books:
        """All notes; a list of which one was deleted while they were read is of no use."""
        for _ in range(_ATTEMPTS):
            names = self._note_names(folder)
            notes = {name: self._note(f"{folder}/{BOOKS}/{name}") for name in names}
            found = {name: note for name, note in notes.items() if note is not None}
            if len(found) == len(names):
                final = {name: note for name, note in found.items() if name.startswith(_NOTE)}
                return _Books(final=final, pending={name: found[name] for name in found if name not in final})
        raise TemporaryError(
            "other syncs change seatrial's notes all the time",
            where=folder,
            remedy="let one job at a time sync this branch, and sync again",
        )

    def _note(self, name: str) -> Note | None:
        data = self._place.read(name)
        return None if data is None else _read_note(data, name)

    def _put_note(self, folder: str, kind: str, note: Note, books: _Books) -> None:
        names = (f"{kind}{self._mark}-{number:03}.json" for number in self._numbers)
        name = next(name for name in names if name not in books.final and name not in books.pending)
        self._place.put(f"{folder}/{BOOKS}", {name: msgspec.json.encode(note)})

    def _entry(self, folder: str, path: str, digest: str, books: _Books) -> Entry:
        """The entry of a file that is there: of this sync's writing, or as it was noted before."""
        written = self._written[folder].get(path)
        if written is not None:
            return replace(written, digest=digest)
        return books.noted(path, digest) or Entry(stored=next(iter(sorted(books.names_of(path))), path), digest=digest)

    def _left_behind(self, folder: str, files: Mapping[str, Entry], books: _Books) -> dict[str, Entry]:
        """What is in the books and not in the new note: announced, which may still come, or noted and still there."""
        taken = {entry.stored for entry in files.values()}
        doubtful = {path: books.names_of(path) - taken for path in books.paths if path not in files}
        present = self._place.files(folder) if any(doubtful.values()) else {}
        return {
            path: Entry(stored=name)
            for path, names in doubtful.items()
            for name in sorted(names)
            if name in present or path in books.announced
        }


def checked(path: str) -> str:
    """A path that stays below its folder. Raises PermanentError for any other, wherever it came from."""
    if not path or any(part in {"", ".", ".."} for part in path.split("/")):
        raise PermanentError(
            f"{path[:200]!r} would lead out of the folder",
            remedy="somebody has changed seatrial's notes in the target: move the folder away and sync again",
        )
    return path


def _read_note(data: bytes, where: str) -> Note:
    try:
        note = msgspec.json.decode(data, type=Note)
    except msgspec.MsgspecError as error:
        raise PermanentError(
            f"seatrial's note of what it wrote is damaged: {error}",
            where=where,
            remedy="move the folder away and sync again",
        ) from error
    if note.version > _VERSION:
        raise UsageError("a newer seatrial wrote this folder", where=where, remedy="update seatrial")
    for path, entry in note.files.items():
        checked(path)
        checked(entry.stored)
    return note


def _of_another_kind(stored: Mapping[str, str], books: _Books) -> set[str]:
    """Names that have to go before these files (path: the place's name) are put: what they were, and what is in their place."""
    owners = {name: path for path, name in stored.items()}
    were = {name for path, new in stored.items() for name in books.names_of(path) if name != new}
    blocking = {name for path in books.paths for name in books.names_of(path) if owners.get(name, path) != path}
    return were | blocking
