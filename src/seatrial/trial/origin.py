"""Finds what a model that is registered now was made from: the code, the data and the software stack.

Nobody types these in by hand, and nobody who later asks where a version comes from wants to guess. Nothing is built or
installed for it; what can't be told is left open, with a note.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from seatrial.records import DeploymentSpec, Project, StackSpec, UsageError
from seatrial.registry.listing import digest_of_path
from seatrial.trial.build.declaration import declare, find
from seatrial.trial.change import dvc
from seatrial.trial.change.git import Repository, open_repository, shown
from seatrial.trial.change.trees import OWN_FOLDER

_BRANCHES: Final = (
    "GITHUB_HEAD_REF",
    "GITHUB_REF_NAME",
    "CI_COMMIT_REF_NAME",
    "BUILD_SOURCEBRANCH",
    "BITBUCKET_BRANCH",
    "CIRCLE_BRANCH",
    "BUILDKITE_BRANCH",
    "BRANCH_NAME",
    "GIT_BRANCH",
)
"""Variables in which continuous integration, which checks out commits, names the branch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """Where a project stands.

    Attributes:
        commit: None outside git and before the first commit.
        branch: None where none is checked out and continuous integration names none.
        dirty: whether files differ from the commit, new ones that git does not ignore included.
        tree: of the commit.
    """

    commit: str | None = None
    branch: str | None = None
    dirty: bool = False
    tree: str | None = None
    note: str = ""


def find_code(project: Path, *, environ: Mapping[str, str], apart_from: Iterable[Path] = ()) -> Code:
    """The commit and branch of a project.

    Args:
        project: its folder.
        environ: of the command.
        apart_from: files and folders whose changes don't count: the model that is registered, its data.
    """
    try:
        repository = open_repository(project, environ=environ)
        commit, tree = repository.git.resolve("HEAD^{commit}", "HEAD^{tree}")
        dirty = commit is not None and _is_dirty(repository, apart_from)
    except UsageError as error:
        return Code(note=f"the commit is not known: {error.what}")
    if commit is None:
        return Code(note="the commit is not known: there is none yet")
    return Code(commit=commit, branch=_branch(repository, environ), dirty=dirty, tree=tree)


def find_data(path: Path) -> str:
    """The version of data: DVC's `md5:…` where a pointer beside it (or the pointer itself) says so, else its digest.

    Args:
        path: a file, a folder, a `.dvc` file, or what such a file would bring here.

    Raises:
        UsageError: there is nothing, or the pointer points to something else.
    """
    pointer = path if dvc.is_pointer(path.name) else path.with_name(f"{path.name}.dvc")
    if pointer.is_file():
        return _pointed(pointer, path)
    if not path.exists():
        raise UsageError("there is no such data", where=str(path), remedy="name the file or folder, or its .dvc file")
    return digest_of_path(path)


def find_stack(project: Path, config: Project | None, model: str, code: Code) -> tuple[str | None, str]:
    """The digest of the software stack that the project declares for a model, and a note where there is none.

    Args:
        project: its folder.
        config: its `seatrial.yaml`, if it has one.
        model: name in the registry.
        code: where the project stands; a stack that holds folders of the project is told apart by its tree.
    """
    spec = _declared(config, model)
    if spec is None:
        return None, "the stack is not known: its deployments declare several, and none of them is the model's"
    if spec.host:
        return None, "the stack is not known: it is that of the host"
    try:
        file = find(spec, project)
        if file is None:
            return None, "the stack is not known: the project declares none"
        declaration = declare(file, python=spec.python, salt=code.tree or "")
    except UsageError as error:
        return None, f"the stack is not known: {error.what}"
    if declaration.local and (code.tree is None or code.dirty):
        return None, "the stack is not known: it holds folders of the project, which are not committed as they are"
    return declaration.digest, ""


def _declared(config: Project | None, model: str) -> StackSpec | None:
    if config is None or not config.deployments:
        return StackSpec()
    specs = {deployment.stack for deployment in _serving(config, model)}
    return specs.pop() if len(specs) == 1 else None


def _serving(config: Project, model: str) -> Iterable[DeploymentSpec]:
    """The deployment that serves a model, as far as the project says; else all of them."""
    named = {each.deployment for each in config.promotions if each.model == model} or {model}
    return [each for each in config.deployments if each.name in named] or config.deployments


def _is_dirty(repository: Repository, apart_from: Iterable[Path]) -> bool:
    excluded = [f":(exclude,glob)**/{OWN_FOLDER}/**"]
    for path in apart_from:
        place = path.resolve()
        if place.is_relative_to(repository.top):
            excluded.append(f":(exclude,top,literal){place.relative_to(repository.top).as_posix()}")
    listed = repository.git.run("status", "--porcelain", "-z", "--untracked-files=all", "--", ":/", *excluded)
    return bool(listed.out)


def _branch(repository: Repository, environ: Mapping[str, str]) -> str | None:
    found = repository.git.attempt("symbolic-ref", "--quiet", "--short", "HEAD")
    if found.status == 0:
        return shown(found.text)
    named = next((environ[variable] for variable in _BRANCHES if environ.get(variable)), "")
    return named.removeprefix("refs/heads/").removeprefix("origin/") or None


def _pointed(pointer: Path, path: Path) -> str:
    """The md5 that a pointer holds for `path`; for the pointer itself, of its only target."""
    try:
        targets = dvc.targets(pointer.name, pointer.read_bytes())
    except (OSError, dvc.MalformedPointerError) as error:
        raise UsageError(
            f"this is no pointer of DVC: {error}", where=str(pointer), remedy="run dvc add again"
        ) from None
    chosen = [each for each in targets if path == pointer or each.path == path.name]
    if len(chosen) != 1:
        raise UsageError(
            f"the pointer names {', '.join(each.path for each in targets)}",
            where=str(pointer),
            remedy="name one of these, or say the version yourself: --version-of-data",
        )
    return f"md5:{chosen[0].digest}"
