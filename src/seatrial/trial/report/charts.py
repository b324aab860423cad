"""The plots of the HTML report as Vega-Lite specifications: plain data made by pure functions, so that tests can read them.

Every specification carries a `description` for screen readers; the tables of the page hold the same figures.
"""

from dataclasses import dataclass

from seatrial.pages.vega import CONFIG, Spec
from seatrial.records import DeploymentReport
from seatrial.trial.report.curves import key, latency, latency_tail, timelines
from seatrial.trial.report.effects import attribution, slices
from seatrial.trial.report.forest import margins, margins_caption

__all__ = ["CONFIG", "Group", "Spec", "key", "margins", "margins_caption", "of_deployment"]


@dataclass(frozen=True, slots=True)
class Group:
    """Plots that belong together: (caption, specification) each."""

    title: str
    plots: tuple[tuple[str, Spec], ...]
    note: str = ""


def of_deployment(deployment: DeploymentReport) -> tuple[Group, ...]:
    """Every plot of one deployment, without empty groups."""
    sources = [cell.result.usage.source for cell in deployment.cells if cell.result.usage]
    groups = (
        Group(
            "Latency",
            _present(("Share of requests within", latency(deployment)), ("By percentile", latency_tail(deployment))),
        ),
        Group(
            "CPU and memory over time",
            tuple(zip(("CPU", "Memory"), timelines(deployment) or (), strict=False)),
            f"Read from {', '.join(dict.fromkeys(sources))}.",
        ),
        Group("Slices", tuple(slices(deployment))),
        Group(
            "Which axis moved which metric",
            tuple(attribution(deployment)),
            "Each line is the baseline with only that axis from the candidate, minus the baseline, with its interval.",
        ),
    )
    return tuple(group for group in groups if group.plots)


def _present(*pairs: tuple[str, Spec | None]) -> tuple[tuple[str, Spec], ...]:
    return tuple((title, spec) for title, spec in pairs if spec is not None)
