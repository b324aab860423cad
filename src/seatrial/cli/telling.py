"""Telling people of what a command did, without making it wait: what is not delivered in a moment is left to others."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.cli.output import print_warnings

if TYPE_CHECKING:
    from seatrial.trial.run import Outcome
    from seatrial.workflows.engine import Engine

GRACE = 5.0


def settle(engine: "Engine", seconds: float | None = GRACE) -> None:
    """Give deliveries a moment (None: as long as they take); say which are left to others, and which failed for good."""
    left = engine.settle(seconds)
    if left:
        notices = "a notice is" if left == 1 else f"{left} notices are"
        print_warnings([f"{notices} not delivered yet: left to seatrial resume, or seatrial server"])
    print_warnings(f"{lost.receiver} did not get {lost.subject!r}: {lost.reason}" for lost in engine.lost)


def tell_of_trial(outcome: "Outcome", project: Path) -> None:
    """Tell the receivers of `notify:` that want it. What goes wrong in that is a warning: the trial's verdict stands.

    A trial that nobody wants to hear of loads nothing of the engine.
    """
    from seatrial.config import load_project
    from seatrial.forge.link import ci_run_url
    from seatrial.notices.choose import receivers_of
    from seatrial.notices.compose import trial_notice
    from seatrial.records import SeatrialError

    notice = trial_notice(outcome.report, link=ci_run_url(os.environ) or str(outcome.paths.html))
    try:
        if not receivers_of(notice, load_project(project).notify):
            return
        from seatrial.workflows.opening import open_workflows

        with open_workflows(project) as engine:
            engine.take_over(lambda each: each.wish is None and each.retraining is None)
            engine.notify(notice, outcome.report.run)
            settle(engine)
    except SeatrialError as error:
        print_warnings([f"nobody was told: {error}"])
    except ModuleNotFoundError as error:
        print_warnings([f"nobody was told: the package {error.name!r} is not installed (seatrial[models])"])
