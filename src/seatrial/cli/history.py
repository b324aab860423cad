"""`seatrial runs`, `show` and `compare`: what earlier trials found."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seatrial.cli.options import Form, Project
from seatrial.cli.output import Format, print_json, print_report, print_runs, print_sentences

if TYPE_CHECKING:
    from seatrial.trial.history import PastPromotion, PastRetraining


def runs(
    project: Project = Path(),
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 20,
    form: Form = Format.TEXT,
) -> None:
    """List past trials, newest first."""
    from seatrial.trial.history import list_runs, notes_on
    from seatrial.wiring import open_trial

    with open_trial(project) as tools:
        found = list_runs(tools, limit)
        notes = notes_on(tools, found)
    if form is Format.JSON:
        print_json(found)
    else:
        print_runs(found, notes)


def show(
    run: Annotated[str, typer.Argument(help="Id of a run, a part of it that is unique, or `latest`.")] = "latest",
    project: Project = Path(),
    form: Form = Format.TEXT,
) -> None:
    """Print the report of a past trial again, also of one that crashed; of a promotion or retraining, what became of it.

    Exit code: as the trial's, promotion's or retraining's.
    """
    from seatrial.trial.history import past_promotion, past_report, past_retraining
    from seatrial.wiring import open_trial

    with open_trial(project) as tools:
        promotion = past_promotion(tools, run)
        if promotion is not None:
            _show_promotion(promotion, form)
        retraining = past_retraining(tools, run)
        if retraining is not None:
            _show_retraining(retraining, form)
        report = past_report(tools, run)
    if form is Format.JSON:
        print_json(report)
    else:
        print_report(report)
    raise typer.Exit(report.verdict.exit_code)


def _show_promotion(promotion: "PastPromotion", form: Format) -> None:
    from seatrial.cli.promoting import print_promotion, promotion_code

    if form is Format.JSON:
        print_json(promotion)
    else:
        print_promotion(promotion.result, promotion.report)
        print_sentences(promotion.lost)
    raise typer.Exit(promotion_code(promotion.result))


def _show_retraining(retraining: "PastRetraining", form: Format) -> None:
    from seatrial.cli.retraining import print_retraining
    from seatrial.retrain.text import outcome_exit_code

    if form is Format.JSON:
        print_json(retraining)
    else:
        print_retraining(retraining.result)
        print_sentences(retraining.lost)
    raise typer.Exit(outcome_exit_code(retraining.result))


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
