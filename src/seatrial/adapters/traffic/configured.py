"""What nginx and HAProxy have in common: what they shall do is a file, some of whose words come from outside.

Words that such a file can't hold, or that would mean something else in it, are refused before it is written.
"""

import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from seatrial.records import Backend, PermanentError, Routing, UsageError

_SAID: Final = 500
_MARGIN_SECONDS: Final = 5.0
_SHORTEST_SECONDS: Final = 60.0
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]+")
_NAME: Final = re.compile(r"[A-Za-z0-9._:\[\]-]+")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def arms(routing: Routing) -> Iterator[tuple[str, Backend, Backend]]:
    """Each arm: its name, its own side, and the other one, which stands in for it."""
    canary = routing.canary or Backend(version="")
    yield "stable", routing.stable, canary
    yield "canary", canary, routing.stable


def other(arm: str) -> str:
    """The arm that stands in for this one."""
    return "stable" if arm == "canary" else "canary"


def longest_request(routings: Mapping[str, Routing]) -> float:
    """Seconds after which no request of these services is still being answered."""
    specs = [routing.service for routing in routings.values()]
    return max([_SHORTEST_SECONDS, *(spec.timeout * (spec.retries + 1) + _MARGIN_SECONDS for spec in specs)])


def check_addresses(routing: Routing) -> None:
    """Raise UsageError where a replica is named by a host, for a proxy that tells replicas apart by their addresses."""
    for _, own, _ in arms(routing):
        for endpoint in own.endpoints:
            try:
                ip_address(endpoint.host)
            except ValueError:
                raise UsageError(
                    f"{endpoint.host!r} is no address, and this proxy tells replicas apart by theirs",
                    where=f"services.{routing.service.name}",
                    remedy="name its IP address, or take gateway.proxy: envoy",
                ) from None


def check_words(routing: Routing) -> None:
    """Raise UsageError for what can't be written into a configuration file."""
    spec = routing.service
    backends = [backend for _, backend, _ in arms(routing)]
    endpoints = [endpoint for backend in backends for endpoint in backend.endpoints]
    versions = [*(one.version for one in backends), *(one.version for one in endpoints)]
    texts = [spec.prefix, spec.health, *spec.safe_paths, *versions]
    bad = [text for text in texts if _CONTROL.search(text)]
    names = [spec.name, *spec.hosts, *(one.name for one in endpoints), *(one.host for one in endpoints)]
    bad += [name for name in names if not _NAME.fullmatch(name)]
    bad += [spec.sticky.name] if spec.sticky is not None and not _TOKEN.fullmatch(spec.sticky.name) else []
    if bad:
        raise UsageError(
            f"{bad[0]!r} can't be written into the configuration of this proxy",
            where=f"services.{spec.name}",
            remedy="use letters, digits, - and _ in names of headers and cookies, no wildcards in hosts; or gateway.proxy: envoy",
        )


def try_configuration(command: Sequence[str], file: Path) -> None:
    """Have a proxy's own program read a configuration, in the folder of that. Raises PermanentError if it is refused."""
    tried = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, cwd=file.parent)
    if tried.returncode:
        said = " ".join((tried.stderr or tried.stdout).split())
        raise PermanentError(
            f"the proxy refuses its configuration: {said[-_SAID:]}",
            where=str(file),
            remedy="mend what it complains of; the gateway goes on as it was",
        )
