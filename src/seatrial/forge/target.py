"""Which commit and pull request the result of this command's trial belongs to."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from seatrial.config import CONFIG_NAME
from seatrial.forge.annotations import Place, deployment_lines
from seatrial.forge.remote import kind_of, parse_remote
from seatrial.ports import Forge
from seatrial.records import CiPlace, ForgeSpec, PublishTarget, UsageError
from seatrial.trial.change.git import Git, Repository, open_repository


def find_repository(project: Path, environ: Mapping[str, str]) -> Repository | None:
    """Git's repository with the project; None where there is none, as in a job that only publishes."""
    try:
        return open_repository(project, environ=environ)
    except UsageError:
        return None


def find_target(
    spec: ForgeSpec,
    place: CiPlace | None,
    repository: Repository | None,
    *,
    project: str,
    pull: int | None = None,
    commit: str | None = None,
) -> PublishTarget:
    """Where the result belongs, as far as CI's environment, git and the caller tell.

    Args:
        spec: the forge.
        place: the CI system; None outside.
        repository: git's, with the project in it; None where there is none.
        project: its name.
        pull: number of the pull request, if the caller names one.
        commit: that was tried, if the caller names one.

    Raises:
        UsageError: nothing tells which repository or commit it is.
    """
    if not spec.repository:
        raise UsageError(
            "which repository the result belongs to is not known",
            where="forge",
            remedy="add forge.repository: owner/name",
        )
    commit = commit or (place.head if place is not None else "") or _head(repository)
    return PublishTarget(
        repository=spec.repository,
        commit=commit,
        project=project,
        number=pull if pull is not None or place is None else place.number,
        several=repository is not None and repository.project != ".",
        run_url="" if place is None else place.run_url,
    )


def pushed_commit(target: PublishTarget, forge: Forge, git: Git) -> str:
    """The commit that somebody pushed: a CI system may have checked out its merge with the branch that it shall go into.

    The check belongs to a commit that the forge knows, and a merge that CI made is none.
    """
    if target.number is None:
        return target.commit
    head = forge.pull(target.repository, target.number).head
    return head if head in _parents(git, target.commit) else target.commit


def _head(repository: Repository | None) -> str:
    (found,) = (None,) if repository is None else repository.git.resolve("HEAD^{commit}")
    if found is None:
        raise UsageError("there is no commit yet that a result could belong to", remedy="commit first")
    return found


def _parents(git: Git, commit: str) -> Sequence[str]:
    """Of a merge; none for other commits, and for one that isn't here."""
    found = git.attempt("rev-list", "--parents", "-n", "1", commit)
    parents = found.text.split()[1:] if found.status == 0 else []
    return parents if len(parents) > 1 else []


def origin(git: Git) -> str:
    """Address of the remote `origin`; empty if there is none."""
    found = git.attempt("config", "--get", "remote.origin.url")
    return found.text if found.status == 0 else ""


def hint(remote: str) -> str:
    """What to write into the configuration where the forge can't be told."""
    there = parse_remote(remote)
    if there is None or kind_of(there.host) is not None:
        return "add `forge: {kind: github, repository: owner/name}` to seatrial.yaml"
    return f"add `forge: {{kind: gitea, url: {there.site}}}` to seatrial.yaml, with the kind that it is"


def lines_of(project: Path, repository: Repository | None) -> Mapping[str, Place]:
    """Where the configuration speaks of each deployment, by paths from the repository's root; empty where that can't be told."""
    try:
        text = (project / CONFIG_NAME).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return {}
    return {} if repository is None else deployment_lines(repository.within(CONFIG_NAME), text)
