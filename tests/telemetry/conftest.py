"""A store with S3's protocol that checks signatures."""

import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.waiting import wait_until

_KEY, _SECRET = "observer", "not-a-real-secret"


@dataclass(frozen=True)
class Bucket:
    """A bucket: its URL for the log, and the directory in which the server keeps its objects as files."""

    url: str
    folder: Path


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """A running server with one empty bucket, and the variables that lead there."""
    program = shutil.which("rclone", path=str(Path(sys.executable).parent)) or shutil.which("rclone")
    if program is None:
        pytest.skip("rclone is missing: uv sync --group serving")
    folder = tmp_path / "store" / "ships" / "log"
    folder.mkdir(parents=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    command = [program, "serve", "s3", "--addr", address, "--auth-key", f"{_KEY},{_SECRET}", "--vfs-cache-mode", "off"]
    command += ["--config", str(tmp_path / "rclone.conf"), "--dir-cache-time", "0s", str(tmp_path / "store")]
    with (tmp_path / "rclone.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_until(lambda: _answers(f"http://{address}"))
        for name, value in {
            "AWS_ACCESS_KEY_ID": _KEY,
            "AWS_SECRET_ACCESS_KEY": _SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://{address}",
        }.items():
            monkeypatch.setenv(name, value)
        yield Bucket("s3://ships/log", folder)
    finally:
        server.terminate()
        server.wait()


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=1).close()
    except urllib.error.HTTPError as error:
        error.close()
        return True
    except OSError:
        return False
    return True
