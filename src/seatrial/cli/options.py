"""Options that many commands have, so that they are called and explained alike everywhere."""

from pathlib import Path
from typing import Annotated

import typer

from seatrial.cli.output import Format

Project = Annotated[Path, typer.Option("--project", help="Folder with seatrial.yaml.", show_default=False)]
Form = Annotated[Format, typer.Option("--format", help="Of what is printed on standard output.")]
