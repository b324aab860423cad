"""A fake GitHub with one pull request, and time that passes only when somebody waits."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from seatrial.adapters.forge.github import GithubForge
from seatrial.adapters.forge.github_app import AppKey
from seatrial.testing import FakeClock
from tests.forges.github.apps import private_key
from tests.forges.github.fake import FakeGithub, serving
from tests.forges.github.state import App, Installation, Pull

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


@dataclass
class AppScene:
    """An App that is installed with the owner of the repository, and what speaks as it."""

    fake: FakeGithub
    clock: FakeClock
    app: App
    installation: Installation
    forge: GithubForge

    def grants(self) -> int:
        """How often it asked for a token, and got one."""
        return len([one for one in self.fake.asked if one[0] == "POST" and "access_tokens" in one[1] and one[2] == 201])

    def opened(self, clock: FakeClock | None = None, app: str = "", key: int = 0) -> GithubForge:
        """Another process of it: on a machine with another clock, with another id, or with another key."""
        credential = AppKey(app=app or str(self.app.id), key=private_key(key))
        return GithubForge(self.fake.url, "", credential, clock=clock or self.clock)


@pytest.fixture
def scene(fake: FakeGithub, clock: FakeClock) -> AppScene:
    """Nothing was asked yet."""
    app = fake.world.app("seatrial", private_key().public_key())
    credential = AppKey(app=str(app.id), key=private_key())
    forge = GithubForge(fake.url, "", credential, clock=clock)
    return AppScene(fake, clock, app, fake.world.install(app, "acme"), forge)


def token_of(fake: FakeGithub, kind: str, rights: dict[str, str]) -> str:
    """A new token; without rights it has all that is needed."""
    return fake.world.token(kind, _LOGINS[kind], rights or None)
