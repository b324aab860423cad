"""A real MLflow server, in an environment of its own, as the registry that a team may already have.

Its pins would bend ours, so it is installed apart by uv from `mlflow-requirements.txt`, once: the environment stays
below the user's cache, named by what is in it. `uv pip compile --universal --python-version 3.11 --no-header
--no-annotate mlflow-requirements.in -o mlflow-requirements.txt` makes the pins anew; keep its version equal to that of
`mlflow-skinny` in uv.lock.
"""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from seatrial.adapters.clock import SystemClock
from seatrial.records import StackSpec
from seatrial.trial.build.commands import Commands
from seatrial.trial.build.stack import Stack, Stacks
from seatrial.wiring import cache_folder
from tests.waiting import wait_until

__all__ = ["mlflow_home", "mlflow_url"]
FOLDER = Path(__file__).parent
REQUIREMENTS = "mlflow-requirements.txt"
START_SECONDS = 120.0


def environment(log: Path) -> Stack:
    """Where MLflow is installed; installed now if it is not yet.

    Raises:
        SeatrialError: the packages can't be had.
    """
    stacks = Stacks(cache_folder() / "peers", Commands(SystemClock()), os.environ)
    return stacks.provide(StackSpec(file=REQUIREMENTS), FOLDER, salt="", log=log, where="MLflow")


@contextmanager
def running(stack: Stack, folder: Path) -> Iterator[str]:
    """The address of an MLflow server that keeps everything in `folder` and serves the artifacts itself."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    log_file = folder / "mlflow.log"
    command = [
        *(str(stack.bin / "mlflow"), "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"),
        *("--artifacts-destination", str(folder / "artifacts")),
    ]
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=dict(os.environ)
            | {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "PATH": f"{stack.bin}:{os.environ['PATH']}"},
            start_new_session=True,
        )
    try:
        wait_until(lambda: _ready(url, process, log_file), START_SECONDS, poll=0.1)
        yield url
    finally:
        os.killpg(process.pid, 9)
        process.wait()


def _ready(url: str, process: subprocess.Popen[bytes], log_file: Path) -> bool:
    if process.poll() is not None:
        raise AssertionError(f"MLflow ended with {process.returncode}: {log_file.read_text()}")
    try:
        return httpx.get(f"{url}/health").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


@pytest.fixture(scope="session")
def mlflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server of `mlflow_url` keeps everything."""
    return tmp_path_factory.mktemp("mlflow")


@pytest.fixture(scope="session")
def mlflow_url(mlflow_home: Path) -> Iterator[str]:
    """The address of a real MLflow server, shared by the tests of a process."""
    with running(environment(mlflow_home / "install.log"), mlflow_home) as url:
        yield url


def cleared(url: str) -> str:
    """The address of the server, once all models on it are gone."""
    from mlflow import MlflowClient

    client = MlflowClient(url, url)
    for model in client.search_registered_models():
        for alias in model.aliases:
            client.delete_registered_model_alias(model.name, alias)
        client.delete_registered_model(model.name)
    return url
