"""`seatrial init` as people meet it: what it makes, what it says, and what it refuses."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from seatrial import __version__
from seatrial.scaffold import Ci, files_of
from tests.scaffold.projects import environment, init, options, run


def git(folder: Path, *arguments: str) -> str:
    """What a git command prints."""
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=environment(), capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_a_project_is_a_repository_with_one_commit(tmp_path: Path) -> None:
    """All files are committed on the branch `main`, the address is the remote, and the next step is named."""
    done = init(tmp_path, "wine", "--demo", "--ci", "tekton", "--forge-url", "https://git.example.org/you/wine")
    folder = tmp_path / "wine"
    commit = git(folder, "rev-parse", "HEAD")

    assert 0 == done.returncode, done.stderr
    assert ("", "1", "main") == (
        git(folder, "status", "--porcelain"),
        git(folder, "rev-list", "--count", "HEAD"),
        git(folder, "branch", "--show-current"),
    )
    assert "https://git.example.org/you/wine.git" == git(folder, "remote", "get-url", "origin")
    assert f"first commit {commit[:7]}" in done.stdout
    assert "cd wine && scripts/test && seatrial trial --base HEAD" in done.stdout
    assert "" == done.stderr
    assert f"seatrial[models,forge]=={__version__}" in (folder / "requirements-seatrial.txt").read_text()


def test_json_lists_the_files(tmp_path: Path) -> None:
    """One document on standard output, with every file that is on the disk."""
    done = init(tmp_path, "wine", "--format", "json")
    made = json.loads(done.stdout)
    there = git(tmp_path / "wine", "ls-files").split("\n")

    assert ("wine", "wine", "github", []) == (made["folder"], made["name"], made["ci"], made["left"])
    assert sorted(there) == sorted(made["added"])
    assert git(tmp_path / "wine", "rev-parse", "HEAD") == made["commit"]


def test_the_page_shows_what_is_printed(tmp_path: Path) -> None:
    """The how-to names as many files as there are, and the next step as it is said."""
    page = (Path(__file__).parents[2] / "docs/how-to/new-project.md").read_text(encoding="utf-8")
    shown = page.split("$ seatrial init wine --demo\n")[1].split("```")[0]
    commit = re.compile(r"first commit [0-9a-f]{7}")

    assert commit.sub("", init(tmp_path, "wine", "--demo").stdout) == commit.sub("", shown)


def test_what_the_users_git_ignores_is_committed_too(tmp_path: Path) -> None:
    """A global rule against models must not leave the trained one out."""
    (tmp_path / "ignored").write_text("*.joblib\n*.csv\n")
    (tmp_path / "config").write_text(f"[core]\n\texcludesFile = {tmp_path / 'ignored'}\n")
    init(tmp_path, "wine", "--demo", GIT_CONFIG_GLOBAL=str(tmp_path / "config"))

    assert {"model.joblib", "data/machines.csv"} <= set(git(tmp_path / "wine", "ls-files").split("\n"))


def test_without_a_name_the_commit_is_made_all_the_same(tmp_path: Path) -> None:
    """On a bare machine git knows nobody: the commit has seatrial's name, and a note says how to change that."""
    (tmp_path / "config").write_text("[user]\n\tuseConfigOnly = true\n")
    settings = {"GIT_CONFIG_GLOBAL": str(tmp_path / "config"), "GIT_CONFIG_SYSTEM": os.devnull}
    env = {key: value for key, value in environment(**settings).items() if not key.endswith(("_NAME", "_EMAIL"))}
    command = [sys.executable, "-c", "from seatrial.cli.entry import main; main()", "init", "wine"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)

    assert 0 == done.returncode, done.stderr
    assert "git does not know your name" in done.stdout
    assert "seatrial <seatrial@localhost>" == git(tmp_path / "wine", "log", "-1", "--format=%an <%ae>")


def test_no_git_makes_no_repository(tmp_path: Path) -> None:
    """The files alone; a note says what a trial needs."""
    done = init(tmp_path, "wine", "--no-git")

    assert (0, False) == (done.returncode, (tmp_path / "wine" / ".git").exists())
    assert "a trial needs a git repository" in done.stdout


def test_a_place_of_ones_own(tmp_path: Path) -> None:
    """`--project` names the folder; the name is the project's all the same."""
    done = init(tmp_path, "wine", "--project", "elsewhere", "--format", "json")

    assert ("elsewhere", "wine") == (json.loads(done.stdout)["folder"], json.loads(done.stdout)["name"])
    assert "name: wine\n" in (tmp_path / "elsewhere" / "seatrial.yaml").read_text()


def test_a_repository_in_a_repository_is_pointed_out(tmp_path: Path) -> None:
    """It is made, but the outer one would not contain it."""
    git(tmp_path, "init", "--quiet")

    assert "inside another git repository" in init(tmp_path, "wine").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "what the project is called is missing"),
        (("9 wines",), "'wines' would do"),
        (("wine", "--forge-url", "wine"), "is no http address"),
        (("wine", "--forge-url", "https://github.com/a/b", "--ci", "gitlab"), "do not run at github.com"),
        (("wine", "--project", "no/where"), "there is no such folder"),
        (("wine", "--ci", "travis"), "travis"),
    ],
)
def test_what_cannot_be_made_is_refused(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    """Exit code 2, the reason on standard error, nothing on the disk."""
    done = init(tmp_path, *arguments)

    assert (2, "") == (done.returncode, done.stdout)
    assert said in done.stderr
    assert [] == list(tmp_path.iterdir())


def test_a_second_time_is_refused(tmp_path: Path) -> None:
    """The folder is not empty any more, and stays as it is."""
    init(tmp_path, "wine")
    before = git(tmp_path / "wine", "rev-parse", "HEAD")
    done = init(tmp_path, "wine", "--demo")

    assert 2 == done.returncode
    assert "seatrial init --here" in done.stderr
    assert (before, "") == (
        git(tmp_path / "wine", "rev-parse", "HEAD"),
        git(tmp_path / "wine", "status", "--porcelain"),
    )


def test_when_git_refuses_nothing_is_left(tmp_path: Path) -> None:
    """A commit that can't be made (here: signed by a program that fails) takes the whole project with it."""
    (tmp_path / "config").write_text("[commit]\n\tgpgSign = true\n[gpg]\n\tprogram = /bin/false\n")
    done = init(tmp_path, "wine", GIT_CONFIG_GLOBAL=str(tmp_path / "config"))

    assert done.returncode in {2, 4}, done.stdout
    assert "error: " in done.stderr
    assert ["config"] == [path.name for path in tmp_path.iterdir()]


def test_a_kill_leaves_nothing_at_the_place(tmp_path: Path) -> None:
    """Killed in the middle of the commit: there is no half project at its place, and the next try makes it."""
    programs = tmp_path / "programs"
    programs.mkdir()
    killer = programs / "git"
    killer.write_text(
        f'#!/bin/sh\ncase "$*" in *" commit "*) kill -9 "$PPID";; esac\nexec {shutil.which("git")} "$@"\n'
    )
    killer.chmod(0o755)
    killed = init(tmp_path, "wine", PATH=f"{programs}:{os.environ['PATH']}")

    assert -signal.SIGKILL == killed.returncode
    assert not (tmp_path / "wine").exists()
    assert 0 == init(tmp_path, "wine").returncode


def test_without_git_nothing_is_left(tmp_path: Path) -> None:
    """On a machine without git the error says how to get it; `--no-git` would do without."""
    done = init(tmp_path, "wine", PATH="/nowhere")

    assert (2, []) == (done.returncode, list(tmp_path.iterdir()))
    assert "git was not found" in done.stderr


def test_here_adds_what_is_missing(tmp_path: Path) -> None:
    """In an existing repository: what is there stays, is told, and nothing is committed."""
    folder = tmp_path / "wine_2"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=trunk")
    (folder / "README.md").write_text("mine\n")
    (folder / ".gitignore").write_text(".venv/\n*.tmp\n")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "mine")
    done = init(folder, "--here", "--ci", "gitlab", "--format", "json")
    made = json.loads(done.stdout)
    wanted = set(files_of(options(Ci.GITLAB, forge=False)))

    assert 0 == done.returncode
    assert ("wine_2", [".gitignore", "README.md"]) == (made["name"], sorted(made["left"]))
    assert wanted == {*made["added"], *made["left"]}
    assert all((folder / path).is_file() for path in wanted)
    assert ("mine\n", "1") == ((folder / "README.md").read_text(), git(folder, "rev-list", "--count", "HEAD"))
    assert [note for note in made["notes"] if ".gitignore lacks" in note and ".seatrial/" in note]
    assert not [note for note in made["notes"] if ".venv/" in note]
    assert os.access(folder / "scripts" / "test", os.X_OK)


def test_here_tells_each_file(tmp_path: Path) -> None:
    """A line each: added, or left."""
    git(tmp_path, "init", "--quiet")
    (tmp_path / "README.md").write_text("mine\n")
    done = init(tmp_path, "wine", "--here")

    assert "added  seatrial.yaml\n" in done.stdout
    assert "left   README.md\n" in done.stdout


@pytest.mark.parametrize(("branch", "expected"), [("trunk", "trunk"), ("master", "master")])
def test_here_follows_the_default_branch(tmp_path: Path, branch: str, expected: str) -> None:
    """Pipelines of released models follow the branch that there is, not `main`."""
    git(tmp_path, "init", "--quiet", f"--initial-branch={branch}")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", "first")
    git(tmp_path, "switch", "--quiet", "--create", "topic") if branch == "master" else None
    init(tmp_path, "wine", "--here")

    assert f'branches: ["{expected}"]' in (tmp_path / ".github/workflows/wine-model-ci.yml").read_text()


def test_here_points_out_what_ci_will_not_see(tmp_path: Path) -> None:
    """Below the top of a repository pipelines are not found; outside of one there is no trial."""
    outside = init(tmp_path, "wine", "--here")
    repository = tmp_path / "repository"
    (repository / "models").mkdir(parents=True)
    git(repository, "init", "--quiet")
    below = init(repository / "models", "wine", "--here")

    assert "a trial needs a git repository" in outside.stdout
    assert "this is models/ of a larger repository" in below.stdout


def test_here_is_refused_where_there_is_nothing(tmp_path: Path) -> None:
    """A misspelt folder makes no project."""
    done = init(tmp_path, "wine", "--here", "--project", "misspelt")

    assert (2, []) == (done.returncode, list(tmp_path.iterdir()))
    assert "there is no such folder" in done.stderr


def test_scripts_say_what_they_do_without_a_registry(tmp_path: Path) -> None:
    """As long as `registry:` is a comment nothing waits, and seatrial is not even asked."""
    init(tmp_path, "wine")
    done = run(["scripts/waiting"], tmp_path / "wine", SEATRIAL="/nowhere")

    assert (0, "") == (done.returncode, done.stdout)
    assert "names no registry" in done.stderr
