"""Quantities mean what Kubernetes and people mean by them."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.config.quantities import (
    parse_cpu,
    parse_duration,
    parse_figure,
    parse_margin,
    parse_rate,
    parse_size,
)


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        (512 * 2**20, "512Mi"),
        (2 * 2**30, "2Gi"),
        (200 * 10**6, "200M"),
        (1536, "1.5Ki"),
        (7, "7"),
        (7, 7),
        (1000, "1kB"),
    ],
)
def test_sizes_have_kubernetes_suffixes(expected: int, text: str | int) -> None:
    """`Mi` is 2**20 bytes, `M` is 10**6, a bare number is bytes."""
    assert expected == parse_size(text)


@pytest.mark.parametrize(("expected", "text"), [(0.25, "250ms"), (30, "30s"), (600, "10m"), (7200, "2h"), (1.5, 1.5)])
def test_durations_are_seconds(expected: float, text: str | float) -> None:
    """`m` is minutes; a bare number is seconds."""
    assert expected == pytest.approx(parse_duration(text))


@pytest.mark.parametrize(("expected", "text"), [(0.5, "500m"), (0.5, "0.5"), (2, 2)])
def test_cpu_counts_cores(expected: float, text: str | float) -> None:
    """`m` is a thousandth of a core, as in Kubernetes."""
    assert expected == pytest.approx(parse_cpu(text))


@pytest.mark.parametrize(("expected", "text"), [(50, "50/s"), (5, "300/m"), (20, 20), (0.1, "6/min")])
def test_rates_are_per_second(expected: float, text: str | float) -> None:
    """A rate is requests per second, minute or hour; a bare number is per second."""
    assert expected == pytest.approx(parse_rate(text))


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ((0.05, True), "5%"),
        ((0.01, False), "1pp"),
        ((0.002, False), "2ms"),
        ((0.3, False), 0.3),
        ((1048576, False), "1Mi"),
    ],
)
def test_a_percent_is_relative_and_points_are_absolute(expected: tuple[float, bool], text: str | float) -> None:
    """`5%` is a share of the baseline's figure, `1pp` is 0.01 of the metric itself."""
    number, relative = parse_margin(text)
    assert expected[0] == pytest.approx(number)
    assert expected[1] is relative


PARSERS: list[Callable[[str], object]] = [parse_size, parse_duration, parse_cpu, parse_rate, parse_figure, parse_margin]


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize("text", ["", "many", "-3", "1 000", "5 quux", "1e999", "nan", "inf", "0x10", "5/s/s"])
def test_nonsense_is_refused_with_an_example(parse: Callable[[str], object], text: str) -> None:
    """What is no quantity is an error that shows how to write one."""
    with pytest.raises(ValueError, match=r"write for example|too large"):
        parse(text)


@given(st.text(max_size=12))
def test_any_text_is_a_quantity_or_a_clear_error(text: str) -> None:
    """No text makes a parser break in another way."""
    for parse in PARSERS:
        try:
            parse(text)
        except ValueError as error:
            assert str(error)  # noqa: PT017 - many parsers, each may or may not raise


@given(st.integers(min_value=0, max_value=2**40))
def test_a_size_in_bytes_stays_what_it_is(size: int) -> None:
    """A plain number of bytes is read back exactly."""
    assert size == parse_size(str(size))
