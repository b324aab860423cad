"""Figures and words: the same in every form of the report."""

import math
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.records import Direction, Interval, Verdict
from seatrial.wording import text
from tests.report.builders import comparison


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0.01214, "s", "12.1 ms"),
        (0.000031, "s", "31.0 µs"),
        (3.2, "s", "3.20 s"),
        (0.0, "s", "0 s"),
        (402653184, "B", "384 MiB"),
        (512, "bytes", "512 B"),
        (0.9214, "fraction", "92.1%"),
        (49.93, "1/s", "49.9/s"),
        (0.25, "cores", "0.250 cores"),
        (500.0, "", "500"),
        (12345.0, "", "12,345"),
        (-0.5, "", "−0.500"),
        (None, "s", "–"),
        (math.nan, "s", "–"),
        (math.inf, "", "∞"),
        (1.5e30, "", "1.5e+30"),
    ],
)
def test_a_quantity_has_the_unit_that_people_use(value: float | None, unit: str, expected: str) -> None:
    """Seconds become µs, ms or s, bytes KiB or MiB, fractions percent; what is no figure is a dash."""
    assert expected == text.quantity(value, unit)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.85, "850 ms"), (12.3, "12.3 s"), (120, "2 min"), (250, "4 min 10 s"), (7500, "2 h 5 min"), (7200, "2 h")],
)
def test_a_duration_reads_as_a_clock(seconds: float, expected: str) -> None:
    """Below a minute in seconds, then minutes, then hours."""
    assert expected == text.duration(seconds)


def test_figures_share_one_unit_and_the_digits_that_the_interval_leaves() -> None:
    """Two digits of the half width are shown, of the figures as well."""
    shown = text.figures(
        comparison(unit="s", baseline=0.01214, candidate=0.01845, half=0.0011, margin=0.003, margin_text="25%", direction=Direction.LOWER)
    )  # fmt: skip
    assert ("12.1 → 18.4 ms", "+6.3 ms", "+52%", "[+5.2, +7.4]") == (
        shown.change,
        shown.difference,
        shown.relative,
        shown.interval,
    )
    assert shown.held == "at most +3 ms (25%)"


def test_differences_of_percentages_are_percentage_points() -> None:
    """`+4.7 pp`, never `+4.7%`, which would read as a relative change."""
    shown = text.figures(comparison())
    assert ("92.1 → 96.8%", "+4.7 pp", "", "at least −1 pp") == (
        shown.change,
        shown.difference,
        shown.relative,
        shown.held,
    )


def test_an_unbounded_side_of_an_interval_is_an_infinity() -> None:
    """One-sided intervals are told as such."""
    one_sided = Interval(low=-math.inf, high=0.02, confidence=0.95, method="x")
    scale = text.scale_for("fraction", [0.9], None)
    assert text._interval(one_sided, scale) == "[−∞, +2]"


def test_a_limit_reads_by_its_direction() -> None:
    """A limit is `at most` where lower is better and `at least` where higher is."""
    lower = comparison(unit="B", baseline=1e8, candidate=1e8, margin=None, limit=512 * 2**20, direction=Direction.LOWER)
    higher = comparison(margin=None, limit=0.9)
    assert ("at most 512 MiB", "at least 90%") == (text.figures(lower).held, text.figures(higher).held)


def test_a_margin_of_zero_is_said_in_words() -> None:
    """`at most +0 ms` would be odd."""
    assert text.figures(comparison(margin=0.0, margin_text="0")).held == "no decrease"


@given(
    st.floats(allow_nan=True, allow_infinity=True),
    st.floats(allow_nan=True, allow_infinity=True),
    st.floats(min_value=0, allow_infinity=True),
    st.sampled_from(["s", "B", "fraction", "1/s", "cores", "", "widgets"]),
)
def test_any_figures_have_a_text(baseline: float, candidate: float, half: float, unit: str) -> None:
    """No float makes formatting fail, show an exponent's minus sign in ASCII, or a `nan`."""
    shown = text.figures(comparison(unit=unit, baseline=baseline, candidate=candidate, half=half))
    told = f"{shown.baseline} {shown.candidate} {shown.difference} {shown.interval} {shown.relative}"
    assert not re.search(r"nan|inf|(?<!e)-", told)


@given(st.text())
def test_nothing_stays_hidden(value: str) -> None:
    """After `visible` there is no control, bidirectional or zero-width character but line feeds and tabs."""
    left = [c for c in text.visible(value) if unicodedata.category(c) in {"Cc", "Cf", "Cs"} and c not in "\n\t"]
    assert left == []


def test_colours_of_a_log_are_removed_and_tricks_are_shown() -> None:
    """ANSI sequences go; a right-to-left override is spelled out."""
    assert text.visible("\x1b[31mred\x1b[0m \u202eevil\r\nend") == "red \\u202eevil\nend"


@given(st.text(), st.integers(min_value=1, max_value=50))
def test_one_line_is_one_short_line(value: str, limit: int) -> None:
    """However long and broken the text, it fits into a cell of a table."""
    shown = text.one_line(value, limit)
    assert len(shown) <= limit
    assert len(shown.splitlines()) <= 1


def test_a_log_is_cut_to_its_last_lines() -> None:
    """The end of a log is what explains a failure."""
    assert text.last_lines("a\nb\nc\n" + "d" * 9, 2, width=5) == "c\ndddd…"


def test_every_verdict_has_its_own_sign() -> None:
    """Colour is never the only sign."""
    assert len({text.symbol(verdict) for verdict in [*Verdict, None]}) == 5


@pytest.mark.parametrize(
    ("slice_", "expected"),
    [("", "accuracy"), ("colour=red", "accuracy [colour=red]"), ("gap(colour)", "accuracy [gap between colour]")],
)
def test_a_sliced_metric_says_its_slice(slice_: str, expected: str) -> None:
    """Slices and fairness gaps are told apart from the whole."""
    assert expected == text.metric_name("accuracy", slice_)
