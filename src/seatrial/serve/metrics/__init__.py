"""The metrics of the model server: a microsecond a request, one view over all workers, names that dashboards know.

    parent:   folder = make_folder()      … fold(folder, worker) when a worker has ended …      remove_folder(folder)
    worker:   metrics = WorkerMetrics(folder, worker, options); meter = metrics.route("/predict", "POST")
    anybody:  render(folder, options)

The parent needs the folder alone: each name is imported when it is asked for, so that numpy and prometheus_client stay
out of the parent.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seatrial.serve.metrics.exposition import OPENMETRICS, TEXT, render
    from seatrial.serve.metrics.folder import fold, make_folder, remove_folder
    from seatrial.serve.metrics.meters import KINDS, OTHER, Gauge, ModelMeter, RouteMeter
    from seatrial.serve.metrics.worker import WorkerMetrics

__all__ = [
    "KINDS",
    "OPENMETRICS",
    "OTHER",
    "TEXT",
    "Gauge",
    "ModelMeter",
    "RouteMeter",
    "WorkerMetrics",
    "fold",
    "make_folder",
    "remove_folder",
    "render",
]

_HOMES = {
    "exposition": ("OPENMETRICS", "TEXT", "render"),
    "folder": ("fold", "make_folder", "remove_folder"),
    "meters": ("KINDS", "OTHER", "Gauge", "ModelMeter", "RouteMeter"),
    "worker": ("WorkerMetrics",),
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever has that name
    """Import what is asked for."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
