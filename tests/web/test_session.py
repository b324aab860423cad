"""A release judged over many calls is the release judged in one."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.judge.release import begin, update, warm
from seatrial.records import Judgement, JudgePolicy, UsageError
from seatrial.web.session import begin_session, check_policy, dump_session, feed, keep, load_session
from seatrial.web.windows import Given
from tests.web.streams import history, stream

POLICY = JudgePolicy(warmup=0.0)
_PAST = [Given(window=window) for window in history(6)]
_NEW = [Given(window=window) for window in stream(12, slower=1.05)]


def _in_one() -> list[Judgement]:
    state = begin(POLICY)
    for each in _PAST:
        warm(state, each.window)
    return [update(state, each.window) for each in _NEW]


@settings(max_examples=10)
@given(st.sets(st.integers(0, len(_PAST) + len(_NEW))))
def test_interruptions_change_nothing(stops: set[int]) -> None:
    """Kept and taken up again between any windows, the judgements are the same to the last bit."""
    session = begin_session(POLICY)
    said = []
    for index, given_window in enumerate([*_PAST, *_NEW]):
        if index in stops:
            session = load_session(dump_session(session), where="here")
        judgement = feed(session, given_window)
        said += [] if judgement is None else [judgement]

    assert _in_one() == said


def test_the_last_judgement_is_kept() -> None:
    """What was said last can be asked for again without a window."""
    session = begin_session(POLICY)
    for given_window in _NEW[:3]:
        feed(session, given_window)

    again = load_session(dump_session(session), where="here")

    assert session.last == again.last
    assert msgspec.json.encode(session.last) == msgspec.json.encode(again.last)


def test_a_window_counts_once() -> None:
    """Windows that were handed in before are passed over, so that a caller may repeat itself."""
    session = begin_session(POLICY)
    first = [feed(session, each) for each in _NEW]
    last = session.last

    assert None not in first
    assert [None] * len(_NEW) == [feed(session, each) for each in _NEW]
    assert last == session.last


def test_windows_with_weight_zero_at_the_begin_are_history() -> None:
    """Stable's past is learned from and not judged; later on, weight zero is judged like any other."""
    session = begin_session(POLICY)

    assert [None] * len(_PAST) == [feed(session, each) for each in _PAST]
    assert session.begun is None
    assert feed(session, _NEW[0]) is not None
    assert _NEW[0].window.start == session.begun
    assert feed(session, Given(window=replace(_NEW[1].window, weight=0.0))) is not None


def test_another_policy_is_refused() -> None:
    """Error rates hold for the policy that a release was begun with, and no other is laid over it."""
    session = begin_session(POLICY)

    check_policy(session, JudgePolicy(warmup=0.0), (), where="here")
    with pytest.raises(UsageError, match="another policy"):
        check_policy(session, JudgePolicy(warmup=0.0, alpha=0.5), (), where="here")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff",
        b'{"version": 1}',
        b'{"version": 99}',
        b'{"version":1,"judge":"{}"}',
        b"[" * 100_000,
    ],
)
def test_a_state_that_is_none_is_a_usage_error(data: bytes) -> None:
    """A file that the judge did not write is named, and not half read."""
    with pytest.raises(UsageError) as refused:
        load_session(data, where="state.json")

    assert "state.json" in str(refused.value) or "state" in refused.value.what


@given(st.data())
@settings(max_examples=30)
def test_a_damaged_state_is_a_usage_error_or_a_state(data: st.DataObject) -> None:
    """Cut off anywhere, a state is refused."""
    session = begin_session(POLICY)
    feed(session, _NEW[0])
    whole = dump_session(session)
    cut = data.draw(st.integers(0, len(whole) - 1))

    with pytest.raises(UsageError):
        load_session(whole[:cut], where="here")


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    """The old file or the new one, and nothing beside them."""
    file = tmp_path / "state.json"
    keep(file, b"old")
    keep(file, b"new")

    assert b"new" == file.read_bytes()
    assert [file] == list(tmp_path.iterdir())
