"""Pull requests, permissions and what git needs, on GitHub."""

import base64

import pytest

from seatrial.adapters.forge.github import GithubForge, api_root
from seatrial.records import Permission, PullState, UsageError
from seatrial.testing import FakeClock
from tests.adapters.forge.github.conftest import REPOSITORY, Opened
from tests.forges.github.fake import FakeGithub
from tests.forges.github.state import Pull


@pytest.mark.parametrize(
    ("url", "root"),
    [
        ("https://github.com", "https://api.github.com"),
        ("https://acme.ghe.com", "https://api.acme.ghe.com"),
        ("https://git.acme.example", "https://git.acme.example/api/v3"),
        ("http://127.0.0.1:3000/github", "http://127.0.0.1:3000/github/api/v3"),
    ],
)
def test_each_site_has_its_api_where_github_puts_it(url: str, root: str) -> None:
    """GitHub.com and its enterprise clouds have a host for it, servers of one's own a path."""
    assert root == api_root(url)


def test_an_api_that_is_named_is_asked(fake: FakeGithub, clock: FakeClock, pull: Pull) -> None:
    """`forge.api` counts, whatever the site's address is."""
    token = fake.world.token("app", "seatrial[bot]")
    forge = GithubForge("https://git.acme.example", f"{fake.url}/api/v3/", token, clock=clock)

    assert pull.head == forge.pull(REPOSITORY, 1).head
    assert "https://git.acme.example/acme/wine.git" == forge.clone_url(REPOSITORY)


def test_a_pull_request_whose_fork_was_deleted_is_still_from_a_fork(forge: GithubForge, pull: Pull) -> None:
    """Its commits are nowhere that has a name, so nobody with a right to this repository vouches for them."""
    pull.fork = None
    found = forge.pull(REPOSITORY, 1)

    assert ("", True) == (found.head_repository, found.from_fork)


def test_a_pull_request_without_its_author_is_a_ghosts(fake: FakeGithub, forge: GithubForge, pull: Pull) -> None:
    """Comments of deleted accounts are told as GitHub's own page tells them, and are nobody's own."""
    fake.world.comment(REPOSITORY, pull.number, None, "bye")
    (found,) = forge.comments(REPOSITORY, pull.number)

    assert ("ghost", False) == (found.author, found.own)


@pytest.mark.usefixtures("pull")
def test_a_polled_pull_request_costs_nothing_while_nothing_changes(fake: FakeGithub, forge: GithubForge) -> None:
    """Asking again is a conditional request, which GitHub answers without counting it."""
    first = forge.pull(REPOSITORY, 1)
    left = fake.remaining
    assert [first] * 3 == [forge.pull(REPOSITORY, 1) for _ in range(3)]
    assert left == fake.remaining
    assert [200, 304, 304, 304] == [status for _, _, status in fake.asked]

    pushed = fake.world.repositories[REPOSITORY].push("change")
    assert pushed == forge.pull(REPOSITORY, 1).head
    assert left - 1 == fake.remaining


@pytest.mark.usefixtures("pull")
def test_a_renamed_repository_is_found_by_its_old_name(
    fake: FakeGithub, forge: GithubForge, capfd: pytest.CaptureFixture[str]
) -> None:
    """Reading and writing follow it, all pages too; the pull request tells the new name, and is from no fork.

    PyGithub would tell of it on standard error, which is the command line's.
    """
    fake.world.rename(REPOSITORY, "acme/vintage")
    for place in range(101):
        fake.world.comment("acme/vintage", 1, "alice", f"comment {place}")

    found = forge.pull(REPOSITORY, 1)
    made = forge.create_comment(REPOSITORY, 1, "here")
    forge.edit_comment(REPOSITORY, 1, made.id, "there")

    assert ("acme/vintage", PullState.OPEN, False) == (found.repository, found.state, found.from_fork)
    assert [*(f"comment {place}" for place in range(101)), "there"] == [
        one.body for one in forge.comments(REPOSITORY, 1)
    ]
    assert ("", "") == capfd.readouterr()


@pytest.mark.parametrize("name", ["wine", "acme/wine/red", "../user", "acme/..", "acme/wi ne", "", "acme/wine?x=1"])
def test_what_is_no_repository_is_not_asked_for(fake: FakeGithub, forge: GithubForge, name: str) -> None:
    """A name never becomes another address of the API."""
    with pytest.raises(UsageError, match="no name of a repository"):
        forge.pull(name, 1)
    assert [] == fake.asked


@pytest.mark.parametrize(
    ("permission", "role", "expected"),
    [
        ("admin", "admin", Permission.ADMIN),
        ("write", "maintain", Permission.WRITE),
        ("write", "our-own-role", Permission.WRITE),
        ("read", "triage", Permission.READ),
        ("none", "", Permission.NONE),
    ],
)
def test_roles_count_as_their_base(
    fake: FakeGithub, forge: GithubForge, permission: str, role: str, expected: Permission
) -> None:
    """Maintainers push, triagers do not, and a role of the organisation's own is what it is based on."""
    fake.world.account("wendy")
    fake.world.repositories[REPOSITORY].people["wendy"] = (permission, role)

    assert expected == forge.permission(REPOSITORY, "wendy")


def test_a_name_with_strange_signs_is_nobody(fake: FakeGithub, forge: GithubForge) -> None:
    """An account's name stays one part of the address."""
    assert Permission.NONE == forge.permission(REPOSITORY, "dependabot[bot]/../x")
    assert [404] == [status for _, _, status in fake.asked]


def test_git_logs_in_with_any_token(fake: FakeGithub, clock: FakeClock) -> None:
    """The user is `x-access-token`; without a token there is no header."""
    forge = GithubForge(fake.url, "", "ghs_abc", clock=clock)
    kind, _, text = forge.git_header(REPOSITORY).rpartition(" ")

    assert "Authorization: Basic" == kind
    assert b"x-access-token:ghs_abc" == base64.b64decode(text)
    assert "refs/pull/7/head" == forge.fetch_ref(7)
    assert "" == GithubForge(fake.url, "", "", clock=clock).git_header(REPOSITORY)


def test_a_classic_token_reads_as_well(opened: Opened, pull: Pull) -> None:
    """Nothing of reading depends on the kind of the token."""
    assert pull.head == opened("classic").pull(REPOSITORY, 1).head
