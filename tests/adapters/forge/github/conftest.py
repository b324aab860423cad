"""A fake GitHub with one pull request, and time that passes only when somebody waits."""

from collections.abc import Callable, Iterator

import pytest

from seatrial.adapters.forge.github import GithubForge
from seatrial.testing import FakeClock
from tests.forges.github.fake import FakeGithub, serving
from tests.forges.github.state import Pull

Opened = Callable[..., GithubForge]
REPOSITORY = "acme/wine"
_LOGINS = {"workflow": "github-actions[bot]", "app": "seatrial[bot]", "fine": "robin", "classic": "robin"}


@pytest.fixture
def clock() -> FakeClock:
    """Counts what was waited."""
    return FakeClock()


@pytest.fixture
def fake(clock: FakeClock) -> Iterator[FakeGithub]:
    """At its end nothing may have been against GitHub's document."""
    with serving(clock) as found:
        found.world.repository(REPOSITORY)
        yield found


@pytest.fixture
def pull(fake: FakeGithub) -> Pull:
    """The first of the repository."""
    return fake.world.open_pull(REPOSITORY, "change")


@pytest.fixture
def opened(fake: FakeGithub, clock: FakeClock) -> Opened:
    """Opens the adapter with a new token of a kind, and rights as GitHub names them."""

    def open_with(kind: str = "app", timeout: int = 5, **rights: str) -> GithubForge:
        return GithubForge(fake.url, "", token_of(fake, kind, rights), clock=clock, timeout=timeout)

    return open_with


@pytest.fixture
def forge(opened: Opened) -> GithubForge:
    """With the token of an App that may do all that is needed."""
    return opened()


def token_of(fake: FakeGithub, kind: str, rights: dict[str, str]) -> str:
    """A new token; without rights it has all that is needed."""
    return fake.world.token(kind, _LOGINS[kind], rights or None)
