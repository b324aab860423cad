"""Git is run as data, shielded from surprises, and its refusals are explained."""

import os
from pathlib import Path

import pytest

from seatrial.records import PermanentError, SeatrialError, TemporaryError, UsageError
from seatrial.trial.change.git import Entry, Git, open_repository, shown
from seatrial.trial.change.refusals import explain
from tests.change.repositories import Work, init


def test_command_is_an_argument_list() -> None:
    """The exact command line is known without running git; nothing in it goes through a shell."""
    command = Git(Path("/repo"), {}).command("log", "$(touch x); y", settings={"a.b": "c"})
    assert ("git", "--no-pager", "--no-optional-locks") == command[:3]
    assert ("-c", "a.b=c", "-C", "/repo", "log", "$(touch x); y") == command[-6:]
    assert f"core.hooksPath={os.devnull}" in command


def test_environment_of_a_hook_does_not_redirect() -> None:
    """What git exports to hooks is dropped, settings given through the environment are kept, prompts are off."""
    given = {
        "GIT_DIR": "/elsewhere",
        "GIT_INDEX_FILE": "x",
        "GIT_CONFIG_COUNT": "0",
        "HOME": "/home/ada",
        "LC_ALL": "de",
    }
    expected = {
        "GIT_CONFIG_COUNT": "0",
        "HOME": "/home/ada",
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_PAGER": "cat",
    }
    assert expected == Git(Path("/repo"), given).environment()


def test_works_inside_a_hook(work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trial that a git hook of another repository starts finds its own repository."""
    other = init(tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(other.folder / ".git"))
    assert work.folder == work.repository().top


def test_missing_git_is_explained(work: Work) -> None:
    """Without a git program the remedy is to install it."""
    with pytest.raises(UsageError, match="git was not found") as caught:
        open_repository(work.folder, environ={"PATH": "/nonexistent"})
    assert "install" in caught.value.remedy


def test_folder_outside_git_is_explained(tmp_path: Path) -> None:
    """Outside a repository the remedy is a `git init`."""
    with pytest.raises(UsageError, match="not a git repository") as caught:
        open_repository(tmp_path, environ={**os.environ, "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)})
    assert "git init" in caught.value.remedy


def test_missing_folder_is_explained(tmp_path: Path) -> None:
    """A folder that isn't there is named as such."""
    with pytest.raises(UsageError, match="no such folder"):
        open_repository(tmp_path / "missing")


@pytest.mark.parametrize("place", [".git", "bare.git"])
def test_folder_without_working_tree_is_explained(work: Work, place: str) -> None:
    """A bare repository and git's own folder hold no files to try."""
    work.git("clone", "--quiet", "--bare", ".", "bare.git")
    with pytest.raises(UsageError, match="bare repository") as caught:
        work.repository(place)
    assert "worktree" in caught.value.remedy


def test_repository_of_another_owner_is_explained(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git's refusal over ownership comes with the exact command that allows it."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(UsageError, match="another user owns") as caught:
        work.repository()
    assert f"git config --global --add safe.directory {work.folder}" == caught.value.remedy


@pytest.mark.parametrize(
    ("message", "kind", "told"),
    [
        ("fatal: Unable to create '/r/.git/index.lock': File exists.", TemporaryError, "holds a lock"),
        ("fatal: failed to read .git/worktrees/a/commondir: Success", TemporaryError, "holds a lock"),
        ("error: unable to write file x: No space left on device", PermanentError, "disk is full"),
        ("fatal: data/x.bin: clean filter 'lfs' failed", UsageError, "filter"),
        ("error: external filter 'git-lfs filter-process' failed", UsageError, "filter"),
        ("warning: hm\nfatal: bad thing", PermanentError, "git add failed: fatal: bad thing"),
        ("", PermanentError, "no message"),
    ],
)
def test_refusals_are_explained(message: str, kind: type[SeatrialError], told: str) -> None:
    """Each known refusal has its kind of error; an unknown one is quoted."""
    error = explain(message, where="/r", action="add")
    assert (kind, True) == (type(error), told in str(error))


def test_project_below_the_top_is_located(work: Work) -> None:
    """A project in a subfolder knows its place in the repository."""
    work.write({"examples/digits/app.py": "x"})
    repository = work.repository("examples/digits")
    assert ("examples/digits", work.folder) == (repository.project, repository.top)
    assert "examples/digits/app.py" == repository.within("app.py")
    assert "app.py" == repository.relative("examples/digits/app.py")
    assert [True, False] == [repository.outside(path) for path in ("examples/digits2/x", "examples/digits/x")]


def test_symbolic_link_to_a_project_is_followed(work: Work, tmp_path: Path) -> None:
    """A project reached through a symbolic link is the same project."""
    link = tmp_path / "link"
    link.symlink_to(work.folder)
    assert work.folder == open_repository(link).top


def test_resolve_answers_many_at_once(work: Work) -> None:
    """Names that aren't there, aren't names at all or look like options are None, each in its place."""
    head = work.git("rev-parse", "HEAD")
    names = ["HEAD", "nope", "--help", "", "a\nb", "main^{commit}", "HEAD:app.py", "HEAD HEAD"]
    expected = (head, None, None, None, None, head, work.git("rev-parse", "HEAD:app.py"), None)
    assert expected == work.repository().git.resolve(*names)


def test_files_come_with_any_name(work: Work) -> None:
    """Spaces, line ends, quotes, unicode, undecodable bytes, links and modes come through."""
    odd = b"caf\xe9.csv".decode("utf-8", "surrogateescape")
    work.write({'a b\n"c".csv': "1", "größe.csv": "2", odd: "3", "run.sh": "4"})
    (work.folder / "run.sh").chmod(0o755)
    (work.folder / "link").symlink_to("run.sh")
    work.commit({})
    modes = {entry.path: entry.mode for entry in work.repository().git.files("HEAD")}
    expected = {'a b\n"c".csv': "100644", "größe.csv": "100644", odd: "100644", "run.sh": "100755", "link": "120000"}
    assert expected == {path: modes.get(path) for path in expected}
    assert r"caf\xe9.csv" == shown(odd)


def test_files_of_a_folder_only(work: Work) -> None:
    """Listing a folder leaves its neighbours out, also those whose name starts alike; a missing folder is empty."""
    work.commit({"data2/x": "1"})
    git = work.repository().git
    assert [["data/train.csv"], []] == [[entry.path for entry in git.files("HEAD", name)] for name in ("data", "nope")]


def test_differences_name_both_sides(work: Work) -> None:
    """A rename is one removed and one added; a change of mode alone is a difference."""
    before = work.git("rev-parse", "HEAD")
    (work.folder / "models/m.bin").chmod(0o755)
    work.commit({"app.py": None, "app2.py": "one\n"})
    blob = work.git("rev-parse", "HEAD:app2.py")
    found = {each.path: (each.before, each.after) for each in work.repository().git.differences(before, "HEAD")}
    model = work.git("rev-parse", "HEAD:models/m.bin")
    expected = {
        "app.py": (Entry("100644", blob, "app.py"), None),
        "app2.py": (None, Entry("100644", blob, "app2.py")),
        "models/m.bin": (Entry("100644", model, "models/m.bin"), Entry("100755", model, "models/m.bin")),
    }
    assert expected == found


def test_blobs_are_read_together(work: Work) -> None:
    """Contents with line ends and zero bytes come back whole; a missing object is left out."""
    work.commit({"x": b"1\n\0blob 3\n", "empty": b""})
    ids = [work.git("rev-parse", f"HEAD:{name}") for name in ("x", "empty")]
    assert {ids[0]: b"1\n\0blob 3\n", ids[1]: b""} == work.repository().git.blobs([*ids, "0" * 40])


def test_read_one_file(work: Work) -> None:
    """One file of a tree, None where there is none."""
    git = work.repository().git
    assert (b"one\n", None) == (git.read("HEAD", "app.py"), git.read("HEAD", "nope"))
