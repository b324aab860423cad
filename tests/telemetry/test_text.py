"""Reports as tables to read."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.telemetry.latency import LatencyReport, LatencyStep, Percentiles
from seatrial.telemetry.sql import Answer
from seatrial.telemetry.text import answer_grid, latency_grid, sparkline
from seatrial.telemetry.window import Bucket

MISSING = Percentiles(p50=None, p90=None, p95=None, p99=None)


def step(minute: int, p99: float, *, rows: int = 1) -> LatencyStep:
    """One step of one request."""
    total = Percentiles(p50=0.0000042, p90=0.01234, p95=0.1, p99=p99)
    time = datetime(2026, 11, 20, 12, minute, tzinfo=UTC)
    return LatencyStep(
        time=time, version="v1", requests=1, rows=rows, client_errors=0, server_errors=0, errors=0.0,
        total=total, queue=MISSING, model=MISSING,
    )  # fmt: skip


def test_latencies_are_milliseconds_of_three_digits() -> None:
    """From microseconds to hours; what was not measured is a dash."""
    grid = latency_grid(LatencyReport(by=Bucket.MINUTE, steps=(step(0, 3600.0),)))
    assert ("2026-11-20 12:00", "v1", "1", "0%", "0.004", "12.3", "100", "3,600,000", "–", "–") == grid.rows[0]


def test_rows_are_shown_where_they_are_not_the_requests() -> None:
    """Most requests have one row."""
    single = latency_grid(LatencyReport(by=Bucket.MINUTE, steps=(step(0, 1.0),)))
    several = latency_grid(LatencyReport(by=Bucket.MINUTE, steps=(step(0, 1.0, rows=7),)))
    assert ["rows"] == sorted(set(several.headings) - set(single.headings))


def test_the_course_of_a_version_is_drawn_from_its_second_step_on() -> None:
    """With its smallest and its largest value."""
    report = LatencyReport(by=Bucket.MINUTE, steps=(step(0, 0.001), step(1, 0.004), step(2, 0.002)))
    assert ("p99 v1 ▃█▅ 1.00 … 4.00 ms",) == latency_grid(report).below
    assert () == latency_grid(LatencyReport(by=Bucket.MINUTE, steps=report.steps[:1])).below


@given(st.lists(st.floats(0, 1e9)))
def test_a_sparkline_has_a_bar_for_each_value(values: list[float]) -> None:
    """The largest is full; larger values never have smaller bars."""
    bars = sparkline(values)
    assert len(values) == len(bars)
    assert [bars[place] for place in sorted(range(len(values)), key=values.__getitem__)] == sorted(bars)
    assert max(values, default=0.0) == 0 or "█" in bars


@pytest.mark.parametrize(
    ("expected", "value"),
    [("–", None), ("0.333333", 1 / 3), ("1 2", "1\n2"), ("red", "\x1b[31mred"), ("[1, 2]", [1, 2]), ("7", 7)],
)
def test_values_of_a_query_are_safe_to_show(expected: str, value: object) -> None:
    """On one line, without escape sequences that a caller may have logged."""
    assert ((expected,),) == answer_grid(Answer(columns=("x",), rows=((value,),))).rows
