"""One listening socket for several servers: a small program holds it and hands it to whoever asks.

Replicas of a deployment share one address, and they come and go. If each bound the address itself (SO_REUSEPORT), what
the kernel has queued for one that ends would be lost with it. So a program of its own, the *door*, binds the address and
does nothing else; a server that is ready asks it for the socket and takes connections from it. They all take from one
queue: what waits in it when a server ends, in whatever way, is taken by another, and if there is none for a moment, it
waits. The door itself is not in the way of any request.

This file is both the program and what its callers need, so it imports nothing of ours:

    python -I -S doors.py HOST PORT FOLDER bind     binds the address
    python -I -S doors.py HOST PORT FOLDER take     is handed the socket of a door that died

It answers on the Unix socket FOLDER/door.sock, which only its own user can open. `?` is answered with the socket; `!` comes
with a socket, for one that was started with `take`. Nobody can connect to the address before the first server is ready
and listens. SIGTERM closes the address for all who have the socket; a door that is killed leaves it open.
"""

import contextlib
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

NAME = "door.sock"
ASK, GIVE, GIVEN = b"?", b"!", b"."
SECONDS = 5.0
_SHORT_PATH = 100
_TAKEN = 2


def fetch(folder: Path) -> socket.socket:
    """The listening socket of the door in `folder`. Raises OSError if nobody hands it out."""
    with _at(folder) as desk:
        desk.sendall(ASK)
        _, descriptors, _, _ = socket.recv_fds(desk, 1, 1, socket.MSG_CMSG_CLOEXEC)
    if not descriptors:
        raise ConnectionRefusedError("the door has no socket yet")
    return socket.socket(fileno=descriptors[0])


def give(folder: Path, listener: int) -> None:
    """Hand the socket with this file descriptor to a door that was started with `take`. Raises OSError if it isn't there yet."""
    with _at(folder) as desk:
        socket.send_fds(desk, [GIVE], [listener])
        desk.recv(1)


@contextlib.contextmanager
def _at(folder: Path) -> Iterator[socket.socket]:
    """A connection to the door. Paths of Unix sockets are short, those of projects need not be."""
    path = folder / NAME
    place = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as desk:
            desk.settimeout(SECONDS)
            short = len(os.fsencode(path)) < _SHORT_PATH
            desk.connect(os.fspath(path) if short else f"/proc/self/fd/{place}/{NAME}")
            yield desk
    finally:
        os.close(place)


def main(arguments: list[str]) -> int:
    """Hold an address until told to stop; returns 2 if it can't be had."""
    host, port, folder, mode = arguments
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.chdir(folder)
    listener = None
    if mode == "bind":
        try:
            listener = _bound(host, int(port))
        except OSError as error:
            sys.stderr.write(f"cannot listen at {host}:{port}: {error.strerror}\n")
            return _TAKEN
    _hand_out(listener)
    return 0


def _bound(host: str, port: int) -> socket.socket:
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(address)
    return listener


def _hand_out(listener: socket.socket | None) -> None:
    """Give the socket to all who ask, until SIGTERM."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as desk:
        # Whoever held this name is dead: the supervisor starts one door at a time.
        Path(NAME).unlink(missing_ok=True)
        os.umask(0o177)
        desk.bind(NAME)
        desk.listen()
        try:
            while True:
                visitor, _ = desk.accept()
                with visitor, contextlib.suppress(OSError):
                    visitor.settimeout(SECONDS)
                    listener = _serve(visitor, listener)
        finally:
            Path(NAME).unlink(missing_ok=True)
            if listener is not None:
                with contextlib.suppress(OSError):
                    listener.shutdown(socket.SHUT_RDWR)


def _serve(visitor: socket.socket, listener: socket.socket | None) -> socket.socket | None:
    """One visitor; the socket that is held afterwards."""
    said, descriptors, _, _ = socket.recv_fds(visitor, 1, 1, socket.MSG_CMSG_CLOEXEC)
    brought = [socket.socket(fileno=descriptor) for descriptor in descriptors]
    if said == GIVE and listener is None and brought:
        visitor.sendall(GIVEN)
        return brought[0]
    if said == ASK and listener is not None:
        socket.send_fds(visitor, [GIVEN], [listener.fileno()])
    return listener


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
