"""Whether a branch is gone is never guessed: every remote has to say so."""

from pathlib import Path

import pytest

from seatrial.records import TemporaryError, UsageError
from seatrial.sync.branches import all_branches
from tests.change.repositories import Work, init


@pytest.fixture
def origin(work: Work, tmp_path: Path) -> Work:
    """A bare repository with the branches main and feature/x and a tag, which `work` was pushed to."""
    for branch in ("feature/x", "stale"):
        work.git("branch", branch)
    work.git("tag", "v1")
    work.git("clone", "--quiet", "--bare", ".", str(tmp_path / "origin"))
    work.git("remote", "add", "origin", str(tmp_path / "origin"))
    origin = Work(tmp_path / "origin")
    origin.git("branch", "--delete", "--force", "stale")
    return origin


def clone(origin: Work, folder: Path, *options: str) -> Work:
    """A clone as continuous integration makes it."""
    origin.git("clone", "--quiet", *options, f"file://{origin.folder}", str(folder))
    return Work(folder)


def test_a_shallow_clone_of_one_branch_asks_the_remote(origin: Work, tmp_path: Path) -> None:
    """It knows one branch itself, and all of them once it has asked."""
    shallow = clone(origin, tmp_path / "ci", "--depth", "1", "--branch", "main")
    shallow.git("checkout", "--quiet", "--detach")

    assert {"main", "feature/x", "v1"} == all_branches(shallow.repository())


def test_branches_that_only_this_clone_has_count_too(work: Work, origin: Work) -> None:
    """Somebody's unpushed branch has a folder, too."""
    assert {"main", "feature/x", "stale", "v1"} == all_branches(work.repository())
    origin.git("branch", "another")
    assert "another" in all_branches(work.repository())


def test_all_remotes_are_asked(work: Work, origin: Work, tmp_path: Path) -> None:
    """A branch is there if any of them has it."""
    fork = clone(origin, tmp_path / "fork", "--bare")
    fork.git("branch", "theirs")
    work.git("remote", "add", "fork", str(fork.folder))

    assert {"main", "feature/x", "stale", "theirs", "v1"} == all_branches(work.repository())


def test_a_remote_that_does_not_answer_stops_everything(work: Work, origin: Work) -> None:
    """However many others do."""
    work.git("remote", "add", "broken", "https://bot:hush-hush@127.0.0.1:1/gone.git")
    with pytest.raises(TemporaryError, match="remote broken does not say") as caught:
        all_branches(work.repository())
    assert "hush-hush" not in str(caught.value)
    assert "no folder was removed" in caught.value.remedy
    assert origin.folder.is_dir()


def test_an_empty_remote_is_taken_for_a_wrong_one(work: Work, tmp_path: Path) -> None:
    """Nobody deletes every branch."""
    init(tmp_path / "empty")
    work.git("remote", "add", "origin", str(tmp_path / "empty"))
    with pytest.raises(UsageError, match="no branch at all"):
        all_branches(work.repository())


def test_a_repository_of_its_own_knows_its_branches(work: Work) -> None:
    """Without any remote there is nobody else to ask."""
    work.git("branch", "topic")

    assert {"main", "topic"} == all_branches(work.repository())


def test_a_clone_that_lost_its_remote_does_not_know_them(work: Work, origin: Work, tmp_path: Path) -> None:
    """A shallow one, one where a commit is checked out, or one without a branch."""
    shallow = clone(origin, tmp_path / "shallow", "--depth", "1")
    shallow.git("remote", "remove", "origin")
    work.git("remote", "remove", "origin")
    work.git("checkout", "--quiet", "--detach")
    for each in (shallow, work):
        with pytest.raises(UsageError, match="may not know all branches"):
            all_branches(each.repository())
