"""Brings a configuration into force in a running Envoy, so that no request is lost by it.

Envoy reads two files, clusters and routes. New clusters come first, and routes move over to them once these are in force
and their replicas have been asked for their health. What the routes have left stays until it has nothing to answer.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from seatrial.adapters.traffic.envoy.admin import CLUSTERS_REFUSED, CLUSTERS_VERSION, ROUTES_REFUSED, Admin
from seatrial.adapters.traffic.envoy.names import CLUSTERS_FILE, ROUTES_FILE, Json
from seatrial.adapters.traffic.envoy.render import (
    Rendered,
    clusters_file,
    clusters_version,
    render_service,
    routes_file,
    routes_version,
)
from seatrial.adapters.traffic.files import write_whole
from seatrial.ports import Clock
from seatrial.records import Routing, TemporaryError

IN_FORCE_SECONDS: Final = 5.0
POLL_SECONDS: Final = 0.004
LINGER_SECONDS: Final = 5.0
"""So long a cluster that no route names stays at least: a request may be between two tries, and counted nowhere."""


class RefusedError(Exception):
    """Envoy does not take a configuration. Never leaves this package."""


class Config:
    """The files that one Envoy reads. Not safe for use from many threads at once.

    Args:
        folder: where they are.
        admin: of the Envoy that reads them.
        clock: for waiting.
    """

    def __init__(self, folder: Path, admin: Admin, clock: Clock) -> None:
        self._folder = folder
        self._admin = admin
        self._clock = clock
        self._rendered: dict[str, tuple[Routing, Rendered]] = {}
        self._present = _read_clusters(folder / CLUSTERS_FILE)
        self._routes = _read_version(folder / ROUTES_FILE)
        self._clusters_in_force = ""
        self._routes_in_force = ""
        self._left: dict[str, float] = {}

    def lay(self, routings: Sequence[Routing]) -> None:
        """Write everything as it is wanted, for an Envoy that does not run."""
        services = self._render(routings)
        self._put_clusters(_clusters(services))
        self._put_routes(services)
        self._clusters_in_force = self._routes_in_force = ""
        self._left.clear()

    def is_in_force(self, routings: Sequence[Routing]) -> bool:
        """Whether Envoy has confirmed all of it."""
        return self._routes_in_force == routes_version(self._render(routings))

    def bring(self, routings: Sequence[Routing], *, within: float = IN_FORCE_SECONDS) -> None:
        """Bring it into force.

        Args:
            routings: of all services.
            within: seconds for each of the two files.

        Raises:
            RefusedError: Envoy does not take it.
            TemporaryError: Envoy does not answer, or does not confirm it in time.
        """
        services = self._render(routings)
        clusters = _clusters(services)
        self._bring_clusters(clusters, within)
        self._bring_routes(services, within)
        now = self._clock.monotonic()
        self._left = {name: self._left.get(name, now) for name in self._present if name not in clusters}

    def take_back(self, routings: Sequence[Routing]) -> None:
        """After a refusal: write what is wanted instead, and wait until it is in force. Raises as `bring` does."""
        services = self._render(routings)
        wanted = _clusters(services)
        self._put_clusters({name: one for name, one in self._present.items() if name in wanted or name in self._left})
        self._clusters_in_force = self._routes = ""
        self.bring(routings)

    def tidy(self) -> None:
        """Let go of clusters that have had time and have nothing to answer. Raises TemporaryError if Envoy doesn't answer."""
        due = [name for name, left in self._left.items() if self._clock.monotonic() - left > LINGER_SECONDS]
        if not due:
            return
        requests = self._admin.cluster_requests()
        idle = {name for name in due if not requests.get(name)}
        if idle:
            self._put_clusters({name: one for name, one in self._present.items() if name not in idle})
            # What was confirmed held them: whoever wants one of them again has to ask for it anew.
            self._clusters_in_force = ""
            self._left = {name: left for name, left in self._left.items() if name not in idle}

    def _render(self, routings: Sequence[Routing]) -> list[Rendered]:
        """Each service, anew where it has changed."""
        found = {}
        for routing in routings:
            known = self._rendered.get(routing.service.name)
            unchanged = known is not None and known[0] == routing
            found[routing.service.name] = (
                known if known is not None and unchanged else (routing, render_service(routing))
            )
        self._rendered = found
        return [rendered for _, rendered in found.values()]

    def _bring_clusters(self, wanted: Mapping[str, msgspec.Raw], within: float) -> None:
        present = {**self._present, **wanted}
        version = clusters_version(list(present))
        if self._clusters_in_force == version:
            return
        refused = self._refused(CLUSTERS_REFUSED)
        if present.keys() != self._present.keys():
            self._put_clusters(present)
        self._await(lambda: self._knows(version, wanted), CLUSTERS_REFUSED, refused, within)
        self._clusters_in_force = version

    def _knows(self, version: str, wanted: Mapping[str, object]) -> bool:
        if self._admin.texts().get(CLUSTERS_VERSION) != version:
            return False
        return wanted.keys().isdisjoint(self._admin.warming())

    def _bring_routes(self, services: Sequence[Rendered], within: float) -> None:
        version = routes_version(services)
        if self._routes_in_force == version:
            return
        refused = self._refused(ROUTES_REFUSED)
        if self._routes != version:
            self._routes_in_force = ""
            self._put_routes(services)
        self._await(lambda: self._admin.routes_in_force() == version, ROUTES_REFUSED, refused, within)
        self._routes_in_force = version

    def _refused(self, counter: str) -> int:
        return self._admin.figures(counter).get(counter, 0)

    def _await(self, ready: Callable[[], bool], counter: str, refused: int, within: float) -> None:
        deadline = self._clock.monotonic() + within
        while not ready():
            if self._refused(counter) > refused:
                raise RefusedError
            if self._clock.monotonic() > deadline:
                raise TemporaryError(
                    f"the gateway did not confirm within {within:g} s what it was asked for",
                    where=str(self._folder),
                    remedy="it stays wanted, and comes into force once the gateway answers; see proxy.log there",
                )
            self._clock.sleep(POLL_SECONDS)

    def _put_clusters(self, clusters: Mapping[str, msgspec.Raw]) -> None:
        self._write(CLUSTERS_FILE, clusters_file(clusters))
        self._present = dict(clusters)

    def _put_routes(self, services: Sequence[Rendered]) -> None:
        self._write(ROUTES_FILE, routes_file(services))
        self._routes = routes_version(services)

    def _write(self, name: str, document: Json) -> None:
        write_whole(self._folder / name, msgspec.json.encode(document))


class _Named(msgspec.Struct):
    name: str


class _ClustersFile(msgspec.Struct):
    resources: list[msgspec.Raw] = []


class _RoutesFile(msgspec.Struct):
    version_info: str = ""


def _clusters(services: Sequence[Rendered]) -> dict[str, msgspec.Raw]:
    return {name: cluster for one in services for name, cluster in one.clusters.items()}


def _read_clusters(path: Path) -> dict[str, msgspec.Raw]:
    """What an earlier seatrial told Envoy; nothing if there is none."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_ClustersFile).resources
        return {msgspec.json.decode(one, type=_Named).name: one for one in found}
    except (OSError, msgspec.MsgspecError):
        return {}


def _read_version(path: Path) -> str:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_RoutesFile).version_info
    except (OSError, msgspec.MsgspecError):
        return ""
