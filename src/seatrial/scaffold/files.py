"""The files of a new project, as a pure function of what was asked for.

What a project consists of stands in the tables below, a path beside its template, so that a reader sees the repository
at a glance and nothing gets in by lying in a folder. Templates have `[[ … ]]` and `[% … %]`, because CI systems have taken
all the braces.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from seatrial.scaffold.options import Ci, ProjectOptions

TEMPLATES: Final = Path(__file__).parent / "templates"

_CODE: Final[Mapping[str, str]] = MappingProxyType(
    {
        ".gitignore": "code/gitignore",
        "README.md": "code/README.md",
        "features/steps/model_steps.py": "code/model_steps.py",
        "features/test-model.feature": "code/test-model.feature",
        "pytest.ini": "code/pytest.ini",
        "requirements.txt": "code/requirements.txt",
        "requirements-seatrial.txt": "code/requirements-seatrial.txt",
        "requirements-test.txt": "code/requirements-test.txt",
        "scripts/test": "code/test",
        "scripts/waiting": "code/waiting",
        "seatrial.yaml": "code/seatrial.yaml",
        "src/model/__init__.py": "code/__init__.py",
        "src/model/make_requests.py": "code/make_requests.py",
        "src/model/tests/test_data.py": "code/test_data.py",
        "src/model/tests/test_model.py": "code/test_model.py",
        "src/model/train.py": "code/train.py",
    }
)
_MINIMAL: Final[Mapping[str, str]] = MappingProxyType(
    {
        "requests.jsonl": "minimal/requests.jsonl",
        "signature.yaml": "minimal/signature.yaml",
        "src/model/classifier.py": "minimal/classifier.py",
        "src/model/data.py": "minimal/data.py",
    }
)
_DEMO: Final[Mapping[str, str]] = MappingProxyType(
    {
        "data/machines.csv": "demo/machines.csv",
        "demo/simpler-model.patch": "demo/simpler-model.patch",
        "model.joblib": "demo/model.joblib",
        "requests.jsonl": "demo/requests.jsonl",
        "signature.yaml": "demo/signature.yaml",
        "src/model/classifier.py": "demo/classifier.py",
        "src/model/data.py": "demo/data.py",
        "src/model/generate.py": "demo/generate.py",
    }
)
_PIPELINES: Final[Mapping[Ci, Mapping[str, str]]] = MappingProxyType(
    {
        Ci.GITHUB: {
            ".github/actionlint.yaml": "github/actionlint.yaml",
            ".github/workflows/{name}-trial.yml": "github/trial.yml",
            ".github/workflows/{name}-model-ci.yml": "github/model-ci.yml",
            ".github/workflows/{name}-model-cd.yml": "github/model-cd.yml",
            ".github/workflows/{name}-code-cd.yml": "github/code-cd.yml",
        },
        Ci.GITLAB: {
            ".gitlab-ci.yml": "gitlab/gitlab-ci.yml",
            ".gitlab/{name}-trial.yml": "gitlab/trial.yml",
            ".gitlab/{name}-model-ci.yml": "gitlab/model-ci.yml",
            ".gitlab/{name}-model-cd.yml": "gitlab/model-cd.yml",
            ".gitlab/{name}-code-cd.yml": "gitlab/code-cd.yml",
        },
        Ci.AZURE: {
            "azure-pipelines/{name}-trial.yml": "azure/trial.yml",
            "azure-pipelines/{name}-model-ci.yml": "azure/model-ci.yml",
            "azure-pipelines/{name}-model-cd.yml": "azure/model-cd.yml",
            "azure-pipelines/{name}-code-cd.yml": "azure/code-cd.yml",
        },
        Ci.JENKINS: {
            "jenkins/jobs.yaml": "jenkins/jobs.yaml",
            "jenkins/{name}-trial.Jenkinsfile": "jenkins/trial.Jenkinsfile",
            "jenkins/{name}-model-ci.Jenkinsfile": "jenkins/model-ci.Jenkinsfile",
            "jenkins/{name}-model-cd.Jenkinsfile": "jenkins/model-cd.Jenkinsfile",
            "jenkins/{name}-code-cd.Jenkinsfile": "jenkins/code-cd.Jenkinsfile",
        },
        Ci.TEKTON: {
            ".tekton/{name}-trial.yaml": "tekton/trial.yaml",
            ".tekton/{name}-model-ci.yaml": "tekton/model-ci.yaml",
            ".tekton/{name}-model-cd.yaml": "tekton/model-cd.yaml",
            ".tekton/{name}-code-cd.yaml": "tekton/code-cd.yaml",
        },
    }
)
_PROGRAMS: Final = frozenset({"scripts/test", "scripts/waiting"})
_AS_IT_IS: Final = (".csv", ".joblib", ".jsonl")  # data; everything else is a template


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file: its bytes, and whether it is a program that people start."""

    content: bytes
    executable: bool = False


def files_of(options: ProjectOptions) -> Mapping[str, File]:
    """All files of a project by their path, relative to the project and sorted."""
    wanted = {**_CODE, **(_DEMO if options.demo else _MINIMAL), **_PIPELINES[options.ci]}
    found = {path.format(name=options.name): template for path, template in wanted.items()}
    return {
        path: File(content=_content(template, options), executable=path in _PROGRAMS)
        for path, template in sorted(found.items())
    }


def pipelines_of(options: ProjectOptions) -> tuple[str, ...]:
    """The paths of the pipelines among them."""
    return tuple(sorted(path.format(name=options.name) for path in _PIPELINES[options.ci]))


def _content(template: str, options: ProjectOptions) -> bytes:
    if template.endswith(_AS_IT_IS):
        return (TEMPLATES / template).read_bytes()
    text = (
        _environment()
        .get_template(f"{template}.j2")
        .render(
            name=options.name,
            label=options.label,
            ci=options.ci.value,
            demo=options.demo,
            forge=options.forge,
            branch=options.branch,
            seatrial=options.seatrial,
        )
    )
    return text.encode()


@cache
def _environment() -> Environment:
    environment = Environment(  # noqa: S701 - no HTML, and every value was checked against what all formats take
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        variable_start_string="[[",
        variable_end_string="]]",
        block_start_string="[%",
        block_end_string="%]",
        comment_start_string="[#",
        comment_end_string="#]",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["shell"] = shlex.quote
    return environment
