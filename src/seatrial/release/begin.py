"""How a release begins: what is asked for, whether it can be, and what is written down of it."""

from dataclasses import dataclass

from seatrial.ports import Clock
from seatrial.records import (
    ModelVersion,
    OrderKind,
    Release,
    ReleasePhase,
    ReleaseSpec,
    ServiceSpec,
    UsageError,
)
from seatrial.release.book import ReleaseBook
from seatrial.release.tools import Fleet


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody asked for.

    Attributes:
        spec: as configured, with what the command says in place of it.
        who: they.
        dry_run: judge and decide, and move nothing.
    """

    service: ServiceSpec
    spec: ReleaseSpec
    version: ModelVersion
    who: str
    dry_run: bool = False


def begin(asked: Asked, *, book: ReleaseBook, fleet: Fleet, clock: Clock, mark: str) -> Release:
    """Write down a release; the project's server begins it when it is its turn.

    Args:
        asked: what somebody wants.
        book: where it is written down.
        fleet: what runs.
        clock: the time.
        mark: a few characters that tell releases of one second apart.

    Raises:
        UsageError: it can't be: no stable version, the same one, or another release that goes first.
    """
    fleet.look()
    baseline = _baseline(asked, fleet)
    now = clock.now()
    identity = f"{now:%Y%m%d-%H%M%S}-{mark}"
    release = Release(
        id=identity,
        service=asked.service.name,
        model=asked.version.model,
        number=asked.version.number,
        digest=asked.version.artifact.digest,
        baseline=baseline,
        started=now,
        spec=asked.spec,
        phase=ReleasePhase.WAITING,
        phase_since=now,
        who=asked.who,
        dry_run=asked.dry_run,
        folder=identity,
        mark=clock.monotonic(),
    )
    others = book.add(release, if_running=asked.spec.if_running)
    if asked.spec.if_running == "replace":
        for other in others:
            _make_way(other, release, book, clock)
    return release


def _baseline(asked: Asked, fleet: Fleet) -> int | None:
    """The version that is stable. Raises UsageError where there is none, or it is the one that is released."""
    stable, service, version = fleet.stable(asked.service.name), asked.service, asked.version
    if version.model != service.model:
        raise UsageError(
            f"{service.name} serves {service.model}, not {version.model}",
            where=f"services.{service.name}",
            remedy="name its model, or the other service with --service",
        )
    if stable.static:
        return None
    if not stable.there:
        raise UsageError(
            f"nothing runs in stable's place, so there is nothing to compare {version.id} with",
            where=service.name,
            remedy=f"the first version is deployed: seatrial deploy {version.id} --name {service.name} "
            f"--replicas {service.replicas}",
        )
    if stable.number == version.number:
        raise UsageError(f"{service.name} runs {version.id} already", remedy="release another version")
    return stable.number


def _make_way(other: Release, release: Release, book: ReleaseBook, clock: Clock) -> None:
    """End what is in the way: a promotion is finished, anything else goes back to stable."""
    kind = OrderKind.PROMOTE if other.phase is ReleasePhase.BAKING else OrderKind.ABORT
    reason = f"{release.model}@{release.number} takes its place"
    book.order(other.id, kind, who=release.who, at=clock.now(), reason=reason)
