"""The frame of a page: templates that escape everything, the style, the scripts and the policy that admits them."""

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from seatrial.wording import text

ASSETS = Path(__file__).parent / "assets"
_LIBRARIES = ("vega", "vega-lite", "vega-embed")
_EARLY = Markup('document.documentElement.className = "scripted";')


def environment(templates: Path) -> Environment:
    """Templates of a folder, in which whatever is printed is escaped and shows its hidden characters."""
    made = Environment(
        loader=FileSystemLoader(templates),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    made.globals.update(text=text, embed=embed)
    return made


def frame() -> Mapping[str, Any]:
    """What every template of a page is rendered with: `scripts`, `policy` and `style`."""
    return {"scripts": _scripts(), "policy": _policy(), "style": _asset("report.css")}


def embed(value: Any) -> Markup:  # noqa: ANN401 - any JSON
    """`value` as JSON that can't end the script element around it."""
    data = msgspec.json.encode(value).decode()
    for char in "<>&\u2028\u2029":
        data = data.replace(char, f"\\u{ord(char):04x}")
    return Markup(data)  # noqa: S704 - every character that HTML could act on was just escaped


def _finalize(value: object) -> object:
    """Markup of our own is left alone."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return text.visible(value)
    return value


@cache
def _scripts() -> tuple[Markup, ...]:
    return (_EARLY, *(_asset(f"{name}.min.js") for name in _LIBRARIES), _asset("report.js"))


@cache
def _policy() -> str:
    digests = " ".join(f"'sha256-{_digest(script)}'" for script in _scripts())
    return f"default-src 'none'; script-src {digests}; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


@cache
def _asset(name: str) -> Markup:
    return Markup((ASSETS / name).read_text(encoding="utf-8"))  # noqa: S704 - our own files
