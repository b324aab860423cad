"""What a model that is registered now was made from."""

import os
from pathlib import Path

import pytest

from seatrial.config import read_project
from seatrial.records import Project, UsageError
from seatrial.registry.listing import digest_of_path
from seatrial.trial.build.declaration import declare
from seatrial.trial.origin import Code, find_code, find_data, find_stack
from tests.change.repositories import Work, init, pointer

CONFIG = "requests: {file: r.jsonl, label: y}\n"


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Work:
    """A repository with one commit on `main`."""
    for key in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(key, os.devnull)
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "ada@example.org")
    work = init(tmp_path / "work")
    work.commit({"app.py": "one\n", "requirements.txt": "numpy==2.0\n", ".gitignore": "ignored\n"})
    return work


def code(work: Work, *apart: str, environ: dict[str, str] | None = None, project: str = ".") -> Code:
    """Where the project stands."""
    places = [work.folder / each for each in apart]
    return find_code(work.folder / project, environ={**os.environ, **(environ or {})}, apart_from=places)


def test_the_commit_and_the_branch_are_found(work: Work) -> None:
    """Of the repository that holds the project."""
    assert Code(commit=work.git("rev-parse", "HEAD"), branch="main", tree=work.git("rev-parse", "HEAD^{tree}")) == code(
        work
    )


@pytest.mark.parametrize(
    ("files", "state"),
    [
        ({"app.py": "two\n"}, "dirty"),
        ({"new.py": "new\n"}, "dirty"),
        ({"app.py": None}, "dirty"),
        ({"ignored": "x"}, "clean"),
        ({"models/m.bin": "weights"}, "clean"),
        ({"models/m.bin": "weights", "models/code.py": "x"}, "dirty"),
        ({".seatrial/registry.db": "x"}, "clean"),
        ({}, "clean"),
    ],
)
def test_uncommitted_changes_count_but_for_the_model_itself(
    work: Work, files: dict[str, str | None], state: str
) -> None:
    """New files as well, unless git ignores them; seatrial's own folder never."""
    work.write(files)

    assert (state == "dirty") == code(work, "models/m.bin").dirty


def test_a_model_folder_does_not_count_either(work: Work) -> None:
    """Nor what lies outside the repository."""
    work.write({"models/*[x]/m.bin": "weights"})

    assert not code(work, "models/*[x]", "../elsewhere").dirty


def test_a_project_below_the_top_is_part_of_its_repository(work: Work) -> None:
    """Changes beside it count: they are in the same commit."""
    work.commit({"sub/train.py": "x"})
    assert not code(work, project="sub").dirty
    work.write({"app.py": "two\n"})
    assert code(work, project="sub").dirty


@pytest.mark.parametrize(
    ("environ", "branch"),
    [
        ({}, None),
        ({"GITHUB_REF_NAME": "topic"}, "topic"),
        ({"GITHUB_HEAD_REF": "fix", "GITHUB_REF_NAME": "7/merge"}, "fix"),
        ({"BUILD_SOURCEBRANCH": "refs/heads/a/b"}, "a/b"),
        ({"GIT_BRANCH": "origin/topic"}, "topic"),
    ],
)
def test_a_detached_commit_has_the_branch_that_ci_names(
    work: Work, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], branch: str | None
) -> None:
    """It checks out commits, not branches."""
    for name in ("GITHUB_HEAD_REF", "GITHUB_REF_NAME", "CI_COMMIT_REF_NAME", "BRANCH_NAME", "GIT_BRANCH"):
        monkeypatch.delenv(name, raising=False)
    work.git("checkout", "--quiet", "--detach")

    assert branch == code(work, environ=environ).branch


def test_outside_git_nothing_is_known_and_a_note_says_so(tmp_path: Path) -> None:
    """And before the first commit."""
    (tmp_path / "plain").mkdir()
    for folder in (tmp_path / "plain", init(tmp_path / "empty").folder):
        found = find_code(folder, environ=os.environ)
        assert (None, None, False) == (found.commit, found.branch, found.dirty)
        assert "the commit is not known" in found.note


def test_data_are_known_by_their_digest(tmp_path: Path) -> None:
    """A file's or a folder's."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.csv").write_text("a,b\n")

    assert digest_of_path(tmp_path / "data") == find_data(tmp_path / "data")
    assert digest_of_path(tmp_path / "data" / "train.csv") == find_data(tmp_path / "data" / "train.csv")


def test_data_that_dvc_tracks_are_known_by_its_md5(tmp_path: Path) -> None:
    """By the pointer beside them, whether they were pulled or not, or by the pointer itself."""
    (tmp_path / "train.csv.dvc").write_text(pointer("ab12", "train.csv"))

    assert "md5:ab12" == find_data(tmp_path / "train.csv")
    (tmp_path / "train.csv").write_text("a,b\n")
    assert "md5:ab12" == find_data(tmp_path / "train.csv")
    assert "md5:ab12" == find_data(tmp_path / "train.csv.dvc")


@pytest.mark.parametrize("content", ["", "outs: 1", pointer("ab12", "other.csv")])
def test_a_pointer_to_something_else_is_refused(tmp_path: Path, content: str) -> None:
    """A wrong version of the data is worse than none."""
    (tmp_path / "train.csv.dvc").write_text(content)

    with pytest.raises(UsageError, match="pointer") as caught:
        find_data(tmp_path / "train.csv")

    assert str(tmp_path / "train.csv.dvc") == caught.value.where


def test_data_that_are_nowhere_are_refused(tmp_path: Path) -> None:
    """Somebody mistyped."""
    with pytest.raises(UsageError, match="no such data"):
        find_data(tmp_path / "train.csv")


def config(text: str) -> Project:
    """A project whose deployments are these."""
    return read_project(CONFIG + text, where="seatrial.yaml", default_name="small")


def test_the_stack_is_the_declared_one(work: Work) -> None:
    """With the digest that a trial gives it; also without a seatrial.yaml, or where that names no deployments."""
    digest = declare(work.folder / "requirements.txt", python=None, salt="").digest
    project = config("deployments: {forest: {run: python app.py}, ridge: {run: python app.py}}")

    assert (digest, "") == find_stack(work.folder, project, "wine", code(work))
    assert (digest, "") == find_stack(work.folder, None, "wine", code(work))
    assert (digest, "") == find_stack(work.folder, config("services: {wine: {}}"), "wine", code(work))


def test_the_stack_is_that_of_the_deployment_that_serves_the_model(work: Work) -> None:
    """By `models`, else by the same name; where neither says, nothing is said."""
    work.commit({"other.txt": "numpy==1.26\n"})
    deployments = "deployments: {forest: {run: a, stack: other.txt}, ridge: {run: b}}"
    here = code(work)
    own, other = (
        declare(work.folder / name, python=None, salt="").digest for name in ("requirements.txt", "other.txt")
    )

    assert (other, "") == find_stack(work.folder, config(deployments), "forest", here)
    named = config(f"{deployments}\nmodels: {{wine: {{deployment: ridge, path: m.joblib}}}}")
    assert (own, "") == find_stack(work.folder, named, "wine", here)
    digest, note = find_stack(work.folder, config(deployments), "wine", here)
    assert digest is None
    assert "several" in note


@pytest.mark.parametrize(
    ("stack", "note"),
    [("host", "that of the host"), ("missing.txt", "does not exist"), ("{file: app.py}", "can't be read from app.py")],
)
def test_a_stack_that_is_not_known_is_a_note(work: Work, stack: str, note: str) -> None:
    """And no error: a model without it is still a model."""
    digest, told = find_stack(work.folder, config(f"deployments: {{m: {{run: a, stack: {stack}}}}}"), "m", code(work))

    assert digest is None
    assert note in told


def test_a_stack_with_folders_of_the_project_counts_their_commit(work: Work) -> None:
    """With uncommitted changes it is none that could be made again."""
    work.commit({"requirements.txt": "-e .\n"})
    first, _ = find_stack(work.folder, None, "wine", code(work))
    work.commit({"app.py": "two\n"})
    second, _ = find_stack(work.folder, None, "wine", code(work))
    work.write({"app.py": "three\n"})
    third, note = find_stack(work.folder, None, "wine", code(work))

    assert first is not None
    assert first != second
    assert third is None
    assert "not committed" in note
