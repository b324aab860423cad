"""What commands on releases work with: find one, give it an order, wait for what it makes of it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from seatrial.ports import Clock
from seatrial.records import (
    OrderKind,
    PermanentError,
    Release,
    ReleaseEvent,
    ReleaseOutcome,
    ReleasePhase,
    ReleaseSpec,
    ServiceSpec,
    StageGate,
    StageRules,
    UsageError,
)
from seatrial.release.book import Answer, ReleaseBook
from seatrial.release.kept import Kept
from seatrial.release.tools import Fleet

LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseDesk:
    """The releases of one project, as commands have them.

    Attributes:
        folder: where each release has a folder of its own.
        services, specs: as configured, by the service's name.
        rules: the registry's stages.
        ensure_server: sees to it that the project's server runs.
        server: its process id; None if none runs.
        mark: a few characters that tell releases of one second apart.
    """

    folder: Path
    book: ReleaseBook
    fleet: Fleet
    clock: Clock
    services: Mapping[str, ServiceSpec]
    specs: Mapping[str, ReleaseSpec]
    rules: StageRules
    ensure_server: Callable[[], None]
    server: Callable[[], int | None]
    mark: Callable[[], str]


def service_of(desk: ReleaseDesk, model: str, asked: str | None) -> ServiceSpec:
    """The service that a model is released to.

    Args:
        desk: the surroundings.
        model: its name in the registry.
        asked: name of the service, where somebody said it.

    Raises:
        UsageError: there is none, or several serve the model and nobody said which.
    """
    names = ", ".join(desk.services)
    if asked is not None:
        if asked in desk.services:
            return desk.services[asked]
        raise UsageError(
            f"there is no service {asked!r}", where="--service", remedy=f"there are {names}" if names else _ADD
        )
    found = [service for service in desk.services.values() if service.model == model]
    if not found:
        raise UsageError(
            f"no service serves {model}",
            where="seatrial.yaml: services",
            remedy=f"there are {names}; --service names one" if names else _ADD,
        )
    if len(found) > 1:
        several = ", ".join(service.name for service in found)
        raise UsageError(f"several services serve {model}: {several}", remedy="say which with --service")
    return found[0]


_ADD = "name one under services in seatrial.yaml"


def find_release(book: ReleaseBook, named: str | None) -> Release:
    """The release that somebody means.

    Args:
        book: where they are.
        named: a service (its release that runs, else its latest), the id of a release or a part of one; None: the one
            that runs.

    Raises:
        UsageError: there is none, or there are several.
    """
    if named is None:
        running = book.running()
        if len(running) == 1:
            return running[0]
        remedy = "name one: " + ", ".join(f"{each.service} ({each.id})" for each in running[:5])
        raise UsageError(
            f"{len(running)} releases run" if running else "no release runs",
            remedy=remedy if running else _BEGIN_OR_NAME,
        )
    running = [each for each in book.running(named) if each.phase is not ReleasePhase.WAITING]
    found = running or book.past(named, limit=1)
    return found[0] if found else book.get(named)


_BEGIN_OR_NAME = "name the service for its last one, or begin one: seatrial release start NAME@VERSION"


def find_promoted(book: ReleaseBook, named: str) -> Release:
    """The release that rollback means: the one of a service that was promoted last, or one by its id. Raises UsageError."""
    of_service = book.past(named)
    if not of_service:
        return book.get(named)
    ready = [
        each
        for each in of_service
        if each.phase is ReleasePhase.BAKING or (each.outcome is ReleaseOutcome.PROMOTED and not each.dry_run)
    ]
    if not ready:
        raise UsageError(f"nothing was promoted to {named} by a release", remedy="seatrial release history lists them")
    return ready[0]


def check_promotion(desk: ReleaseDesk, release: Release, stage: str | None) -> None:
    """Whether a person may promote a release now. Raises UsageError where the version could not have its stage afterwards.

    Args:
        desk: the surroundings.
        release: that runs.
        stage: that the version holds already; None if the judge has promoted.
    """
    wanted = desk.rules.get(release.spec.stage)
    if stage is None or stage == wanted.name or wanted.gate is StageGate.OPEN or desk.rules.break_glass:
        return
    raise UsageError(
        f"without the judge's word {release.model}@{release.number} can't have {wanted.name}",
        where=release.service,
        remedy=f"seatrial promote {release.model} --version {release.number} tries it for the stage; "
        f"seatrial release resume goes on until the judge has decided",
    )


def give_order(desk: ReleaseDesk, release: Release, kind: OrderKind, *, who: str, reason: str = "") -> Answer:
    """Tell a release something, and wait until it has heard it.

    Raises:
        UsageError: it makes no sense now; the message is the release's.
        PermanentError: no server runs that would hear it.
    """
    desk.ensure_server()
    number = desk.book.order(release.id, kind, who=who, at=desk.clock.now(), reason=reason)
    while (answer := desk.book.answer(number)) is None:
        _check_server(desk)
        desk.clock.sleep(LOOK_SECONDS)
    if answer.refused:
        raise UsageError(answer.refused, where=release.id)
    return answer


def follow(desk: ReleaseDesk, release: str) -> Iterator[tuple[Release, tuple[ReleaseEvent, ...]]]:
    """A release again and again, with what is new on its timeline, until it has ended.

    Raises:
        PermanentError: no server runs that would go on with it.
    """
    seen = 0
    while True:
        # The release first: what happened by then is on the timeline.
        found = desk.book.get(release)
        lines = desk.book.events(release, after=seen)
        seen = lines[-1][0] if lines else seen
        yield found, tuple(event for _, event in lines)
        if found.phase is ReleasePhase.ENDED:
            return
        _check_server(desk)
        desk.clock.sleep(LOOK_SECONDS if lines else 5 * LOOK_SECONDS)


def kept_of(desk: ReleaseDesk, release: Release) -> Kept:
    """What a release saw."""
    return Kept(desk.folder / release.id)


def _check_server(desk: ReleaseDesk) -> None:
    if desk.server() is None:
        raise PermanentError(
            "the project's server has ended, and with it nobody turns releases",
            remedy="seatrial server goes on with them; the end of .seatrial/server.log says why it ended",
        )
