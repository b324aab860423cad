"""A real Gitea of the test run's own: the binary that `scripts/gitea` builds, on SQLite and loopback, in seconds.

It is one process with one folder. Everything that a test does not look at (mail, SSH, Actions, indexers, cron) is off.
"""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.forges.gitea.world import Gitea
from tests.waiting import wait_until

SCRIPT = Path(__file__).parents[3] / "scripts" / "gitea"
START_SECONDS = 60.0
ADMIN = "harbourmaster"
PASSWORD = "secret-of-the-tests"
_PORTS = 5
_CONFIG = """\
RUN_MODE = prod
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true
WORK_PATH = {folder}

[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = {port}
ROOT_URL = {url}/
LOCAL_ROOT_URL = {url}/
STATIC_ROOT_PATH = {static}
DISABLE_SSH = true
OFFLINE_MODE = true
LFS_START_SERVER = false

[database]
DB_TYPE = sqlite3
PATH = {folder}/gitea.db
SQLITE_JOURNAL_MODE = WAL

[repository]
ROOT = {folder}/repositories

[security]
INSTALL_LOCK = true
PASSWORD_HASH_ALGO = pbkdf2$1$10
PASSWORD_COMPLEXITY = off

[service]
DISABLE_REGISTRATION = true
DEFAULT_KEEP_EMAIL_PRIVATE = true

[webhook]
ALLOWED_HOST_LIST = loopback
DELIVER_TIMEOUT = 10

[session]
PROVIDER = memory

[queue]
TYPE = channel

[indexer]
ISSUE_INDEXER_TYPE = db
REPO_INDEXER_ENABLED = false

[log]
MODE = console
LEVEL = Warn

[actions]
ENABLED = false

[cron]
ENABLED = false

[mailer]
ENABLED = false

[packages]
ENABLED = false
"""


def binary() -> Path:
    """Where `scripts/gitea` puts the binary that it is pinned to."""
    found = re.search(r"^version=(\S+)$", SCRIPT.read_text(encoding="utf-8"), re.MULTILINE)
    assert found, f"{SCRIPT} names no version"
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "seatrial-tests" / "gitea" / found[1] / "gitea"


@contextmanager
def running_gitea(folder: Path) -> Iterator[Gitea]:
    """A Gitea that keeps everything in `folder`, with one administrator, until the block ends; skips where none is built."""
    program = binary()
    if not program.exists():
        pytest.skip("Gitea is not built: scripts/gitea")
    process, url = _started(program, folder)
    try:
        yield Gitea(url=url, token=_administrator(program, folder), folder=folder, password=PASSWORD)
    finally:
        os.killpg(process.pid, 9)
        process.wait()


def _started(program: Path, folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """A process that answers, and its URL; another port is tried where somebody took the first one."""
    for _ in range(_PORTS):
        with socket.create_server(("127.0.0.1", 0)) as found:
            port: int = found.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        text = _CONFIG.format(folder=folder, port=port, url=url, static=program.parent)
        (folder / "app.ini").write_text(text, encoding="utf-8")
        process = _launched(program, folder)
        if _serves(process, url):
            return process, url
    raise AssertionError(f"Gitea does not start: {(folder / 'gitea.log').read_text()[-2000:]}")


def _serves(process: subprocess.Popen[bytes], url: str) -> bool:
    """Whether it answers at last; False if it has ended."""
    wait_until(lambda: process.poll() is not None or _answers(url), START_SECONDS, poll=0.05)
    return process.poll() is None


def _launched(program: Path, folder: Path) -> subprocess.Popen[bytes]:
    # A test run that is killed takes its Gitea along.
    tether = ["setpriv", "--pdeathsig", "KILL", "--"] if shutil.which("setpriv") else []
    with (folder / "gitea.log").open("ab") as log:
        return subprocess.Popen(
            [*tether, str(program), "web", "--config", str(folder / "app.ini")],
            cwd=folder,
            env=_environ(folder),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _environ(folder: Path) -> Mapping[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "GITEA_WORK_DIR": str(folder), "GOMAXPROCS": "2"}


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/healthz", trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _administrator(program: Path, folder: Path) -> str:
    """Makes the administrator's account; its token."""
    command = [str(program), "admin", "user", "create", "--config", str(folder / "app.ini"), "--admin"]
    command += ["--username", ADMIN, "--password", PASSWORD, "--email", f"{ADMIN}@example.org"]
    command += ["--must-change-password=false", "--access-token", "--access-token-scopes", "all"]
    done = subprocess.run(command, cwd=folder, env=_environ(folder), capture_output=True, text=True, check=False)
    found = re.search(r"\b[0-9a-f]{40}\b", done.stdout)
    assert found, done.stdout + done.stderr
    return found[0]


@pytest.fixture(scope="session")
def gitea(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gitea]:
    """A real Gitea, shared by the tests of a process: each takes repositories and accounts of its own."""
    with running_gitea(tmp_path_factory.mktemp("gitea")) as found:
        yield found
