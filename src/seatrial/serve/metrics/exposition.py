"""`/metrics`: what all workers of a server counted, as one text that Prometheus reads."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import InfoMetricFamily, Metric

from seatrial.serve.metrics.dialects import check, own_name, requests
from seatrial.serve.metrics.families import Families, counter, for_openmetrics, gauge, histogram
from seatrial.serve.metrics.folder import read_folder
from seatrial.serve.metrics.processes import seconds, usages
from seatrial.serve.metrics.totals import Labels, Tally, Totals, gather, route_of
from seatrial.serve.options import MetricOptions

TEXT = b"text/plain; version=0.0.4; charset=utf-8"
"""Content type of the classic format."""

OPENMETRICS = b"application/openmetrics-text; version=1.0.0; charset=utf-8"
"""Content type of OpenMetrics, for clients whose `Accept` names `application/openmetrics-text`."""

_MODEL = ("model", "version")


def render(folder: Path, options: MetricOptions, *, openmetrics: bool = False) -> bytes:
    """What every worker that shares `folder`, living or gone, counted.

    Takes milliseconds and touches no writer. Numbers of one series may be one request apart (`_sum` and `_count`), because
    they are read while they are written; a counter never goes back from one rendering to the next.

    Args:
        folder: from `make_folder`.
        options: whose names.
        openmetrics: in that format instead of the classic text.

    Raises:
        UsageError: options that fit no metric.
    """
    check(options)
    view = read_folder(folder)
    totals = gather(view, usages(view.owner, (worker.process for worker in view.workers)))
    metrics = [*requests(totals, options), *_server(totals, options), *_model(totals, options), *_system(totals)]
    encode, _ = choose_encoder((OPENMETRICS if openmetrics else TEXT).decode())
    return encode(Families(for_openmetrics(metrics) if openmetrics else metrics))


def _server(totals: Totals, options: MetricOptions) -> Iterator[Metric]:
    name = own_name(options)
    abandoned = _slot(totals.lasting_by("abandoned", route_of), "abandoned")
    yield counter(
        name("http_requests_abandoned_total"),
        "Requests whose client went away before the answer.",
        ("handler", "method"),
        abandoned,
    )
    yield gauge(name("http_connections_open"), "Open connections.", (), {(): totals.connections()})
    yield gauge(name("workers"), "Worker processes that run.", (), {(): float(len(totals.running))})
    used = {(worker.name,): usage for worker, usage in totals.running if usage}
    yield counter(
        name("worker_cpu_seconds_total"),
        "CPU time of each worker.",
        ("worker",),
        {at: seconds(usage.cpu) for at, usage in used.items()},
    )
    yield gauge(
        name("worker_resident_memory_bytes"),
        "Memory of each worker, with what it shares with the others.",
        ("worker",),
        {at: usage.resident for at, usage in used.items()},
    )


def _model(totals: Totals, options: MetricOptions) -> Iterator[Metric]:
    name = own_name(options)
    yield from _outputs(totals, options)
    yield histogram(
        name("model_batch_rows"), "Rows of one call of the model.", _MODEL, totals.lasting_by("batch", _model_of), "sum"
    )
    yield histogram(
        name("model_duration_seconds"),
        "Of one call of the model.",
        _MODEL,
        totals.lasting_by("seconds", _model_of),
        "sum",
    )
    yield histogram(
        name("model_queue_duration_seconds"),
        "Of a request's wait before its batch began.",
        _MODEL,
        totals.lasting_by("queue", _model_of),
        "sum",
    )
    yield counter(
        name("model_errors_total"),
        "Predictions that were refused or failed.",
        (*_MODEL, "kind"),
        _each(totals.lasting_by("errors", _model_of)),
    )
    log = totals.lasting_by("log", _model_of)
    for slot, word, text in _LOG:
        yield counter(name(word), text, _MODEL, _slot(log, slot))
    yield gauge(
        name("prediction_log_waiting_rows"),
        "Rows that wait since it last could not write.",
        _MODEL,
        _slot(totals.passing_by("waiting", _model_of), "rows"),
    )
    yield _infos(totals, options)


def _outputs(totals: Totals, options: MetricOptions) -> Iterator[Metric]:
    name = own_name(options)
    outputs = totals.lasting_by("output", _model_of)
    yield histogram(name("model_output"), "Predictions by size.", _MODEL, outputs, "sum")
    signed = {at: tally for at, tally in outputs.items() if tally.edges[0] < 0}
    for slot, text in (
        ("positive", "Sum of the predictions above zero."),
        ("negative", "Sum of those below zero, its sign dropped."),
    ):
        yield counter(name(f"model_output_{slot}_total"), text, _MODEL, _slot(signed, slot))
    yield counter(
        name("model_output_class_total"),
        "Predictions by class.",
        (*_MODEL, "class"),
        _each(totals.lasting_by("classes", _model_of)),
    )


def _infos(totals: Totals, options: MetricOptions) -> Metric:
    family = InfoMetricFamily(own_name(options)("model"), "The models that answer.")
    shown = {
        tuple(series.block.labels.items()): series for series in totals.passing.get("info", ()) if series.values[0]
    }
    for labels in sorted(shown):
        family.add_metric((), dict(labels))
    return family


def _system(totals: Totals) -> Iterator[Metric]:
    used = totals.processes.values()
    if not used:
        return
    cpu = sum(one.cpu for one in used) + sum(
        one.children for process, one in totals.processes.items() if process == totals.owner
    )
    yield counter(
        "process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", (), {(): seconds(cpu)}
    )
    yield gauge(
        "process_resident_memory_bytes", "Resident memory size in bytes.", (), {(): sum(one.resident for one in used)}
    )
    yield gauge(
        "process_start_time_seconds",
        "Start time of the process since unix epoch in seconds.",
        (),
        {(): min(one.started for one in used)},
    )


_LOG = (
    ("rows", "prediction_log_rows_total", "Rows that the prediction log wrote."),
    ("dropped", "prediction_log_dropped_rows_total", "Rows that were lost to it, because its buffer was full."),
    ("failures", "prediction_log_failures_total", "Times that it could not write."),
)


def _model_of(labels: Mapping[str, str]) -> Labels:
    return (labels["model"], labels["version"])


def _slot(tallies: Mapping[Labels, Tally], slot: str) -> dict[Labels, float]:
    return {labels: tally.named.get(slot, 0.0) for labels, tally in tallies.items()}


def _each(tallies: Mapping[Labels, Tally]) -> dict[Labels, float]:
    return {(*labels, name): value for labels, tally in tallies.items() for name, value in tally.named.items()}
