"""Bots of real repositories, whose workers are real processes and whose forge is the repository itself."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seatrial.adapters.clock import SystemClock
from seatrial.adapters.forge.local import LocalForge
from seatrial.bot.book import BotBook, open_bot_book
from seatrial.records import BotTrial, PostedComment
from tests.end_to_end.projects import CONFIG, SmallProject, make_project, servers
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
NAME = "local/project"
BOT = f"""\
forge: local
bot: {{repositories: {{{NAME}: {{}}}}, secret: s}}
"""
DEADLINE = 90.0


@dataclass
class Place:
    """A repository with a bot, its book, and the workers that were started."""

    small: SmallProject
    forge: LocalForge
    book: BotBook
    environ: dict[str, str]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def pull(self, branch: str = "feature") -> int:
        """A branch with a change; the number of its pull request."""
        self.small.git("checkout", "--quiet", "-b", branch, "main")
        self.small.write("README.md", branch)
        self.small.commit()
        self.small.git("checkout", "--quiet", "main")
        number = self.forge.number_of(branch)
        assert number is not None
        return number

    def enter(self, number: int, trial: str = "", **fields: Any) -> str:
        """Enter a trial of a pull request into the book; its id."""
        found = trial or f"t{number}"
        head = self.forge.pull(NAME, number).head
        now = SystemClock().now()
        self.book.add(BotTrial(id=found, repository=NAME, number=number, commit=head, queued=now, **fields))
        return found

    def start(self, when: str = "", step: str = "", *, folder: Path | None = None) -> subprocess.Popen[bytes]:
        """Start a worker, which dies where it is told."""
        command = [sys.executable, "-m", "tests.workflows.dying_worker", when, step, "worker"]
        log = (self.small.folder.parent / f"worker-{len(self.workers)}.log").open("wb")
        with log:
            process = subprocess.Popen(
                [*command, "--project", str(folder or self.small.folder)],
                cwd=ROOT,
                env={**os.environ, **self.environ},
                stdout=log,
                stderr=log,
            )
        self.workers.append(process)
        return process

    def log(self, worker: int) -> str:
        """What a worker said."""
        return (self.small.folder.parent / f"worker-{worker}.log").read_text()

    def trial(self, trial: str) -> BotTrial:
        """As the book has it."""
        found = self.book.trial(trial)
        assert found is not None
        return found

    def wait_for(self, trial: str) -> BotTrial:
        """Wait until a trial has ended."""
        wait_until(lambda: not self.trial(trial).state.is_live, deadline=DEADLINE, poll=0.1)
        return self.trial(trial)

    def wait_for_stage(self, trial: str, *stages: str) -> None:
        """Wait until one of its cells is at one of these stages."""
        wait_until(
            lambda: any(each.stage in stages for each in self.book.progress(trial)), deadline=DEADLINE, poll=0.05
        )

    def comments(self, number: int) -> list[PostedComment]:
        """Of a pull request."""
        return list(self.forge.comments(NAME, number))

    def check(self, number: int) -> Any:
        """The one check of its newest commit, as it was written."""
        head = self.forge.pull(NAME, number).head
        (found,) = json.loads(
            (self.small.folder / ".git" / "seatrial" / "forge" / "checks" / f"{head}.json").read_text()
        ).values()
        return found

    @property
    def left(self) -> tuple[list[Path], set[int]]:
        """Folders and processes that are left of trials."""
        trials = self.small.folder / ".seatrial" / "bot" / "trials"
        return (sorted(trials.iterdir()) if trials.exists() else []), servers(self.small)

    def end(self, worker: subprocess.Popen[bytes]) -> int:
        """End a worker as a person does."""
        if worker.poll() is None:
            worker.send_signal(signal.SIGTERM)
        return worker.wait(60)


@contextmanager
def place(folder: Path, *, requests: int = 30, config: str = "", url: str | None = None) -> Iterator[Place]:
    """A repository with a bot; workers that were started are ended with the block."""
    registry = "registry: {url: '${REGISTRY}', artifacts: ../artifacts}\n" if url else ""
    small = make_project(folder / "project", requests=requests, config=f"{config or CONFIG}{BOT}{registry}")
    root = small.folder / ".seatrial"
    root.mkdir()
    (root / ".gitignore").write_text("*\n")
    with closing(open_bot_book(root, url)) as book:
        made = Place(small, LocalForge(small.folder), book, {} if url is None else {"REGISTRY": url})
        try:
            yield made
        finally:
            for worker in made.workers:
                if worker.poll() is None:
                    worker.kill()
                worker.wait()
