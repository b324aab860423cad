"""Talks to a running HAProxy: to the worker that takes new connections, and through its master to the old ones too."""

import csv
import socket
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from typing import Final

from seatrial.adapters.traffic.sockets import connect, peer
from seatrial.records import TemporaryError

CONTROL_SOCKET: Final = "control.sock"
MASTER_SOCKET: Final = "master.sock"
_CHUNK: Final = 1 << 16
_WORKER: Final = "worker"
_NOBODY: Final = "Can't"


class Control:
    """A running HAProxy. Every method but `pid` raises TemporaryError where it does not answer.

    Args:
        folder: in which its sockets are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def pid(self) -> int | None:
        """Of the master, which is the parent of all workers; None where none is there."""
        return peer(self._folder, MASTER_SOCKET)

    def info(self) -> dict[str, str]:
        """What it tells of itself: `version`, `description`…."""
        return _facts(self._ask(CONTROL_SOCKET, "show info"))

    def shares(self, name: str) -> dict[str, int]:
        """What a map of numbers holds."""
        rows = [line.split() for line in self._ask(CONTROL_SOCKET, f"show map {name}").splitlines()]
        return {row[1]: int(row[2]) for row in rows if len(row) == 3}  # noqa: PLR2004 - address, key, value

    def set_share(self, name: str, key: str, value: int) -> None:
        """Set a number in a map."""
        self._ask(CONTROL_SOCKET, f"set map {name} {key} {value}")

    def set_everywhere(self, name: str, key: str, value: int) -> None:
        """Set a number in a map in every worker."""
        for worker in self._workers():
            self._ask_worker(worker, f"set map {name} {key} {value}")

    def stays(self) -> int:
        """How many workers have not been told to end: one, unless another has just begun."""
        told = [_facts(self._ask_worker(worker, "show info")) for worker in self._workers()]
        return sum(facts.get("stopping") == "0" for facts in told)

    def requests(self, backends: Collection[str], servers: Collection[str]) -> int:
        """How many requests these servers have to answer, those of old workers among them."""
        found = 0
        for worker in self._workers():
            rows = csv.DictReader(self._ask_worker(worker, "show stat -1 4 -1").removeprefix("# ").splitlines())
            found += sum(
                int(row["scur"] or 0) + int(row["qcur"] or 0)
                for row in rows
                if row["pxname"] in backends and row.get("svname") in servers
            )
        return found

    def _workers(self) -> list[int]:
        """Their process ids, old ones included."""
        rows = [line.split() for line in self._ask(MASTER_SOCKET, "show proc").splitlines()]
        return [int(row[0]) for row in rows if len(row) > 1 and row[0].isdigit() and row[1] == _WORKER]

    def _ask_worker(self, worker: int, command: str) -> str:
        """What one worker says; nothing if it has just ended."""
        said = self._ask(MASTER_SOCKET, f"@!{worker} {command}")
        return "" if said.startswith(_NOBODY) else said

    def _ask(self, door: str, command: str) -> str:
        try:
            with closing(connect(self._folder, door)) as connection:
                connection.sendall(f"{command}\n".encode())
                # The master answers further commands until it is told that there are none.
                connection.shutdown(socket.SHUT_WR)
                told = b""
                while chunk := connection.recv(_CHUNK):
                    told += chunk
        except OSError as error:
            raise TemporaryError(
                f"HAProxy does not answer: {error}",
                where=str(self._folder / door),
                remedy="see whether seatrial's server runs; it keeps the gateway running",
            ) from error
        return told.decode(errors="replace")


def _facts(told: str) -> dict[str, str]:
    return {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in told.splitlines())
    }
