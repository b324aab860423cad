"""`seatrial sync` as a pipeline runs it: real repositories, a real process, real places."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.change.repositories import Work, init
from tests.sync.places import bucket, workspace
from tests.waiting import wait_until

CONFIG = """\
name: wine
requests: {{file: requests.jsonl, label: label}}
deployments: {{model: {{run: python server.py}}}}
sync:
  target: {target}
"""
FILES = {"src/app.py": "one\n", "src/lib/util.py": "two\n", "README.md": "three\n"}
Things = Callable[[], dict[str, bytes]]


@dataclass
class Place:
    """Where the code goes, and what is there.

    Attributes:
        target: as in `seatrial.yaml`.
        things: everything below `ml_apps/wine` by path, seatrial's notes left out.
        variables: of the process.
    """

    target: str
    things: Things
    variables: Mapping[str, str] = field(default_factory=dict)


def directory(folder: Path) -> Iterator[Place]:
    """A folder."""
    root = folder / "workspace"
    yield Place(str(root), lambda: below(root / "ml_apps/wine"))


def rclone(folder: Path) -> Iterator[Place]:
    """A bucket that keeps its objects as files."""
    store = folder / "store"
    store.mkdir()
    with bucket("rclone", store) as running:
        yield Place(f"{running.url}/code", lambda: below(store / "logs/code/ml_apps/wine"), running.variables)


def databricks(_: Path) -> Iterator[Place]:
    """A workspace that checks every call."""
    with workspace() as running:

        def things() -> dict[str, bytes]:
            return without_notes(
                {path: data for path, (_, data) in running.fake.things("/Shared/ml_apps/wine").items()}
            )

        yield Place(running.url, things, running.variables)


PLACES = {each.__name__: each for each in (directory, rclone, databricks)}


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Each kind of place in turn, empty."""
    yield from PLACES[request.param](tmp_path)


def below(root: Path) -> dict[str, bytes]:
    """All files below a folder by path, seatrial's notes left out; what goes meanwhile is left out too."""
    found = {}
    for path in root.rglob("*"):
        with suppress(FileNotFoundError, IsADirectoryError):
            found[path.relative_to(root).as_posix()] = path.read_bytes()
    return without_notes(found)


def without_notes(things: dict[str, bytes]) -> dict[str, bytes]:
    """What is not seatrial's own."""
    return {path: data for path, data in things.items() if "/.seatrial/" not in path}


def project(folder: Path, target: str, files: Mapping[str, str | bytes | None] = FILES) -> Work:
    """A repository with a project whose code goes to the target."""
    work = init(folder)
    work.commit({**files, "seatrial.yaml": CONFIG.format(target=target)})
    return work


def start(work: Work, place: Place, *args: str, **variables: str) -> "subprocess.Popen[str]":
    """`seatrial sync …` in a process of its own."""
    command = [sys.executable, "-c", "from seatrial.cli.entry import main; main()", "sync", *args]
    env = {**os.environ, **place.variables, **variables}
    return subprocess.Popen(
        command, cwd=work.folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def run(work: Work, place: Place, *args: str, **variables: str) -> str:
    """Standard output of a sync that goes well."""
    with start(work, place, *args, **variables) as process:
        out, err = process.communicate(timeout=120)
    assert 0 == process.returncode, err
    return out


def refused(work: Work, place: Place, code: int, *args: str, **variables: str) -> str:
    """Standard error of a sync that ends with this exit code, and prints nothing else."""
    with start(work, place, *args, **variables) as process:
        out, err = process.communicate(timeout=120)
    assert (code, "") == (process.returncode, out), err
    return err


def sync(work: Work, place: Place, *args: str, **variables: str) -> dict[str, Any]:
    """The record of a sync that goes well."""
    record: dict[str, Any] = json.loads(run(work, place, *args, "--format", "json", **variables))
    return record


def in_folder(folder: str, files: Mapping[str, str]) -> dict[str, bytes]:
    """What is expected in one branch's folder."""
    return {f"{folder}/{path}": data.encode() for path, data in files.items() if path.startswith("src/")}


@pytest.mark.slow
def test_a_branch_through_its_life(place: Place, tmp_path: Path) -> None:
    """Pushed, changed, renamed in, thinned out, untouched, deleted: after each push the workspace has what it has."""
    work = project(tmp_path / "work", place.target)
    first = sync(work, place)
    assert in_folder("main", FILES) == place.things()
    assert ("ml_apps/wine/main", "main", work.git("rev-parse", "HEAD")) == (
        first["folder"],
        first["branch"],
        first["commit"],
    )
    assert (["src/app.py", "src/lib/util.py"], [], False) == (first["written"], first["removed"], first["unchanged"])

    work.git("checkout", "--quiet", "-b", "feature/x")
    work.git("mv", "src/lib/util.py", "src/helpers.py")
    work.commit({"src/app.py": "changed\n"})
    changed = {"src/app.py": "changed\n", "src/helpers.py": "two\n"}
    assert ["src/app.py", "src/helpers.py"] == sync(work, place)["written"]
    assert {**in_folder("main", FILES), **in_folder("feature~x", changed)} == place.things()

    work.commit({"src/helpers.py": None})
    thinner = sync(work, place)
    assert ([], ["src/helpers.py"]) == (thinner["written"], thinner["removed"])
    assert {**in_folder("main", FILES), "feature~x/src/app.py": b"changed\n"} == place.things()

    work.commit({"README.md": "changed\n", "tests/test_app.py": "t\n"})
    assert (True, [], []) == ((same := sync(work, place))["unchanged"], same["written"], same["removed"])

    work.git("checkout", "--quiet", "main")
    work.git("branch", "--delete", "--force", "feature/x")
    assert [] == sync(work, place)["pruned"]
    foreseen = sync(work, place, "--prune", "--dry-run")
    assert ["ml_apps/wine/feature~x"] == foreseen["pruned"]
    assert "feature~x/src/app.py" in place.things()
    pruned = sync(work, place, "--prune")
    assert (["ml_apps/wine/feature~x"], True) == (pruned["pruned"], pruned["unchanged"])
    assert in_folder("main", FILES) == place.things()


@pytest.mark.slow
def test_a_dry_run_changes_nothing(place: Place, tmp_path: Path) -> None:
    """It says the same as the sync that follows."""
    work = project(tmp_path / "work", place.target)
    foreseen = sync(work, place, "--dry-run")
    assert {} == place.things()

    assert {**foreseen, "dry_run": False} == sync(work, place)


@pytest.fixture
def folder(tmp_path: Path) -> Place:
    """A folder as the place."""
    (one,) = directory(tmp_path)
    return one


@pytest.mark.slow
def test_a_shallow_clone_of_a_pipeline_copies_its_branch_and_removes_no_other(folder: Place, tmp_path: Path) -> None:
    """It knows one branch and has a commit checked out; the remote and the service's variables tell the rest."""
    work = project(tmp_path / "work", folder.target)
    for branch in ("feature/x", "feature/y"):
        work.git("branch", branch)
        sync(work, folder, branch)
    work.git("clone", "--quiet", "--bare", ".", str(tmp_path / "origin"))
    origin = Work(tmp_path / "origin")
    origin.git("clone", "--quiet", "--depth", "1", f"file://{origin.folder}", str(tmp_path / "ci"))
    pipeline = Work(tmp_path / "ci")
    pipeline.git("checkout", "--quiet", "--detach")

    assert [] == sync(pipeline, folder, "--prune", GITHUB_REF="refs/heads/main")["pruned"]
    origin.git("branch", "--delete", "--force", "feature/y")
    assert ["ml_apps/wine/feature~y"] == sync(pipeline, folder, "--prune", GITHUB_REF="refs/heads/main")["pruned"]
    assert {"main", "feature~x"} == {path.partition("/")[0] for path in folder.things()}

    pipeline.git("remote", "set-url", "origin", str(tmp_path / "nowhere"))
    assert "no folder was removed" in refused(pipeline, folder, 4, "--prune", GITHUB_REF="refs/heads/main")
    pipeline.git("remote", "remove", "origin")
    assert "may not know all branches" in refused(pipeline, folder, 2, "--prune", GITHUB_REF="refs/heads/main")
    assert {"main", "feature~x"} == {path.partition("/")[0] for path in folder.things()}


def test_nothing_is_written_to_the_repository(folder: Place, tmp_path: Path) -> None:
    """No file, no reference, no object, no index: the copy goes one way."""
    work = project(tmp_path / "work", folder.target)
    work.write({"src/app.py": "uncommitted\n", "src/new.py": "new\n"})
    work.git("status")

    def everything() -> dict[str, tuple[bytes, int]]:
        paths = [path for path in work.folder.rglob("*") if path.is_file()]
        return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in paths}

    before = everything()
    sync(work, folder)
    sync(work, folder, "--prune")

    assert before == everything()
    assert in_folder("main", FILES) == folder.things()


def test_text_says_what_was_done(folder: Place, tmp_path: Path) -> None:
    """A row for each file, the sum, and what was left out or left alone."""
    work = project(tmp_path / "work", folder.target)
    (work.folder / "src/out").symlink_to("/etc/passwd")
    work.commit({})
    stranger = Path(folder.target, "ml_apps/wine/main/output.csv")
    stranger.parent.mkdir(parents=True)
    stranger.write_text("1,2\n")
    short = work.git("rev-parse", "--short=12", "HEAD")

    would = run(work, folder, "--dry-run", COLUMNS="200").splitlines()
    assert ["change            file", "would be written  src/app.py"] == [line.rstrip() for line in would[:2]]
    done = [line.rstrip() for line in run(work, folder, COLUMNS="200").splitlines()]
    assert done == [
        "change   file",
        "written  src/app.py",
        "written  src/lib/util.py",
        f"• ml_apps/wine/main has the files of commit {short} of main: 2 written",
        "• left out, a link to what is not copied: src/out",
        "• left alone, because seatrial did not write them: output.csv",
    ]
    again = run(work, folder, COLUMNS="200").splitlines()[0]
    assert f"ml_apps/wine/main has the files of commit {short} of main already, nothing was written" == again


@pytest.mark.slow
def test_what_can_not_be_done_is_said_with_its_remedy(folder: Place, tmp_path: Path) -> None:
    """Exit code 2, and nothing is written."""
    work = project(tmp_path / "work", folder.target)
    assert "there is no branch 'gone'" in refused(work, folder, 2, "gone")
    work.git("checkout", "--quiet", "--detach")
    assert "--branch NAME" in refused(work, folder, 2)
    work.write({"seatrial.yaml": CONFIG.format(target="gs://bucket")})
    assert "databricks://HOST/PATH" in refused(work, folder, 2, "main")
    work.write({"seatrial.yaml": CONFIG.format(target="x").partition("sync:")[0]})
    assert "where the code goes is not said" in refused(work, folder, 2, "main")
    assert {} == folder.things()


MANY = {f"src/part{number % 40}/m{number}.py": f"{number}\n" for number in range(1500)}


@pytest.mark.slow
def test_a_sync_that_was_killed_is_completed_by_the_next(folder: Place, tmp_path: Path) -> None:
    """By kill -9, in the middle of many files; the next commit has lost some of those that were written."""
    work = project(tmp_path / "work", folder.target, MANY)
    with start(work, folder) as process:
        wait_until(lambda: len(folder.things()) >= 100 or process.poll() is not None, 60)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    partly = folder.things()
    assert 0 < len(partly) < len(MANY), "it was killed in the middle"

    lost = sorted(partly)[:50]
    work.commit({path.removeprefix("main/"): None for path in lost})
    sync(work, folder)
    expected = {path: data for path, data in in_folder("main", MANY).items() if path not in lost}
    assert expected == folder.things()
    assert sync(work, folder)["unchanged"]


@pytest.mark.slow
def test_a_sync_to_a_workspace_that_was_killed_is_completed_by_the_next(tmp_path: Path) -> None:
    """By kill -9, at each of some calls in turn."""
    with workspace() as running:
        place = Place(running.url, dict, running.variables)
        work = project(tmp_path / "work", running.url)
        processes: list[subprocess.Popen[str]] = []
        left = 0

        def kill(_: str) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                processes[-1].send_signal(signal.SIGKILL)

        running.fake.before_import = kill
        for left in (1, 2, 3, 4):
            before = {f"src/killed{left - 1}.py": None} if left > 1 else {}
            work.commit({"src/app.py": f"{left}\n", f"src/killed{left}.py": "x\n", **before})
            processes.append(start(work, place))
            processes[-1].communicate(timeout=60)
            assert -signal.SIGKILL == processes[-1].returncode
        work.commit({"src/app.py": "last\n", "src/killed4.py": None})
        sync(work, place)
        expected = {"src/app.py": b"last\n", "src/lib/util.py": b"two\n"}
        found = {path: data for path, (_, data) in running.fake.things("/Shared/ml_apps/wine/main").items()}
        assert expected.keys() == {path for path in found if not path.startswith(".seatrial/sync-")}
        assert expected == {path: found[path] for path in expected}


@pytest.mark.slow
def test_two_processes_at_once_end_as_one_of_the_two(folder: Place, tmp_path: Path) -> None:
    """Two pushes in a row whose jobs overlap: the folder is one of the two commits, whole, and it says which."""
    few = dict(list(MANY.items())[:300])
    work = project(tmp_path / "work", folder.target, few)
    one = {path: f"one {data}" for path, data in list(few.items())[:200]}
    other = {path: f"other {data}" for path, data in list(few.items())[100:]}
    commits = {}
    for name, files in {"one": one, "other": other}.items():
        gone = {path: None for path in few if path not in files}
        commits[work.commit({**dict.fromkeys(gone), **files})] = in_folder("main", files)
        work.git("tag", name)
        work.git("reset", "--quiet", "--hard", "HEAD~1")
    sync(work, folder)
    with start(work, folder, "one", "--branch", "main") as a, start(work, folder, "other", "--branch", "main") as b:
        ended = [(process.communicate(timeout=120)[1], process.returncode) for process in (a, b)]
    assert [("", 0), ("", 0)] == ended

    notes = [json.loads(path.read_bytes()) for path in Path(folder.target, "ml_apps/wine/main/.seatrial").iterdir()]
    assert folder.things() in [commits[note["commit"]] for note in notes]
    assert sync(work, folder, "one", "--branch", "main")["written"] in ([], sorted(one))
