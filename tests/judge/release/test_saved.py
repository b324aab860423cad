"""The state as bytes and back."""

import json
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.judge.release import begin, dump, load, update, warm
from seatrial.records import UsageError
from seatrial.records.judgement import Judgement, JudgePolicy, QualityPolicy, Threshold
from seatrial.records.window import Window
from tests.judge.release.makers import PLAIN, Traffic, labelled

POLICY = JudgePolicy(warmup=20.0, restart=60.0, quality=(QualityPolicy(name="rmse", root=True),))
BOUND = Threshold(name="p99", metric="latency_p99_ms", operator="<", value=5000.0)


@cache
def stream() -> tuple[Window, ...]:
    """Some minutes of everything: sessions, parts, labels, a change of weight, few requests and none."""
    busy = Traffic(parts=True, session=2, noise=0.02, rate=100)
    return (
        *labelled(busy.windows(1, 24, first=6), 1),
        *labelled(Traffic(parts=True, rate=100, weight=0.5).windows(2, 18, first=30), 2),
        *Traffic(rate=20).windows(3, 10, first=48),
        *Traffic(rate=0).windows(3, 2, first=58),
    )


@cache
def unbroken() -> tuple[Judgement, ...]:
    """What is said without a restart."""
    state = begin(POLICY, [BOUND])
    for window in Traffic(parts=True).windows(1, 6, weight=0.0):
        warm(state, window)
    return tuple(update(state, window) for window in stream())


@settings(max_examples=6)
@given(st.lists(st.integers(0, 53), max_size=4))
def test_restarts_at_any_window_change_nothing(restarts: list[int]) -> None:
    """Bit for bit: the same judgements, and in the end the same bytes."""
    state, other = begin(POLICY, [BOUND]), begin(POLICY, [BOUND])
    for window in Traffic(parts=True).windows(1, 6, weight=0.0):
        warm(state, window)
        warm(other, window)
    for number, window in enumerate(stream()):
        if number in restarts:
            data = dump(state)
            state = load(data)
            assert data == dump(state)
        assert unbroken()[number] == update(state, window)
        update(other, window)
    assert dump(other) == dump(state)


def test_a_fresh_state_can_be_kept() -> None:
    """Before the first window."""
    assert dump(begin(PLAIN)) == dump(load(dump(begin(PLAIN))))


def test_a_state_of_a_long_release_stays_small() -> None:
    """Twelve hours with a restart every ten minutes, here in faster motion."""
    state = begin(JudgePolicy(warmup=0.0, restart=10.0))
    for window in Traffic(parts=True).windows(5, 80):
        update(state, window)
    data = dump(state)
    assert len(data) < 100_000
    assert json.loads(data)["version"] == 1


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[1]", b'{"kind":"release judge","version":99,"state":{}}', b'{"kind":"other","version":1}']
)
def test_what_is_no_state_of_this_version_is_refused(data: bytes) -> None:
    """With what can be done."""
    with pytest.raises(UsageError, match="state") as caught:
        load(data)
    assert "from the first" in caught.value.remedy


def test_a_damaged_state_is_refused() -> None:
    """Rather than judged by."""
    content = json.loads(dump(begin(PLAIN)))
    del content["state"]["harm"]
    with pytest.raises(UsageError, match="damaged"):
        load(json.dumps(content).encode())
