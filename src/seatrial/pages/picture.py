"""A plot as a picture, for where no page can be shown: chats and mails.

The same Vega-Lite specification as on a page is drawn by vl-convert, which brings Vega and a renderer in one wheel. It
is an extra; without it a notice goes out without a picture.
"""

import json
import re

from seatrial.pages.page import ASSETS
from seatrial.pages.vega import CONFIG, Spec
from seatrial.records import UsageError

WIDTH = 720
_VARIABLE = re.compile(r"var\((--[\w-]+)\)")
_ROOT = re.compile(r":root\s*\{(.*?)\}", re.DOTALL)
_SETTING = re.compile(r"(--[\w-]+):\s*([^;]+);")


def picture(spec: Spec) -> bytes:
    """The plot as PNG on a light ground. Raises UsageError if the extra is not installed."""
    try:
        import vl_convert  # noqa: PLC0415 - an extra
    except ImportError:
        raise UsageError(
            "plots can't be made into pictures here", remedy="install the extra: pip install 'seatrial[pictures]'"
        ) from None
    drawn = {**spec, "width": WIDTH, "background": "white", "config": {**CONFIG, "background": "white"}}
    return bytes(vl_convert.vegalite_to_png(json.dumps(_coloured(drawn)), scale=1.5))


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
