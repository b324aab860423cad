"""`seatrial trial --publish` as CI systems run it: what ends up on the forge, and what does not stop the trial."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.contract.forges import Light
from tests.end_to_end.projects import GIT, SmallProject, make_project
from tests.forges.github import opener as github
from tests.forges.gitlab import opener as gitlab

pytestmark = pytest.mark.slow
COMMAND = (sys.executable, "-c", "from seatrial.cli.entry import main; main()")


@dataclass(kw_only=True)
class Job:
    """A job of a CI system for one pull request.

    Attributes:
        scene: the forge, as the contract suite sees it.
        environ: what the CI system sets, without the token.
        token: name of the variable that the token goes into.
    """

    scene: Any
    number: int
    commit: str
    environ: Mapping[str, str]
    token: str
    project: SmallProject

    def seatrial(self, *args: str, token: str | None = None, **more: str) -> "subprocess.CompletedProcess[str]":
        """Run a command in the job."""
        secret = self.scene.secrets[0] if token is None else token
        return subprocess.run(
            [*COMMAND, *args],
            cwd=self.project.folder,
            env={**GIT, "HOME": str(self.project.folder), "COLUMNS": "100", **self.environ, self.token: secret, **more},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def comments(self) -> list[str]:
        """Of seatrial, on the pull request."""
        return [
            each.body
            for each in self.scene.forge.comments(self.scene.repository, self.number)
            if "<!-- seatrial:" in each.body
        ]

    def check(self) -> Any:
        """The commit's only check."""
        (check,) = self.scene.checks(self.commit)
        return check


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    """A small project, in a repository of its own."""
    return make_project(tmp_path_factory.mktemp("publish") / "small")


@pytest.fixture
def on_github(project: SmallProject, tmp_path: Path) -> Iterator[Job]:
    """A job of GitHub Actions, with the token of the workflow."""
    with ExitStack() as stack:
        scene = stack.enter_context(github.opened("workflow"))
        number = scene.open_pull("change")
        commit = scene.tip("change")
        event = tmp_path / "event.json"
        event.write_text(json.dumps({"pull_request": {"number": number, "head": {"sha": commit}}}))
        environ = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_SERVER_URL": scene.fake.url,
            "GITHUB_API_URL": f"{scene.fake.url}/api/v3",
            "GITHUB_REPOSITORY": scene.repository,
            "GITHUB_RUN_ID": "77",
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_SHA": "0" * 40,
        }
        yield Job(scene=scene, number=number, commit=commit, environ=environ, token="GITHUB_TOKEN", project=project)


@pytest.fixture
def on_gitlab(project: SmallProject) -> Iterator[Job]:
    """A job of GitLab CI."""
    with gitlab.opened() as scene:
        number = scene.open_pull("change")
        commit = scene.tip("change")
        environ = {
            "GITLAB_CI": "true",
            "CI_SERVER_URL": scene.server.url,
            "CI_API_V4_URL": f"{scene.server.url}/api/v4",
            "CI_PROJECT_PATH": scene.repository,
            "CI_MERGE_REQUEST_PROJECT_PATH": scene.repository,
            "CI_MERGE_REQUEST_IID": str(number),
            "CI_COMMIT_SHA": commit,
            "CI_JOB_URL": f"{scene.server.url}/{scene.repository}/-/jobs/9",
        }
        yield Job(scene=scene, number=number, commit=commit, environ=environ, token="GITLAB_TOKEN", project=project)


def test_a_workflow_on_github_shows_its_verdict(on_github: Job) -> None:
    """One comment with the verdict, a green check run on the commit that was pushed; a second run edits both."""
    first = on_github.seatrial("trial", "--publish", "--out", "trial-report")
    second = on_github.seatrial("trial", "--publish")

    assert (0, 0) == (first.returncode, second.returncode), first.stderr
    assert "published: " in first.stderr
    (comment,) = on_github.comments()
    assert "Pass" in comment
    assert f"{on_github.scene.fake.url}/{on_github.scene.repository}/actions/runs/77" in comment
    assert Light.GREEN is on_github.check().light


def test_a_job_on_gitlab_shows_its_verdict(on_gitlab: Job) -> None:
    """A note and a commit status; a candidate that is worse is red and exits with 1."""
    on_gitlab.project.write("model.json", {"right": 1})
    try:
        done = on_gitlab.seatrial("trial", "--publish")
    finally:
        on_gitlab.project.git("checkout", "--quiet", "model.json")

    assert 1 == done.returncode, done.stderr
    (comment,) = on_gitlab.comments()
    assert "Fail" in comment
    assert "accuracy" in comment
    assert Light.RED is on_gitlab.check().light


def test_a_token_without_the_right_is_explained_and_the_verdict_stands(on_github: Job) -> None:
    """A fork's token may only read: what is missing, and the lines that grant it, are on standard error."""
    done = on_github.seatrial("trial", "--publish", token=on_github.scene.secrets[1])

    assert 0 == done.returncode
    assert "pull-requests: write" in done.stderr
    assert on_github.scene.secrets[1] not in done.stderr + done.stdout
    assert [] == on_github.comments()


def test_without_a_token_or_a_server_the_verdict_stands(on_github: Job) -> None:
    """Each is a warning that says what to do."""
    without = on_github.seatrial("trial", "--publish", token="")
    assert 0 == without.returncode
    assert "nothing is published" in without.stderr
    assert "GITHUB_TOKEN" in without.stderr


def test_another_job_publishes_what_a_fork_could_not(on_github: Job, tmp_path: Path) -> None:
    """`seatrial publish` takes the folder, from anywhere; a number that is not the commit's is refused."""
    on_github.seatrial("trial", "--out", str(tmp_path / "made"))
    event = tmp_path / "run.json"
    event.write_text(json.dumps({"workflow_run": {"head_sha": on_github.commit, "pull_requests": []}}))

    done = on_github.seatrial("publish", str(tmp_path / "made"), GITHUB_EVENT_PATH=str(event))

    assert 0 == done.returncode, done.stderr
    assert 1 == len(on_github.comments())
    assert Light.GREEN is on_github.check().light
    other = on_github.scene.open_pull("other")
    refused = on_github.seatrial("publish", str(tmp_path / "made"), "--pull", str(other), GITHUB_EVENT_PATH=str(event))
    assert 2 == refused.returncode
    assert "newest commit of pull request" in refused.stderr


def test_a_configuration_that_is_wrong_is_told_on_the_pull_request(on_gitlab: Job) -> None:
    """The reader of the merge request sees the line and the remedy, without opening the job's log."""
    whole = (on_gitlab.project.folder / "seatrial.yaml").read_text()
    on_gitlab.project.write("seatrial.yaml", whole.replace("requests:", "requsts:"))
    try:
        done = on_gitlab.seatrial("trial", "--publish")
    finally:
        on_gitlab.project.write("seatrial.yaml", whole)

    assert 2 == done.returncode
    (comment,) = on_gitlab.comments()
    assert "did you mean" in comment


def test_a_laptop_needs_no_server(project: SmallProject) -> None:
    """With `forge: local` comment and check are kept in the repository itself."""
    whole = (project.folder / "seatrial.yaml").read_text()
    project.git("checkout", "--quiet", "-b", "local-change")
    project.write("seatrial.yaml", f"{whole}forge: {{kind: local, reports: shelf}}\n")
    project.write(".gitignore", ".seatrial/\nshelf/\n")
    project.commit()
    try:
        done = subprocess.run(
            [*COMMAND, "trial", "--publish"],
            cwd=project.folder,
            env={**GIT, "HOME": str(project.folder)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    finally:
        project.git("checkout", "--quiet", "main")

    assert 0 == done.returncode, done.stderr
    kept = project.folder / ".git" / "seatrial" / "forge"
    assert [path for path in kept.rglob("*.md") if "Pass" in path.read_text()]
    assert 1 == len(list((project.folder / "shelf").rglob("report.html")))
