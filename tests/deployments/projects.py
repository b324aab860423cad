"""Projects with registered models, deployed by the real commands; whatever is left running is killed at the end."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import joblib
import numpy as np
import psutil
from sklearn.linear_model import LinearRegression

from seatrial.adapters.runtime.process import ProcessRuntime
from seatrial.deployments.book import Book, Started, open_book
from seatrial.deployments.server import server_pid
from tests.waiting import wait_until

COMMAND = (sys.executable, "-P", "-m", "seatrial")
PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Its JSON."""
        return json.loads(self.out)

    @property
    def curl(self) -> str:
        """The command that it printed last."""
        return self.out.strip().splitlines()[-1]


@dataclass(frozen=True, slots=True)
class Deployed:
    """A project whose models are deployed."""

    folder: Path

    def run(self, *words: str, env: dict[str, str] | None = None) -> Done:
        """One command of seatrial's in the project."""
        done = subprocess.run(
            [*COMMAND, *words, "--project", str(self.folder)],
            cwd=self.folder,
            env=self.environment | (env or {}),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def ok(self, *words: str) -> Done:
        """One that has to succeed."""
        done = self.run(*words)
        assert 0 == done.code, f"{words}: {done.out}{done.err}{self.server_log}"
        return done

    @property
    def environment(self) -> dict[str, str]:
        """The test's, with a name for whoever acts."""
        return {**os.environ, "SEATRIAL_ACTOR": "tester", "GIT_CONFIG_GLOBAL": os.devnull}

    @property
    def book(self) -> Book:
        """The list of deployments."""
        return open_book(self.folder / ".seatrial")

    @property
    def server(self) -> int | None:
        """The server's process."""
        return server_pid(self.folder / ".seatrial")

    @property
    def server_log(self) -> str:
        """What it said."""
        path = self.folder / ".seatrial" / "server.log"
        return path.read_text() if path.exists() else ""

    def started(self, name: str) -> dict[str, Started]:
        """What runs of a deployment, by cell."""
        book = self.book
        try:
            return {one.cell: one for one in book.instances(name)}
        finally:
            book.close()

    def state(self, name: str) -> str:
        """As it is shown."""
        book = self.book
        try:
            status = book.status(name)
            return status.state.value if status is not None else ""
        finally:
            book.close()

    def pids(self, name: str) -> dict[str, int]:
        """The first process of each replica and door, by cell, as they are in the system."""
        found: dict[str, int] = {}
        for process in psutil.process_iter():
            try:
                marks = process.environ()
                leads = os.getsid(process.pid) == process.pid
            except (psutil.Error, OSError):
                continue
            cell = marks.get("SEATRIAL_CELL", "")
            if marks.get("SEATRIAL_RUN") == self.mark and cell.startswith(f"{name}.") and leads:
                assert cell not in found, f"{cell} runs twice"
                found[cell] = process.pid
        return found

    def replicas(self, name: str) -> dict[str, int]:
        """Those of them that are replicas."""
        return {cell: pid for cell, pid in self.pids(name).items() if ".door." not in cell}

    @property
    def mark(self) -> str:
        """By which all that runs of it is found."""
        root = (self.folder / ".seatrial").resolve()
        return f"deployments-{hashlib.sha256(os.fsencode(root)).hexdigest()[:12]}"

    @property
    def gateway_mark(self) -> str:
        """By which its proxy is found."""
        folder = (self.folder / ".seatrial").resolve() / "gateway"
        return f"gateway-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]}"

    def kill_server(self) -> None:
        """As kill -9 does."""
        pid = self.server
        assert pid
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: self.server is None)

    def ask(self, url: str, value: float = 1.0) -> httpx.Response:
        """One prediction."""
        return httpx.post(f"{url}/predict", json={"x0": value, "x1": value}, timeout=30, trust_env=False)

    def sweep(self) -> None:
        """End everything."""
        pid = self.server
        if pid:
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: self.server is None)
        runtime = ProcessRuntime()
        runtime.sweep(self.mark)
        runtime.sweep(f"{self.mark}-prepare")
        runtime.sweep(self.gateway_mark)


def kill_tree(pid: int) -> None:
    """End a replica, all its processes at once."""
    first = psutil.Process(pid)
    for process in (first, *first.children(recursive=True)):
        process.kill()


def model(path: Path, factor: float) -> Path:
    """A regression that answers with the sum of its two inputs times a factor."""
    rows = np.random.default_rng(0).normal(size=(50, 2))
    joblib.dump(LinearRegression().fit(rows, factor * rows.sum(axis=1)), path)
    return path


@contextmanager
def deployed(folder: Path) -> Iterator[Deployed]:
    """A project of which nothing runs any more at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    project = Deployed(folder)
    try:
        yield project
    finally:
        project.sweep()
