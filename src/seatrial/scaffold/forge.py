"""Where a repository will be: one address, taken apart once, from which links and places in pipelines are made."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from seatrial.records import UsageError

_EXAMPLE: Final = "write the repository's address, as https://github.com/you/wine"
_HOST: Final = re.compile(r"[A-Za-z0-9.-]+(:\d{1,5})?|\[[0-9a-fA-F:]+\](:\d{1,5})?")
_SEGMENT: Final = re.compile(r"[A-Za-z0-9._~%+-]+")
_GIT: Final = "_git"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forge:
    """The address of a repository on its forge.

    Attributes:
        url: the page that people open, without `.git` or a slash at the end.
        host: with the port, if there is one.
        path: below the host, as `you/wine`.
    """

    url: str
    host: str
    path: str

    @property
    def clone_url(self) -> str:
        """What `git clone` takes."""
        return self.url if self.on_azure else f"{self.url}.git"

    @property
    def repository(self) -> str:
        """The last part of the path, as people write it."""
        return unquote(self.path.rpartition("/")[2])

    @property
    def on_azure(self) -> bool:
        """Whether it is in Azure Repos, whose addresses have `_git` in them."""
        return f"/{_GIT}/" in self.path

    @property
    def organization(self) -> str:
        """Address of the organisation or collection in Azure; empty elsewhere."""
        if not self.on_azure:
            return ""
        above = self.path.partition(f"/{_GIT}/")[0].split("/")[:-1]
        return "/".join([self.url.removesuffix(f"/{self.path}"), *above])

    @property
    def azure_project(self) -> str:
        """The project in Azure that holds the repository, as people write it; empty elsewhere."""
        return unquote(self.path.partition(f"/{_GIT}/")[0].rpartition("/")[2]) if self.on_azure else ""


def parse_forge(url: str) -> Forge:
    """Take an address apart.

    Raises:
        UsageError: it is no address of a repository, or holds a password, which would end up in files.
    """
    parts = _split(url)
    segments = [segment for segment in parts.path.split("/") if segment]
    if parts.query or parts.fragment or not all(map(_SEGMENT.fullmatch, segments)):
        raise _refused("is no plain address")
    if not _names_a_repository(parts.netloc, segments):
        raise _refused("names no repository")
    path = "/".join(segments).removesuffix(".git")
    return Forge(url=f"{parts.scheme}://{parts.netloc}/{path}", host=parts.netloc, path=path)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
    except ValueError:
        raise _refused("is no address") from None
    if "@" in parts.netloc:
        raise UsageError(
            "the address holds a user name or password, which would be written into files",
            where="--forge-url",
            remedy="leave it out; credentials belong into the CI system",
        )
    if parts.scheme not in {"http", "https"} or not _HOST.fullmatch(parts.netloc):
        raise _refused("is no http address")
    return parts


def _names_a_repository(host: str, segments: list[str]) -> bool:
    """OWNER/NAME, or in Azure PROJECT/_git/NAME below an organisation that is part of the path or of the host."""
    if _GIT not in segments:
        return len(segments) > 1 and host != "dev.azure.com"
    above = segments.index(_GIT)
    return above == len(segments) - 2 and above >= (2 if host == "dev.azure.com" else 1)


def _refused(what: str) -> UsageError:
    return UsageError(f"what was given {what}", where="--forge-url", remedy=_EXAMPLE)
