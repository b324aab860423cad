"""Which replicas take a service's requests: a pure function of what the list of deployments says.

The proxy is given the replicas' own ports and not the deployment's address, so that it can tell them apart, and let one
of them go before it is stopped.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from seatrial.records import Arm, Backend, Endpoint, ServiceSpec, UsageError

CANARY_SUFFIX: Final = "-canary"
LOOPBACK: Final = "127.0.0.1"
HTTP_PORT: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """An instance of a deployment.

    Attributes:
        cell: its name, used once.
        port: loopback port of its own.
        version: number of the version that it runs.
        ready: whether it ever was.
        silent: whether it no longer answers.
    """

    cell: str
    port: int
    version: str
    ready: bool
    silent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """A deployment and what runs of it.

    Attributes:
        version: number of the version that shall run.
        wanted: False once it is stopped or to be removed.
    """

    name: str
    version: str
    wanted: bool = True
    replicas: tuple[Replica, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Arms:
    """Both sides of a service; no canary: there is no such deployment, or it is to end."""

    stable: Backend
    canary: Backend | None = None


def canary_of(service: str) -> str:
    """The name of the deployment that is a service's canary."""
    return f"{service}{CANARY_SUFFIX}"


def arms_of(spec: ServiceSpec, deployed: Mapping[str, Deployed], gone: Collection[str] = ()) -> Arms:
    """The sides of a service as they are.

    Args:
        spec: the service.
        deployed: all deployments, by name; those of services that something else runs don't matter.
        gone: cells that are about to be stopped.
    """
    if spec.stable_url is not None and spec.canary_url is not None:
        return Arms(stable=_static(spec.stable_url, Arm.STABLE), canary=_static(spec.canary_url, Arm.CANARY))
    stable, canary = deployed.get(spec.name), deployed.get(canary_of(spec.name))
    return Arms(
        stable=_backend(stable, gone) if stable is not None else Backend(version=""),
        canary=_backend(canary, gone) if canary is not None and canary.wanted else None,
    )


def check_services(services: Sequence[ServiceSpec]) -> None:
    """Raise UsageError for services that the gateway can't tell apart, or whose arms it can't reach."""
    names = {service.name for service in services}
    for service in services:
        where = f"services.{service.name}"
        if canary_of(service.name) in names:
            raise UsageError(
                f"{canary_of(service.name)} is the name of its canary, and of another service",
                where=where,
                remedy="give the other service another name",
            )
        for url in (service.stable_url, service.canary_url):
            _check_url(url, where)


def _check_url(url: str | None, where: str) -> None:
    if url is not None and not _is_address(url):
        raise UsageError(
            "the gateway can't send requests to what is named there",
            where=where,
            remedy="name http://HOST:PORT; paths are kept as they are",
        )


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port or HTTP_PORT
    except ValueError:
        return False
    more = parts.path.strip("/") or parts.query or parts.fragment or parts.username
    return parts.scheme == "http" and bool(parts.hostname) and port > 0 and not more


def _static(url: str, arm: Arm) -> Backend:
    """An arm that something else runs; nobody says which version that is, so it is called by its side."""
    parts = urlsplit(url)
    endpoint = Endpoint(
        name=arm.value, host=parts.hostname or LOOPBACK, port=parts.port or HTTP_PORT, version=arm.value
    )
    return Backend(version=arm.value, endpoints=(endpoint,))


def _backend(deployed: Deployed, gone: Collection[str]) -> Backend:
    there = [one for one in deployed.replicas if one.ready and one.cell not in gone]
    # Where all are silent they may be busy, and nobody else is there.
    replicas = [one for one in there if not one.silent] or there
    return Backend(
        version=_version(deployed, replicas),
        endpoints=tuple(
            Endpoint(name=one.cell, host=LOOPBACK, port=one.port, version=one.version)
            for one in sorted(replicas, key=lambda one: one.cell)
        ),
    )


def _version(deployed: Deployed, replicas: Sequence[Replica]) -> str:
    """What this side is called: while it is being replaced, the version that it was before."""
    others = sorted({one.version for one in replicas} - {deployed.version}, key=_by_number)
    return others[0] if others else deployed.version


def _by_number(version: str) -> tuple[int, str]:
    return (int(version) if version.isdigit() else 0, version)
