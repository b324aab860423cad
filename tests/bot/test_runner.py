"""Children of the bot: their progress, their end, and what becomes of them when their worker is killed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from seatrial.adapters.clock import SystemClock
from seatrial.adapters.runtime.process import ProcessRuntime
from seatrial.bot.hiding import without_secrets
from seatrial.bot.runner import Child, Ended, Runner
from seatrial.config import read_project
from seatrial.records import Stage
from seatrial.trial.progress import Progress
from tests.waiting import wait_until

FAMILY = """\
import subprocess, sys, time, pathlib, signal
if sys.argv[1] == "stubborn":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
below = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
try:
    pathlib.Path("pids").write_text(f"{__import__('os').getpid()} {below.pid}")
    time.sleep(600)
except KeyboardInterrupt:
    below.kill()
    sys.exit(130)
"""
WORKER = """\
import sys
from pathlib import Path
from seatrial.adapters.clock import SystemClock
from seatrial.adapters.runtime.process import ProcessRuntime
from tests.bot.test_runner import child
from seatrial.bot.runner import Runner
folder = Path(sys.argv[1])
Runner(SystemClock(), ProcessRuntime()).run(child(folder, "gentle"), wanted=lambda: True)
"""


def child(folder: Path, *words: str, text: str = FAMILY, **more: Any) -> Child:
    """A Python program."""
    (folder / "program.py").write_text(text)
    given: dict[str, Any] = {"longest": 60.0, "environment": dict(os.environ), "mark": f"mark-{folder.name}", **more}
    return Child(command=(sys.executable, "program.py", *words), cwd=folder, **given)


def run(made: Child, wanted: Callable[[], bool] = lambda: True, *, grace: float = 10.0, **more: Any) -> Ended:
    """Run it to its end."""
    return Runner(SystemClock(), ProcessRuntime(), grace=grace).run(made, wanted=wanted, **more)


def pids(folder: Path) -> list[int]:
    """Of the family, once both are there."""
    file = folder / "pids"
    return [int(pid) for pid in file.read_text().split()] if file.exists() else []


def gone(pid: int) -> bool:
    """Whether a process has ended."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_progress_is_handed_on_and_the_rest_is_the_log(tmp_path: Path) -> None:
    """Of the log the end is kept, without secrets and escape sequences; what only looks like progress belongs to it."""
    said = {"cell": "small@candidate", "stage": "drive", "detail": "", "done": 3, "total": 9, "failed": False}
    text = f"""import sys
print("result")
sys.stderr.write('x' * 1000000 + chr(10))
sys.stderr.write({json.dumps(said)!r} + chr(10))
sys.stderr.write('{{"stage": "nowhere"}}' + chr(10) + chr(27) + '[31mtoken very-secret-token' + chr(10))
sys.exit(4)
"""
    seen: list[Progress] = []
    environment = {**os.environ, "API_TOKEN": "very-secret-token"}
    ended = run(child(tmp_path, text=text, environment=environment), watch=seen.append)

    expected = Progress(cell="small@candidate", stage=Stage.DRIVE, done=3, total=9)
    assert [expected] == seen
    assert (4, b"result\n", False) == (ended.status, ended.output, ended.stopped)
    assert ended.tail.endswith('{"stage": "nowhere"}\ntoken ****')
    assert 70_000 > len(ended.tail)


@pytest.mark.parametrize(("manner", "status"), [("gentle", 130), ("stubborn", -signal.SIGKILL)])
def test_who_is_not_wanted_any_more_ends_with_everything_below(tmp_path: Path, manner: str, status: int) -> None:
    """Asked first (SIGINT), killed if that does not help."""
    ended = run(child(tmp_path, manner), lambda: not pids(tmp_path), grace=10 if manner == "gentle" else 0.2)

    assert (status, True) == (ended.status, ended.stopped)
    assert [True, True] == [gone(pid) for pid in pids(tmp_path)]


def test_a_child_ends_when_its_time_runs_out(tmp_path: Path) -> None:
    """However busy it is."""
    ended = run(child(tmp_path, "gentle", longest=0.1))

    assert (True, "its time ran out") == (ended.timed_out, ended.told)


def test_limits_are_the_childs(tmp_path: Path) -> None:
    """They bind it and what it starts."""
    ended = run(
        child(tmp_path, text="import resource\nprint(resource.getrlimit(resource.RLIMIT_CORE))", limits={"CORE": 0})
    )

    assert b"(0, 0)\n" == ended.output


def test_what_cannot_be_started_is_told(tmp_path: Path) -> None:
    """As a child that ended at once."""
    ended = run(Child(command=("/no/such",), cwd=tmp_path, environment={}, mark="m", longest=9.0))

    assert (127, "/no/such can't be started: No such file or directory") == (ended.status, ended.tail)


def test_a_killed_worker_leaves_no_child(tmp_path: Path) -> None:
    """The child is told to end, and ends what is below it."""
    text = FAMILY.replace(
        "if sys.argv[1]", "signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(2))\nif sys.argv[1]"
    )
    worker = WORKER.replace('"gentle")', f'"gentle", text={text!r})')
    process = subprocess.Popen([sys.executable, "-c", worker, str(tmp_path)])
    wait_until(lambda: len(pids(tmp_path)) == 2, deadline=30)
    process.kill()
    process.wait()

    wait_until(lambda: all(gone(pid) for pid in pids(tmp_path)), deadline=30)


def test_the_bots_own_secrets_are_not_the_childs() -> None:
    """Neither by their names nor by their values; what else the server's environment holds trials may have."""
    text = """\
deployments: {small: {run: x, requests: {file: r}}}
forge: {kind: github, token: '${BOT_TOKEN}', app: '7', key: '${APP_KEY}'}
bot: {repositories: {ship/wine: {}}, secret: '${HOOK}', token: '${PAGES}'}
registry: {url: '${BOOK}'}
"""
    project = read_project(text, where="seatrial.yaml", default_name="wine")
    environ = {
        "APP_KEY": "key-of-the-app",
        "BOT_TOKEN": "token-of-the-bot",
        "GITHUB_TOKEN": "another-token",
        "HOOK": "secret-of-hooks",
        "PAGES": "password-of-pages",
        "BOOK": "postgresql://me:password@db/book",
        "OTHER_BOOK": "postgresql://me:password@db/other",
        "COPY": "Bearer token-of-the-bot",
        "AWS_SECRET_ACCESS_KEY": "for the data",
        "PATH": "/usr/bin",
    }

    assert {"AWS_SECRET_ACCESS_KEY": "for the data", "PATH": "/usr/bin"} == without_secrets(environ, project)
