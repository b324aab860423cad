"""Talks to a running Envoy through the sockets in its folder."""

import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from http.client import HTTPException
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import msgspec

from seatrial.adapters.traffic.envoy.names import ADMIN_SOCKET, PROBE_HOST, PROBE_SOCKET, ROUTES
from seatrial.adapters.traffic.sockets import Connection, peer
from seatrial.records import TemporaryError

CLUSTERS_VERSION: Final = "cluster_manager.cds.version_text"
ROUTES_VERSION: Final = f"http.{ROUTES}.rds.{ROUTES}.version_text"
CLUSTERS_REFUSED: Final = "cluster_manager.cds.update_rejected"
ROUTES_REFUSED: Final = f"http.{ROUTES}.rds.{ROUTES}.update_rejected"
REQUESTS: Final = f"http.{ROUTES}.downstream_rq_active"
_OK: Final = 200


class Admin:
    """A running Envoy. Every method raises TemporaryError where it does not answer.

    Args:
        folder: in which its sockets are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def pid(self) -> int | None:
        """Its process id; None where none is there."""
        return peer(self._folder, ADMIN_SOCKET)

    def version(self) -> str:
        """Of the program, as 1.40.0."""
        told = msgspec.json.decode(self.get("/server_info"), type=dict[str, object])
        return str(told.get("version", "")).partition("/")[2].partition("/")[0]

    def live(self) -> bool:
        """Whether it has all of its configuration and takes requests."""
        status, _ = self._ask(ADMIN_SOCKET, "GET", "/ready")
        return status == _OK

    def texts(self) -> Mapping[str, str]:
        """Figures that are texts: versions of the configuration."""
        lines = self.get("/stats", type="TextReadouts").decode().splitlines()
        return {name: value.strip('"') for name, _, value in (line.partition(": ") for line in lines)}

    def figures(self, *names: str) -> Mapping[str, int]:
        """Counters and gauges by name; those that it doesn't have are missing."""
        pattern = "^(" + "|".join(names).replace(".", r"\.") + ")$"
        lines = self.get("/stats", filter=pattern).decode().splitlines()
        return {name: int(value) for name, _, value in (line.partition(": ") for line in lines)}

    def routes_in_force(self) -> str:
        """Version of the routes by which the worker deals requests, which knows a moment later than the administration."""
        _, body = self._ask(PROBE_SOCKET, "GET", "/", host=PROBE_HOST)
        return body.decode()

    def warming(self) -> set[str]:
        """Names of clusters whose endpoints are still to be asked for their health for the first time."""
        found = msgspec.json.decode(self.get("/config_dump", resource="dynamic_warming_clusters"), type=_Warming)
        return {one.cluster.name for one in found.configs}

    def hosts(self, service: str) -> Iterator[tuple[str, int]]:
        """Name of each endpoint in a service's clusters, and how many requests it has to answer."""
        pattern = f"^{re.escape(service)}/.*$"
        found = msgspec.json.decode(self.get("/clusters", format="json", filter=pattern), type=_Clusters)
        for cluster in found.cluster_statuses:
            for host in cluster.host_statuses:
                yield host.hostname, host.requests

    def cluster_requests(self) -> Mapping[str, int]:
        """How many requests each cluster has to answer."""
        found = msgspec.json.decode(self.get("/clusters", format="json"), type=_Clusters)
        return {
            cluster.name: sum(host.requests for host in cluster.host_statuses) for cluster in found.cluster_statuses
        }

    def get(self, path: str, **options: str) -> bytes:
        """The body of an answer."""
        return self._well("GET", f"{path}?{urlencode(options)}" if options else path)

    def post(self, path: str) -> None:
        """Tell it to do something."""
        self._well("POST", path)

    def _well(self, method: str, path: str) -> bytes:
        status, body = self._ask(ADMIN_SOCKET, method, path)
        if status != _OK:
            said = body.decode(errors="replace")[:200]
            raise TemporaryError(f"Envoy refuses {method} {path}: {status} {said}", where=str(self._folder))
        return body

    def _ask(self, door: str, method: str, path: str, host: str = "localhost") -> tuple[int, bytes]:
        with closing(Connection(self._folder, door)) as connection:
            try:
                connection.request(method, path, headers={"host": host})
                answer = connection.getresponse()
                return answer.status, answer.read()
            except (OSError, HTTPException) as error:
                raise TemporaryError(
                    f"Envoy does not answer: {error}",
                    where=str(self._folder / door),
                    remedy="see whether seatrial's server runs; it keeps the gateway running",
                ) from error


class _Host(msgspec.Struct):
    hostname: str = ""
    stats: list[dict[str, str]] = []

    @property
    def requests(self) -> int:
        """That it has, or that wait for a connection to it."""
        wanted = {"rq_active", "rq_pending_active"}
        return sum(int(stat.get("value", "0")) for stat in self.stats if stat.get("name") in wanted)


class _Cluster(msgspec.Struct):
    name: str
    host_statuses: list[_Host] = []


class _Clusters(msgspec.Struct):
    cluster_statuses: list[_Cluster] = []


class _Warm(msgspec.Struct):
    cluster: _Cluster


class _Warming(msgspec.Struct):
    configs: list[_Warm] = []
