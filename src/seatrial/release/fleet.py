"""The deployments behind the services, as a release sees and changes them.

Stable is the deployment that is called like the service, the canary is `SERVICE-canary`, made as stable is: the same
resources, variables and runtime. A service whose arms something else runs has nothing that could be changed.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from seatrial.deployments.book import Wanted
from seatrial.deployments.deploy import DeployTools
from seatrial.deployments.wishes import LOOPBACK, choose_port
from seatrial.gateway.endpoints import canary_of
from seatrial.records import DeployState, DeployStatus, DeployWish, ServiceSpec
from seatrial.release.state import Side


class DeployFleet:
    """The deployments of a project; implements `seatrial.release.tools.Fleet`.

    Args:
        tools: as commands on deployments have them.
        services: as configured now, by name.
    """

    def __init__(self, tools: DeployTools, services: Callable[[], Mapping[str, ServiceSpec]]) -> None:
        self._tools = tools
        self._services = services
        self._wanted: dict[str, Wanted] = {}
        self._seen: dict[str, DeployStatus] = {}

    def look(self) -> None:
        """See how all deployments are now."""
        self._wanted = {wanted.wish.name: wanted for wanted in self._tools.book.wishes()}
        self._seen = {status.wish.name: status for status in self._tools.book.statuses()}

    def stable(self, service: str) -> Side:
        """What runs in stable's place."""
        spec = self._services().get(service)
        return _static() if spec is not None and spec.stable_url else self._side(service)

    def canary(self, service: str) -> Side:
        """What runs in the canary's place."""
        spec = self._services().get(service)
        return _static() if spec is not None and spec.canary_url else self._side(canary_of(service))

    def deploy_canary(self, service: str, number: int, digest: str, *, spare: bool = False) -> None:
        """Let a version run in the canary's place. Raises TemporaryError while an earlier canary is being removed."""
        stable = self._tools.book.get(service).wish
        spec = self._services().get(service)
        replicas = stable.replicas if spare or spec is None else spec.canary_replicas
        name = canary_of(service)
        before = self._tools.book.find(name)
        port = before.wish.port if before is not None else self._free_port(name)
        wish = replace(
            stable,
            name=name,
            number=number,
            artifact=digest,
            created=before.wish.created if before is not None else self._tools.clock.now(),
            replicas=replicas,
            host=LOOPBACK,
            port=port,
        )
        self._put(wish, before)

    def replace_stable(self, service: str, number: int, digest: str) -> None:
        """Let a version run in stable's place, replica by replica."""
        before = self._tools.book.get(service)
        self._put(replace(before.wish, number=number, artifact=digest), before)

    def remove_canary(self, service: str) -> None:
        """Let nothing run in the canary's place."""
        found = self._tools.book.find(canary_of(service))
        if found is not None:
            self._tools.book.put(found.wish, removed=True)
            self.look()

    def _put(self, wish: DeployWish, before: Wanted | None) -> None:
        if before is None or before.wish != wish or before.stopped:
            self._tools.book.put(wish)
            self.look()

    def _free_port(self, name: str) -> int:
        taken = {wanted.wish.port for wanted in self._tools.book.wishes()}
        return choose_port(
            str(self._tools.project), name, lambda port: port not in taken and self._tools.is_free(LOOPBACK, port)
        )

    def _side(self, name: str) -> Side:
        wanted = self._wanted.get(name)
        if wanted is None or wanted.removed or wanted.stopped:
            return Side()
        return side_of(wanted, self._seen.get(name))


def side_of(wanted: Wanted, status: DeployStatus | None) -> Side:
    """One arm, from what shall run there and how that was last seen.

    What was seen of an earlier wish says which replicas answer, and nothing of the version that is wanted now.
    """
    wish = wanted.wish
    if status is None:
        return Side(there=True, number=wish.number, wanted=wish.replicas, why="no server has seen it yet")
    answering = [replica for replica in status.replicas if replica.ready]
    current = status.generation >= wanted.generation
    return Side(
        there=True,
        number=wish.number,
        ready=current and status.state is DeployState.READY and status.wish.number == wish.number,
        answers=len(answering),
        wanted=wish.replicas,
        restarts=sum(replica.restarts for replica in status.replicas) if current else 0,
        state=status.state if current else DeployState.STARTING,
        why=status.reason if current else "",
        replicas=tuple(f"{replica.index} since {replica.since or ''}" for replica in answering),
    )


def _static() -> Side:
    return Side(there=True, ready=True, answers=1, wanted=1, static=True, replicas=("static",))
