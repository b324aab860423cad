"""Asks a proxy through a socket in its folder, however long the folder's path: a socket's own may have 107 bytes only."""

import os
import socket
import struct
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final

ANSWER_SECONDS: Final = 2.0
_OK: Final = 200
_TRIES: Final = 3
_CREDENTIALS: Final = struct.Struct("3i")


def connect(folder: Path, name: str) -> socket.socket:
    """A connection to a socket in a folder. Raises OSError."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        found.settimeout(ANSWER_SECONDS)
        found.connect(f"/proc/self/fd/{descriptor}/{name}")
    except BaseException:
        found.close()
        raise
    finally:
        os.close(descriptor)
    return found


def peer(folder: Path, name: str) -> int | None:
    """The process id of who listens at a socket in a folder; None where nobody does."""
    try:
        with closing(connect(folder, name)) as connection:
            found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    except OSError:
        return None
    pid: int = _CREDENTIALS.unpack(found)[0]
    return pid


def get(folder: Path, name: str, path: str) -> bytes | None:
    """The body that is found at a path; None where nobody answers well.

    A process that is about to end may take a connection and not answer, so it is asked a few times.
    """
    return next((body for _ in range(_TRIES) if (body := _get(folder, name, path)) is not None), None)


def _get(folder: Path, name: str, path: str) -> bytes | None:
    with closing(Connection(folder, name)) as connection:
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, HTTPException):
            return None
        return body if answer.status == _OK else None


class Connection(HTTPConnection):
    """HTTP through a socket in a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        super().__init__("localhost", timeout=ANSWER_SECONDS)
        self._folder = folder
        self._name = name

    def connect(self) -> None:
        """Connect to that socket."""
        self.sock = connect(self._folder, self._name)
