"""What people do with deployments: ask for one, scale, stop, start and remove it, and wait until it is so.

A command writes down what is wanted and sees to it that a server runs; the server does the rest, whether anybody waits
for it or not.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from seatrial.deployments.book import Book, Wanted
from seatrial.deployments.watch import replica_log
from seatrial.deployments.wishes import (
    LOOPBACK,
    Asked,
    changed_wish,
    choose_port,
    deployment_name,
    new_wish,
    scaled,
)
from seatrial.logs import Redactor, tail
from seatrial.ports import Clock, Registry
from seatrial.records import (
    DeployState,
    DeployStatus,
    DeployWish,
    ModelVersion,
    PermanentError,
    Resources,
    UsageError,
)

SCORING_TAG = "scoring_uri"
LOOK_SECONDS = 0.1
DEGRADED_SECONDS = 15.0
DEGRADED_FAILURES = 2
"""Nobody waits longer for the rest of a deployment that answers with some replicas, or through more failures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployTools:
    """What commands on deployments work with.

    Attributes:
        project: its folder.
        folder: where each deployment has a folder of its own.
        runtimes: names of those that there are.
        is_free: whether nobody has this port of this address.
        ensure_server: sees to it that a server runs.
        server: its process id; None if none runs.
    """

    project: Path
    folder: Path
    book: Book
    clock: Clock
    runtimes: Collection[str]
    is_free: Callable[[str, int], bool]
    ensure_server: Callable[[], None]
    server: Callable[[], int | None]


def ask_for(tools: DeployTools, version: ModelVersion, asked: Asked, defaults: Resources) -> Wanted:
    """Write down that a version shall run, as asked.

    Args:
        tools: the surroundings.
        version: what shall run.
        asked: how.
        defaults: resources where none are asked for: the project's.

    Raises:
        UsageError: something of it can't be.
        TemporaryError: a deployment of this name is still being removed.
    """
    if asked.runtime is not None and asked.runtime not in tools.runtimes:
        known = ", ".join(sorted(tools.runtimes))
        raise UsageError(f"there is no runtime {asked.runtime!r}", where="--runtime", remedy=f"known: {known}")
    name = deployment_name(asked, version)
    before = tools.book.find(name)
    if before is not None:
        return tools.book.put(changed_wish(before.wish, asked, version))
    port = asked.port or _free_port(tools, name, asked.host or LOOPBACK)
    return tools.book.put(new_wish(asked, version, defaults=defaults, port=port, now=tools.clock.now()))


def scale(tools: DeployTools, name: str, replicas: int) -> Wanted:
    """Wish so many replicas; one that is stopped stays so. Raises UsageError."""
    found = tools.book.get(name)
    return tools.book.put(scaled(found.wish, replicas), stopped=found.stopped)


def stop(tools: DeployTools, name: str) -> Wanted:
    """Wish that nothing of it runs. Raises UsageError."""
    return tools.book.put(tools.book.get(name).wish, stopped=True)


def start(tools: DeployTools, name: str) -> Wanted:
    """Wish that it runs as it did. Raises UsageError."""
    return tools.book.put(tools.book.get(name).wish)


def remove(tools: DeployTools, name: str) -> Wanted:
    """Wish that it had never been. Raises UsageError."""
    return tools.book.put(tools.book.get(name).wish, removed=True)


def wait_until_settled(tools: DeployTools, wanted: Wanted, told: Callable[[DeployStatus], None]) -> DeployStatus:
    """Wait until a wish is fulfilled or failed; `told` hears of everything that changes meanwhile.

    Raises:
        PermanentError: no server runs that would fulfil it.
    """
    wait = _Wait(wanted)
    while True:
        status = tools.book.status(wanted.wish.name)
        if status is not None and status.generation >= wanted.generation:
            if wait.is_news(status):
                told(status)
            if wait.is_over(status, tools.clock.monotonic()):
                return status
        _check_server(tools)
        tools.clock.sleep(LOOK_SECONDS)


class _Wait:
    """What somebody who waits for a wish has seen so far."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._shown: tuple[object, ...] = ()
        self._degraded_at: float | None = None
        self._restarts: int | None = None

    def is_news(self, status: DeployStatus) -> bool:
        """Whether people haven't been told this yet."""
        before, self._shown = (
            self._shown,
            (status.state, status.reason, [(one.index, one.ready) for one in status.replicas]),
        )
        return before != self._shown

    def is_over(self, status: DeployStatus, now: float) -> bool:
        """Whether there is nothing more to wait for."""
        if self._wanted.now.replicas == 0:
            return status.state is DeployState.STOPPED and not status.replicas
        return status.state in {DeployState.READY, DeployState.FAILED} or self._is_hopeless(status, now)

    def _is_hopeless(self, status: DeployStatus, now: float) -> bool:
        """Whether a part of it answers and the rest doesn't come."""
        restarts = sum(replica.restarts for replica in status.replicas)
        self._restarts = restarts if self._restarts is None else min(self._restarts, restarts)
        if status.state is not DeployState.DEGRADED:
            self._degraded_at = None
            return False
        if self._degraded_at is None:
            self._degraded_at = now
        return now - self._degraded_at >= DEGRADED_SECONDS or restarts - self._restarts >= DEGRADED_FAILURES


def wait_until_gone(tools: DeployTools, name: str) -> None:
    """Wait until nothing is left of a removed deployment. Raises PermanentError if no server runs."""
    while any(wanted.wish.name == name and wanted.removed for wanted in tools.book.wishes()):
        _check_server(tools)
        tools.clock.sleep(LOOK_SECONDS)


def mark_version(registry: Registry, wish: DeployWish, uri: str) -> None:
    """Tag the version with where it answers."""
    registry.tag(wish.model, wish.number, {SCORING_TAG: uri})


def unmark_version(registry: Registry, model: str, number: int, base: str) -> None:
    """Take that tag from a version, unless another deployment has set it since.

    Args:
        registry: has the version.
        model: of the version.
        number: of the version.
        base: the address of the deployment that no longer answers with it.
    """
    tag = registry.version(model, number).tags.get(SCORING_TAG, "")
    if tag == base or tag.startswith(f"{base}/"):
        registry.tag(model, number, {SCORING_TAG: None})


def end_of_log(folder: Path, wish: DeployWish, lines: int = 20) -> str:
    """The end of the log that tells most: that of a replica that isn't ready, else the door's, else the installer's."""
    logs = [replica_log(folder, index) for index in range(max(wish.replicas, 1))]
    written = [
        log for log in (*logs, folder / "door.log", folder / "prepare.log") if log.exists() and log.stat().st_size
    ]
    if not written:
        return ""
    newest = max(written, key=lambda log: log.stat().st_mtime)
    return Redactor(wish.env).text(tail(newest, lines))


def _check_server(tools: DeployTools) -> None:
    if tools.server() is None:
        raise PermanentError(
            "the server has ended", where=str(tools.project), remedy="the end of .seatrial/server.log says why"
        )


def _free_port(tools: DeployTools, name: str, host: str) -> int:
    taken = {wanted.wish.port for wanted in tools.book.wishes()}
    return choose_port(str(tools.project), name, lambda port: port not in taken and tools.is_free(host, port))
