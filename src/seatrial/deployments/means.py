"""What a supervisor works with: everything that it does to the world goes through one of these."""

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Protocol

from seatrial.deployments.book import Book, Started
from seatrial.ports import Clock, Runtime
from seatrial.records import DeployState, DeployStatus, DeployWish, HealthSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A deployment whose replicas can be started.

    Attributes:
        fingerprint: of the wish.
        command: the command line of a replica whose own port is this.
        cwd: its working directory.
        env: its environment, without `PORT`.
        health: when it is ready.
        shared: whether the command takes connections from the deployment's door; otherwise it listens at the deployment's
            port itself, and there can be one replica only.
        check: raises SeatrialError if the replica at this URL, which just became ready, serves something else.
    """

    fingerprint: str
    command: Callable[[int], tuple[str, ...]]
    cwd: Path
    env: Mapping[str, str]
    health: HealthSpec
    shared: bool
    check: Callable[[str], None]


def nobody_sends(_: Started) -> None:
    """Nobody has to be told before a replica is stopped: all its requests come through the door."""


class Socket(Protocol):
    """A socket that is only kept."""

    def fileno(self) -> int:
        """Its file descriptor."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class Keys(Protocol):
    """The way to the sockets that doors hold; see `seatrial.doors`."""

    def fetch(self, folder: Path) -> Socket | None:
        """The socket of the door in `folder`; None while nobody hands it out."""
        ...

    def give(self, folder: Path, descriptor: int) -> bool:
        """Hand the socket with this descriptor to a door that waits for one; whether it took it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """The surroundings of a supervisor.

    Attributes:
        folder: where each deployment has a folder of its own.
        mark: by which everything that this project's supervisors started is found on this machine.
        runtimes: by name.
        local: starts the doors.
        threads: where what takes long is done.
        prepare: makes the files, the code and the stack of a deployment in the folder that is its own.
        tidy: removes what was prepared in a deployment's folder but for the wishes with these fingerprints.
        ask: what is wrong with the answer at this health URL, in words; empty if nothing is.
        tell: is told of each change of a state, with the one before (None: it is new).
        machine: its name, for addresses.
        python: interpreter that runs the doors.
        let_go: called in a thread of its own before a replica that runs is told to end; returns once whoever sends it requests
            sends no more, and has the answers.
    """

    book: Book
    folder: Path
    mark: str
    runtimes: Mapping[str, Runtime]
    local: Runtime
    clock: Clock
    chance: Random
    threads: Executor
    prepare: Callable[[DeployWish, Path], Prepared]
    tidy: Callable[[Path, frozenset[str]], None]
    ask: Callable[[str], str]
    keys: Keys
    tell: Callable[[DeployStatus, DeployState | None], None]
    machine: str
    python: str
    let_go: Callable[[Started], None] = nobody_sends
