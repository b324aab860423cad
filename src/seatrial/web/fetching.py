"""Figures that nobody hands in: the windows since the last call, fetched when somebody asks what the judge says.

Argo Rollouts and Flagger ask again and again and bring no figures. So each call fetches what has been completed since the
one before, and however irregular the calls are, the judge sees every window once and in order.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from seatrial.ports import Metrics, Query, Watched
from seatrial.records import ArmWindow, ReleaseSpec, SourceSpec, Threshold, Window
from seatrial.records.window import Arm
from seatrial.release.promql import fill
from seatrial.release.queried import ask
from seatrial.web.asked import Fetch
from seatrial.web.windows import Given

PAST: Final = 3600.0
"""Seconds of stable's past that are fetched when a release begins, or the policy's `history` if that is more."""

_AT_ONCE = 3600.0
UNKNOWN_SPLIT: Final = "the weight is not known, so the split was not checked; name it, or a query for it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What can be asked for figures: makes the readers of a release's source."""

    metrics: Callable[[SourceSpec], Metrics]
    query: Callable[[str], Query]


def fetched_past(sources: Sources, spec: ReleaseSpec, fetch: Fetch, release: str, now: datetime) -> Iterator[Given]:
    """Stable's windows before a release that begins now, oldest first. Raises TemporaryError if the source is silent."""
    begun = _floored(now, fetch.seconds)
    watched = _watched(fetch, release, begun)
    past = max(PAST, spec.policy.history)
    since = _floored(begun - timedelta(seconds=past), fetch.seconds)
    for window in _every(sources.metrics(spec.source), watched, since, begun):
        yield Given(window=replace(window, weight=0.0, canary=ArmWindow()), warm=True)


def fetched_since(
    sources: Sources, spec: ReleaseSpec, fetch: Fetch, release: str, since: datetime, now: datetime
) -> Iterator[Given]:
    """The windows that are complete by now and begin at `since` or later, at most an hour of them."""
    watched = _watched(fetch, release, since)
    until = min(now, since + timedelta(seconds=_AT_ONCE))
    weights = _Weights(sources.query(spec.source.url), fetch)
    for window in _every(sources.metrics(spec.source), watched, since, until):
        yield Given(window=weights.put(window), values=dict(_values(sources, spec, watched, window)))


def _every(metrics: Metrics, watched: Watched, since: datetime, until: datetime) -> Iterator[Window]:
    """All windows of a span; a source may hand out only some of a long one at once."""
    while since < until:
        found = metrics.windows(watched, since, until)
        if not found:
            return
        yield from found
        since = found[-1].end


def first_begin(fetch: Fetch, now: datetime) -> datetime:
    """Where the first window of a release that begins now begins."""
    return _floored(now, fetch.seconds)


def _watched(fetch: Fetch, release: str, begun: datetime) -> Watched:
    return Watched(
        service=fetch.service,
        stable=fetch.stable,
        canary=fetch.canary,
        release=release,
        begun=begun,
        seconds=fetch.seconds,
    )


def _floored(moment: datetime, seconds: float) -> datetime:
    """The last whole multiple of a window's length since 1970."""
    return datetime.fromtimestamp(moment.timestamp() // seconds * seconds, UTC)


class _Weights:
    """Fills in which share the canary was to get: a number, the answer to a query, or what it got."""

    def __init__(self, query: Query, fetch: Fetch) -> None:
        self._query = query
        self._fetch = fetch
        self._asked: dict[datetime, float | None] = {}

    def put(self, window: Window) -> Window:
        """The window with its weight, and whether that was the same at both ends."""
        if isinstance(self._fetch.weight, float):
            return replace(window, weight=self._fetch.weight)
        if self._fetch.weight is None:
            return replace(window, weight=_observed(window))
        before, after = self._at(window.start), self._at(window.end)
        weight = after if before is None else before
        return replace(window, weight=_observed(window) if weight is None else weight, steady=before == after)

    def _at(self, moment: datetime) -> float | None:
        if moment not in self._asked:
            text = fill(str(self._fetch.weight), seconds=self._fetch.seconds, names=_names(self._fetch))
            value = self._query.value(text, moment)
            self._asked[moment] = None if value is None else min(max(value, 0.0), 1.0)
        return self._asked[moment]


def _observed(window: Window) -> float:
    """The canary's share of the requests that came; 0 without any."""
    total = window.stable.requests + window.canary.requests
    return window.canary.requests / total if total else 0.0


def _values(
    sources: Sources, spec: ReleaseSpec, watched: Watched, window: Window
) -> Iterator[tuple[str, float | None]]:
    """Results of the thresholds that have a query, at the end of a window."""
    for threshold in spec.thresholds:
        if threshold.query:
            yield threshold.name, _value(sources, threshold, watched, window)


def _value(sources: Sources, threshold: Threshold, watched: Watched, window: Window) -> float | None:
    """The requests that its figure is of are as many as there would be in its time at this window's rate."""
    arm = window.stable if threshold.arm is Arm.STABLE else window.canary
    requests = round(arm.requests * threshold.seconds / window.seconds)
    return ask(sources.query(threshold.url), threshold, watched, window.end, requests)


def _names(fetch: Fetch) -> Mapping[str, str]:
    return {"version": fetch.canary, "service": fetch.service, "arm": Arm.CANARY.value}
