"""Pull requests of small projects in real repositories, and a bot that tries them without a database of workflows."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from seatrial.adapters.clock import SystemClock
from seatrial.adapters.runtime.process import ProcessRuntime
from seatrial.adapters.store.directory import DirectoryStore
from seatrial.bot.book import open_bot_book
from seatrial.bot.checkouts import Checkouts, Fetched
from seatrial.bot.confine import Confinement
from seatrial.bot.part import PartEnd, try_part
from seatrial.bot.run import bring_to_end
from seatrial.bot.runner import Runner
from seatrial.bot.tools import BotTools
from seatrial.records import (
    BotSpec,
    BotTrial,
    Published,
    PublishTarget,
    PullRequest,
    PullState,
    Report,
    SeatrialError,
    WatchedRepository,
)
from seatrial.testing import MemoryForge
from seatrial.trial.progress import Progress
from seatrial.wiring import cache_folder
from tests.end_to_end.projects import CONFIG, SmallProject, make_project

T = TypeVar("T")
WHOLE = "ship/wine"


class GitForge(MemoryForge):
    """A forge whose pull requests are branches `pull-N` of a real repository."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def clone_url(self, repository: str) -> str:
        """A path."""
        del repository
        return str(self.folder)

    def fetch_ref(self, number: int) -> str:
        """Of the branch."""
        return f"refs/heads/pull-{number}"


@dataclass
class Wall:
    """What was published for one target, in order."""

    said: list[tuple[str, Any]] = field(default_factory=list)
    targets: list[PublishTarget] = field(default_factory=list)

    def __call__(self, target: PublishTarget, _key: str) -> "Wall":
        """A publisher to a target."""
        self.targets.append(target)
        return self

    def running(self) -> None:
        """Note it."""
        self.said.append(("running", None))

    def watch(self, progress: Progress) -> None:
        """Note it."""
        self.said.append(("watch", progress))

    def ended(self, report: Report) -> Published:
        """Note it."""
        self.said.append(("ended", report))
        return Published()

    def broken(self, error: SeatrialError) -> Published:
        """Note it."""
        self.said.append(("broken", error))
        return Published()

    def cancelled(self, why: str, *, superseded_by: str = "") -> Published:
        """Note it."""
        self.said.append(("cancelled", (why, superseded_by)))
        return Published()

    def close(self) -> None:
        """Nothing is shown later anyway."""

    def words(self) -> list[str]:
        """What was said, but for progress."""
        return [word for word, _ in self.said if word != "watch"]


class InlineCrew:
    """Tries the parts one after the other while it is waited for."""

    def __init__(self, trial: str, tools: BotTools) -> None:
        self._trial = trial
        self._tools = tools
        self._parts: list[tuple[str, Fetched]] = []

    def begin(self, deployments: Sequence[str], fetched: Fetched) -> None:
        """Remember them."""
        self._parts = [(name, fetched) for name in deployments]

    def wait(self, look: Callable[[], bool]) -> Sequence[PartEnd]:
        """Try them."""
        found = self._tools.book.trial(self._trial)
        assert found is not None
        ends = []
        for name, fetched in self._parts:
            ends.append(try_part(found, name, fetched, self._tools, threading.Event()))
            look()
        return ends


def told(name: str, work: Callable[[], T], kind: type[T]) -> T:
    """A step that is done."""
    del name, kind
    return work()


@dataclass
class Bot:
    """A bot for the pull requests of one repository."""

    small: SmallProject
    forge: GitForge
    tools: BotTools
    wall: Wall

    def pull(self, number: int = 1, *, fork: bool = False, **files: Any) -> PullRequest:
        """Open a pull request that changes these files."""
        self.small.git("checkout", "--quiet", "-B", f"pull-{number}", "main")
        for name, content in files.items():
            self.small.write(name.replace("__", "."), content)
        head = self.small.commit()
        self.small.git("checkout", "--quiet", "main")
        base = self.small.git("rev-parse", "main")
        owner = "mallory/wine" if fork else None
        return self.forge.open_pull(WHOLE, number, head=head, base=base, head_repository=owner)

    def close(self, pull: PullRequest) -> None:
        """Close a pull request."""
        self.forge.put_pull(replace(pull, state=PullState.CLOSED))

    def enter(self, pull: PullRequest, **fields: Any) -> BotTrial:
        """Enter a trial of a pull request into the book."""
        trial = BotTrial(
            id=f"trial-{pull.number}",
            repository=WHOLE,
            number=pull.number,
            commit=pull.head,
            queued=self.tools.clock.now(),
            **fields,
        )
        self.tools.book.add(trial)
        return trial

    def run(self, pull: PullRequest, **fields: Any) -> BotTrial:
        """Try a pull request; how it ended in the book."""
        trial = self.enter(pull, **fields)
        bring_to_end(trial.id, self.tools, told, InlineCrew(trial.id, self.tools))
        found = self.tools.book.trial(trial.id)
        assert found is not None
        return found

    def report(self) -> Report:
        """That was published last."""
        word, report = self.wall.said[-1]
        assert "ended" == word, self.wall.said[-1]
        assert isinstance(report, Report)
        return report

    @property
    def left(self) -> list[Path]:
        """Folders that are left of trials."""
        folder = self.small.folder.parent / "bot" / "trials"
        return sorted(folder.iterdir()) if folder.exists() else []


@contextmanager
def open_bot(folder: Path, config: str = CONFIG, *, requests: int = 40, **changes: Any) -> Iterator[Bot]:
    """A bot, its repository and its book below a folder."""
    small = make_project(folder / "project", requests=requests, config=config)
    forge = GitForge(small.folder)
    clock, runtime, wall = SystemClock(), ProcessRuntime(), Wall()
    environ = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
    root = folder / "server"
    root.mkdir()
    with closing(open_bot_book(root, None)) as book:
        tools = BotTools(
            key="b",
            worker="here/1",
            spec=BotSpec(repositories=(WatchedRepository(name=WHOLE),), secret="s", url="https://bot.example"),
            book=book,
            forge=forge,
            store=DirectoryStore(root / "store"),
            clock=clock,
            checkouts=Checkouts(folder / "bot", clock, runtime, environ),
            runner=Runner(clock, runtime),
            confinement=Confinement(cache_folder() / "stacks", environ),
            environ=environ,
            publisher=wall,
            say=lambda _line: None,
        )
        yield Bot(small, forge, replace(tools, **changes), wall)
