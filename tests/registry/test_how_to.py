"""The commands on `docs/how-to/registry.md` do what the page shows, one after the other, on the digits example."""

import re
import shlex
from pathlib import Path

import pytest

from tests.cli.test_models import project
from tests.docs.pages import ROOT, blocks

PAGE = ROOT / "docs" / "how-to" / "registry.md"
_CHANGING = (
    (re.compile(r"\b[0-9a-f]{40,64}\b"), "DIGEST"),
    (re.compile(r"20\d\d-\d\d-\d\d \d\d:\d\d\b(?!:)"), "TIME"),
    (re.compile(r"\d+ KiB"), "SIZE"),
    (re.compile(r" +"), " "),
)


def steady(line: str) -> str:
    """A line without what is another one each time: digests, times, sizes, and how wide a table is."""
    for pattern, name in _CHANGING:
        line = pattern.sub(name, line)
    return line.strip()


def steps() -> list[tuple[str, list[str]]]:
    """The commands of the page that are run, each with the lines that it shows."""
    found: list[tuple[str, list[str]]] = []
    for block in blocks(PAGE, "console"):
        if block.note == "not run":
            continue
        for line in block.text.splitlines():
            if line.startswith("$ "):
                found.append((line.removeprefix("$ "), []))
            elif line.strip():
                found[-1][1].append(line)
    return found


@pytest.mark.slow
def test_the_page_is_true(tmp_path: Path) -> None:
    """Every line that it shows is printed; those between may be left out."""
    shell = project(tmp_path / "digits")
    for command, shown in steps():
        done = shell.run(*shlex.split(command)[1:], COLUMNS="160")
        printed = [steady(line) for line in (done.stdout + done.stderr).splitlines()]

        assert (2 if shown[0].startswith("error:") else 0) == done.returncode, done.stderr
        assert [] == [line for line in map(steady, shown) if line not in printed], command
