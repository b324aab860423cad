"""`docs/reference/cli.md` names every command and option of the program, and nothing else.

Groups of commands (`telemetry`) have a heading there and pages of their own.
"""

import re
from typing import Any

import pytest
import typer.main

from seatrial.cli.main import app
from seatrial.serve.command import compile_parser, serve_parser
from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "reference" / "cli.md"
_GROUP: Any = typer.main.get_command(app)
_ALWAYS = {"--help", "-h"}
_PARSERS = {"serve": serve_parser({}), "compile": compile_parser()}


def _documented() -> dict[str, set[str]]:
    """Options by command, from the first column of the tables; the program itself is the empty name."""
    found: dict[str, set[str]] = {}
    command = None
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if heading := re.match(r"## `seatrial ?(\w*)`$", line):
            command = heading[1]
            found[command] = set()
        elif line.startswith("| `--") and command is not None:
            found[command] |= set(re.findall(r"--[a-z-]+", line.split("|")[1]))
    return found


def _options_of(name: str) -> set[str]:
    """Of a command of typer's, or of one that parses its own words."""
    if name in _PARSERS:
        return {option for action in _PARSERS[name]._actions for option in action.option_strings} - _ALWAYS
    return _options(_GROUP.commands[name] if name else _GROUP)


def _options(command: Any) -> set[str]:
    names = {name for parameter in command.params for name in parameter.opts if name.startswith("-")}
    return names - _ALWAYS


def test_every_command_is_documented_and_nothing_else() -> None:
    """The page has a section for each command, and one for the program."""
    assert {"", *_GROUP.commands} == set(_documented())


@pytest.mark.parametrize("name", ["", *_GROUP.commands])
def test_every_option_is_documented_and_nothing_else(name: str) -> None:
    """The table of each command holds its options."""
    assert _options_of(name) == _documented()[name]


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda page: page.stem)
def test_pages_use_only_options_that_exist(page: Any) -> None:
    """Wherever a page writes `seatrial COMMAND --option`, that option exists."""
    known = {name: _options_of(name) for name in _GROUP.commands}
    text = page.read_text(encoding="utf-8")
    used = re.findall(r"seatrial (trial|runs|show|compare|doctor|serve|compile)((?: [^\n`|&;]*)?)", text)
    wrong = [(c, o) for c, rest in used for o in re.findall(r"(?<=\s)--[a-z][a-z-]*", rest) if o not in known[c]]

    assert [] == wrong
