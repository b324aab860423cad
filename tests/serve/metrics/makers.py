"""Models, and a reader of what was rendered."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from seatrial.records.serving import Engine, EngineChoice, Form, ModelInfo, Signature
from seatrial.serve.metrics import render
from seatrial.serve.options import MetricOptions

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]

CHOICE = EngineChoice(engine=Engine.ONNX, reason="equal and faster")
WINE = ModelInfo(
    name="wine",
    version="3",
    digest="sha256:ab",
    flavour="sklearn",
    source="models/wine.joblib",
    stack={"scikit-learn": "1.9.1", "numpy": "2.4.6"},
    choice=CHOICE,
)
REGRESSOR = Signature(form=Form.COLUMNS, output_range=(0.0, 10.0))


def model(name: str = "wine", version: str = "3", **changes: Any) -> ModelInfo:
    """`WINE`, otherwise named."""
    given: dict[str, Any] = {
        "digest": "sha256:ab",
        "flavour": "sklearn",
        "source": "models/wine.joblib",
        "stack": {},
        "choice": CHOICE,
    }
    return ModelInfo(name=name, version=version, **{**given, **changes})


def samples(folder: Path, options: MetricOptions | None = None, *, openmetrics: bool = False) -> Samples:
    """What `/metrics` shows, by name and labels; fails on a series that is there twice."""
    text = render(folder, options or MetricOptions(), openmetrics=openmetrics).decode()
    parse = openmetrics_families if openmetrics else text_string_to_metric_families
    found: Samples = {}
    for family in parse(text):
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found, f"twice: {key}"
            found[key] = sample.value
    return found


def value(found: Samples, name: str, **labels: str) -> float | None:
    """One sample; None where it is not there."""
    return found.get((name, tuple(sorted(labels.items()))))


def buckets(found: Samples, name: str, **labels: str) -> Mapping[str, float]:
    """A histogram's cumulated counts by `le`."""
    wanted = set(labels.items())
    return {
        dict(at)["le"]: count
        for (sample, at), count in found.items()
        if sample == f"{name}_bucket" and wanted <= set(at)
    }


def names(found: Samples) -> set[str]:
    """Of all samples."""
    return {name for name, _ in found}
