"""`seatrial sync`: copy the project's code of a git ref into a workspace."""

from pathlib import Path
from typing import Annotated

import typer

from seatrial.cli.output import Format, print_grid, print_json


def sync(
    ref: Annotated[
        str | None, typer.Argument(help="Branch or tag. Default: the branch that is checked out.", show_default=False)
    ] = None,
    branch: Annotated[
        str | None,
        typer.Option(help="Whose folder it is, where the ref is a commit or no branch is checked out."),
    ] = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Also remove the folders of branches that are gone, with all in them.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    project: Annotated[Path, typer.Option("--project", help="Folder with seatrial.yaml.", show_default=False)] = Path(),
    form: Annotated[Format, typer.Option("--format", help="Of what is printed on standard output.")] = Format.TEXT,
) -> None:
    """Copy committed code into the branch's folder of the workspace, and remove there what the ref no longer has.

    Exit code: 0 it is there (also where nothing had to be written), 2 usage, 4 something broke.
    """
    from seatrial.sync.run import SyncRequest, run_sync
    from seatrial.sync.text import sync_grid, sync_sentence
    from seatrial.wiring import open_sync

    result = run_sync(open_sync(project), SyncRequest(ref=ref, branch=branch, prune=prune, dry_run=dry_run))
    if form is Format.JSON:
        print_json(result)
    else:
        print_grid(sync_grid(result), sync_sentence(result))
