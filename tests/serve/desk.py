"""A batcher behind real connections without sockets, on a loop that a test turns by hand, with a clock of its own."""

import asyncio
import json
import math
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from seatrial.records.serving import Form, Signature
from seatrial.serve.batching import Batcher, Bounds
from seatrial.serve.codec import Answer, Asked, Refused
from seatrial.serve.http import Bounds as ConnectionBounds
from seatrial.serve.http import Connection, Exchange, Hub, Route, Routes
from seatrial.serve.model import Array, Batch, Outputs, Predictor
from seatrial.serve.protocols.errors import error_answer
from tests.serve.level import Level
from tests.waiting import wait_until


class Clock:
    """Time that stands still unless somebody lets it pass."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        """Seconds."""
        return self.time


class Wire(asyncio.Transport):
    """Keeps what was written to the peer; reads back its only answer."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.connection = connection
        self.written = b""
        connection.connection_made(self)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep it."""
        self.written += data

    def write_eof(self) -> None:
        """The peer sees the end."""

    def get_write_buffer_size(self) -> int:
        """The peer reads everything at once."""
        return 0

    def pause_reading(self) -> None:
        """Nothing comes unless the test sends it."""

    def resume_reading(self) -> None:
        """The same."""

    def leave(self) -> None:
        """The peer goes away."""
        self.connection.connection_lost(None)
        del self.connection

    @property
    def status(self) -> int:
        """Of the answer; 0 while there is none."""
        return int(self.written.split(b" ", 2)[1]) if self.written else 0

    @property
    def headers(self) -> dict[str, str]:
        """Of the answer."""
        lines = self.written.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
        return dict(line.split(": ", 1) for line in lines)

    @property
    def document(self) -> Any:
        """The answer's JSON."""
        return json.loads(self.written.partition(b"\r\n\r\n")[2])


class Lines:
    """A codec: a JSON list of rows in, the list of their predictions out."""

    def decode(self, body: bytes, headers: Mapping[bytes, bytes]) -> Asked:
        """`fault` is one of this codec, and `unspeakable` one that it cannot even tell."""
        assert headers[b":path"] == b"/predict?x=1"
        if body == b"unspeakable":
            raise Refused(422, "unspeakable", "")
        if body == b"fault":
            raise KeyError("a fault in the codec")
        try:
            rows = json.loads(body)
        except ValueError as error:
            raise Refused(400, "not_json", str(error)) from error
        return Asked(self.rows(rows), len(rows))

    def rows(self, rows: list[Any]) -> Batch:
        """As the model takes them."""
        return rows

    def encode(self, asked: Asked, outputs: Outputs, start: int, seconds: float) -> Answer:
        """NaN is refused, and what is no JSON is a fault."""
        assert seconds >= 0
        mine = list(outputs.predictions[start : start + asked.count])
        if any(isinstance(one, float) and math.isnan(one) for one in mine):
            raise Refused(422, "not_finite", "the answer is no number")
        return Answer(200, json.dumps(mine).encode())

    def refuse(self, refused: Refused) -> Answer:
        """As the server's own protocols do."""
        if refused.kind == "unspeakable":
            raise ValueError("a fault in the codec")
        return error_answer(refused)


class Matrices(Lines):
    """The rows as an array of numbers."""

    def rows(self, rows: list[Any]) -> Batch:
        """An array of all."""
        return np.array(rows)


class Tensors(Lines):
    """The rows as the tensor `x`."""

    def rows(self, rows: list[Any]) -> Batch:
        """An array of all, by name."""
        return {"x": np.array(rows)}


class Doubles:
    """A model that doubles each row, in no time unless told.

    Attributes:
        batches: what it was given.
        seconds: that a call takes, on the test's clock.
        gate: closed while a call shall not end; for calls in the thread.
        tricks: what it does on a certain row instead of doubling it.
    """

    def __init__(self, clock: Clock, form: Form = Form.JSON) -> None:
        self.signature = Signature(form=form)
        self.batches: list[Any] = []
        self.seconds: Callable[[int], float] = lambda _: 0.0
        self.gate = threading.Event()
        self.gate.set()
        self.tricks: dict[Any, Callable[[], Any]] = {}
        self._clock = clock

    def predict(self, batch: Batch) -> Outputs:
        """The double of each row."""
        self.batches.append(batch)
        assert self.gate.wait(10)
        rows = _listed(batch)
        self._clock.time += self.seconds(len(rows))
        return Outputs([double for row in rows for double in self._of(row)])

    def _of(self, row: Any) -> list[Any]:
        if isinstance(row, str) and row in self.tricks:
            made = self.tricks[row]()
            return made if isinstance(made, list) else [made]
        return [row * 2]


class Thinks(Doubles):
    """The same, for models that wait for something else."""

    async def predict(self, batch: Batch) -> Outputs:  # type: ignore[override]
        """The double of each row, once the gate is open."""
        self.batches.append(batch)
        while not self.gate.is_set():  # noqa: ASYNC110 - the gate is a thread's, and the test turns the loop by hand
            await asyncio.sleep(0)
        return Outputs([double for row in _listed(batch) for double in self._of(row)])


def _listed(batch: Batch) -> list[Any]:
    if isinstance(batch, Mapping):
        return [float(one.sum()) for one in batch["x"]]
    return batch.tolist() if isinstance(batch, np.ndarray) else list(batch)


@dataclass
class Tally:
    """What the metrics were told."""

    batches: list[int] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    predictions: list[Any] = field(default_factory=list)
    started: int = 0
    statuses: list[int] = field(default_factory=list)
    gone: int = 0

    def batch(self, rows: int, seconds: float) -> None:
        """A call."""
        assert seconds >= 0
        self.batches.append(rows)

    def queued(self, seconds: float) -> None:
        """A wait."""
        self.waits.append(seconds)

    def outputs(self, values: Array | Any) -> None:
        """Predictions."""
        self.predictions += list(values)

    def error(self, kind: str, count: int = 1) -> None:
        """An error."""
        self.errors += [kind] * count


class _RouteMeter:
    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def started(self) -> None:
        self._tally.started += 1

    def answered(self, status: int, seconds: float, received: int, sent: int) -> None:
        assert min(seconds, received, sent) >= 0
        self._tally.statuses.append(status)

    def abandoned(self) -> None:
        self._tally.gone += 1


class Desk:
    """The batcher and all around it.

    Args:
        model: makes the model.
        codec: of POST /predict.
        bounds: of the batcher.
        expected: seconds of one row, as the batcher is told.
    """

    def __init__(
        self,
        model: Callable[[Clock], Doubles] = Doubles,
        *,
        codec: Lines | None = None,
        bounds: Bounds | None = None,
        expected: float = 0.0,
    ) -> None:
        self.clock = Clock()
        self.model = model(self.clock)
        self.tally = Tally()
        self.loop = asyncio.new_event_loop()
        self._threads = ThreadPoolExecutor(1)
        predictor: Predictor = self.model
        self.batcher = Batcher(
            predictor,
            bounds=bounds or Bounds(),
            meter=self.tally,
            loop=self.loop,
            threads=self._threads,
            now=self.clock,
            wall=self.clock,
            expected=expected,
        )
        health = self._route("GET", "/healthz", lambda exchange: exchange.reply(Answer(200, b"{}"), self.clock()))
        self.level = Level()
        self.hub = Hub(
            bounds=ConnectionBounds(),
            routes=Routes(
                [health, self._route("POST", "/predict", self.batcher.handler(codec or Lines()))],
                missing=health,
                wrong_method=lambda _: health,
            ),
            now=self.clock,
            wall=self.clock,
            prefix=b"id-",
            refuse=error_answer,
            broken=health,
            gauge=self.level,
        )

    def __enter__(self) -> Self:
        """Open already."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the thread and the loop."""
        self.model.gate.set()
        self._threads.shutdown()
        self.turn(3)
        self.loop.close()

    def ask(self, *rows: Any, body: bytes | None = None) -> Wire:
        """Send rows on a connection of their own."""
        body = json.dumps(rows).encode() if body is None else body
        return self._send(b"POST /predict?x=1 HTTP/1.1\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))

    def health(self) -> Wire:
        """Ask how the server is."""
        return self._send(b"GET /healthz HTTP/1.1\r\n\r\n")

    def turn(self, times: int = 1) -> None:
        """Let the loop do what is due, so many times."""
        for _ in range(times):
            self.loop.call_soon(self.loop.stop)
            self.loop.run_forever()

    def until(self, condition: Callable[[], object]) -> None:
        """Turn until this is so."""

        def turned() -> object:
            self.turn()
            return condition()

        wait_until(turned)

    def settle(self) -> None:
        """Turn until nothing is left to do."""
        self.until(lambda: self.batcher.idle)

    def _send(self, data: bytes) -> Wire:
        wire = Wire(Connection(self.hub))
        wire.connection.data_received(data)
        return wire

    def _route(self, method: str, path: str, answer: Callable[[Exchange], None]) -> Route:
        return Route(method=method.encode(), path=path, handler=path, answer=answer, meter=_RouteMeter(self.tally))
