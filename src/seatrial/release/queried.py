"""What a threshold with a query of its own says at a moment, if there were enough requests for it to say anything."""

from datetime import datetime

from seatrial.ports import Query, Watched
from seatrial.records import Arm, Threshold
from seatrial.release.promql import fill
from seatrial.release.promql_parts import samples_query


def ask(source: Query, threshold: Threshold, watched: Watched, at: datetime, requests: int) -> float | None:
    """The figure of a threshold that has a query; None without data, and where it is of too few requests.

    How many requests it is of, a ratio says itself: what it divides by is asked for as well (`x_count` of `x_sum /
    x_count`). Anything else is taken to be of the requests that the release's own source saw.

    Args:
        source: the Prometheus that is asked.
        threshold: with a query.
        watched: whose requests are meant; `$version` is the one of the threshold's arm, `$service` and `$arm` are filled in
            as well.
        at: end of the window that the figure is of.
        requests: of that arm in that window, by the release's source.

    Raises:
        UsageError: the query can't be asked, or has several answers.
        TemporaryError: the source does not answer.
    """
    version = watched.canary if threshold.arm is Arm.CANARY else watched.stable
    names = {"version": version, "service": watched.service, "arm": threshold.arm.value}
    query = fill(threshold.query, seconds=threshold.seconds, names=names)
    counting = samples_query(query)
    samples = requests if counting is None else source.value(counting, at)
    if samples is None or round(samples) < threshold.samples:
        return None
    return source.value(query, at)
