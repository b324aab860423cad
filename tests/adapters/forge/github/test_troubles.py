"""What GitHub refuses: limits that pass, rights that are missing, and answers that are not GitHub's."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from seatrial.adapters.forge.github import GithubForge
from seatrial.adapters.forge.github_bearer import Bearer
from seatrial.adapters.forge.github_refusals import Aim, refusal
from seatrial.records import PermanentError, SeatrialError, TemporaryError
from seatrial.testing import FakeClock
from tests.adapters.forge.github.conftest import REPOSITORY, Opened
from tests.forges.github.fake import FakeGithub, Fault, serving
from tests.forges.github.state import Pull

pytestmark = pytest.mark.usefixtures("pull")
_SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."


def test_a_spent_rate_limit_that_ends_soon_is_waited_for(
    fake: FakeGithub, forge: GithubForge, clock: FakeClock, pull: Pull
) -> None:
    """GitHub says when it ends; a second more, since it ends some time within that one."""
    fake.remaining, fake.reset = 0, clock.now() + timedelta(seconds=40)

    assert pull.head == forge.pull(REPOSITORY, 1).head
    assert 41.0 == clock.monotonic()
    assert [403, 200] == [status for _, _, status in fake.asked]


def test_a_spent_rate_limit_that_ends_late_is_told(fake: FakeGithub, forge: GithubForge, clock: FakeClock) -> None:
    """Nobody waits for that, and nobody asks again until then: GitHub bans those who do."""
    fake.remaining, fake.reset = 0, clock.now() + timedelta(minutes=35)
    for _ in range(3):
        with pytest.raises(TemporaryError) as caught:
            forge.pull(REPOSITORY, 1)
        assert "try again after 2026-01-01 00:35:01 UTC, in 35 minutes" == caught.value.remedy
    assert (0.0, 1) == (clock.monotonic(), len(fake.asked))

    clock.sleep(2_200)
    assert 1 == forge.pull(REPOSITORY, 1).number


def test_the_end_of_a_rate_limit_is_read_on_githubs_clock(fake: FakeGithub, clock: FakeClock) -> None:
    """A machine whose clock is an hour ahead waits as long as any."""
    ahead = FakeClock(clock.now() + timedelta(hours=1))
    forge = GithubForge(fake.url, "", fake.world.token("app", "seatrial[bot]"), clock=ahead)
    fake.remaining, fake.reset = 0, clock.now() + timedelta(minutes=35)
    with pytest.raises(TemporaryError, match="in 35 minutes"):
        forge.pull(REPOSITORY, 1)


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize(("headers", "waited"), [({"retry-after": "7"}, 7.0), ({}, 60.0)])
def test_the_secondary_limit_is_waited_for(
    fake: FakeGithub, forge: GithubForge, clock: FakeClock, status: int, headers: dict[str, str], waited: float
) -> None:
    """As long as GitHub says, and a minute where it says nothing; the comment is made once."""
    fake.faults.append(Fault(status, _SECONDARY, headers, verb="POST"))
    forge.create_comment(REPOSITORY, 1, "hello")

    assert waited == clock.monotonic()
    assert 1 == len(fake.world.repositories[REPOSITORY].pulls[1].comments)


def test_patience_is_for_one_call_as_a_whole(fake: FakeGithub, forge: GithubForge, clock: FakeClock) -> None:
    """Limit after limit ends with the first wait that would be too much."""
    fake.faults.append(Fault(429, _SECONDARY, {"retry-after": "40"}, times=9))
    with pytest.raises(TemporaryError, match="takes no requests for a while"):
        forge.pull(REPOSITORY, 1)
    assert 80.0 == clock.monotonic()


def test_troubles_are_tried_again_ever_later(fake: FakeGithub, forge: GithubForge, clock: FakeClock) -> None:
    """After one, two, four and eight seconds; then the caller is told what GitHub said last."""
    fake.faults.append(Fault(500, times=4))
    assert 1 == forge.pull(REPOSITORY, 1).number
    assert 15.0 == clock.monotonic()

    fake.faults.append(Fault(500, "Something went wrong", times=5))
    with pytest.raises(TemporaryError, match="answered 500, Something went wrong"):
        forge.pull(REPOSITORY, 1)


def test_nobody_there_is_a_temporary_error(clock: FakeClock) -> None:
    """A connection that is refused says where it was tried."""
    with serving(clock) as gone:
        url = gone.url
    forge = GithubForge(url, "", "ghs_secretsecret", clock=clock)
    with pytest.raises(TemporaryError, match="does not answer") as caught:
        forge.pull(REPOSITORY, 1)
    assert f"{url}/api/v3" == caught.value.where
    assert "secretsecret" not in str(caught.value)


_CALLS: dict[str, Callable[[GithubForge], object]] = {
    "pull": lambda forge: forge.pull(REPOSITORY, 1),
    "comments": lambda forge: forge.comments(REPOSITORY, 1),
    "create": lambda forge: forge.create_comment(REPOSITORY, 1, "hello"),
    "permission": lambda forge: forge.permission(REPOSITORY, "wendy"),
}


@pytest.mark.parametrize("call", _CALLS.values(), ids=_CALLS)
@pytest.mark.parametrize("kind", ["workflow", "fine", "classic"])
def test_a_token_without_rights_is_told_what_grants_them(
    opened: Opened, fake: FakeGithub, kind: str, call: Callable[[GithubForge], object]
) -> None:
    """Each call names what it could not do, in words for that kind of token, and never the token."""
    forge = opened(kind, nothing="read")
    with pytest.raises(PermanentError, match="the token may not ") as caught:
        call(forge)
    words = {"workflow": "\npermissions:\n  contents: read", "fine": "” of the repository", "classic": "the scope `"}
    assert words[kind] in caught.value.remedy
    assert "acme/wine" in caught.value.where
    assert not [token for token in fake.world.tokens if token in str(caught.value)]


def test_a_workflow_is_told_the_lines_that_github_asks_for(opened: Opened) -> None:
    """They are whole: what `permissions:` does not name is taken away."""
    forge = opened("workflow", contents="read", pull_requests="read", issues="read")
    with pytest.raises(PermanentError) as caught:
        forge.create_comment(REPOSITORY, 1, "hello")
    assert "\npermissions:\n  contents: read\n  pull-requests: write\n  checks: write" in caught.value.remedy
    assert "a fork's pull request has a token that only reads" in caught.value.remedy


_AIM = Aim(doing="do that", where="acme/wine#1", thing="thing", permission="pull-requests")


@pytest.mark.parametrize(
    ("accepted", "named"),
    [
        ("issues=write; pull_requests=write", "pull-requests: write"),
        ("contents=read,pull_requests=read", "pull-requests: write"),
        ("statuses=write", "statuses: write"),
        ("", "pull-requests: write"),
        ("=;,", "pull-requests: write"),
    ],
)
def test_the_permission_that_github_names_is_the_one_that_is_told(accepted: str, named: str) -> None:
    """Of several ways that GitHub accepts it is the one that was meant."""
    headers = {"x-accepted-github-permissions": accepted}
    assert named in refusal(_AIM, 403, headers, {"message": "no"}, Bearer(token="ghs_x")).remedy


@pytest.mark.parametrize(
    ("status", "headers", "message", "token", "expected"),
    [
        (401, {}, "Bad credentials", "ghp_x", "mistyped, expired or revoked"),
        (403, {"x-github-sso": "required"}, "Resource protected by SAML", "ghp_x", "single sign-on"),
        (403, {}, "Repository was archived so is read-only.", "ghp_x", "is archived"),
        (403, {}, "no", "an-old-servers", "a fine-grained token: “Pull requests: Read and write”"),
        (404, {}, "Not Found", "github_pat_x", "“Pull requests: Read-only”"),
        (410, {}, "This issue was deleted", "ghs_x", "there is no thing"),
        (451, {}, "Repository access blocked", "ghs_x", "GitHub answered 451: Repository access blocked"),
        (422, {}, "", "ghs_x", "it does not say why"),
    ],
)
def test_each_refusal_has_its_remedy(
    status: int, headers: dict[str, str], message: str, token: str, expected: str
) -> None:
    """What GitHub says in a word or a number is said in a sentence."""
    assert expected in str(refusal(_AIM, status, headers, {"message": message}, Bearer(token=token)))


def test_no_message_holds_the_token(opened: Opened, fake: FakeGithub) -> None:
    """Even if GitHub sends it back."""
    forge = opened("fine")
    (token,) = fake.world.tokens
    fake.faults.append(Fault(403, f"{token} may not"))
    with pytest.raises(SeatrialError) as caught:
        forge.pull(REPOSITORY, 1)
    assert token not in str(caught.value)
    assert "*** may not" in str(caught.value)


@pytest.mark.parametrize("fault", [Fault(200, html=True), Fault(200, "hello")])
def test_what_is_not_github_is_told_so(fake: FakeGithub, forge: GithubForge, fault: Fault) -> None:
    """A page of a proxy, or another kind of forge, is a mistake in the address."""
    fake.faults.append(fault)
    with pytest.raises(PermanentError, match="does not answer as GitHub does") as caught:
        forge.pull(REPOSITORY, 1)
    assert "forge.url" in caught.value.remedy


@pytest.mark.parametrize("status", [301, 307])
def test_the_token_follows_to_no_other_host(fake: FakeGithub, forge: GithubForge, status: int) -> None:
    """A server that has moved is told; the token is not sent there."""
    place = {"location": "https://elsewhere.example/api/v3/repos/acme/wine/pulls/1"}
    fake.faults.append(Fault(status, "Moved", place))
    with pytest.raises(PermanentError, match="another host"):
        forge.pull(REPOSITORY, 1)


def test_a_circle_of_redirects_ends(fake: FakeGithub, forge: GithubForge) -> None:
    """It is an answer that is no answer."""
    place = {"location": f"{fake.url}/api/v3/repos/acme/wine/pulls/1"}
    fake.faults.append(Fault(307, "Moved", place, times=99))
    with pytest.raises(PermanentError, match="GitHub answered 307"):
        forge.pull(REPOSITORY, 1)
