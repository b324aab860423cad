"""`seatrial resume`: go on with what a process that is gone left unfinished."""

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seatrial.cli.options import Form, Project
from seatrial.cli.output import Format, print_grid, print_json, print_sentences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seatrial.cli.promoting import Promoting
    from seatrial.workflows.engine import Engine, Unfinished


def resume(
    run: Annotated[
        str | None, typer.Argument(help="Id of an unfinished run, or its end. [default: all that was cut off]")
    ] = None,
    list_only: Annotated[bool, typer.Option("--list", help="Show what is unfinished, and stop.")] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="Give the run up for good instead.")] = False,
    project: Project = Path(),
    form: Form = Format.TEXT,
) -> None:
    """Go on with promotions, retrainings and notices that were cut off, from their last finished step.

    Exit code: as of seatrial promote or retrain; 0 if nothing was cut off.
    """
    from seatrial.cli.promoting import Promoting
    from seatrial.cli.telling import settle
    from seatrial.cli.trial import interrupt
    from seatrial.records import UsageError
    from seatrial.workflows.opening import open_workflows

    if cancel and run is None:
        raise UsageError("--cancel gives up one run", remedy="seatrial resume --list shows them")
    signal.signal(signal.SIGTERM, interrupt)
    with open_workflows(project) as engine:
        if list_only:
            _print_unfinished(engine.unfinished(), form)
            return
        if cancel and run is not None:
            engine.cancel(engine.find(run))
            return
        promoting = Promoting(engine, project, form)
        if run is None:
            _go_on_with_all(engine, promoting, form)
        else:
            _go_on_with(engine.find(run), engine, promoting)
        settle(engine, None)
    promoting.report()
    raise typer.Exit(promoting.exit_code)


def _go_on_with_all(engine: "Engine", promoting: "Promoting", form: Format) -> None:
    left = [each for each in engine.unfinished() if each.state == "left"]
    if not left and form is Format.TEXT:
        print_sentences(["nothing was cut off"])
    promoting.go_on()


def _go_on_with(found: "Unfinished", engine: "Engine", promoting: "Promoting") -> None:
    """One promotion, retraining or notice. Raises UsageError if another process runs it."""
    from seatrial.records import UsageError

    if found.state == "stranded":
        raise UsageError(
            f"{found.name} was begun by a seatrial whose steps are others",
            remedy=f"go on with that version, or give it up and begin again: seatrial resume {found.name} --cancel",
        )
    if found.state == "foreign":
        engine.adopt(found)
    elif not engine.take_over(lambda each: each.id == found.id or each.id.startswith(found.handed_over)):
        raise UsageError(
            f"{found.name} runs in another process",
            where=found.about,
            remedy="wait for it; seatrial runs shows when it has ended",
        )
    promoting.say_goes_on(found)
    promoting.wait(found.id)


def _print_unfinished(unfinished: "Sequence[Unfinished]", form: Format) -> None:
    from seatrial.wording.grid import Grid

    if form is Format.JSON:
        print_json(unfinished)
        return
    states = {
        "left": "cut off",
        "elsewhere": "runs in another process",
        "here": "runs",
        "foreign": "another machine's",
        "stranded": "another seatrial's",
    }
    rows = tuple((each.name, each.kind, each.about, states[each.state]) for each in unfinished)
    print_grid(
        Grid(headings=("run", "kind", "about", "state"), rows=rows, unwrapped=frozenset({"run"})),
        "nothing is unfinished",
    )
