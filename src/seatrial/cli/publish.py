"""`seatrial publish`: a report that another job made, shown on the pull request."""

import os
from pathlib import Path
from typing import Annotated

import typer

from seatrial.cli.options import Form, Project
from seatrial.cli.output import Format, print_json, print_warnings


def publish(
    folder: Annotated[
        Path, typer.Argument(help="Folder that `seatrial trial --out` wrote.", show_default=False)
    ] = Path("trial-report"),
    pull: Annotated[
        int | None, typer.Option(help="Number of the pull request. [default: as the folder and CI's environment tell]")
    ] = None,
    commit: Annotated[
        str | None, typer.Option(help="Commit that was tried. [default: as CI's environment tells]")
    ] = None,
    project: Project = Path(),
    form: Form = Format.TEXT,
) -> None:
    """Show a report on its pull request, from a job that runs nothing of it: for pull requests from forks.

    Exit code: that of the report's verdict; 2 or 4 if it could not be published.
    """
    from seatrial.forge.claim import read_claim
    from seatrial.records import UsageError
    from seatrial.trial.report import load_report
    from seatrial.wiring import open_publication

    try:
        report = load_report((folder / "report.json").read_bytes())
    except OSError as error:
        raise UsageError(
            f"there is no report: {error.strerror}", where=str(folder), remedy="name the folder that trial --out wrote"
        ) from None
    claim = read_claim(folder)
    number = pull if pull is not None else None if claim is None else claim.number
    publication = open_publication(project, os.environ, name=report.project, pull=number, commit=commit)
    published = publication.ended(report, folder)
    print_warnings(published.problems)
    if form is Format.JSON:
        print_json(published)
    elif published.comment:
        typer.echo(published.comment)
    raise typer.Exit(4 if published.problems else report.verdict.exit_code)
