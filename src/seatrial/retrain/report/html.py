"""`report.html` of a retraining: one page that loads nothing and runs nothing."""

from functools import cache
from pathlib import Path, PurePath
from typing import Final

from jinja2 import Environment, FileSystemLoader

from seatrial.pages import environment, frame
from seatrial.records import RetrainResult
from seatrial.retrain import text
from seatrial.retrain.report import pictures
from seatrial.retrain.report.stages import stages
from seatrial.trial import report as trial_report
from seatrial.wording import retraining

POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

_ENDED: Final = {
    "window": ", when its window was over",
    "events": ", with as many lines as were wanted",
    "end": ", up to what was there when it began",
    "offset": ", up to the offsets that were asked for",
    "dead lines": ", early: too many lines did not parse",
}


def render_html(result: RetrainResult) -> str:
    """The report as one HTML page."""
    return (
        _environment()
        .get_template("retraining.html.j2")
        .render(
            style=frame()["style"],
            policy=POLICY,
            result=result,
            verdict=retraining.verdict_of(result),
            stages=stages(result),
            log=log_link(result),
            ended=_ENDED.get(result.collected.ended_by, "") if result.collected is not None else "",
        )
    )


def log_link(result: RetrainResult) -> str:
    """The training's log, as seen from the page; empty where it is not in the run's folder."""
    if result.trained is None or not result.trained.log:
        return ""
    path = PurePath(result.trained.log)
    if not path.is_absolute():
        return "" if ".." in path.parts else path.as_posix()
    return path.relative_to(result.folder).as_posix() if result.folder and path.is_relative_to(result.folder) else ""


@cache
def _environment() -> Environment:
    """Templates of ours, and the tables of metrics that trials have as well."""
    ours = Path(__file__).parent / "templates"
    made = environment(ours)
    made.loader = FileSystemLoader([ours, Path(trial_report.__file__).parent / "templates"])
    made.globals.update(words=retraining, grids=text, pictures=pictures)
    return made
