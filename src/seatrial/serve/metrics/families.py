"""Tallies as the metric families of prometheus_client, which does the formatting."""

from collections.abc import Iterable, Mapping, Sequence

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from seatrial.serve.metrics.totals import Labels, Tally


def counter(name: str, text: str, labels: Sequence[str], values: Mapping[Labels, float]) -> Metric:
    """A number for each label set that only grows."""
    family = CounterMetricFamily(name, text, labels=labels)
    for at, value in values.items():
        family.add_metric(at, value)
    return family


def gauge(name: str, text: str, labels: Sequence[str], values: Mapping[Labels, float]) -> Metric:
    """A number for each label set that goes up and down."""
    family = GaugeMetricFamily(name, text, labels=labels)
    for at, value in values.items():
        family.add_metric(at, value)
    return family


def summary(name: str, text: str, labels: Sequence[str], tallies: Mapping[Labels, Tally], of: str) -> Metric:
    """Count, and the sum that stands in the slot `of`."""
    family = SummaryMetricFamily(name, text, labels=labels)
    for at, tally in tallies.items():
        family.add_metric(at, int(tally.count), tally.named[of])
    return family


def histogram(name: str, text: str, labels: Sequence[str], tallies: Mapping[Labels, Tally], of: str) -> Metric:
    """Buckets, count, and the sum that stands in the slot `of`.

    With edges below zero there is no sum, as everywhere in prometheus_client: a sum that may fall is no counter.
    """
    family = HistogramMetricFamily(name, text, labels=labels)
    for at, tally in tallies.items():
        ends = [*map(floatToGoString, tally.edges), "+Inf"]
        family.add_metric(at, list(zip(ends, tally.cumulated, strict=True)), sum_value=tally.named.get(of, 0.0))
        if tally.edges[0] < 0:
            family.add_sample(f"{name}_count", dict(zip(labels, at, strict=True)), tally.count)
    return family


def for_openmetrics(metrics: Iterable[Metric]) -> Iterable[Metric]:
    """The same without the counts that stand without a sum, which that format does not allow."""
    for metric in metrics:
        if not any(sample.name == f"{metric.name}_sum" for sample in metric.samples):
            metric.samples = [sample for sample in metric.samples if sample.name != f"{metric.name}_count"]
        yield metric


class Families(Collector):
    """What `generate_latest` asks for its metrics."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = tuple(metrics)

    def collect(self) -> Iterable[Metric]:
        """All of them, in order."""
        return self._metrics
