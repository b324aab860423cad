"""What is Gitea's own about its adapter, on a real Gitea: merging, rights, and what becomes of repositories."""

from collections.abc import Iterator

import pytest

from seatrial.adapters.forge.gitea import GiteaForge
from seatrial.records import (
    Check,
    CheckPhase,
    Conclusion,
    ForgeLimits,
    PermanentError,
    Permission,
    PullState,
    UsageError,
)
from tests.forges.gitea.opener import NEEDED, GiteaScene, opened
from tests.forges.gitea.world import Gitea


@pytest.fixture(scope="module")
def scene(gitea: Gitea) -> Iterator[GiteaScene]:
    """A repository with collaborators."""
    with opened(gitea) as found:
        yield found


def check(scene: GiteaScene, commit: str, conclusion: Conclusion | None) -> Check:
    """A check of a commit, that waits where there is no conclusion."""
    return Check(
        repository=scene.repository,
        commit=commit,
        name="seatrial / wine",
        key="trial-1",
        phase=CheckPhase.DONE if conclusion else CheckPhase.QUEUED,
        title=str(conclusion),
        conclusion=conclusion,
        annotations=(),
    )


def test_a_protected_branch_takes_a_change_on_success_alone(gitea: Gitea, scene: GiteaScene) -> None:
    """Not without a check, not while it waits, not on any other end; and no administrator gets past it."""
    gitea.protect(scene.repository, "seatrial*", branch="release")
    gitea.call("POST", f"/repos/{scene.repository}/branches", {"new_branch_name": "release"})
    scene.push("to-release")
    number = gitea.open_pull(scene.repository, "to-release", by=scene.owner, title="To release", base="release")
    commit = scene.tip("to-release")
    unmerged = [found for found in Conclusion if found is not Conclusion.SUCCESS]
    assert "Not all required status checks successful" in gitea.refused_merge(scene.repository, number, by=scene.owner)
    for conclusion in (None, *unmerged):
        scene.forge.set_check(check(scene, commit, conclusion))
        refused = gitea.refused_merge(scene.repository, number, by=scene.owner)
        assert "Not all required status checks successful" in refused, conclusion
    scene.forge.set_check(check(scene, commit, Conclusion.SUCCESS))
    assert "" == gitea.refused_merge(scene.repository, number, by=scene.owner)
    assert PullState.MERGED == scene.forge.pull(scene.repository, number).state


def test_states_are_those_that_no_version_merges_on(gitea: Gitea, scene: GiteaScene) -> None:
    """`warning` would suit an inconclusive trial, and Gitea 1.24 merges on it."""
    commit = scene.push("states")
    for conclusion in (None, *Conclusion):
        scene.forge.set_check(check(scene, commit, conclusion))
    shown = [found["status"] for found in reversed(gitea.statuses(scene.repository, commit))]
    assert ["pending", "success", "failure", "error", "error", "error"] == shown


def test_a_commit_with_more_statuses_than_a_page_gets_no_second_one(gitea: Gitea, scene: GiteaScene) -> None:
    """Whether a status is there already is looked up through all pages."""
    commit = scene.push("crowded")
    wanted = check(scene, commit, Conclusion.SUCCESS)
    scene.forge.set_check(wanted)
    for place in range(51):
        status = {"context": f"ci/{place}", "state": "success"}
        gitea.call("POST", f"/repos/{scene.repository}/statuses/{commit}", status)
    scene.forge.set_check(wanted)
    found = gitea.call("GET", f"/repos/{scene.repository}/commits/{commit}/statuses?limit=50&page=2")
    assert 2 == len(found)


def test_a_check_of_a_commit_that_is_not_there_names_it(scene: GiteaScene) -> None:
    """Gitea answers 500 to that, which no retry mends."""
    absent = "0123456789" * 4
    with pytest.raises(PermanentError) as caught:
        scene.forge.set_check(check(scene, absent, None))
    assert absent[:12] in caught.value.where


def test_limits_are_told() -> None:
    """A comment has a quarter of a MiB, a status no summary and no annotations."""
    limits = ForgeLimits(comment=262_144, summary=0, annotations=0)
    assert limits == GiteaForge("http://127.0.0.1:1", "", "").limits


# Tokens.


def test_the_scope_that_a_token_lacks_is_named(gitea: Gitea, scene: GiteaScene) -> None:
    """The message says which one it is, and where a token gets it."""
    token = gitea.new_token(scene.account, ("read:repository", "read:issue"))
    lacking = GiteaForge(gitea.url, "", token)
    with pytest.raises(PermanentError) as status:
        lacking.set_check(check(scene, scene.push("scopes"), None))
    with pytest.raises(PermanentError) as comment:
        lacking.create_comment(scene.repository, _any_pull(gitea, scene), "hello")
    assert "the token lacks the scope `write:repository`" == status.value.what
    assert "the token lacks the scope `write:issue`" == comment.value.what
    for error in (status.value, comment.value):
        assert "Applications" in error.remedy
        assert token not in str(error)


def _any_pull(gitea: Gitea, scene: GiteaScene) -> int:
    """The number of a pull request."""
    found = gitea.call("GET", f"/repos/{scene.repository}/pulls?state=all")
    return int(found[0]["number"]) if found else scene.open_pull("any")


def test_a_token_without_read_user_does_not_know_its_own_comments(gitea: Gitea, scene: GiteaScene) -> None:
    """Everything works; only whose a comment is can't be told."""
    number = scene.open_pull("own")
    nameless = GiteaForge(gitea.url, "", gitea.new_token(scene.account, ("write:repository", "write:issue")))
    assert nameless.create_comment(scene.repository, number, "hello").own is None
    assert [None] == [found.own for found in nameless.comments(scene.repository, number)]
    assert [True] == [found.own for found in scene.forge.comments(scene.repository, number)]


def test_a_token_that_was_revoked_is_told(gitea: Gitea, scene: GiteaScene) -> None:
    """What is wrong is the token, whatever was asked for."""
    with pytest.raises(PermanentError, match="does not accept the token") as caught:
        GiteaForge(gitea.url, "", "0" * 40).pull(scene.repository, 1)
    assert "0" * 40 not in str(caught.value)


@pytest.mark.parametrize("token", ["f00dbabe\n", "f00d babe", "f00dbäbe"])
def test_a_token_that_can_not_be_sent_is_refused_unseen(token: str) -> None:
    """Who copied a line end along is told so before the network's own error tells the token."""
    with pytest.raises(UsageError, match="line ends") as caught:
        GiteaForge("http://127.0.0.1:1", "", token)
    assert "f00d" not in str(caught.value)


def test_an_account_that_may_not_push_is_told_which_right_it_lacks(gitea: Gitea, scene: GiteaScene) -> None:
    """The scopes are right; it is the account that can't set a status."""
    outsider = GiteaForge(gitea.url, "", gitea.account("outsider", scopes=NEEDED).token)
    with pytest.raises(PermanentError) as caught:
        outsider.set_check(check(scene, scene.tip("main"), None))
    assert "Write permission" in caught.value.remedy


def test_an_account_that_is_no_administrator_can_not_ask_who_may_write(gitea: Gitea, scene: GiteaScene) -> None:
    """Gitea tells that to administrators alone; the message says so, where guessing would let strangers in."""
    bot = GiteaForge(gitea.url, "", gitea.new_token(scene.writer, NEEDED))
    with pytest.raises(PermanentError) as caught:
        bot.permission(scene.repository, scene.reader)
    assert "Administrator permission" in caught.value.remedy
    assert Permission.WRITE == bot.permission(scene.repository, scene.writer)


def test_write_permission_is_enough_to_publish(gitea: Gitea, scene: GiteaScene) -> None:
    """Comment, edit, acknowledge and set the status: in CI the account needs no more than that."""
    number = scene.open_pull("published")
    bot = GiteaForge(gitea.url, "", gitea.new_token(scene.writer, NEEDED))
    made = bot.create_comment(scene.repository, number, "before")
    bot.acknowledge(scene.repository, number, made.id)
    bot.edit_comment(scene.repository, number, made.id, "after")
    bot.set_check(check(scene, scene.tip("published"), Conclusion.SUCCESS))
    assert ["after"] == [found.body for found in bot.comments(scene.repository, number)]
    assert ["success"] == [found["status"] for found in gitea.statuses(scene.repository, scene.tip("published"))]


def test_without_a_token_what_is_public_is_read(gitea: Gitea, scene: GiteaScene) -> None:
    """And git needs no header."""
    number = scene.open_pull("public")
    anybody = GiteaForge(gitea.url, "", "")
    assert scene.tip("public") == anybody.pull(scene.repository, number).head
    assert "" == anybody.git_header(scene.repository)


def test_a_private_repository_tells_strangers_nothing(gitea: Gitea, scene: GiteaScene) -> None:
    """A stranger has no permission there, and may not even learn that it exists."""
    repository = gitea.repository(scene.owner, "secret", private=True)
    bot = GiteaForge(gitea.url, "", scene.owner.token)
    assert Permission.NONE == bot.permission(repository, scene.stranger)
    with pytest.raises(PermanentError, match="may not see it"):
        GiteaForge(gitea.url, "", scene.secrets[0]).permission(repository, scene.stranger)


# What becomes of repositories.


def test_a_renamed_repository_is_found_by_its_old_name(gitea: Gitea, scene: GiteaScene) -> None:
    """Reading and writing follow the forge's redirect, and a branch of its own is still no fork."""
    number = scene.open_pull("renamed")
    old, owner = scene.repository, scene.owner.name
    gitea.call("PATCH", f"/repos/{old}", {"name": "renamed"}, by=scene.owner)
    try:
        pull = scene.forge.pull(old, number)
        scene.forge.create_comment(old, number, "hello")
    finally:
        gitea.call("PATCH", f"/repos/{owner}/renamed", {"name": old.partition("/")[2]}, by=scene.owner)
    assert (old, False) == (pull.repository, pull.from_fork)
    assert ["hello"] == [found.body for found in scene.forge.comments(old, number)]


def test_a_pull_request_whose_fork_was_deleted_is_still_from_a_fork(gitea: Gitea) -> None:
    """Its commits stay to be had, and nobody takes them for the repository's own."""
    with opened(gitea) as scene:
        number = scene.open_pull("orphan", fork=True)
        fork = scene.forge.pull(scene.repository, number).head_repository
        gitea.call("DELETE", f"/repos/{fork}")
        pull = scene.forge.pull(scene.repository, number)
        pushed = scene.tip("orphan")
    assert ("", True, pushed) == (pull.head_repository, pull.from_fork, pull.head)


def test_an_archived_repository_takes_no_comment(gitea: Gitea, scene: GiteaScene) -> None:
    """The message says what it is, and what mends it."""
    number = _any_pull(gitea, scene)
    gitea.call("PATCH", f"/repos/{scene.repository}", {"archived": True}, by=scene.owner)
    try:
        with pytest.raises(PermanentError) as caught:
            scene.forge.create_comment(scene.repository, number, "hello")
    finally:
        gitea.call("PATCH", f"/repos/{scene.repository}", {"archived": False}, by=scene.owner)
    assert "archive" in str(caught.value)


# Names.


@pytest.mark.parametrize("name", ["ship", "../admin/users", "a/b/c", "a/..", "a/b?x=1", "", "a /b"])
def test_what_is_no_repository_is_not_asked_for(name: str) -> None:
    """A name can't lead to other parts of the API."""
    with pytest.raises(UsageError, match="OWNER/NAME"):
        GiteaForge("http://127.0.0.1:1", "", "").pull(name, 1)


def test_an_account_of_a_strange_name_has_no_permission(scene: GiteaScene) -> None:
    """A name from a webhook can't lead to other parts of the API."""
    for account in ("..", "../..", "a/b", "a?b", "%2e%2e", "船"):
        assert Permission.NONE == scene.forge.permission(scene.repository, account)


def test_urls_are_as_people_write_them(gitea: Gitea, scene: GiteaScene) -> None:
    """A slash at the end of the URL or of the API's root makes no difference."""
    slashed = GiteaForge(f"{gitea.url}/", f"{gitea.url}/api/v1/", scene.secrets[0])
    assert f"{gitea.url}/{scene.repository}.git" == slashed.clone_url(scene.repository)
    assert Permission.ADMIN == slashed.permission(scene.repository, scene.admin)
