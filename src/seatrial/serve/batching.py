"""Adaptive micro-batching: a lone request is answered at once, and those that wait while the model works go together.

There is no timer. All requests that the event loop read in one turn form a batch; a model that takes longer than a
moment works in a thread, and whatever arrives meanwhile is the next batch. Load makes batches, and nothing else does.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np

from seatrial.records.serving import Form
from seatrial.serve.codec import Answer, Asked, Codec, Refused
from seatrial.serve.http.exchange import Exchange
from seatrial.serve.log.answered import Answered
from seatrial.serve.model import Array, Batch, Outputs, Predictor, is_async
from seatrial.serve.pace import Pace

# A model may call sys.exit, or lose a task of its own. That fails a request, not the server.
FAILURES = (Exception, SystemExit, asyncio.CancelledError)

log = logging.getLogger("seatrial.serve")


class Meter(Protocol):
    """What the batcher tells the metrics; see `serve.metrics.ModelMeter`."""

    def batch(self, rows: int, seconds: float) -> None:
        """The model was called once."""
        ...

    def queued(self, seconds: float) -> None:
        """A request waited so long."""
        ...

    def outputs(self, values: Array | Sequence[Any]) -> None:
        """The model answered these."""
        ...

    def error(self, kind: str, count: int = 1) -> None:
        """Requests were not answered with a prediction."""
        ...


Observer = Callable[[Answered], Awaitable[None] | None]
"""Sees each batch after its answers were sent; where it returns an awaitable, before, and they wait for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Of the batches and the queue.

    Attributes:
        rows: of one call of the model; one request with more goes alone.
        waiting: requests in the queue.
        size: bytes of the bodies in the queue.
        seconds: that a request may have to wait, by the model's recent speed; one that nothing waits before is always
            taken, or a model slower than this would answer nobody.
    """

    rows: int = 256
    waiting: int = 1024
    size: int = 128 * 1024 * 1024
    seconds: float = 1.0


class Batcher:
    """The queue before one model.

    Args:
        predictor: the model.
        bounds: of batches and queue.
        meter: counts.
        loop: on which everything here but a slow model runs.
        threads: one worker thread, for models that take longer than a moment.
        now, wall: monotonic seconds, and seconds since the epoch.
        expected: seconds of one call, as measured when the model was warmed.
    """

    def __init__(
        self,
        predictor: Predictor,
        *,
        bounds: Bounds,
        meter: Meter,
        loop: asyncio.AbstractEventLoop,
        threads: Executor,
        now: Callable[[], float],
        wall: Callable[[], float],
        expected: float = 0.0,
    ) -> None:
        self._predictor = predictor
        self._form = predictor.signature.form
        self._asynchronous = is_async(predictor)
        self._bounds = bounds
        self._meter = meter
        self._loop = loop
        self._threads = threads
        self._now = now
        self._wall = wall
        self._pace = Pace(expected)
        self._queue: deque[Exchange] = deque()
        self._rows = 0
        self._size = 0
        self._suspects: deque[list[Exchange]] = deque()
        self._working = False
        self._until = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._observer: Observer | None = None
        self._refusals: Callable[[Exchange], None] | None = None
        self._before_answers = False

    def observe(self, observer: Observer, refusals: Callable[[Exchange], None], *, before_answers: bool) -> None:
        """Let others see what happens.

        Args:
            observer: sees each batch that the model answered. If it fails, that is logged.
            refusals: sees each request that came to no batch, after its answer.
            before_answers: hold the answers of a batch until the observer's awaitable is done. If it fails, they are
                500: who asks for this wants no answer that was not seen.
        """
        self._observer = observer
        self._refusals = refusals
        self._before_answers = before_answers

    def handler(self, codec: Codec) -> Callable[[Exchange], None]:
        """A route's handler: decode, queue, and later encode."""

        def answer(exchange: Exchange) -> None:
            headers = exchange.headers
            headers[b":path"] = exchange.target
            exchange.codec = codec
            try:
                exchange.asked = asked = codec.decode(exchange.body, headers)
                exchange.count = asked.count
                self._submit(exchange)
            except Refused as refused:
                self._refuse(exchange, refused)
            except Exception:
                log.exception("a request could not be read")
                self._refuse(exchange, Refused(500, "broken", "the server failed on this request; its log says more"))

        return answer

    @property
    def idle(self) -> bool:
        """Whether nothing waits, the model rests, and all answers were sent."""
        return not self._working and not self._tasks

    # the queue

    def _submit(self, exchange: Exchange) -> None:
        queue, bounds, count = self._queue, self._bounds, exchange.count
        # While no call takes longer than a moment (`_until` is 0) nobody waits for longer than a few.
        if queue and (
            len(queue) >= bounds.waiting
            or self._size > bounds.size
            or (self._until and self._wait(count) > bounds.seconds)
        ):
            raise Refused(503, "overloaded", "too many requests are waiting; try again in a second")
        queue.append(exchange)
        self._rows += count
        self._size += len(exchange.body)
        if not self._working:
            self._working = True
            self._loop.call_soon(self._work)

    def _wait(self, rows: int) -> float:
        """Seconds that a request would be answered later for what is before it and with it."""
        most, pace = self._bounds.rows, self._pace
        batches, others = divmod(self._rows, most)
        rest = max(0.0, self._until - self._now())
        return rest + batches * pace.of(most) + pace.of(others + rows) - pace.of(rows)

    def _take(self) -> list[Exchange]:
        """The next batch; who has gone is passed over."""
        if self._suspects:
            return _numbered(self._suspects.popleft())
        queue, most, tensors = self._queue, self._bounds.rows, self._form is Form.TENSORS
        taken: list[Exchange] = []
        rows = 0
        while queue:
            exchange = queue[0]
            count = exchange.count
            if taken and (rows + count > most or (tensors and not _fit(taken[0].asked, exchange.asked))):
                break
            queue.popleft()
            self._rows -= count
            self._size -= len(exchange.body)
            if not exchange.connection.lost:
                exchange.start = rows
                rows += count
                taken.append(exchange)
        return taken

    # the model

    def _work(self) -> None:
        """Call the model with what waits, or rest."""
        requests = self._take()
        if not requests:
            self._go_on()
            return
        rows = requests[-1].start + requests[-1].count
        if self._asynchronous or not self._pace.quick(rows):
            self._until = self._now() + self._pace.of(rows)
            self._spawn(self._aside(requests, rows))
        else:
            self._inline(requests, rows)

    def _go_on(self) -> None:
        if self._queue or self._suspects:
            self._loop.call_soon(self._work)
        else:
            self._working = False

    def _inline(self, requests: list[Exchange], rows: int) -> None:
        begun = self._now()
        try:
            batch = _combine(self._form, requests)
            outputs = _checked(cast("Outputs", self._predictor.predict(batch)), rows)
        except FAILURES as error:
            self._failed(requests, error)
        else:
            self._succeeded(requests, rows, batch, outputs, begun)
        self._go_on()

    async def _aside(self, requests: list[Exchange], rows: int) -> None:
        begun = self._now()
        try:
            batch = _combine(self._form, requests)
            outputs = _checked(await self._call(batch), rows)
        except FAILURES as error:
            if _ending():
                raise
            self._failed(requests, error)
        else:
            self._succeeded(requests, rows, batch, outputs, begun)
        self._until = 0.0
        self._go_on()

    async def _call(self, batch: Batch) -> Outputs:
        predict = self._predictor.predict
        if self._asynchronous:
            return await cast("Awaitable[Outputs]", predict(batch))
        return await self._loop.run_in_executor(self._threads, _in_thread, predict, batch)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # the answers

    def _succeeded(self, requests: list[Exchange], rows: int, batch: Batch, outputs: Outputs, begun: float) -> None:
        finished = self._now()
        seconds = finished - begun
        self._pace.learn(rows, seconds)
        if self._observer is None:
            self._answer(requests, outputs, finished)
        else:
            answered = Answered(
                time=self._wall(),
                begun=begun,
                model_seconds=seconds,
                finished=finished,
                requests=requests,
                batch=batch,
                outputs=outputs,
            )
            self._answer_and_show(requests, answered, self._observer)
        try:
            self._count(requests, rows, outputs, begun, seconds)
        except Exception:
            log.exception("a batch was answered, but not counted")

    def _answer_and_show(self, requests: list[Exchange], answered: Answered, observer: Observer) -> None:
        if self._before_answers:
            self._spawn(self._show_then_answer(requests, answered, observer))
            return
        self._answer(requests, answered.outputs, answered.finished)
        try:
            observer(answered)
        except Exception:
            log.exception("a batch was answered, but not recorded")

    def _answer(self, requests: list[Exchange], outputs: Outputs, now: float) -> None:
        for exchange in requests:
            try:
                exchange.reply(
                    exchange.codec.encode(exchange.asked, outputs, exchange.start, now - exchange.received), now
                )
            except Exception as error:  # noqa: BLE001 - whatever it is, there is an answer
                exchange.reply(self._unwritten(exchange, error), now)

    def _count(self, requests: list[Exchange], rows: int, outputs: Outputs, begun: float, seconds: float) -> None:
        meter = self._meter
        meter.batch(rows, seconds)
        meter.outputs(outputs.predictions)
        queued = meter.queued
        for exchange in requests:
            queued(begun - exchange.received)

    async def _show_then_answer(self, requests: list[Exchange], answered: Answered, observer: Observer) -> None:
        outputs, finished = answered.outputs, answered.finished
        answers = [self._written(exchange, outputs, finished) for exchange in requests]
        for exchange, answer in zip(requests, answers, strict=True):
            exchange.status = answer.status
        try:
            shown = observer(answered)
            if shown is not None:
                await shown
        except Exception:
            log.exception("a batch could not be recorded, so it is not answered")
            unseen = Refused(503, "not_recorded", "the prediction could not be recorded, and is not given unrecorded")
            answers = [self._refusal(exchange, unseen) for exchange in requests]
        now = self._now()
        for exchange, answer in zip(requests, answers, strict=True):
            exchange.reply(answer, now)

    def _written(self, exchange: Exchange, outputs: Outputs, now: float) -> Answer:
        try:
            return exchange.codec.encode(exchange.asked, outputs, exchange.start, now - exchange.received)
        except Exception as error:  # noqa: BLE001 - whatever it is, there is an answer
            return self._unwritten(exchange, error)

    def _unwritten(self, exchange: Exchange, error: Exception) -> Answer:
        if isinstance(error, Refused):
            return self._refusal(exchange, error)
        log.error("the model's answer could not be written", exc_info=error)
        return self._refusal(exchange, _explained(error))

    # what got no prediction

    def _failed(self, requests: list[Exchange], error: BaseException) -> None:
        """One request alone is told; several are asked again by halves, so that one bad row fails alone."""
        if len(requests) > 1:
            middle = len(requests) // 2
            self._suspects.extend((requests[:middle], requests[middle:]))
            return
        refused = _explained(error)
        if refused.status >= 500:  # noqa: PLR2004 - HTTP
            log.error("the model failed", exc_info=error)
        self._refuse(requests[0], refused)

    def _refuse(self, exchange: Exchange, refused: Refused) -> None:
        exchange.reply(self._refusal(exchange, refused), self._now())
        if self._refusals is not None:
            try:
                self._refusals(exchange)
            except Exception:
                log.exception("a request was refused, but not recorded")

    def _refusal(self, exchange: Exchange, refused: Refused) -> Answer:
        self._meter.error(refused.kind)
        try:
            return exchange.codec.refuse(refused)
        except Exception:
            log.exception("a refusal could not be written")
            return Answer(500, b'{"error":"the server failed on this request; its log says more"}')


def _numbered(requests: Iterable[Exchange]) -> list[Exchange]:
    """Those who are still there, with their rows in one batch."""
    taken: list[Exchange] = []
    rows = 0
    for exchange in requests:
        if not exchange.connection.lost:
            exchange.start = rows
            rows += exchange.count
            taken.append(exchange)
    return taken


def _in_thread(predict: Callable[[Batch], Any], batch: Batch) -> Outputs:
    try:
        return cast("Outputs", predict(batch))
    except StopIteration as error:
        # A future cannot carry it, and whoever awaits that one would wait for ever.
        raise RuntimeError("the model raised StopIteration") from error


def _checked(outputs: Outputs, rows: int) -> Outputs:
    answers = len(outputs.predictions)
    if answers != rows:
        raise RuntimeError(f"the model gave {answers} answers for {rows} rows")
    return outputs


def _ending() -> bool:
    """Whether the server is ending and cancels this task, rather than the model one of its own."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _fit(one: Asked, other: Asked) -> bool:
    """Whether the tensors of two requests can be in one batch: they need equal shapes behind the first axis."""
    ours = cast("Mapping[str, Array]", one.batch)
    theirs = cast("Mapping[str, Array]", other.batch)
    return ours.keys() == theirs.keys() and all(ours[name].shape[1:] == theirs[name].shape[1:] for name in ours)


def _combine(form: Form, requests: Sequence[Exchange]) -> Batch:
    """One batch of all rows, in the order of the requests."""
    if len(requests) == 1:
        return requests[0].asked.batch
    batches = [exchange.asked.batch for exchange in requests]
    if form is Form.TENSORS:
        tensors = cast("list[Mapping[str, Array]]", batches)
        return {name: np.concatenate([one[name] for one in tensors]) for name in tensors[0]}
    rows: list[Any] = []
    for batch in batches:
        if isinstance(batch, np.ndarray):
            return np.concatenate([np.asarray(one) for one in batches])
        rows += cast("list[Any]", batch)
    return rows


def _explained(error: BaseException) -> Refused:
    """What a caller is told of a model's failure.

    An exception with a `status` from 400 to 599 is the model's own answer (an unknown user, say), and its text is told;
    of any other only the type, since its text may hold what is not the caller's.
    """
    status = getattr(error, "status", None)
    if isinstance(status, int) and 400 <= status <= 599:  # noqa: PLR2004 - HTTP
        return Refused(status, "refused_by_model", str(error))
    return Refused(500, "model_failed", f"the model failed on this request ({type(error).__name__})")
