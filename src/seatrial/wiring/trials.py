"""Trials on this machine: their tools, the clock, and what `seatrial doctor` finds."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial import __version__

if TYPE_CHECKING:
    from seatrial.ports import (
        Clock,
    )
    from seatrial.trial.tools import Tools


def cache_folder() -> Path:
    """Where environments are kept between trials: `$XDG_CACHE_HOME/seatrial`, or `~/.cache/seatrial`."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "seatrial"


@contextmanager
def open_trial(project: Path) -> "Iterator[Tools]":
    """The tools for trials of one project, on this machine. Raises UsageError if there is no project."""
    from seatrial.adapters.clock import SystemClock
    from seatrial.adapters.runtime.process import ProcessRuntime
    from seatrial.adapters.store.directory import DirectoryStore
    from seatrial.config.foreign import NAMES
    from seatrial.config.load import no_config
    from seatrial.journal import open_journal
    from seatrial.trial.tools import Tools
    from seatrial.trial.workspace import open_workspace

    if not any((project / name).is_file() for name in NAMES):
        raise no_config(project.resolve())
    clock = SystemClock()
    workspace = open_workspace(project)
    runtime = ProcessRuntime()
    journal = open_journal(workspace.root, clock)
    try:
        yield Tools(
            project=project.resolve(),
            workspace=workspace,
            clock=clock,
            runtime=runtime,
            store=DirectoryStore(workspace.store),
            journal=journal,
            stacks=cache_folder() / "stacks",
            machine=machine_facts() | dict(runtime.describe()),
        )
    finally:
        journal.close()


def open_clock() -> "Clock":
    """The system's time."""
    from seatrial.adapters.clock import SystemClock

    return SystemClock()


def machine_facts() -> dict[str, str]:
    """What the report says of the machine."""
    return {
        "seatrial": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def examine() -> dict[str, dict[str, str]]:
    """What this machine can do, by topic, for `seatrial doctor`."""
    from seatrial.adapters.runtime.process import ProcessRuntime

    return {
        "machine": machine_facts(),
        "runtime": dict(ProcessRuntime().describe()),
        "engines": {name: _version_of(name, how) for name, how in _ENGINES.items()},
        "folders": {"environments": str(cache_folder() / "stacks")},
    }


_ENGINES = {
    "git": ("git", "--version"),
    "uv": ("uv", "--version"),
    "docker": ("docker", "--version"),
    "podman": ("podman", "--version"),
    "dvc": ("dvc", "--version"),
    "chromium": ("chromium", "--version"),
    "envoy": ("envoy", "--version"),
    "nginx": ("nginx", "-v"),
    "haproxy": ("haproxy", "-v"),
}


def _version_of(name: str, command: tuple[str, ...]) -> str:
    beside = Path(sys.executable).with_name(command[0])
    path = _uv() if name == "uv" else str(beside) if beside.is_file() else shutil.which(command[0])
    if path is None:
        return "not found"
    try:
        answer = subprocess.run([path, *command[1:]], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return f"{path} does not answer"
    lines = (answer.stdout or answer.stderr).strip().splitlines()
    return lines[0] if lines else f"{path} answers nothing"


def _uv() -> str | None:
    try:
        from uv import find_uv_bin

        return str(find_uv_bin())
    except (ImportError, FileNotFoundError):
        return shutil.which("uv")
