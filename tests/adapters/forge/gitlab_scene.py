"""A GitLab scene for the adapter's tests: time passes only when it is waited for, and the document is kept to."""

from collections.abc import Iterator

import pytest

from seatrial.adapters.forge.gitlab import GitlabForge
from seatrial.records import Check, CheckPhase, Conclusion
from seatrial.testing import FakeClock
from tests.forges.gitlab.opener import TOKEN, GitlabScene, opened


@pytest.fixture
def scene() -> Iterator[GitlabScene]:
    """A server with one project; at the end nothing was asked or answered that GitLab's document does not allow."""
    with opened() as found:
        yield found


@pytest.fixture
def clock() -> FakeClock:
    """That the adapter waits by."""
    return FakeClock()


@pytest.fixture
def forge(scene: GitlabScene, clock: FakeClock) -> GitlabForge:
    """The adapter with a token that may write."""
    return GitlabForge(scene.server.url, "", TOKEN, clock=clock, timeout=10)


def a_check(
    scene: GitlabScene,
    commit: str,
    *,
    phase: CheckPhase = CheckPhase.DONE,
    conclusion: Conclusion | None = None,
    title: str = "done",
    url: str = "",
) -> Check:
    """A check of a commit; done ones fail unless told otherwise."""
    ended = (conclusion or Conclusion.FAILURE) if phase is CheckPhase.DONE else None
    return Check(
        repository=scene.repository,
        commit=commit,
        name="seatrial",
        key="1",
        phase=phase,
        title=title,
        conclusion=ended,
        url=url,
    )
