"""The pages on datasets: every command and option is there, and what the how-to shows is what is printed."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from seatrial.cli import data
from seatrial.cli.main import app
from seatrial.trial.workspace import open_workspace
from tests.datasets.making import NOON, Row, place_in
from tests.docs.pages import ROOT, Block, blocks

PAGE = (ROOT / "docs" / "reference" / "datasets.md").read_text(encoding="utf-8")
HOW_TO = ROOT / "docs" / "how-to" / "datasets.md"
_COMMANDS: dict[str, Any] = typer.main.get_command(data.app).commands  # type: ignore[attr-defined]
_COMMON = {"--project", "--format"}
_TRUE: list[Row] = [(0, 1, "Alien", 4.5, True), (10**6, 2, "Brazil", 1.0, None), (2 * 10**6, 1, None, 5.0, None)]


def _options_in(text: str) -> set[str]:
    return set(re.findall(r"^\| `(--[a-z-]+)", text, re.MULTILINE))


def test_every_command_is_documented_and_nothing_else() -> None:
    """One heading a command."""
    assert sorted(_COMMANDS) == sorted(re.findall(r"^## `seatrial data (\w+)`$", PAGE, re.MULTILINE))


@pytest.mark.parametrize("command", sorted(_COMMANDS))
def test_every_option_is_documented_and_nothing_else(command: str) -> None:
    """In the command's own table, or in that of all."""
    section = PAGE.partition(f"\n## `seatrial data {command}`\n")[2].partition("\n## ")[0]
    parameters = _COMMANDS[command].params
    options = {each for parameter in parameters for each in parameter.opts if each.startswith("--")} - {"--help"}

    assert options_of_all() == _COMMON
    assert options == _options_in(section) | _COMMON


def options_of_all() -> set[str]:
    """The options that the page says every command has."""
    return _options_in(PAGE.partition("\n## ")[0])


def test_the_how_to_shows_what_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command on the page runs, and prints the lines that the page shows; a command without lines prints some."""
    monkeypatch.setenv("SEATRIAL_ACTOR", "ada@example.org")
    monkeypatch.setenv("COLUMNS", "130")
    monkeypatch.chdir(tmp_path)
    _dataset(tmp_path)
    shown = [pair for block in blocks(HOW_TO, "console") for pair in _played(block)]

    assert 11 == len(shown)
    for command, expected in shown:
        words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', command)]
        assert "seatrial" == words[0]
        done = CliRunner().invoke(app, words[1:])
        assert 0 == done.exit_code, (command, done.output)
        printed = _comparable(done.stdout)
        assert printed, command
        assert _comparable(expected) == printed[: len(_comparable(expected))], command


def _played(block: Block) -> list[tuple[str, str]]:
    """Each command of a console block, with what the page shows below it."""
    parts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]
    return [(command, output) for command, _, output in (part.partition("\n") for part in parts)]


def _comparable(text: str) -> list[str]:
    """Without what differs from machine to machine: digests, sizes, and the spaces of columns."""
    text = re.sub(r"[\d.]+ KiB|\d+ B\b", "SIZE", re.sub(r"\b[0-9a-f]{12,64}\b", "DIGEST", text))
    return [" ".join(line.split()) for line in text.splitlines()]


def _dataset(folder: Path) -> None:
    """The dataset that the page is about."""
    with place_in(open_workspace(folder).root) as place:
        versions: list[dict[str, Any]] = [
            {"added": place.segment(_TRUE)},
            {
                "quarantined": place.quarantine(_TRUE[:2]),
                "dead": place.store.put(b"{}\n"),
                "counts": {"lines": 3, "parsed": 2, "quarantined": 2, "dead": 1},
                "note": "2 of 2 rows are late",
            },
            {"added": place.segment([*_TRUE, _TRUE[0]])},
            {"added": place.segment([*_TRUE[::-1], _TRUE[0]]), "quarantined": place.quarantine(_TRUE[2:], "old")},
        ]
        for number, fields in enumerate(versions):
            at = NOON + timedelta(days=2 * number, hours=8)
            place.append(None, run=f"{at:%Y%m%d-%H%M%S}", created=at, **fields)
