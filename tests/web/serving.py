"""A judge's server in this process, with sources of figures and a clock that the test holds."""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from aiohttp import web

from seatrial.ports import Clock
from seatrial.records import ReleaseSpec, SourceSpec, Window
from seatrial.testing import FakeClock, ScriptedMetrics
from seatrial.web.fetching import Sources
from seatrial.web.judge import JudgeServer, judge_app
from seatrial.web.judging import Judging
from seatrial.web.kept import Kept
from tests.web.streams import BEGIN, stream

PROMETHEUS = "http://prometheus.test:9090"
SOURCE = {
    "kind": "prometheus",
    "url": PROMETHEUS,
    "requests": 'http_requests_total{version="$version"}',
    "errors": 'http_requests_total{version="$version",code=~"5.."}',
    "latency": 'http_request_duration_seconds_bucket{version="$version"}',
}


@dataclass(kw_only=True)
class Figures:
    """Stands for a Prometheus: what both arms do at any time, and the answers to queries.

    Attributes:
        answers: by query; what isn't there has no data.
        asked: sources, and queries with their URL and moment, in order.
    """

    metrics: ScriptedMetrics
    answers: Mapping[str, float | None] = field(default_factory=dict)
    asked: list[object] = field(default_factory=list)

    def open(self, spec: SourceSpec) -> ScriptedMetrics:
        """The windows."""
        self.asked.append(spec)
        return self.metrics

    def query(self, url: str) -> "FiguresQuery":
        """The single figures."""
        return FiguresQuery(self, url)


class FiguresQuery:
    """Implements `seatrial.ports.Query`."""

    def __init__(self, figures: Figures, url: str) -> None:
        self._figures = figures
        self._url = url

    def value(self, query: str, at: datetime) -> float | None:
        """What was put down for that query."""
        self._figures.asked.append((self._url, query, at))
        return self._figures.answers.get(query)


def figures(*, slower: float = 1.0, failing: float = 0.001, requests: int = 20_000) -> Figures:
    """Stable alone until the begin of the stream, and from then on both arms, 20,000 requests in a minute's window."""

    def script(start: datetime) -> Window:
        share = 0.0 if start < BEGIN else 0.2
        (window,) = stream(
            1, slower=slower, failing=failing, requests=requests, weight=share, start=start, seed=int(start.timestamp())
        )
        return replace(window, weight=0.0)

    return Figures(metrics=ScriptedMetrics(script))


@contextmanager
def serving(
    folder: Path,
    found: Figures | None = None,
    *,
    clock: Clock | None = None,
    services: Mapping[str, ReleaseSpec] | None = None,
    token: str | None = None,
    sources: frozenset[str] | None = None,
    largest: int = 1 << 20,
    forget: float = 3600.0,
) -> Iterator[str]:
    """The URL of a judge's server; its clock stands at the begin of the stream."""
    found = found or figures()
    clock = clock or FakeClock(BEGIN)
    judging = Judging(
        kept=Kept(folder=folder, clock=clock, forget=forget),
        sources=Sources(metrics=found.open, query=found.query),
        clock=clock,
    )
    server = JudgeServer(judging=judging, services=services or {}, token=token, sources=sources)
    with answering(server, largest=largest) as url:
        yield url


@contextmanager
def answering(server: JudgeServer, *, largest: int = 1 << 20) -> Iterator[str]:
    """The URL of a server that answers in a thread of its own."""
    app = judge_app(server, largest=largest)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def begin() -> web.AppRunner:
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner

    runner = asyncio.run_coroutine_threadsafe(begin(), loop).result()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
