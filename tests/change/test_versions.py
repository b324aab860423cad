"""The two versions of a trial are chosen by the rules, and the choice is told."""

from pathlib import Path

import pytest

from seatrial.records import UsageError, Version
from seatrial.trial.change.git import Repository, open_repository
from seatrial.trial.change.versions import Choice, choose_baseline, choose_candidate, default_branch
from tests.change.repositories import Work, init


def baseline(
    repository: Repository,
    *,
    head: str | None = None,
    base: str | None = None,
    config_base: str | None = None,
    overlay: str | None = None,
) -> Choice:
    """The baseline for a candidate."""
    candidate = choose_candidate(repository, head).version
    return choose_baseline(repository, candidate, base=base, config_base=config_base, overlay=overlay)


@pytest.fixture
def feature(work: Work) -> Work:
    """A branch `feature` with two commits, while `main` has gone on by one."""
    work.git("tag", "fork")
    work.git("switch", "--quiet", "--create", "feature")
    work.commit({"app.py": "two\n"})
    work.commit({"app.py": "three\n"})
    work.git("switch", "--quiet", "main")
    work.commit({"other.py": "x\n"})
    work.git("switch", "--quiet", "feature")
    return work


def test_clean_working_tree_is_its_commit(work: Work) -> None:
    """Without uncommitted changes the working tree is the commit's tree and not dirty."""
    head, tree = work.git("rev-parse", "HEAD"), work.git("rev-parse", "HEAD^{tree}")
    expected = Version(name="candidate", tree=tree, commit=head, described=f"working tree ({head[:7]})")
    assert expected == choose_candidate(work.repository(), None).version


def test_dirty_working_tree_says_so(work: Work) -> None:
    """With uncommitted changes it is dirty, and the commit below is named."""
    work.write({"app.py": "two\n"})
    version = choose_candidate(work.repository(), "WORKTREE").version
    head = work.git("rev-parse", "HEAD")
    assert (True, head) == (version.dirty, version.commit)
    assert f"working tree (uncommitted changes on {head[:7]})" == version.described


def test_head_can_be_a_revision(feature: Work) -> None:
    """A branch, a tag or an abbreviated commit names the candidate; the working tree is not looked at."""
    feature.write({"app.py": "uncommitted\n"})
    commit = feature.git("rev-parse", "feature~1")
    found = [choose_candidate(feature.repository(), name).version for name in ("feature~1", commit, commit[:9])]
    assert [f"feature~1 ({commit[:7]})", commit[:7], commit[:7]] == [version.described for version in found]
    assert {(commit, False)} == {(version.commit, version.dirty) for version in found}


def test_tree_id_is_a_version_too(work: Work) -> None:
    """The tree that an earlier report names can be tried again, although no commit has it."""
    tree = work.git("rev-parse", "HEAD^{tree}")
    version = choose_candidate(work.repository(), tree).version
    assert (tree, None, f"tree {tree[:7]}") == (version.tree, version.commit, version.described)


def test_baseline_is_the_merge_base_by_default(feature: Work) -> None:
    """A branch is compared with where it left the default branch, not with that branch's tip."""
    choice = baseline(feature.repository())
    fork = feature.git("rev-parse", "fork")
    assert (fork, f"merge-base with main ({fork[:7]})") == (choice.version.commit, choice.version.described)
    assert ("the baseline is where the candidate left main",) == choice.notes


def test_detached_head_has_a_merge_base_too(feature: Work) -> None:
    """CI systems check out a commit and no branch."""
    feature.git("switch", "--quiet", "--detach")
    assert feature.git("rev-parse", "fork") == baseline(feature.repository()).version.commit


def test_clean_default_branch_is_compared_with_its_parent(feature: Work) -> None:
    """On the default branch the question is what the last commit changed."""
    feature.git("switch", "--quiet", "main")
    choice = baseline(feature.repository())
    fork, head = feature.git("rev-parse", "fork"), feature.git("rev-parse", "main")
    assert (fork, f"parent of {head[:7]} ({fork[:7]})") == (choice.version.commit, choice.version.described)
    assert "nothing is uncommitted" in choice.notes[0]


def test_dirty_default_branch_is_compared_with_its_tip(work: Work) -> None:
    """On the default branch with uncommitted changes the question is what those change."""
    work.write({"app.py": "two\n"})
    choice = baseline(work.repository())
    head = work.git("rev-parse", "HEAD")
    assert (head, f"HEAD ({head[:7]})") == (choice.version.commit, choice.version.described)
    assert "without the uncommitted changes" in choice.notes[0]


def test_first_commit_has_nothing_to_be_compared_with(work: Work) -> None:
    """The first commit is an error that names the ways out."""
    with pytest.raises(UsageError, match="first commit") as caught:
        baseline(work.repository())
    assert ["--base", "overlay"] == [word for word in ("--base", "overlay") if word in caught.value.remedy]


def test_no_commit_has_nothing_to_be_compared_with(empty: Work) -> None:
    """An unborn branch is an error as well, unless an overlay makes the baseline."""
    empty.write({"app.py": "new", "base/app.py": "old"})
    with pytest.raises(UsageError, match="no commit yet"):
        baseline(empty.repository())
    assert "overlay base/" == baseline(empty.repository(), overlay="base").version.described


def test_what_is_named_wins_in_order(feature: Work) -> None:
    """`--base` comes before the configuration's base, that before its overlay, that before history."""
    feature.commit({"old/app.py": "old\n"})
    repository = feature.repository()
    found = [
        baseline(repository, base="fork", config_base="main", overlay="old"),
        baseline(repository, config_base="main", overlay="old"),
        baseline(repository, overlay="old/"),
        baseline(repository),
    ]
    fork, main = feature.git("rev-parse", "--short=7", "fork"), feature.git("rev-parse", "--short=7", "main")
    expected = [f"fork ({fork})", f"main ({main})", "overlay old/", f"merge-base with main ({fork})"]
    assert expected == [choice.version.described for choice in found]


def test_base_that_went_on_is_noted(feature: Work) -> None:
    """A base with commits of its own makes those look like changes, so that it is said; an ancestor needs no note."""
    repository = feature.repository()
    assert [True, False] == [bool(baseline(repository, base=name).notes) for name in ("main", "fork")]


def test_base_can_be_a_running_service(work: Work) -> None:
    """A URL names a service that already runs, which has no files."""
    choice = baseline(work.repository(), base="http://127.0.0.1:9000")
    expected = Version(name="baseline", url="http://127.0.0.1:9000", described="http://127.0.0.1:9000")
    assert (expected, True) == (choice.version, "already runs" in choice.notes[0])


@pytest.mark.parametrize(
    "url", ["http://", "https:///path", "http://ada:secret@host/", "http://host:port/", "http://[x"]
)
def test_unfit_urls_are_refused_without_showing_secrets(work: Work, url: str) -> None:
    """A URL without a host or with a password is an error that does not repeat it."""
    with pytest.raises(UsageError) as caught:
        baseline(work.repository(), base=url)
    assert ("--base", False) == (caught.value.where, "secret" in str(caught.value))


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("feture", "did you mean 'feature'?"),
        ("v1.0.O", "did you mean 'v1.0.0'?"),
        ("data", "write `overlay: data` in seatrial.yaml"),
        ("--upload-pack=x", "git branch --all"),
        ("main..feature", "did you mean 'feature'?"),
        (" ", "git branch --all"),
        ("a\nb", "git branch --all"),
    ],
)
def test_unknown_revision_names_the_nearest(feature: Work, name: str, remedy: str) -> None:
    """An unknown revision is an error with the nearest branch or tag, or with where to look."""
    feature.git("tag", "v1.0.0")
    with pytest.raises(UsageError, match="no revision") as caught:
        baseline(feature.repository(), base=name)
    assert ("--base", True) == (caught.value.where, remedy in caught.value.remedy)


def test_branch_that_only_the_remote_has_is_suggested(feature: Work, tmp_path: Path) -> None:
    """After a clone a branch exists as `origin/NAME` only."""
    feature.git("branch", "release-candidate")
    clone = _clone(feature, tmp_path)
    with pytest.raises(UsageError) as caught:
        choose_candidate(clone, "release-candidate")
    assert "did you mean 'origin/release-candidate'?" == caught.value.remedy


def test_default_branch_is_the_remotes(feature: Work, tmp_path: Path) -> None:
    """In a clone origin/HEAD says which branch is the default one, whatever its name."""
    feature.git("branch", "--move", "main", "trunk")
    feature.git("switch", "--quiet", "trunk")
    clone = _clone(feature, tmp_path)
    assert "origin/trunk" == default_branch(clone).name


@pytest.mark.parametrize("name", ["main", "master", "trunk"])
def test_default_branch_by_its_name(work: Work, name: str) -> None:
    """Without a remote it is `main`, `master` or what init.defaultBranch names."""
    work.git("config", "init.defaultBranch", "trunk")
    work.git("branch", "--move", name)
    assert name == default_branch(work.repository()).name


def test_missing_default_branch_is_explained(work: Work) -> None:
    """Without any of these the user has to name a base."""
    work.git("branch", "--move", "something")
    with pytest.raises(UsageError, match="no default branch") as caught:
        baseline(work.repository())
    assert "--base REV" in caught.value.remedy


def test_shallow_clone_is_told_how_to_deepen(feature: Work, tmp_path: Path) -> None:
    """Where the merge-base or parent is cut off, the remedy is to fetch the history."""
    feature.git("switch", "--quiet", "main")
    both = _clone(feature, tmp_path / "both", "--depth=1", "--no-single-branch", "--branch=feature")
    main = _clone(feature, tmp_path / "main", "--depth=1", "--branch=main")
    one = _clone(feature, tmp_path / "one", "--depth=1", "--branch=feature")
    one.git.run("update-ref", "-d", "refs/remotes/origin/HEAD")
    one.git.run("branch", "--move", "pull")
    one.git.run("update-ref", "-d", "refs/remotes/origin/feature")
    messages = []
    for repository in (both, main, one):
        with pytest.raises(UsageError) as caught:
            baseline(repository)
        assert "fetch-depth: 0" in caught.value.remedy
        messages.append(caught.value.what)
    expected = ["no commit in common", "the parent of the last commit isn't here", "no default branch"]
    assert expected == [text for text, message in zip(expected, messages, strict=True) if text in message]


def test_unrelated_histories_are_explained(work: Work) -> None:
    """Branches without a common commit have no merge-base."""
    work.git("switch", "--quiet", "--orphan", "other")
    work.commit({"x": "1"})
    with pytest.raises(UsageError, match="no commit in common") as caught:
        baseline(work.repository())
    assert "--base REV" in caught.value.remedy


def test_uncommitted_changes_in_a_submodule_are_noted(work: Work, tmp_path: Path) -> None:
    """Git records a submodule's commit only, so edits inside it are named as left out."""
    library = _library(tmp_path)
    work.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library.folder), "libs/a b")
    work.commit({})
    assert () == choose_candidate(work.repository(), None).notes
    work.write({"libs/a b/lib.py": "edited"})
    notes = choose_candidate(work.repository(), None).notes
    assert (1, True) == (len(notes), "libs/a b" in notes[0])


def _library(folder: Path) -> Work:
    library = init(folder / "library")
    library.commit({"lib.py": "l"})
    return library


def _clone(work: Work, folder: Path, *args: str) -> Repository:
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / "clone"
    work.git("clone", "--quiet", *args, f"file://{work.folder}", str(place))
    return open_repository(place)
