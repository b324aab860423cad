"""What is served: the model's routes beside the ordinary ones (health, metrics, documents, feedback, administration)."""

import asyncio
import hmac
import logging
import os
import signal
import uuid
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from seatrial.serve import protocols
from seatrial.serve.batching import Batcher
from seatrial.serve.batching import Bounds as QueueBounds
from seatrial.serve.codec import Answer, Endpoint, Refused
from seatrial.serve.http import Bounds, Exchange, Handler, Hub, Route, Routes
from seatrial.serve.loading import Loaded
from seatrial.serve.log.answered import Answered, Unanswered
from seatrial.serve.metrics import OPENMETRICS, TEXT, ModelMeter, WorkerMetrics, render
from seatrial.serve.options import LogOptions, ServeOptions
from seatrial.serve.protocols import error_answer

HTML = b"text/html; charset=utf-8"
Maker = Callable[[Exchange], Answer]

log = logging.getLogger("seatrial.serve")


class App:
    """One worker's routes, before and after its model is loaded.

    Args:
        options: of the server.
        worker: name of this process among the workers.
        metrics: folder of the shared counters.
        loop: on which requests are answered.
        threads: one thread for slow models.
        now, wall: monotonic seconds, and seconds since the epoch.
    """

    def __init__(
        self,
        options: ServeOptions,
        *,
        worker: str,
        metrics: Path,
        loop: asyncio.AbstractEventLoop,
        threads: Executor,
        now: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self._options = options
        self._folder = metrics
        self._metrics = WorkerMetrics(metrics, worker, options.metrics)
        self._loop = loop
        self._threads = threads
        self._now = now
        self._wall = wall
        self._batcher: Batcher | None = None
        self._log: Any = None
        self._open = False
        self.hub = Hub(
            bounds=Bounds(body=options.max_body, read_timeout=options.read_timeout, idle_timeout=options.idle_timeout),
            routes=self._routes([*self._always(), self._ordinary("GET", "/readyz", self._loading)], self._loading),
            now=now,
            wall=wall,
            prefix=uuid.uuid4().hex[:12].encode() + b"-",
            refuse=error_answer,
            broken=self._ordinary("GET", "other", _missing),
            gauge=self._metrics.connections,
        )

    @property
    def idle(self) -> bool:
        """Whether nobody is owed an answer."""
        if self._batcher is not None and not self._batcher.idle:
            return False
        return not self.hub.connections

    async def serve(self, loaded: Loaded) -> None:
        """Answer with a model from now on."""
        options, info, signature = self._options, loaded.info, loaded.predictor.signature
        meter = self._metrics.model(info, signature)
        batcher = Batcher(
            loaded.predictor,
            bounds=QueueBounds(rows=loaded.rows, waiting=options.max_queue, seconds=options.max_wait),
            meter=meter,
            loop=self._loop,
            threads=self._threads,
            now=self._now,
            wall=self._wall,
            expected=loaded.expected,
        )
        if options.log is not None:
            await self._open_log(options.log, loaded, batcher, meter)
        endpoints = protocols.endpoints(signature, info, options.limits, loaded.routes)
        routes = [*self._always(), *self._of_the_model(loaded, endpoints)]
        for endpoint in endpoints:
            answer = batcher.handler(endpoint.codec)
            routes += [self._route(endpoint.method, path, endpoint.handler, answer) for path in endpoint.paths]
        self._batcher = batcher
        self.hub.routes = self._routes(routes, _missing)

    def open(self) -> None:
        """Say from now on that the server is ready: every worker has loaded its model."""
        self._open = True

    def close(self) -> None:
        """Write what the log still holds; called off the loop, when nothing is served any more."""
        if self._log is not None:
            self._log.close(self._options.drain_timeout)

    # routes

    def _routes(self, routes: Iterable[Route], missing: Maker) -> Routes:
        def wrong_method(allowed: tuple[bytes, ...]) -> Route:
            def answer(exchange: Exchange) -> Answer:
                names = b", ".join(allowed)
                refused = Refused(405, "wrong_method", f"{_text(exchange.path)} takes {names.decode()}")
                return _with(error_answer(refused), ((b"allow", names),))

            return self._ordinary("GET", "other", answer)

        return Routes(routes, missing=self._ordinary("GET", "other", missing), wrong_method=wrong_method)

    def _ordinary(self, method: str, path: str, make: Maker) -> Route:
        def answer(exchange: Exchange) -> None:
            try:
                made = make(exchange)
            except Refused as refused:
                made = error_answer(refused)
            except Exception:
                log.exception("%s failed", path)
                made = error_answer(Refused(500, "broken", "this route failed; the server's log says more"))
            exchange.reply(made, self._now())

        return self._route(method, path, path, answer)

    def _route(self, method: str, path: str, handler: str, answer: Handler) -> Route:
        meter = self._metrics.route(handler, method)
        return Route(method=method.encode(), path=path, handler=handler, answer=answer, meter=meter)

    def _always(self) -> list[Route]:
        routes = [
            self._ordinary("GET", "/healthz", lambda _: as_json({"status": "ok"})),
            self._ordinary("GET", "/healthcheck", lambda _: as_json({"status": "ok"})),
            self._ordinary("GET", "/v2/health/live", lambda _: as_json({"live": True})),
            self._route("GET", "/metrics", "/metrics", self._expose),
        ]
        if self._options.admin_token is not None:
            routes.append(self._ordinary("POST", "/admin/reload", self._reload))
        return routes

    def _of_the_model(self, loaded: Loaded, endpoints: tuple[Endpoint, ...]) -> list[Route]:
        info, signature = loaded.info, loaded.predictor.signature
        openapi = as_json(protocols.document(signature, info, endpoints))
        page = Answer(200, protocols.page(signature, info, endpoints), HTML)
        server = as_json(protocols.server_metadata())
        metadata = as_json(protocols.metadata(signature, info))
        ready = as_json({"name": info.name, "ready": True})
        documents = {
            "/": page,
            "/docs": page,
            "/openapi.json": openapi,
            "/v2": server,
            "/v2/": server,
            f"/v2/models/{info.name}": metadata,
            f"/v2/models/{info.name}/versions/{info.version}": metadata,
            f"/v2/models/{info.name}/ready": ready,
            f"/v2/models/{info.name}/versions/{info.version}/ready": ready,
            "/v1/models": as_json({"models": [info.name]}),
            f"/v1/models/{info.name}": ready,
        }
        health = {
            "/readyz": as_json({"status": "ready", "model": info.name, "version": info.version}),
            "/v2/health/ready": as_json({"ready": True}),
        }
        routes = [self._ordinary("GET", path, _always(answer)) for path, answer in documents.items()]
        routes += [self._ordinary("GET", path, self._once_open(answer)) for path, answer in health.items()]
        return [*routes, self._ordinary("POST", "/feedback", self._feedback)]

    # ordinary answers

    def _loading(self, _: Exchange) -> Answer:
        return error_answer(Refused(503, "loading", "the model is being loaded; try again in a second"))

    def _once_open(self, answer: Answer) -> Maker:
        return lambda exchange: answer if self._open else self._loading(exchange)

    def _expose(self, exchange: Exchange) -> None:
        # Formatting takes milliseconds, which no prediction should wait for.
        self._loop.create_task(self._exposition(exchange))

    async def _exposition(self, exchange: Exchange) -> None:
        openmetrics = b"application/openmetrics-text" in exchange.headers.get(b"accept", b"")
        make = partial(render, self._folder, self._options.metrics, openmetrics=openmetrics)
        try:
            answer = Answer(200, await self._loop.run_in_executor(None, make), OPENMETRICS if openmetrics else TEXT)
        except Exception:
            log.exception("the metrics cannot be shown")
            answer = error_answer(Refused(500, "broken", "the metrics cannot be shown; the server's log says more"))
        exchange.reply(answer, self._now())

    def _reload(self, exchange: Exchange) -> Answer:
        given = exchange.headers.get(b"authorization", b"").removeprefix(b"Bearer ")
        if not hmac.compare_digest(given, (self._options.admin_token or "").encode()):
            raise Refused(401, "unauthorized", "the token in `Authorization: Bearer …` is missing or wrong")
        os.kill(os.getppid(), signal.SIGHUP)
        return as_json({"status": "reloading"}, status=202)

    def _feedback(self, exchange: Exchange) -> Answer:
        if self._log is None:
            raise Refused(
                409, "no_log", "labels are kept in the prediction log, which is off; start the server with --log"
            )
        from seatrial.serve.log import read_feedback  # noqa: PLC0415 - only where there is a log

        labels = read_feedback(exchange.body)
        kept = sum(self._log.label(one.request_id, one.row, one.label) for one in labels)
        if kept < len(labels):
            raise Refused(503, "log_full", f"{len(labels) - kept} of {len(labels)} labels could not be kept; try again")
        return as_json({"accepted": kept}, status=202)

    # the prediction log

    async def _open_log(self, options: LogOptions, loaded: Loaded, batcher: Batcher, meter: ModelMeter) -> None:
        from seatrial.serve.log import PredictionLog, check_target, new_worker  # noqa: PLC0415 - only where there is a log

        await self._loop.run_in_executor(None, check_target, options.target)

        def failed(rows: int) -> None:
            meter.log_failed(rows)
            log.warning("the prediction log waits with %d rows: %s", rows, prediction_log.failure)

        self._log = prediction_log = PredictionLog(
            options,
            loaded.info,
            loaded.predictor.signature,
            worker=new_worker(self._wall),
            clock=self._wall,
            on_written=meter.logged,
            on_dropped=meter.dropped,
            on_failed=failed,
        )

        def show(answered: Answered) -> Awaitable[None] | None:
            prediction_log.offer(answered)
            return asyncio.wrap_future(prediction_log.flush(), loop=self._loop) if options.durable else None

        def refused(exchange: Exchange) -> None:
            prediction_log.refused(
                Unanswered(
                    time=self._wall(),
                    request_id=exchange.request_id,
                    handler=exchange.handler,
                    status=exchange.status,
                    received=exchange.received,
                    finished=self._now(),
                )
            )

        batcher.observe(show, refused, before_answers=options.durable)


def as_json(document: Any, *, status: int = 200) -> Answer:  # noqa: ANN401 - whatever JSON holds
    """A JSON answer."""
    return Answer(status, msgspec.json.encode(document))


def _missing(exchange: Exchange) -> Answer:
    return error_answer(Refused(404, "not_found", f"nothing is served at {_text(exchange.path)}; /docs shows what is"))


def _always(answer: Answer) -> Maker:
    return lambda _: answer


def _with(answer: Answer, headers: tuple[tuple[bytes, bytes], ...]) -> Answer:
    return Answer(answer.status, answer.body, answer.content_type, headers)


def _text(path: bytes) -> str:
    return path[:200].decode("utf-8", "replace")
