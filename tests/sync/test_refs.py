"""A sync finds out what it copies and whose folder it is, or says what is missing."""

from pathlib import Path

import pytest

from seatrial.records import UsageError
from seatrial.sync.refs import Ref, find_ref
from tests.change.repositories import Work, init


def found(work: Work, name: str | None = None, *, branch: str | None = None, **environ: str) -> Ref:
    """The ref that these words mean here."""
    return find_ref(work.repository(), name, branch=branch, environ=environ)


def tree_of(work: Work, revision: str) -> str:
    """Git's id of a revision's tree."""
    return work.git("rev-parse", f"{revision}^{{tree}}")


def test_the_branch_that_is_checked_out_is_the_default(work: Work) -> None:
    """With the commit at its tip; uncommitted changes are none of its business."""
    commit = work.git("rev-parse", "HEAD")
    work.write({"src/app.py": "uncommitted\n"})

    assert Ref(branch="main", commit=commit, tree=tree_of(work, "HEAD")) == found(work) == found(work, "HEAD")


def test_variables_count_only_where_no_branch_is_checked_out(work: Work) -> None:
    """What git says is better than what a service says."""
    assert "main" == found(work, GITHUB_REF="refs/heads/other").branch


@pytest.mark.parametrize("name", ["feature/x", "refs/heads/feature/x"])
def test_a_branch_is_named(work: Work, name: str) -> None:
    """By its name, or by its whole name."""
    work.git("checkout", "--quiet", "-b", "feature/x")
    commit = work.commit({"src/x.py": "x\n"})
    work.git("checkout", "--quiet", "main")

    assert Ref(branch="feature/x", commit=commit, tree=tree_of(work, "feature/x")) == found(work, name)


@pytest.mark.parametrize("name", ["v1.0", "refs/tags/v1.0"])
def test_a_tag_has_a_folder_too(work: Work, name: str) -> None:
    """An annotated one stands for its commit."""
    commit = work.git("rev-parse", "HEAD")
    work.git("tag", "--annotate", "--message", "one", "v1.0")
    work.commit({"src/more.py": "more\n"})

    assert Ref(branch="v1.0", commit=commit, tree=tree_of(work, "v1.0")) == found(work, name)


def test_a_branch_wins_over_a_tag_of_its_name(work: Work) -> None:
    """The folder is the branch's."""
    work.git("tag", "topic")
    work.git("checkout", "--quiet", "-b", "topic")
    commit = work.commit({"src/t.py": "t\n"})

    assert commit == found(work, "topic").commit


@pytest.mark.parametrize("name", ["feature/x", "origin/feature/x", "refs/remotes/origin/feature/x"])
def test_a_branch_of_a_remote_is_named(work: Work, tmp_path: Path, name: str) -> None:
    """Its folder is that of the branch, whichever way it is said."""
    work.git("checkout", "--quiet", "-b", "feature/x")
    commit = work.commit({"src/x.py": "x\n"})
    work.git("clone", "--quiet", "--branch", "main", ".", str(tmp_path / "clone"))

    assert ("feature/x", commit) == ((ref := found(Work(tmp_path / "clone"), name)).branch, ref.commit)


@pytest.mark.parametrize(
    ("environ", "branch"),
    [
        ({"GITHUB_REF": "refs/heads/feature/x"}, "feature/x"),
        ({"GITHUB_REF": "refs/tags/v1"}, "v1"),
        ({"CI_COMMIT_BRANCH": "feature/x"}, "feature/x"),
        ({"CI_COMMIT_TAG": "v1"}, "v1"),
        ({"BUILD_SOURCEBRANCH": "refs/heads/feature/x"}, "feature/x"),
        ({"BITBUCKET_BRANCH": "feature/x"}, "feature/x"),
        ({"CIRCLE_BRANCH": "feature/x"}, "feature/x"),
        ({"BRANCH_NAME": "feature/x"}, "feature/x"),
        ({"GIT_BRANCH": "origin/feature/x"}, "feature/x"),
    ],
)
def test_services_say_which_branch_they_build(work: Work, environ: dict[str, str], branch: str) -> None:
    """Each in its own words, where a commit is checked out."""
    commit = work.git("rev-parse", "HEAD")
    work.git("checkout", "--quiet", "--detach")

    assert (branch, commit) == ((ref := found(work, **environ)).branch, ref.commit)


@pytest.mark.parametrize(
    "environ",
    [
        {"GITHUB_REF": "refs/pull/12/merge", "GITHUB_HEAD_REF": "main"},
        {"CI_MERGE_REQUEST_IID": "12"},
        {"BUILD_SOURCEBRANCH": "refs/pull/12/merge"},
        {"BITBUCKET_PR_ID": "12", "BITBUCKET_BRANCH": "main"},
        {"CHANGE_ID": "12", "BRANCH_NAME": "PR-12"},
        {"SYSTEM_PULLREQUEST_PULLREQUESTID": "12", "BUILD_SOURCEBRANCH": "refs/heads/main"},
    ],
)
def test_the_build_of_a_pull_request_is_refused(work: Work, environ: dict[str, str]) -> None:
    """A stranger's branch may be called main; its code must not get into main's folder."""
    work.git("checkout", "--quiet", "--detach")
    with pytest.raises(UsageError, match="pull request"):
        found(work, **environ)
    assert "preview" == found(work, branch="preview", **environ).branch


def test_a_commit_alone_is_refused(work: Work) -> None:
    """There is no saying whose folder it belongs into, unless somebody says it."""
    commit = work.git("rev-parse", "HEAD")
    with pytest.raises(UsageError, match="is a commit and no branch") as caught:
        found(work, commit[:10])
    assert "--branch NAME" in caught.value.remedy
    assert Ref(branch="old", commit=commit, tree=tree_of(work, "HEAD")) == found(work, commit, branch="old")
    assert commit == found(work, "HEAD~0", branch="old").commit

    work.git("checkout", "--quiet", "--detach")
    with pytest.raises(UsageError, match="no branch, so there is no saying"):
        found(work)


@pytest.mark.parametrize("name", ["gone", "--help", "a b", "", "main:src", "refs/heads/gone"])
def test_a_ref_that_is_not_there_is_refused(work: Work, name: str) -> None:
    """With what to do if it was deleted."""
    with pytest.raises(UsageError, match="there is no branch") as caught:
        found(work, name)
    assert "--prune" in caught.value.remedy


def test_a_repository_without_a_commit_has_nothing_to_copy(tmp_path: Path) -> None:
    """And says so."""
    with pytest.raises(UsageError, match="no commit yet"):
        found(init(tmp_path / "new"))
