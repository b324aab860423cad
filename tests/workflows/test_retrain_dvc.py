"""Retrainings whose dataset is kept by DVC as well: real DVC with a folder as its remote, and a bare repository of git."""

import shutil
import signal
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from seatrial.records import DatasetVersion, RetrainOutcome
from tests.retrain.pointer import repositories
from tests.retrain.pointer.repositories import World, run
from tests.workflows.loops import BEGAN, Loop, make_loop, ratings

pytestmark = pytest.mark.slow

DATA = "data/ratings.parquet"
_GIT = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM", "DVC_NO_ANALYTICS", "CI")
KEPT = f"      dvc: {{path: {DATA}, git_push: true}}\n"
KEY = "      key: [time, user, movie]\n"
LATER = BEGAN + timedelta(days=1)


@pytest.fixture
def shared(tmp_path: Path) -> tuple[Loop, World]:
    """A loop in a repository that others push to as well."""
    if not repositories.DVC.is_file():
        pytest.skip("dvc is missing: pip install dvc")
    loop = make_loop(tmp_path, then="register")
    world = World(tmp_path)
    loop.environ.update({name: world.environ[name] for name in ("PATH", *_GIT)})
    config = (loop.folder / "seatrial.yaml").read_text()
    assert KEY in config
    loop.small.write("seatrial.yaml", config.replace(KEY, f"{KEY}{KEPT}"))
    run(str(repositories.DVC), "init", "--quiet", at=loop.folder)
    loop.small.write(".dvc/config", "[core]\n    remote = here\n['remote \"here\"']\n    url = ../../store\n")
    run("git", "init", "--quiet", "--bare", "--initial-branch=main", str(tmp_path / "remote.git"), at=tmp_path)
    world.git("remote", "add", "origin", "../remote.git", at=loop.folder)
    loop.small.commit()
    world.git("push", "--quiet", "--set-upstream", "origin", "main", at=loop.folder)
    return loop, world


def pointing(world: World) -> list[str]:
    """Subjects of the commits that moved the pointer, as everybody has them, oldest first."""
    return world.git(
        "log", "--reverse", "--format=%s", "main", "--", f"{DATA}.dvc", at=world.root / "remote.git"
    ).splitlines()


def pulled(world: World, clone: Path) -> list[str]:
    """The rows that somebody else gets, as lines of the stream."""
    world.git("pull", "--quiet", "--ff-only", at=clone)
    run(str(repositories.DVC), "pull", "--quiet", at=clone)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        query = "SELECT strftime(time, '%Y-%m-%dT%H:%M:%S'), user, movie, rating FROM read_parquet(?)"
        rows = connection.execute(query, [str(clone / DATA)]).fetchall()
    return [f"{time},{user},GET /rate/{movie}={rating}" for time, user, movie, rating in rows]


def check_pointed(loop: Loop, world: World, version: DatasetVersion) -> None:
    """The newest commit of the branch names the version and its run, and the run names the commit."""
    told = world.git("log", "-1", "--format=%B", "main", "--", f"{DATA}.dvc", at=world.root / "remote.git")
    commit = world.git("log", "-1", "--format=%H", "main", "--", f"{DATA}.dvc", at=world.root / "remote.git")
    pointer = loop.results()[-1].pointer
    assert pointer is not None
    assert (commit, True) == (pointer.commit, pointer.pushed)
    assert version.run in told
    assert version.id in told
    assert "" == world.git("status", "--short", "--", "data", at=loop.folder)


def test_everybody_can_pull_exactly_the_rows_of_the_version(shared: tuple[Loop, World]) -> None:
    """Where somebody else pushed in between, the commit is made anew on theirs: nothing is forced, and theirs stays."""
    loop, world = shared
    first, second = ratings(60, broken=2), ratings(40, seed=1, begin=LATER)
    other = world.clone("other")
    good = [line for line in first if "oops" not in line]
    loop.rate(first)
    assert 0 == loop.run("retrain").returncode
    assert sorted(good) == sorted(pulled(world, other))

    theirs = world.git("rev-parse", "HEAD", at=other)
    assert theirs == world.git("rev-parse", "HEAD", at=loop.folder)
    (other / "notes.txt").write_text("mine\n")
    world.git("add", "notes.txt", at=other)
    world.git("commit", "--quiet", "-m", "notes", at=other)
    world.shim("git", " push ", before=f"{shutil.which('git')} -C {other} push --quiet")
    loop.rate(second, "more.log")
    assert 0 == loop.run("retrain").returncode
    (world.root / "shims" / "git").unlink()

    version = loop.versions()[-1]
    assert (2, 100) == (version.number, version.rows)
    assert [f"Point {DATA} to ratings@{number}" for number in (1, 2)] == pointing(world)
    assert sorted([*good, *second]) == sorted(pulled(world, other))
    assert "mine\n" == (other / "notes.txt").read_text()
    subjects = world.git("log", "-2", "--format=%s", "main", at=world.root / "remote.git").splitlines()
    assert [f"Point {DATA} to ratings@2", "notes"] == subjects
    check_pointed(loop, world, version)


def test_a_killed_run_points_to_its_version_once(shared: tuple[Loop, World]) -> None:
    """Killed after the push and before that was noted: one version, one commit, one pointer."""
    loop, world = shared
    lines = ratings(60)
    loop.rate(lines)
    killed = loop.run("retrain", dying=("after", "dvc"))
    assert -signal.SIGKILL == killed.returncode, killed.stderr
    assert [f"Point {DATA} to ratings@1"] == pointing(world)
    (done,) = loop.json("resume")["retrainings"]

    (version,) = loop.versions()
    (result,) = loop.results()
    assert (RetrainOutcome.REGISTERED, "registered", 1) == (result.outcome, done["outcome"], result.dataset)
    assert [f"Point {DATA} to ratings@1"] == pointing(world)
    check_pointed(loop, world, version)
    assert sorted(lines) == sorted(pulled(world, world.clone("other")))
