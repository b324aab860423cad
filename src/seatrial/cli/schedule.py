"""`seatrial schedule`: what begins retrainings by itself, when it will, and how to hold it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seatrial.cli.options import Form, Project
from seatrial.cli.output import Format, print_grid, print_json, print_sentences

if TYPE_CHECKING:
    from seatrial.records import RetrainSpec
    from seatrial.retrain.schedule_text import LoopStatus
    from seatrial.wiring import Scheduling

app = typer.Typer(
    help="What begins retrainings by itself: show it, pause and resume it, begin one now.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Loop = Annotated[str | None, typer.Argument(metavar="[NAME]", help="A loop, as under retrain: [default: the only one]")]


@app.command("list")
def list_loops(
    events: Annotated[
        bool, typer.Option("--events", help="Also count what waits in Kafka. [default: only in folders]")
    ] = False,
    project: Project = Path(),
    form: Form = Format.TEXT,
) -> None:
    """List the loops: when each runs next, how its last run ended, what it does now, and how many events wait."""
    from seatrial.retrain.schedule_text import loops_grid
    from seatrial.wiring import open_scheduling

    with open_scheduling(project) as scheduling:
        found = [_status(scheduling, spec, every_stream=events) for spec in scheduling.specs]
        now, server = scheduling.clock.now(), scheduling.server()
    if form is Format.JSON:
        print_json({"server": server, "loops": found})
    else:
        print_grid(loops_grid(found, now=now, served=server is not None), _NOTHING)


@app.command()
def pause(named: Loop = None, project: Project = Path(), form: Form = Format.TEXT) -> None:
    """Let a loop begin no runs by itself until it is resumed; what runs goes on, and `run` still begins one."""
    from seatrial.wiring import open_scheduling, who_acts

    with open_scheduling(project) as scheduling:
        spec = _find(scheduling, named)
        scheduling.book.pause(spec.name, who_acts(project).name, scheduling.clock.now())
        _show(scheduling, spec, form)


@app.command()
def resume(named: Loop = None, project: Project = Path(), form: Form = Format.TEXT) -> None:
    """Let a loop begin runs again; what its schedule had due in the pause is left out."""
    from seatrial.wiring import open_scheduling

    with open_scheduling(project) as scheduling:
        spec = _find(scheduling, named)
        scheduling.book.resume(spec.name, scheduling.clock.now())
        _show(scheduling, spec, form)


@app.command()
def run(
    named: Loop = None,
    reason: Annotated[str, typer.Option(help="Why; it stays in the report.")] = "",
    project: Project = Path(),
    form: Form = Format.TEXT,
) -> None:
    """Begin a run now, in the project's server, and print the id of the wish; whether the loop is paused or not.

    Exit code: 0 the server will begin it, 2 no server runs.
    """
    from seatrial.wiring import open_scheduling

    with open_scheduling(project) as scheduling:
        spec = _find(scheduling, named)
        wish = _entered(scheduling, spec, reason, project)
    if form is Format.JSON:
        print_json({"loop": spec.name, "wish": wish})
    else:
        print_sentences([f"the server begins {spec.name} ({wish}); seatrial schedule list shows it"])


_NOTHING = "there is no loop; describe one under retrain: in seatrial.yaml"


def _entered(scheduling: "Scheduling", spec: "RetrainSpec", reason: str, project: Path) -> str:
    import os
    import secrets

    from seatrial.records import RetrainWish, TriggerKind, UsageError
    from seatrial.trial.origin import find_code
    from seatrial.wiring import who_acts

    if scheduling.server() is None:
        raise UsageError(
            "no server runs that would begin it",
            where=spec.name,
            remedy=f"seatrial retrain {spec.name} runs it here; seatrial server runs what is due",
        )
    actor, code = who_acts(project), find_code(project, environ=os.environ)
    wish = RetrainWish(
        id=f"hand:{spec.name}:{secrets.token_hex(8)}",
        name=spec.name,
        trigger=TriggerKind.HAND,
        why=f"{actor.name}: {reason}" if reason else f"asked for by {actor.name}",
        asked=scheduling.clock.now(),
        actor=actor,
        commit=code.commit,
        branch=code.branch,
    )
    scheduling.book.enter(wish)
    return wish.id


def _show(scheduling: "Scheduling", spec: "RetrainSpec", form: Format) -> None:
    from seatrial.retrain.schedule_text import loop_sentence

    status = _status(scheduling, spec, every_stream=False)
    if form is Format.JSON:
        print_json(status)
    else:
        print_sentences([loop_sentence(status, now=scheduling.clock.now())])


def _status(scheduling: "Scheduling", spec: "RetrainSpec", *, every_stream: bool) -> "LoopStatus":
    from seatrial.records import SeatrialError, StreamKind
    from seatrial.retrain.schedule_text import loop_status

    events, note = None, ""
    if every_stream or spec.stream.kind is StreamKind.FILES:
        try:
            events = scheduling.waiting(spec)
        except SeatrialError as error:
            note = f"events can't be counted: {error.what}"
    return loop_status(spec, scheduling.book, scheduling.clock.now(), events=events, note=note)


def _find(scheduling: "Scheduling", named: str | None) -> "RetrainSpec":
    """The loop of that name, or the only one."""
    from seatrial.records import UsageError

    known = {spec.name: spec for spec in scheduling.specs}
    listed = ", ".join(known)
    if named is None and len(known) == 1:
        return next(iter(known.values()))
    if named in known:
        return known[named]
    what = f"there is no loop {named!r}" if named is not None else f"there are {len(known)} loops"
    raise UsageError(
        what,
        where="seatrial.yaml: retrain",
        remedy=f"name one: {listed}" if known else "describe one under retrain:",
    )
