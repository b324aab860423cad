"""`seatrial retrain`: from what has come into the stream to a version that has earned its place."""

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from seatrial.cli.options import Form, Project
from seatrial.cli.output import Format

if TYPE_CHECKING:
    from seatrial.records import CollectSpec, RetrainSpec, RetrainWish


def retrain(
    name: Annotated[str | None, typer.Argument(help="A loop under retrain. [default: the only one]")] = None,
    window: Annotated[str | None, typer.Option(help="Collect for so long, as 15m. [default: as configured]")] = None,
    events: Annotated[int | None, typer.Option(min=1, help="Collect so many lines. [default: as configured]")] = None,
    to: Annotated[
        list[str] | None,
        typer.Option(
            help="Collect up to an offset, as ratings/0=1234; repeat it for each partition.", show_default=False
        ),
    ] = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Train even if too little is new: because the code changed, say.")
    ] = False,
    if_running: Annotated[
        Literal["wait", "skip"] | None,
        typer.Option(help="What to do if another run of the model is on. [default: as configured]"),
    ] = None,
    project: Project = Path(),
    form: Form = Format.TEXT,
) -> None:
    """Collect new events, check them, keep them as a dataset version, train, and judge the model against the one in its stage.

    What follows (registered, promoted, released) is up to the configuration. A run that was cut off is gone on with.

    Exit code: 0 it came as far as was asked for, 1 refused, 2 usage or configuration, 3 nothing new, skipped or
    inconclusive, 4 something broke.
    """
    from seatrial.cli.promoting import Promoting
    from seatrial.cli.telling import settle
    from seatrial.cli.trial import interrupt
    from seatrial.config import load_project
    from seatrial.workflows.opening import open_workflows

    signal.signal(signal.SIGTERM, interrupt)
    spec = _loop(name, load_project(project).retrainings)
    wish = _wish(spec, _collect(window, events, spec), _offsets(to or []), anyway, if_running, project)
    with open_workflows(project) as engine:
        waiting = Promoting(engine, project, form)
        waiting.go_on(retraining=wish)
        if not waiting.has_answered_retraining(wish):
            waiting.wait(engine.retrain(wish))
        settle(engine)
    waiting.report()
    raise typer.Exit(waiting.exit_code)


def _loop(name: str | None, loops: "tuple[RetrainSpec, ...]") -> "RetrainSpec":
    from seatrial.records import UsageError

    names = ", ".join(spec.name for spec in loops)
    if not loops:
        raise UsageError("seatrial.yaml describes no loop", where="retrain", remedy="see docs/how-to/retrain.md")
    if name is None and len(loops) > 1:
        raise UsageError(f"which loop is meant? there are {names}", remedy="seatrial retrain NAME")
    found = next((spec for spec in loops if name in {None, spec.name}), None)
    if found is None:
        raise UsageError(f"there is no loop {name!r}", where="seatrial.yaml: retrain", remedy=f"there are {names}")
    return found


def _collect(window: str | None, events: int | None, spec: "RetrainSpec") -> "CollectSpec | None":
    """In place of the configured end of a collection; None: as configured."""
    from seatrial.config.quantities import parse_duration
    from seatrial.records import CollectSpec, UsageError

    if window is None and events is None:
        return None
    try:
        seconds = None if window is None else parse_duration(window)
    except ValueError as error:
        raise UsageError(str(error), where="--window") from None
    if seconds is not None and seconds <= 0:
        raise UsageError("the window is over before it begins", where="--window", remedy="write for example 15m")
    return CollectSpec(window=seconds, events=events, to_end=window is None and spec.collect.to_end)


def _offsets(words: list[str]) -> dict[str, int]:
    from seatrial.records import UsageError

    found = {}
    for word in words:
        partition, _, offset = word.rpartition("=")
        if not partition or not offset.isdecimal():
            raise UsageError(f"{word!r} is no offset", where="--to", remedy="write for example ratings/0=1234")
        found[partition] = int(offset)
    return found


def _wish(
    spec: "RetrainSpec",
    collect: "CollectSpec | None",
    to: dict[str, int],
    anyway: bool,
    if_running: 'Literal["wait", "skip"] | None',
    project: Path,
) -> "RetrainWish":
    import os
    import secrets

    from seatrial.forge.link import ci_run_url
    from seatrial.records import RetrainWish, TriggerKind
    from seatrial.trial.origin import find_code
    from seatrial.wiring import open_clock, who_acts

    code = find_code(project, environ=os.environ)
    actor, now = who_acts(project), open_clock().now()
    return RetrainWish(
        id=f"hand:{spec.name}:{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}",
        name=spec.name,
        trigger=TriggerKind.HAND,
        why=f"by hand: {actor.name}",
        asked=now,
        actor=actor,
        collect=collect,
        to=to,
        if_running=if_running or "",
        anyway=anyway,
        commit=code.commit,
        branch=code.branch,
        url=ci_run_url(os.environ),
    )
