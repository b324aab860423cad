"""A door, and servers behind it, for tests of what callers of a shared address see."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from seatrial import doors
from seatrial.adapters.runtime.loopback import PortReserve
from tests.waiting import wait_until

PORTS = PortReserve()


@dataclass(frozen=True, slots=True)
class Opened:
    """A running door."""

    process: subprocess.Popen[bytes]
    folder: Path
    port: int


def start_door(folder: Path, port: int, mode: str = "bind") -> subprocess.Popen[bytes]:
    """The program, not waited for."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-I", "-S", doors.__file__, "127.0.0.1", str(port), str(folder), mode]
    return subprocess.Popen(command, stderr=subprocess.PIPE)


def hands_out(folder: Path) -> bool:
    """Whether the socket can be had."""
    with suppress(OSError), closing(doors.fetch(folder)):
        return True
    return False


@contextmanager
def opened(folder: Path) -> Iterator[Opened]:
    """A door on a free port; killed at the end if it still runs."""
    port = PORTS.free_port()
    with start_door(folder, port) as process:
        try:
            wait_until(lambda: hands_out(folder))
            yield Opened(process, folder, port)
        finally:
            process.kill()
