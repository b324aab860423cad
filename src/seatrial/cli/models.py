"""`seatrial models`: register versions of models, look at them, compare them, move them between stages."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seatrial.cli.options import Form, Project
from seatrial.cli.output import Format, print_facts, print_grid, print_json, print_warnings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from seatrial.records import ModelVersion
    from seatrial.registry.tools import RegistryTools
    from seatrial.registry.transfer import Copied

app = typer.Typer(
    help="Versions of models: register, look up, compare, move between stages.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Name = Annotated[str, typer.Argument(help="NAME@3, NAME@Staging, NAME@latest; NAME is its latest.", show_default=False)]
Exact = Annotated[str, typer.Argument(help="NAME@3, NAME@Staging or NAME@latest.", show_default=False)]


@app.command()
def register(
    path: Annotated[Path, typer.Argument(help="File or folder of the model.", show_default=False)],
    name: Annotated[str, typer.Option("--name", help="Of the model in the registry.", show_default=False)],
    description: Annotated[str, typer.Option(help="A sentence about this version.", show_default=False)] = "",
    metric: Annotated[
        list[str] | None, typer.Option("--metric", help="NAME=VALUE of the training; may be repeated.")
    ] = None,
    metrics: Annotated[
        list[Path] | None, typer.Option("--metrics", help="JSON file with such values; may be repeated.")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="NAME=VALUE; may be repeated.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="File or folder that it was trained on, or its .dvc file: the digest is kept.")
    ] = None,
    version_of_data: Annotated[
        str | None, typer.Option("--version-of-data", help="Version of the data in your own words.")
    ] = None,
    run: Annotated[str | None, typer.Option(help="Id or URL of the training run.")] = None,
    parent: Annotated[str | None, typer.Option(help="Version that it came from: a number, a stage or latest.")] = None,
    trusted_digest: Annotated[
        list[str] | None,
        typer.Option("--trusted-digest", help="Open only pickles with this digest; may be repeated."),
    ] = None,
    no_open: Annotated[
        bool, typer.Option("--no-open", help="Don't open the model; its signature stays unknown.")
    ] = False,
    project: Project = Path(),
    form: Form = Format.TEXT,
) -> None:
    """Store a model's files and give it the next version.

    Commit, branch, data, software stack, flavour and signature are found out where they can be.
    """
    import os

    from seatrial.records import UsageError
    from seatrial.registry.given import read_metrics, read_tags
    from seatrial.registry.text import version_facts
    from seatrial.trial.register import RegisterRequest, register_model
    from seatrial.wiring import open_registry, who_acts

    if data is not None and version_of_data is not None:
        raise UsageError("the data are named twice", remedy="give --data or --version-of-data")
    request = RegisterRequest(
        path=path,
        name=name,
        metrics=read_metrics(metric or (), metrics or ()),
        tags=read_tags(tag or ()),
        description=description,
        data=data,
        data_version=version_of_data,
        run=run,
        parent=parent,
        trusted=tuple(trusted_digest or ()),
        opened=not no_open,
    )
    with open_registry(project) as tools:
        made = register_model(request, tools, who_acts(project), os.environ)
    print_warnings(made.notes)
    if form is Format.JSON:
        print_json(made.version)
    else:
        print_facts(version_facts(made.version))


@app.command("list")
def list_(
    name: Annotated[
        str | None, typer.Argument(help="Of one model, whose versions are listed.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many versions.")] = 20,
    project: Project = Path(),
    form: Form = Format.TEXT,
) -> None:
    """List the models, or the versions of one, newest first."""
    from seatrial.registry.text import models_grid, versions_grid
    from seatrial.wiring import open_registry

    with open_registry(project) as tools:
        if name is None:
            models = tools.registry.models()
            grid = models_grid(models, tools.rules)
            found: object = models
        else:
            versions = tools.registry.versions(name, limit=limit)
            grid = versions_grid(versions)
            found = versions
    if form is Format.JSON:
        print_json(found)
    else:
        print_grid(grid, "no model is registered yet; begin with: seatrial models register PATH --name NAME")


@app.command()
def show(version: Name, project: Project = Path(), form: Form = Format.TEXT) -> None:
    """Everything about one version."""
    from seatrial.registry.text import version_facts
    from seatrial.wiring import open_registry

    with open_registry(project) as tools:
        found = _find(tools, version)
    if form is Format.JSON:
        print_json(found)
    else:
        print_facts(version_facts(found))


@app.command()
def diff(
    first: Annotated[str, typer.Argument(help="The older version: NAME@3, NAME@Production …", show_default=False)],
    second: Annotated[str, typer.Argument(help="The newer one, written alike.", show_default=False)],
    project: Project = Path(),
    form: Form = Format.TEXT,
) -> None:
    """What is different between two versions: files, signature, metrics, tags, where they come from."""
    from seatrial.registry.diff import diff_versions, files_of_artifact
    from seatrial.registry.text import diff_grid
    from seatrial.wiring import open_registry

    with open_registry(project) as tools:
        before, after = _find(tools, first), _find(tools, second)
        listed = (files_of_artifact(before.artifact, tools.store), files_of_artifact(after.artifact, tools.store))
        files = (listed[0], listed[1]) if listed[0] is not None and listed[1] is not None else None
        found = diff_versions(before, after, files)
    if form is Format.JSON:
        print_json(found)
    else:
        print_grid(diff_grid(found), f"{found.first} and {found.second} differ in nothing but number, time and author")


@app.command()
def tag(
    version: Exact,
    changes: Annotated[list[str], typer.Argument(help="NAME=VALUE sets a tag, NAME- removes it.", show_default=False)],
    project: Project = Path(),
    form: Form = Format.TEXT,
) -> None:
    """Set and remove tags of a version; all others stay."""
    from seatrial.registry.given import read_tag_changes
    from seatrial.registry.text import tags_text
    from seatrial.wiring import open_registry

    wanted = read_tag_changes(changes)
    with open_registry(project) as tools:
        found = _find(tools, version, bare=False)
        tagged = tools.registry.tag(found.model, found.number, wanted)
    if form is Format.JSON:
        print_json(tagged)
    else:
        typer.echo(f"{tagged.id}: {tags_text(tagged.tags)}")


@app.command()
def stage(
    version: Exact,
    to: Annotated[str, typer.Argument(metavar="STAGE", help="Where it goes.", show_default=False)],
    reason: Annotated[str, typer.Option(help="Why; it stays in the ledger.", show_default=False)] = "",
    break_glass: Annotated[
        bool, typer.Option("--break-glass", help="Enter a guarded stage in an emergency; needs --reason.")
    ] = False,
    project: Project = Path(),
    form: Form = Format.TEXT,
) -> None:
    """Move a version into a stage that people may set.

    Production is set by `seatrial promote`, on a promotion run that passed.
    """
    from seatrial.records import Move
    from seatrial.registry.text import ledger_grid
    from seatrial.wiring import open_registry, who_acts

    with open_registry(project) as tools:
        found = _find(tools, version, bare=False)
        move = Move(
            model=found.model,
            number=found.number,
            to=to,
            actor=who_acts(project),
            at=tools.clock.now(),
            reason=reason,
            break_glass=break_glass,
        )
        entries = tools.registry.move(move)
    if form is Format.JSON:
        print_json(entries)
    else:
        print_grid(ledger_grid(entries), f"{found.id} holds {found.stage} already")


@app.command()
def history(
    version: Annotated[
        str | None, typer.Argument(metavar="[NAME[@VERSION]]", help="Of one model or version.", show_default=False)
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            help="What held which stage then: 2026-05-01 (its end), 2026-05-01T14:30, or 7d for 7 days ago (UTC)."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many lines of the ledger, the last ones.")] = 20,
    project: Project = Path(),
    form: Form = Format.TEXT,
) -> None:
    """Who moved what, when, on which evidence; and what was Production at a time."""
    from seatrial.registry.history import standing_at
    from seatrial.registry.text import ledger_grid, standing_grid
    from seatrial.wiring import open_registry

    with open_registry(project) as tools:
        moment = _moment(at, tools)
        model, number = _subject(tools, version)
        entries = tools.registry.ledger(model, number=number, before=moment)
        standing = () if moment is None else standing_at(entries, moment)
        standing = tuple(each for each in standing if each.stage != tools.rules.initial)
    if form is Format.JSON:
        print_json({"at": moment, "standing": standing, "entries": entries[-limit:]})
        return
    if moment is not None:
        print_grid(standing_grid(standing, moment), f"no version held a stage at {moment:%Y-%m-%d %H:%M:%S} UTC")
        typer.echo()
    print_grid(ledger_grid(entries[-limit:]), "the ledger has no line about this")


@app.command()
def export(
    version: Name,
    folder: Annotated[Path | None, typer.Argument(help="Made if it is not there.", show_default=False)] = None,
    to: Annotated[str | None, typer.Option("--to", help="Copy it to this MLflow server instead.")] = None,
    project: Project = Path(),
    form: Form = Format.TEXT,
) -> None:
    """Lay a version's files into a folder, with version.json beside them; or copy versions to an MLflow server.

    With --to, NAME alone copies all its versions, with files, tags and metrics; those that were copied before are left.
    """
    from seatrial.records import UsageError

    if (folder is None) == (to is None):
        raise UsageError("an export goes to a folder or to a server", remedy="name a FOLDER, or --to http://HOST:PORT")
    if to is not None:
        _export_to_server(version, to, project, form)
    elif folder is not None:
        _export_to_folder(version, folder, project, form)


def _export_to_folder(version: str, folder: Path, project: Path, form: Format) -> None:
    from seatrial.registry.export import export_version
    from seatrial.wiring import open_registry

    with open_registry(project) as tools:
        exported = export_version(_find(tools, version, bare=False), tools.registry, folder)
    if form is Format.JSON:
        print_json({"path": str(exported.path), "record": str(exported.record)})
    else:
        typer.echo(exported.path)
        typer.echo(exported.record)


def _export_to_server(version: str, url: str, project: Path, form: Format) -> None:
    from seatrial.registry.transfer import copy_versions
    from seatrial.wiring import open_mlflow_models, open_registry

    with open_registry(project) as tools:
        model, number = _subject(tools, version)
        copied = copy_versions(
            tools.registry,
            open_mlflow_models(url),
            model or "",
            place=tools.project.name,
            numbers=() if number is None else (number,),
        )
    _print_copied(copied, form)


@app.command("import")
def import_(
    name: Annotated[str, typer.Argument(help="Of the model, on the server and here.", show_default=False)],
    source: Annotated[str, typer.Option("--from", help="MLflow server, as http://HOST:PORT.")],
    number: Annotated[list[int] | None, typer.Option("--version", help="Only this one; may be repeated.")] = None,
    project: Project = Path(),
    form: Form = Format.TEXT,
) -> None:
    """Copy a model's versions from an MLflow server, with files, tags, metrics and where they came from.

    Aliases and stages that they had there become tags of the copies; what is Production here is decided here. Those that
    were copied before are left.
    """
    from seatrial.registry.transfer import copy_versions
    from seatrial.wiring import open_mlflow_models, open_registry

    models = open_mlflow_models(source)
    with open_registry(project) as tools:
        copied = copy_versions(models, tools.registry, name, place=models.place, numbers=number or ())
    _print_copied(copied, form)


def _print_copied(copied: "Sequence[Copied]", form: Format) -> None:
    if form is Format.JSON:
        print_json(copied)
        return
    for each in copied:
        typer.echo(f"{each.source} → {each.target}" + ("" if each.new else " (copied before)"))


def _find(tools: "RegistryTools", version: str, *, bare: bool = True) -> "ModelVersion":
    from seatrial.registry.names import find_version

    return find_version(version, tools.registry, tools.rules, bare=bare)


def _subject(tools: "RegistryTools", version: str | None) -> tuple[str | None, int | None]:
    """The model and number that a history is about."""
    from seatrial.registry.names import read_name

    if version is None:
        return None, None
    name = read_name(version)
    found = _find(tools, version)
    return found.model, None if name.bare else found.number


def _moment(text: str | None, tools: "RegistryTools") -> "datetime | None":
    """A time as somebody wrote it; a day alone means its end, so that what was moved on it counts."""
    from datetime import UTC, date, datetime, time

    from seatrial.telemetry.window import parse_moment

    if text is None:
        return None
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        return parse_moment(text, now=tools.clock.now(), where="--at")
    return datetime.combine(day, time.max, tzinfo=UTC)
