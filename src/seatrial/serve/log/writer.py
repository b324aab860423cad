"""The prediction log of one server process: the hot path appends a reference, a thread does everything else.

    event loop ── offer ──> deque ──(thread)──> columns ──> lane ──> segment ──(courier)──> directory or bucket

The thread shares the interpreter with the event loop, so it works in steps of about a millisecond and rests between
them; what takes longer (syncing, the network) happens outside the interpreter, and in the courier's thread.

Fork: make the log in the process that answers, never before a fork. Threads do not survive one.
"""

import os
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from seatrial.records.errors import TemporaryError, UsageError
from seatrial.records.serving import ModelInfo, Signature
from seatrial.records.telemetry import PREDICTIONS
from seatrial.serve.log.answered import Answered, Label, Unanswered
from seatrial.serve.log.columns import PIECE
from seatrial.serve.log.courier import Courier
from seatrial.serve.log.lane import Sealed
from seatrial.serve.log.places import open_place
from seatrial.serve.log.scribe import Entry, Mark, Scribe, Stamped
from seatrial.serve.log.upkeep import Upkeep
from seatrial.serve.options import LogOptions

_TICK = 0.05
_GATHER_SECONDS = 0.25
_REST = 0.0002
_SHARE = 32
_FIRST_RETRY, _LAST_RETRY, _CLOSING_RETRY = 0.5, 30.0, 0.2
_CLOSED = -1
_SHOWN = 300


def new_worker(clock: Callable[[], float] = time.time) -> str:
    """A name that no other writer has, now or later: start, process and 64 random bits."""
    return f"{datetime.fromtimestamp(clock(), UTC):%Y%m%dT%H%M%S}_{os.getpid()}_{secrets.token_hex(8)}"


def check_target(target: str) -> None:
    """Writes a small file and removes it, for an early error where the log could never be written.

    Raises:
        UsageError: it can't be written; says why.
    """
    place = open_place(target)
    probe = f"{PREDICTIONS}/.probe-{secrets.token_hex(8)}"
    try:
        place.write(probe, b"seatrial")
        with suppress(Exception):
            place.delete([probe])
    except Exception as error:  # noqa: BLE001 - whatever it is, the log can't be written
        remedy = "name a directory or bucket that this user may write; AWS_… variables hold a bucket's credentials"
        what = f"the prediction log can't be written: {_reason(error)}"
        raise UsageError(what, where=f"--log {target}", remedy=remedy) from None


@dataclass(frozen=True, slots=True)
class Flush:
    """Who waits for all rows before a point."""

    mark: Mark
    futures: list[Future[None]]


class PredictionLog:
    """Writes what was answered to Parquet segments, off the hot path, and never fails the server.

    `offer`, `refused`, `label` and `flush` are for one thread, the event loop's. Rows are dropped and counted where
    more wait than the buffer holds. While the place can't be written, rows wait and writing is tried again.

    Args:
        options: where, how much and how often.
        info: the model; a reload that changes model or signature makes a new log, with a new worker name.
        signature: of the model.
        worker: from `new_worker`; without `-` and `/`.
        clock: unix seconds.
        monotonic: seconds that never go back.
        on_written: told how many rows are in their place now (predictions and labels).
        on_dropped: told how many rows are lost.
        on_failed: told how many rows wait after an attempt to write that failed; `failure` says why.

    Raises:
        UsageError: the target is none, or the extra `log` is missing.
    """

    def __init__(
        self,
        options: LogOptions,
        info: ModelInfo,
        signature: Signature,
        *,
        worker: str,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        on_written: Callable[[int], object],
        on_dropped: Callable[[int], object],
        on_failed: Callable[[int], object],
    ) -> None:
        if not worker or set(worker) & set("-/"):
            raise ValueError(f"a worker's name has neither - nor /: {worker!r}")
        self._clock, self._monotonic = clock, monotonic
        self._flush_seconds, self._bound = options.flush_seconds, options.buffer_rows
        self._on_written, self._on_dropped, self._on_failed = on_written, on_dropped, on_failed
        place = open_place(options.target)
        self._scribe = Scribe(options, info, signature, worker=worker, rest=_rest)
        self._upkeep = Upkeep(
            place,
            worker=worker,
            target_rows=options.segment_rows,
            retain_days=options.retain_days,
            clock=clock,
            rest=_rest,
        )
        # Each of the counters is written by one thread only, so that none needs a lock.
        self._offered = self._taken = self._settled = 0
        self._entries: deque[tuple[int, Entry]] = deque()
        self._requests: deque[Future[None]] = deque()
        self._wake = threading.Event()
        self._asleep = self._ended = False
        self._give_up = float("inf")
        self._oldest: float | None = None
        self._next_gathering = 0.0
        self._goal = self._scribe.mark()
        self._flushes: deque[Flush] = deque()
        self._under_way: tuple[Sealed, Future[None]] | None = None
        self._retry_at = self._retry_after = 0.0
        self._error: BaseException | None = None
        self._courier = Courier(place, self._wake.set)
        self._thread = threading.Thread(target=self._run, name="seatrial-log", daemon=True)
        self._thread.start()
        self._upkeep.start()

    @property
    def waiting(self) -> int:
        """Rows that were taken and aren't in their place yet."""
        return self._offered - self._settled

    @property
    def failure(self) -> str | None:
        """What is wrong, in one line; None while all is well."""
        error = self._error or self._scribe.unreadable or self._upkeep.failure
        return None if error is None else _reason(error)

    def offer(self, answered: Answered) -> bool:
        """Takes the rows of a batch; False where they were dropped."""
        last = answered.requests[-1]
        return self._take(last.start + last.count, answered)

    def refused(self, one: Unanswered) -> bool:
        """Takes a request that was refused or failed, as one row; False where it was dropped."""
        return self._take(1, one)

    def label(self, request_id: str, row: int, label: object) -> bool:
        """Takes a label; False where it was dropped. Those of requests outside the sample are taken and left out."""
        one = Label(request_id=request_id, row=row, label=label)
        return self._take(1, Stamped(time=self._clock(), label=one))

    def flush(self) -> Future[None]:
        """Done when everything that was taken so far is in its place, and survives a power cut.

        Many flushes share a segment. Where it can't be written, the result is a TemporaryError; the rows stay, and are
        tried again.
        """
        future: Future[None] = Future()
        self._requests.append(future)
        self._wake.set()
        if self._ended:
            self._answer_requests()
        return future

    def close(self, timeout: float) -> None:
        """Takes nothing more and writes what waits; what is left after `timeout` seconds counts as dropped."""
        self._give_up = min(self._give_up, self._monotonic() + timeout)
        self._bound = _CLOSED
        self._wake.set()
        self._thread.join(timeout)
        self._upkeep.stop(max(0.0, self._give_up - self._monotonic()))

    def _take(self, rows: int, entry: Entry) -> bool:
        if self._offered - self._settled + rows > self._bound:
            self._on_dropped(rows)
            return False
        self._entries.append((rows, entry))
        self._offered += rows
        if self._asleep:
            self._wake.set()
        return True

    # What follows runs in the log's thread.

    def _run(self) -> None:
        while not self._ended:
            self._await_work()
            try:
                self._work()
            except BaseException as error:  # noqa: BLE001 - a panic of arro3 is no Exception, and must not end the thread
                self._fail(error)
            self._end_if_closed()
        self._courier.stop()
        self._answer_requests()

    def _work(self) -> None:
        now = self._monotonic()
        flushes = self._requested()
        everything = bool(flushes) or self._is_due(now) or self._closing
        self._gather(everything=everything or now >= self._next_gathering)
        if self._closing:
            self._retry_at = min(self._retry_at, now + _CLOSING_RETRY)
        if everything:
            self._goal = self._scribe.mark()
            self._flushes += [Flush(self._goal, flushes)] if flushes else []
            # What comes from here on has the whole time before it.
            self._oldest = now
        self._deliver()
        self._answer_flushes()
        if not self.waiting:
            self._oldest = None

    def _gather(self, *, everything: bool) -> None:
        """Converts what waits: all of it, or as much as is worth converting together."""
        stop = self._offered
        while self._taken < stop and (everything or stop - self._taken >= PIECE):
            # The more there is, the more is done between two rests, or a busy server would never let it catch up.
            rows, some = self._pop(max(PIECE, (stop - self._taken) // _SHARE))
            self._taken += rows
            done = self._scribe.convert(some)
            self._settled += rows - done.kept
            if done.lost:
                self._on_dropped(done.lost)
        if everything:
            self._next_gathering = self._monotonic() + _GATHER_SECONDS

    def _pop(self, enough: int) -> tuple[int, list[Entry]]:
        rows, some = 0, []
        while self._entries and rows < enough:
            count, entry = self._entries.popleft()
            rows += count
            some.append(entry)
        return rows, some

    def _deliver(self) -> None:
        """Sees to what is under way, and sends what is next."""
        if self._under_way is not None:
            sealed, sent = self._under_way
            if not sent.done():
                return
            self._under_way = None
            sent.result()
            self._arrived(sealed)
        if self._error is None or self._monotonic() >= self._retry_at:
            following = self._scribe.next(self._goal)
            if following is not None:
                self._send(following)

    def _send(self, sealed: Sealed) -> None:
        try:
            content = self._scribe.encode(sealed)
        except BaseException:
            # It would fail again and again, and nothing behind it would ever be written.
            self._scribe.done(sealed)
            self._settled += sealed.rows
            self._on_dropped(sealed.rows)
            raise
        self._under_way = sealed, self._courier.send(sealed.path, content)

    def _arrived(self, sealed: Sealed) -> None:
        self._scribe.done(sealed)
        self._error, self._retry_at, self._retry_after = None, 0.0, 0.0
        self._settled += sealed.rows
        self._on_written(sealed.rows)
        self._upkeep.wrote(sealed.kind, sealed.day, sealed.number)

    def _fail(self, error: BaseException) -> None:
        self._error = error
        longest = _CLOSING_RETRY if self._closing else _LAST_RETRY
        self._retry_after = min(longest, max(_FIRST_RETRY, self._retry_after * 2))
        self._retry_at = self._monotonic() + self._retry_after
        self._on_failed(self.waiting)
        self._answer_flushes()

    @property
    def _closing(self) -> bool:
        return self._bound == _CLOSED

    def _is_due(self, now: float) -> bool:
        return self._oldest is not None and now >= self._oldest + self._flush_seconds

    def _await_work(self) -> None:
        if self._oldest is None:
            self._asleep = True
            # What was offered before that line is seen here; what comes after it wakes.
            if not (self._entries or self._requests or self._closing):
                self._wake.wait()
            self._asleep = False
            self._oldest = self._monotonic()
        elif not self._requests:
            self._wake.wait(_TICK)
        self._wake.clear()

    def _end_if_closed(self) -> None:
        if self._closing and (not self.waiting or self._monotonic() >= self._give_up):
            if self.waiting:
                self._on_dropped(self.waiting)
            self._ended = True

    def _requested(self) -> list[Future[None]]:
        return [self._requests.popleft() for _ in range(len(self._requests))]

    def _answer_flushes(self) -> None:
        """Those that are done; and where nothing can be written, all."""
        while self._flushes and (self._error is not None or self._scribe.reached(self._flushes[0].mark)):
            _answer(self._flushes.popleft().futures, self._error)

    def _answer_requests(self) -> None:
        """What is asked after the end."""
        lost = TimeoutError("the log was closed before everything was written") if self.waiting else None
        while self._flushes:
            _answer(self._flushes.popleft().futures, self._error or lost)
        _answer(self._requested(), self._error or lost)


def _answer(futures: Iterable[Future[None]], error: BaseException | None) -> None:
    for future in futures:
        if not future.set_running_or_notify_cancel():
            continue
        if error is None:
            future.set_result(None)
        else:
            what = f"the prediction log can't be written: {_reason(error)}"
            future.set_exception(TemporaryError(what, remedy="it is tried again; see the log's target"))


def _rest() -> None:
    """Leaves the interpreter to the event loop for a moment; a shorter sleep would take it back before that wakes."""
    time.sleep(_REST)


def _reason(error: BaseException) -> str:
    line = next(iter(str(error).splitlines()), "")
    return f"{type(error).__name__}: {line}"[:_SHOWN]
