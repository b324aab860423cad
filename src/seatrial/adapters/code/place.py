"""What a kind of storage has to do so that code can be copied to it: a few plain calls, no bookkeeping."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol


class Place(Protocol):
    """Files below one root. Names are relative, with forward slashes; folders need not exist before.

    Errors are ours (TemporaryError, PermanentError, UsageError), with the place and without its secrets.
    """

    @property
    def largest(self) -> int | None:
        """Bytes of the largest file that it takes; None without a limit."""
        ...

    def stored_as(self, path: str, data: bytes) -> str:
        """The name that a file gets here: its path, unless it becomes something else."""
        ...

    def files(self, folder: str, known: Collection[str] = ()) -> Mapping[str, str]:
        """All files below `folder` by their names from there; none if there is no such folder.

        The value is the stamp of those in `known`, something that changes whenever somebody else writes the file; it is
        anything for the others.
        """
        ...

    def read(self, name: str) -> bytes | None:
        """A whole file; None if there is none."""
        ...

    def put(self, folder: str, files: Mapping[str, bytes], executable: Collection[str] = ()) -> Mapping[str, str]:
        """Make or replace files below `folder` by path, each of them whole or not at all; their stamps by path."""
        ...

    def delete(self, folder: str, names: Sequence[str]) -> None:
        """Remove files below `folder`, and folders below it that are empty then; what is gone already is no error."""
        ...

    def folders(self, above: str) -> Sequence[str]:
        """The names of the folders directly below; none if there is no such folder."""
        ...

    def clear(self, folder: str, last: str) -> None:
        """Remove a folder with everything in it; the folder `last` directly below it goes when all else is gone."""
        ...
