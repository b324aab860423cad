"""The first process of a deployment: a child of ours, or one that an earlier seatrial started and that we took over.

Only a parent is told how a process ended, and only while it has not asked does the kernel keep the pid from being given
to another. Of a process that was taken over we know when it is gone, and that is all.
"""

import os
import signal
import subprocess
import threading
from collections.abc import Collection
from typing import Protocol

from seatrial.adapters.runtime.processes import Look, Mark, Seen


class Root(Protocol):
    """The first process of a deployment."""

    @property
    def pid(self) -> int:
        """Its process id."""
        ...

    def has_ended(self) -> bool:
        """Whether it no longer runs."""
        ...

    @property
    def exit_status(self) -> int | None:
        """How it ended; None while it runs, and where nobody told us."""
        ...

    def signal_group(self, number: signal.Signals) -> bool:
        """Signal its process group in one step; whether that was possible without the risk to meet others."""
        ...

    def collect(self) -> None:
        """It is dead: wait until the kernel has taken it away."""
        ...


class Child:
    """A process that we started."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._polling = threading.RLock()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def has_ended(self) -> bool:
        """Asks the kernel, which from then on may give the pid to another."""
        return self.exit_status is not None

    @property
    def exit_status(self) -> int | None:
        """Negative for a signal."""
        with self._polling:
            return self._process.poll()

    def signal_group(self, number: signal.Signals) -> bool:
        """While it has not been waited for, its pid can't be another's."""
        with self._polling:
            if self._process.poll() is not None:
                return False
            try:
                os.killpg(self._process.pid, number)
            except PermissionError:
                return False
            return True

    def collect(self) -> None:
        """Wait for it."""
        self._process.wait()


class Foundling:
    """A process that an earlier seatrial started."""

    exit_status: None = None

    def __init__(self, seen: Seen) -> None:
        self._seen = seen

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._seen.pid

    def has_ended(self) -> bool:
        """Whether it is gone, or only waits for whoever is its parent now."""
        return not self._seen.is_alive()

    def signal_group(self, number: signal.Signals) -> bool:  # noqa: ARG002 - the protocol's
        """Never: its pid might be another's by now."""
        return False

    def collect(self) -> None:
        """Whoever is its parent now does that."""


def first_of(look: Look, mark: Mark, inside: Collection[int]) -> Seen | None:
    """The first process of a cell among those that live: the oldest that leads a session, as each is started.

    Args:
        look: the processes of this machine.
        mark: of the cell.
        inside: pids in the cell's control groups, for programs that overwrite their environment.
    """
    leaders = [
        seen
        for seen in look.seen.values()
        if seen.session == seen.pid and (seen.mark == mark or seen.pid in inside) and seen.is_alive()
    ]
    return min(leaders, key=lambda seen: seen.started, default=None)
