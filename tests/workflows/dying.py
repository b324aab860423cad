"""`seatrial`, but for a process that kills itself at a step of a workflow, and for trials that find what they are told to.

    python -m tests.workflows.dying WHEN STEP FAKE WORD…

WHEN is `before` or `after` the step's work, or once it is `kept`; STEP is its name. `taken` is the moment after a
workflow was taken over and before it goes on, and `unsaid` the one after a server began what was asked for and before
it says so. `older` is `before` in a seatrial whose steps were others. `unreachable` and `mistaken`
kill nobody: the step's work does not answer, or is wrong.
"""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from seatrial.cli.main import main
from seatrial.records import TemporaryError, Verdict
from seatrial.retrain import book
from seatrial.retrain.book import RetrainBook
from seatrial.trial.progress import Watcher
from seatrial.trial.report import write_reports
from seatrial.trial.run import Outcome
from seatrial.trial.tools import Tools
from seatrial.trial.versions import VersionTrialRequest
from seatrial.trial.workspace import new_run
from seatrial.workflows import durable, retrainings, stories
from seatrial.workflows.durable import Durable, durable_step
from tests.report import builders

T = TypeVar("T")
Step = Callable[[str, Callable[[], T], type[T]], T]


def dying(step: Step[T], when: str, at: str) -> Step[T]:
    """The same, but for the one moment."""

    def told(name: str, work: Callable[[], T], kind: type[T]) -> T:
        def worked() -> T:
            _die_if((when, at) == ("before", name))
            if (when, at) == ("unreachable", name):
                raise TemporaryError("the registry does not answer", where="registry")
            if (when, at) == ("mistaken", name):
                raise ValueError("a mistake of ours")
            found = work()
            _die_if((when, at) == ("after", name))
            return found

        found = step(name, worked, kind)
        _die_if((when, at) == ("kept", name))
        return found

    return told


class DyingDurable(Durable):
    """Dies once it has taken something over."""

    def take_over(self, workflow: str, kind: str) -> None:
        """The last that it does."""
        super().take_over(workflow, kind)
        _die_if(now=True)


class DyingBook(RetrainBook):
    """Dies when it is told that a run was begun."""

    def wish_done(self, wish: str, at: datetime, run: str = "") -> None:  # noqa: ARG002 - as the book has it
        """The last that it does."""
        _die_if(now=True)


def _die_if(now: bool) -> None:  # noqa: FBT001 - a test's condition
    if now:
        os.kill(os.getpid(), signal.SIGKILL)


def fake_trial(
    request: VersionTrialRequest, tools: Tools, _watch: Watcher, *, stop: threading.Event | None = None
) -> Outcome:
    """Finds what the candidate's file says, at once; or waits for a file `go` in the workspace, if that says `waits`."""
    model = json.loads(request.candidate.path.read_text())
    with (tools.workspace.root / "trials.txt").open("a") as notes:
        notes.write(f"{request.candidate.version.id}\n")
    interrupted = bool(model.get("waits") and stop is not None and _waits(stop, tools.workspace.root / "go"))
    with new_run(tools.workspace, tools.clock) as folder:
        verdict = Verdict(model.get("finds", "pass"))
        made = builders.report(builders.deployment("small"), complete=not interrupted)
        report = replace(made, run=folder.id, verdict=verdict, headline=f"found {verdict.value}")
        paths = write_reports(report, folder.root)
    return Outcome(report=report, paths=paths, interrupted=interrupted)


def _waits(stop: threading.Event, go: Path) -> bool:
    """Wait until the file `go` is there, or the trial is stopped; whether it was."""
    while not go.exists():
        if stop.wait(0.05):
            return True
    return False


if __name__ == "__main__":
    moment, name, fake = sys.argv[1:4]
    if moment == "older":
        vars(durable)["STORIES"] = "0"
        moment = "before"
    for told in (stories, retrainings):
        vars(told)["durable_step"] = dying(durable_step, moment, name)
    if moment == "taken":
        vars(durable)["Durable"] = DyingDurable
    if moment == "unsaid":
        vars(book)["RetrainBook"] = DyingBook
    if fake == "1":
        vars(stories)["run_version_trial"] = fake_trial
    sys.argv = ["seatrial", *sys.argv[4:]]
    sys.path.insert(0, str(Path.cwd()))
    main()
