"""A trial's result as repositories of the AICoE and Thoth ecosystem know it."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from seatrial.cli.output import print_warnings

if TYPE_CHECKING:
    from seatrial.records import Report


def print_aicoe(report: "Report", project: Path) -> None:
    """Print that ecosystem's comment, and keep the results where its tools look; what goes wrong in that is a warning."""
    from seatrial.aicoe.comment import render_aicoe
    from seatrial.aicoe.results import keep_results
    from seatrial.wiring import open_results

    kept = keep_results(report, open_results(project, os.environ))
    typer.echo(render_aicoe(report, kept.facts), nl=False)
    print_warnings(kept.problems)
