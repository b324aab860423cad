"""How long one row and a batch take, in the original and in the compiled model, measured side by side.

The calls alternate, so that whatever else the machine does falls on both; medians, so that a hiccup falls on neither.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from seatrial.serve.compile.equality import ask
from seatrial.serve.model import Predictor, Rows

BATCH: Final = 64
NOISE: Final = 1.05
"""A batch counts as slower only beyond 5 %: less can't be told apart in so short a time."""

_ROUNDS: Final = 40
_FEWEST: Final = 3
_CLEAR: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Median seconds of a call."""

    native_one: float
    compiled_one: float
    native_batch: float
    compiled_batch: float
    rounds: int

    @property
    def faster(self) -> bool:
        """Whether the compiled model is faster for one row and not slower for a batch."""
        return self.compiled_one < self.native_one and self.compiled_batch <= self.native_batch * NOISE


def time_both(
    native: Predictor,
    compiled: Predictor,
    rows: Rows,
    *,
    budget: float = 0.3,
    clock: Callable[[], float] = time.perf_counter,
) -> Timing:
    """Time both models on the same rows.

    Args:
        native: the original.
        compiled: the other.
        rows: at least `BATCH`; each round asks for another one of them alone.
        budget: seconds, after at least three rounds; 40 rounds end it too, and so does a clear result (twice as fast).
        clock: seconds.
    """
    batch = rows[:BATCH]
    taken: tuple[list[float], ...] = ([], [], [], [])
    for model in (native, compiled):
        _seconds(model, rows[:1], clock)
        _seconds(model, batch, clock)
    started = clock()
    for turn in range(_ROUNDS):
        if turn >= _FEWEST and (clock() - started > budget or _is_clear(_medians(taken))):
            break
        one = [rows[turn % len(rows)]]
        for spent, (model, asked) in zip(
            taken, ((native, one), (compiled, one), (native, batch), (compiled, batch)), strict=True
        ):
            spent.append(_seconds(model, asked, clock))
    return _medians(taken)


def _seconds(model: Predictor, rows: Rows, clock: Callable[[], float]) -> float:
    started = clock()
    ask(model, rows)
    return clock() - started


def _is_clear(timing: Timing) -> bool:
    """Whether one model takes less than half of the other's time, for one row and for a batch."""
    pairs = ((timing.native_one, timing.compiled_one), (timing.native_batch, timing.compiled_batch))
    return all(native > _CLEAR * compiled for native, compiled in pairs) or all(
        compiled > _CLEAR * native for native, compiled in pairs
    )


def _medians(taken: Sequence[Sequence[float]]) -> Timing:
    native_one, compiled_one, native_batch, compiled_batch = map(statistics.median, taken)
    return Timing(
        native_one=native_one,
        compiled_one=compiled_one,
        native_batch=native_batch,
        compiled_batch=compiled_batch,
        rounds=len(taken[0]),
    )
