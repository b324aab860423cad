"""Functions that compute a metric: scikit-learn's by name, or the project's own `module:function`."""

import importlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from seatrial.records import MetricSpec, UsageError
from seatrial.trial.own import load_own

Function = Callable[[Any, Any], float]


def load_functions(specs: Iterable[MetricSpec], folder: Path) -> dict[str, Function]:
    """The function of each metric that has one, by the metric's name; raises as `load_function`."""
    loaded = {spec.name: load_function(spec, folder) for spec in specs}
    return {name: function for name, function in loaded.items() if function is not None}


def load_function(spec: MetricSpec, folder: Path) -> Function | None:
    """The user's `module:function` (found in `folder`) or scikit-learn's function; None for what needs neither.

    scikit-learn is imported at the first call: it takes a second, and most metrics never call it. Raises UsageError if
    the project has no such function.
    """
    module, _, attribute = (spec.function or "").rpartition(":")
    if not attribute:
        return None
    if not module:
        return _of_sklearn(attribute, spec)
    found = _of_project(module, attribute, spec, folder)
    return lambda labels, predictions: float(found(labels, predictions, **spec.options))


def _of_sklearn(name: str, spec: MetricSpec) -> Function:
    def compute(labels: Any, predictions: Any) -> float:  # noqa: ANN401 - arrays of any kind
        function = getattr(importlib.import_module("sklearn.metrics"), name)
        return float(function(labels, predictions, **spec.options))

    return compute


def _of_project(module: str, attribute: str, spec: MetricSpec, folder: Path) -> Callable[..., float]:
    where = f"metrics.{spec.name}"
    found = load_own(f"{module}:{attribute}", folder, what="the metric's function", where=where)
    if not callable(found):
        raise UsageError(f"{spec.function!r} is not a function", where=where, remedy="name a function")
    checked: Callable[..., float] = found
    return checked
