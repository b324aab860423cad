"""Which model servers answer for which arm, from the sides of a service that the gateway sends requests to."""

from collections.abc import Sequence

from seatrial.adapters.metrics.serve import Replica
from seatrial.gateway.endpoints import Arms
from seatrial.ports import Watched
from seatrial.records import Arm, Endpoint


def replicas_of(arms: Arms, watched: Watched) -> Sequence[Replica]:
    """The replicas of both sides.

    While stable is being replaced it has replicas of two versions: each belongs to the arm whose version it runs.
    """
    sides = [(Arm.STABLE, arms.stable.endpoints), (Arm.CANARY, arms.canary.endpoints if arms.canary else ())]
    return [
        Replica(name=one.name, arm=_arm(one, side, watched), url=f"http://{one.host}:{one.port}")
        for side, endpoints in sides
        for one in endpoints
    ]


def _arm(endpoint: Endpoint, side: Arm, watched: Watched) -> Arm:
    versions = {watched.stable: Arm.STABLE, watched.canary: Arm.CANARY}
    return versions.get(endpoint.version, side) if watched.stable != watched.canary else side
