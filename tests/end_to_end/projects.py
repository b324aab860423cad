"""Makes small projects in git and runs real trials on them."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seatrial.records import CellSummary, Comparison, DeploymentReport, Report, Role
from seatrial.trial.progress import Progress, unwatched
from seatrial.trial.run import Outcome, TrialRequest, run_trial
from seatrial.wiring import open_trial

SERVER = Path(__file__).with_name("server.py")
CONFIG = """\
name: small
stack: host
health: {path: /healthz, deadline: 20s}
requests: {file: requests.jsonl, label: label, rate: 200/s, warmup: 5, timeout: 2s}
metrics:
  accuracy: {margin: 10pp}
  errors: {margin: 10pp}
  latency_p50: {margin: 100%, floor: 50ms}
  latency_p90: {margin: 100%, floor: 200ms}
deployments:
  small:
    run: python server.py
"""
GIT = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "PATH": "/usr/bin:/bin:/usr/local/bin"}
GIT |= {
    f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in (("NAME", "t"), ("EMAIL", "t@t"))
}


@dataclass(frozen=True)
class SmallProject:
    """A project in a repository of its own."""

    folder: Path

    def write(self, name: str, content: str | bytes | Mapping[str, Any]) -> None:
        """Write one file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content))

    def commit(self) -> str:
        """Commit everything."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", "change")
        return self.git("rev-parse", "HEAD")

    def git(self, *args: str) -> str:
        """Run git."""
        done = subprocess.run(["git", *args], cwd=self.folder, env=GIT, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def run(self, watch: Any = unwatched, **request: Any) -> Outcome:
        """Run a trial of the working tree against HEAD, unless told otherwise."""
        with open_trial(self.folder) as tools:
            return run_trial(TrialRequest(project=self.folder, **request), tools, watch)

    def report(self, **request: Any) -> Report:
        """Run a trial; its report."""
        return self.run(**request).report


def make_project(
    folder: Path, *, requests: int = 120, config: str = CONFIG, model: Mapping[str, Any] | None = None
) -> SmallProject:
    """A committed project whose model answers x for x."""
    project = SmallProject(folder)
    folder.mkdir(parents=True, exist_ok=True)
    project.git("init", "--quiet", "--initial-branch=main")
    shutil.copy(SERVER, folder / "server.py")
    project.write("model.json", model or {})
    project.write("requests.jsonl", rows(requests))
    project.write("seatrial.yaml", config)
    project.commit()
    project.commit()
    return project


def rows(count: int) -> str:
    """Requests whose label is their x."""
    return "".join(json.dumps({"x": x, "label": x, "side": "left" if x % 2 else "right"}) + "\n" for x in range(count))


def only(report: Report) -> DeploymentReport:
    """The one deployment of a report."""
    (deployment,) = report.deployments
    return deployment


def cell(deployment: DeploymentReport, role: Role) -> CellSummary:
    """The cell of a role."""
    return next(found for found in deployment.cells if found.role is role)


def comparison(deployment: DeploymentReport, metric: str, slice_name: str = "") -> Comparison:
    """One comparison."""
    return next(c for c in deployment.comparisons if (c.metric, c.slice) == (metric, slice_name))


class Watching:
    """Remembers progress."""

    def __init__(self) -> None:
        self.seen: list[Progress] = []

    def __call__(self, progress: Progress) -> None:
        """One step."""
        self.seen.append(progress)


def blocks(project: SmallProject) -> int:
    """Finished turns of all runs so far."""
    files = (project.folder / ".seatrial" / "runs").glob("*/blocks.jsonl")
    return sum(len(file.read_bytes().splitlines()) for file in files)


def servers(project: SmallProject) -> set[int]:
    """Processes that run below the project's runs."""
    found = set()
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if link.readlink().is_relative_to(project.folder / ".seatrial"):
                found.add(int(link.parent.name))
        except OSError:
            continue
    return found
