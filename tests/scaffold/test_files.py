"""The files of a project are a pure function of the options, complete, and part of what is installed."""

import subprocess
import zipfile
from pathlib import Path

import pytest

from seatrial.config.load import read_project
from seatrial.scaffold import Ci, ProjectOptions, files_of, pipelines_of
from seatrial.scaffold.files import TEMPLATES
from tests.scaffold.projects import OWN, environment, kinds, options

ROOT = Path(__file__).parents[2]
EVERY = [kind for ci in Ci for kind in kinds(ci)]


def _name(kind: ProjectOptions) -> str:
    return f"{kind.ci}-{'demo' if kind.demo else 'minimal'}-{'forge' if kind.forge else 'nowhere'}"


@pytest.mark.parametrize("kind", EVERY, ids=_name)
def test_every_project_has_its_parts(kind: ProjectOptions) -> None:
    """Code, tests, features, configuration, a test command that can be started, and the four pipelines by their names."""
    files = files_of(kind)
    wanted = {"README.md", ".gitignore", "seatrial.yaml", "requirements.txt", "requests.jsonl", "signature.yaml"}
    code = {"src/model/train.py", "src/model/tests/test_model.py", "features/test-model.feature"}
    pipelines = {Path(path).name.split(".")[0] for path in pipelines_of(kind) if Path(path).name.startswith("wine_2-")}

    assert wanted | code | set(pipelines_of(kind)) <= set(files)
    assert {"scripts/test", "scripts/waiting"} == {path for path, file in files.items() if file.executable}
    assert {f"wine_2-{pipeline}" for pipeline in ("trial", "model-ci", "model-cd", "code-cd")} == pipelines
    assert kind.demo == ("model.joblib" in files)


@pytest.mark.parametrize("kind", EVERY, ids=_name)
def test_texts_are_whole(kind: ProjectOptions) -> None:
    """No template's own marks are left, no line ends in blanks, and each file ends with one line end."""
    for path, file in files_of(kind).items():
        if path.endswith(".joblib"):
            continue
        text = file.content.decode()
        assert text.endswith("\n"), path
        assert not text.endswith("\n\n"), path
        assert not [mark for mark in ("[%", "%]", "[[ ", " ]]", "[#") if mark in text], path
        if not path.endswith(".patch"):
            assert [] == [line for line in text.split("\n") if line != line.rstrip()], path


@pytest.mark.parametrize("kind", EVERY, ids=_name)
def test_links_lead_to_the_forge(kind: ProjectOptions) -> None:
    """With an address the README and whatever needs a place have it; without one, nothing but an example is named."""
    texts = {path: file.content.decode() for path, file in files_of(kind).items() if not path.endswith(".joblib")}
    places = {Ci.JENKINS: "jenkins/jobs.yaml", Ci.AZURE: "README.md", Ci.TEKTON: "README.md"}
    place = texts[places.get(kind.ci, "README.md")]

    if kind.forge is None:
        assert not [path for path, text in texts.items() if "github.com/sailors" in text]
        return
    assert kind.forge.url in texts["README.md"]
    assert (kind.forge.organization if kind.ci is Ci.AZURE else kind.forge.url) in place


def test_the_same_options_give_the_same_files() -> None:
    """Nothing depends on the time or the machine."""
    assert files_of(options(demo=True)) == files_of(options(demo=True))


@pytest.mark.parametrize("demo", [False, True])
def test_the_configuration_is_read(*, demo: bool) -> None:
    """`seatrial.yaml` is accepted: one deployment that seatrial serves, and its model with its tests."""
    text = files_of(options(demo=demo))["seatrial.yaml"].content.decode()
    project = read_project(text, where="seatrial.yaml", default_name="x")
    (model,) = project.promotions

    assert "wine_2" == project.name
    assert ("wine_2", "wine_2", "model.joblib") == (model.model, model.deployment, model.path)
    assert (("pytest", "src/model/tests/test_model.py"),) == model.tests


def test_the_commented_keys_are_read_once_they_are_no_comments() -> None:
    """What `registry:`, `notify:` and `sync:` show in comments is accepted as it stands."""
    lines = files_of(options())["seatrial.yaml"].content.decode().split("\n")
    keys = ("# registry:", "# notify:", "# sync:", "#   ")
    text = "\n".join(line.removeprefix("# ") if line.startswith(keys) else line for line in lines)
    project = read_project(text, where="seatrial.yaml", default_name="x")

    assert project.registry.url
    assert project.notify
    assert project.sync


@pytest.mark.slow
def test_the_wheel_has_every_template(tmp_path: Path) -> None:
    """What is installed can make projects too."""
    command = [str(part) for part in (OWN / "uv", "build", "--quiet", "--wheel", "--out-dir", tmp_path, ROOT)]
    subprocess.run(command, env=environment(), check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())

    templates = {f"seatrial/scaffold/templates/{path.relative_to(TEMPLATES)}" for path in TEMPLATES.rglob("*.*")}
    assert 50 < len(templates)
    assert set() == templates - packed
