"""`seatrial promote`: a version tried beside what holds the stage, and put in its place if it passed."""

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seatrial.cli.options import Form, Project
from seatrial.cli.output import Format

if TYPE_CHECKING:
    from seatrial.promotion.wish import Wish


def promote(
    model: Annotated[str, typer.Argument(help="Name of the model in the registry.", show_default=False)],
    version: Annotated[int | None, typer.Option(min=1, help="Number of the version.", show_default=False)] = None,
    source: Annotated[
        str | None,
        typer.Option("--from", help="All versions in this stage, the oldest first. [default: the stage before --to]"),
    ] = None,
    to: Annotated[str | None, typer.Option(help="Target stage. [default: the project's last]")] = None,
    run_url: Annotated[
        str | None, typer.Option("--run-url", help="Where people find this run. [default: as the CI says]")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Also write the reports and junit.xml here.")] = None,
    project: Project = Path(),
    form: Form = Format.TEXT,
) -> None:
    """Try versions of a model against whoever holds the stage, and put those that pass in its place.

    Exit code: 0 promoted, 1 failed or refused, 2 usage or configuration, 3 inconclusive, 4 something broke.
    """
    from seatrial.cli.promoting import Promoting
    from seatrial.cli.telling import settle
    from seatrial.cli.trial import interrupt
    from seatrial.records import UsageError
    from seatrial.workflows.opening import open_workflows

    if version is not None and source is not None:
        raise UsageError("--version and --from both say what is promoted", remedy="give one of them")
    signal.signal(signal.SIGTERM, interrupt)
    wish = _wish(model, version, source or "", to or "", run_url, out, project)
    with open_workflows(project) as engine:
        promoting = Promoting(engine, project, form)
        promoting.go_on(wish)
        if not promoting.has_answered(wish):
            promoting.wait(engine.start(wish))
        settle(engine)
    promoting.report()
    raise typer.Exit(promoting.exit_code)


def _wish(
    model: str,
    version: int | None,
    source: str,
    to: str,
    run_url: str | None,
    out: Path | None,
    project: Path,
) -> "Wish":
    import os

    from seatrial.config import load_project
    from seatrial.forge.link import ci_run_url
    from seatrial.promotion.wish import Wish
    from seatrial.trial.origin import find_code
    from seatrial.wiring import who_acts

    code = find_code(project, environ=os.environ)
    return Wish(
        project=load_project(project).name,
        model=model,
        version=version,
        source=source,
        to=to,
        actor=who_acts(project),
        commit=code.commit,
        branch=code.branch,
        url=run_url if run_url is not None else ci_run_url(os.environ),
        out=str(out.resolve()) if out is not None else "",
    )
