"""`report.html`: one self-contained page. It loads nothing, and says everything in tables even without JavaScript.

The plots are Vega-Lite specifications embedded as JSON and drawn by the vendored scripts of `assets/`. The page's
Content-Security-Policy admits exactly these scripts by their digests and no `eval` (Vega runs its expressions in an
interpreter), so that text from a log or a package can't become code even if escaping failed.
"""

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from seatrial.records import Report, Verdict
from seatrial.trial.report import charts, outcomes, tables
from seatrial.trial.report.sentence import headline
from seatrial.wording import text, verdicts

_HERE = Path(__file__).parent
_LIBRARIES = ("vega", "vega-lite", "vega-embed")
_OPEN_UP_TO = 3
_EARLY = Markup('document.documentElement.className = "scripted";')


def render_html(report: Report) -> str:
    """The report as one HTML page."""
    template = _environment().get_template("report.html.j2")
    return template.render(
        report=report,
        headline=headline(report),
        scripts=_scripts(),
        policy=_policy(),
        style=_asset("report.css"),
        opened={d.name for d in report.deployments if _opened(report, d.verdict)},
        broken=verdicts.broken_cells(report),
        charts_of=charts.of_deployment,
    )


def _opened(report: Report, verdict: Verdict) -> bool:
    """Few deployments are all unfolded; of many only those that need a look."""
    return len(report.deployments) <= _OPEN_UP_TO or verdict is not Verdict.PASS


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.globals.update(
        tables=tables, verdicts=verdicts, outcomes=outcomes, text=text, charts=charts, embed=embed
    )
    return environment


def _finalize(value: object) -> object:
    """Whatever is printed shows its hidden characters; markup of our own is left alone."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return text.visible(value)
    return value


def embed(value: Any) -> Markup:  # noqa: ANN401 - any JSON
    """`value` as JSON that can't end the script element around it."""
    data = msgspec.json.encode(value).decode()
    for char in "<>&\u2028\u2029":
        data = data.replace(char, f"\\u{ord(char):04x}")
    return Markup(data)  # noqa: S704 - every character that HTML could act on was just escaped


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
    return Markup((_HERE / "assets" / name).read_text(encoding="utf-8"))  # noqa: S704 - our own files
