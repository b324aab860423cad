"""The files of a proxy's access log, whatever the proxy: how they are called, and how a new one is begun.

A proxy appends to one file. To begin a new one, the file is renamed, an empty one is put in its place, and the proxy is
told to open its log again; what it has buffered by then it writes to one of the two. The renamed file is complete once
the proxy no longer holds it open. Only this user may read the files, since they hold the keys of users.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from seatrial.records import PermanentError

CURRENT = "access.log"
_DIGITS = 8
_PRIVATE = 0o600


class LogFiles:
    """The access log in a folder: `access.log`, and `access-NUMBER.log` for what came before it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.current = folder / CURRENT

    def all(self) -> Sequence[Path]:
        """The files, the oldest first."""
        earlier = sorted(self.folder.glob(f"access-{'[0-9]' * _DIGITS}.log"))
        return [*earlier, self.current] if self.current.exists() else earlier

    def begin(self) -> None:
        """Make the current file, readable for this user only, if it isn't there. Raises PermanentError if it can't be."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self.current, os.O_WRONLY | os.O_APPEND | os.O_CREAT, _PRIVATE))
            self.current.chmod(_PRIVATE)
        except OSError as error:
            raise self._unwritable(error) from error

    def turn_over(self) -> Path | None:
        """Give the current file its final name and begin a new one; None if it is empty.

        The proxy goes on writing to the file under its new name until it opens its log again.
        """
        try:
            if not self.current.exists() or not self.current.stat().st_size:
                return None
            final = self.folder / f"access-{self._next():0{_DIGITS}d}.log"
            self.current.rename(final)
        except OSError as error:
            raise self._unwritable(error) from error
        self.begin()
        return final

    def _next(self) -> int:
        """Numbers are never used twice, even where all earlier files have been taken away."""
        mark = self.folder / "access.number"
        earlier = [int(path.stem.rpartition("-")[2]) for path in self.all() if path != self.current]
        kept = int(mark.read_text()) if mark.exists() else 0
        number = max([kept, *earlier]) + 1
        unfinished = mark.with_suffix(".new")
        unfinished.write_text(str(number))
        unfinished.replace(mark)
        return number

    def _unwritable(self, error: OSError) -> PermanentError:
        return PermanentError(
            f"the access log can't be written: {error.strerror}",
            where=str(self.folder),
            remedy="make the folder writable, or free space on its disk",
        )


def holds_open(pid: int, path: Path) -> bool:
    """Whether a process has a file open, by its present name; False for a process that has ended."""
    wanted = str(path.resolve())
    try:
        with os.scandir(f"/proc/{pid}/fd") as descriptors:
            return any(_target(one.path) == wanted for one in descriptors)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False


def _target(link: str) -> str:
    try:
        return str(Path(link).readlink())
    except OSError:
        return ""
