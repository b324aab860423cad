"""`seatrial import` writes a configuration and says what became of everything."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from seatrial.cli.main import app
from seatrial.config import load_project
from seatrial.records import UsageError
from tests.aicoe.making import LOCK, facts, overlay, write

FILES = {
    ".aicoe-ci.yaml": f"overlays:\n{overlay()}{overlay('training', gather='')}",
    "overlays/inference/Pipfile.lock": LOCK,
    "app.py": "os.environ['PORT']\n",
}


def run(*words: str) -> Result:
    """One command; errors come out as they are raised."""
    return CliRunner().invoke(app, ["import", *words], catch_exceptions=False)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """One complete overlay and one that lacks its test."""
    write(tmp_path, FILES)
    return tmp_path


def test_the_file_means_the_same_as_the_repository_unconverted(repository: Path) -> None:
    """Deployment for deployment."""
    before = load_project(repository)

    done = run("aicoe", str(repository))

    assert 0 == done.exit_code
    assert (repository / "seatrial.yaml").read_text().startswith("# Made from .aicoe-ci.yaml")
    assert [facts(each) for each in before.deployments] == [
        facts(each) for each in load_project(repository).deployments
    ]
    assert "taken  overlay inference is deployment inference: app.py is run" in done.stdout
    assert "left   overlay training is not tried: it lacks gather" in done.stdout


def test_a_file_that_is_there_is_not_overwritten_unless_that_is_asked_for(repository: Path) -> None:
    """The remedy names the options."""
    (repository / "seatrial.yaml").write_text("mine")
    with pytest.raises(UsageError, match="there already") as caught:
        run("aicoe", str(repository))
    assert "--force" in caught.value.remedy
    assert "mine" == (repository / "seatrial.yaml").read_text()
    run("aicoe", str(repository), "--force")
    assert "mine" != (repository / "seatrial.yaml").read_text()


def test_a_dry_run_prints_the_configuration_alone_and_writes_nothing(repository: Path) -> None:
    """What is said of it goes to standard error."""
    done = run("aicoe", str(repository), "--dry-run")
    assert not (repository / "seatrial.yaml").exists()
    assert done.stdout.startswith("# Made from")
    assert "taken  overlay" not in done.stdout
    assert "taken  overlay" in done.stderr


def test_json_has_what_was_taken_and_what_was_left(repository: Path) -> None:
    """And the text, whether or not it was written."""
    said = json.loads(run("aicoe", str(repository), "--format", "json", "--out", str(repository / "other.yaml")).stdout)
    assert (".aicoe-ci.yaml", str(repository / "other.yaml")) == (said["source"], said["written"])
    assert (repository / "other.yaml").read_text() == said["text"]
    assert 1 == len(said["taken"])
    assert "overlay training is not tried: it lacks gather" in said["left"]


def test_the_older_name_is_known_too(tmp_path: Path) -> None:
    """`.aicoe.yaml` is read where there is no `.aicoe-ci.yaml`."""
    write(tmp_path, {".aicoe.yaml": FILES[".aicoe-ci.yaml"], "app.py": ""})
    assert ".aicoe.yaml" in run("aicoe", str(tmp_path)).stdout


def test_runtime_environments_are_imported_as_stacks(repository: Path) -> None:
    """Each is a deployment."""
    write(
        repository,
        {
            ".thoth.yaml": "runtime_environments: [{name: a}, {name: b, python_version: 3.10}]\n",
            "features/a.feature": "",
        },
    )
    run("thoth", str(repository))
    assert ["app-a", "app-b"] == [each.name for each in load_project(repository).deployments]


@pytest.mark.parametrize(("system", "name"), [("aicoe", ".aicoe-ci.yaml or .aicoe.yaml"), ("thoth", ".thoth.yaml")])
def test_a_folder_without_such_a_file_is_an_error(tmp_path: Path, system: str, name: str) -> None:
    """It names the file."""
    with pytest.raises(UsageError, match=f"there is no {name}"):
        run(system, str(tmp_path))


def test_nothing_outside_of_the_folder_is_read(tmp_path: Path) -> None:
    """Neither by a path that leads out of it nor by a link."""
    write(tmp_path / "elsewhere", {"Dockerfile": 'FROM x\nCMD ["stolen"]\n'})
    for path in ("../elsewhere/Dockerfile", str(tmp_path / "elsewhere" / "Dockerfile"), "link/Dockerfile"):
        text = f"overlays:\n{overlay(build=f'{{build-strategy: Dockerfile, dockerfile-path: {path}}}')}"
        write(tmp_path / "project", {".aicoe-ci.yaml": text})
        if not (tmp_path / "project" / "link").exists():
            (tmp_path / "project" / "link").symlink_to(tmp_path / "elsewhere")
        (deployment,) = load_project(tmp_path / "project").deployments
        assert "stolen" not in str(deployment.run)
        assert "not there" in str(deployment.run)
