"""What the bot's queue costs: N trials of a trivial project through one worker, beside the same trial by hand.

    python -m benchmarks.bot.trials [--trials 500] [--by-hand 10] [--concurrency 3]

All trials wait in the queue from the start. CPU is what the worker and everything below it used (its own and that of the
children that it waited for), divided by the trials; by hand it is that of `seatrial trial` on the same commits, started by
this program. What is left is the bot's overhead: reading the configuration in a child, git, the book, the workflows, the
report and its publication on a forge that is the repository itself. Memory is the worker's resident set after trial 50
(or a tenth) and at the end; waiting trials should cost none. Several run at once, because publishing waits without
working.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from seatrial.adapters.forge.local import LocalForge
from seatrial.bot.book import BotBook, open_bot_book
from seatrial.records import BotTrial, TrialState

SERVER = """\
import json, os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Model(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        self.answer(b"ok")
    def do_POST(self):
        given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer(json.dumps({"prediction": given["x"]}).encode())
    def log_message(self, *_):
        pass

ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Model).serve_forever()
"""
CONFIG = """\
name: trivial
stack: host
health: {path: /}
requests: {file: requests.jsonl, label: label, rate: 200/s, warmup: 2}
metrics:
  accuracy: {margin: 50pp}
deployments:
  trivial: {run: python server.py}
forge: local
bot: {repositories: {local/project: {}}, secret: s, concurrency: %d}
"""
NAME = "local/project"
EARLY = 50
POLL = 1.0


@dataclass(frozen=True, kw_only=True)
class Found:
    """CPU in seconds per trial, memory in bytes."""

    trials: int
    seconds: float
    by_hand: float
    worker_itself: float
    below_worker: float
    memory_early: int
    memory_end: int

    @property
    def overhead(self) -> float:
        """CPU seconds per trial beyond those by hand."""
        return self.worker_itself + self.below_worker - self.by_hand


def project(folder: Path, concurrency: int = 1) -> LocalForge:
    """A trivial project, in a repository with a branch `feature`."""
    folder.mkdir()
    (folder / "server.py").write_text(SERVER)
    (folder / "seatrial.yaml").write_text(CONFIG % concurrency)
    (folder / "requests.jsonl").write_text("".join(f'{{"x": {n}, "label": {n}}}\n' for n in range(20)))
    (folder / ".gitignore").write_text(".seatrial\n")
    identity = ("-c", "user.name=b", "-c", "user.email=b@example.org")
    for words in (
        ("init", "--quiet", "--initial-branch=main"),
        ("add", "--all"),
        (*identity, "commit", "--quiet", "-m", "first"),
        ("checkout", "--quiet", "-b", "feature"),
        (*identity, "commit", "--quiet", "--allow-empty", "-m", "second"),
        ("checkout", "--quiet", "main"),
    ):
        subprocess.run(["git", *words], cwd=folder, check=True)
    (folder / ".seatrial").mkdir()
    return LocalForge(folder)


def by_hand(folder: Path, times: int) -> float:
    """CPU seconds of one `seatrial trial`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "seatrial", "trial", str(folder), "--base", "main", "--head", "feature"]
    for _ in range(times):
        subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / times


def enqueue(book: BotBook, forge: LocalForge, trials: int) -> None:
    """Enter trials of one commit; the worker puts them into its queue."""
    number = forge.number_of("feature")
    assert number is not None
    head = forge.pull(NAME, number).head
    for at in range(trials):
        book.add(BotTrial(id=f"trial-{at:04}", repository=NAME, number=number, commit=head, queued=datetime.now(UTC)))


def measure(trials: int, times: int, concurrency: int) -> Found:
    """Run everything."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "project"
        forge = project(folder, concurrency)
        hand = by_hand(folder, times)
        with closing(open_bot_book(folder / ".seatrial", None)) as book:
            enqueue(book, forge, trials)
            began = time.monotonic()
            with (Path(place) / "log").open("wb") as log:
                process = subprocess.Popen(
                    [sys.executable, "-m", "seatrial", "worker", "--project", str(folder)],
                    stdout=log,
                    stderr=log,
                )
            worker = psutil.Process(process.pid)
            early = 0
            while left := len(book.trials(live=True, limit=trials)):
                if not early and trials - left >= min(EARLY, trials // 10 or 1):
                    early = worker.memory_info().rss
                time.sleep(POLL)
            seconds = time.monotonic() - began
            used, end = worker.cpu_times(), worker.memory_info().rss
            process.terminate()
            process.wait()
            states = {each.state for each in book.trials(limit=trials)}
            assert {TrialState.FINISHED} == states, states
    return Found(
        trials=trials,
        seconds=seconds / trials,
        by_hand=hand,
        worker_itself=(used.user + used.system) / trials,
        below_worker=(used.children_user + used.children_system) / trials,
        memory_early=early,
        memory_end=end,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--by-hand", type=int, default=10)
    parser.add_argument("--concurrency", type=int, default=3)
    words = parser.parse_args()
    found = measure(words.trials, words.by_hand, words.concurrency)
    print(
        json.dumps(
            {
                "trials": found.trials,
                "seconds per trial": round(found.seconds, 2),
                "CPU seconds per trial by hand": round(found.by_hand, 2),
                "CPU seconds per trial by the bot": round(found.worker_itself + found.below_worker, 2),
                "of that the worker itself": round(found.worker_itself, 3),
                "overhead in CPU seconds per trial": round(found.overhead, 2),
                "memory early in MB": round(found.memory_early / 1e6, 1),
                "memory at the end in MB": round(found.memory_end / 1e6, 1),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
