"""`seatrial data`: versions of datasets: list, look at, compare, write into a file, verify, take rows out of quarantine."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seatrial.cli.options import Form, Project
from seatrial.cli.output import Format, print_facts, print_grid, print_json, print_sentences

if TYPE_CHECKING:
    from seatrial.datasets.build import FileForm
    from seatrial.records import DatasetVersion
    from seatrial.wiring import DatasetTools

app = typer.Typer(
    help="Versions of datasets: what retrainings collected, immutable, each rebuilt exactly.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Version = Annotated[
    str, typer.Argument(metavar="NAME@N", help="NAME@3 or NAME@latest; NAME is its latest.", show_default=False)
]


@app.command("list")
def list_(
    name: Annotated[str | None, typer.Argument(help="Of a dataset: list its versions.", show_default=False)] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many versions, the newest.")] = 20,
    project: Project = Path(),
    form: Form = Format.TEXT,
) -> None:
    """List the datasets, or the versions of one, newest first."""
    from seatrial.datasets.names import find_head
    from seatrial.datasets.text import datasets_grid, versions_grid
    from seatrial.wiring import open_datasets

    with open_datasets(project) as tools:
        if name is None:
            heads = [find_head(dataset, tools.book) for dataset in tools.book.datasets()]
            grid, found = datasets_grid(heads), heads
        else:
            find_head(name, tools.book)
            found = list(tools.book.versions(name, limit))
            grid = versions_grid(found)
    if form is Format.JSON:
        print_json(found)
    else:
        print_grid(grid, "there is no dataset yet; a retraining makes the first version: seatrial retrain")


@app.command()
def show(version: Version, project: Project = Path(), form: Form = Format.TEXT) -> None:
    """Everything about one version: rows, columns, what it took from the stream, which models were trained from it."""
    from seatrial.datasets.text import version_facts
    from seatrial.wiring import open_datasets

    with open_datasets(project) as tools:
        found = _find(version, tools)
        models = _models(found, project, tools).get(found.digest, ())
    if form is Format.JSON:
        print_json({"version": found, "models": models})
    else:
        print_facts(version_facts(found, models))


@app.command()
def diff(first: Version, second: Version, project: Project = Path(), form: Form = Format.TEXT) -> None:
    """Compare two versions: rows added and removed, and each column's figures side by side."""
    from seatrial.datasets.diff import diff as compare
    from seatrial.datasets.text import difference_grid
    from seatrial.wiring import open_datasets

    with open_datasets(project) as tools:
        found = compare(_find(first, tools), _find(second, tools), tools.book, tools.files)
    if form is Format.JSON:
        print_json(found)
    else:
        print_grid(difference_grid(found))


@app.command()
def lineage(
    version: Version,
    limit: Annotated[int, typer.Option(min=1, help="How many versions, the newest.")] = 20,
    project: Project = Path(),
    form: Form = Format.TEXT,
) -> None:
    """A version and its ancestors, newest first, with the models that were trained from each."""
    from seatrial.datasets.text import lineage_grid
    from seatrial.wiring import open_datasets

    with open_datasets(project) as tools:
        found = _find(version, tools)
        ancestors = tools.book.lineage(found.dataset, found.number, limit)
        models = _models(found, project, tools)
    if form is Format.JSON:
        print_json([{"version": each._asdict(), "models": models.get(each.digest, ())} for each in ancestors])
    else:
        print_grid(lineage_grid(found.dataset, ancestors, models))


@app.command()
def checkout(
    version: Version,
    out: Annotated[Path, typer.Option("--out", help="File to write; its folder must exist.", show_default=False)],
    written: Annotated[
        str | None,
        typer.Option("--as", metavar="[parquet|csv]", help="Of the file. Default: as its name ends, else parquet."),
    ] = None,
    quarantined: Annotated[
        bool, typer.Option("--quarantined", help="Only the rows that the checks of this version refused, and why.")
    ] = False,
    dead: Annotated[
        bool, typer.Option("--dead", help="Only the lines of this version that did not parse, and why: JSON lines.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
    project: Project = Path(),
    form: Form = Format.TEXT,
) -> None:
    """Write all rows of a version into one file: the same bytes each time."""
    from seatrial.records import UsageError
    from seatrial.wiring import open_datasets

    if quarantined and dead:
        raise UsageError("--quarantined and --dead are two files", remedy="check out one after the other")
    if not out.absolute().parent.is_dir():
        raise UsageError("there is no such folder", where=str(out.parent), remedy="make it")
    if out.exists() and not force:
        raise UsageError("the file is there already", where=str(out), remedy="overwrite it with --force")
    with open_datasets(project) as tools:
        found = _find(version, tools)
        if dead:
            _lay_dead(found, tools, out)
            rows = found.counts.get("dead", 0)
        elif quarantined:
            rows = _lay_quarantine(found, tools, out, _form(written, out))
        else:
            rows = _build(found, tools, out, _form(written, out))
    if form is Format.JSON:
        print_json({"version": found.id, "path": str(out), "rows": rows})
    else:
        print_sentences([f"{out}: {rows:,} {'lines' if dead else 'rows'} of {found.id}"])


@app.command()
def verify(
    name: Annotated[str | None, typer.Argument(help="Of one dataset. Default: all.", show_default=False)] = None,
    contents: Annotated[
        bool, typer.Option("--contents", help="Also read every file, and hold it against its digest.")
    ] = False,
    project: Project = Path(),
    form: Form = Format.TEXT,
) -> None:
    """Compute every version's digest anew, and look for every file in the store.

    Exit code: 0 all is as it was, 1 it is not.
    """
    from tempfile import TemporaryDirectory

    from seatrial.datasets.names import find_head
    from seatrial.datasets.verify import verify as check
    from seatrial.wiring import open_datasets
    from seatrial.wording.text import count

    with open_datasets(project) as tools, TemporaryDirectory(dir=tools.folder, prefix=".verify-") as folder:
        datasets = tools.book.datasets() if name is None else [find_head(name, tools.book).dataset]
        scratch = Path(folder) if contents else None
        found = [check(dataset, tools.book, tools.store, scratch) for dataset in datasets]
    faults = [fault for each in found for fault in each.faults]
    if form is Format.JSON:
        print_json(found)
    else:
        print_sentences(faults)
        print_sentences(
            f"{each.dataset}: {count(each.versions, 'version')} and {count(each.files, 'file')} are as they were"
            for each in found
            if not each.faults
        )
    raise typer.Exit(1 if faults else 0)


@app.command()
def admit(
    version: Version,
    reason: Annotated[str, typer.Option(help="Why these rows count after all; it stays.", show_default=False)],
    only: Annotated[
        str, typer.Option(help="Only rows that were refused for a reason with this text in it.", show_default=False)
    ] = "",
    project: Project = Path(),
    form: Form = Format.TEXT,
) -> None:
    """Take quarantined rows of a version in: a new version has them, with your name and reason. Once for each version."""
    from tempfile import TemporaryDirectory

    from seatrial.datasets.admit import admit as take_in
    from seatrial.wiring import open_datasets, who_acts

    with open_datasets(project) as tools, TemporaryDirectory(dir=tools.folder, prefix=".admit-") as folder:
        made = take_in(
            _find(version, tools),
            only=only,
            reason=reason,
            actor=who_acts(project),
            at=tools.clock.now(),
            book=tools.book,
            store=tools.store,
            files=tools.files,
            folder=Path(folder),
        )
    if form is Format.JSON:
        print_json(made)
    else:
        print_sentences([f"{made.id}: {made.note}"])


def _find(version: str, tools: "DatasetTools") -> "DatasetVersion":
    from seatrial.datasets.names import find_version

    return find_version(version, tools.book)


def _models(version: "DatasetVersion", project: Path, tools: "DatasetTools") -> "Mapping[str, tuple[str, ...]]":
    """Models by the digest of their data: those of the dataset's loop, and all where no loop of its name is configured."""
    from seatrial.datasets.trained import models_by_data
    from seatrial.wiring import open_registry

    with open_registry(project) as registry:
        return models_by_data(registry.registry, tools.models(version.dataset))


def _form(written: str | None, out: Path) -> "FileForm":
    from seatrial.datasets.build import FileForm
    from seatrial.records import UsageError

    wanted = written or ("csv" if out.suffix.casefold() == ".csv" else "parquet")
    if wanted not in list(FileForm):
        raise UsageError(f"{wanted!r} is no form of a file", where="--as", remedy="write parquet or csv")
    return FileForm(wanted)


def _build(version: "DatasetVersion", tools: "DatasetTools", out: Path, form: "FileForm") -> int:
    from seatrial.datasets.build import build

    segments = tools.book.segments(version.dataset, version.number)
    return build(segments, tools.files, out, columns=version.columns, form=form)


def _lay_quarantine(version: "DatasetVersion", tools: "DatasetTools", out: Path, form: "FileForm") -> int:
    from seatrial.datasets.build import lay_aside
    from seatrial.records import UsageError

    if version.quarantined is None:
        raise UsageError("no row of it is in quarantine", where=version.id, remedy="look: seatrial data list")
    lay_aside(version.quarantined.digest, tools.files, out, form)
    return version.quarantined.rows


def _lay_dead(version: "DatasetVersion", tools: "DatasetTools", out: Path) -> None:
    from seatrial.datasets.build import lay_file
    from seatrial.records import UsageError

    if not version.dead:
        raise UsageError("every line of it was read", where=version.id, remedy="look: seatrial data list")
    lay_file(version.dead, tools.files, out)
