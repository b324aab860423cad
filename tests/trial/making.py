"""Makes the records that tests of the trial need."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from seatrial.config.metrics import default_metric
from seatrial.records import (
    Axis,
    AxisChange,
    BlockSamples,
    Change,
    DeploymentSpec,
    FileChange,
    MetricSpec,
    Project,
    RequestsSpec,
    Sample,
    Version,
)

BASELINE = Version(name="baseline", tree="b" * 40, described="main")
CANDIDATE = Version(name="candidate", tree="c" * 40, described="working tree")


def deployment(name: str = "forest", **fields: Any) -> DeploymentSpec:
    """A deployment with requests."""
    return DeploymentSpec(
        **{"name": name, "run": f"serve {name}", "requests": RequestsSpec(file="requests.jsonl"), **fields}
    )


def project(*deployments: DeploymentSpec, **fields: Any) -> Project:
    """A project of these deployments."""
    return Project(**{"name": "digits", "deployments": deployments or (deployment(),), **fields})


def change(*axes: Axis, **fields: Any) -> Change:
    """A change on these axes."""
    changed = tuple(
        AxisChange(
            axis=axis,
            files=(FileChange(path=f"{axis.value}.txt", status="modified", axis=axis),),
            baseline_version="1",
            candidate_version="2",
        )
        for axis in axes
    )
    return Change(**{"project": ".", "baseline": BASELINE, "candidate": CANDIDATE, "axes": changed, **fields})


def metric(name: str, **fields: Any) -> MetricSpec:
    """A built-in metric with some fields changed."""
    return replace(default_metric(name), **fields)


def blocks(
    cell: str,
    latencies: Sequence[float],
    *,
    predictions: Sequence[Any] | None = None,
    errors: Sequence[str | None] | None = None,
    size: int = 10,
) -> list[BlockSamples]:
    """One cell's samples, `size` to a block."""
    samples = [
        Sample(
            request=index,
            block=index // size,
            sent=index / 50,
            lag=0.0,
            latency=latency,
            status=200,
            error=errors[index] if errors else None,
            prediction=predictions[index] if predictions else 0,
        )
        for index, latency in enumerate(latencies)
    ]
    return [
        BlockSamples(
            cell=cell,
            block=block,
            samples=tuple(samples[block * size : (block + 1) * size]),
            seconds=size / 50,
            cpu_seconds=0.01 * size,
            memory=100 << 20,
        )
        for block in range(-(-len(samples) // size))
    ]
