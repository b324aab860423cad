"""`seatrial server`: keeps the deployments of a project running, and goes on with what was cut off."""

import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seatrial.cli.options import Project
from seatrial.cli.output import Format, print_json

if TYPE_CHECKING:
    from seatrial.cli.scheduling import SchedulingParts
    from seatrial.deployments.server import Duty
    from seatrial.deployments.systemd import UnitFacts
    from seatrial.records import DeployState, DeployStatus, Notice
    from seatrial.wiring import BotParts


def server(
    systemd: Annotated[
        bool, typer.Option("--systemd", help="Print the unit that starts it at boot, and stop.")
    ] = False,
    stop_models: Annotated[
        bool, typer.Option("--stop-models", help="At the end stop what runs too. [default: it runs on]")
    ] = False,
    project: Project = Path(),
    form: Annotated[
        Format, typer.Option("--format", help="Of its log on standard error, or of the unit.")
    ] = Format.TEXT,
) -> None:
    """Keep what is deployed running, until SIGTERM or Ctrl-C; one server a project.

    What it started runs on when it ends, in whatever way, and the next one takes it over. Promotions, releases and
    notices that were cut off it goes on with. Where the project has services, it keeps their gateway; where it has a bot,
    it takes webhooks and tries pull requests; where it has loops of continuous training, it begins them when they are due.
    """
    from seatrial.cli.bot import opened_bot
    from seatrial.cli.scheduling import opened_scheduling
    from seatrial.config import find_project
    from seatrial.deployments.notice import notice_of_change
    from seatrial.deployments.server import log, serve
    from seatrial.wiring import open_server
    from seatrial.workflows.attend import Attendant

    if systemd:
        _print_unit(project, form)
        return
    set_up_log(form)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    configured = find_project(project)
    name = project.resolve().name if configured is None else configured.name

    # Where there is no project, there are no promotions to go on with, and nobody to tell.
    attendant: Attendant | None = None

    def tell(status: "DeployStatus", before: "DeployState | None") -> None:
        notice = notice_of_change(status, before, project=name)
        if notice is not None and attendant is not None:
            attendant.notify(notice)

    def announce(notice: "Notice") -> None:
        if attendant is not None:
            attendant.notify(notice)

    def arrived() -> None:
        if attendant is not None:
            attendant.wake()

    with (
        opened_bot(project, configured, log.info, announce) as bot,
        opened_scheduling(project, configured, log.info, arrived) as loops,
        open_server(project, tell, announce) as parts,
    ):
        wishes = None if loops is None else loops.scheduling
        attendant = None if configured is None else Attendant(project, log.info, bot=bot, scheduling=wishes)
        own = () if attendant is None else (attendant,)
        duties = (*parts.duties, *_duties_of(bot), *_duties_of(loops), *own)
        serve(parts.supervisor, stop, duties=duties, stop_models=stop_models)
        if stop_models:
            parts.gateway.keeper.end()


def _duties_of(part: "BotParts | SchedulingParts | None") -> "tuple[Duty, ...]":
    return () if part is None else part.duties


def _print_unit(project: Path, form: Format) -> None:
    from seatrial.deployments.systemd import unit_file

    facts = _unit_facts(project)
    if form is Format.JSON:
        print_json({"name": facts.name, "unit": unit_file(facts)})
    else:
        typer.echo(unit_file(facts), nl=False)


def _unit_facts(project: Path) -> "UnitFacts":
    import pwd

    from seatrial.deployments.systemd import UnitFacts

    kept = ("XDG_CACHE_HOME",)
    root = os.geteuid() == 0
    return UnitFacts(
        project=project.resolve(),
        python=Path(sys.executable).absolute(),
        user=pwd.getpwuid(0).pw_name if root else "",
        environment={name: os.environ[name] for name in kept if name in os.environ},
    )


def set_up_log(form: Format) -> None:
    """Its own messages on standard error, a line each."""
    import json
    import logging
    from datetime import UTC, datetime

    class Lines(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
            line = {"time": moment.replace("+00:00", "Z"), "level": record.levelname.lower()}
            line["message"] = record.getMessage()
            trace = self.formatException(record.exc_info) if record.exc_info else ""
            if form is Format.JSON:
                return json.dumps({**line, **({"traceback": trace} if trace else {})}, ensure_ascii=False)
            return "\n".join(filter(None, [" ".join(line.values()), trace]))

    log = logging.getLogger("seatrial.server")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines())
    log.handlers[:] = [handler]
    log.setLevel(logging.INFO)
    log.propagate = False
