"""What a model server says on its `/metrics`, as the few counters that windows are made of.

The names depend on the server's option `--compat`; they end alike.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from seatrial.records import UsageError

_DURATION: Final = "http_request_duration_seconds"
_ABANDONED: Final = "http_requests_abandoned_total"
_START: Final = "process_start_time_seconds"
_ASIDE: Final = frozenset(
    {
        "/", "/docs", "/openapi.json", "/metrics", "/feedback", "/admin/reload",
        "/healthz", "/healthcheck", "/readyz", "/v2/health/live", "/v2/health/ready",
        "/v1/models", "/v2", "/v2/",
    }
)  # fmt: skip
_DESCRIBED: Final = ("/v1/models/", "/v2/models/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What one server has counted since it was started.

    Attributes:
        started: when, in seconds since 1970.
        answered: requests, without those for health, documentation and the like.
        failed: of them with a status of 500 or more.
        abandoned: requests whose caller, the gateway that gave up among them, went away before the answer.
        seconds: that the answers took, all together.
        buckets: upper edges, ascending and finite, and how many answers took up to so long.
    """

    started: float = 0.0
    answered: float = 0.0
    failed: float = 0.0
    abandoned: float = 0.0
    seconds: float = 0.0
    buckets: tuple[tuple[float, float], ...] = ()


def read_page(text: str, where: str) -> Counted:
    """The counters of a page.

    Raises:
        UsageError: it is not the page of a model server.
    """
    try:
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    except (ValueError, KeyError, IndexError) as error:
        raise _stranger(where) from error
    started = _total(sample for sample in samples if sample.name == _START)
    if not started:
        raise _stranger(where)
    wanted = [sample for sample in samples if _is_model(sample.labels)]
    counts = [sample for sample in wanted if sample.name.endswith(f"{_DURATION}_count")]
    return Counted(
        started=started,
        answered=_total(counts),
        failed=_total(sample for sample in counts if sample.labels.get("status", "").startswith("5")),
        abandoned=_total(sample for sample in wanted if sample.name.endswith(_ABANDONED)),
        seconds=_total(sample for sample in wanted if sample.name.endswith(f"{_DURATION}_sum")),
        buckets=_buckets(sample for sample in wanted if sample.name.endswith(f"{_DURATION}_bucket")),
    )


def _is_model(labels: Mapping[str, str]) -> bool:
    """Whether a request was for the model, and not for the gateway's or a person's look at the server."""
    path = labels.get("handler") or labels.get("path") or ""
    return path not in _ASIDE and not (path.startswith(_DESCRIBED) and labels.get("method") == "GET")


def _total(samples: Iterable[Sample]) -> float:
    return sum(float(sample.value) for sample in samples if math.isfinite(sample.value))


def _buckets(samples: Iterable[Sample]) -> tuple[tuple[float, float], ...]:
    found: dict[float, float] = {}
    for sample in samples:
        edge = float(sample.labels["le"])
        if math.isfinite(edge):
            found[edge] = found.get(edge, 0.0) + float(sample.value)
    return tuple(sorted(found.items()))


def _stranger(where: str) -> UsageError:
    return UsageError(
        "this is not the /metrics of a seatrial model server",
        where=where,
        remedy="take `source: access-log`, or a Prometheus, for servers of another kind",
    )
