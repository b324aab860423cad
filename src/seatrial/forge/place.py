"""Where a command runs: the change, the repository and the forge, as CI systems tell them by their environment.

Nothing has to be configured beyond a token. What each system sets was read in its documentation: GitHub's "Variables
reference", GitLab's "Predefined CI/CD variables reference", Azure's "Predefined variables", Jenkins' "Branch API" plugin,
"Pipelines as Code" of Tekton, and Buildkite's "Environment variables". Forgejo and Gitea Actions set GitHub's variables
and one of their own.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from seatrial.forge.link import ci_run_url
from seatrial.forge.remote import SITES, forge_of, parse_remote
from seatrial.records import CiPlace, ForgeKind, ForgeSpec

Environ = Mapping[str, str]
ReadFile = Callable[[str], bytes]


def find_place(environ: Environ, read: ReadFile) -> CiPlace | None:
    """Where this process runs; None outside the CI systems that are known.

    Args:
        environ: of the process.
        read: gives the bytes of a file by its path (GitHub Actions describe the event in one); raises OSError.
    """
    for is_there, tell in _SYSTEMS:
        if is_there(environ):
            return tell(environ, read)
    return None


def _github(environ: Environ, read: ReadFile) -> CiPlace:
    event = _event(environ.get("GITHUB_EVENT_PATH", ""), read)
    pull, run = _part(event, "pull_request"), _part(event, "workflow_run")
    # A workflow that follows another one is told the commit that one was about; of a fork not the pull request.
    pushed = _text(pull, "head", "sha") or _text(run, "head_sha")
    own = _is_set(environ, "GITEA_ACTIONS") or _is_set(environ, "FORGEJO_ACTIONS")
    site = environ.get("GITHUB_SERVER_URL", SITES[ForgeKind.GITHUB]).rstrip("/")
    api = environ.get("GITHUB_API_URL", "").rstrip("/")
    kind = ForgeKind.GITEA if own else ForgeKind.GITHUB
    repository = environ.get("GITHUB_REPOSITORY", "")
    return CiPlace(
        system={ForgeKind.GITEA: "Gitea Actions"}.get(kind, "GitHub Actions"),
        repository=repository,
        number=_number(str(pull.get("number", ""))),
        commit=environ.get("GITHUB_SHA", ""),
        head=pushed or environ.get("GITHUB_SHA", ""),
        base=_text(pull, "base", "sha"),
        run_url=ci_run_url(environ),
        forge=ForgeSpec(kind=kind, url=site, repository=repository, api=api),
    )


def _gitlab(environ: Environ, _: ReadFile) -> CiPlace:
    commit = environ.get("CI_COMMIT_SHA", "")
    # Of a merge request from a fork the pipeline may run there: the merge request itself is in the project that it is for.
    repository = environ.get("CI_MERGE_REQUEST_PROJECT_PATH") or environ.get("CI_PROJECT_PATH", "")
    return CiPlace(
        system="GitLab CI",
        repository=repository,
        number=_number(environ.get("CI_MERGE_REQUEST_IID", "")),
        commit=commit,
        head=environ.get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA") or commit,
        base=environ.get("CI_MERGE_REQUEST_DIFF_BASE_SHA", ""),
        run_url=ci_run_url(environ),
        forge=ForgeSpec(
            kind=ForgeKind.GITLAB,
            url=environ.get("CI_SERVER_URL", SITES[ForgeKind.GITLAB]).rstrip("/"),
            repository=repository,
            api=environ.get("CI_API_V4_URL", "").rstrip("/"),
        ),
    )


def _azure(environ: Environ, _: ReadFile) -> CiPlace:
    on_github = environ.get("BUILD_REPOSITORY_PROVIDER", "").startswith("GitHub")
    number = environ.get(
        "SYSTEM_PULLREQUEST_PULLREQUESTNUMBER" if on_github else "SYSTEM_PULLREQUEST_PULLREQUESTID", ""
    )
    commit = environ.get("BUILD_SOURCEVERSION", "")
    return _elsewhere(
        environ,
        "Azure Pipelines",
        address=environ.get("BUILD_REPOSITORY_URI", ""),
        number=number,
        commit=commit,
        head=environ.get("SYSTEM_PULLREQUEST_SOURCECOMMITID") or commit,
    )


def _jenkins(environ: Environ, _: ReadFile) -> CiPlace:
    change = environ.get("CHANGE_URL", "")
    commit = environ.get("GIT_COMMIT", "")
    return _elsewhere(
        environ,
        "Jenkins",
        address=_repository_of(change) or environ.get("GIT_URL", ""),
        number=environ.get("CHANGE_ID", ""),
        commit=commit,
        head=commit,
    )


def _buildkite(environ: Environ, _: ReadFile) -> CiPlace:
    commit = environ.get("BUILDKITE_COMMIT", "")
    return _elsewhere(
        environ,
        "Buildkite",
        address=environ.get("BUILDKITE_REPO", ""),
        number=environ.get("BUILDKITE_PULL_REQUEST", ""),
        commit=commit,
        head=commit,
    )


def _tekton(environ: Environ, _: ReadFile) -> CiPlace:
    commit = environ.get("COMMIT_SHA", "")
    return _elsewhere(
        environ,
        "Tekton",
        address=environ.get("REPO_URL", ""),
        number=environ.get("PULL_NUMBER", ""),
        commit=commit,
        head=commit,
    )


def _elsewhere(environ: Environ, system: str, *, address: str, number: str, commit: str, head: str) -> CiPlace:
    """A system that builds from whatever forge: which one, the address of the repository tells."""
    remote, forge = parse_remote(address), forge_of(address)
    notes = () if forge is not None else (f"{system} does not tell which forge the repository is on: add `forge:`",)
    return CiPlace(
        system=system,
        repository="" if remote is None else remote.repository,
        number=_number(number),
        commit=commit,
        head=head,
        run_url=ci_run_url(environ),
        forge=forge,
        notes=notes,
    )


_PULLS: Final = ("/-/merge_requests/", "/merge_requests/", "/pull/", "/pulls/")


def _repository_of(page: str) -> str:
    """The repository that a pull request's page belongs to; empty for other pages."""
    return next((page.partition(part)[0] for part in _PULLS if part in page), "")


def _event(path: str, read: ReadFile) -> dict[str, Any]:
    if not path:
        return {}
    try:
        event = msgspec.json.decode(read(path))
    except (OSError, msgspec.DecodeError):
        return {}
    return event if isinstance(event, dict) else {}


def _part(event: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = event.get(name)
    return found if isinstance(found, Mapping) else {}


def _text(found: Mapping[str, Any], *keys: str) -> str:
    value: object = found
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) else ""


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and int(text) > 0 else None


def _is_set(environ: Environ, name: str) -> bool:
    return environ.get(name, "").casefold() not in {"", "0", "false"}


def _has(name: str) -> Callable[[Environ], bool]:
    return lambda environ: _is_set(environ, name)


def _has_tekton(environ: Environ) -> bool:
    """Tekton sets nothing by itself; these are what pipelines for trials hand in, here and in AICoE-CI."""
    return _is_set(environ, "REPO_URL") and _is_set(environ, "COMMIT_SHA")


_SYSTEMS: Final[tuple[tuple[Callable[[Environ], bool], Callable[[Environ, ReadFile], CiPlace]], ...]] = (
    (_has("GITHUB_ACTIONS"), _github),
    (_has("GITLAB_CI"), _gitlab),
    (_has("TF_BUILD"), _azure),
    (_has("BUILDKITE"), _buildkite),
    (_has("JENKINS_URL"), _jenkins),
    (_has_tekton, _tekton),
)
