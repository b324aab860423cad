"""A project with a registry, all in memory or a temporary folder, and promotions in it whose trials are told what to find."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from seatrial.adapters.store.directory import DirectoryStore
from seatrial.journal import open_journal
from seatrial.ports import Registry
from seatrial.promotion.run import promote
from seatrial.promotion.tools import PromotionTools
from seatrial.promotion.wish import Wish
from seatrial.records import (
    Actor,
    DeploymentSpec,
    Move,
    Notice,
    Project,
    PromotionResult,
    PromotionSpec,
    Report,
    RequestsSpec,
    SeatrialError,
    Verdict,
    Version,
)
from seatrial.testing import FakeClock, FakeRuntime, MemoryRegistry, MemoryStore
from seatrial.trial.report import write_reports
from seatrial.trial.run import Outcome
from seatrial.trial.tools import Tools
from seatrial.trial.versions import VersionTrialRequest
from seatrial.trial.workspace import new_run, open_workspace
from tests.registry.registering import ADA, after, draft, model_file
from tests.report import builders

T = TypeVar("T")
SPEC = PromotionSpec(model="wine", deployment="wine", path="model.joblib")
PROJECT = Project(
    name="cellar",
    deployments=(DeploymentSpec(name="wine", run="serve", requests=RequestsSpec(file="requests.jsonl")),),
    promotions=(SPEC,),
)
PERSON = Actor(name="ada@example.org", via="GITHUB_ACTOR")


class Killed(BaseException):
    """The process that tells the story is gone."""


@dataclass
class Engine:
    """Runs steps as the real engine does: what is finished is kept as JSON; dies where it is told to.

    Attributes:
        dies: called with `before` or `after` and the name of each step whose work is really done; may raise Killed.
        done: what each finished step gave.
        worked: the names of the steps whose work was really done, in order.
    """

    dies: Callable[[str, str], None] = lambda _when, _name: None
    done: dict[str, Any] = field(default_factory=dict)
    worked: list[str] = field(default_factory=list)

    def __call__(self, name: str, work: Callable[[], T], kind: type[T]) -> T:
        """One step."""
        if name not in self.done:
            self.dies("before", name)
            given = msgspec.json.encode(work())
            self.worked.append(name)
            self.dies("after", name)
            self.done[name] = json.loads(given)
        return msgspec.convert(self.done[name], kind)


@dataclass
class Cellar:
    """A project, its registry, and what its trials find.

    Attributes:
        finds: verdict by number of the candidate; otherwise `finds_else`.
        raises: what the trial of a number ends with instead.
        interrupts: numbers whose trials somebody ends early.
        tried: candidate and baseline of each trial, in order.
        requests: what each trial was asked.
        told: every notice with its receiver and run.
        before_end: called in each trial, before it ends.
    """

    folder: Path
    registry: Registry
    trial: Tools
    project: Project = PROJECT
    finds: dict[int, Verdict] = field(default_factory=dict)
    finds_else: Verdict = Verdict.PASS
    raises: dict[int, Exception] = field(default_factory=dict)
    interrupts: set[int] = field(default_factory=set)
    tried: list[tuple[int, int | None]] = field(default_factory=list)
    requests: list[VersionTrialRequest] = field(default_factory=list)
    told: list[tuple[Notice, str, str]] = field(default_factory=list)
    before_end: Callable[[VersionTrialRequest], None] = lambda _request: None

    @property
    def tools(self) -> PromotionTools:
        """What a promotion works with here."""
        return PromotionTools(
            mark="a1b2c3",
            project=self.project,
            registry=self.registry,
            archive=MemoryStore(),
            trial=self.trial,
            attempt=self.attempt,
            receivers=lambda _notice: tuple(spec.name for spec in self.project.notify),
            tell=lambda notice, receiver, run: self.told.append((notice, receiver, run)),
        )

    def promote(self, engine: Engine | None = None, **wish: Any) -> tuple[PromotionResult, ...]:
        """Tell the whole story."""
        given = {"project": "cellar", "model": "wine", "actor": PERSON, "commit": "c0ffee", "branch": "main", **wish}
        return promote(Wish(**given), self.tools, engine or Engine())

    def attempt(self, request: VersionTrialRequest) -> Outcome:
        """A trial that finds what it was told to."""
        number = request.candidate.version.number
        baseline = None if request.baseline is None else request.baseline.version.number
        self.tried.append((number, baseline))
        self.requests.append(request)
        if number in self.raises:
            raise self.raises[number]
        with new_run(self.trial.workspace, self.trial.clock) as folder:
            interrupted = number in self.interrupts
            report = found(self.finds.get(number, self.finds_else), folder.id, number, complete=not interrupted)
            paths = write_reports(report, folder.root)
            self.before_end(request)
        return Outcome(report=report, paths=paths, interrupted=interrupted)

    def stage(self, number: int) -> str:
        """The stage that a version of wine holds."""
        return self.registry.version("wine", number).stage

    def tags(self, number: int) -> dict[str, str]:
        """The tags of a version of wine."""
        return dict(self.registry.version("wine", number).tags)


def found(verdict: Verdict, run: str, number: int, *, complete: bool = True) -> Report:
    """A report with a verdict."""
    made = builders.report(builders.deployment("wine"), complete=complete)
    change = replace(made.change, candidate=Version(name="candidate", described=f"wine@{number}"))
    deployments = tuple(replace(deployment, verdict=verdict) for deployment in made.deployments)
    return replace(
        made,
        run=run,
        project="cellar",
        verdict=verdict,
        deployments=deployments,
        change=change,
        headline=f"wine@{number} is found {verdict.value}",
    )


@contextmanager
def cellar(
    folder: Path, versions: int = 1, staged: int | None = None, registry: Registry | None = None, **given: Any
) -> Iterator[Cellar]:
    """A project whose registry has so many versions of wine, all in Staging but for the first of them."""
    workspace = open_workspace(folder)
    clock = FakeClock()
    journal = open_journal(workspace.root, clock)
    registry = registry or MemoryRegistry()
    trial = Tools(
        project=folder,
        workspace=workspace,
        clock=clock,
        runtime=FakeRuntime(clock),
        store=DirectoryStore(workspace.store),
        journal=journal,
        stacks=folder / "stacks",
        machine={},
    )
    for number in range(1, versions + 1):
        registry.register(draft(), model_file(folder / "files", f"wine {number}"))
        if number > versions - (versions if staged is None else staged):
            registry.move(stage_move(number))
    try:
        yield Cellar(folder, registry, trial, **given)
    finally:
        journal.close()


def stage_move(number: int, **more: Any) -> Move:
    """A person puts a version into Staging."""
    return Move(**{"model": "wine", "number": number, "to": "Staging", "actor": ADA, "at": after(1), **more})


def refusal(error: SeatrialError) -> str:
    """What an error says, and what would help."""
    return f"{error.what} → {error.remedy}"
