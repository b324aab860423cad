"""`docs/reference/deployments.md` names every command and option around deployments, and nothing else; its figures are ours."""

import re
from typing import Any

import pytest
import typer.main

from seatrial.cli.main import app
from seatrial.deployments.backoff import FIRST_PAUSE, LEAST_SHARE, LONGEST_PAUSE, STABLE_SECONDS
from seatrial.deployments.held import ASK_SECONDS, SILENT_SECONDS
from seatrial.deployments.wishes import FIRST_PORT, PORTS
from seatrial.records import DeployState, HealthSpec
from seatrial.serve.http.connection import LINGER_SECONDS
from seatrial.serve.options import ServeOptions
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "reference" / "deployments.md").read_text(encoding="utf-8")
_ALL: Any = typer.main.get_command(app)
_COMMANDS = {f"deployments {name}": command for name, command in _ALL.commands["deployments"].commands.items()} | {
    name: _ALL.commands[name] for name in ("deploy", "server")
}


def section(heading: str) -> str:
    """What the page says under a heading."""
    return PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def test_every_command_is_documented_and_nothing_else() -> None:
    """One heading a command."""
    assert sorted(_COMMANDS) == sorted(re.findall(r"^## `seatrial ([\w ]+)`$", PAGE, re.MULTILINE))


@pytest.mark.parametrize("command", sorted(_COMMANDS))
def test_every_option_is_documented_and_nothing_else(command: str) -> None:
    """In the sentence of the common options or in the command's own table."""
    options = {name for parameter in _COMMANDS[command].params for name in parameter.opts if name.startswith("-")}
    own = section(f"`seatrial {command}`")
    documented = set(re.findall(r"(?:^\| |Options: |, |, and\n)`(--?[a-z-]+)`(?=[ ,.|(])", own, re.MULTILINE))

    assert options - {"--help", "-h"} == documented


def test_every_state_is_documented() -> None:
    """And no other."""
    assert sorted(DeployState) == sorted(re.findall(r"^\| `(\w+)` \|", section("States"), re.MULTILINE))


def test_the_figures_on_the_page_are_the_programs() -> None:
    """Pauses, deadlines, ports."""
    told = {
        "States": f"({HealthSpec().deadline:g} s)",
        "Back-off": f"after {FIRST_PAUSE:g}, 1, 2, 4 … at most {LONGEST_PAUSE:g} seconds",
        "What callers see": f"at most {ServeOptions(model='').drain_timeout:g} s",
        "`seatrial deploy`": f"from {FIRST_PORT} to {FIRST_PORT + PORTS - 1}",
    }

    assert [] == [heading for heading, figure in told.items() if figure not in section(heading)]
    assert f"no good answer for {SILENT_SECONDS:g} seconds" in " ".join(section("States").split())
    assert (0.75, 60.0, 1.0, 2.0) == (LEAST_SHARE, STABLE_SECONDS, ASK_SECONDS, LINGER_SECONDS)
