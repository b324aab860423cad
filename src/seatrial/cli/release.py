"""`seatrial release`: a version on its way to all users, judged all the while."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from seatrial.cli.options import Form, Project
from seatrial.cli.output import Format, print_grid, print_json, print_sentences

if TYPE_CHECKING:
    from seatrial.records import ReleaseSpec
    from seatrial.release.desk import ReleaseDesk

app = typer.Typer(
    help="A version on its way to all users: begin it, look at it, pause, promote, abort and roll it back.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Named = Annotated[
    str | None,
    typer.Argument(metavar="[SERVICE]", help="A service, or the id of a release. [default: the one that runs]"),
]
Reason = Annotated[str, typer.Option(help="Why; it stays in the record.")]


@app.command()
def start(
    version: Annotated[str, typer.Argument(help="NAME@3, NAME@Staging or NAME@latest.", show_default=False)],
    service: Annotated[str | None, typer.Option(help="That serves it. [default: the one whose model it is]")] = None,
    if_running: Annotated[
        Literal["refuse", "wait", "replace"] | None,
        typer.Option(help="What to do if another release of the service runs. [default: as configured]"),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Judge and decide, and move nothing; set the weight by hand.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Until it has ended.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Show it until it has ended.")] = False,
    project: Project = Path(),
    form: Form = Format.TEXT,
) -> None:
    """Release a version of a model to a service, and print the release's id; the project's server carries it out.

    Exit code: 0 it began; with --wait or --watch as of `seatrial release watch`; 2 usage or configuration.
    """
    from seatrial.cli.releasing import show_end, show_live
    from seatrial.registry.names import find_version
    from seatrial.release.begin import Asked, begin
    from seatrial.release.desk import service_of
    from seatrial.wiring import open_registry, who_acts

    with _opened(project) as desk, open_registry(project) as registry:
        found = find_version(version, registry.registry, registry.rules, bare=False)
        chosen = service_of(desk, found.model, service)
        spec = _spec(desk, chosen.name, if_running)
        desk.rules.get(spec.stage)
        if chosen.stable_url is None:
            # Its files are needed here anyway, and are refused where they are no longer what was registered.
            registry.registry.fetch(found, registry.root / "versions" / found.artifact.digest.removeprefix("sha256:"))
        asked = Asked(
            service=chosen,
            spec=spec,
            version=found,
            who=who_acts(project).name,
            dry_run=dry_run,
        )
        release = begin(asked, book=desk.book, fleet=desk.fleet, clock=desk.clock, mark=desk.mark())
        desk.ensure_server()
        if watch:
            show_live(desk, release.id, form)
        elif wait:
            show_end(desk, release.id, form)
        elif form is Format.JSON:
            print_json(release)
        else:
            print_sentences([release.id])


@app.command()
def status(named: Named = None, project: Project = Path(), form: Form = Format.TEXT) -> None:
    """Show the releases that run, or one of them with what the judge knows."""
    from seatrial.cli.releasing import show_status
    from seatrial.release.desk import find_release
    from seatrial.release.text import list_grid

    with _opened(project) as desk:
        if named is not None:
            show_status(desk, find_release(desk.book, named), form)
            return
        running = desk.book.running()
        if form is Format.JSON:
            print_json({"server": desk.server() is not None, "releases": running})
        elif len(running) == 1:
            show_status(desk, running[0], form)
        else:
            print_grid(list_grid(running, now=desk.clock.now()), "no release runs; seatrial release start begins one")


@app.command()
def watch(named: Named = None, project: Project = Path(), form: Form = Format.TEXT) -> None:
    """Show a release as it goes on, until it has ended; as JSON, a line for each thing that happens.

    Exit code: 0 promoted, 1 aborted for harm or rolled back, 2 usage, 3 ended without a verdict, 4 something broke.
    """
    from seatrial.cli.releasing import show_live
    from seatrial.release.desk import find_release

    with _opened(project) as desk:
        show_live(desk, find_release(desk.book, named).id, form)


@app.command()
def pause(named: Named = None, reason: Reason = "", project: Project = Path(), form: Form = Format.TEXT) -> None:
    """Keep the weight as it is, and step no further; harm aborts all the same."""
    _tell(project, named, "pause", reason, form)


@app.command()
def resume(named: Named = None, reason: Reason = "", project: Project = Path(), form: Form = Format.TEXT) -> None:
    """Go on after a pause; where a release waits for approval, give it."""
    _tell(project, named, "resume", reason, form)


@app.command()
def approve(named: Named = None, reason: Reason = "", project: Project = Path(), form: Form = Format.TEXT) -> None:
    """Let a release go on that waits for a person."""
    _tell(project, named, "approve", reason, form)


@app.command()
def promote(named: Named = None, reason: Reason = "", project: Project = Path(), form: Form = Format.TEXT) -> None:
    """Promote now, whatever the judge says; it stays on record who did, and that the judge had not decided.

    While the old version is kept ready, this ends that.
    """
    _tell(project, named, "promote", reason, form)


@app.command()
def abort(named: Named = None, reason: Reason = "", project: Project = Path(), form: Form = Format.TEXT) -> None:
    """Give all requests back to stable at once, and take the canary away."""
    _tell(project, named, "abort", reason, form)


@app.command()
def rollback(
    named: Annotated[str, typer.Argument(metavar="SERVICE", help="A service, or the id of a release.")],
    reason: Reason = "",
    project: Project = Path(),
    form: Form = Format.TEXT,
) -> None:
    """Return to the version before the last promotion; no request is lost, and the registry's stage goes back with it."""
    _tell(project, named, "rollback", reason, form)


@app.command()
def history(
    service: Annotated[str | None, typer.Argument(help="Only of this one. [default: all]")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 20,
    project: Project = Path(),
    form: Form = Format.TEXT,
) -> None:
    """List past releases, newest first."""
    from seatrial.release.text import list_grid

    with _opened(project) as desk:
        found = desk.book.past(service, limit=limit)
        now = desk.clock.now()
    if form is Format.JSON:
        print_json(found)
    else:
        print_grid(list_grid(found, now=now), "nothing was released yet; begin with: seatrial release start")


@app.command()
def explain(named: Named = None, project: Project = Path(), form: Form = Format.TEXT) -> None:
    """Say why a release stands where it stands: what was found of each metric, what is missing, and what happened."""
    from seatrial.cli.releasing import show_explanation
    from seatrial.release.desk import find_release

    with _opened(project) as desk:
        show_explanation(desk, find_release(desk.book, named), form)


@app.command()
def report(named: Named = None, project: Project = Path(), form: Form = Format.TEXT) -> None:
    """Write the report of a release as it is now (`report.html`, `report.md`, `report.json`), and print where it is.

    As JSON, the report itself.
    """
    from seatrial.release.desk import find_release
    from seatrial.release.report.reporter import report_of
    from seatrial.release.report.write import write_report
    from seatrial.wiring import open_reports

    with open_reports(project) as means:
        found = find_release(means.book, named)
        made = report_of(found, means)
        files = write_report(made, means.folder / found.id)
    if form is Format.JSON:
        print_json(made)
    else:
        print_sentences([str(path) for path in (files.html, files.markdown, files.json)])


def _tell(project: Path, named: str | None, kind: str, reason: str, form: Format) -> None:
    """Give a release an order, and say what it made of it."""
    from seatrial.cli.releasing import check_may_promote, show_status
    from seatrial.records import OrderKind
    from seatrial.release.desk import find_promoted, find_release, give_order
    from seatrial.wiring import who_acts

    order = OrderKind(kind)
    with _opened(project) as desk:
        rolls_back = order is OrderKind.ROLL_BACK and named is not None
        release = find_promoted(desk.book, named or "") if rolls_back else find_release(desk.book, named)
        if order is OrderKind.PROMOTE:
            check_may_promote(desk, project, release)
        give_order(desk, release, order, who=who_acts(project).name, reason=reason)
        show_status(desk, desk.book.get(release.id), form)


def _spec(
    desk: "ReleaseDesk", service: str, if_running: "Literal['refuse', 'wait', 'replace'] | None"
) -> "ReleaseSpec":
    from dataclasses import replace

    from seatrial.records import ReleaseSpec

    spec = desk.specs.get(service) or ReleaseSpec()
    return spec if if_running is None else replace(spec, if_running=if_running)


@contextmanager
def _opened(project: Path) -> "Iterator[ReleaseDesk]":
    from seatrial.wiring import open_releases

    with open_releases(project) as desk:
        yield desk
