"""The story of one notice to one receiver, with a clock that jumps."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.records import (
    EventKind,
    Notice,
    PermanentError,
    TemporaryError,
    Undelivered,
    UsageError,
)
from seatrial.workflows.deliver import Patience, deliver
from tests.promotion.making import Engine, Killed

NOTICE = Notice(key="promotion:1", event=EventKind.PROMOTION, project="cellar", subject="wine@3 holds Production")
PATIENCE = Patience(tries=4, first=1.0, factor=2.0)
DOWN = TemporaryError("hook does not answer")


class Post:
    """A receiver that fails as it is told to, and everything that happened with it."""

    def __init__(self, *outcomes: Exception | None) -> None:
        self.outcomes = list(outcomes)
        self.sent = 0
        self.waited: list[float] = []
        self.reported: list[Undelivered] = []

    def send(self, _notice: Notice) -> None:
        """One try."""
        self.sent += 1
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if outcome is not None:
            raise outcome

    def deliver(self, engine: Engine | None = None) -> Undelivered | None:
        """The whole story."""
        return deliver(
            NOTICE,
            "hook",
            send=self.send,
            step=engine or Engine(),
            wait=self.waited.append,
            report=self.reported.append,
            patience=PATIENCE,
        )


def test_a_notice_that_arrives_is_sent_once() -> None:
    """Nobody waits and nobody is told."""
    post = Post()

    assert post.deliver() is None
    assert (1, [], []) == (post.sent, post.waited, post.reported)


def test_a_receiver_that_is_down_is_tried_again_after_longer_and_longer_pauses() -> None:
    """Until it takes it."""
    post = Post(DOWN, DOWN, DOWN)

    assert post.deliver() is None
    assert (4, [1.0, 2.0, 4.0], []) == (post.sent, post.waited, post.reported)


def test_after_the_last_try_it_is_reported() -> None:
    """With what the last try said."""
    post = Post(*[DOWN] * 3, TemporaryError("still down"), None)
    lost = post.deliver()

    expected = Undelivered(receiver="hook", subject=NOTICE.subject, reason="still down", tries=4)
    assert expected == lost
    assert [expected] == post.reported
    assert 4 == post.sent


@pytest.mark.parametrize("error", [PermanentError("it refuses"), UsageError("${TOKEN} isn't set")])
def test_what_a_retry_can_not_mend_is_reported_at_once(error: Exception) -> None:
    """A refusal and a wrong configuration stay what they are."""
    post = Post(error, None)
    lost = post.deliver()

    assert lost is not None
    assert (1, [], 1) == (lost.tries, post.waited, len(post.reported))


def test_whatever_a_library_raises_the_notice_did_not_arrive() -> None:
    """An exception that nobody foresaw is tried again like a receiver that is down."""
    post = Post(ValueError("odd"), None)

    assert post.deliver() is None
    assert 2 == post.sent


@given(failures=st.integers(0, 6), deaths=st.lists(st.sampled_from(["before", "after"]), max_size=5))
def test_tries_add_up_over_processes(failures: int, deaths: Sequence[str]) -> None:
    """However often the process dies, a receiver gets the tries that it is due, and one report at most is kept."""
    post = Post(*[DOWN] * failures)
    engine = Engine()
    lost: Undelivered | None = None
    for death in [*deaths, None]:
        engine.dies = _dies_once(death)
        try:
            lost = post.deliver(engine)
        except Killed:
            continue

    noted = [name for name in engine.done if name.startswith("send ")]
    repeated = post.sent - len(noted)
    assert 0 <= repeated <= sum(death == "after" for death in deaths)
    assert len(noted) <= PATIENCE.tries
    assert (lost is None) == (post.sent > failures)


def _dies_once(when: str | None) -> Callable[[str, str], None]:
    left = [when]

    def dies(now: str, _name: str) -> None:
        if now in left:
            left.clear()
            raise Killed

    return dies
