"""Where the buckets of the histograms end.

The edges of durations hold all default edges of prometheus_client, so that queries with a fixed `le` and alerts written
for the peers keep working, and go down to 100 µs (10 µs for the model), where a compiled model answers.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from seatrial.records import UsageError
from seatrial.records.serving import Form, Signature
from seatrial.serve.options import MetricOptions

DURATION = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025,
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
)  # fmt: skip
"""Of a request, seconds."""

WORK = (0.00001, 0.000025, 0.00005, *DURATION)
"""Of a wait or a call of the model, seconds."""

ROWS = tuple(float(2**power) for power in range(13))
"""Of a batch: 1, 2, 4 … 4096 rows."""

OUTPUT = (
    0.0, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0,
    10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1e3, 1e4, 1e5, 1e6,
)  # fmt: skip
"""Of a prediction whose range is not known; everything below zero is in the first."""

_STEPS = 20
_DIGITS = 12


def output_edges(options: MetricOptions, signature: Signature) -> tuple[float, ...]:
    """Of the model's output: as configured, else 20 even steps over the range seen in training, else `OUTPUT`.

    Empty where the outputs are not numbers: of a classifier, and of a model with free JSON or several tensors unless
    something says what to expect.

    Raises:
        UsageError: the configured edges are not finite and ascending.
    """
    if signature.classes:
        return ()
    if options.output_buckets is not None:
        return _checked(options.output_buckets)
    if signature.output_range is not None and all(map(math.isfinite, signature.output_range)):
        return _even(*signature.output_range)
    numbers = signature.form is not Form.JSON and len(signature.outputs) <= 1
    return OUTPUT if numbers else ()


def _even(lowest: float, highest: float) -> tuple[float, ...]:
    steps = (lowest + (highest - lowest) * step / _STEPS for step in range(_STEPS + 1))
    # Twelve digits turn 0.30000000000000004 into 0.3.
    return tuple(sorted({float(f"{step:.{_DIGITS}g}") for step in steps}))


def _checked(edges: Sequence[float]) -> tuple[float, ...]:
    finite = tuple(float(edge) for edge in edges if edge != math.inf)
    ascending = all(low < high for low, high in pairwise(finite))
    if not finite or not ascending or not all(map(math.isfinite, finite)):
        raise UsageError(
            f"{', '.join(f'{edge:g}' for edge in edges) or 'nothing'} cannot be the buckets of the model's output",
            where="metrics.output_buckets",
            remedy="give numbers in ascending order, such as 0, 0.5, 1",
        )
    return finite
