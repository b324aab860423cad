"""`report.html` of a release: one self-contained page (`seatrial.pages`)."""

from functools import cache
from pathlib import Path

from jinja2 import Environment

from seatrial.pages import environment, frame
from seatrial.pages.vega import CONFIG, Spec
from seatrial.records import ReleaseReport
from seatrial.release.report import charts, words


def render_html(report: ReleaseReport) -> str:
    """The report as one HTML page."""
    return (
        _environment()
        .get_template("release.html.j2")
        .render(
            **frame(),
            report=report,
            release=report.release,
            judgement=report.judgement,
            rows=words.metric_rows(report.judgement),
            plots=plots(report),
            config=CONFIG,
        )
    )


def plots(report: ReleaseReport) -> dict[str, tuple[str, Spec]]:
    """Those plots that there are data for: title and specification, by name, in the order of the page."""
    found = {
        "weight": ("The canary's share, and what happened", charts.weight(report)),
        "evidence": ("Evidence: each line may be looked at at any time", charts.evidence(report)),
        "latency": ("Latency: median, band up to p90, p99 (thin); stable dashed", charts.latency(report)),
        "errors": ("Requests that went wrong", charts.errors(report)),
    }
    return {name: (title, spec) for name, (title, spec) in found.items() if spec is not None}


@cache
def _environment() -> Environment:
    made = environment(Path(__file__).parent / "templates")
    made.globals.update(words=words, charts=charts)
    return made
