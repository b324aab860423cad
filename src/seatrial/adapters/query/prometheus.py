"""Figures by PromQL: one number a question, or none."""

import math
from datetime import datetime
from typing import Final

from seatrial.adapters.prometheus import PrometheusServer, text_of
from seatrial.records import UsageError
from seatrial.release.promql_counters import over_window
from seatrial.release.promql_tokens import shown_query

_NAMED: Final = 5
_ANY: Final = 1.0


class PrometheusQuery:
    """Implements `seatrial.ports.Query` over the HTTP API of Prometheus.

    Args:
        server: that is asked.
    """

    def __init__(self, server: PrometheusServer) -> None:
        self._server = server

    def value(self, query: str, at: datetime) -> float | None:
        """The figure of that moment; None if there are no data, or they are no finite number (0/0).

        Raises:
            UsageError: the question is wrong, has several answers, or names a counter without a range: its value since the
                start of time is never what a release asks for. `seatrial.release.promql.fill` puts the range there.
            TemporaryError: Prometheus does not answer.
        """
        _check_filled(query)
        found = self._server.ask(query, at)
        if len(found) > 1:
            named = ", ".join(text_of(series.labels) for series in found[:_NAMED])
            more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
            raise UsageError(
                f"{len(found)} series answer, and one figure is wanted: {named}{more}",
                where=shown_query(query),
                remedy="put sum(…), avg(…) or max(…) around it, or name one by its labels",
            )
        if not found:
            return None
        value = found[0].samples[0][1]
        return value if math.isfinite(value) else None


def _check_filled(query: str) -> None:
    if over_window(query, _ANY) != query:
        raise UsageError(
            "a counter without a range counts since the start of time",
            where=shown_query(query),
            remedy="write increase(NAME[5m]) in its place",
        )
