"""Where figures come from: access log, model servers, Prometheus."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seatrial.adapters.prometheus import PrometheusServer
    from seatrial.gateway.endpoints import Arms
    from seatrial.gateway.log.book import Book as LogBook
    from seatrial.ports import (
        Metrics,
        Query,
    )
    from seatrial.records import (
        SourceSpec,
    )


_SERVERS = 64  # Prometheus servers that are kept open


def open_sources() -> "tuple[Callable[[SourceSpec], Metrics], Callable[[str], Query]]":
    """Readers of Prometheus servers, by source and by URL, for whoever names one in a request; the latest are kept."""
    from functools import lru_cache

    from seatrial.adapters.metrics.prometheus import PrometheusMetrics
    from seatrial.adapters.prometheus import PrometheusServer
    from seatrial.adapters.query.prometheus import PrometheusQuery

    server = lru_cache(maxsize=_SERVERS)(PrometheusServer)

    @lru_cache(maxsize=_SERVERS)
    def metrics(spec: "SourceSpec") -> "Metrics":
        return PrometheusMetrics(server(spec.url), spec)

    return metrics, lambda url: PrometheusQuery(server(url))


def open_metrics(
    project: Path,
    service: str,
    source: "SourceSpec",
    *,
    model: str,
    log: "LogBook",
    arms: "Callable[[str], Arms]",
) -> "Metrics":
    """Where the windows of a service's releases come from, with the labels that came in; needs no closing.

    Args:
        project: its folder.
        service: its name.
        source: as configured; `${NAME}` in its URL refers to the environment.
        model: name of its model, whose predictions labels are for.
        log: the windows of the gateway's access log.
        arms: both sides of a service as they are now.

    Raises:
        UsageError: windows can't be counted from the source's queries, or a variable isn't set.
    """
    from seatrial.adapters.metrics.access_log import AccessLogMetrics
    from seatrial.adapters.metrics.labels import with_labels
    from seatrial.adapters.metrics.prometheus import PrometheusMetrics
    from seatrial.adapters.metrics.serve import ServeMetrics
    from seatrial.adapters.metrics.serve_replicas import replicas_of
    from seatrial.deployments.logged import log_folder
    from seatrial.trial.workspace import open_workspace

    root = open_workspace(project).root
    metrics: Metrics
    if source.kind == "prometheus":
        metrics = PrometheusMetrics(_prometheus(source.url, f"services.{service}.release.source.url"), source)
    elif source.kind == "serve":
        metrics = ServeMetrics(lambda watched: replicas_of(arms(watched.service), watched), root / "gateway" / "looks")
    else:
        metrics = AccessLogMetrics(log)
    return with_labels(metrics, str(log_folder(root, model)))


def open_query(url: str) -> "Query":
    """What answers the PromQL of thresholds; needs no closing.

    Args:
        url: of a Prometheus, as configured; `${NAME}` in it refers to the environment.

    Raises:
        UsageError: it is no such URL, or a variable isn't set.
    """
    from seatrial.adapters.query.prometheus import PrometheusQuery

    return PrometheusQuery(_prometheus(url, "services"))


def _prometheus(url: str, where: str) -> "PrometheusServer":
    from seatrial.adapters.prometheus import PrometheusServer
    from seatrial.trial.build.environment import filled

    return PrometheusServer(filled(url, os.environ, what="the url of a Prometheus", where=where))
