"""`seatrial runs`, `show` and `compare`: what earlier trials found."""

from pathlib import Path
from typing import Annotated

import typer

from seatrial.cli.output import Format, print_json, print_report, print_runs

Project = Annotated[Path, typer.Option("--project", help="Folder with seatrial.yaml.", show_default=False)]
Form = Annotated[Format, typer.Option("--format", help="Of what is printed on standard output.")]


def runs(
    project: Project = Path(),
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 20,
    form: Form = Format.TEXT,
) -> None:
    """List past trials, newest first."""
    from seatrial.trial.history import list_runs
    from seatrial.wiring import open_trial

    with open_trial(project) as tools:
        found = list_runs(tools, limit)
    if form is Format.JSON:
        print_json(found)
    else:
        print_runs(found)


def show(
    run: Annotated[str, typer.Argument(help="Id of a run, a part of it that is unique, or `latest`.")] = "latest",
    project: Project = Path(),
    form: Form = Format.TEXT,
) -> None:
    """Print the report of a past trial again, also of one that crashed.

    Exit code: as the trial's.
    """
    from seatrial.trial.history import past_report
    from seatrial.wiring import open_trial

    with open_trial(project) as tools:
        report = past_report(tools, run)
    if form is Format.JSON:
        print_json(report)
    else:
        print_report(report)
    raise typer.Exit(report.verdict.exit_code)


def compare(
    first: Annotated[str, typer.Argument(help="The run whose candidates are the baseline.")],
    second: Annotated[str, typer.Argument(help="The run whose candidates are compared with them.")],
    project: Project = Path(),
    form: Form = Format.TEXT,
) -> None:
    """Compare the candidates of two past trials, request by request.

    Exit code: 0 pass, 1 fail, 2 usage, 3 inconclusive, 4 something broke.
    """
    from seatrial.trial.history import compare_runs
    from seatrial.wiring import open_trial

    with open_trial(project) as tools:
        report = compare_runs(tools, first, second)
    if form is Format.JSON:
        print_json(report)
    else:
        print_report(report)
    raise typer.Exit(report.verdict.exit_code)
