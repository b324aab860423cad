"""`docs/reference/release.md` names every command and option of releases, and nothing else; its figures are ours."""

import dataclasses
import re
from typing import Any

import pytest
import typer.main

from seatrial.cli.main import app
from seatrial.records import (
    ArmFigures,
    ReleaseEvent,
    ReleaseOutcome,
    ReleasePhase,
    ReleasePoint,
    ReleaseReport,
    ReplicaUsage,
)
from seatrial.release.decide.starting import START_SECONDS
from seatrial.release.kept import JUDGEMENTS, STATE, WINDOWS
from seatrial.release.observe import DUMP_EVERY
from seatrial.release.report.reporter import PLATFORM
from seatrial.release.run import READ_BACK_SECONDS
from seatrial.release.runner import EVERY_SECONDS
from seatrial.release.state import MANY_RESTARTS
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "reference" / "release.md").read_text(encoding="utf-8")
_ALL: Any = typer.main.get_command(app)
_COMMANDS = _ALL.commands["release"].commands


def section(heading: str) -> str:
    """What the page says under a heading."""
    return PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def test_every_command_is_documented_and_nothing_else() -> None:
    """One heading a command."""
    found = re.findall(r"^## `seatrial release (\w+)`$", PAGE, re.MULTILINE)
    assert sorted(_COMMANDS) == sorted(found)


@pytest.mark.parametrize("command", sorted(_COMMANDS))
def test_every_option_is_documented_and_nothing_else(command: str) -> None:
    """In the sentence of the common options or in the command's own table."""
    options = {name for parameter in _COMMANDS[command].params for name in parameter.opts if name.startswith("-")}
    own = section(f"`seatrial release {command}`")
    documented = set(re.findall(r"(?:^\| |Options: |, |, and\n)`(--?[a-z-]+)`(?=[ ,.|(])", own, re.MULTILINE))

    assert options - {"--help", "-h"} == documented


def test_every_phase_and_end_is_documented() -> None:
    """And no other."""
    phases = section("Phases")
    assert sorted(ReleasePhase) == sorted(re.findall(r"^\| `(\w+)` \|", phases, re.MULTILINE))
    assert all(f"`{outcome.value}`" in phases for outcome in ReleaseOutcome)


def test_every_field_of_the_report_is_documented() -> None:
    """And of its points and replicas."""
    named = set(re.findall(r"`(\w+)(?:\[\])?`", section("The report")))
    records = (ReleaseReport, ReleasePoint, ArmFigures, ReplicaUsage, ReleaseEvent)
    fields = {field.name for record in records for field in dataclasses.fields(record)}

    assert set() == fields - named


def test_every_file_of_a_release_is_documented() -> None:
    """What the rooms call their files stands in the tree."""
    names = {WINDOWS, JUDGEMENTS, STATE, PLATFORM, "report.html", "report.md", "report.json"}

    assert names <= set(re.findall(r"── ([\w.]+)", section("Files")))


def test_the_figures_on_the_page_are_the_programs() -> None:
    """Pauses, counts."""
    world = section("What is held against the world")
    told = (
        f"read back every {READ_BACK_SECONDS:g} seconds",
        f"falls over {MANY_RESTARTS} times",
        f"not started for {START_SECONDS:g} seconds",
    )
    assert [] == [figure for figure in told if figure not in world]
    assert f"every {DUMP_EVERY} windows" in section("Files")
    assert "Twice a second" in world
    assert 0.5 == EVERY_SECONDS
