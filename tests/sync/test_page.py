"""The page about workspaces is true: its commands print what it shows, and folders are called as it says."""

import re
from pathlib import Path

import pytest

from seatrial.sync.names import folder_name
from tests.change.repositories import Work, init
from tests.docs.pages import ROOT, blocks
from tests.sync.test_command import Place, below, run

PAGE = ROOT / "docs" / "how-to" / "sync.md"
_COMMIT = re.compile(r"commit [0-9a-f]{12}")


def printed(text: str) -> list[str]:
    """Lines without spaces at their end, every commit the same."""
    return [_COMMIT.sub("commit x", line.rstrip()) for line in text.strip().splitlines()]


@pytest.mark.slow
def test_commands_print_what_the_page_shows(tmp_path: Path) -> None:
    """One after the other, in a project as its first block describes it."""
    (config, *_) = blocks(PAGE, "yaml")
    workspace = tmp_path / "workspace"
    work = init(tmp_path / "work")
    place = Place(str(workspace), lambda: below(workspace))
    files: dict[str, str | bytes | None] = {"src/app.py": "1\n", "src/lib/util.py": "2\n", "README.md": "3\n"}
    work.commit({**files, "seatrial.yaml": config.text.replace("/mnt/workspace", str(workspace))})
    steps = iter((_nothing, _change, _touch, _delete_a_branch))
    for block in blocks(PAGE, "console"):
        next(steps)(work, place)
        (command,) = block.commands
        shown = printed(block.text.partition("\n")[2])
        assert shown == printed(run(work, place, *command.split()[2:], COLUMNS="200")), block.id
    assert [] == list(steps)


def _nothing(work: Work, place: Place) -> None:
    assert {} == place.things(), work.folder


def _change(work: Work, _: Place) -> None:
    work.git("mv", "src/lib/util.py", "src/helpers.py")
    work.commit({"src/app.py": "changed\n", "README.md": "changed\n"})


def _touch(work: Work, _: Place) -> None:
    work.commit({"README.md": "changed again\n"})


def _delete_a_branch(work: Work, place: Place) -> None:
    work.git("branch", "feature/x")
    run(work, place, "feature/x")
    work.git("branch", "--delete", "--force", "feature/x")


def test_folders_are_called_as_the_page_says() -> None:
    """Its table of examples."""
    table = PAGE.read_text(encoding="utf-8").partition("| branch | folder |")[2].partition("\n\n")[0]
    examples = dict(re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|$", table, re.MULTILINE))

    assert {branch: folder_name(branch) for branch in examples} == examples
    assert 4 == len(examples)
