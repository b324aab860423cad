"""Whatever comes in, the server says what is wrong with it, stays up, and does not grow."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import count, islice
from pathlib import Path
from random import Random
from typing import Any

import pytest

from seatrial.telemetry.log import open_log
from tests.serve.log.makers import segments
from tests.serve.running import Server, serving
from tests.serve.server.garbage import GOOD, Garbage
from tests.serve.server.load import resident
from tests.serve.server.nonsense import Nonsense
from tests.serve.server.targets import ANYTHING, Make, anything, mixed, network, numbers
from tests.serve.server.wire import Reply, Wire

AHEAD = 16
"""Requests that one connection sends before it reads."""
CONNECTIONS = 4
FLUSH_SECONDS = 2.0
"""Of the prediction log; the first segment is written before anything is measured, and merging begins a minute later."""
GROWTH = 16.0
"""MiB that a worker may grow between the first quarter of the requests and the last."""
ROUTES = (
    "/", "/docs", "/healthz", "/readyz", "/metrics", "/openapi.json", "/v2", "/v2/health/live", "/v1/models", "/nothing",
    "/v2/models/other/infer", "/v1/models/other:predict", "/admin/reload", "/predict/{}", "*", "http://test/predict",
)  # fmt: skip


def judge(reply: Reply, identity: bytes) -> None:
    """An answer to the request that it names; good, or a refusal that says what is wrong."""
    assert identity == reply.identity, reply
    assert reply.status not in range(500, 600), reply
    if reply.status >= 300:
        assert isinstance(json.loads(reply.body)["error"], str)


def ask(wires: Sequence[Wire], nonsense: Nonsense, names: Iterator[bytes]) -> Counter[int]:
    """A burst over each connection, so that bad requests wait in one queue with good ones; what was answered."""
    bursts = [list(islice(names, AHEAD)) for _ in wires]
    for wire, burst in zip(wires, bursts, strict=True):
        wire.send(b"".join(nonsense.request(name) for name in burst))
    statuses: Counter[int] = Counter()
    for wire, burst in zip(wires, bursts, strict=True):
        replies = wire.replies(len(burst))
        assert len(burst) == len(replies) or (replies and replies[-1].closes)
        for name, reply in zip(burst, replies, strict=False):
            judge(reply, name)
        statuses.update(reply.status for reply in replies)
    return statuses


def refused(statuses: Counter[int]) -> int:
    """How many requests were bad."""
    return sum(number for status, number in statuses.items() if 400 <= status < 500)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("make", "requests"), [(numbers, 40_000), (mixed, 25_000), (network, 25_000), (anything, 10_000)]
)
def test_a_hundred_thousand_bad_requests(ridge: Path, tmp_path: Path, make: Make, requests: int) -> None:
    """Each is answered, none with 500; the process is the same at the end, as large as before, and answers well."""
    target, log = make(ridge, tmp_path), tmp_path / "log"
    arguments = (*target.arguments, "--log", str(log), "--log-flush", str(FLUSH_SECONDS), "--max-wait", "60")
    paths = (*ROUTES, *(seed.path for seed in target.seeds))
    nonsense = Nonsense(random=Random(requests), seeds=target.seeds, paths=paths)
    names = (b"n%d" % number for number in count())
    statuses: Counter[int] = Counter()
    sizes: list[float] = []
    with serving(tmp_path, *arguments, cwd=tmp_path) as server, ExitStack() as stack:
        workers = server.workers
        wires = [stack.enter_context(Wire(server.port)) for _ in range(CONNECTIONS)]
        while not segments(log):
            ask(wires, nonsense, names)
        for quarter in range(1, 5):
            while refused(statuses) < requests * quarter / 4:
                statuses += ask(wires, nonsense, names)
            sizes.append(resident(workers))
        assert_unharmed(server, workers, target.seeds[0].document)
        assert 0 == server.metric("seatrial_prediction_log_dropped_rows_total")
    assert 0 < statuses[200]
    assert sizes[-1] - sizes[0] <= GROWTH
    assert_readable(log)


def assert_unharmed(server: Server, workers: set[int], body: Any) -> None:
    """The processes are those of before, a good request is answered, and nothing broke that nobody was told of."""
    assert 200 == server.post(body).status_code
    assert workers == server.workers
    assert not [line for line in server.log if line["level"] == "error"]


def assert_readable(target: Path) -> None:
    """Whatever was asked, the prediction log can be read from end to end."""
    with open_log(str(target)) as log:
        total = log.run(
            lambda views: views.execute("SELECT count(*), bit_xor(hash(predictions)) FROM predictions").fetchall()
        )
        assert [] == log.warnings
    assert 0 < total[0][0]


@pytest.mark.slow
def test_twenty_thousand_peers_that_do_not_speak_http(tmp_path: Path) -> None:
    """Each is answered or let go at once, none with 500, whether it waits for the answer or goes away."""
    (tmp_path / "echo.py").write_text(ANYTHING)
    garbage = Garbage(random=Random(0))
    statuses: Counter[int] = Counter()
    with serving(tmp_path, "echo:Anything", cwd=tmp_path) as server:
        workers = server.workers
        sizes = []
        for _ in range(4):
            for number in range(5_000):
                with Wire(server.port, patience=5.0) as wire:
                    wire.send(garbage.message())
                    if number % 4:
                        wire.finish()
                        statuses.update(reply.status for reply in wire.read_all())
            sizes.append(resident(workers))
        assert_unharmed(server, workers, 1)
    assert {200, 400, 404, 405, 413, 414, 431, 501} == set(statuses)
    assert sizes[-1] - sizes[0] <= GROWTH


def test_every_request_that_was_sent_ahead_is_answered_before_the_end(served: Server) -> None:
    """Also by a peer that sends no more, and when nonsense follows."""
    with Wire(served.port) as wire:
        wire.send(GOOD * 100 + b"nonsense\r\n\r\n")
        wire.finish()
        replies = wire.read_all()

    assert [200] * 100 + [400] == [reply.status for reply in replies]
