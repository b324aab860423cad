"""Which forge a project's results go to, put together from what the file, the CI system and git say, in this order."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from seatrial.forge.remote import forge_of, parse_remote
from seatrial.records import CiPlace, ForgeKind, ForgeSpec

TOKENS: Final[Mapping[ForgeKind, tuple[str, ...]]] = {
    ForgeKind.GITHUB: ("GITHUB_TOKEN", "GH_TOKEN"),
    ForgeKind.GITLAB: ("GITLAB_TOKEN",),
    ForgeKind.GITEA: ("GITEA_TOKEN", "FORGEJO_TOKEN", "GITHUB_TOKEN"),
    ForgeKind.LOCAL: (),
}
"""Variables of the environment that hold a token, the first that is set counts. Gitea's runners set GitHub's too."""


def choose_forge(configured: ForgeSpec | None, place: CiPlace | None, remote: str) -> ForgeSpec | None:
    """The forge and the repository in it; None where nothing tells.

    Args:
        configured: `forge:` of the project.
        place: the CI system that this runs in.
        remote: address of git's remote `origin`; empty if there is none.
    """
    found = (None if place is None else place.forge) or forge_of(remote)
    if configured is None:
        return found
    repository = configured.repository or _repository(configured, found, place, remote)
    api = configured.api or (found.api if found is not None and _same_site(found, configured) else "")
    return replace(configured, repository=repository, api=api)


def _repository(configured: ForgeSpec, found: ForgeSpec | None, place: CiPlace | None, remote: str) -> str:
    if found is not None and _same_site(found, configured):
        return found.repository
    there = parse_remote(remote)
    return (place.repository if place is not None else "") or ("" if there is None else there.repository)


def _same_site(first: ForgeSpec, second: ForgeSpec) -> bool:
    return (first.kind, first.url) == (second.kind, second.url)


def token_of(spec: ForgeSpec, environ: Mapping[str, str]) -> str:
    """The token in the environment that is usual for a forge of this kind; empty if there is none.

    Azure Pipelines leave `$(NAME)` where a variable does not exist.
    """
    values = (environ.get(name, "").strip() for name in TOKENS[spec.kind])
    return next((value for value in values if value and not value.startswith("$(")), "")
