"""The `seatrial` command: its groups, its global options, and what an error looks like.

Everything heavy is imported inside the commands, so that `seatrial --help` answers in a moment.
"""

import sys
import traceback
from typing import Annotated

import typer

from seatrial import __version__
from seatrial.cli import (
    data,
    deploy,
    doctor,
    gateway,
    history,
    importing,
    init,
    judge,
    ledger,
    models,
    notify,
    promote,
    publish,
    release,
    resume,
    retrain,
    schedule,
    server,
    sync,
    telemetry,
    trial,
    worker,
)

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
app.command("init")(init.init)
app.add_typer(importing.app, name="import")
app.command("trial")(trial.trial)
app.command("publish")(publish.publish)
app.command("runs")(history.runs)
app.command("show")(history.show)
app.command("compare")(history.compare)
app.command("promote")(promote.promote)
app.command("resume")(resume.resume)
app.command("retrain")(retrain.retrain)
app.add_typer(schedule.app, name="schedule")
app.add_typer(notify.app, name="notify")
app.add_typer(models.app, name="models")
app.add_typer(ledger.app, name="ledger")
app.add_typer(data.app, name="data")
app.command("deploy")(deploy.deploy)
app.add_typer(deploy.app, name="deployments")
app.add_typer(release.app, name="release")
app.command("server")(server.server)
app.command("worker")(worker.worker)
app.add_typer(gateway.app, name="gateway")
app.command("sync")(sync.sync)
app.add_typer(telemetry.app, name="telemetry")
app.add_typer(judge.app, name="judge")
app.command("doctor")(doctor.doctor)


# These two parse their own words (serve/command.py); here they are for the list of commands.
_HANDED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


@app.command("serve", context_settings=_HANDED_ON)
def serve(context: typer.Context) -> None:
    """Serve a model over HTTP: predictions, health, metrics, documentation, prediction log."""
    from seatrial.serve.command import main as run_server

    raise typer.Exit(run_server(["serve", *context.args]))


@app.command("compile", context_settings=_HANDED_ON)
def compile_model(context: typer.Context) -> None:
    """Compile a scikit-learn model to ONNX, checked against the original."""
    from seatrial.serve.command import main as run_server

    raise typer.Exit(run_server(["compile", *context.args]))


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


_MODELS = frozenset({"deploy", "deployments", "gateway", "notify", "promote", "release", "resume", "server", "worker"})
_EXTRAS = {"telemetry": "telemetry", "data": "retrain", "retrain": "retrain", "schedule": "retrain"}


def _extra() -> str:
    """The extra that the command on this command line needs."""
    word = "".join(sys.argv[1:2])
    return "models" if word in _MODELS else _EXTRAS.get(word, "trial")


def _explained(error: Exception) -> int:
    """Print what an error says, and return its exit code.

    One that nobody foresaw is printed with its traceback, for a bug report; it must not exit with 1, which is a verdict.
    """
    from seatrial.cli.output import print_error
    from seatrial.records import SeatrialError, UsageError

    if isinstance(error, ModuleNotFoundError) and error.name and error.name.split(".")[0] != "seatrial":
        error = UsageError(
            f"the package {error.name!r} is not installed",
            remedy=f"this command belongs to an extra: pip install 'seatrial[{_extra()}]'",
        )
    if not isinstance(error, SeatrialError):
        traceback.print_exception(error)
        return BROKEN
    print_error(error)
    return USAGE if isinstance(error, UsageError) else BROKEN
