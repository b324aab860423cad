"""`seatrial init`: a new project, or what an existing repository lacks of one."""

import shlex
import signal
from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seatrial.cli.output import Format, print_json, print_sentences

if TYPE_CHECKING:
    from seatrial.scaffold import Made


class System(StrEnum):
    """As `scaffold.options.Ci`, which is not imported for a help text."""

    GITHUB = "github"
    GITLAB = "gitlab"
    AZURE = "azure"
    JENKINS = "jenkins"
    TEKTON = "tekton"


def init(
    name: Annotated[
        str | None,
        typer.Argument(
            help="Of the repository and its model. With --here by default the folder's.", show_default=False
        ),
    ] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="With a small dataset, a trained model, and a worse change to try.")
    ] = False,
    ci: Annotated[
        System | None,
        typer.Option(
            help="Whose pipelines to write. [default: as --forge-url suggests, else github]", show_default=False
        ),
    ] = None,
    forge_url: Annotated[
        str | None,
        typer.Option(help="Address of the repository, as https://github.com/you/wine; for links and the remote."),
    ] = None,
    here: Annotated[
        bool, typer.Option("--here", help="Add what an existing repository lacks; overwrites nothing, commits nothing.")
    ] = False,
    no_git: Annotated[bool, typer.Option("--no-git", help="Without git init and a first commit.")] = False,
    project: Annotated[
        Path | None,
        typer.Option(
            "--project",
            help="The repository's folder. [default: NAME; with --here the current one]",
            show_default=False,
        ),
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="Of what is printed on standard output.")] = Format.TEXT,
) -> None:
    """Make a working ML repository: model, tests, seatrial.yaml and the pipelines of a CI system.

    Exit code: 0 made, 2 usage, 4 something broke.
    """
    from seatrial import __version__
    from seatrial.cli.trial import interrupt
    from seatrial.scaffold import (
        Ci,
        ProjectOptions,
        check_name,
        choose_ci,
        complete_project,
        look_around,
        make_project,
        parse_forge,
    )
    from seatrial.trial.change.git import Git

    signal.signal(signal.SIGTERM, interrupt)
    forge = None if forge_url is None else parse_forge(forge_url)
    folder = project or Path(_given(name) if not here else ".")
    options = ProjectOptions(
        name=check_name(name or folder.resolve().name),
        ci=choose_ci(None if ci is None else Ci(ci.value), forge),
        seatrial=__version__,
        demo=demo,
        forge=forge,
    )
    if here:
        around = look_around(Git(folder))
        made = complete_project(folder, replace(options, branch=around.branch), around)
    else:
        made = make_project(folder, options, None if no_git else Git)
    if form is Format.JSON:
        print_json(made)
    else:
        print_sentences(_told(made, here))


def _given(name: str | None) -> str:
    """The name. Raises UsageError if there is none."""
    from seatrial.records import UsageError

    if name is None:
        raise UsageError(
            "what the project is called is missing",
            where="NAME",
            remedy="write: seatrial init NAME; or add to an existing repository: seatrial init --here",
        )
    return name


def _told(made: "Made", here: bool) -> Iterator[str]:
    """What was made, what to do next, and what to know."""
    if here:
        yield from (f"added  {path}" for path in made.added)
        yield from (f"left   {path}" for path in made.left)
    else:
        yield f"{made.folder}: {len(made.added)} files" + (f", first commit {made.commit[:7]}" if made.commit else "")
        yield f"next: cd {shlex.quote(made.folder)} && scripts/test && seatrial trial --base HEAD"
    yield from (f"• {note}" for note in made.notes)
