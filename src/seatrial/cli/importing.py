"""`seatrial import`: a `seatrial.yaml` from the configuration of another system, and what became of every part of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seatrial.cli.options import Form
from seatrial.cli.output import Format, print_json, print_sentences

if TYPE_CHECKING:
    from seatrial.config.aicoe.drafts import Converted

app = typer.Typer(no_args_is_help=True, help="Make a seatrial.yaml from the configuration of another system.")

Folder = Annotated[Path, typer.Argument(help="Folder with the other system's file.", show_default=False)]
Out = Annotated[Path | None, typer.Option(help="File to write. [default: seatrial.yaml in FOLDER]", show_default=False)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the configuration and write nothing.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")]


@app.command()
def aicoe(
    folder: Folder = Path(), out: Out = None, dry_run: DryRun = False, force: Force = False, form: Form = Format.TEXT
) -> None:
    """From .aicoe-ci.yaml: one deployment for each overlay that has build, deploy and gather.

    Exit code: 0 written, 2 usage.
    """
    from seatrial.config.aicoe.read import AICOE_NAMES

    _import(folder, AICOE_NAMES, _Target(out or folder / "seatrial.yaml", dry_run=dry_run, force=force), form)


@app.command()
def thoth(
    folder: Folder = Path(), out: Out = None, dry_run: DryRun = False, force: Force = False, form: Form = Format.TEXT
) -> None:
    """From .thoth.yaml: one deployment, tried on each of its runtime environments.

    Exit code: 0 written, 2 usage.
    """
    from seatrial.config.aicoe.thoth import THOTH_NAME

    _import(folder, (THOTH_NAME,), _Target(out or folder / "seatrial.yaml", dry_run=dry_run, force=force), form)


@dataclass(frozen=True, slots=True)
class _Target:
    """Where the configuration goes."""

    file: Path
    dry_run: bool
    force: bool


def _import(folder: Path, names: Sequence[str], target: _Target, form: Format) -> None:
    from seatrial.config.foreign import Folder as Files
    from seatrial.config.foreign import convert
    from seatrial.records import UsageError

    converted = convert(Files(folder), names)
    if converted is None:
        raise UsageError(
            f"there is no {' or '.join(names)}",
            where=str(folder.resolve()),
            remedy="run it in the folder that has one, or name that folder",
        )
    if not target.dry_run:
        _write(converted.text, target)
    if form is Format.JSON:
        written = None if target.dry_run else str(target.file)
        print_json(
            {
                "source": converted.source,
                "written": written,
                "taken": converted.taken,
                "left": converted.left,
                "text": converted.text,
            }
        )
    elif target.dry_run:
        typer.echo(converted.text, nl=False)
        for sentence in _told(converted):
            typer.echo(sentence, err=True)
    else:
        print_sentences((f"{target.file}: made from {converted.source}", *_told(converted)))


def _told(converted: "Converted") -> Iterator[str]:
    yield from (f"taken  {sentence}" for sentence in converted.taken)
    yield from (f"left   {sentence}" for sentence in converted.left)


def _write(text: str, target: _Target) -> None:
    """Write the file, whole. Raises UsageError if it is there already, or can't be written."""
    from seatrial.files import write_whole
    from seatrial.records import UsageError

    file = target.file
    if file.exists() and not target.force:
        raise UsageError(
            "it is there already", where=str(file), remedy="overwrite it with --force, or name another file with --out"
        )
    try:
        write_whole(file, text.encode())
    except OSError as error:
        raise UsageError(
            f"it can't be written: {error.strerror}", where=str(file), remedy="name another file with --out"
        ) from error
