"""The linters of five CI systems find nothing wrong with the generated pipelines, and find what is wrong with broken ones."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

import pytest

from seatrial.scaffold import Ci, ProjectOptions, pipelines_of
from tests.scaffold import linters
from tests.scaffold.linters import Linted
from tests.scaffold.projects import kinds, options, run, written

pytestmark = pytest.mark.slow


def _projects(folder: Path, ci: Ci) -> list[tuple[Path, ProjectOptions]]:
    """Every kind of project for a CI system, in folders of their own."""
    return [(written(folder / str(number), kind), kind) for number, kind in enumerate(kinds(ci))]


def _pipelines(projects: Sequence[tuple[Path, ProjectOptions]], suffix: str) -> list[Path]:
    found = [project / path for project, kind in projects for path in pipelines_of(kind) if path.endswith(suffix)]
    assert len(found) >= 4 * len(projects)
    return found


def _broken(folder: Path, ci: Ci, path: str, old: str, new: str) -> Path:
    """A project in which one pipeline has a mistake; the file."""
    file = written(folder / "broken", options(ci)) / path
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    return file


def test_actionlint_finds_nothing(tmp_path: Path) -> None:
    """Workflows, expressions in them, and labels of runners are right."""
    for project, _ in _projects(tmp_path, Ci.GITHUB):
        assert 0 == run(["git", "init", "--quiet"], project).returncode
        assert Linted(clean=True, said="") == linters.actionlint(project)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("runs-on: ubuntu-latest", "runs-on: ubuntu-newest", "ubuntu-newest"),
        ("github.event.pull_request.number", "github.evnt.number", "evnt"),
        ("fetch-depth: 0", "fetch-dept: 0", "fetch-dept"),
        ("hashFiles('trial-report/report.md')", "hashFile('x')", "hashFile"),
    ],
)
def test_actionlint_finds_mistakes(tmp_path: Path, old: str, new: str, said: str) -> None:
    """A label, a context, an input and a function that do not exist."""
    file = _broken(tmp_path, Ci.GITHUB, ".github/workflows/wine_2-trial.yml", old, new)
    project = file.parents[2]
    run(["git", "init", "--quiet"], project)
    found = linters.actionlint(project)

    assert not found.clean
    assert said in found.said


_SCHEMAS = {Ci.GITHUB: "github-workflows", Ci.GITLAB: "gitlab-ci", Ci.AZURE: "azure-pipelines"}


@pytest.mark.parametrize("ci", _SCHEMAS)
def test_schemas_are_kept(tmp_path: Path, ci: Ci) -> None:
    """Every file is what the published schema of its system describes."""
    found = linters.schema(_SCHEMAS[ci], _pipelines(_projects(tmp_path, ci), ".yml"))

    assert found.clean, found.said


@pytest.mark.parametrize(
    ("ci", "path", "old", "new"),
    [
        (Ci.GITHUB, ".github/workflows/wine_2-trial.yml", "timeout-minutes: 60", "timeout-minutes: {}"),
        (Ci.GITHUB, ".github/workflows/wine_2-model-cd.yml", "permissions: {}", "permissions: everything"),
        (Ci.GITLAB, ".gitlab/wine_2-trial.yml", "when: always", "when: sometimes"),
        (Ci.GITLAB, ".gitlab-ci.yml", "include:", "includes:"),
        (Ci.AZURE, "azure-pipelines/wine_2-trial.yml", "checkout: self", "checkuot: self"),
        (Ci.AZURE, "azure-pipelines/wine_2-model-cd.yml", "parameters:", "parameter:"),
    ],
)
def test_schemas_find_mistakes(tmp_path: Path, ci: Ci, path: str, old: str, new: str) -> None:
    """A wrong type, a wrong value and misspelt keys."""
    assert not linters.schema(_SCHEMAS[ci], [_broken(tmp_path, ci, path, old, new)]).clean


def test_tekton_takes_the_pipelines(tmp_path: Path) -> None:
    """Tekton's own decoding and validation, those of its admission webhook, pass."""
    assert Linted(clean=True, said="") == linters.tekton(_pipelines(_projects(tmp_path, Ci.TEKTON), ".yaml"))


@pytest.mark.parametrize(
    ("path", "old", "new", "said"),
    [
        ("trial", "image: python:3.12", "picture: python:3.12", "picture"),
        ("trial", "value: $(params.target)", "value: $(params.traget)", "params.traget"),
        ("model-ci", "- name: reports\n      - name: basic-auth", "- name: basic-auth", "reports"),
        ("model-cd", "kind: Pipeline", "kind: Pipelin", "Pipelin"),
        ("code-cd", "name: wine-2-code-cd", "name: Wine_2-code-cd", "Wine_2-code-cd"),
        ("code-cd", "pipeline: 15m0s", "pipeline: soon", "soon"),
    ],
)
def test_tekton_refuses_mistakes(tmp_path: Path, path: str, old: str, new: str, said: str) -> None:
    """Unknown fields, parameters and workspaces that nobody declares, names that are none."""
    found = linters.tekton([_broken(tmp_path, Ci.TEKTON, f".tekton/wine_2-{path}.yaml", old, new)])

    assert not found.clean
    assert said in found.said


def test_jenkinsfiles_are_declarative_pipelines(tmp_path: Path) -> None:
    """Their structure is that of the declarative syntax, and all of it is Groovy to Jenkins' compiler."""
    for file in _pipelines(_projects(tmp_path, Ci.JENKINS)[-1:], ".Jenkinsfile"):
        found = linters.jenkinsfile(file)
        assert found.clean, found.said


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  agent any\n", ""),
        ("stages {", "stagez {"),
        ("steps {", "stepz {"),
        ("    always {", "    allways {"),
        ("scm.extensions + [", "scm.extensions + + = ["),
        ("'trial-report/**'", "'trial-report/**"),
    ],
)
def test_mistakes_in_jenkinsfiles_are_found(tmp_path: Path, old: str, new: str) -> None:
    """A missing agent, misspelt sections, and Groovy that is none."""
    file = _broken(tmp_path, Ci.JENKINS, "jenkins/wine_2-trial.Jenkinsfile", old, new)

    assert not linters.jenkinsfile(file).clean


def test_jenkins_jobs_are_made(tmp_path: Path) -> None:
    """Job Builder makes the four jobs, each with the address of the repository and a Jenkinsfile that is there."""
    for number, (project, kind) in enumerate(_projects(tmp_path, Ci.JENKINS)):
        out = tmp_path / f"out-{number}"
        found = linters.jenkins_jobs(project / "jenkins" / "jobs.yaml", out)
        assert found.clean, found.said
        jobs = {file.parent.name: ET.parse(file) for file in out.rglob("config.xml")}  # noqa: S314 - made just now
        scripts = {name: job.findtext(".//scriptPath") for name, job in jobs.items()}
        address = kind.forge.clone_url if kind.forge else "https://git.example.com/you/wine_2.git"

        assert {
            f"wine_2-{p}": f"jenkins/wine_2-{p}.Jenkinsfile" for p in ("trial", "model-ci", "model-cd", "code-cd")
        } == scripts
        assert all((project / str(script)).is_file() for script in scripts.values())
        assert {address} == {job.findtext(".//remote") or job.findtext(".//url") for job in jobs.values()}


def test_mistakes_in_jenkins_jobs_are_found(tmp_path: Path) -> None:
    """A kind of job that there is not."""
    file = _broken(tmp_path, Ci.JENKINS, "jenkins/jobs.yaml", "project-type: multibranch", "project-type: multi")

    assert not linters.jenkins_jobs(file, tmp_path / "out").clean


def test_a_linter_that_cannot_be_had_skips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason names what is missing; nothing half-fetched stays behind."""
    monkeypatch.setattr(linters, "CACHE", tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(pytest.skip.Exception, match="actionlint can't be fetched: go is not installed"):
        linters.actionlint(tmp_path)
    assert [tmp_path / "actionlint.lock"] == list(tmp_path.iterdir())
