"""`seatrial ledger`: whether the record of who moved what still holds together, and its lines."""

from pathlib import Path
from typing import Annotated

import typer

from seatrial.cli.options import Form, Project
from seatrial.cli.output import Format, print_grid, print_json, print_sentences

app = typer.Typer(
    help="The append-only record of every stage move: verify it, read it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def verify(
    head: Annotated[
        str | None, typer.Option(help="Digest of a line that was noted before: it must still be there.")
    ] = None,
    guarded_from: Annotated[
        int, typer.Option(min=1, help="First line to which today's gates apply; older ones had others.")
    ] = 1,
    project: Project = Path(),
    form: Form = Format.TEXT,
) -> None:
    """Find edited, removed, inserted and forged lines, and whatever no longer agrees with them.

    Exit code: 0 it holds together, 1 it does not.
    """
    from seatrial.registry.ledger import verify as check
    from seatrial.wiring import open_registry

    with open_registry(project) as tools:
        books = tools.registry.books()
        flaws = check(books, tools.rules, noted=head, guarded_from=guarded_from)
    if form is Format.JSON:
        print_json({"holds": not flaws, "lines": len(books.entries), "head": books.head, "flaws": flaws})
    elif flaws:
        print_sentences([flaw.what for flaw in flaws])
    else:
        print_sentences([f"{len(books.entries):,} lines hold together", f"head {books.head.digest or 'none yet'}"])
    raise typer.Exit(1 if flaws else 0)


@app.command()
def show(
    limit: Annotated[int, typer.Option(min=1, help="How many lines, the last ones.")] = 50,
    project: Project = Path(),
    form: Form = Format.TEXT,
) -> None:
    """Print the ledger's lines with their digests."""
    from seatrial.registry.text import ledger_grid
    from seatrial.wiring import open_registry

    with open_registry(project) as tools:
        entries = tools.registry.ledger()[-limit:]
    if form is Format.JSON:
        print_json(entries)
    else:
        print_grid(ledger_grid(entries, digests=True), "the ledger is empty")
