"""Models that the project's configuration knows are deployed as a promotion tries them: commit, files, command, stack."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.deployments.projects import Deployed, deployed, model
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

CONFIG = """
stack: host
resources: {memory: 900Mi}
requests: {file: requests.jsonl, label: label}
env: {REGION: "${REGION:-south}"}
deployments:
  wine:
    serve: models/wine.joblib --engine native
  own:
    run: python server.py --port $PORT
    health: /health
    env: {PLACE: models/own.txt}
  astray:
    serve: models/other.joblib --engine native
models:
  wine: {deployment: wine}
  beer: {deployment: own, path: models/own.txt}
  lost: {deployment: astray, path: models/wine.joblib}
"""
SERVER = """
import json, os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

CODE = "first"
model = Path(os.environ["PLACE"]).read_text().strip()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer({"code": CODE, "model": model, "region": os.environ["REGION"]})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.answer({"prediction": model, "asked": body})

    def answer(self, value):
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


HTTPServer(("127.0.0.1", int(sys.argv[2])), Handler).serve_forever()
"""


def git(folder: Path, *words: str) -> str:
    """One command of git's."""
    identity = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    who = {f"GIT_{role}_{part}": "tester@example.org" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    done = subprocess.run(
        ["git", *words], cwd=folder, env={**os.environ, **identity, **who}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def commit(folder: Path) -> str:
    """Everything, as it is; its id."""
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "x")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """Two commits; wine and beer have a version of each."""
    models = tmp_path_factory.mktemp("models")
    with deployed(tmp_path_factory.mktemp("brewery")) as made:
        folder = made.folder
        (folder / "seatrial.yaml").write_text(CONFIG)
        (folder / "requests.jsonl").write_text('{"x0": 1.5, "x1": 2, "label": 3}\n')
        (folder / "server.py").write_text(SERVER)
        (folder / "models").mkdir()
        model(folder / "models" / "other.joblib", 7.0)
        git(folder, "init", "-q", "-b", "main")
        commit(folder)
        register(made, models, 1)
        (folder / "server.py").write_text(SERVER.replace('"first"', '"second"'))
        commit(folder)
        register(made, models, 2)
        yield made


def register(project: Deployed, models: Path, number: int) -> None:
    """A version of each model."""
    model(models / "wine.joblib", float(number))
    (models / "own.txt").write_text(f"beer {number}\n")
    project.ok("models", "register", str(models / "wine.joblib"), "--name", "wine")
    project.ok("models", "register", str(models / "own.txt"), "--name", "beer", "--no-open")
    project.ok("models", "register", str(models / "wine.joblib"), "--name", "lost")


def asked(done_curl: str) -> str:
    """What the printed command prints."""
    return subprocess.run(done_curl, shell=True, capture_output=True, text=True, check=True).stdout


def test_a_served_model_runs_in_the_code_that_it_was_registered_with(project: Deployed) -> None:
    """Its files lie where the deployment expects them, options and resources are the project's, the curl works."""
    done = project.ok("deploy", "wine@1", "--replicas", "2")
    again = project.ok("deploy", "wine@1", "--format", "json").document

    assert asked(done.curl).startswith('{"prediction":2.0')
    assert 900 << 20 == again["deployment"]["wish"]["resources"]["memory"]
    for pid in project.replicas("wine-v1").values():
        words, cwd = psutil.Process(pid).cmdline(), Path(psutil.Process(pid).cwd())
        assert ["--engine", "native"] == words[words.index("models/wine.joblib") + 1 :][:2]
        assert 'CODE = "first"' in (cwd / "server.py").read_text()
        assert cwd.is_relative_to(project.folder / ".seatrial/deployments/wine-v1")
    info = httpx.get(f"{again['deployment']['url']}/v2/models/wine", trust_env=False).json()
    assert ["1"] == info["versions"]
    project.ok("deployments", "remove", "wine-v1")


def test_a_next_version_brings_its_own_code_and_the_first_ones_is_removed(project: Deployed) -> None:
    """Checkouts that nothing runs in any more go away, from git's list too."""
    project.ok("deploy", "wine@1", "--name", "cellar")
    project.ok("deploy", "wine@2", "--name", "cellar")

    rooms = wait_until(
        lambda: next(
            (
                found
                for found in [list((project.folder / ".seatrial/deployments/cellar").glob("code-*/"))]
                if len(found) == 1
            ),
            None,
        ),
        30,
    )
    assert rooms is not None
    assert 'CODE = "second"' in (rooms[0] / "server.py").read_text()
    assert 2 == len(git(project.folder, "worktree", "list").splitlines())
    project.ok("deployments", "remove", "cellar")
    assert 1 == len(git(project.folder, "worktree", "list").splitlines())


def test_a_server_of_the_projects_own_is_deployed_too(project: Deployed) -> None:
    """One replica, which has the address itself; another version takes its place."""
    done = project.ok("deploy", "beer@1", "--name", "tap")
    url = project.ok("deployments", "usage", "tap", "--format", "json").document["url"]
    first = httpx.get(f"{url}/health", trust_env=False).json()

    project.ok("deploy", "beer@2", "--name", "tap", "--env", "REGION=north")

    assert asked(done.curl).startswith('{"prediction": "beer 2", "asked": {"x0": 1.5, "x1": 2}}')
    assert {"code": "first", "model": "beer 1", "region": "south"} == first
    assert {"code": "second", "model": "beer 2", "region": "north"} == httpx.get(
        f"{url}/health", trust_env=False
    ).json()
    refused = project.run("deployments", "scale", "tap", "2")
    project.ok("deployments", "remove", "tap")
    assert 2 == refused.code
    assert "only servers of `serve:` can share an address" in refused.err


def test_a_deployment_that_serves_something_else_fails(project: Deployed) -> None:
    """Its path and the model's are two: nobody is told that the version runs."""
    done = project.run("deploy", "lost@1")
    project.ok("deployments", "remove", "lost-v1")

    assert 4 == done.code
    assert "the deployment serves models/other.joblib" in done.err
    assert "scoring_uri" not in project.ok("models", "show", "lost@1", "--format", "json").document["tags"]


def test_a_replica_that_is_started_again_finds_its_code(project: Deployed) -> None:
    """The checkout is laid once; a restart and another server use the same."""
    project.ok("deploy", "wine@2", "--name", "again")
    (room,) = (project.folder / ".seatrial/deployments/again").glob("code-*/")
    before = room.stat().st_ino
    project.kill_server()
    for pid in project.replicas("again").values():
        psutil.Process(pid).kill()

    project.ok("deployments", "scale", "again", "2")

    assert (before, 2) == (room.stat().st_ino, len(project.replicas("again")))
    project.ok("deployments", "remove", "again")
