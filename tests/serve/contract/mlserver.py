"""MLServer with its scikit-learn runtime, in an environment of its own, as the server that clients would switch from.

Its pins would bend ours, so it is installed apart by uv from `mlserver-requirements.txt`, once: the environment stays
below the user's cache, named by what is in it. `uv pip compile --universal --python-version 3.11 --no-header
--no-annotate mlserver-requirements.in -o mlserver-requirements.txt` makes the pins anew; keep scikit-learn's equal to
that of uv.lock, for both servers open the same files.
"""

import json
import os
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from seatrial.adapters.clock import SystemClock
from seatrial.records import StackSpec
from seatrial.trial.build.commands import Commands
from seatrial.trial.build.stack import Stack, Stacks
from seatrial.wiring import cache_folder
from tests.waiting import wait_until

FOLDER = Path(__file__).parent
REQUIREMENTS = "mlserver-requirements.txt"
PYTHON = ">=3.11,<3.13"  # MLServer 1.7 has no wheels for later ones
VERSION = "v1"
START_SECONDS = 120.0


def environment(log: Path) -> Stack:
    """Where MLServer is installed; installed now if it is not yet.

    Raises:
        SeatrialError: the packages can't be had.
    """
    stacks = Stacks(cache_folder() / "peers", Commands(SystemClock()), os.environ)
    return stacks.provide(StackSpec(file=REQUIREMENTS, python=PYTHON), FOLDER, salt="", log=log, where="MLServer")


def train(stack: Stack, folder: Path) -> None:
    """Write the files of `fitted.py` as the environment's scikit-learn makes them."""
    subprocess.run([stack.python, FOLDER / "fitted.py", folder], check=True, timeout=120)


@contextmanager
def running(stack: Stack, folder: Path, models: Sequence[str]) -> Iterator[str]:
    """The base address of an MLServer that serves the `models` of `folder`, each from its own `.joblib`."""
    port = _free_port()
    repository = folder / "repository"
    for name in models:
        _write(repository / name / "model-settings.json", _model(name, folder / f"{name}.joblib"))
    _write(repository / "settings.json", _settings(port))
    log_file = folder / "mlserver.log"
    with log_file.open("wb") as log:
        command = [str(stack.bin / "mlserver"), "start", str(repository)]
        process = subprocess.Popen(command, cwd=repository, stdout=log, stderr=subprocess.STDOUT)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: _ready(url, models, process, log_file), START_SECONDS, poll=0.05)
        yield url
    finally:
        process.kill()
        process.wait()


def _settings(port: int) -> dict[str, Any]:
    """One process, no metrics, gRPC on whatever port is free."""
    return {
        "host": "127.0.0.1",
        "http_port": port,
        "grpc_port": 0,
        "metrics_endpoint": None,
        "parallel_workers": 0,
        "debug": False,
    }


def _model(name: str, file: Path) -> dict[str, Any]:
    return {
        "name": name,
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": str(file), "version": VERSION},
    }


def _write(path: Path, document: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def _ready(url: str, models: Sequence[str], process: subprocess.Popen[bytes], log_file: Path) -> bool:
    """Whether every model is; the server as a whole says so before it has any."""
    if process.poll() is not None:
        raise AssertionError(f"MLServer ended with {process.returncode}: {log_file.read_text()}")
    try:
        return all(httpx.get(f"{url}/v2/models/{name}/ready").status_code == httpx.codes.OK for name in models)
    except httpx.TransportError:
        return False
