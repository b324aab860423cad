"""Writes HAProxy's log into a file: HAProxy can't open one anew, and a socket for its log holds ten lines only.

A program of its own without any import of ours, like `seatrial.doors`: `python writer.py PIPE FILE NOTE`. The file is opened
anew when its name leads to another one, so that it can be turned over at any time. NOTE is where its process id is.
"""

import fcntl
import os
import select
import signal
import sys

LOOK_SECONDS = 0.05
ROOM = 1 << 20


def main(pipe: str, path: str, note: str) -> None:
    """Take lines until told to end, and then those that wait."""
    ending: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: ending.append(number))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source = _wide(os.open(pipe, os.O_RDWR | os.O_NONBLOCK))
    log = _open(path)
    with open(note, "w") as file:  # noqa: PTH123 - only what every Python has
        file.write(str(os.getpid()))
    while True:
        readable, _, _ = select.select([source], [], [], 0 if ending else LOOK_SECONDS)
        if not readable and ending:
            return
        if not _is_same(log, path):
            os.close(log)
            log = _open(path)
        if readable:
            # A line is written into the pipe as a whole, and all that it holds is read at once: lines stay whole.
            _write(log, _requests(os.read(source, ROOM)))


def _wide(pipe: int) -> int:
    """With room for thousands of lines, where the system allows that."""
    try:
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, ROOM)
    except OSError as error:
        print(f"the pipe of the log stays small: {error}", file=sys.stderr, flush=True)  # noqa: T201
    return pipe


def _requests(data: bytes) -> bytes:
    """The lines that tell of requests; HAProxy has others for what becomes of its servers, and says that elsewhere, too."""
    return b"".join(line for line in data.splitlines(keepends=True) if line.startswith(b"{"))


def _write(log: int, data: bytes) -> None:
    try:
        while data:
            data = data[os.write(log, data) :]
    except OSError as error:
        # The disk is full: these lines are lost, and later ones need not be.
        print(f"{len(data)} bytes of the log are lost: {error}", file=sys.stderr, flush=True)  # noqa: T201


def _open(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def _is_same(log: int, path: str) -> bool:
    try:
        named, held = os.stat(path), os.fstat(log)  # noqa: PTH116 - only what every Python has
    except FileNotFoundError:
        return False
    return (named.st_dev, named.st_ino) == (held.st_dev, held.st_ino)


if __name__ == "__main__":
    main(*sys.argv[1:])
