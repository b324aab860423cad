"""`docs/reference/telemetry.md` names every command and option of `seatrial telemetry`, and nothing else."""

import re
from typing import Any

import pytest
import typer.main

from seatrial.cli.telemetry import app
from seatrial.records.telemetry import LABEL_COLUMNS, PREDICTION_COLUMNS, REQUEST_COLUMNS
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "reference" / "telemetry.md").read_text(encoding="utf-8")
_GROUP: Any = typer.main.get_command(app)
_COMMANDS = sorted(_GROUP.commands)


def section(command: str) -> str:
    """What the page says of a command."""
    return PAGE.partition(f"\n## `seatrial telemetry {command}`\n")[2].partition("\n## ")[0]


def test_every_command_is_documented_and_nothing_else() -> None:
    """One heading a command."""
    assert _COMMANDS == sorted(re.findall(r"^## `seatrial telemetry (\w+)`$", PAGE, re.MULTILINE))


@pytest.mark.parametrize("command", _COMMANDS)
def test_every_option_is_documented_and_nothing_else(command: str) -> None:
    """In the sentence of the common options or in the command's own table."""
    options = {
        name for parameter in _GROUP.commands[command].params for name in parameter.opts if name.startswith("--")
    }
    documented = set(re.findall(r"`(--[a-z-]+)", section(command)))
    assert options - {"--help"} == documented


def test_every_column_is_documented() -> None:
    """Of predictions, of labels and of requests."""
    files = PAGE.partition("\n## The files\n")[2]
    assert [] == [name for name in (*PREDICTION_COLUMNS, *LABEL_COLUMNS, *REQUEST_COLUMNS) if f"`{name}`" not in files]
