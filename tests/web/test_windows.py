"""Windows as JSON: what is right is read as it is, and what is wrong is said with its line, its key and the nearest name."""

from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given, settings

from seatrial.records import ArmWindow, Labels, Part, Sums, UsageError, Window
from seatrial.web.windows import Given, read_list, read_window, read_windows
from tests.web.streams import BEGIN, lines, stream

_RIGHT = (
    b'{"start":"2026-11-20T12:00:00Z","weight":0.2,'
    b'"stable":{"requests":10,"errors":{"5xx":1},"latency":{"700":9}},"canary":{"requests":2,"latency":{"701":2}}}'
)


@st.composite
def _parts(draw: st.DrawFn) -> Part:
    latency = draw(st.dictionaries(st.integers(0, 1599), st.integers(0, 1000), max_size=5))
    requests = sum(latency.values()) + draw(st.integers(0, 10))
    return Part(requests=requests, errors=draw(st.integers(0, requests)), latency=latency)


@st.composite
def _arms(draw: st.DrawFn) -> ArmWindow:
    part = draw(_parts())
    return ArmWindow(
        requests=part.requests,
        errors={"5xx": part.errors} if part.errors else {},
        latency=part.latency,
        seconds=draw(st.none() | st.floats(0, 1e9)),
        replicas=draw(st.dictionaries(st.text(max_size=8), _parts(), max_size=2)),
        groups=draw(st.dictionaries(st.integers(0, 63), _parts(), max_size=2)),
        units=draw(st.none() | st.integers(0, 1000)),
    )


@st.composite
def _sums(draw: st.DrawFn) -> Sums:
    losses = draw(st.lists(st.floats(0, 1e6), max_size=4))
    return Sums(count=len(losses), total=sum(losses), squares=sum(loss * loss for loss in losses))


_MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - given below
_WINDOWS = st.builds(
    Window,
    start=_MOMENTS,
    seconds=st.floats(0.001, 86400),
    weight=st.floats(0, 1),
    stable=_arms(),
    canary=_arms(),
    steady=st.booleans(),
    labels=st.lists(
        st.builds(Labels, served=_MOMENTS, metric=st.just("rmse"), stable=_sums(), canary=_sums()), max_size=2
    ).map(tuple),
    slices=st.dictionaries(st.text(max_size=8), st.tuples(_arms(), _arms()), max_size=1),
)


@settings(max_examples=40)
@given(_WINDOWS, st.dictionaries(st.text(max_size=8), st.none() | st.floats(-1e9, 1e9), max_size=2), st.booleans())
def test_a_window_is_read_as_it_was_written(window: Window, values: dict[str, float | None], warm: bool) -> None:  # noqa: FBT001
    """Whatever a release keeps of a window is the same window when it is read, with what was beside it."""
    line = msgspec.json.encode({**msgspec.to_builtins(window, str_keys=True), "values": values, "warm": warm})

    assert Given(window=window, values=values, warm=warm) == read_window(line, "here")


@given(st.binary() | st.text().map(str.encode) | st.recursive(st.none(), st.lists).map(msgspec.json.encode))
def test_anything_else_is_a_usage_error(line: bytes) -> None:
    """No line makes the reader fail in another way."""
    with pytest.raises(UsageError):
        read_window(line, "here")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b'"canary"', b'"cannary"', "did you mean `canary`?"),
        (b'"latency":{"700"', b'"latncy":{"700"', "did you mean `latency`?"),
        (b"0.2", b"NaN", "this is not JSON"),
        (b"0.2", b"1.2", "`$.weight`"),
        (b"0.2", b"1e999", "out of range"),
        (b"00Z", b"00", "timezone"),
        (b'"5xx":1', b'"5xx":11', "stable: 11 of 10 requests can't have failed"),
        (b'"5xx":1', b'"5xx":-1', ">= 0"),
        (b'"700":9', b'"700":19', "stable: latency counts more than the 10 requests"),
        (b'"700":9', b'"1700":9', "<= 1599"),
        (b'"weight"', b'"edges":[0.2,0.1],"weight"', "edges have to ascend"),
        (b'"weight"', b'"edges":[0.1,0.2],"weight"', "latency has no bin 700; the last is 2"),
        (b'"requests":2,', b'"requests":2,"replicas":{"a":{"requests":1,"errors":2}},', "canary: replicas.a: 2 of 1"),
        (b"}}}", b"}}", "this is not JSON"),
    ],
)
def test_what_is_wrong_is_named(old: bytes, new: bytes, said: str) -> None:
    """A wrong window is refused with the line and the key; the message leads to the page that explains the keys."""
    broken = lines(stream(1, start=BEGIN - timedelta(minutes=1))) + b"\n" + _RIGHT.replace(old, new)

    with pytest.raises(UsageError) as refused:
        list(read_windows(broken.splitlines(), "windows.jsonl"))

    assert "windows.jsonl:3" == refused.value.where
    assert said in refused.value.what
    assert "docs/reference/judge.md" in refused.value.remedy


def test_losses_that_no_numbers_have_are_refused() -> None:
    """A sum of squares too small for its total would be a negative variance."""
    labels = (
        b'"labels":[{"served":"2026-11-20T12:00:00Z","metric":"rmse","canary":{"count":2,"total":2.0,"squares":1.9}}],'
    )

    with pytest.raises(UsageError, match="labels of rmse: canary"):
        read_window(_RIGHT.replace(b'"weight"', labels + b'"weight"'), "here")


def test_windows_come_by_time() -> None:
    """A window that begins before the one above it ends is refused: it would be counted twice."""
    first, second = stream(2)
    overlapping = msgspec.json.encode(second).replace(b"12:00:10", b"12:00:09")

    with pytest.raises(UsageError, match="before the one above it ends"):
        list(read_windows([msgspec.json.encode(first), overlapping], "f"))
    with pytest.raises(UsageError, match=r"windows\[1\]"):
        read_list([msgspec.Raw(msgspec.json.encode(second)), msgspec.Raw(msgspec.json.encode(first))], "windows")


def test_a_line_has_an_end() -> None:
    """A line of many megabytes is refused before it is parsed."""
    with pytest.raises(UsageError, match="longer than 4 MiB"):
        list(read_windows([b"[" * (5 << 20)], "f"))
