"""Two models are timed side by side, for as long as it takes to tell and no longer."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from seatrial.records.serving import Field
from seatrial.serve.compile.speed import BATCH, time_both
from seatrial.serve.model import Batch, Outputs
from tests.serve.compile.models import signature

ROWS: list[list[Any]] = [[float(index)] for index in range(100)]


@dataclass
class Time:
    """A clock that stands still until a model takes its time."""

    now: float = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


@dataclass
class Slow:
    """Takes a fixed time for a call and for each of its rows."""

    clock: Time
    call: float
    row: float
    signature: Any = field(default_factory=lambda: signature(Field(name="x0")))
    calls: list[int] = field(default_factory=list)

    def predict(self, batch: Batch) -> Outputs:
        """Zeros, later."""
        self.calls.append(len(batch))
        self.clock.now += self.call + self.row * len(batch)
        return Outputs(predictions=np.zeros(len(batch)))


@pytest.mark.parametrize(
    ("native", "compiled", "faster"),
    [
        ((1e-3, 1e-6), (1e-4, 1e-6), True),
        ((1e-3, 1e-6), (2e-3, 1e-6), False),
        ((1e-3, 1e-6), (1e-4, 1e-4), False),
        ((1e-3, 0.0), (9.9e-4, 9e-7), True),
        ((1e-3, 0.0), (9.9e-4, 2e-6), False),
    ],
    ids=["faster", "slower", "slower for a batch", "as fast for a batch", "six percent slower for a batch"],
)
def test_faster_is_for_one_row_and_not_slower_for_a_batch(
    native: tuple[float, float], compiled: tuple[float, float], *, faster: bool
) -> None:
    """The compiled model is faster only if one row takes less and a batch no more, but for five percent of noise."""
    clock = Time()
    timing = time_both(Slow(clock, *native), Slow(clock, *compiled), ROWS, clock=clock)
    assert faster == timing.faster
    assert pytest.approx(native[0] + native[1]) == timing.native_one
    assert pytest.approx(compiled[0] + compiled[1] * BATCH) == timing.compiled_batch


def test_a_clear_result_ends_it() -> None:
    """Twice as fast for one row and for a batch is seen in three rounds."""
    clock = Time()
    assert 3 == time_both(Slow(clock, 1e-3, 0.0), Slow(clock, 1e-4, 0.0), ROWS, clock=clock).rounds


def test_a_close_result_takes_the_budget() -> None:
    """Where both are about as fast, more rounds are made until the time is up, or there are forty."""
    clock = Time()
    assert 13 == time_both(Slow(clock, 0.01, 0.0), Slow(clock, 0.01, 0.0), ROWS, budget=0.5, clock=clock).rounds
    assert 40 == time_both(Slow(clock, 1e-4, 0.0), Slow(clock, 1e-4, 0.0), ROWS, clock=clock).rounds


def test_a_slow_model_is_asked_three_times_at_least() -> None:
    """A model that takes seconds is still timed, but not more often than needed."""
    clock = Time()
    native = Slow(clock, 2.0, 0.0)
    assert 3 == time_both(native, Slow(clock, 1.9, 0.0), ROWS, clock=clock).rounds
    assert [1, BATCH] * 4 == native.calls
