"""Comments on GitHub: whose they are, and that none stands there twice."""

import pytest

from seatrial.adapters.forge.github import GithubForge
from seatrial.records import PermanentError, TemporaryError
from seatrial.testing import FakeClock
from tests.adapters.forge.github.conftest import REPOSITORY, Opened
from tests.forges.github.fake import FakeGithub, Fault
from tests.forges.github.state import Pull

pytestmark = pytest.mark.usefixtures("pull")


def _bodies(pull: Pull) -> list[str]:
    return [comment.body for comment in pull.comments]


@pytest.mark.parametrize("kind", ["app", "workflow", "fine", "classic"])
def test_own_comments_are_known_whatever_the_token(fake: FakeGithub, opened: Opened, kind: str) -> None:
    """A person's token tells by `/user`, a workflow's and an App's by GraphQL's `viewer`; it is asked once."""
    opened(kind).create_comment(REPOSITORY, 1, "mine")
    fake.world.comment(REPOSITORY, 1, "alice", "hers")
    fake.world.account("other[bot]", bot=True)
    fake.world.comment(REPOSITORY, 1, "other[bot]", "another App's")
    forge = opened(kind)

    assert [True, False, False] == [one.own for one in forge.comments(REPOSITORY, 1)]
    asked = len(fake.asked)
    forge.comments(REPOSITORY, 1)
    assert asked + 1 == len(fake.asked)


def test_a_person_with_the_name_of_the_app_is_not_the_app(fake: FakeGithub, opened: Opened) -> None:
    """`seatrial[bot]` is an App's; anybody could take the name `seatrial`."""
    fake.world.comment(REPOSITORY, 1, "seatrial", "not mine")

    assert [False] == [one.own for one in opened("app").comments(REPOSITORY, 1)]


def test_an_app_that_is_not_told_its_name_knows_what_it_is_not(fake: FakeGithub, opened: Opened) -> None:
    """People are others, the workflow's bot counts as itself, and of other bots nobody can tell."""
    fake.faults.append(Fault(403, "Resource not accessible by integration", path="graphql", times=9))
    for login in ("alice", "github-actions[bot]", "other[bot]"):
        fake.world.account(login, bot=login.endswith("[bot]"))
        fake.world.comment(REPOSITORY, 1, login, "hello")

    assert [False, True, None] == [one.own for one in opened("workflow").comments(REPOSITORY, 1)]


def test_a_comment_that_was_made_tells_whose_the_token_is(fake: FakeGithub, opened: Opened) -> None:
    """What GitHub would not say it says of the first comment."""
    fake.faults.append(Fault(403, "Resource not accessible by integration", path="graphql", times=9))
    forge = opened("app")
    made = forge.create_comment(REPOSITORY, 1, "mine")

    assert [True, True] == [made.own, forge.comments(REPOSITORY, 1)[0].own]


def test_without_a_token_nothing_is_own(fake: FakeGithub, opened: Opened) -> None:
    """And whoever wants to read a private repository is told that a token is missing."""
    fake.world.tokens.clear()
    forge = GithubForge(fake.url, "", "")
    with pytest.raises(PermanentError, match="without a token nobody may read the comments") as caught:
        forge.comments(REPOSITORY, 1)
    assert "GITHUB_TOKEN" in caught.value.remedy
    assert opened("app") is not None


@pytest.mark.parametrize("status", [502, 0])
def test_a_comment_whose_answer_was_lost_is_not_made_twice(
    fake: FakeGithub, forge: GithubForge, pull: Pull, status: int
) -> None:
    """The request was carried out, and then a gateway or the connection broke: the comment is found and taken."""
    fake.faults.append(Fault(status, "Bad Gateway", after=True, verb="POST"))
    made = forge.create_comment(REPOSITORY, 1, "once")

    assert ["once"] == _bodies(pull)
    assert (str(pull.comments[0].id), True) == (made.id, made.own)


def test_a_comment_that_was_not_made_is_made(fake: FakeGithub, forge: GithubForge, pull: Pull) -> None:
    """The gateway broke before: an old comment of the same text, or a stranger's, is not taken for it."""
    fake.world.comment(REPOSITORY, 1, "alice", "once")
    fake.faults.append(Fault(502, "Bad Gateway", verb="POST"))
    forge.create_comment(REPOSITORY, 1, "once")

    assert ["once", "once"] == _bodies(pull)
    assert "seatrial[bot]" == (pull.comments[1].author or pull.author).login


def test_an_old_comment_of_the_same_text_is_not_taken_for_a_new_one(
    fake: FakeGithub, forge: GithubForge, clock: FakeClock, pull: Pull
) -> None:
    """Who asks twice gets two answers, also in a repository that was renamed meanwhile."""
    forge.create_comment(REPOSITORY, 1, "explained")
    clock.sleep(7_200)
    fake.world.rename(REPOSITORY, "acme/vintage")
    fake.faults.append(Fault(502, verb="POST"))
    forge.create_comment(REPOSITORY, 1, "explained")

    assert ["explained", "explained"] == _bodies(pull)


def test_silence_is_not_waited_for_for_ever(fake: FakeGithub, opened: Opened, pull: Pull) -> None:
    """An answer that does not come in time is a broken connection."""
    fake.faults.append(Fault(-1, after=True, verb="POST"))
    opened(timeout=1).create_comment(REPOSITORY, 1, "once")

    assert ["once"] == _bodies(pull)


def test_a_comment_that_is_too_long_is_refused_in_githubs_words(forge: GithubForge, pull: Pull) -> None:
    """422 is no trouble that passes."""
    with pytest.raises(PermanentError, match="maximum is 65536 characters") as caught:
        forge.create_comment(REPOSITORY, 1, "x" * 65_537)
    assert f"{REPOSITORY}#1" == caught.value.where
    assert [] == pull.comments


def test_a_locked_conversation_is_no_missing_right(forge: GithubForge, pull: Pull) -> None:
    """The remedy is to unlock it, not to widen the token."""
    pull.locked = True
    with pytest.raises(PermanentError) as caught:
        forge.create_comment(REPOSITORY, 1, "hello")
    assert "unlock the conversation of the pull request" == caught.value.remedy


def test_a_page_that_breaks_is_asked_for_again(fake: FakeGithub, forge: GithubForge) -> None:
    """All comments are told, each once, whichever page had troubles."""
    for place in range(250):
        fake.world.comment(REPOSITORY, 1, "alice", str(place))
    fake.faults += [Fault(500, path="page=2"), Fault(0, path="page=3"), Fault(503, path="page=3")]

    assert [str(place) for place in range(250)] == [one.body for one in forge.comments(REPOSITORY, 1)]


def test_a_forge_that_stays_broken_is_a_temporary_error(fake: FakeGithub, forge: GithubForge, pull: Pull) -> None:
    """After five attempts in fifteen seconds the caller decides."""
    fake.faults.append(Fault(503, html=True, times=99))
    with pytest.raises(TemporaryError, match="answered 503") as caught:
        forge.create_comment(REPOSITORY, 1, "hello")
    assert fake.url in caught.value.where
    assert [] == pull.comments
