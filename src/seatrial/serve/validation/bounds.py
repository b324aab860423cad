"""Which numbers a field takes: its declared range, within what its dtype can hold."""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from seatrial.records.serving import Field, Kind

INT64 = (-(2**63), 2**63 - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Lowest and highest allowed value; a bound is itself allowed unless `open_…`."""

    low: float
    high: float
    open_low: bool = False
    open_high: bool = False

    def closed(self) -> tuple[float, float]:
        """The lowest and the highest float that is allowed."""
        return (
            math.nextafter(self.low, math.inf) if self.open_low else self.low,
            math.nextafter(self.high, -math.inf) if self.open_high else self.high,
        )


def whole(field: Field) -> bool:
    """Whether the field takes integers only, by its kind or by a dtype that can hold nothing else."""
    return field.kind is Kind.INTEGER or (field.kind is Kind.NUMBER and np.dtype(field.dtype).kind in "iu")


def number_bounds(field: Field) -> Bounds:
    """Of a field of numbers: the declared range where it is narrower than the dtype's."""
    high = largest_float(field.dtype)
    low = -high
    declared_low = -math.inf if field.minimum is None else field.minimum
    declared_high = math.inf if field.maximum is None else field.maximum
    return Bounds(
        low=max(low, declared_low),
        high=min(high, declared_high),
        open_low=field.exclusive_minimum and declared_low >= low,
        open_high=field.exclusive_maximum and declared_high <= high,
    )


def integer_range(field: Field) -> range:
    """Of a field of integers: exactly the allowed ones."""
    low, high = _integers(field.dtype)
    if field.minimum is not None and field.minimum > -math.inf:
        low = max(low, math.floor(field.minimum) + 1 if field.exclusive_minimum else math.ceil(field.minimum))
    if field.maximum is not None and field.maximum < math.inf:
        high = min(high, math.ceil(field.maximum) - 1 if field.exclusive_maximum else math.floor(field.maximum))
    return range(low, high + 1)


@cache
def largest_float(dtype: str) -> float:
    """The largest float64 that is still finite as `dtype`, by rounding; of dtypes that hold no floats, as float64."""
    made = np.dtype(dtype)
    if made.kind != "f" or made.itemsize >= np.dtype(np.float64).itemsize:
        return float(np.finfo(np.float64).max)
    known = np.finfo(made)
    half_step = math.ldexp(1.0, int(known.maxexp) - int(known.nmant) - 2)
    return math.nextafter(float(known.max) + half_step, 0.0)


@cache
def _integers(dtype: str) -> tuple[int, int]:
    made = np.dtype(dtype)
    if made.kind not in "iu":
        return INT64
    limits = np.iinfo(made)
    return int(limits.min), int(limits.max)
