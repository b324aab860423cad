"""A supervisor in a world without processes: time passes when the test says so, and replicas follow scripts."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import ParamSpec, TypeVar

from seatrial.deployments.book import Book, Started, Wanted, open_book
from seatrial.deployments.means import Means, Prepared, nobody_sends
from seatrial.deployments.supervisor import Supervisor
from seatrial.deployments.wishes import fingerprint
from seatrial.ports import Launch
from seatrial.records import DeployState, DeployStatus, DeployWish, HealthSpec, Limits, Resources, SeatrialError
from seatrial.testing import FakeClock, FakeInstance, FakeRuntime, Script

P = ParamSpec("P")
T = TypeVar("T")


class Inline(Executor):
    """Does it at once."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """A future that has its result."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - handed on
            future.set_exception(error)
        return future


class FakeSocket:
    """A door's socket, by the door that bound it."""

    def __init__(self, door: str) -> None:
        self.door = door

    def fileno(self) -> int:
        """Not a real one."""
        return -1

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class FakeKeys:
    """Doors hand out their socket while they run, unless the port is taken."""

    runtime: FakeRuntime
    given: set[str] = field(default_factory=set)

    def fetch(self, folder: Path) -> FakeSocket | None:
        """That of the deployment's door."""
        door = self._door(folder)
        if door is None or ("take" in door.launch.command and door.launch.cell not in self.given):
            return None
        return FakeSocket(door.launch.cell)

    def give(self, folder: Path, _: int) -> bool:
        """It takes it."""
        door = self._door(folder)
        if door is not None:
            self.given.add(door.launch.cell)
        return door is not None

    def _door(self, folder: Path) -> FakeInstance | None:
        doors = [one for one in self.runtime.instances if one.launch.cell.startswith(f"{folder.name}.door.")]
        return next((door for door in doors if door.status().running), None)


class Worlds(FakeRuntime):
    """A runtime whose scripts can be changed while it runs; `script` is asked at each start."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.script: Callable[[Launch], Script] = lambda _: Script()

    def start(self, launch: Launch) -> FakeInstance:
        """Start one by the script for it."""
        self._scripts = {launch.cell: self.script(launch)}
        return super().start(launch)


@dataclass
class Stage:
    """A supervisor and its world.

    Attributes:
        loads: seconds that a replica takes to be ready.
        refuses: fingerprints that can't be prepared, with the error.
        complaints: what the replica of this cell says instead of being well.
        shared: whether replicas share the address.
        told: every change of a state.
        let_go: called before a replica is stopped.
    """

    folder: Path
    clock: FakeClock = field(default_factory=FakeClock)
    loads: float = 1.0
    refuses: dict[str, SeatrialError] = field(default_factory=dict)
    complaints: dict[str, str] = field(default_factory=dict)
    shared: bool = True
    told: list[tuple[str, DeployState]] = field(default_factory=list)
    prepared: list[str] = field(default_factory=list)
    let_go: Callable[[Started], None] = nobody_sends

    def __post_init__(self) -> None:
        """Make its parts."""
        self.runtime = Worlds(self.clock)
        self.keys = FakeKeys(self.runtime)
        self.book: Book = open_book(self.folder)
        self.supervisor = self._supervisor()

    def _supervisor(self) -> Supervisor:
        return Supervisor(
            Means(
                book=self.book,
                folder=self.folder / "deployments",
                mark="mark",
                runtimes={"process": self.runtime},
                local=self.runtime,
                clock=self.clock,
                chance=Random(7),
                threads=Inline(),
                prepare=self._prepare,
                tidy=lambda _folder, _keep: None,
                ask=self._ask,
                keys=self.keys,
                tell=lambda status, _: self.told.append((status.wish.name, status.state)),
                machine="here",
                python="python",
                let_go=self._let_go,
            )
        )

    def _let_go(self, started: Started) -> None:
        """As the test says at that moment."""
        self.let_go(started)

    def crash(self) -> None:
        """Kill the supervisor and start another; what it started runs on."""
        self.supervisor = self._supervisor()

    def turn(self, times: int = 1, seconds: float = 0.5) -> None:
        """Turns, with time between them."""
        for _ in range(times):
            self.supervisor.turn()
            self.clock.sleep(seconds)

    def until(self, condition: Callable[[], object], seconds: float = 900.0) -> None:
        """Turns until something is so."""
        end = self.clock.monotonic() + seconds
        while not condition():
            assert self.clock.monotonic() < end, self.status()
            self.turn()

    def want(self, wish: DeployWish, *, stopped: bool = False, removed: bool = False) -> Wanted:
        """Enter a wish."""
        return self.book.put(wish, stopped=stopped, removed=removed)

    def status(self, name: str = "wine") -> DeployStatus:
        """What people are shown."""
        found = self.book.status(name)
        assert found is not None
        return found

    @property
    def state(self) -> DeployState | None:
        """Of the one deployment."""
        found = self.book.status("wine")
        return found.state if found else None

    def running(self, name: str = "wine") -> list[str]:
        """The cells of replicas that run."""
        return [cell for cell in self._running(name) if ".door." not in cell]

    def doors(self, name: str = "wine") -> list[str]:
        """The doors that run."""
        return [cell for cell in self._running(name) if ".door." in cell]

    def instance(self, cell: str) -> FakeInstance:
        """The one of this name."""
        return next(one for one in self.runtime.instances if one.launch.cell == cell)

    def kill(self, cell: str) -> None:
        """As kill -9 would."""
        self.instance(cell)._finish(-9)

    def _running(self, name: str) -> list[str]:
        return [
            one.launch.cell
            for one in self.runtime.instances
            if one.launch.cell.startswith(f"{name}.") and one.status().running
        ]

    def _prepare(self, wish: DeployWish, folder: Path) -> Prepared:
        mark = fingerprint(wish)
        self.prepared.append(mark)
        if mark in self.refuses:
            raise self.refuses[mark]
        return Prepared(
            fingerprint=mark,
            command=lambda port: ("serve", str(port)),
            cwd=folder,
            env={},
            health=HealthSpec(path="/readyz"),
            shared=self.shared,
            check=lambda _: None,
        )

    def _ask(self, url: str) -> str:
        port = int(url.rpartition("/")[0].rpartition(":")[2])
        there = [one for one in self.runtime.instances if one.launch.port == port and ".door." not in one.launch.cell]
        living = [one for one in there if one.status().running]
        if not living:
            return "refused"
        usage = living[-1].usage()
        age = usage.at if usage is not None else 0.0
        return self.complaints.get(living[-1].launch.cell, "" if age >= self.loads else "answered 503")


def wish(**changes: object) -> DeployWish:
    """Wine's third version, one replica."""
    made = DeployWish(
        name="wine",
        model="wine",
        number=3,
        artifact="sha256:3",
        created=datetime(2026, 1, 1, tzinfo=UTC),
        port=20_001,
        resources=Resources(memory=64 << 20),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


UNLIMITED = Limits(kind="none", notes=("memory limit of 64 MiB not enforced: no control groups",))
