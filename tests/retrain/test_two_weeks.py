"""Two weeks of a recommender: tastes move, one batch is worthless, one model is worse, and the loop earns its keep."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from seatrial.adapters.runtime.process import ProcessRuntime
from seatrial.adapters.store.directory import DirectoryStore
from seatrial.adapters.stream.files import FileStream
from seatrial.config import load_project
from seatrial.datasets.book import open_dataset_book
from seatrial.datasets.cache import SegmentCache
from seatrial.journal import open_journal
from seatrial.records import (
    Actor,
    ActorKind,
    Evidence,
    Move,
    PromotionResult,
    RetrainOutcome,
    RetrainResult,
    RetrainSpec,
    RetrainWish,
    StageRules,
    TriggerKind,
    Verdict,
)
from seatrial.registry.tools import RegistryTools
from seatrial.retrain.book import open_retrain_book
from seatrial.retrain.progress import unwatched
from seatrial.retrain.run import retrain
from seatrial.retrain.schedule import Firing
from seatrial.retrain.scheduler import Scheduler
from seatrial.retrain.scheduler_looks import Looks
from seatrial.retrain.tools import Handover, RetrainTools
from seatrial.testing import FakeClock, MemoryRegistry
from seatrial.trial.tools import Tools
from seatrial.trial.workspace import open_workspace
from tests.retrain.looping import ADA, QUIET
from tests.retrain.simulated_world import copy_example, epoch, live_rmse, make_world

DAYS = 14
RATE = 0.2
"""Events a second."""
BAD, WORSE = 3, 5
"""Which of the seven finds a worthless batch, and which trains a worse model."""
ResultT = TypeVar("ResultT")


def told_at_once(name: str, work: Callable[[], ResultT], kind: type[ResultT]) -> ResultT:  # noqa: ARG001 - as a step
    """A step of a story that nobody interrupts."""
    return work()


class Fortnight:
    """A loop in a project of its own, its stream, and its calendar."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = copy_example(folder / "movie-recommender")
        self.project = load_project(self.folder)
        (self.spec,) = self.project.retrainings
        self.clock = FakeClock(epoch())
        self.world = make_world(7)
        workspace = open_workspace(self.folder)
        self.store = DirectoryStore(workspace.store)
        journal = open_journal(workspace.root, self.clock)
        stack.callback(journal.close)
        self.trial = Tools(
            project=self.folder,
            workspace=workspace,
            clock=self.clock,
            runtime=ProcessRuntime(),
            store=self.store,
            journal=journal,
            stacks=_stacks(),
            machine={},
        )
        self.registry = MemoryRegistry(StageRules(), self.store)
        self.book = open_retrain_book(workspace.root, None)
        stack.callback(self.book.close)
        self.datasets = open_dataset_book(workspace.root, None)
        stack.callback(self.datasets.close)
        self.results: list[RetrainResult] = []
        self.notices: list[str] = []
        self.written = epoch()

    def scheduler(self) -> Scheduler:
        """What the server has."""
        looks = {self.spec.name: Looks(new_rows=lambda: 0, alarm=lambda _: QUIET)}
        return Scheduler(self.book, [self.spec], looks, self.clock, print, wish=self.wish)

    def wish(self, spec: RetrainSpec, firing: Firing) -> RetrainWish:
        """What a firing asks for."""
        return RetrainWish(
            id=firing.id, name=spec.name, trigger=firing.trigger, why=firing.why, asked=self.clock.now(), actor=ADA
        )

    def write(self) -> None:
        """What users did until now."""
        now = self.clock.now()
        bad = len(self.results) == BAD
        lines = (self.world.bad_batch if bad else self.world.events)(self.written, now, RATE)
        FileStream(self.folder / "stream").append(lines)
        self.written = now

    def train(self, wish: RetrainWish) -> RetrainResult:
        """One retraining, as the server begins it."""
        self.write()
        with self.worse_trainer() if len(self.results) == WORSE else ExitStack():
            result = retrain(wish, self.tools(), told_at_once)
        self.book.wish_done(wish.id, self.clock.now(), result.run)
        self.results.append(result)
        return result

    @contextmanager
    def worse_trainer(self) -> Iterator[None]:
        """A change of the code that nobody tried: it learns next to nothing."""
        script = self.folder / "train.py"
        good = script.read_text()
        script.write_text(good.replace("REGULARISATION = 0.1", "REGULARISATION = 50"))
        assert good != script.read_text()
        yield
        script.write_text(good)

    def tools(self) -> RetrainTools:
        """The surroundings of one."""
        rules = StageRules()
        root = self.trial.workspace.root
        handed: list[Handover] = []
        return RetrainTools(
            mark="test",
            project=self.project,
            book=self.book,
            datasets=self.datasets,
            archive=self.store,
            files=SegmentCache(self.store, root / "segments"),
            registry=RegistryTools(
                registry=self.registry,
                rules=rules,
                clock=self.clock,
                store=self.store,
                project=self.folder,
                root=root,
                spec=self.project.registry,
            ),
            trial=replace(self.trial, clock=RealSeconds(self.clock)),
            environ=os.environ,
            stream=lambda spec: FileStream(self.folder / spec.folder),
            promote=handed.append,
            promoted=self.promoted,
            release=lambda *_: "",
            follow=_nothing_is_released,
            receivers=lambda _: ("team",),
            tell=lambda notice, _receiver, _run: self.notices.append(notice.subject),
            interrupted=lambda: False,
            leave=lambda: None,
            wait=lambda _: None,
            watch=unwatched,
        )

    def promoted(self, over: Handover) -> PromotionResult:
        """The version in its stage: a trial that passes at once."""
        version, now, run = over.version, self.clock.now(), f"promotion-{over.version.number}"
        holders = tuple(holder.number for holder in self.registry.holders(version.model, over.stage))
        self.registry.keep(
            Evidence(
                run=run,
                model=version.model,
                number=version.number,
                artifact=version.artifact.digest,
                verdict=Verdict.PASS,
                finished=now,
            )
        )
        self.registry.move(
            Move(
                model=version.model,
                number=version.number,
                to=over.stage,
                actor=Actor(name="ada", kind=ActorKind.RUN),
                at=now,
                run=run,
                expected=holders,
            )
        )
        return PromotionResult(
            run=run,
            model=version.model,
            number=version.number,
            stage=over.stage,
            verdict=Verdict.PASS,
            headline="it passed",
            finished=now,
            promoted=True,
        )

    def served(self) -> Path | None:
        """The model that holds the stage now."""
        if not self.registry.models():
            return None
        (holder,) = self.registry.holders("recommender", "Production")
        target = self.folder.parent / "served" / str(holder.number)
        return self.registry.fetch(holder, target)


class RealSeconds(FakeClock):
    """Commands take the time that they take; the day is the calendar's."""

    def __init__(self, calendar: FakeClock) -> None:
        super().__init__(calendar.now())

    def sleep(self, seconds: float) -> None:
        """Really, and for a moment of the simulated day."""
        time.sleep(min(seconds, 0.02))

    def monotonic(self) -> float:
        """Of the machine."""
        import time

        return time.monotonic()


def _stacks() -> Path:
    """Where tests keep software stacks from one run to the next."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "seatrial-tests" / "stacks"


def _nothing_is_released(_: str) -> Any:
    raise AssertionError("the loop promotes, and releases nothing")


@pytest.mark.slow
def test_a_fortnight_of_retraining_beats_a_model_that_is_never_trained_again(
    tmp_path: Path,
) -> None:
    """Seven scheduled runs: a worthless batch and a worse model are refused, and users are better served all the while."""
    with ExitStack() as stack:
        world = Fortnight(tmp_path, stack)
        scheduler = world.scheduler()
        scheduler.tick()
        ours: list[float] = []
        stale: list[float] = []
        first: Path | None = None
        while world.clock.now() < epoch() + timedelta(days=DAYS):
            world.clock.sleep(3600 * 4)
            scheduler.tick()
            for wish in world.book.waiting_wishes():
                world.train(wish)
            serving = world.served()
            first = first or serving
            if serving is not None and first is not None and world.clock.now().hour == 0:
                ours.append(live_rmse(serving, world.world, world.clock.now()))
                stale.append(live_rmse(first, world.world, world.clock.now()))

    promoted, quarantined, refused = RetrainOutcome.PROMOTED, RetrainOutcome.QUARANTINED, RetrainOutcome.REFUSED
    expected = [promoted] * 7
    expected[BAD], expected[WORSE] = quarantined, refused
    assert expected == [result.outcome for result in world.results], [result.headline for result in world.results]
    assert [TriggerKind.CRON] * 7 == [result.trigger for result in world.results]
    assert 7 == len(world.notices)
    assert [] == [path.name for result in world.results for path in Path(result.folder).glob("*.parquet")]
    assert not any("promoted" in world.notices[index] for index in (BAD, WORSE))
    assert mean(ours[-5:]) < mean(stale[-5:]) * 0.97
    assert mean(ours) < mean(stale)


def mean(figures: list[float]) -> float:
    """Of all."""
    return sum(figures) / len(figures)
