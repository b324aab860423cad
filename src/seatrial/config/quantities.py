"""Quantities as people write them: `512Mi`, `30s`, `50/s`, `5%`, `1pp`.

The suffixes of sizes are Kubernetes' (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/),
so that the same text works on a cluster.
"""

import math
import re

_SIZES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_SIZES |= {f"{suffix}B": factor for suffix, factor in list(_SIZES.items()) if suffix} | {"B": 1}
_BOUND = re.compile(r"^\s*([A-Za-z_][A-Za-z0-9_]*)\s*(<|>)=?\s*(\S+)\s*$")
_TIMES = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0, "": 1.0}
_NUMBER = re.compile(r"^\s*([0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)\s*([A-Za-z%]*)\s*$")


def _split(text: str | float, kind: str, example: str) -> tuple[float, str]:
    match = _NUMBER.match(str(text))
    if match is None or isinstance(text, bool):
        raise ValueError(f"{text!r} is not {kind}; write for example {example}")
    number = float(match[1])
    if not math.isfinite(number):
        raise ValueError(f"{text!r} is too large for {kind}")
    return number, match[2]


def _scaled(text: str | float, units: dict[str, float] | dict[str, int], kind: str, example: str) -> float:
    number, unit = _split(text, kind, example)
    if unit not in units:
        raise ValueError(f"{text!r} has the unknown unit {unit!r}; write for example {example}")
    return number * units[unit]


def parse_duration(text: str | float) -> float:
    """Seconds of `250ms`, `30s`, `10m`, `2h` or a plain number of seconds. Raises ValueError."""
    return _scaled(text, _TIMES, "a duration", "250ms, 30s or 10m")


def parse_size(text: str | float) -> int:
    """Bytes of `512Mi`, `1.5Gi`, `200M` or a plain number of bytes. Raises ValueError."""
    return round(_scaled(text, _SIZES, "a size", "512Mi or 2Gi"))


def parse_cpu(text: str | float) -> float:
    """Cores of `2`, `0.5` or `500m` (thousandths, as in Kubernetes). Raises ValueError."""
    return _scaled(text, {"": 1.0, "m": 1e-3}, "a number of cores", "1, 0.5 or 500m")


def parse_rate(text: str | float) -> float:
    """Requests a second of `50/s`, `300/m` or a plain number. Raises ValueError."""
    amount, _, per = str(text).partition("/")
    number, unit = _split(amount, "a rate", "50/s")
    seconds = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}.get(per.strip())
    if unit or seconds is None or number == 0:
        raise ValueError(f"{text!r} is not a rate above zero; write for example 50/s")
    return number / seconds


def parse_figure(text: str | float) -> float:
    """A figure in a metric's own unit: a plain number, a duration (seconds), a size (bytes) or `1pp` (0.01)."""
    number, unit = _split(text, "a figure", "0.01, 1pp, 5ms or 512Mi")
    if unit == "pp":
        return number / 100
    scale = {**_SIZES, **_TIMES}.get(unit)
    if unit in {"m", "M"} or scale is None:
        raise ValueError(f"{text!r} has the unknown unit {unit!r}; write for example 0.01, 1pp, 5ms or 512Mi")
    return number * scale


def parse_margin(text: str | float) -> tuple[float, bool]:
    """A margin and whether it is relative: `5%` is (0.05, True); `1pp` is (0.01, False). Raises ValueError."""
    number, unit = _split(text, "a margin", "5%, 1pp, 0.01 or 5ms")
    if unit == "%":
        return number / 100, True
    return parse_figure(text), False


def parse_bound(value: str) -> tuple[str, str, str] | None:
    """The parts of `latency_mean_ms < 500`: name, `<` or `>`, and the figure as it is written; None if it is no bound."""
    found = _BOUND.match(value)
    return None if found is None else (found[1], found[2], found[3])
