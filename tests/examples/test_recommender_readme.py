"""The README of the movie recommender is true: its commands run, in order, and end as it says they do."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Block, blocks
from tests.docs.test_tutorial import Shell, play, stop_server
from tests.retrain.simulated_world import copy_example

README = ROOT / "examples" / "movie-recommender" / "README.md"
_PLAYED = [block for block in blocks(README) if block.note != "not run" and block.language == "console"]


def _clone(folder: Path) -> Path:
    """A repository with the example in it, committed, as a clone of this one has it."""
    copy_example(folder / "examples" / "movie-recommender")
    # The settings of the project around the example are none of the example's.
    shutil.copy(ROOT / "pyproject.toml", folder)
    names = {f"GIT_{who}_{what}": "reader" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "As it is"]):
        subprocess.run(["git", *command], cwd=folder, env={**os.environ, **names}, check=True)
    return folder


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_story_is_as_the_readme_tells_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three weeks, a careless change and a worthless batch: it goes as the page says, in the figures that it shows."""
    monkeypatch.setenv("COLUMNS", "150")
    shell = Shell(_clone(tmp_path))
    project = tmp_path / "examples" / "movie-recommender"
    printed: list[tuple[str, str]] = []
    try:
        for block in _PLAYED:
            outputs = play(shell, block)
            assert [] == _untrue(block, outputs)
            printed += outputs.items()
    finally:
        stop_server(project, "recommender")

    retrained = [text for command, text in printed if command.startswith("seatrial retrain")]
    assert ["promoted", "promoted", "refused", "promoted", "quarantined", "promoted"] == [
        _outcome(t) for t in retrained
    ]
    known, text, newcomer = (text for command, text in printed if "/recommend/" in command)
    assert 20 == len(json.loads(known)) == len(json.loads(newcomer))
    assert ",".join(json.loads(known)) == json.loads(text)
    assert known != newcomer


def _untrue(block: Block, outputs: Mapping[str, str]) -> list[str]:
    """The lines of a block that its commands did not print; one that ends with … tells only how a line begins."""
    wrong: list[str] = []
    printed: list[str] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            printed = [_same(each) for each in outputs[line.removeprefix("$ ")].splitlines()]
        elif not any(
            each.startswith(_same(line.removesuffix("…"))) if line.endswith("…") else each == _same(line)
            for each in printed
        ):
            wrong.append(line)
    return wrong


def _same(line: str) -> str:
    """A line without what is another each time: when it was, who it was, how wide the columns are."""
    for changing in (r"\d{8}-\d{6}-[0-9a-f]{4}", r"\b\d{4}-\d\d-\d\d \d\d:\d\d\b", r"(?<=by hand: ).*"):
        line = re.sub(changing, "~", line)
    return " ".join(line.split())


def _outcome(printed: str) -> str:
    """How a retraining ended, by the last line with a verdict."""
    return next(word for word in ("quarantined", "refused", "promoted") if f"{word}:" in printed)


def test_every_block_of_the_readme_is_played_or_says_why_not() -> None:
    """A block is a console session, a configuration that the tests of the pages read, or marked as not run."""
    unknown = [b.id for b in blocks(README) if b.language not in {"console", "yaml"} and b.note != "not run"]

    assert [] == unknown
    assert shutil.which("git")
