"""Supervisor, keeper and proxy together: whatever is replaced, scaled or restarted, each request finds a replica that runs."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.deployments.book import Started
from seatrial.gateway.keep import Keeper, KeeperMeans
from seatrial.gateway.orders import Orders
from seatrial.gateway.setup import Setup
from seatrial.gateway.sight import Sight
from seatrial.records import DeployState, Routing
from seatrial.testing import Asked, FakeClock, MemoryTraffic
from tests.deployments.fakes import Stage, wish
from tests.gateway.worlds import WINE


class Loaded(MemoryTraffic):
    """Users ask all the time: each routing that comes into force gets requests at once, and each wait for answers, too."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.running_cells: Callable[[], list[str]] = list
        self.lost: list[str] = []
        self.loaded = False

    def apply(self, routing: Routing) -> None:
        """And ask."""
        super().apply(routing)
        self.ask()

    def ask(self, times: int = 4) -> None:
        """Some requests; those that nobody answers, or somebody who does not run, are lost."""
        for _ in range(times if self.loaded else 0):
            answered = self.request(Asked(path="/predict"))
            if answered.status != 200 or answered.endpoint not in self.running_cells():
                self.lost.append(f"{answered.status} {answered.endpoint}")


class Harbour:
    """A project whose supervisor and keeper take turns."""

    def __init__(self, folder: Path) -> None:
        self.stage = Stage(folder)
        self.proxy = Loaded(self.stage.clock)
        self.proxy.running_cells = lambda: self.stage.running("wine") + self.stage.running("wine-canary")
        self.folder = folder
        self.keeper = self.new_keeper()
        self.stage.let_go = self.let_go
        self.wanted = {"wine": (3, 2)}
        self.enter("wine", 3, 2)
        self.until(lambda: self.ready("wine"))
        self.proxy.loaded = True

    def let_go(self, started: Started) -> None:
        """By the keeper that is there then."""
        self.keeper.let_go(started)

    def new_keeper(self) -> Keeper:
        """As a new server has it; the proxy ran on."""
        return Keeper(
            KeeperMeans(
                read=lambda: Setup(services=(WINE,)),
                open=lambda _: self.proxy,
                look=Sight(self.stage.book, self.stage.clock),
                orders=Orders(self.folder / "orders"),
                clock=self.stage.clock,
            )
        )

    def enter(self, name: str, number: int, replicas: int) -> None:
        """Wish it."""
        self.wanted[name] = (number, replicas)
        port = 20_001 if name == "wine" else 20_002
        self.stage.want(wish(name=name, number=number, artifact=f"sha256:{number}", replicas=replicas, port=port))

    def turn(self) -> None:
        """Supervisor, users, keeper, users; time passes."""
        self.stage.supervisor.turn()
        self.proxy.ask()
        self.keeper.turn()
        self.proxy.ask()
        self.stage.clock.sleep(0.3)

    def until(self, condition: Callable[[], object]) -> None:
        """Turns until something is so."""
        for _ in range(400):
            self.turn()
            if condition():
                return
        raise AssertionError(self.stage.book.statuses())

    def ready(self, name: str) -> bool:
        """Whether a deployment runs as wished, and the proxy knows it."""
        status, (number, replicas) = self.stage.book.status(name), self.wanted[name]
        arms = self.keeper.routes.backends("wine")
        side = arms.stable if name == "wine" else arms.canary
        found = [] if side is None else [endpoint.version for endpoint in side.endpoints]
        return status is not None and status.state is DeployState.READY and [str(number)] * replicas == found


@pytest.fixture
def harbour(tmp_path: Path) -> Harbour:
    """Stable runs version 3 with two replicas, and is asked."""
    return Harbour(tmp_path)


def test_replacing_stable_loses_no_request(harbour: Harbour) -> None:
    """Replica by replica; while it lasts the side is called by its old version, then by its new one."""
    called: list[str] = []

    def done() -> bool:
        called.append(harbour.keeper.routes.backends("wine").stable.version)
        return harbour.ready("wine")

    harbour.enter("wine", 4, 2)
    harbour.until(done)

    assert [] == harbour.proxy.lost
    assert ["3", "4"] == list(dict.fromkeys(called))
    assert ["4", "4"] == [one.version for one in harbour.proxy.wanted()[0].stable.endpoints]


def test_a_canary_comes_takes_its_share_and_goes(harbour: Harbour) -> None:
    """Without a lost request, also where it is removed while it has one."""
    harbour.enter("wine-canary", 4, 1)
    harbour.until(lambda: harbour.ready("wine-canary"))
    harbour.keeper.routes.steer("wine", weight=500)
    harbour.until(lambda: True)
    harbour.stage.want(harbour.stage.book.get("wine-canary").wish, removed=True)
    harbour.until(lambda: not harbour.stage.running("wine-canary"))

    force = harbour.keeper.routes.in_force("wine")
    assert [] == harbour.proxy.lost
    assert force is not None
    assert (0, ()) == (force.weight, force.canary)


ACTS = st.one_of(
    st.tuples(st.just("version"), st.sampled_from([3, 4, 5])),
    st.tuples(st.just("scale"), st.integers(1, 3)),
    st.tuples(st.just("canary"), st.integers(4, 6)),
    st.tuples(st.just("no canary"), st.just(0)),
    st.tuples(st.just("weight"), st.integers(0, 1000)),
    st.tuples(st.just("new server"), st.just(0)),
    st.tuples(st.just("turns"), st.integers(1, 12)),
)


@pytest.mark.slow
@settings(max_examples=20)
@given(st.lists(ACTS, max_size=12))
def test_whatever_is_changed_no_request_is_lost(acts: list[tuple[str, int]]) -> None:
    """Versions, scale, canary, share, and the server itself, in any order and at any moment."""
    with TemporaryDirectory() as folder:
        harbour = Harbour(Path(folder))
        for what, number in acts:
            _act(harbour, what, number)
            harbour.turn()
        harbour.until(lambda: all(harbour.ready(name) for name in harbour.wanted))

        assert [] == harbour.proxy.lost
        harbour.stage.book.close()


def _act(harbour: Harbour, what: str, number: int) -> None:
    stable, replicas = harbour.wanted["wine"]
    match what:
        case "version":
            harbour.enter("wine", number, replicas)
        case "scale":
            harbour.enter("wine", stable, number)
        case "canary" | "no canary" | "weight":
            _act_on_canary(harbour, what, number)
        case "new server":
            harbour.stage.crash()
            harbour.keeper = harbour.new_keeper()
        case "turns":
            for _ in range(number):
                harbour.turn()


def _act_on_canary(harbour: Harbour, what: str, number: int) -> None:
    known = {wanted.wish.name: wanted for wanted in harbour.stage.book.wishes()}
    canary = known.get("wine-canary")
    if what == "canary" and (canary is None or not canary.removed):
        harbour.enter("wine-canary", number, 1)
    elif what == "no canary" and canary is not None:
        harbour.wanted.pop("wine-canary", None)
        harbour.stage.want(canary.wish, removed=True)
    elif what == "weight" and harbour.keeper.routes.backends("wine").canary is not None:
        harbour.keeper.routes.steer("wine", weight=number)
