"""A version of a dataset goes through DVC and git, and nobody's work is touched on the way."""

import itertools
import shutil
from dataclasses import replace

import pytest

from seatrial.records import DataPointer, TemporaryError, UsageError
from tests.retrain.pointer import repositories
from tests.retrain.pointer.repositories import DVC, LEAN, POINTER, SPEC, World

DIRTY = ("train.py", "notes.txt", "data/.gitignore")


def commits(world: World, revision: str = "origin/main") -> list[str]:
    """The subjects of a branch's commits, newest first."""
    return world.git("log", "--format=%s", revision).splitlines()


def messy(world: World) -> dict[str, str]:
    """Edit a file, stage another, and begin a third; what they hold then."""
    (world.work / "train.py").write_text("print('being edited')\n")
    (world.work / "data").mkdir()
    (world.work / "data" / ".gitignore").write_text("*.tmp\n")
    (world.work / "notes.txt").write_text("staged\n")
    world.git("add", "notes.txt")
    (world.work / "notes.txt").write_text("staged, then edited\n")
    return {path: (world.work / path).read_text() for path in DIRTY}


def test_a_version_is_added_pushed_and_committed_alone(world: World) -> None:
    """The commit holds the pointer and the line that keeps the data out of git; what else is in the works stays there."""
    before = messy(world)
    found = world.point(1, SPEC)

    tip = world.git("rev-parse", "HEAD")
    assert DataPointer(file=POINTER, digest=found.digest, commit=tip, pushed=True) == found
    assert tip == world.git("rev-parse", "origin/main")
    assert {"data/.gitignore", POINTER} == set(world.git("show", "--name-only", "--format=", "HEAD").splitlines())
    assert "/ratings.parquet" == world.git("show", "HEAD:data/.gitignore")
    assert f"outs:\n- md5: {found.digest.removeprefix('md5:')}\n" in world.git("show", f"HEAD:{POINTER}") + "\n"
    assert {**before, "data/.gitignore": "*.tmp\n/ratings.parquet\n"} == {
        path: (world.work / path).read_text() for path in DIRTY
    }
    assert {"AM notes.txt", " M train.py", " M data/.gitignore"} == set(world.git("status", "--short").splitlines())
    message = world.git("show", "-s", "--format=%B", "HEAD")
    assert "Seatrial-Dataset: ratings@1\nSeatrial-Run: 20261120-200001-7f3a" in message


def test_another_clone_gets_the_bytes(world: World) -> None:
    """`git clone` and `dvc pull` give the version on another machine."""
    world.point(1, SPEC)
    other = world.clone("other")
    repositories.run(str(DVC), "pull", "--quiet", POINTER, at=other)

    assert "rows of version 1\n" == (other / "data" / "ratings.parquet").read_text()


def test_the_same_run_again_finds_its_commit_and_the_next_one_follows(world: World) -> None:
    """It makes no second one, and doesn't ask DVC again. The next one changes the pointer alone."""
    first = world.point(1)
    (world.root / "run" / "dvc.log").unlink()

    assert first == world.point(1)
    assert ["Point data/ratings.parquet to ratings@1", "first"] == commits(world)
    assert not (world.root / "run" / "dvc.log").exists()
    world.point(2)
    assert [POINTER] == world.git("show", "--name-only", "--format=", "HEAD").splitlines()
    assert "rows of version 2\n" == (world.work / "data" / "ratings.parquet").read_text()
    assert "" == world.git("status", "--short")


@pytest.mark.slow
def test_a_push_that_comes_too_late_is_made_anew_on_what_is_there(world: World) -> None:
    """Somebody pushes while the pointer is on its way: both commits are there, and the checkout is as it was."""
    world.point(1)
    before = world.git("rev-parse", "HEAD")
    other = world.clone("other")
    (other / "train.py").write_text("print('better')\n")
    world.git("commit", "--all", "--quiet", "-m", "train better", at=other)
    world.shim("git", " push ", before=f"{shutil.which('git')} -C {other} push --quiet")
    found = world.point(2)

    assert [
        "Point data/ratings.parquet to ratings@2",
        "train better",
        "Point data/ratings.parquet to ratings@1",
        "first",
    ] == commits(world)
    assert found.commit == world.git("rev-parse", "origin/main")
    assert (before, "") == (world.git("rev-parse", "HEAD"), world.git("status", "--short"))
    assert "print('training')\n" == (world.work / "train.py").read_text()
    assert found == world.point(2)
    assert "" == world.git("pull", "--quiet")
    assert (found.commit, "") == (world.git("rev-parse", "HEAD"), world.git("status", "--short"))


def test_what_a_person_has_not_pushed_stays_at_home(world: World) -> None:
    """A local commit is not published along with the pointer."""
    (world.work / "train.py").write_text("print('not ready')\n")
    world.git("commit", "--all", "--quiet", "-m", "not ready")
    world.point(1)

    assert ["Point data/ratings.parquet to ratings@1", "first"] == commits(world)
    assert ["not ready", "first"] == commits(world, "HEAD")


@pytest.mark.slow
def test_a_pointer_that_somebody_else_changed_is_left(world: World) -> None:
    """It says whose change it is; theirs stays, and the project is as it was."""
    world.point(1)
    other = world.clone("other")
    (other / "data" / "ratings.parquet").write_text("cleaned by hand\n")
    repositories.run(str(DVC), "add", "--quiet", "data/ratings.parquet", at=other)
    theirs = world.commit(other, POINTER, (other / POINTER).read_text())
    with pytest.raises(
        UsageError, match=f"Ada changed the pointer in {theirs[:12]}: ratings@2 does not take its place"
    ):
        world.point(2)

    assert theirs == world.git("rev-parse", "origin/main")
    assert "" == world.git("status", "--short")
    world.git("pull", "--quiet")
    assert world.point(2).commit == world.git("rev-parse", "origin/main")


def test_an_older_version_does_not_take_the_place_of_a_newer(world: World) -> None:
    """A run that comes too late says so."""
    world.point(2)
    with pytest.raises(UsageError, match=r"\(ratings@2\) changed the pointer in \w+: ratings@1 does not"):
        world.point(1)


def test_a_remote_that_takes_no_push_is_said(world: World) -> None:
    """A protected branch is no conflict: it is not tried again, and the remote's own words are told."""
    hook = world.root / "remote.git" / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho main is protected\necho >> ../tries\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(UsageError, match=r"does not take the commit of the pointer.*main is protected") as caught:
        world.point(1)

    assert "origin/main" == caught.value.where
    assert "\n" == (world.root / "tries").read_text()
    assert "first" == world.git("log", "-1", "--format=%s")
    assert not (world.work / POINTER).exists()


def test_a_remote_that_cannot_be_reached_keeps_its_secrets(world: World) -> None:
    """The address in the message has no login."""
    world.git("remote", "set-url", "origin", "http://ada:hunter2secret@127.0.0.1:9/wine.git")
    with pytest.raises(TemporaryError, match=r"git fetch failed.*127\.0\.0\.1") as caught:
        world.point(1)

    assert "hunter2secret" not in str(caught.value)


def test_data_that_nobody_keeps_are_not_overwritten(world: World) -> None:
    """A file that was changed by hand, and is not in DVC's cache, stays."""
    world.point(1)
    file = world.work / "data" / "ratings.parquet"
    file.unlink()
    file.write_text("by hand\n")
    with pytest.raises(UsageError, match="DVC doesn't keep it"):
        world.point(2)

    assert "by hand\n" == file.read_text()
    repositories.run(str(DVC), "add", "--quiet", "data/ratings.parquet", at=world.work)
    with pytest.raises(UsageError, match="changes that are not committed"):
        world.point(2)


def test_without_a_push_the_checkout_has_the_commit(world: World) -> None:
    """Nothing leaves the machine."""
    messy(world)
    found = world.point(1, replace(LEAN, git_push=False))

    assert (found.commit, False) == (world.git("rev-parse", "HEAD"), found.pushed)
    assert ["first"] == commits(world)
    assert [] == list((world.root / "store").iterdir())
    assert "notes.txt" == world.git("diff", "--cached", "--name-only")


def test_without_a_commit_the_pointer_waits_for_a_person(world: World) -> None:
    """DVC has done its part, and git shows what is to be committed; the next version does not mind."""
    spec = replace(LEAN, commit=False)
    world.point(1, spec)
    found = world.point(2, spec)

    assert DataPointer(file=POINTER, digest=found.digest) == found
    assert "?? data/" == world.git("status", "--short")


def test_a_branch_of_its_own_is_begun(world: World) -> None:
    """Data may go to a branch that nobody has checked out."""
    spec = replace(LEAN, branch="data")
    world.point(1, spec)
    world.git("fetch", "--quiet")

    assert ["Point data/ratings.parquet to ratings@1", "first"] == commits(world, "origin/data")
    assert ("main", "") == (world.git("branch", "--show-current"), world.git("diff", "--name-only"))


def test_where_dvc_is_not_set_up_it_says_what_to_do(world: World) -> None:
    """No `.dvc`, or a remote that is not there."""
    with pytest.raises(UsageError, match=r"remote 'nowhere' doesn't exist"):
        world.point(1, replace(SPEC, remote="nowhere"))
    world.git("rm", "--quiet", "-r", "--cached", ".dvc")
    shutil.rmtree(world.work / ".dvc")
    with pytest.raises(UsageError, match="no repository of DVC") as caught:
        world.point(1)

    assert "run `dvc init` there, and commit it" == caught.value.remedy


def test_a_project_may_be_a_folder_of_its_repository(world: World) -> None:
    """Paths of the configuration count from the project, those of git from the repository."""
    (world.work / "wine").mkdir()
    found = world.point(1, folder="wine")

    assert "wine/data/ratings.parquet.dvc" == found.file
    assert {found.file, "wine/data/.gitignore"} == set(world.git("show", "--name-only", "--format=").splitlines())


def test_it_ends_when_it_is_told_to(world: World) -> None:
    """While DVC runs as well: nothing is left that stands in the way of the next try."""
    asked = itertools.count()
    with pytest.raises(TemporaryError, match="interrupted"):
        world.point(1, stop=lambda: next(asked) > 3)

    assert ["first"] == commits(world)
    assert world.point(1).commit == world.git("rev-parse", "origin/main")


@pytest.mark.parametrize("path", ["../ratings.parquet", "/tmp/ratings.parquet", "."])
def test_a_path_outside_the_project_is_refused(world: World, path: str) -> None:
    """Before anything is written."""
    with pytest.raises(UsageError, match="no file in the project"):
        world.point(1, replace(SPEC, path=path))
