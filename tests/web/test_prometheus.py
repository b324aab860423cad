"""The judge and a real Prometheus: what the counters of both versions say is fetched, judged and answered."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from seatrial.testing import FakeClock
from seatrial.web.fetching import Sources
from seatrial.web.judge import JudgeServer
from seatrial.web.judging import Judging
from seatrial.web.kept import Kept
from seatrial.wiring import open_sources
from tests.adapters.prometheus_server import remembering
from tests.web.serving import SOURCE, answering

pytestmark = pytest.mark.slow

_SCRAPE, _EACH = 15, 2000
_EDGES = tuple(round(0.01 * 1.3**power, 4) for power in range(18))
_BEGIN = datetime.fromtimestamp((datetime.now(UTC) - timedelta(hours=1)).timestamp() // 60 * 60, UTC)


def _samples(slower: float) -> str:
    """Counters of an hour with stable alone, and of half an hour with both, scraped every 15 s."""
    rng = np.random.default_rng(5)
    moments = [_BEGIN.timestamp() + second for second in range(-3600, 1800, _SCRAPE)]
    texts: dict[str, list[str]] = {"http_requests": [], "http_request_duration_seconds": []}
    for version, share, factor in (("v6", 0.8, 1.0), ("v7", 0.2, slower)):
        counted, buckets, seconds = 0, np.zeros(len(_EDGES), dtype=int), 0.0
        for moment in moments:
            before = moment <= _BEGIN.timestamp()
            number = int(rng.binomial(_EACH, share)) if version == "v7" or not before else _EACH
            number = 0 if version == "v7" and before else number
            latency = 0.125 * factor * np.exp(0.45 * rng.standard_normal(number))
            counted, seconds = counted + number, seconds + float(latency.sum())
            buckets = buckets + np.searchsorted(np.sort(latency), _EDGES, side="right")
            texts["http_requests"].append(f'http_requests_total{{version="{version}",code="200"}} {counted} {moment}')
            name = "http_request_duration_seconds"
            texts[name] += [
                f'{name}_bucket{{version="{version}",le="{edge}"}} {count} {moment}'
                for edge, count in zip((*_EDGES, "+Inf"), (*buckets, counted), strict=True)
            ]
            texts[name] += [f'{name}_count{{version="{version}"}} {counted} {moment}']
            texts[name] += [f'{name}_sum{{version="{version}"}} {seconds} {moment}']
    kinds = {"http_requests": "counter", "http_request_duration_seconds": "histogram"}
    parts = (f"# TYPE {name} {kinds[name]}\n" + "\n".join(lines) + "\n" for name, lines in texts.items())
    return "".join(parts) + "# EOF\n"


def _decisions(folder: Path, prometheus: str) -> Iterator[Mapping[str, Any]]:
    """What the judge answers, asked every half minute for as long as there are figures."""
    clock = FakeClock(_BEGIN)
    metrics, query = open_sources()
    judging = Judging(kept=Kept(folder=folder, clock=clock), sources=Sources(metrics=metrics, query=query), clock=clock)
    policy = {
        "warmup": 0,
        "source": {**SOURCE, "url": prometheus},
        "thresholds": [{"query": 'sum(http_requests_total{version="$version"})', "above": 1, "window": "2m"}],
    }
    body = {"release": "shop", "stable": "v6", "canary": "v7", "weight": 0.2, "policy": policy}
    with answering(JudgeServer(judging=judging)) as url:
        while clock.now() < _BEGIN + timedelta(seconds=1700):
            answer = httpx.post(f"{url}/v1/judge", json=body, timeout=60)
            assert 200 == answer.status_code, answer.text
            yield answer.json()
            clock.sleep(30)


@pytest.mark.parametrize(("slower", "expected"), [(1.0, "promote"), (1.4, "abort")])
def test_what_prometheus_knows_is_judged(tmp_path: Path, slower: float, expected: str) -> None:
    """A harmless version is promoted and a slower one aborted, by the counters and histograms of a real server."""
    with remembering(tmp_path, _samples(slower)) as prometheus:
        answers = []
        for answer in _decisions(tmp_path, prometheus):
            answers.append(answer)
            if answer["decision"] != "continue":
                break

    last = answers[-1]
    assert expected == last["decision"], last["why"]
    assert "continue" == answers[0]["decision"]
    assert 0.2 == pytest.approx(last["judgement"]["split"]["observed"], abs=0.01)
    assert last["judgement"]["thresholds"][0]["value"] > 1
