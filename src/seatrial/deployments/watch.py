"""One deployment under a supervisor: look, plan, act, show; again and again.

What takes long (laying files, stopping, asking) is done in other threads; a turn never waits for it.
"""

import logging
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

from seatrial import doors
from seatrial.deployments.backoff import after_failure, pause
from seatrial.deployments.book import Started, Wanted
from seatrial.deployments.held import Held
from seatrial.deployments.means import Means, Prepared, Socket
from seatrial.deployments.plan import Action, Bury, OpenDoor, Prepare, Start, Stop, plan
from seatrial.deployments.state import DOOR, Phase, Place, Preparation, World, state_of, trouble_of
from seatrial.deployments.wishes import address, fingerprint
from seatrial.ports import Instance, Launch, Runtime
from seatrial.records import (
    DeployState,
    DeployStatus,
    DeployWish,
    PermanentError,
    ReplicaStatus,
    Resources,
    SeatrialError,
)

SHOW_SECONDS = 2.0
DOOR_LOG = "door.log"
DOOR_NAME = "the door"
DOOR_SECONDS = 10.0
log = logging.getLogger("seatrial.server")


def replica_log(folder: Path, index: int) -> Path:
    """The log of a replica in its deployment's folder; those that fill the place one after the other share it."""
    return folder / f"replica-{index}.log"


class Watch:
    """What a supervisor has of one deployment."""

    def __init__(self, wanted: Wanted, means: Means) -> None:
        self._wanted = wanted
        self._means = means
        self._name = wanted.wish.name
        self._folder = means.folder / self._name
        self._held: dict[str, Held] = {}
        self._places = means.book.places(self._name)
        self._preparation = Preparation()
        self._preparing: Future[Prepared] | None = None
        self._prepared: Prepared | None = None
        self._spare: Socket | None = None
        self._tidied = ""
        self._shown: DeployStatus | None = means.book.status(self._name)
        self._shown_at = float("-inf")
        self._generation = self._shown.generation if self._shown is not None else 0
        self._adopt()

    @property
    def busy(self) -> bool:
        """Whether something is under way, so that it pays to look again soon."""
        return self._preparing is not None or any(held.phase is not Phase.READY for held in self._held.values())

    @property
    def empty(self) -> bool:
        """Whether nothing of it is left."""
        return not self._held and self._preparing is None

    def turn(self, wanted: Wanted) -> None:
        """Look at everything, do what has to be done, and show how it is."""
        self._wanted = wanted
        wish = wanted.now
        self._look()
        self._forgive()
        for action in plan(wish, self._world(wish)):
            self._do(action, wish)
        if wish.replicas == 0:
            self._let_go_of_the_socket()
        self._show(wish)
        self._tidy(wish)

    def leave(self) -> None:
        """The supervisor ends; everything that was started stays."""
        self._let_go_of_the_socket()

    def _tidy(self, wish: DeployWish) -> None:
        """Once all is as wanted, remove what is no longer run from."""
        wanted = fingerprint(wish)
        ready = self._shown is not None and self._shown.state is DeployState.READY
        others = any(held.started.fingerprint not in {"", wanted} for held in self._held.values())
        if ready and not others and self._tidied != wanted:
            self._tidied = wanted
            self._means.threads.submit(self._means.tidy, self._folder, frozenset({wanted}))

    # what an earlier supervisor left

    def _adopt(self) -> None:
        """Take over what still runs of what the book says was started."""
        for started in self._means.book.instances(self._name):
            instance = self._runtime_of(started).adopt(self._launch(started, (), {}, self._folder))
            if instance is None:
                self._means.book.gone(started.cell)
                continue
            log.info("%s runs on", started.cell)
            self._hold(started, instance, Phase.SILENT if started.ready else Phase.STARTING)

    def _hold(self, started: Started, instance: Instance, phase: Phase, *, takes: bool = False) -> None:
        now = self._means.clock.monotonic()
        self._held[started.cell] = Held(
            started=started, instance=instance, phase=phase, answered=now, ask_at=now, takes=takes
        )

    # look

    def _look(self) -> None:
        for cell, held in list(self._held.items()):
            if held.look(self._means, self._prepared):
                self._note_ready(held)
            if held.started.index == DOOR:
                self._look_at_door(held)
            if held.gone:
                del self._held[cell]
                self._means.book.gone(cell)
        self._look_at_preparation()

    def _forgive(self) -> None:
        """Somebody asks again: what failed before is tried at once, and says nothing of what is wanted now."""
        if self._generation == self._wanted.generation:
            return
        self._generation = self._wanted.generation
        self._preparation = replace(self._preparation, failures=0, not_before=0.0, reason="")
        for place in list(self._places.values()):
            if place.failures:
                self._keep(replace(place, failures=0, not_before=0.0, reason=""))

    def _look_at_door(self, held: Held) -> None:
        """A door is ready when it hands out its socket; we keep one too, for the next door if this one is killed."""
        if held.phase not in {Phase.STARTING, Phase.SILENT}:
            return
        if held.takes and self._spare is not None:
            held.takes = not self._means.keys.give(self._folder, self._spare.fileno())
        socket = self._means.keys.fetch(self._folder)
        if socket is None:
            return
        self._let_go_of_the_socket()
        self._spare = socket
        held.phase = Phase.READY
        self._note_ready(held)

    def _note_ready(self, held: Held) -> None:
        since = held.started.ready or self._means.clock.now()
        held.started = replace(held.started, ready=since)
        self._means.book.note_ready(held.started.cell, since)
        if self._counts(held):
            self._keep(replace(self._place(held.started.index), reason="", was_ready=True))
        log.info("%s is ready", held.started.cell)

    def _look_at_preparation(self) -> None:
        preparing = self._preparing
        if preparing is None or not preparing.done():
            return
        self._preparing = None
        error = preparing.exception()
        if error is None:
            self._prepared = prepared = preparing.result()
            self._preparation = Preparation(fingerprint=prepared.fingerprint, shared=prepared.shared)
            return
        if not isinstance(error, SeatrialError):
            log.error("%s could not be prepared", self._name, exc_info=error)
        failures = self._preparation.failures + 1
        self._preparation = replace(
            self._preparation,
            running=False,
            failures=failures,
            reason=_words(error),
            not_before=self._now + pause(failures, self._means.chance),
        )
        log.warning("%s can't be prepared: %s", self._name, _words(error))

    @property
    def _now(self) -> float:
        return self._means.clock.now().timestamp()

    def _world(self, wish: DeployWish) -> World:
        return World(
            now=self._now,
            fingerprint=fingerprint(wish),
            instances=tuple(held.seen(self._means) for held in self._held.values()),
            places=self._places,
            preparation=self._preparation,
            spare_socket=self._spare is not None,
        )

    # act

    def _do(self, action: Action, wish: DeployWish) -> None:
        match action:
            case Prepare():
                self._prepare(wish)
            case OpenDoor(take=take):
                self._open_door(wish, take=take)
            case Start(index=index):
                self._start(index, wish)
            case Stop(cell=cell, failed=failed):
                self._stop(self._held[cell], failed)
            case Bury(cell=cell):
                self._bury(self._held[cell])

    def _prepare(self, wish: DeployWish) -> None:
        log.info("%s: preparing %s@%d", self._name, wish.model, wish.number)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._preparation = replace(self._preparation, running=True)
        self._preparing = self._means.threads.submit(self._means.prepare, wish, self._folder)

    def _open_door(self, wish: DeployWish, *, take: bool) -> None:
        host, port, mode = wish.host, str(wish.port), "take" if take else "bind"
        command = (self._means.python, "-I", "-S", doors.__file__, host, port, str(self._folder), mode)
        place = self._place(DOOR)
        place = replace(place, starts=place.starts + 1)
        started = Started(
            cell=f"{self._name}.door.{place.starts}",
            name=self._name,
            index=DOOR,
            fingerprint="",
            port=wish.port,
            started=self._means.clock.now(),
            runtime="",
            resources=Resources(),
            health=DOOR_NAME,
            deadline=DOOR_SECONDS,
        )
        self._launch_at(place, started, command, {}, self._folder, takes=take)

    def _start(self, index: int, wish: DeployWish) -> None:
        prepared = self._prepared
        if prepared is None:
            return
        place = self._place(index)
        place = replace(place, starts=place.starts + 1, fingerprint=prepared.fingerprint)
        port = self._runtime(wish.runtime).free_port() if prepared.shared else wish.port
        started = Started(
            cell=f"{self._name}.{index}.{place.starts}",
            name=self._name,
            index=index,
            fingerprint=prepared.fingerprint,
            port=port,
            started=self._means.clock.now(),
            runtime=wish.runtime,
            resources=wish.resources,
            health=prepared.health.path,
            deadline=prepared.health.deadline,
            behind_door=prepared.shared,
            number=wish.number,
        )
        env = {**prepared.env, "PORT": str(port)}
        self._launch_at(place, started, prepared.command(port), env, prepared.cwd)

    def _launch_at(
        self,
        place: Place,
        started: Started,
        command: tuple[str, ...],
        env: dict[str, str],
        cwd: Path,
        *,
        takes: bool = False,
    ) -> None:
        """Write it down, then start it: whatever happens in between, the next supervisor looks for it."""
        self._places[place.index] = place
        self._means.book.begin(started, place)
        launch = self._launch(started, command, env, cwd)
        try:
            _head(launch.log, f"[seatrial: {started.cell} starts at {started.started:%Y-%m-%d %H:%M:%S} UTC]\n")
            instance = self._runtime_of(started).start(launch)
        except SeatrialError as error:
            self._means.book.gone(started.cell)
            self._fail(place, _words(error), None)
            self._prepare_anew(place)
            return
        log.info("%s starts", started.cell)
        self._hold(started, instance, Phase.STARTING, takes=takes)

    def _launch(self, started: Started, command: tuple[str, ...], env: dict[str, str], cwd: Path) -> Launch:
        door = started.index == DOOR
        return Launch(
            run=self._means.mark,
            cell=started.cell,
            command=command,
            cwd=cwd,
            env=env,
            port=started.port,
            log=self._folder / DOOR_LOG if door else replica_log(self._folder, started.index),
            resources=started.resources,
        )

    def _stop(self, held: Held, failed: str) -> None:
        if failed:
            log.warning("%s is stopped: %s", held.started.cell, failed)
            self._blame(held, failed)
        else:
            log.info("%s is stopped", held.started.cell)
            place = self._place(held.started.index)
            self._keep(Place(index=place.index, starts=place.starts, fingerprint=place.fingerprint))
        door = held.started.index == DOOR
        if door:
            self._let_go_of_the_socket()
        held.stop(self._means.threads, None if door else self._means.let_go)

    def _bury(self, held: Held) -> None:
        reason = held.ending()
        log.warning("%s: %s", held.started.cell, reason)
        self._blame(held, reason)
        held.stop(self._means.threads)

    def _blame(self, held: Held, reason: str) -> None:
        """A failure of its place, if it is what was wanted there."""
        if self._counts(held):
            place = self._place(held.started.index)
            self._fail(place, reason, held.ready_seconds(self._means))
            if held.started.ready is None:
                self._prepare_anew(place)

    def _prepare_anew(self, place: Place) -> None:
        """Before the next start: perhaps somebody has removed what was prepared, or it is not what it was."""
        if place.index != DOOR:
            self._prepared = None
            self._preparation = replace(self._preparation, fingerprint="")

    def _counts(self, held: Held) -> bool:
        """Whether its fate says something about what is wanted now."""
        return held.started.index == DOOR or held.started.fingerprint == fingerprint(self._wanted.wish)

    def _fail(self, place: Place, reason: str, ready_seconds: float | None) -> None:
        self._keep(
            after_failure(place, reason=reason, ready_seconds=ready_seconds, now=self._now, chance=self._means.chance)
        )

    def _place(self, index: int) -> Place:
        return self._world(self._wanted.wish).place(index)

    def _keep(self, place: Place) -> None:
        self._places[place.index] = place
        self._means.book.keep(self._name, place)

    def _runtime_of(self, started: Started) -> Runtime:
        return self._means.local if started.index == DOOR else self._runtime(started.runtime)

    def _runtime(self, name: str) -> Runtime:
        try:
            return self._means.runtimes[name]
        except KeyError:
            known = ", ".join(sorted(self._means.runtimes))
            raise PermanentError(f"there is no runtime {name!r}", where=self._name, remedy=f"known: {known}") from None

    def _let_go_of_the_socket(self) -> None:
        if self._spare is not None:
            self._spare.close()
            self._spare = None

    # show

    def _show(self, wish: DeployWish) -> None:
        now = self._means.clock.monotonic()
        before = self._shown
        status = self._status(wish)
        changed = before is None or replace(before, seen=status.seen, wish=status.wish) != status
        if not changed and now - self._shown_at < SHOW_SECONDS:
            return
        self._means.book.publish(status)
        self._shown, self._shown_at = status, now
        if before is None or before.state is not status.state:
            log.info("%s is %s%s", self._name, status.state.value, f": {status.reason}" if status.reason else "")
            self._means.tell(status, None if before is None else before.state)

    def _status(self, wish: DeployWish) -> DeployStatus:
        world = self._world(wish)
        doing = "" if self._preparing is None else "files, code and software stack are being prepared"
        return DeployStatus(
            wish=wish,
            state=state_of(wish, world),
            replicas=tuple(self._replicas(wish, world)),
            url=address(wish, self._means.machine),
            seen=self._means.clock.now(),
            reason=trouble_of(wish, world) or doing,
            generation=self._wanted.generation,
        )

    def _replicas(self, wish: DeployWish, world: World) -> Iterator[ReplicaStatus]:
        """One a place: what is wanted there if it is there, else what still is, else why nothing is."""
        indices = {held.started.index for held in self._held.values()} | set(range(wish.replicas))
        for index in sorted(indices - {DOOR}):
            there = [held for held in self._held.values() if held.started.index == index]
            best = min(there, key=lambda held: _rank(held, world.fingerprint), default=None)
            place = world.place(index)
            if best is None or best.phase is Phase.ENDED:
                yield ReplicaStatus(index=index, ready=False, restarts=place.restarts, reason=place.reason)
            else:
                shown = best.shown(place.restarts)
                yield replace(shown, reason=place.reason or shown.reason) if not shown.ready else shown


def _rank(held: Held, wanted: str) -> tuple[bool, bool, bool]:
    return held.phase is not Phase.READY, held.started.fingerprint != wanted, held.stopping is not None


def _head(path: Path, line: str) -> None:
    """Begin another part of a log. Raises PermanentError if it can't be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(line)
    except OSError as error:
        raise PermanentError(
            f"its log can't be written: {error.strerror}", where=str(path), remedy="free space, or make it writable"
        ) from error


def _words(error: BaseException) -> str:
    if isinstance(error, SeatrialError):
        return " → ".join(filter(None, [error.what, error.remedy]))
    return f"{type(error).__name__}: {error}"
