"""The `seatrial` command: its groups, its global options, and what an error looks like.

Everything heavy is imported inside the commands, so that `seatrial --help` answers in a moment.
"""

import sys
import traceback
from typing import Annotated

import typer

from seatrial import __version__
from seatrial.cli import doctor, history, trial

USAGE, BROKEN, INTERRUPTED = 2, 4, 130

app = typer.Typer(
    name="seatrial",
    help="Sea trials for machine-learning models: every change deployed beside what runs today, driven with the same "
    "requests, judged and reported.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("trial")(trial.trial)
app.command("runs")(history.runs)
app.command("show")(history.show)
app.command("compare")(history.compare)
app.command("doctor")(doctor.doctor)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"seatrial {__version__}")
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options of every command."""


def main() -> None:
    """Run the command line; errors become one message on standard error and the exit code of their kind."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - what nobody foresaw has an exit code too
        sys.exit(_explained(error))


def _explained(error: Exception) -> int:
    """Print what an error says, and return its exit code.

    One that nobody foresaw is printed with its traceback, for a bug report; it must not exit with 1, which is a verdict.
    """
    from seatrial.cli.output import print_error
    from seatrial.records import SeatrialError, UsageError

    if isinstance(error, ModuleNotFoundError) and error.name and error.name.split(".")[0] != "seatrial":
        error = UsageError(
            f"the package {error.name!r} is not installed",
            remedy="this command belongs to an extra: pip install 'seatrial[trial]'",
        )
    if not isinstance(error, SeatrialError):
        traceback.print_exception(error)
        return BROKEN
    print_error(error)
    return USAGE if isinstance(error, UsageError) else BROKEN
