"""Addresses of repositories, as git and CI systems write them, taken apart; and whose API is behind one."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from seatrial.records import ForgeKind, ForgeSpec

_SCP: Final = re.compile(r"(?:[\w.+-]+@)?(?P<host>[\w.-]+):(?P<path>[^/].*)")
_KNOWN: Final = (("github", ForgeKind.GITHUB), ("gitlab", ForgeKind.GITLAB))
_GITEA: Final = ("gitea", "forgejo", "codeberg")
SITES: Final = {ForgeKind.GITHUB: "https://github.com", ForgeKind.GITLAB: "https://gitlab.com"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """Where a repository is.

    Attributes:
        site: as people open it, `https://github.com`; what git reaches by SSH is taken to be there by HTTPS too.
        repository: path of the repository below it, `owner/name`.
    """

    site: str
    repository: str

    @property
    def host(self) -> str:
        """Without port."""
        return urlsplit(self.site).hostname or ""


def parse_remote(address: str) -> Remote | None:
    """A git address; None for a folder, or for what is none. A user name and password in it are left out."""
    text = address.strip()
    if "://" not in text:
        found = _SCP.fullmatch(text)
        return None if found is None else _remote("https", found["host"], found["path"])
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in {"http", "https", "ssh", "git", "git+ssh"} or not parts.hostname:
        return None
    over_http = parts.scheme in {"http", "https"}
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    place = f"{host}:{port}" if port is not None and over_http else host
    return _remote(parts.scheme if over_http else "https", place, parts.path)


def _remote(scheme: str, host: str, path: str) -> Remote | None:
    segments = [unquote(segment) for segment in path.removesuffix("/").removesuffix(".git").split("/") if segment]
    if len(segments) < len(("owner", "name")):
        return None
    return Remote(site=f"{scheme}://{host.lower()}", repository="/".join(segments))


def kind_of(host: str) -> ForgeKind | None:
    """Whose API is spoken at a host, as far as its name tells."""
    labels = host.lower()
    if any(name in labels for name in _GITEA):
        return ForgeKind.GITEA
    return next((kind for name, kind in _KNOWN if name in labels), None)


def forge_of(address: str) -> ForgeSpec | None:
    """The forge that a git address is on; None where its host's name doesn't tell."""
    remote = parse_remote(address)
    kind = None if remote is None else kind_of(remote.host)
    if remote is None or kind is None:
        return None
    return ForgeSpec(kind=kind, url=remote.site, repository=remote.repository)
