"""Windows from the model servers' own metrics, for projects whose requests don't pass the gateway, or whose log is off.

Each replica is asked for its `/metrics` at the end of each window; the difference is the window. What a server counted
after the last look before it ended is lost, and a caller that got no answer at all is seen by nobody: the access log, which
is written before the servers, knows both.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from itertools import pairwise
from pathlib import Path
from typing import Final
from urllib.parse import quote

import httpx

from seatrial.adapters.metrics.edges import common_edges, counts
from seatrial.adapters.metrics.grid import last_edge, moment, moments
from seatrial.adapters.metrics.serve_memory import Look, Memory, Seen
from seatrial.adapters.metrics.serve_page import Counted, read_page
from seatrial.ports import Watched
from seatrial.records import Arm, ArmWindow, Part, TemporaryError, Window

TIMEOUT: Final = 2.0
LARGEST: Final = 4 << 20
_AT_ONCE: Final = 8
_SAME_START: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """A model server that answers for an arm; `url` without a path."""

    name: str
    arm: Arm
    url: str


class ServeMetrics:
    """Implements `seatrial.ports.Metrics` by asking the replicas; `until` is taken to be now.

    A window is as exact as the moment of the look at its end. Windows in which nobody looked are handed out as one that
    is as long as all of them, so that nothing is lost; those from before the first look are zeros.

    Args:
        replicas: who answers for a service's arms now.
        folder: where the last looks are kept.
    """

    def __init__(self, replicas: Callable[[Watched], Sequence[Replica]], folder: Path) -> None:
        self._replicas = replicas
        self._folder = folder
        self._http = httpx.Client(
            timeout=TIMEOUT, trust_env=False, follow_redirects=False, limits=httpx.Limits(max_keepalive_connections=0)
        )

    def windows(self, watched: Watched, since: datetime, until: datetime) -> Sequence[Window]:
        """As `seatrial.ports.Metrics.windows`.

        Raises:
            UsageError: something else answers there.
            TemporaryError: no replica answers.
        """
        memory = Memory(self._folder / f"{quote(watched.service, safe='')}.json")
        looks = memory.read(watched.seconds)
        edge = last_edge(until, watched.seconds)
        if not looks or looks[-1].edge < edge:
            looks = (*looks, self._look(watched, edge, until, looks[-1] if looks else None))
            memory.keep(watched.seconds, looks)
        return tuple(_windows(looks, moments(since, until, watched.seconds)))

    def _look(self, watched: Watched, edge: float, now: datetime, last: Look | None) -> Look:
        replicas = self._replicas(watched)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            pages = list(pool.map(self._counted, replicas))
        if replicas and not any(pages):
            raise TemporaryError(
                f"none of {len(replicas)} replicas shows its metrics",
                where=f"service {watched.service}",
                remedy="look at them with `seatrial deployments`; it is tried again",
            )
        found: dict[str, Seen] = {}
        for replica, page in zip(replicas, pages, strict=True):
            if page is not None:
                found[replica.name] = Seen(arm=replica.arm, counted=page)
            elif last is not None and replica.name in last.replicas:
                # It may be busy: what it counts meanwhile is in the next window.
                found[replica.name] = last.replicas[replica.name]
        return Look(edge=edge, taken=now.timestamp(), replicas=found)

    def _counted(self, replica: Replica) -> Counted | None:
        url = f"{replica.url}/metrics"
        try:
            with self._http.stream("GET", url) as answer:
                if answer.status_code != httpx.codes.OK:
                    return None
                body = _bounded(answer)
        except httpx.HTTPError:
            return None
        return None if body is None else read_page(body.decode(errors="replace"), url)


def _bounded(answer: httpx.Response) -> bytes | None:
    parts: list[bytes] = []
    size = 0
    for part in answer.iter_bytes():
        size += len(part)
        if size > LARGEST:
            return None
        parts.append(part)
    return b"".join(parts)


def _windows(looks: Sequence[Look], edges: Sequence[float]) -> Iterator[Window]:
    between = {earlier.edge: (earlier, later) for earlier, later in pairwise(looks)}
    place = 0
    while place < len(edges) - 1:
        start, end = edges[place], edges[place + 1]
        pair = between.get(start)
        if pair is not None and pair[1].edge > edges[-1]:
            return
        if pair is None:
            yield Window(start=moment(start), seconds=end - start, weight=0.0)
            place += 1
            continue
        yield _window(*pair)
        place = edges.index(pair[1].edge, place)


def _window(earlier: Look, later: Look) -> Window:
    grown = {
        name: (seen.arm, _growth(earlier.replicas.get(name), seen.counted, earlier.taken))
        for name, seen in later.replicas.items()
    }
    layout = common_edges([edge for edge, _ in counted.buckets] for _, counted in grown.values() if counted.buckets)
    return Window(
        start=moment(earlier.edge),
        seconds=later.edge - earlier.edge,
        weight=0.0,
        stable=_arm(grown, Arm.STABLE, layout),
        canary=_arm(grown, Arm.CANARY, layout),
        edges=layout or None,
    )


def _growth(before: Seen | None, now: Counted, since: float) -> Counted:
    """What a server counted between two looks: all of it where it was started in between."""
    if before is None:
        return now if now.started >= since - _SAME_START else _less(now, now)
    earlier = before.counted
    anew = abs(now.started - earlier.started) > _SAME_START or now.answered < earlier.answered
    return now if anew else _less(now, earlier)


def _less(now: Counted, earlier: Counted) -> Counted:
    past = dict(earlier.buckets)
    return Counted(
        started=now.started,
        answered=now.answered - earlier.answered,
        failed=now.failed - earlier.failed,
        abandoned=now.abandoned - earlier.abandoned,
        seconds=now.seconds - earlier.seconds,
        buckets=tuple((edge, value - past.get(edge, 0.0)) for edge, value in now.buckets),
    )


def _arm(grown: Mapping[str, tuple[Arm, Counted]], arm: Arm, layout: Sequence[float]) -> ArmWindow:
    parts = {name: counted for name, (side, counted) in grown.items() if side is arm}
    whole = reduce(_sum, parts.values(), Counted())
    part = _part(whole, layout)
    kinds = {"5xx": whole.failed, "abandoned": whole.abandoned}
    return ArmWindow(
        requests=part.requests,
        errors={kind: round(number) for kind, number in kinds.items() if round(number)},
        latency=part.latency,
        seconds=whole.seconds,
        replicas={name: _part(counted, layout) for name, counted in sorted(parts.items())},
    )


def _sum(one: Counted, other: Counted) -> Counted:
    buckets = dict(one.buckets)
    for edge, value in other.buckets:
        buckets[edge] = buckets.get(edge, 0.0) + value
    return Counted(
        answered=one.answered + other.answered,
        failed=one.failed + other.failed,
        abandoned=one.abandoned + other.abandoned,
        seconds=one.seconds + other.seconds,
        buckets=tuple(sorted(buckets.items())),
    )


def _part(counted: Counted, layout: Sequence[float]) -> Part:
    cumulated = {**dict(counted.buckets), math.inf: counted.answered}
    return Part(
        requests=round(counted.answered + counted.abandoned),
        errors=round(counted.failed + counted.abandoned),
        latency=counts(cumulated, layout) if layout else {},
    )
