"""Versions are put on disk as git worktrees, side by side, and taken away without a trace."""

import os
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from seatrial.records import UsageError
from seatrial.trial.change.checkout import checkout, prune, remove_checkout
from seatrial.trial.change.trees import snapshot
from tests.change.repositories import Work, init


def listed(work: Work) -> list[str]:
    """Folders of the linked worktrees that git knows."""
    lines = work.git("worktree", "list", "--porcelain").split("\n")
    return sorted(line.removeprefix("worktree ") for line in lines if line.startswith("worktree "))


def test_checkout_holds_the_trees_files(work: Work, tmp_path: Path) -> None:
    """The folder is a worktree with exactly the tree's files, modes and links; the project's folder is named."""
    work.write({"p/run.sh": "#!/bin/sh\n", "größe \n.txt": "x"})
    (work.folder / "p/run.sh").chmod(0o755)
    (work.folder / "link").symlink_to("p/run.sh")
    repository = work.repository("p")
    made = checkout(repository, snapshot(repository), tmp_path / "runs/1/candidate")
    assert (tmp_path / "runs/1/candidate", made.folder / "p", ()) == (made.folder, made.project, made.notes)
    there = Work(made.folder)
    assert "" == there.git("status", "--porcelain")
    assert sorted(work.names(snapshot(repository))) == sorted(
        str(path.relative_to(made.folder))
        for path in made.folder.rglob("*")
        if not path.is_dir() and path.name != ".git"
    )
    assert (True, "p/run.sh") == (os.access(made.project / "run.sh", os.X_OK), str((made.folder / "link").readlink()))


def test_checkout_leaves_the_users_repository_alone(work: Work, tmp_path: Path) -> None:
    """No branch, no change of HEAD, index or status; the hooks do not run."""
    work.write({".git/hooks/post-checkout": f"#!/bin/sh\ntouch {tmp_path}/ran\n", "app.py": "dirty"})
    (work.folder / ".git/hooks/post-checkout").chmod(0o755)
    before = [work.git(*args) for args in (("for-each-ref",), ("status", "--porcelain"), ("rev-parse", "HEAD"))]
    repository = work.repository()
    checkout(repository, work.git("rev-parse", "HEAD^{tree}"), tmp_path / "out")
    assert before == [work.git(*args) for args in (("for-each-ref",), ("status", "--porcelain"), ("rev-parse", "HEAD"))]
    assert not (tmp_path / "ran").exists()
    assert "one\n" == (tmp_path / "out/app.py").read_text()


def test_many_checkouts_at_once(work: Work, tmp_path: Path) -> None:
    """Threads that make and remove worktrees of one repository do not get into each other's way."""
    repository, tree = work.repository(), work.git("rev-parse", "HEAD^{tree}")
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda i: checkout(repository, tree, tmp_path / f"{i}/same-name"), range(12)))
        assert ["one\n"] * 12 == [(each.project / "app.py").read_text() for each in made]
        assert [True] * 12 == list(pool.map(lambda each: remove_checkout(repository, each.folder), made))
    assert [str(work.folder)] == listed(work)


def test_checkout_from_a_linked_worktree(work: Work, tmp_path: Path) -> None:
    """A project that is itself in a worktree (of a worktree) works the same."""
    work.git("worktree", "add", "--quiet", str(tmp_path / "linked"))
    repository = Work(tmp_path / "linked").repository()
    made = checkout(repository, snapshot(repository), tmp_path / "out")
    nested = Work(made.folder).repository()
    again = checkout(nested, snapshot(nested), tmp_path / "again")
    assert ["one\n", "one\n"] == [(each.project / "app.py").read_text() for each in (made, again)]
    assert [True, True] == [remove_checkout(repository, each.folder) for each in (made, again)]


def test_checkout_is_complete_in_a_sparse_repository(work: Work, tmp_path: Path) -> None:
    """The user's sparse checkout does not thin out the versions under trial."""
    work.git("sparse-checkout", "set", "data")
    made = checkout(work.repository(), work.git("rev-parse", "HEAD^{tree}"), tmp_path / "out")
    assert (made.folder / "models/m.bin").exists()


def test_folder_that_holds_files_is_refused(work: Work, tmp_path: Path) -> None:
    """Nothing of the user's is overwritten; an empty folder is fine."""
    repository, tree = work.repository(), work.git("rev-parse", "HEAD^{tree}")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").write_text("mine")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="not empty"):
        checkout(repository, tree, tmp_path / "full")
    assert "one\n" == (checkout(repository, tree, tmp_path / "empty").folder / "app.py").read_text()


def test_missing_filter_leaves_nothing_behind(work: Work, tmp_path: Path) -> None:
    """Where a required filter fails the error says so, and the half-made worktree is gone."""
    work.commit({".gitattributes": "*.bin filter=lfs\n"})
    work.git("config", "filter.lfs.smudge", "no-such-program")
    work.git("config", "filter.lfs.required", "true")
    with pytest.raises(UsageError, match="filter"):
        checkout(work.repository(), work.git("rev-parse", "HEAD^{tree}"), tmp_path / "out")
    assert (False, [str(work.folder)]) == ((tmp_path / "out").exists(), listed(work))


def test_removing_takes_everything_along(work: Work, tmp_path: Path) -> None:
    """New files, folders without write permission and a lost `.git` file don't stop the removal; a second is harmless."""
    repository = work.repository()
    made = checkout(repository, work.git("rev-parse", "HEAD^{tree}"), tmp_path / "out")
    (made.folder / "build").mkdir()
    (made.folder / "build/x").write_text("x")
    (made.folder / "build").chmod(stat.S_IRUSR | stat.S_IXUSR)
    (made.folder / ".git").unlink()
    assert [True, False] == [remove_checkout(repository, made.folder) for _ in range(2)]
    assert (False, [str(work.folder)]) == (made.folder.exists(), listed(work))


def test_folder_that_is_no_worktree_is_never_removed(work: Work, tmp_path: Path) -> None:
    """Removing is limited to worktrees of this repository; the user's own working tree is none of them."""
    (tmp_path / "precious").mkdir()
    repository = work.repository()
    assert [False, False] == [remove_checkout(repository, folder) for folder in (tmp_path / "precious", work.folder)]
    assert [True, True] == [folder.exists() for folder in (tmp_path / "precious", work.folder)]


def test_prune_takes_what_dead_runs_left(work: Work, tmp_path: Path) -> None:
    """Worktrees of runs that no longer go are removed, with or without their files; others stay."""
    repository, tree, runs = work.repository(), work.git("rev-parse", "HEAD^{tree}"), tmp_path / "runs"
    for name in ("runs/dead/a", "runs/lost/a", "runs/live/a", "runs2/a"):
        checkout(repository, tree, tmp_path / name)
    work.git("worktree", "add", "--quiet", str(tmp_path / "users"))
    subprocess.run(["rm", "-r", str(runs / "lost")], check=True)
    removed = prune(repository, runs, keep=[runs / "live"])
    assert {runs / "dead/a", runs / "lost/a"} == set(removed)
    assert sorted(map(str, (runs / "live/a", tmp_path / "runs2/a", tmp_path / "users", work.folder))) == listed(work)


KILLED = """
import sys
from pathlib import Path
from seatrial.trial.change.checkout import checkout
from seatrial.trial.change.git import open_repository
repository = open_repository(Path(sys.argv[1]))
for number in range(1000):
    checkout(repository, sys.argv[2], Path(sys.argv[3], str(number)))
    print(number, flush=True)
"""


def test_killed_run_is_cleaned_up_by_the_next(work: Work, tmp_path: Path) -> None:
    """After kill -9 in the middle of it the lock is free, the leftovers go, and new checkouts work."""
    tree, runs = work.git("rev-parse", "HEAD^{tree}"), tmp_path / "runs"
    command = [sys.executable, "-c", KILLED, str(work.folder), tree, str(runs / "dead")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        assert [b"0\n", b"1\n"] == [process.stdout.readline() for _ in range(2)]
        os.killpg(process.pid, signal.SIGKILL)
    repository = work.repository()
    assert len(prune(repository, runs)) >= 2
    assert "one\n" == (checkout(repository, tree, runs / "next/a").project / "app.py").read_text()
    assert sorted(map(str, (runs / "next/a", work.folder))) == listed(work)


@pytest.fixture
def with_submodule(work: Work, tmp_path: Path) -> Work:
    """A repository with a submodule that has been cloned."""
    library = init(tmp_path / "library")
    library.commit({"lib.py": "first\n"})
    work.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library.folder), "libs/lib")
    work.commit({})
    return work


def test_submodules_are_filled_from_this_machine(with_submodule: Work, tmp_path: Path) -> None:
    """A submodule's files come from the clone that is already here; the user's copy of it is untouched."""
    inside = Work(with_submodule.folder / "libs/lib")
    inside.commit({"lib.py": "second\n"})
    tree = with_submodule.git("rev-parse", "HEAD^{tree}")
    made = checkout(with_submodule.repository(), tree, tmp_path / "out")
    assert ("first\n", ()) == ((made.folder / "libs/lib/lib.py").read_text(), made.notes)
    assert ("second\n", "") == ((inside.folder / "lib.py").read_text(), inside.git("status", "--porcelain"))


def test_repository_inside_the_working_tree_comes_along(work: Work, tmp_path: Path) -> None:
    """A clone that lies in the working tree, known to no `.gitmodules`, is filled like a submodule."""
    init(work.folder / "vendored").commit({"lib.py": "inner\n"})
    repository = work.repository()
    made = checkout(repository, snapshot(repository), tmp_path / "out")
    assert ("inner\n", ()) == ((made.folder / "vendored/lib.py").read_text(), made.notes)


def test_folder_that_can_not_be_made_is_explained(work: Work, tmp_path: Path) -> None:
    """Where a file is in the way of the runs' folder the error names it."""
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(UsageError, match="can't be written") as caught:
        checkout(work.repository(), work.git("rev-parse", "HEAD^{tree}"), tmp_path / "runs/1/a")
    assert str(tmp_path / "runs/1") == caught.value.where


def test_missing_submodule_is_noted(with_submodule: Work, tmp_path: Path) -> None:
    """Where the submodule was never cloned its folder is empty and a note says so; nothing is fetched."""
    with_submodule.git("clone", "--quiet", ".", str(tmp_path / "clone"))
    repository = Work(tmp_path / "clone").repository()
    made = checkout(repository, snapshot(repository), tmp_path / "out")
    assert (1, True) == (len(made.notes), "git submodule update --init" in made.notes[0])
    assert [] == list((made.folder / "libs/lib").iterdir())


def test_project_inside_a_submodule(with_submodule: Work, tmp_path: Path) -> None:
    """A project that is itself a submodule is checked out on its own."""
    repository = Work(with_submodule.folder / "libs/lib").repository()
    made = checkout(repository, snapshot(repository), tmp_path / "out")
    assert "first\n" == (made.project / "lib.py").read_text()
    assert remove_checkout(repository, made.folder) is True
