"""`seatrial trial`: from a change to a verdict."""

import signal
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from seatrial.cli.output import Format, Shown, print_json, print_paths, print_plan, print_report, progress


class Style(StrEnum):
    """Of the report that is printed as text."""

    SEATRIAL = "seatrial"
    AICOE = "aicoe"


def trial(
    path: Annotated[Path, typer.Argument(help="Folder with seatrial.yaml.", show_default=False)] = Path(),
    base: Annotated[
        str | None,
        typer.Option(
            help="Baseline: a revision, or the URL of a service. [default: merge-base with the default branch]"
        ),
    ] = None,
    head: Annotated[
        str, typer.Option(help="Candidate: a revision, or WORKTREE for the files as they are now.")
    ] = "WORKTREE",
    only: Annotated[list[str] | None, typer.Option(help="Only this deployment; may be repeated.")] = None,
    attribute: Annotated[
        bool,
        typer.Option(
            "--attribute", help="Also run mixed versions, to tell which axis of the change moved which metric."
        ),
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Also write the reports here.")] = None,
    publish: Annotated[
        bool,
        typer.Option("--publish", help="Show it on the pull request: one comment, and a check that is the verdict."),
    ] = False,
    pull: Annotated[
        int | None, typer.Option(help="Number of the pull request to publish to. [default: as CI's environment tells]")
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--no-notify", help="Tell none of the receivers of notify: the result.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")] = False,
    shown: Annotated[
        Shown, typer.Option("--progress", help="`json`: a JSON object a line on standard error, for programs.")
    ] = Shown.AUTO,
    style: Annotated[
        Style, typer.Option("--report-style", help="`aicoe`: print that ecosystem's comment, and store its results.")
    ] = Style.SEATRIAL,
    form: Annotated[Format, typer.Option("--format", help="Of what is printed on standard output.")] = Format.TEXT,
) -> None:
    """Deploy baseline and candidate side by side, drive, measure, compare, judge and report.

    Exit code: 0 pass, 1 fail, 2 usage or configuration, 3 inconclusive, 4 something broke.
    """
    from seatrial.cli.aicoe import print_aicoe
    from seatrial.cli.publishing import leave_claim, publishing
    from seatrial.cli.telling import tell_of_trial
    from seatrial.trial.run import TrialRequest, plan_trial, run_trial
    from seatrial.wiring import open_trial

    signal.signal(signal.SIGTERM, interrupt)
    request = TrialRequest(project=path, base=base, head=head, only=tuple(only or ()), attribute=attribute, out=out)
    with open_trial(path) as tools:
        if dry_run:
            print_plan(plan_trial(request, tools), form)
            return
        with publishing(path, pull, wanted=publish) as publication, progress(shown) as watch:
            outcome = run_trial(request, tools, publication.beside(watch))
            publication.ended(outcome)
            leave_claim(out)
    if form is Format.JSON:
        print_json(outcome.report)
    elif style is Style.AICOE:
        print_aicoe(outcome.report, path)
    else:
        print_report(outcome.report)
        print_paths(outcome.paths)
    if not quiet:
        tell_of_trial(outcome, path)
    if outcome.interrupted:
        raise KeyboardInterrupt
    raise typer.Exit(outcome.report.verdict.exit_code)


def interrupt(_number: int, _frame: FrameType | None) -> None:
    """CI systems cancel with SIGTERM: end as after Ctrl-C, with everything stopped and reported.

    It becomes a SIGINT rather than an exception here, because the driver's event loop knows how to end for that one; an
    exception raised in the middle of a network callback would be lost.
    """
    signal.raise_signal(signal.SIGINT)
