"""The requests in the words of three tools: our own, and two whose names stand in existing dashboards and alerts.

The names, labels and help texts of the peers were taken from what prometheus-fastapi-instrumentator 8.1 and
prometheus-flask-exporter 0.23 answer (tests/serve/metrics/test_dialects.py pins them).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from prometheus_client.metrics_core import InfoMetricFamily, Metric

from seatrial.records import UsageError
from seatrial.serve.metrics.families import counter, gauge, histogram, summary
from seatrial.serve.metrics.meters import OTHER
from seatrial.serve.metrics.totals import Labels, Tally, Totals
from seatrial.serve.options import Compat, MetricOptions

T = TypeVar("T")

OWN = "seatrial"
FLASK_EXPORTER = "0.23.2"

_WORD = re.compile(r"([a-zA-Z_][a-zA-Z0-9_]*)?")
_GROUPED = ("handler", "method", "status")
_ROUTE = ("handler", "method")


def check(options: MetricOptions) -> None:
    """Whether names can be made of the options.

    Raises:
        UsageError: a namespace or subsystem that no metric's name may hold, or one that the peer does not have.
    """
    for where, word in (("metrics.namespace", options.namespace), ("metrics.subsystem", options.subsystem)):
        if not _WORD.fullmatch(word or ""):
            raise UsageError(
                f"{word!r} cannot begin the name of a metric",
                where=where,
                remedy="use letters, digits and underscores, not a digit first",
            )
    if options.compat is Compat.FLASK and options.subsystem:
        raise UsageError(
            "prometheus-flask-exporter has no subsystem",
            where="metrics.subsystem",
            remedy=f"write it into the namespace: {options.namespace or 'flask'}_{options.subsystem}",
        )


def own_name(options: MetricOptions) -> Callable[[str], str]:
    """How our own metrics are called: beside a peer's always `seatrial_…`, so that none of the peer's is hidden."""
    if options.compat is not Compat.SEATRIAL:
        return _namer(OWN)
    return _namer(OWN if options.namespace is None else options.namespace, options.subsystem)


def requests(totals: Totals, options: MetricOptions) -> Iterator[Metric]:
    """The metrics of the requests, in the words that `options` chooses."""
    speak = {Compat.SEATRIAL: _seatrial, Compat.FASTAPI: _fastapi, Compat.FLASK: _flask}
    return speak[options.compat](totals, options)


def _seatrial(totals: Totals, options: MetricOptions) -> Iterator[Metric]:
    name = own_name(options)
    answers = totals.lasting_by("answers", _grouped)
    yield counter(name("http_requests_total"), "Requests that were answered.", _GROUPED, _counts(answers))
    yield histogram(
        name("http_request_duration_seconds"),
        "From the first byte of a request to its answer.",
        _GROUPED,
        answers,
        "seconds",
    )
    yield summary(name("http_request_size_bytes"), "Bodies of the requests.", _GROUPED, answers, "received")
    yield summary(name("http_response_size_bytes"), "Bodies of the answers.", _GROUPED, answers, "sent")
    yield gauge(name("http_requests_in_progress"), "Requests that are being answered.", _ROUTE, totals.in_progress())


def _fastapi(totals: Totals, options: MetricOptions) -> Iterator[Metric]:
    space = "fastapi" if options.namespace is None else options.namespace
    name = _namer(space, options.subsystem)
    answers = _known(totals.lasting_by("answers", _grouped))
    yield summary(name("http_request_size_bytes"), "Content bytes of requests.", _GROUPED, answers, "received")
    yield summary(name("http_response_size_bytes"), "Content bytes of responses.", _GROUPED, answers, "sent")
    yield histogram(
        name("http_request_duration_seconds"), "Duration of HTTP requests in seconds", _GROUPED, answers, "seconds"
    )
    yield counter(
        name("http_requests_total"),
        "Total number of requests by method, status and handler.",
        _GROUPED,
        _counts(answers),
    )
    yield gauge(
        f"{space}_inprogress" if space else "http_requests_inprogress",
        "Number of HTTP requests in progress.",
        _ROUTE,
        _known(totals.in_progress()),
    )
    outputs = totals.lasting_by("output", lambda _: ())
    if outputs:
        # Where nothing is configured, both names that stand in dashboards of the field.
        for subsystem in ("model", "") if options.subsystem is None else (options.subsystem,):
            output = _namer(space, subsystem)("regression_model_output")
            yield histogram(output, "Output value of regression model", (), outputs, "sum")


def _flask(totals: Totals, options: MetricOptions) -> Iterator[Metric]:
    name = _namer("flask" if options.namespace is None else options.namespace)
    answers = totals.lasting_by("answers", _exact)
    by_status = totals.lasting_by("answers", lambda labels: (labels["method"], labels["status"]))
    yield InfoMetricFamily(
        name("exporter"), "Information about the Prometheus Flask exporter", {"version": FLASK_EXPORTER}
    )
    yield histogram(
        name("http_request_duration_seconds"),
        "Flask HTTP request duration in seconds",
        ("method", "path", "status"),
        answers,
        "seconds",
    )
    yield counter(name("http_request_total"), "Total number of HTTP requests", ("method", "status"), _counts(by_status))
    yield counter(
        name("http_request_exceptions_total"),
        "Total number of HTTP requests which resulted in an exception",
        ("method", "status"),
        {labels: tally.count for labels, tally in by_status.items() if labels[1] == "500"},
    )


def _namer(*spaces: str | None) -> Callable[[str], str]:
    words = [space for space in spaces if space]
    return lambda name: "_".join((*words, name))


def _grouped(labels: Mapping[str, str]) -> Labels:
    return (labels["handler"], labels["method"], f"{labels['status'][0]}xx")


def _exact(labels: Mapping[str, str]) -> Labels:
    return (labels["method"], labels["handler"], labels["status"])


def _counts(tallies: Mapping[Labels, Tally]) -> dict[Labels, float]:
    return {labels: tally.count for labels, tally in tallies.items()}


def _known(values: Mapping[Labels, T]) -> dict[Labels, T]:
    return {labels: value for labels, value in values.items() if labels[0] != OTHER}
