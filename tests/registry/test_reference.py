"""`docs/reference/models.md` names every command and option of `seatrial models` and `seatrial ledger`, and nothing else."""

import re
from typing import Any

import pytest
import typer.main

from seatrial.cli import ledger, models
from seatrial.registry.actor import OF_CI
from tests.docs.pages import ROOT

REFERENCE = ROOT / "docs" / "reference"
PAGE = (REFERENCE / "models.md").read_text(encoding="utf-8")
_GROUPS: dict[str, Any] = {"models": typer.main.get_command(models.app), "ledger": typer.main.get_command(ledger.app)}
_COMMANDS = [f"{group} {name}" for group, found in _GROUPS.items() for name in sorted(found.commands)]
_COMMON = {"--project", "--format"}


def section(command: str) -> str:
    """What the page says of a command."""
    return PAGE.partition(f"\n## `seatrial {command}`\n")[2].partition("\n## ")[0]


def options_in(text: str) -> set[str]:
    """The options in the first column of its tables."""
    return set(re.findall(r"^\| `(--[a-z-]+)", text, re.MULTILINE))


def test_every_command_is_documented_and_nothing_else() -> None:
    """One heading a command."""
    assert sorted(_COMMANDS) == sorted(re.findall(r"^## `seatrial (\w+ \w+)`$", PAGE, re.MULTILINE))


@pytest.mark.parametrize("command", _COMMANDS)
def test_every_option_is_documented_and_nothing_else(command: str) -> None:
    """In the command's own table, or in that of all."""
    group, name = command.split()
    parameters = _GROUPS[group].commands[name].params
    options = {each for parameter in parameters for each in parameter.opts if each.startswith("--")} - {"--help"}

    assert options_in(PAGE.partition("\n## ")[0]) == _COMMON
    assert options == options_in(section(command)) | _COMMON


def test_every_variable_that_names_the_actor_is_documented() -> None:
    """In the order in which they are asked."""
    page = (REFERENCE / "environment.md").read_text(encoding="utf-8").partition("\n## Who acts\n")[2]

    assert list(OF_CI) == [each for each in re.findall(r"`(\w+)`", page) if each in OF_CI]
