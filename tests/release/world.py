"""A world for releases: time passes when the test says so, requests are counts, and deployments are ready in five seconds."""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from seatrial.gateway.routes import Routes
from seatrial.ports import Metrics, Query, Watched
from seatrial.records import (
    Actor,
    ArmWindow,
    Decision,
    Hypothesis,
    Judgement,
    JudgePolicy,
    Notice,
    OrderKind,
    RegistrySpec,
    Release,
    ReleaseEvent,
    ReleaseEventKind,
    ReleasePhase,
    ReleaseSpec,
    SeatrialError,
    ServiceSpec,
    StageRules,
    TemporaryError,
    Threshold,
    VersionDraft,
    Window,
)
from seatrial.records.window import LOWEST_LATENCY
from seatrial.registry.tools import RegistryTools
from seatrial.release.begin import Asked, begin
from seatrial.release.book import open_release_book
from seatrial.release.runner import ReleaseRunner
from seatrial.release.tools import ReleaseTools
from seatrial.testing import FakeClock, MemoryFleet, MemoryRegistry, MemoryStore, MemoryTraffic
from tests.deployments.fakes import Inline

STEP = math.log(1.1) / 10
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


class JumpingClock(FakeClock):
    """A clock whose hands can be moved; what does not jump is `monotonic`."""

    def __init__(self) -> None:
        super().__init__(NOON)
        self.moved = timedelta()

    def now(self) -> datetime:
        """The wall clock, where its hands are."""
        return super().now() + self.moved


class PlainJudge:
    """A judge that counts: so many of the canary's requests promote, so many errors more than its share abort.

    It stands where a test is about the release and not about statistics.
    """

    def __init__(self, *, promotes: int = 1_000, aborts: int = 20) -> None:
        self.promotes = promotes
        self.aborts = aborts
        self.loads = 0

    def begin(self, _: JudgePolicy, thresholds: Sequence[Threshold] = ()) -> dict[str, Any]:
        """Nothing seen; of thresholds only those with a query count."""
        limits = {each.name: each.value for each in thresholds}
        return {"windows": 0, "warm": 0, "requests": [0, 0], "errors": [0, 0], "limits": limits, "split": False}

    def warm(self, state: dict[str, Any], _: Window) -> None:
        """Count it."""
        state["warm"] += 1

    def update(
        self, state: dict[str, Any], window: Window, values: Mapping[str, float | None] | None = None
    ) -> Judgement:
        """Count it and compare."""
        arms = (window.stable, window.canary)
        state["windows"] += 1
        for place, arm in enumerate(arms):
            state["requests"][place] += arm.requests
            state["errors"][place] += arm.failed
        total = sum(arm.requests for arm in arms)
        if window.steady and total > 80 and abs(window.canary.requests / total - window.weight) > 0.2:
            state["split"] = True
        crossed = [
            name for name, value in (values or {}).items() if value is not None and value >= state["limits"][name]
        ]
        decision, why = self._decide(state, crossed)
        return Judgement(
            at=window.end,
            windows=state["windows"],
            decision=decision,
            why=why,
            evidence=Hypothesis(evidence=state["errors"][1] / 10, needed=2.0),
            requests=(state["requests"][0], state["requests"][1]),
        )

    def _decide(self, state: dict[str, Any], crossed: Sequence[str]) -> tuple[Decision, str]:
        stable, canary = state["requests"]
        expected = state["errors"][0] * canary / max(stable, 1)
        if crossed:
            return Decision.ABORT, f"{crossed[0]} does not hold"
        if state["errors"][1] - expected >= self.aborts:
            return Decision.ABORT, f"errors: {state['errors'][1]} where {expected:.0f} were expected"
        if state["split"]:
            return Decision.PAUSE, "the split is not what was asked for"
        if canary >= self.promotes:
            return Decision.PROMOTE, "no metric is worse than its margin"
        return Decision.CONTINUE, f"{self.promotes - canary} more requests are needed"

    def resume(self, state: dict[str, Any]) -> None:
        """Forget the split."""
        state["split"] = False

    def dump(self, state: dict[str, Any]) -> bytes:
        """As JSON."""
        return json.dumps(state).encode()

    def load(self, data: bytes) -> dict[str, Any]:
        """From JSON."""
        self.loads += 1
        found: dict[str, Any] = json.loads(data)
        return found


@dataclass
class Behaviour:
    """How an arm answers: median latency in seconds, spread, share of errors; `slow`: share that takes ten times as long."""

    median: float = 0.125
    sigma: float = 0.45
    errors: float = 0.001
    slow: float = 0.0


@dataclass
class Stream:
    """What the gateway's log would tell, window by window; the same window asked for twice is the same.

    Attributes:
        rate: requests a second.
        share: of the requests that the canary really gets; None: what is in force.
        silent: raised instead of any answer.
    """

    traffic: MemoryTraffic
    rate: float = 10.0
    stable: Behaviour = field(default_factory=Behaviour)
    canary: Behaviour = field(default_factory=Behaviour)
    share: float | None = None
    silent: TemporaryError | None = None
    lays_on: Callable[[Window], Window] = lambda window: window
    made: dict[datetime, Window] = field(default_factory=dict)

    def windows(self, watched: Watched, since: datetime, until: datetime) -> Sequence[Window]:
        """All from `since` that are complete."""
        if self.silent is not None:
            raise self.silent
        found = []
        span = timedelta(seconds=watched.seconds)
        while since + span <= until:
            if since not in self.made:
                self.made[since] = self._make(watched, since)
            found.append(self.made[since])
            since += span
        return found

    def _make(self, watched: Watched, start: datetime) -> Window:
        chance = np.random.default_rng(int(start.timestamp()))
        weight = self._weight(watched.service)
        total = int(chance.poisson(self.rate * watched.seconds))
        canary = int(chance.binomial(total, weight)) if weight else 0
        return self.lays_on(
            Window(
                start=start,
                seconds=watched.seconds,
                weight=0.0,
                stable=_arm(chance, total - canary, self.stable),
                canary=_arm(chance, canary, self.canary),
            )
        )

    def _weight(self, service: str) -> float:
        if self.share is not None:
            return self.share
        found = self.traffic.read(service) if self.traffic.running else None
        return found.weight / 1000 if found is not None else 0.0


def _arm(chance: np.random.Generator, requests: int, behaviour: Behaviour) -> ArmWindow:
    latency = behaviour.median * chance.lognormal(0.0, behaviour.sigma, requests)
    latency[chance.random(requests) < behaviour.slow] *= 10
    places, times = np.unique(np.clip(np.log(latency / LOWEST_LATENCY) / STEP, 0, 1599).astype(int), return_counts=True)
    counts = dict(zip(places.tolist(), times.tolist(), strict=True))
    errors = int(chance.binomial(requests, behaviour.errors))
    return ArmWindow(
        requests=requests, errors={"5xx": errors} if errors else {}, latency=counts, seconds=float(latency.sum())
    )


class World:
    """One project with a service `wine`, whose stable version is 1; version 2 is registered too.

    Everything but the runner survives `restart`.
    """

    def __init__(
        self,
        folder: Path,
        spec: ReleaseSpec | None = None,
        *,
        judge: Any = None,
        rules: StageRules | None = None,
        services: Sequence[str] = ("wine",),
        queries: Mapping[str, float] | None = None,
    ) -> None:
        self.folder = folder
        self.spec = spec or ReleaseSpec()
        self.clock = JumpingClock()
        self.judge = judge or PlainJudge()
        self.queries = dict(queries or {})
        self.notices: list[Notice] = []
        self.services = {name: ServiceSpec(name=name, model="wine") for name in services}
        self.traffic = MemoryTraffic(self.clock)
        self.traffic.keep()
        self.fleet = MemoryFleet(self.clock, dict.fromkeys(services, 1))
        self.routes = Routes(self.traffic, tuple(self.services.values()), self.fleet.deployed, self.clock)
        self.stream = Stream(self.traffic)
        self.registry = MemoryRegistry(rules)
        self.rules = rules or StageRules()
        self._register()
        self.book = open_release_book(folder)
        self.tools = self._tools()
        self.runner = ReleaseRunner(self.tools)
        self.settle()

    def _register(self) -> None:
        model = self.folder / "model.txt"
        for number in (1, 2, 3):
            model.write_text(f"model {number}")
            draft = VersionDraft(model="wine", creator=Actor(name="ada"), created=NOON)
            self.registry.register(draft, model)

    def _tools(self) -> ReleaseTools:
        return ReleaseTools(
            project="cellar",
            folder=self.folder / "releases",
            book=self.book,
            clock=self.clock,
            steering=self.routes,
            fleet=self.fleet,
            metrics=self._metrics,
            query=self._query,
            registry=self.open_registry,
            judge=self.judge,
            threads=Inline(),
            tell=self.notices.append,
        )

    def _metrics(self, _: Release) -> Metrics:
        return self.stream

    def _query(self, _: str) -> Query:
        return Answers(self.queries)

    @contextmanager
    def open_registry(self) -> Iterator[RegistryTools]:
        """The registry in memory."""
        yield RegistryTools(
            registry=self.registry,
            rules=self.rules,
            clock=self.clock,
            store=MemoryStore(),
            project=self.folder,
            root=self.folder,
            spec=RegistrySpec(),
        )

    # what a test says

    def given_in_production(self, number: int) -> None:
        """A promotion put this version into Production, as `seatrial promote` does."""
        from seatrial.records import Evidence, Move, Verdict

        run = f"promotion-{number}"
        digest = self.registry.version("wine", number).artifact.digest
        self.registry.keep(
            Evidence(run=run, model="wine", number=number, artifact=digest, verdict=Verdict.PASS, finished=NOON)
        )
        self.registry.move(
            Move(model="wine", number=number, to="Production", actor=Actor(name="ada"), at=NOON, run=run)
        )

    def start(self, number: int = 2, service: str = "wine", **asked: Any) -> Release:
        """`seatrial release start`."""
        return begin(
            Asked(
                service=self.services[service],
                spec=replace(self.spec, **{key: asked.pop(key) for key in ("if_running",) if key in asked}),
                version=self.registry.version("wine", number),
                who="ada",
                **asked,
            ),
            book=self.book,
            fleet=self.fleet,
            clock=self.clock,
            mark=f"{len(self.book.past()):04x}",
        )

    def order(self, kind: OrderKind, reason: str = "", *, who: str = "bob") -> int:
        """A person's order to the newest release."""
        return self.book.order(self.book.past()[0].id, kind, who=who, at=self.clock.now(), reason=reason)

    def settle(self) -> None:
        """Let the gateway's keeper do its work."""
        for service in self.services:
            with suppress(SeatrialError):
                self.routes.refresh(service)

    def turn(self, seconds: float = 1.0) -> None:
        """Time passes, everybody looks."""
        self.clock.sleep(seconds)
        self.settle()
        self.runner.round()

    def run(self, seconds: float, *, every: float = 2.0, until: Callable[[], object] = lambda: False) -> None:
        """Time passes, turn by turn."""
        for _ in range(int(seconds / every)):
            self.turn(every)
            if until():
                return

    def run_to(self, moment: float, *, every: float = 2.0) -> None:
        """Time passes until so many seconds after noon."""
        self.run(moment - self.clock.monotonic(), every=every)

    def run_until(self, phase: ReleasePhase, *, within: float = 13 * 3600.0, every: float = 2.0) -> Release:
        """Time passes until the newest release is there."""
        self.run(within, every=every, until=lambda: self.release.phase is phase)
        assert phase is self.release.phase, f"{self.release.phase}: {self.release.why}\n{self.told}"
        return self.release

    def restart(self) -> None:
        """The process was killed: nothing is left but what is on disk."""
        self.book.close()
        self.book = open_release_book(self.folder)
        self.tools = self._tools()
        self.runner = ReleaseRunner(self.tools)

    # what a test asks

    @property
    def release(self) -> Release:
        """The newest."""
        return self.book.past()[0]

    @property
    def events(self) -> list[ReleaseEvent]:
        """Its timeline."""
        return [event for _, event in self.book.events(self.release.id)]

    @property
    def told(self) -> str:
        """Its timeline in words."""
        return "\n".join(f"{event.at:%H:%M:%S} {event.kind.value}: {event.text}" for event in self.events)

    @property
    def weight(self) -> int:
        """What the gateway really does."""
        found = self.traffic.read("wine")
        return found.weight if found is not None else 0

    def weights(self) -> list[int]:
        """What was in force, one after the other."""
        return [event.weight for event in self.events if event.weight is not None]

    def troubles(self) -> list[str]:
        """What was wrong, as the timeline has it."""
        return [event.text for event in self.events if event.kind is ReleaseEventKind.TROUBLE]


@dataclass
class Answers:
    """A Query that answers from a list; what is not in it nobody knows."""

    known: Mapping[str, float]

    def value(self, query: str, _: datetime) -> float | None:
        """Its figure."""
        return self.known.get(query)
