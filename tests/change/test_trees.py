"""Trees are made without touching the user's index, files or references."""

import os
import tempfile
from pathlib import Path

import pytest

from seatrial.records import PermanentError, UsageError
from seatrial.trial.change.trees import overlay, snapshot
from tests.change.repositories import Work, init

MODEL = "models/m.bin"


def test_snapshot_of_a_clean_tree_is_the_commits_tree(work: Work) -> None:
    """Where nothing was touched the snapshot is what the last commit holds."""
    assert work.git("rev-parse", "HEAD^{tree}") == snapshot(work.repository())


def test_snapshot_holds_what_is_there_now(work: Work) -> None:
    """Changed, removed and new files are in; ignored files and seatrial's own folder are not."""
    work.write({"app.py": "two\n", MODEL: None, "new file.py": "n", ".gitignore": "*.log\n", "x.log": "l"})
    work.write({".seatrial/runs/1/log": "l", "examples/.seatrial/journal": "j"})
    tree = snapshot(work.repository())
    assert [".gitignore", "app.py", "data/train.csv", "new file.py", "requirements.txt"] == work.names(tree)
    assert "two" == work.git("show", f"{tree}:app.py")


def test_snapshot_leaves_large_files_as_git_has_them(work: Work) -> None:
    """A model that was trained just now is not read, changed or new, as a file or a folder, tracked or ignored."""
    work.write(
        {MODEL: "trained", "weights/new": "trained", "it*.bin": "trained", "item.bin": "kept", ".gitignore": "x\ny\n"}
    )
    work.write({"x": "trained", "y/z/new": "trained"})
    tree = snapshot(work.repository(), without=(MODEL, "weights", "it*.bin", "x", "y/z"))
    assert sorted([".gitignore", "app.py", "data/train.csv", "item.bin", MODEL, "requirements.txt"]) == work.names(tree)
    assert "m" == work.git("show", f"{tree}:{MODEL}")


@pytest.mark.parametrize("ignored", [".seatrial/\n", ".seatrial\n", "*\n!.gitignore\n"])
def test_snapshot_works_where_its_own_folder_is_ignored(work: Work, ignored: str) -> None:
    """Leaving `.seatrial` out does not trip over a `.gitignore` that names it as well."""
    work.write({".gitignore": ignored, ".seatrial/journal": "j"})
    assert sorted([".gitignore", "app.py", "data/train.csv", MODEL, "requirements.txt"]) == work.names(
        snapshot(work.repository())
    )


def test_snapshot_leaves_out_its_own_folder_even_if_committed(work: Work) -> None:
    """A `.seatrial` that somebody committed is still no part of the version."""
    work.commit({".seatrial/journal": "j"})
    assert ["app.py", "data/train.csv", MODEL, "requirements.txt"] == work.names(snapshot(work.repository()))


def test_snapshot_touches_nothing(work: Work) -> None:
    """Index, references, stash and status are as before, a staged file stays staged."""
    work.write({"staged.py": "s", "untracked.py": "u"})
    work.git("add", "staged.py")
    before = [work.git("status", "--porcelain"), (work.folder / ".git/index").read_bytes(), work.git("for-each-ref")]
    snapshot(work.repository())
    after = [work.git("status", "--porcelain"), (work.folder / ".git/index").read_bytes(), work.git("for-each-ref")]
    assert before == after


def test_snapshot_sees_an_edit_in_the_same_tick(work: Work) -> None:
    """A file of the same size edited within the index's time stamp is still seen (git calls it racy)."""
    work.git("config", "core.trustctime", "false")
    stamp = (1_700_000_000_000_000_000,) * 2
    os.utime(work.folder / "app.py", ns=stamp)
    work.git("update-index", "--refresh")
    work.write({"app.py": "two\n"})
    for name in ("app.py", ".git/index"):
        os.utime(work.folder / name, ns=stamp)
    assert "two" == work.git("show", f"{snapshot(work.repository())}:app.py")


def test_snapshot_without_any_commit(empty: Work) -> None:
    """An unborn branch has a working tree all the same; an empty one is the empty tree."""
    assert [] == empty.names(snapshot(empty.repository()))
    empty.write({"a": "1"})
    assert ["a"] == empty.names(snapshot(empty.repository()))


def test_snapshot_from_a_subfolder_holds_the_whole_repository(work: Work) -> None:
    """The project's place does not limit what is taken: worktrees hold the whole repository."""
    work.write({"examples/digits/app.py": "x", "shared.py": "y"})
    tree = snapshot(work.repository("examples/digits"))
    assert {"examples/digits/app.py", "shared.py"} <= set(work.names(tree))


def test_snapshot_in_a_linked_worktree(work: Work, tmp_path: Path) -> None:
    """A worktree has its own index, and that is the one that counts."""
    work.git("worktree", "add", "--quiet", str(tmp_path / "linked"))
    linked = Work(tmp_path / "linked")
    linked.write({"only-here.py": "x"})
    assert "only-here.py" in linked.names(snapshot(linked.repository()))
    assert "only-here.py" not in work.names(snapshot(work.repository()))


def test_snapshot_during_a_merge_conflict(work: Work) -> None:
    """Unmerged files count as they lie in the working tree."""
    work.git("switch", "--quiet", "--create", "other")
    work.commit({"app.py": "other\n"})
    work.git("switch", "--quiet", "main")
    work.commit({"app.py": "mine\n"})
    with pytest.raises(AssertionError):
        work.git("merge", "--quiet", "other")
    assert "UU app.py" == work.git("status", "--porcelain")
    assert "<<<<<<<" in work.git("show", f"{snapshot(work.repository())}:app.py")


def test_snapshot_in_a_sparse_checkout(work: Work) -> None:
    """Files that a sparse checkout keeps off the disk are not taken for removed."""
    work.git("sparse-checkout", "set", "data")
    assert (work.folder / MODEL).exists() is False
    assert work.git("rev-parse", "HEAD^{tree}") == snapshot(work.repository())


@pytest.mark.parametrize(
    "settings",
    [
        {"core.fsmonitor": "true"},
        {"core.autocrlf": "input", "core.safecrlf": "true"},
        {"core.splitIndex": "true"},
        {"core.untrackedCache": "true"},
        {"core.quotePath": "true"},
        {"status.showUntrackedFiles": "no"},
        {"core.precomposeUnicode": "true"},
        {"add.ignoreErrors": "true"},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_snapshot_bears_the_users_settings(work: Work, settings: dict[str, str]) -> None:
    """Common settings of users neither break the snapshot, nor leave new files out, nor leave files in .git."""
    for key, value in settings.items():
        work.git("config", key, value)
    before = sorted(path.name for path in (work.folder / ".git").iterdir())
    work.write({"größe.txt": "a\r\nb\n"})
    assert "größe.txt" in work.names(snapshot(work.repository()))
    assert before == sorted(path.name for path in (work.folder / ".git").iterdir())


def test_snapshot_runs_no_program_of_the_user(work: Work, tmp_path: Path) -> None:
    """Neither hooks nor a file system monitor run."""
    for hook in ("post-index-change", "pre-commit", "post-checkout", "fsmonitor-watchman"):
        work.write({f".git/hooks/{hook}": f"#!/bin/sh\ntouch {tmp_path}/ran\n"})
        (work.folder / ".git/hooks" / hook).chmod(0o755)
    work.git("config", "core.fsmonitor", str(work.folder / ".git/hooks/fsmonitor-watchman"))
    work.write({"app.py": "two\n"})
    snapshot(work.repository())
    assert not (tmp_path / "ran").exists()


def test_snapshot_does_not_store_its_own_folder(work: Work) -> None:
    """What seatrial keeps in `.seatrial` may be large, so that git doesn't even read it."""
    work.write({".seatrial/envs/big": "big\n"})
    snapshot(work.repository())
    oid = work.git("hash-object", ".seatrial/envs/big")
    assert (None,) == work.repository().git.resolve(oid)


def test_missing_filter_is_explained(work: Work) -> None:
    """A required filter without its program is an error that says so, for a file that needs it."""
    work.git("config", "filter.lfs.clean", "no-such-program")
    work.git("config", "filter.lfs.required", "true")
    work.write({".gitattributes": "*.bin filter=lfs\n", "new.bin": "x"})
    with pytest.raises(UsageError, match="filter") as caught:
        snapshot(work.repository())
    assert "install" in caught.value.remedy


def test_repository_without_commits_inside_is_explained(work: Work) -> None:
    """A nested repository that git can't add comes with the remedy to ignore it."""
    init(work.folder / "nested")
    with pytest.raises(UsageError, match="without any commit") as caught:
        snapshot(work.repository())
    assert ".gitignore" in caught.value.remedy


def test_overlay_is_laid_over_the_project(work: Work) -> None:
    """Files of the overlay replace and add to the project's, and stay in their own folder as well."""
    work.commit({"p/app.py": "new", "p/keep.py": "k", "p/base/app.py": "old", "p/base/sub/x.py": "x", "app.py": "top"})
    repository = work.repository("p")
    tree = overlay(repository, work.git("rev-parse", "HEAD^{tree}"), "base")
    expected = {"p/app.py": "old", "p/keep.py": "k", "p/sub/x.py": "x", "p/base/app.py": "old", "app.py": "top"}
    assert expected == {path: work.git("show", f"{tree}:{path}") for path in expected}


def test_overlay_file_takes_the_place_of_a_folder(work: Work) -> None:
    """A file of the overlay where the project has a folder, and the other way round, replaces it."""
    work.commit({"a/x": "1", "b": "2", "base/a": "file", "base/b/y": "folder"})
    tree = overlay(work.repository(), work.git("rev-parse", "HEAD^{tree}"), "base")
    assert ["a", "b/y"] == [
        name for name in work.names(tree) if name[0] in "ab" and not name.startswith(("base", "app"))
    ]


@pytest.mark.parametrize("folder", ["nope", ".", "..", "/etc", "../../etc", "a/.."])
def test_useless_overlays_are_refused(work: Work, folder: str) -> None:
    """An overlay that is empty, the project itself, around it or outside the repository is an error with a remedy."""
    work.commit({"p/app.py": "x"})
    with pytest.raises(UsageError) as caught:
        overlay(work.repository("p"), work.git("rev-parse", "HEAD^{tree}"), folder)
    assert (f"overlay: {folder}", True) == (caught.value.where, bool(caught.value.remedy))


def test_missing_temporary_folder_is_explained(work: Work, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where no temporary file can be written the error names the folder and the way out."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(PermanentError, match="temporary file") as caught:
        snapshot(work.repository())
    assert (str(tmp_path / "missing"), True) == (caught.value.where, "TMPDIR" in caught.value.remedy)
