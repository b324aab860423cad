"""Micro-batching: nobody waits for company, company goes together, and nobody pays for another's fault."""

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from seatrial.records.serving import Form
from seatrial.serve.batching import Bounds
from seatrial.serve.http import Exchange
from seatrial.serve.log.answered import Answered
from seatrial.serve.model import Batch, Outputs
from tests.serve.desk import Desk, Doubles, Matrices, Tensors, Thinks, Wire

SLOW = 0.1
"""Seconds of a call that is no matter of a moment."""


@pytest.fixture
def desk() -> Iterator[Desk]:
    """A quick model."""
    with Desk() as one:
        yield one


@pytest.fixture
def slow() -> Iterator[Desk]:
    """A model that is known to be slow, and so works in the thread; it takes `SLOW` a call."""
    with Desk(expected=SLOW) as one:
        one.model.seconds = lambda _: SLOW
        yield one


def raising(error: BaseException) -> Callable[[], Any]:
    """A trick that fails."""

    def act() -> Any:
        raise error

    return act


def begin(slow: Desk, *rows: Any) -> Wire:
    """Ask, and wait until the model works at it without an end."""
    slow.model.gate.clear()
    before = len(slow.model.batches)
    wire = slow.ask(*rows)
    slow.until(lambda: len(slow.model.batches) > before)
    return wire


# together and alone


def test_lone_request_is_answered_at_once(desk: Desk) -> None:
    """One turn of the loop after its last byte a lone request has its answer: no timer waits for others."""
    wire = desk.ask(1, 2)
    desk.turn()
    assert (200, [2, 4]) == (wire.status, wire.document)
    assert desk.batcher.idle


def test_requests_of_one_turn_go_together(desk: Desk) -> None:
    """What was read in one turn of the loop is one call, and everybody gets their own answers."""
    wires = [desk.ask(number, number + 100) for number in range(5)]
    desk.turn()
    assert [[2 * number, 2 * number + 200] for number in range(5)] == [wire.document for wire in wires]
    assert [10] == desk.tally.batches


def test_requests_that_wait_while_the_model_works_go_together(slow: Desk) -> None:
    """All that come while a slow model works are its next batch."""
    first = begin(slow, 0)
    later = [slow.ask(number) for number in range(1, 21)]
    slow.turn(5)
    assert 0 == first.status
    slow.model.gate.set()
    slow.settle()
    assert [[2 * number] for number in range(21)] == [wire.document for wire in [first, *later]]
    assert [1, 20] == slow.tally.batches


def test_server_answers_others_while_a_slow_model_works(slow: Desk) -> None:
    """A slow model works in a thread: health is answered meanwhile."""
    begin(slow, 1)
    assert 200 == slow.health().status


def test_first_slow_call_moves_the_model_to_the_thread(desk: Desk) -> None:
    """A model that turns out to be slow leaves the loop alone from its second call."""
    desk.model.seconds = lambda _: SLOW
    desk.ask(1)
    desk.turn()
    desk.model.gate.clear()
    wire = desk.ask(2)
    desk.until(lambda: len(desk.model.batches) == 2)
    assert 200 == desk.health().status
    desk.model.gate.set()
    desk.settle()
    assert [4] == wire.document


def test_batches_keep_their_bound() -> None:
    """A batch has no more rows than the bound; one request with more goes alone."""
    with Desk(bounds=Bounds(rows=4)) as desk:
        wires = [desk.ask(*range(count)) for count in (1, 2, 2, 7, 1, 3, 1)]
        desk.settle()
        assert [[2 * row for row in range(count)] for count in (1, 2, 2, 7, 1, 3, 1)] == [w.document for w in wires]
        assert [3, 2, 7, 4, 1] == desk.tally.batches


def test_async_models_get_batches() -> None:
    """What comes while a coroutine waits for something is its next batch, and others are answered meanwhile."""
    with Desk(Thinks) as desk:
        first = begin(desk, 0)
        later = [desk.ask(number) for number in range(1, 6)]
        assert 200 == desk.health().status
        desk.turn(5)
        desk.model.gate.set()
        desk.settle()
        assert [[2 * number] for number in range(6)] == [wire.document for wire in [first, *later]]
        assert [1, 5] == desk.tally.batches


def test_arrays_and_rows_go_together() -> None:
    """Rows from JSON and an array from a tensor are one array for the model."""
    with Desk(functools.partial(Doubles, form=Form.COLUMNS), codec=Matrices()) as desk:
        one, two = desk.ask([1, 2]), desk.ask([3.5, 4], [5, 6])
        desk.turn()
        (batch,) = desk.model.batches
        assert [[1.0, 2.0], [3.5, 4.0], [5.0, 6.0]] == batch.tolist()
        assert 200 == one.status == two.status


def test_tensors_of_one_shape_go_together() -> None:
    """Requests whose tensors differ behind the first axis are separate calls; each is answered with its own."""
    with Desk(functools.partial(Doubles, form=Form.TENSORS), codec=Tensors()) as desk:
        wires = [desk.ask(*rows) for rows in ([[1, 2]], [[3, 4], [5, 6]], [[7, 8, 9]], [[10, 11]])]
        desk.settle()
        assert [[6.0], [14.0, 22.0], [48.0], [42.0]] == [wire.document for wire in wires]
        assert [(3, 2), (1, 3), (1, 2)] == [batch["x"].shape for batch in desk.model.batches]


def test_arrays_that_do_not_fit_are_asked_alone() -> None:
    """Rows that cannot be one array fail no one."""
    with Desk(functools.partial(Doubles, form=Form.COLUMNS), codec=Matrices()) as desk:
        desk.model.tricks = {}
        one, two = desk.ask(1.0, 2.0), desk.ask([1.0, 2.0])
        desk.settle()
        assert ([2.0, 4.0], 200) == (one.document, two.status)


# faults


def test_bad_row_fails_alone(desk: Desk) -> None:
    """Among a hundred requests the one that the model can't answer gets 500, the others their answers."""
    desk.model.tricks["poison"] = raising(ValueError("the row holds a secret"))
    wires = [desk.ask("poison" if number == 37 else number) for number in range(100)]
    desk.settle()
    assert [37] == [number for number, wire in enumerate(wires) if wire.status == 500]
    assert [[2 * number] for number in range(100) if number != 37] == [w.document for w in wires if w.status == 200]
    assert "the model failed on this request (ValueError)" == wires[37].document["error"]
    assert ["model_failed"] == desk.tally.errors


def test_bad_row_costs_a_few_calls(desk: Desk) -> None:
    """The bad one among 64 is found by halves, in a dozen calls and not in 64."""
    desk.model.tricks["poison"] = raising(ValueError())
    for number in range(64):
        desk.ask("poison" if number == 20 else number)
    desk.settle()
    assert len(desk.model.batches) <= 1 + 2 * 6


@hypothesis.given(
    asked=st.lists(st.lists(st.sampled_from([1, 2, 3, "bad", "short", "nan"]), min_size=1, max_size=5), max_size=30),
    most=st.integers(1, 12),
    waves=st.integers(1, 4),
)
def test_everybody_gets_what_their_own_rows_deserve(asked: list[list[Any]], most: int, waves: int) -> None:
    """Whatever comes together: good requests are answered right, bad ones told, each once; bounds hold."""
    with Desk(bounds=Bounds(rows=most)) as desk:
        desk.model.tricks = {"bad": raising(ValueError()), "short": list, "nan": lambda: float("nan")}
        wires = []
        for number, rows in enumerate(asked):
            wires.append(desk.ask(*rows))
            if number % waves == 0:
                desk.turn()
        desk.settle()
        for rows, wire in zip(asked, wires, strict=True):
            if "bad" in rows or "short" in rows:
                assert 500 == wire.status
            elif "nan" in rows:
                assert 422 == wire.status
            else:
                assert (200, [2 * row for row in rows]) == (wire.status, wire.document)
        assert all(rows <= max(most, *map(len, asked)) for rows in desk.tally.batches)
        assert len(asked) == desk.tally.started == len(desk.tally.statuses)


@pytest.mark.parametrize("answers", [[], [1, 2]])
def test_wrong_number_of_answers_fails_alone(desk: Desk, answers: list[int]) -> None:
    """A row to which the model gives no answer, or two, is 500; its neighbours are answered."""
    desk.model.tricks["odd"] = lambda: answers
    wires = [desk.ask(1), desk.ask("odd"), desk.ask(3)]
    desk.settle()
    assert [200, 500, 200] == [wire.status for wire in wires]


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RecursionError(), SystemExit(3), StopIteration(), asyncio.CancelledError(), KeyError("x")],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize(("model", "expected"), [(Doubles, 0.0), (Doubles, SLOW), (Thinks, 0.0)])
def test_nothing_that_a_model_raises_ends_the_server(
    model: type[Doubles], expected: float, error: BaseException
) -> None:
    """On the loop, in the thread or in a task: the request that it was about gets 500, the next is answered."""
    with Desk(model, expected=expected) as desk:
        desk.model.tricks["bad"] = raising(error)
        bad = desk.ask("bad")
        desk.settle()
        good = desk.ask(1)
        desk.settle()
        assert (500, 200) == (bad.status, good.status)


class Careless(Doubles):
    """A model that keeps to no contract.

    Attributes:
        made: what it returns.
    """

    made: Any = None

    def predict(self, batch: Batch) -> Outputs:
        """Whatever."""
        del batch
        return self.made  # type: ignore[no-any-return]


@pytest.mark.parametrize("made", [None, 5, [1, 2]])
def test_model_that_returns_something_else_is_500(made: Any) -> None:
    """What is no `Outputs` at all is the model's fault, and told so."""
    with Desk(Careless) as desk:
        desk.model.made = made  # type: ignore[attr-defined]
        wires = [desk.ask(1), desk.ask(2)]
        desk.settle()
        assert [500, 500] == [wire.status for wire in wires]


class Unknown(Exception):  # noqa: N818 - a user's own
    """A model's own answer."""

    def __init__(self, status: Any) -> None:
        super().__init__("no such user: 7")
        self.status = status


@pytest.mark.parametrize("status", [404, 409, 422, 503])
def test_model_may_refuse_by_status(desk: Desk, status: int) -> None:
    """An exception with a `status` is the model's own answer, and its text is told."""
    desk.model.tricks["bad"] = raising(Unknown(status))
    wire = desk.ask("bad")
    desk.settle()
    assert (status, "no such user: 7") == (wire.status, wire.document["error"])
    assert ["refused_by_model"] == desk.tally.errors


@pytest.mark.parametrize("status", [200, 99, 600, "404", None])
def test_other_statuses_are_faults(desk: Desk, status: Any) -> None:
    """A `status` that is no HTTP error says nothing, and the text is kept from the caller."""
    desk.model.tricks["bad"] = raising(Unknown(status))
    wire = desk.ask("bad")
    desk.settle()
    assert (500, "the model failed on this request (Unknown)") == (wire.status, wire.document["error"])


def test_answer_that_cannot_be_written_fails_alone(desk: Desk) -> None:
    """What the codec can't write is 500 for its own request."""
    desk.model.tricks["odd"] = object
    wires = [desk.ask(1), desk.ask("odd"), desk.ask(3)]
    desk.settle()
    assert [200, 500, 200] == [wire.status for wire in wires]


def test_refused_answers_are_told(desk: Desk) -> None:
    """An answer that holds NaN is refused for its own request."""
    desk.model.tricks["nan"] = lambda: float("nan")
    wires = [desk.ask(1), desk.ask("nan")]
    desk.settle()
    assert [200, 422] == [wire.status for wire in wires]
    assert ["not_finite"] == desk.tally.errors


def test_bad_bodies_never_reach_the_model(desk: Desk) -> None:
    """A refusal and a fault of the codec are answered at once."""
    assert (400, 500) == (desk.ask(body=b"{").status, desk.ask(body=b"fault").status)
    desk.turn(2)
    assert [] == desk.model.batches
    assert ["not_json", "broken"] == desk.tally.errors


def test_refusal_that_cannot_be_written_is_500(desk: Desk) -> None:
    """A codec that fails to say no leaves nobody without an answer."""
    wire = desk.ask(body=b"unspeakable")
    assert (500, "the server failed on this request; its log says more") == (wire.status, wire.document["error"])


# overload


def test_full_queue_is_503_and_when_to_come_again() -> None:
    """Over the number that may wait, a request is told at once to come back in a second."""
    with Desk(bounds=Bounds(waiting=3), expected=SLOW) as desk:
        begin(desk, 0)
        wires = [desk.ask(number) for number in range(5)]
        assert [0, 0, 0, 503, 503] == [wire.status for wire in wires]
        assert "1" == wires[3].headers["retry-after"]
        desk.model.gate.set()
        desk.settle()
        assert [200, 200, 200, 503, 503] == [wire.status for wire in wires]
        assert ["overloaded"] * 2 == desk.tally.errors


def test_queue_is_bounded_in_bytes() -> None:
    """Few but large bodies are refused as well; what was answered makes room again."""
    with Desk(bounds=Bounds(size=1000), expected=SLOW) as desk:
        begin(desk, 0)
        wires = [desk.ask("x" * 600) for _ in range(4)]
        assert [0, 0, 503, 503] == [wire.status for wire in wires]
        desk.model.gate.set()
        desk.settle()
        wires = [desk.ask("x" * 600) for _ in range(2)]
        desk.settle()
        assert [200, 200] == [wire.status for wire in wires]


def test_request_that_would_wait_too_long_is_503() -> None:
    """Behind a call with much of its time before it only one waits; near its end, many."""
    with Desk(bounds=Bounds(seconds=0.3), expected=1.0) as desk:
        desk.model.seconds = lambda _: 1.0
        begin(desk, 0)
        assert [0, 503] == [desk.ask(number).status for number in range(2)]
        desk.clock.time += 0.8
        wires = [desk.ask(number) for number in range(20)]
        assert [0] * 20 == [wire.status for wire in wires]
        desk.model.gate.set()
        desk.settle()
        assert [1, 21] == desk.tally.batches


def test_cost_of_rows_is_learnt() -> None:
    """Where each row costs, no more are taken together than can be done in time."""
    with Desk(bounds=Bounds(seconds=1.0), expected=0.01) as desk:
        desk.model.seconds = lambda rows: 0.01 * rows
        for rows in (1, 2, 4, 8, 16, 32, 64, 128, 256):
            desk.ask(*range(rows))
            desk.settle()
        begin(desk, 0)
        wires = [desk.ask(number) for number in range(300)]
        taken = sum(wire.status == 0 for wire in wires)
        assert 60 <= taken <= 130
        desk.model.gate.set()
        desk.settle()


def test_slow_model_answers_one_after_the_other() -> None:
    """A model slower than the longest wait still answers who comes when nothing waits."""
    with Desk(bounds=Bounds(seconds=0.3), expected=5.0) as desk:
        desk.model.seconds = lambda _: 5.0
        for number in range(3):
            wire = desk.ask(number)
            desk.settle()
            assert 200 == wire.status


def test_server_recovers_from_overload() -> None:
    """As soon as the queue is worked off, everybody is answered again."""
    with Desk(bounds=Bounds(waiting=5), expected=SLOW) as desk:
        begin(desk, 0)
        assert 45 == sum(desk.ask(number).status == 503 for number in range(50))
        desk.model.gate.set()
        desk.settle()
        wires = [desk.ask(number) for number in range(5)]
        desk.settle()
        assert [200] * 5 == [wire.status for wire in wires]


# who has gone


def test_abandoned_requests_are_not_computed(slow: Desk) -> None:
    """Whose caller leaves while the request waits, the model never sees; each is counted once."""
    begin(slow, 0)
    staying, leaving = slow.ask(1), [slow.ask(100 + number) for number in range(3)]
    for wire in leaving:
        wire.leave()
    assert 3 == slow.tally.gone
    slow.model.gate.set()
    slow.settle()
    assert [2] == staying.document
    assert [[0], [1]] == slow.model.batches
    assert (5, [200, 200], 3) == (slow.tally.started, slow.tally.statuses, slow.tally.gone)


def test_caller_that_leaves_while_the_model_works_is_counted_once(slow: Desk) -> None:
    """The answer that nobody waits for is dropped."""
    wire = begin(slow, 0)
    wire.leave()
    slow.model.gate.set()
    slow.settle()
    assert (b"", [], 1) == (wire.written, slow.tally.statuses, slow.tally.gone)


def test_who_leaves_while_the_bad_row_is_looked_for_is_not_asked_again(slow: Desk) -> None:
    """A failed batch is asked again without those who have gone, and without end for none."""
    slow.model.tricks["bad"] = raising(ValueError())
    begin(slow, 0)
    wires = [slow.ask("bad"), slow.ask("bad"), slow.ask(3)]
    slow.model.gate.set()
    slow.until(lambda: len(slow.model.batches) == 2)
    for wire in wires[:2]:
        wire.leave()
    slow.settle()
    assert [6] == wires[2].document
    assert [3] in slow.model.batches
    assert 2 == slow.tally.gone


# observers


def test_observer_sees_batches_after_their_answers(desk: Desk) -> None:
    """The observer gets a whole batch, answered; refusals that came to no batch are told apart."""
    seen: list[Answered] = []
    refused: list[Exchange] = []
    written: list[bytes] = []
    wires: list[Wire] = []

    def see(answered: Answered) -> None:
        seen.append(answered)
        written.extend(wire.written for wire in wires)

    desk.batcher.observe(see, refused.append, before_answers=False)
    desk.model.tricks["nan"] = lambda: float("nan")
    wires = [desk.ask(1, 2), desk.ask("nan"), desk.ask(body=b"{")]
    desk.settle()
    (one,) = seen
    assert [(0, 2, 200), (2, 1, 422)] == [(each.start, each.count, each.status) for each in one.requests]
    assert [1, 2, "nan"] == one.batch
    assert all(written)
    assert [(400, "/predict")] == [(each.status, each.handler) for each in refused]


def test_failing_observers_harm_nobody(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """An observer that fails is logged; the answers are out, and the next come."""

    def fail(seen: object) -> None:
        raise OSError(f"no room for {type(seen).__name__}")

    desk.batcher.observe(fail, fail, before_answers=False)
    wires = [desk.ask(1), desk.ask(body=b"{")]
    desk.settle()
    wires.append(desk.ask(2))
    desk.settle()
    assert [200, 400, 200] == [wire.status for wire in wires]
    assert ["a request was refused, but not recorded", *["a batch was answered, but not recorded"] * 2] == [
        record.message for record in caplog.records if record.levelno == logging.ERROR
    ]


def test_answers_wait_for_the_observer(desk: Desk) -> None:
    """With `before_answers` nobody is answered before the batch was recorded, and the model goes on meanwhile."""
    recorded: list[asyncio.Future[None]] = []

    def record(answered: Answered) -> Awaitable[None]:
        assert [200] == [each.status for each in answered.requests]
        recorded.append(desk.loop.create_future())
        return recorded[-1]

    desk.batcher.observe(record, lambda _: None, before_answers=True)
    one = desk.ask(1)
    desk.turn(3)
    two = desk.ask(2)
    desk.until(lambda: len(recorded) == 2)
    assert (0, 0, False) == (one.status, two.status, desk.batcher.idle)
    recorded[1].set_result(None)
    desk.turn(3)
    assert (0, [4]) == (one.status, two.document)
    recorded[0].set_result(None)
    desk.settle()
    assert [2] == one.document


@pytest.mark.parametrize("late", [False, True])
def test_what_could_not_be_recorded_is_not_answered(desk: Desk, late: bool) -> None:  # noqa: FBT001 - a parameter
    """With `before_answers` an observer that fails, at once or later, makes the answers 500; the next are fine."""
    working = False

    def record(answered: Answered) -> Awaitable[None] | None:
        del answered
        if working:
            return None
        if not late:
            raise OSError("the disk is full")
        future: asyncio.Future[None] = desk.loop.create_future()
        future.set_exception(OSError("the disk is full"))
        return future

    desk.batcher.observe(record, lambda _: None, before_answers=True)
    wire = desk.ask(1)
    desk.settle()
    assert (503, ["not_recorded"]) == (wire.status, desk.tally.errors)
    working = True
    wire = desk.ask(1)
    desk.settle()
    assert 200 == wire.status


def test_metrics_that_fail_harm_nobody(desk: Desk) -> None:
    """Answers are out before anything is counted, and the next come."""

    def fail(values: object) -> None:
        raise TypeError(f"cannot count {values}")

    desk.tally.outputs = fail  # type: ignore[method-assign]
    for _ in range(2):
        wire = desk.ask(1)
        desk.settle()
        assert 200 == wire.status


def test_batches_are_counted(slow: Desk) -> None:
    """Rows, waits and predictions of each batch reach the metrics."""
    begin(slow, 1)
    slow.clock.time += 0.25
    slow.ask(2, 3)
    slow.model.gate.set()
    slow.settle()
    assert ([1, 2], [2, 4, 6]) == (slow.tally.batches, slow.tally.predictions)
    assert [0.0, SLOW] == pytest.approx(slow.tally.waits)


def test_outputs_may_be_arrays() -> None:
    """Of a model's array each request gets its rows."""
    with Desk() as desk:
        desk.model.tricks["ab"] = lambda: [np.float64(1.5).item()]
        wires = [desk.ask("ab"), desk.ask(1)]
        desk.settle()
        assert [[1.5], [2]] == [wire.document for wire in wires]
