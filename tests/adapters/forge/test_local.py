"""The local forge: numbers of branches, files that people read, and several processes at once."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from seatrial.adapters.forge.local import LocalForge
from seatrial.records import CheckPhase, PermanentError, Permission, PullState, UsageError
from tests.forges.local.opener import EMAIL, LocalScene, opened


@pytest.fixture
def scene() -> Iterator[LocalScene]:
    """A repository with a branch `main`."""
    with opened() as found:
        yield found


def test_branches_are_numbered_as_they_come_and_keep_their_numbers(scene: LocalScene) -> None:
    """Another session gives the same branch the same number."""
    numbers = [scene.open_pull(branch) for branch in ("a", "b", "feature/ü-x")]
    assert [1, 2, 3] == numbers
    again = LocalForge(scene.folder)
    assert (3, 1) == (again.number_of(), again.number_of("a"))


def test_a_number_is_not_given_twice(scene: LocalScene) -> None:
    """That of a branch that is gone stays its own, and a new branch of its name goes on under it."""
    scene.open_pull("a")
    scene.close_pull(1)
    assert 2 == scene.open_pull("b")
    assert 1 == scene.open_pull("a")


def test_a_number_that_was_half_given_does_no_harm(scene: LocalScene) -> None:
    """A process died before its branch had one."""
    draft = scene.kept_in / "pulls" / ".draft"
    draft.mkdir(parents=True)
    (draft / "pull.json").write_text("{")
    assert 1 == scene.open_pull("a")
    assert "a" == scene.forge.pull(scene.repository, 1).head_ref


def test_the_default_branch_is_no_pull_request(scene: LocalScene) -> None:
    """Nor is a checkout without a branch; one that isn't there is an error."""
    assert scene.local.number_of() is None
    scene.git("checkout", "--quiet", "--detach")
    assert scene.local.number_of() is None
    with pytest.raises(PermanentError, match="there is no branch nothing"):
        scene.local.number_of("nothing")


def test_asking_for_a_number_at_once_gives_each_branch_one(scene: LocalScene) -> None:
    """Threads take turns."""
    branches = [f"b{place}" for place in range(6)]
    for branch in branches:
        scene.git("branch", branch, "main")
    with ThreadPoolExecutor(6) as pool:
        numbers = list(pool.map(LocalForge(scene.folder).number_of, branches * 2))
    assert numbers[:6] == numbers[6:]
    assert {1, 2, 3, 4, 5, 6} == set(numbers)


def test_a_comment_is_a_file_that_its_address_leads_to(scene: LocalScene) -> None:
    """Any viewer of Markdown opens it; git takes no notice."""
    number = scene.open_pull("a")
    made = scene.forge.create_comment(scene.repository, number, "# pass\n")
    file = scene.kept_in / "pulls" / "1" / "1.md"
    assert (file.as_uri(), "# pass\n") == (made.url, file.read_text(encoding="utf-8"))
    assert "" == scene.git("status", "--porcelain")


def test_ids_of_comments_are_not_given_twice(scene: LocalScene) -> None:
    """Who remembers one does not overwrite another."""
    number = scene.open_pull("a")
    first = scene.forge.create_comment(scene.repository, number, "first")
    scene.forge.delete_comment(scene.repository, number, first.id)
    assert not (scene.kept_in / "pulls" / "1" / "1.md").exists()
    assert "2" == scene.forge.create_comment(scene.repository, number, "second").id


def test_deleting_leads_out_of_nothing(scene: LocalScene) -> None:
    """An id is a number."""
    number = scene.open_pull("a")
    outside = scene.kept_in / "pulls" / "kept.md"
    outside.write_text("kept")
    scene.forge.delete_comment(scene.repository, number, "../kept")
    assert outside.exists()


def test_a_comment_that_is_too_large_is_refused(scene: LocalScene) -> None:
    """As by other forges, so that what works here works there."""
    number = scene.open_pull("a")
    with pytest.raises(PermanentError, match="1000001 bytes"):
        scene.forge.create_comment(scene.repository, number, "x" * 1_000_001)
    assert [] == list(scene.forge.comments(scene.repository, number))


def test_a_branch_without_a_commit_of_its_own_is_open(scene: LocalScene) -> None:
    """It is within the default branch, and nobody merged it."""
    scene.git("checkout", "--quiet", "-b", "a", "main")
    number = scene.local.number_of()
    assert number is not None
    assert PullState.OPEN == scene.forge.pull(scene.repository, number).state


def test_a_branch_that_was_merged_and_deleted_was_merged(scene: LocalScene) -> None:
    """Its commits tell; without the branch it is still known where it was."""
    number, head = scene.open_pull("a"), scene.tip("a")
    scene.merge_pull(number)
    scene.close_pull(number)
    found = scene.forge.pull(scene.repository, number)
    assert (PullState.MERGED, head) == (found.state, found.head)


def test_the_local_account_is_gits(scene: LocalScene) -> None:
    """It may everything, and its comments are its own; another's are not."""
    number = scene.open_pull("a")
    scene.forge.create_comment(scene.repository, number, "mine")
    assert Permission.ADMIN == scene.forge.permission(scene.repository, EMAIL)
    assert Permission.NONE == scene.forge.permission(scene.repository, "somebody@example.org")
    scene.git("config", "user.email", "somebody@example.org")
    assert [(EMAIL, False)] == [(each.author, each.own) for each in scene.forge.comments(scene.repository, number)]


def test_the_repository_answers_to_its_names(scene: LocalScene) -> None:
    """That of its origin, that of its folder, and that which the configuration gives it."""
    number = scene.open_pull("a")
    scene.git("remote", "add", "origin", "git@gitlab.example.org:ship/crew/wine.git")
    assert "ship/crew/wine" == scene.local.repository
    named = LocalForge(scene.folder, name="my/wine")
    assert "my/wine" == named.repository
    for name in ("ship/crew/wine", "local/wine", "my/wine"):
        assert number == named.pull(name, number).number
    with pytest.raises(PermanentError, match="ship/beer"):
        named.pull("ship/beer", number)


def test_working_trees_of_a_repository_share_its_pull_requests(scene: LocalScene, tmp_path: Path) -> None:
    """They are kept in git's common folder."""
    scene.git("worktree", "add", "--quiet", "-b", "b", str(tmp_path / "other"), "main")
    there = LocalForge(tmp_path / "other")
    assert 1 == there.number_of()
    assert "b" == scene.local.pull(scene.local.repository, 1).head_ref


def test_a_file_that_is_damaged_is_named(scene: LocalScene) -> None:
    """Somebody edited it; nothing is guessed."""
    number = scene.open_pull("a")
    file = scene.kept_in / "pulls" / "1" / "pull.json"
    file.write_text("{")
    with pytest.raises(PermanentError) as caught:
        scene.forge.comments(scene.repository, number)
    assert str(file) == caught.value.where


def test_a_folder_without_git_is_an_error_of_the_user(tmp_path: Path) -> None:
    """There is no forge in it."""
    with pytest.raises(UsageError, match="git"):
        LocalForge(tmp_path).pull("a/b", 1)


WRITER = """
import sys
from pathlib import Path
from seatrial.adapters.forge.local import LocalForge
forge = LocalForge(Path(sys.argv[1]))
for place in range(5):
    made = forge.create_comment(forge.repository, 1, f"{sys.argv[2]} {place}")
    forge.edit_comment(forge.repository, 1, made.id, made.body + "!")
"""


def test_several_processes_lose_no_comment(scene: LocalScene) -> None:
    """Each writes five and edits them; all are there, each once."""
    scene.open_pull("a")
    running = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(scene.folder), name], stderr=subprocess.PIPE)
        for name in ("x", "y", "z")
    ]
    for process in running:
        _, complaint = process.communicate(timeout=60)
        assert 0 == process.returncode, complaint.decode()
    bodies = sorted(comment.body for comment in scene.forge.comments(scene.repository, 1))
    assert [f"{name} {place}!" for name in "xyz" for place in range(5)] == bodies


def test_a_check_is_kept_as_json(scene: LocalScene) -> None:
    """People and programs read it without seatrial."""
    from tests.contract.test_forge import check

    scene.open_pull("a")
    commit = scene.tip("a")
    scene.forge.set_check(check(scene, commit, CheckPhase.RUNNING, "a: measures"))
    file = scene.kept_in / "checks" / f"{commit}.json"
    assert '"title": "a: measures"' in file.read_text(encoding="utf-8")
