"""Forges, and a trial's way to its pull request."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seatrial.forge.publication import Publication
    from seatrial.ports import (
        Forge,
        Objects,
    )
    from seatrial.records import (
        ForgeSpec,
        PublishTarget,
    )
    from seatrial.trial.change.git import Repository


def open_forge(spec: "ForgeSpec", environ: Mapping[str, str], project: Path = Path()) -> "Forge":
    """What speaks to one forge; needs no closing, and asks nothing yet.

    Args:
        spec: which forge; `${NAME}` in its token and key refers to `environ`.
        environ: the environment.
        project: its folder, for the kind `local` that of the repository or one in it.

    Raises:
        UsageError: there is no token or key, a variable isn't set, or the package for it isn't installed.
    """
    from seatrial.records import ForgeKind, UsageError

    if spec.kind is ForgeKind.LOCAL:
        from seatrial.adapters.forge.local import LocalForge

        return LocalForge(project, name=spec.repository)
    try:
        return _as_app(spec, environ, project) if spec.app else _forge(spec, _token(spec, environ))
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the forge needs a package that is not installed: {error.name}",
            where="forge",
            remedy="pip install 'seatrial[forge]'",
        ) from error


def open_publisher(project: Path, environ: Mapping[str, str], pull: int | None = None) -> "Publication":
    """What brings the result of a trial of a project to its pull request, while it runs.

    Args:
        project: its folder.
        environ: the environment, in which CI systems tell where this runs.
        pull: number of the pull request, if the caller knows it.

    Raises:
        UsageError: nothing tells which forge, repository or commit it is, or there is no token.
    """
    from dataclasses import replace

    from seatrial.forge.target import pushed_commit
    from seatrial.records import SeatrialError

    found = _on_forge(project, environ, pull=pull)
    target = found.target
    if found.repository is not None:
        with suppress(SeatrialError):  # the publisher meets the same trouble, and tells
            target = replace(target, commit=pushed_commit(target, found.forge, found.repository.git))
    return _publication(replace(found, target=target), project)


def open_publication(
    project: Path, environ: Mapping[str, str], *, name: str, pull: int | None, commit: str | None
) -> "Publication":
    """What brings a report that another job made to its pull request.

    Args:
        project: folder of the repository; need not be one where the CI system tells the rest.
        environ: the environment.
        name: of the report's project.
        pull: number of the pull request, as somebody claims.
        commit: that was tried; None for the one that the environment names.

    Raises:
        UsageError: as `open_publisher`; or the commit is not the pull request's newest.
        TemporaryError, PermanentError: the forge does not say.
    """
    from seatrial.forge.claim import check_claim

    found = _on_forge(project, environ, pull=pull, commit=commit, name=name)
    check_claim(found.target, found.forge)
    return _publication(found, project)


@dataclass(frozen=True, slots=True, kw_only=True)
class _OnForge:
    """A forge, and what belongs where on it."""

    spec: "ForgeSpec"
    forge: "Forge"
    target: "PublishTarget"
    repository: "Repository | None"


def _publication(found: _OnForge, project: Path) -> "Publication":
    from dataclasses import replace

    from seatrial.adapters.clock import SystemClock
    from seatrial.forge.publication import Publication
    from seatrial.forge.publish import Publisher
    from seatrial.forge.shelf import link_to
    from seatrial.forge.target import lines_of

    spec, target = found.spec, found.target
    if spec.reports_url:
        target = replace(target, report_url=link_to(target, spec.reports_url))
    key = f"{target.run_url or 'by hand'} {target.commit}"
    return Publication(
        publisher=Publisher(
            found.forge, target, clock=SystemClock(), key=key, lines=lines_of(project, found.repository)
        ),
        target=target,
        shelf=open_objects(spec.reports, project) if spec.reports else None,
    )


def open_objects(place: str, project: Path) -> "Objects":
    """Objects by key in a folder, relative to the project's, or in `s3://bucket/prefix`.

    Raises:
        UsageError: no such kind of place is known, or what it needs is not installed.
    """
    from seatrial.adapters.objects.directory import DirectoryObjects
    from seatrial.records import UsageError

    scheme, found, _ = place.partition("://")
    if not found:
        return DirectoryObjects(project / place)
    if scheme == "s3":
        from seatrial.adapters.objects.bucket import BucketObjects

        return BucketObjects(place)
    raise UsageError(
        f"reports can't be kept in {scheme}://",
        where="seatrial.yaml: forge.reports",
        remedy="name a folder, or a bucket as s3://bucket/prefix",
    )


def _on_forge(
    project: Path,
    environ: Mapping[str, str],
    *,
    pull: int | None,
    commit: str | None = None,
    name: str | None = None,
) -> _OnForge:
    from dataclasses import replace

    from seatrial.config import find_project
    from seatrial.forge.choose import choose_forge
    from seatrial.forge.place import find_place
    from seatrial.forge.target import find_repository, find_target, hint, origin
    from seatrial.records import ForgeKind, UsageError

    try:
        configured = find_project(project)
    except UsageError:
        configured = None  # what is wrong with it is the trial's to say, on the pull request
    repository = find_repository(project, environ)
    remote = "" if repository is None else origin(repository.git)
    place = find_place(environ, lambda path: Path(path).read_bytes())
    spec = choose_forge(None if configured is None else configured.forge, place, remote)
    if spec is None:
        told = place.notes if place is not None else ()
        raise UsageError(
            "; ".join(told) or "nothing tells which forge the repository is on", where=str(project), remedy=hint(remote)
        )
    if spec.kind is ForgeKind.LOCAL:
        from seatrial.adapters.forge.local import LocalForge

        local = LocalForge(project, name=spec.repository)
        spec, pull = replace(spec, repository=local.repository), pull or local.number_of()
    own = project.resolve().name if configured is None else configured.name
    target = find_target(spec, place, repository, project=name or own, pull=pull, commit=commit)
    return _OnForge(spec=spec, forge=open_forge(spec, environ, project), target=target, repository=repository)


def _as_app(spec: "ForgeSpec", environ: Mapping[str, str], project: Path) -> "Forge":
    from seatrial.adapters.forge.github import GithubForge
    from seatrial.adapters.forge.github_key import read_key

    return GithubForge(spec.url, spec.api, read_key(spec, environ, project))


def _token(spec: "ForgeSpec", environ: Mapping[str, str]) -> str:
    from seatrial.forge.choose import TOKENS, token_of
    from seatrial.records import UsageError
    from seatrial.trial.build.environment import filled

    token = filled(spec.token, environ, what="token", where="forge") if spec.token else token_of(spec, environ)
    if not token:
        name = TOKENS[spec.kind][0]
        raise UsageError(
            f"there is no token for {spec.url}",
            where="forge",
            remedy=f"set {name} in the environment; docs/how-to/{spec.kind.value}.md tells which rights it needs",
        )
    return token


def _forge(spec: "ForgeSpec", token: str) -> "Forge":
    from seatrial.records import ForgeKind

    if spec.kind is ForgeKind.GITHUB:
        from seatrial.adapters.forge.github import GithubForge

        return GithubForge(spec.url, spec.api, token)
    if spec.kind is ForgeKind.GITLAB:
        from seatrial.adapters.forge.gitlab import GitlabForge

        return GitlabForge(spec.url, spec.api, token)
    from seatrial.adapters.forge.gitea import GiteaForge

    return GiteaForge(spec.url, spec.api, token)
