"""Real object stores on this machine: rclone keeps real files and checks signatures, moto does bulk deletion as AWS does."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.waiting import wait_until

KEY, SECRET = "seatrial-test", "not-a-secret-0123456789"
BUCKET = "logs"


@dataclass
class ObjectStore:
    """A server with one bucket, which can be stopped and started again on the same port."""

    command: list[str]
    port: int
    process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    def start(self) -> None:
        """Returns when it answers."""
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self._answers, 30)

    def stop(self) -> None:
        """Whatever is under way breaks."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _answers(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def rclone(folder: Path) -> ObjectStore:
    """`rclone serve s3` on a folder."""
    (folder / BUCKET).mkdir()
    port = free_port()
    program = str(Path(sys.executable).with_name("rclone"))
    options = ["--auth-key", f"{KEY},{SECRET}", "--addr", f"127.0.0.1:{port}", "--config", os.devnull]
    return ObjectStore([program, "serve", "s3", *options, str(folder)], port)


def moto(_: Path) -> ObjectStore:
    """Moto's server, in memory."""
    port = free_port()
    program = str(Path(sys.executable).with_name("moto_server"))
    return ObjectStore([program, "-H", "127.0.0.1", "-p", str(port)], port)


@pytest.fixture(params=[rclone, moto], ids=["rclone", "moto"])
def object_store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ObjectStore]:
    """A running server, with the usual variables pointing to it."""
    store: ObjectStore = request.param(tmp_path)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{store.port}")
    store.start()
    if request.param is moto:
        make_bucket(store.port)
    yield store
    store.stop()


def make_bucket(port: int) -> None:
    """Moto takes a PUT for it and no signature."""
    import urllib.request

    put = urllib.request.Request(f"http://127.0.0.1:{port}/{BUCKET}", method="PUT")
    urllib.request.urlopen(put).close()
