"""Real projects with a real registry, whose promotions run in real processes of the command line."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from seatrial.records import EntryKind, ModelVersion, Move, Run
from seatrial.wiring import open_registry, open_trial
from tests.end_to_end.projects import CONFIG, SmallProject, make_project
from tests.registry.registering import ADA, after, draft

ROOT = Path(__file__).parents[2]
MODELS = """\
models:
  small: {path: model.json, tests: []}
"""
JUDGED = CONFIG.replace("accuracy: {margin: 10pp}", "accuracy: {margin: 10pp, limit: 0.8}")


@dataclass
class Project:
    """A project in a repository, with versions of the model `small` in its registry."""

    small: SmallProject
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self.small.folder

    def register(self, *models: dict[str, Any], stage: str = "Staging") -> None:
        """Make a version of each, and put it into a stage."""
        with self.opened(), open_registry(self.folder) as tools:
            for model in models:
                path = self.folder.parent / "made" / "model.json"
                path.parent.mkdir(exist_ok=True)
                path.write_text(json.dumps(model))
                version = tools.registry.register(draft("small"), path)
                if stage != "None":
                    move = Move(model="small", number=version.number, to=stage, actor=ADA, at=after(1))
                    tools.registry.move(move)

    def version(self, number: int) -> ModelVersion:
        """One version, as the registry knows it now."""
        with self.opened(), open_registry(self.folder) as tools:
            return tools.registry.version("small", number)

    def moves(self) -> list[tuple[int, str, str | None]]:
        """Version, stage and run of every move in the ledger that a run made."""
        with self.opened(), open_registry(self.folder) as tools:
            return [
                (line.number, line.to, line.run)
                for line in tools.registry.ledger("small")
                if line.run and line.kind is EntryKind.MOVED
            ]

    def evidence(self) -> set[str]:
        """The runs that evidence was kept of."""
        with self.opened(), open_registry(self.folder) as tools:
            return set(tools.registry.books().evidence)

    def runs(self) -> list[Run]:
        """The journal, oldest first."""
        with open_trial(self.folder) as tools:
            return tools.journal.runs(1000)[::-1]

    def events(self, run: str) -> list[str]:
        """What was appended to a run."""
        with open_trial(self.folder) as tools:
            return [kind for _, kind, _ in tools.journal.events(run)]

    @contextmanager
    def opened(self) -> Iterator[None]:
        """With the project's environment in this process, as a command has it."""
        before = dict(os.environ)
        os.environ.update(self.environ)
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)

    def command(self, *words: str, dying: tuple[str, str] | None = None, fake: bool = False) -> list[str]:
        """The command line of a real process; `dying` says when and at which step it kills itself.

        With `fake`, trials find at once what the model says (`{"finds": "fail"}`), and each notes itself in a file.
        """
        program = (
            ["-m", "tests.workflows.dying", *(dying or ("", "")), str(int(fake))]
            if dying or fake
            else ["-m", "seatrial"]
        )
        return [sys.executable, *program, *words, "--project", str(self.folder)]

    def start(self, *words: str, log: Path | None = None, **more: Any) -> subprocess.Popen[str]:
        """Start a command of seatrial's; with `log` its standard error goes there, to be read while it runs."""
        with ExitStack() as stack:
            return subprocess.Popen(
                self.command(*words, **more),
                cwd=ROOT,
                env={**os.environ, "SEATRIAL_ACTOR": "ada@example.org", **self.environ},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE if log is None else stack.enter_context(log.open("w")),
                text=True,
            )

    @contextmanager
    def running(self, *words: str, **more: Any) -> Iterator[subprocess.Popen[str]]:
        """Start a command; what is left of it at the end of the block is killed."""
        process = self.start(*words, **more)
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def run(self, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run a command of seatrial's to its end."""
        process = self.start(*words, **more)
        out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def json(self, *words: str, **more: Any) -> Any:
        """Run a command; what it prints as JSON."""
        done = self.run(*words, "--format", "json", **more)
        if not done.stdout:
            raise AssertionError(done.stderr)
        return json.loads(done.stdout)

    @property
    def trials(self) -> list[str]:
        """The fake trials that were really run, by candidate."""
        path = self.folder / ".seatrial" / "trials.txt"
        return path.read_text().split() if path.exists() else []


def make(folder: Path, *models: dict[str, Any], config: str = "", requests: int = 40, **environ: str) -> Project:
    """A committed project with these versions in Staging."""
    small = make_project(folder / "project", requests=requests, config=f"{JUDGED}{MODELS}{config}")
    project = Project(small, environ)
    project.register(*models)
    return project


@dataclass
class Receiver:
    """A webhook that notes what it gets; answers 503 while it is `down`."""

    url: str
    got: list[dict[str, Any]] = field(default_factory=list)
    asked: int = 0
    down: bool = False

    @property
    def config(self) -> str:
        """For seatrial.yaml."""
        return f"notify:\n  - {{name: hook, url: '{self.url}'}}\n"

    def keys(self) -> list[str]:
        """The keys of what arrived, in order."""
        return [str(body["key"]) for body in self.got]


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A real webhook receiver on loopback."""
    found = Receiver("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.asked += 1
            if not found.down:
                found.got.append(json.loads(body))
            self.send_response(503 if found.down else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        found.url = f"json://127.0.0.1:{server.server_port}/"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()
