"""Puts today's real output into README.md and the tutorial, and takes the picture of the report: `python -m tests.docs.refresh`.

What the pages show was really printed; after a change of the output this makes it true again. It needs chromium for the
picture, two minutes, and clean examples: they are tried in a clone, so what isn't committed is not seen.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.docs.pages import ROOT, Block, blocks
from tests.docs.test_tutorial import TUTORIAL, Shell, play

README = ROOT / "README.md"
PICTURE = ROOT / "docs" / "images" / "report.png"
_SIZE = "1200,1320"
_SHOWN = "/home/you"


def main() -> None:
    """Refresh both pages and the picture."""
    os.environ["COLUMNS"] = "80"
    os.environ["WINE_DATA"] = ""
    with tempfile.TemporaryDirectory(prefix="seatrial-docs-") as name:
        folder = Path(name)
        (demo,) = (block for block in blocks(README, "console") if "scripts/demo" in block.text)
        _replace(demo, {demo.commands[0]: _demo(folder)})
        _picture(folder)
        _tutorial(folder)


def _demo(folder: Path) -> str:
    """What the demo's trial prints in a fresh clone."""
    shell = Shell(folder)
    shell.run(f"git clone --quiet {ROOT} seatrial")
    return _tidy(shell.run("seatrial trial seatrial/examples/digits").stdout, folder)


def _picture(folder: Path) -> None:
    """The top of that trial's report, as Chromium shows it."""
    report = next((folder / "seatrial/examples/digits/.seatrial/runs").glob("*/report.html"))
    browser = shutil.which("chromium") or sys.exit("chromium is missing: apt-get install chromium")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"]
    options += ["--disable-background-networking", f"--user-data-dir={folder / 'browser'}", f"--window-size={_SIZE}"]
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [browser, *options, f"--screenshot={PICTURE}", report.as_uri()], check=True, capture_output=True, timeout=120
    )


def _tutorial(folder: Path) -> None:
    """Play the tutorial and keep what its trials print."""
    shell = Shell(folder)
    for block in [block for block in blocks(TUTORIAL) if block.note != "not run"]:
        outputs = play(shell, block)
        if "verdict" in block.note:
            again = next(b for b in blocks(TUTORIAL) if (b.note, b.commands) == (block.note, block.commands))
            _replace(again, {command: _tidy(output, folder) for command, output in outputs.items()})


def _tidy(output: str, folder: Path) -> str:
    lines = [line.rstrip() for line in output.replace(str(folder), _SHOWN).splitlines()]
    return "\n".join(lines).strip("\n")


def _replace(block: Block, outputs: Mapping[str, str]) -> None:
    """Put the outputs of its commands into a console block."""
    text = "".join(f"$ {command}\n{output}\n" for command, output in outputs.items())
    page = block.page.read_text(encoding="utf-8")
    block.page.write_text(page.replace(f"```console\n{block.text}```", f"```console\n{text}```", 1), encoding="utf-8")


if __name__ == "__main__":
    main()
