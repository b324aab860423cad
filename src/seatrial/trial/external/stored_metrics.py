"""The JSON file that a test may fill (`STORE_METRICS_PATH`): flat figures, which become metrics of the report.

The convention is that of the AICoE pipeline (`metrics.json`: average_latency, average_error, number_requests…). Whatever
else stands there is said in words and does no harm.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from seatrial.logs import redact, shown_text

MOST_BYTES: Final = 1 << 20
MOST_KEYS: Final = 1000
_KEY_LENGTH: Final = 200
_TEXT_LENGTH: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMetrics:
    """What a test stored: numbers (true and false as 1 and 0), texts, and sentences on what was left out."""

    metrics: Mapping[str, float] = field(default_factory=dict)
    info: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def read_stored_metrics(path: Path) -> StoredMetrics:
    """Read the file; empty if the test wrote none. Never raises for what stands in it."""
    if not path.is_file():
        return StoredMetrics()
    try:
        if path.stat().st_size > MOST_BYTES:
            return _nothing(f"is larger than {MOST_BYTES >> 20} MiB")
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        return _nothing(f"is no valid JSON: {shown_text(str(error), _KEY_LENGTH)}")
    if not isinstance(found, dict):
        return _nothing(f"holds no object of names and numbers, but {_described(found)}")
    if len(found) > MOST_KEYS:
        return _nothing(f"holds {len(found)} metrics; at most {MOST_KEYS} are taken")
    return _sorted_out(found)


def _sorted_out(found: Mapping[str, object]) -> StoredMetrics:
    metrics: dict[str, float] = {}
    info: dict[str, str] = {}
    problems: list[str] = []
    for key, value in found.items():
        name = shown_text(key, _KEY_LENGTH)
        if isinstance(value, str):
            info[name] = shown_text(redact(value), _TEXT_LENGTH)
        elif isinstance(value, int | float) and (number := _number(value)) is not None:
            metrics[name] = number
        else:
            problems.append(f"the stored metric {name!r} is {_described(value)} and was left out")
    return StoredMetrics(metrics=metrics, info=info, problems=tuple(problems))


def _number(value: float) -> float | None:
    """A finite number; None for NaN, infinity and what is too large for one."""
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _described(value: object) -> str:
    if isinstance(value, float) and math.isnan(value):
        return "not a number (NaN)"
    if isinstance(value, int | float):
        return "too large" if isinstance(value, int) else "infinite"
    if isinstance(value, dict | list):
        return f"{'an object' if isinstance(value, dict) else 'a list'} (only flat numbers are taken)"
    return "null" if value is None else "a text"


def _nothing(why: str) -> StoredMetrics:
    return StoredMetrics(problems=(f"the file that STORE_METRICS_PATH names {why}",))
