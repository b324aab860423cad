"""Launches for tests of the process runtime, and the runtimes that this machine allows."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import psutil
import pytest

from seatrial.adapters.runtime.cgroup import Cgroups, NoCgroups
from seatrial.adapters.runtime.detect import detect
from seatrial.adapters.runtime.instance import ProcessInstance
from seatrial.adapters.runtime.process import ProcessRuntime
from seatrial.ports import Launch
from seatrial.records import Resources
from tests.waiting import wait_until

NO_CGROUPS = NoCgroups("switched off by the test")


def python(program: str) -> list[str]:
    """A command that runs a Python program, started as fast as Python can."""
    return [sys.executable, "-I", "-S", "-u", "-c", program]


def launch(
    folder: Path,
    command: Sequence[str],
    *,
    run: str = "run",
    cell: str = "cell",
    resources: Resources | None = None,
    env: dict[str, str] | None = None,
) -> Launch:
    """A launch with a log `CELL.log` in `folder`. The run's name is made unique to this test process."""
    return Launch(
        run=unique(run),
        cell=cell,
        command=command,
        cwd=folder,
        env={"PATH": os.environ["PATH"]} if env is None else env,
        port=1,
        log=folder / f"{cell}.log",
        resources=resources or Resources(),
    )


class Cells:
    """Starts cells in `folder` and stops at the end whatever was started."""

    def __init__(self, runtime: ProcessRuntime, folder: Path) -> None:
        self.runtime = runtime
        self.folder = folder
        self._started: list[ProcessInstance] = []

    def start(
        self,
        command: Sequence[str],
        *,
        cell: str = "cell",
        resources: Resources | None = None,
        env: dict[str, str] | None = None,
    ) -> ProcessInstance:
        """Start one, see `launch`."""
        instance = self.runtime.start(launch(self.folder, command, cell=cell, resources=resources, env=env))
        self._started.append(instance)
        return instance

    def run(self, command: Sequence[str], *, cell: str = "cell", env: dict[str, str] | None = None) -> ProcessInstance:
        """Start one and wait until it has ended."""
        instance = self.start(command, cell=cell, env=env)
        wait_until(lambda: not instance.status().running)
        return instance

    def __enter__(self) -> Self:
        """Nothing has started yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop all of them."""
        for instance in self._started:
            instance.stop(grace=0.0)


def unique(run: str) -> str:
    """The run's name as `launch` writes it: tests that run side by side must not sweep each other's processes."""
    return f"{run}-{os.getpid()}"


def log(folder: Path, cell: str = "cell") -> str:
    """What the cell has written."""
    path = folder / f"{cell}.log"
    return path.read_text() if path.exists() else ""


def numbers(folder: Path, cell: str = "cell") -> list[int]:
    """The numbers that the cell has written in complete lines (pids, mostly)."""
    lines = log(folder, cell).splitlines(keepends=True)
    return [int(line) for line in lines if line.endswith("\n") and line.strip().isdigit()]


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie doesn't."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def writable_cgroups(*wanted: str) -> Cgroups:
    """This machine's cgroups; skips the test, naming what is missing, where a wanted controller isn't writable."""
    cgroups = detect()
    missing = sorted(set(wanted) - set(cgroups.controllers))
    if missing:
        pytest.skip(f"no writable {' and '.join(missing)} cgroup here: {cgroups.reason}")
    return cgroups
