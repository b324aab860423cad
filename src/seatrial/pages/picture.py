"""A plot as a picture, for where no page can be shown: chats and mails.

The same Vega-Lite specification as on a page is drawn by vl-convert, which brings Vega and a renderer in one wheel. It
is an extra; without it a notice goes out without a picture.
"""

import json
import re
import subprocess
import sys
from base64 import b64decode
from collections.abc import Sequence
from importlib.util import find_spec

from seatrial.pages import drawing
from seatrial.pages.page import ASSETS
from seatrial.pages.vega import CONFIG, Spec
from seatrial.records import PermanentError, UsageError

WIDTH = 720
PATIENCE_SECONDS = 60.0
_VARIABLE = re.compile(r"var\((--[\w-]+)\)")
_ROOT = re.compile(r":root\s*\{(.*?)\}", re.DOTALL)
_SETTING = re.compile(r"(--[\w-]+):\s*([^;]+);")


def pictures(specs: Sequence[Spec]) -> list[bytes]:
    """Plots as PNG on a light ground, drawn by another process (`seatrial.pages.drawing`).

    Raises:
        UsageError: the extra is not installed.
        PermanentError: they can't be drawn.
    """
    if find_spec("vl_convert") is None:
        raise UsageError(
            "plots can't be made into pictures here", remedy="install the extra: pip install 'seatrial[pictures]'"
        )
    look = {"width": WIDTH, "background": "white", "config": {**CONFIG, "background": "white"}}
    done = subprocess.run(
        [sys.executable, "-P", "-m", drawing.__name__],
        input="\n".join(json.dumps(_coloured({**spec, **look})) for spec in specs).encode(),
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise PermanentError(f"plots could not be drawn: {said[-1] if said else done.returncode}")
    return [b64decode(line) for line in done.stdout.splitlines()]


def _coloured(spec: Spec) -> Spec:
    """The specification with colours in place of the names that the page's style sheet gives them."""
    colours = _colours()
    filled = _VARIABLE.sub(lambda found: colours.get(found[1], "black"), json.dumps(spec))
    found: Spec = json.loads(filled)
    return found


def _colours() -> dict[str, str]:
    """Those of the style sheet's light half, by name."""
    light = _ROOT.search((ASSETS / "report.css").read_text(encoding="utf-8"))
    return {name: value.strip() for name, value in _SETTING.findall(light[1])} if light else {}
