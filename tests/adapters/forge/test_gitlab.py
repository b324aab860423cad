"""What is GitLab's own in the adapter: notes that are no comments, roles, forks, tokens, orders in texts."""

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.adapters.forge.gitlab import GitlabForge
from seatrial.adapters.forge.gitlab_text import defused
from seatrial.records import PermanentError, Permission, PullState
from tests.adapters.forge.gitlab_scene import clock, forge, scene
from tests.forges.gitlab.opener import READING, TOKEN, GitlabScene
from tests.forges.gitlab.server import Fault
from tests.forges.gitlab.state import Token

__all__ = ["clock", "forge", "scene"]
JOB = "glcbt-64_0123456789"


def test_what_gitlab_notes_and_remarks_on_code_are_no_comments(scene: GitlabScene, forge: GitlabForge) -> None:
    """A push leaves a note of the system, a review notes at lines: neither is listed."""
    number = scene.open_pull("a")
    scene.say(number, scene.people["ada"], "this line is odd", "DiffNote")
    scene.say(number, scene.people["ada"], "looks good")
    assert ["looks good"] == [comment.body for comment in forge.comments(scene.repository, number)]


def test_a_comments_address_leads_to_it(scene: GitlabScene, forge: GitlabForge) -> None:
    """GitLab tells none of a note; it is made as the pages make it."""
    number = scene.open_pull("a")
    made = forge.create_comment(scene.repository, number, "hello")
    assert f"{scene.server.url}/ship/crew/wine/-/merge_requests/{number}#note_{made.id}" == made.url


def test_pages_are_asked_of_the_server_that_was_named(scene: GitlabScene, forge: GitlabForge) -> None:
    """A server behind a proxy links to the address that it takes for its own; the token goes nowhere else."""
    scene.server.public_url = "https://gitlab.example.org"
    number = scene.open_pull("a")
    for place in range(101):
        scene.say(number, scene.people["ada"], f"{place}")
    assert 101 == len(forge.comments(scene.repository, number))


def test_the_api_may_be_elsewhere_than_the_pages(scene: GitlabScene) -> None:
    """`forge.api` is where it is asked; people and git go to `forge.url`."""
    forge = GitlabForge("https://gitlab.example.org/", f"{scene.server.url}/api/v4/", TOKEN)
    assert PullState.OPEN == forge.pull(scene.repository, scene.open_pull("a")).state
    assert "https://gitlab.example.org/ship/crew/wine.git" == forge.clone_url(scene.repository)


def test_a_merge_request_that_is_being_merged_is_open(scene: GitlabScene, forge: GitlabForge) -> None:
    """`locked` lasts for a moment; it may still fail."""
    number = scene.open_pull("a")
    scene.server.state.requests[0].state = "locked"
    assert PullState.OPEN == forge.pull(scene.repository, number).state


@pytest.mark.parametrize("gone", ["deleted", "private"])
def test_a_fork_that_can_not_be_seen_is_a_fork(scene: GitlabScene, forge: GitlabForge, gone: str) -> None:
    """Nobody knows what is in it, so it is taken for somebody else's."""
    number = scene.open_pull("a", fork=True)
    scene.fork.public = False
    if gone == "deleted":
        scene.server.state.requests[0].source = None
    found = forge.pull(scene.repository, number)
    assert ("", True) == (found.head_repository, found.from_fork)


def test_the_base_is_the_target_branch_as_it_is_now(scene: GitlabScene, forge: GitlabForge) -> None:
    """Where the merge request began is asked of a branch that is gone only: a merge request may outlive its target."""
    number, began = scene.open_pull("a"), scene.tip("main")
    pushed = scene.push("main")
    assert pushed == forge.pull(scene.repository, number).base
    scene.server.faults.append(Fault("GET", "/repository/branches/main", 404))
    assert began == forge.pull(scene.repository, number).base


def test_a_note_that_is_too_long_is_refused_for_good(scene: GitlabScene, forge: GitlabForge) -> None:
    """No retry shortens it."""
    number = scene.open_pull("a")
    with pytest.raises(PermanentError, match="too long"):
        forge.create_comment(scene.repository, number, "x" * 1_000_001)


# Accounts.


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        (5, Permission.NONE),
        (10, Permission.READ),
        (15, Permission.READ),
        (20, Permission.READ),
        (30, Permission.WRITE),
        (40, Permission.ADMIN),
        (50, Permission.ADMIN),
    ],
)
def test_roles_are_permissions(scene: GitlabScene, forge: GitlabForge, level: int, expected: Permission) -> None:
    """Developers may push, maintainers and owners administer; minimal access is none to a project."""
    scene.project.members[scene.people["wendy"].id] = level
    assert expected == forge.permission(scene.repository, "wendy")


def test_a_blocked_account_may_nothing(scene: GitlabScene, forge: GitlabForge) -> None:
    """It is a member still."""
    scene.people["ada"].state = "blocked"
    assert Permission.NONE == forge.permission(scene.repository, "ada")


def test_permissions_of_a_project_that_is_not_there_are_an_error(forge: GitlabForge) -> None:
    """Only a member that is not there is none: a mistyped project is a mistake."""
    with pytest.raises(PermanentError, match="nothing like that"):
        forge.permission("ship/beer", "ada")


# Tokens.


def told(forge: GitlabForge, scene: GitlabScene) -> str:
    """What is said to somebody whose token may not comment."""
    number = scene.open_pull("a")
    with pytest.raises(PermanentError) as caught:
        forge.create_comment(scene.repository, number, "hello")
    assert not scene.server.state.notes[1:]
    return str(caught.value)


@pytest.mark.parametrize(
    ("token", "what"),
    [
        ("", "there is no token, so it can't comment on !1"),
        ("glpat-unknown", "does not accept the token"),
        (READING, "lacks the right to comment on !1 (scope api, role Developer)"),
    ],
)
def test_a_token_that_may_not_comment_is_told_how_to_get_one_that_may(
    scene: GitlabScene, token: str, what: str
) -> None:
    """Role, scope, and where it is saved; a protected variable would not reach the pipeline of a merge request."""
    scene.project.public = True
    message = told(GitlabForge(scene.server.url, "", token), scene)
    assert what in message
    assert "role Developer and the scope api" in message
    assert "masked, not protected variable GITLAB_TOKEN" in message
    assert not token or token not in message


def test_the_token_of_a_ci_job_is_told_apart(scene: GitlabScene) -> None:
    """It reads, in a header of its own, and may not comment whatever its scope."""
    scene.server.state.tokens[JOB] = Token(scene.people["wendy"], writes=False)
    message = told(GitlabForge(scene.server.url, "", JOB), scene)
    assert "CI_JOB_TOKEN may neither comment nor set a commit's status" in message
    assert JOB not in message


@pytest.mark.parametrize(("token", "login"), [(TOKEN, f"oauth2:{TOKEN}"), (JOB, f"gitlab-ci-token:{JOB}")])
def test_git_gets_the_token_in_a_header(token: str, login: str) -> None:
    """A user name goes with it, of which GitLab looks at a CI job's only."""
    header = GitlabForge("https://gitlab.example.org", "", token).git_header("acme/wine")
    assert login == base64.b64decode(header.removeprefix("Authorization: Basic ")).decode()


def test_without_a_token_git_gets_no_header() -> None:
    """Public projects are fetched without."""
    assert "" == GitlabForge("https://gitlab.example.org", "", "").git_header("acme/wine")


def test_a_page_that_is_no_api_is_said_to_be_none(scene: GitlabScene, forge: GitlabForge) -> None:
    """A login page answers 200, and is HTML."""
    number = scene.open_pull("a")
    scene.server.faults.append(Fault("GET", "/merge_requests/", 200, headers={"Content-Type": "text/html"}))
    with pytest.raises(PermanentError, match="no GitLab") as caught:
        forge.pull(scene.repository, number)
    assert "forge.url" in caught.value.remedy


# Texts.


def test_a_comment_gives_gitlab_no_orders(scene: GitlabScene, forge: GitlabForge) -> None:
    """A test that prints `/close` does not close the merge request; seatrial's own commands stay readable."""
    number = scene.open_pull("a")
    body = "output:\n/close\n/merge now\nsay\n/seatrial run\nof /usr/lib and\n/usr/lib"
    made = forge.create_comment(scene.repository, number, body)
    forge.edit_comment(scene.repository, number, made.id, body)
    assert PullState.OPEN == forge.pull(scene.repository, number).state
    assert "output:\n\\/close\n\\/merge now\nsay\n/seatrial run\nof /usr/lib and\n/usr/lib" == made.body


@given(st.text(alphabet="/ab \n\t\r\\`_") | st.text())
def test_no_line_begins_with_an_order(body: str) -> None:
    """Whatever the text: what GitLab takes for an order is gone, and nothing but backslashes was added."""
    made = defused(body)
    assert not re.search(r"^[ \t]*/(?!seatrial\b)[A-Za-z_]+(\s|\Z)", made, re.MULTILINE)
    assert body.replace("\\", "") == made.replace("\\", "")
