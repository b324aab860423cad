"""The contract of the Forge port, on the shipped fake, on git alone, and on each forge that has an adapter."""

import itertools
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.ports import Forge
from seatrial.records import Check, CheckPhase, Conclusion, PermanentError, Permission, PullState, SeatrialError
from tests.contract.forges import SERVERS, Light, Scene, ShownCheck, forges, having, opener

NOBODY = "nobody-of-this-name"
ABSENT = 987_654
NASTY = (
    "<!-- seatrial:wine -->\n## Verdict: **pass** ✅ 航海\n\n| a \\| b | `c` |\n|---|---|\n| 1 | &lt;2&gt; |\n\n"
    "<details><summary>more</summary>\n\n```text\n$ rm -rf 'x' \"y\" \\ @everyone #1\n```\n\n</details>"
)
_numbers = itertools.count(1)


@pytest.fixture(scope="module", params=forges())
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    """Each forge in turn."""
    # A real server is shared with other modules by a fixture that has the forge's name.
    servers = [request.getfixturevalue(request.param)] if request.param in SERVERS else []
    with opener(request.param)(*servers) as found:
        yield found


@pytest.fixture
def forge(scene: Scene) -> Forge:
    """Its adapter, with a token that may do what is needed."""
    return scene.forge


@pytest.fixture
def branch() -> str:
    """The name of a branch that is not there yet."""
    return f"change-{next(_numbers)}"


@pytest.fixture
def number(scene: Scene, branch: str) -> int:
    """A new pull request from that branch."""
    return scene.open_pull(branch)


def on(*features: str) -> pytest.MarkDecorator:
    """The test runs on those forges that have the features."""
    return pytest.mark.parametrize("scene", having(*features), indirect=True, scope="module")


def check(scene: Scene, commit: str, phase: CheckPhase = CheckPhase.QUEUED, title: str = "waits for its turn") -> Check:
    """A check of a commit."""
    return Check(
        repository=scene.repository,
        commit=commit,
        name="seatrial",
        key="trial-1",
        phase=phase,
        title=title,
        summary="Nothing is known yet.",
        url="https://trials.example.org/1",
    )


def ended(scene: Scene, commit: str, conclusion: Conclusion, title: str = "done") -> Check:
    """A check that is done."""
    return replace(check(scene, commit, CheckPhase.DONE, title), conclusion=conclusion)


def bodies(scene: Scene, number: int) -> list[str]:
    """The texts of a pull request's comments."""
    return [comment.body for comment in scene.forge.comments(scene.repository, number)]


def missing(scene: Scene, error: SeatrialError, name: str) -> None:
    """The error says what is not there, and holds no secret."""
    assert name in error.where
    assert not [secret for secret in scene.secrets if secret in str(error)]


# Pull requests.


def test_an_open_pull_request_is_told_with_its_commits_and_branches(
    scene: Scene, forge: Forge, branch: str, number: int
) -> None:
    """Repository, number, state, title, and both branches with their newest commits are the forge's own."""
    pull = forge.pull(scene.repository, number)
    assert (scene.repository, number, PullState.OPEN) == (pull.repository, pull.number, pull.state)
    assert f"Change {branch}" == pull.title
    assert (branch, scene.tip(branch)) == (pull.head_ref, pull.head)
    assert ("main", scene.tip("main")) == (pull.base_ref, pull.base)
    assert scene.repository == pull.head_repository
    assert (False, False, ()) == (pull.from_fork, pull.draft, pull.labels)


def test_a_push_is_the_new_head(scene: Scene, forge: Forge, branch: str, number: int) -> None:
    """After another commit the pull request is at that one."""
    pushed = scene.push(branch)
    assert pushed == forge.pull(scene.repository, number).head


@on("states")
def test_a_closed_pull_request_is_closed(scene: Scene, forge: Forge, number: int) -> None:
    """Closed without a merge is no merge."""
    scene.close_pull(number)
    assert PullState.CLOSED == forge.pull(scene.repository, number).state


@on("states")
def test_a_merged_pull_request_is_merged(scene: Scene, forge: Forge, number: int) -> None:
    """Forges call a merged one closed as well; here it is merged."""
    scene.merge_pull(number)
    assert PullState.MERGED == forge.pull(scene.repository, number).state


@on("drafts")
def test_a_draft_is_told(scene: Scene, forge: Forge, branch: str) -> None:
    """What is not ready for review says so."""
    assert forge.pull(scene.repository, scene.open_pull(branch, draft=True)).draft


@on("labels")
def test_labels_are_told(scene: Scene, forge: Forge, branch: str) -> None:
    """All of them, by name."""
    found = forge.pull(scene.repository, scene.open_pull(branch, labels=("model", "urgent")))
    assert {"model", "urgent"} == set(found.labels)


@on("forks")
def test_a_pull_request_from_a_fork_is_told_from_one_of_a_branch(scene: Scene, forge: Forge, branch: str) -> None:
    """Its commits are in another repository, which people without a right to this one can write."""
    pull = forge.pull(scene.repository, scene.open_pull(branch, fork=True))
    assert pull.from_fork
    assert pull.head_repository not in {scene.repository, ""}
    assert scene.tip(branch) == pull.head


def test_a_pull_request_that_is_not_there_is_named(scene: Scene, forge: Forge) -> None:
    """No retry helps, and the message says which one is missing."""
    for call in (
        lambda: forge.pull(scene.repository, ABSENT),
        lambda: forge.comments(scene.repository, ABSENT),
        lambda: forge.create_comment(scene.repository, ABSENT, "hello"),
    ):
        with pytest.raises(PermanentError) as caught:
            call()
        missing(scene, caught.value, str(ABSENT))


def test_a_repository_that_is_not_there_is_named(scene: Scene, forge: Forge) -> None:
    """No retry helps, and the message says which one is missing."""
    with pytest.raises(PermanentError) as caught:
        forge.pull("nobody/nothing", 1)
    missing(scene, caught.value, "nobody/nothing")


# Comments.


def test_a_comment_is_found_again_as_it_was_written(scene: Scene, forge: Forge, number: int) -> None:
    """Hidden markers, tables, HTML and other alphabets come back byte by byte; the account's own is known as such."""
    made = forge.create_comment(scene.repository, number, NASTY)
    (found,) = forge.comments(scene.repository, number)
    assert (NASTY, NASTY) == (made.body, found.body)
    assert made.id == found.id
    assert scene.account == found.author
    assert found.own in {True, None}


def test_a_comment_of_the_size_that_the_forge_takes_at_most_is_kept_whole(
    scene: Scene, forge: Forge, number: int
) -> None:
    """`limits.comment` bytes are not too many, whatever the alphabet."""
    for letter in ("x", "船"):
        body = letter * (forge.limits.comment // len(letter.encode()))
        made = forge.create_comment(scene.repository, number, body)
        assert body == made.body
    assert body == bodies(scene, number)[-1]


def test_all_comments_are_told_in_order_through_all_pages(scene: Scene, forge: Forge, number: int) -> None:
    """More than a page of any forge (100) are listed, each once, the oldest first."""
    written = [f"comment {place}" for place in range(103)]
    for text in written:
        forge.create_comment(scene.repository, number, text)
    assert written == bodies(scene, number)


def test_an_edited_comment_stays_where_it_is(scene: Scene, forge: Forge, number: int) -> None:
    """The text is replaced; id, place and the other comments are as before."""
    first = forge.create_comment(scene.repository, number, "before")
    forge.create_comment(scene.repository, number, "between")
    edited = forge.edit_comment(scene.repository, number, first.id, "after")
    assert (first.id, "after") == (edited.id, edited.body)
    assert ["after", "between"] == bodies(scene, number)


def test_editing_to_the_same_text_is_no_error(scene: Scene, forge: Forge, number: int) -> None:
    """A repetition changes nothing."""
    first = forge.create_comment(scene.repository, number, "same")
    assert "same" == forge.edit_comment(scene.repository, number, first.id, "same").body
    assert ["same"] == bodies(scene, number)


def test_a_comment_that_is_gone_can_not_be_edited(scene: Scene, forge: Forge, number: int) -> None:
    """The caller learns that it has to write another."""
    made = forge.create_comment(scene.repository, number, "soon gone")
    forge.delete_comment(scene.repository, number, made.id)
    with pytest.raises(PermanentError) as caught:
        forge.edit_comment(scene.repository, number, made.id, "too late")
    missing(scene, caught.value, str(number))
    assert [] == bodies(scene, number)


def test_deleting_a_comment_twice_is_no_error(scene: Scene, forge: Forge, number: int) -> None:
    """It is gone after the first time, the others stay."""
    made = forge.create_comment(scene.repository, number, "goes")
    forge.create_comment(scene.repository, number, "stays")
    for _ in range(2):
        forge.delete_comment(scene.repository, number, made.id)
    assert ["stays"] == bodies(scene, number)


@on("others")
def test_comments_of_other_people_are_theirs(scene: Scene, forge: Forge, number: int) -> None:
    """They are listed with their author, and are never the account's own."""
    written = scene.comment_as_other(number, "/seatrial run")
    (found,) = forge.comments(scene.repository, number)
    assert (written, scene.writer, "/seatrial run") == (found.id, found.author, found.body)
    assert found.own in {False, None}


@on("reactions")
def test_an_acknowledged_comment_has_eyes_once(scene: Scene, forge: Forge, number: int) -> None:
    """Who wrote it sees that it was read; acknowledging again adds nothing."""
    written = scene.comment_as_other(number, "/seatrial run")
    for _ in range(2):
        forge.acknowledge(scene.repository, number, written)
    assert ["eyes"] == list(scene.reactions(number, written))


def test_comments_of_many_threads_are_all_there(scene: Scene, forge: Forge, number: int) -> None:
    """One adapter serves several threads at once."""
    written = {f"thread {place}" for place in range(8)}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda text: forge.create_comment(scene.repository, number, text), sorted(written)))
    assert written == set(bodies(scene, number))
    assert len(written) == len(bodies(scene, number))


# Checks.


def test_a_check_goes_from_waiting_to_its_end(scene: Scene, forge: Forge, branch: str, number: int) -> None:
    """Queued and running wait, success is green; one check is shown, with its line and its link."""
    commit = forge.pull(scene.repository, number).head
    assert commit == scene.tip(branch)
    forge.set_check(check(scene, commit))
    assert Light.WAITING == only(scene, commit).light
    forge.set_check(check(scene, commit, CheckPhase.RUNNING, "a: measures"))
    assert (Light.WAITING, "a: measures") == (only(scene, commit).light, only(scene, commit).title)
    forge.set_check(ended(scene, commit, Conclusion.SUCCESS, "pass: nothing got worse"))
    assert ShownCheck(
        name="seatrial", light=Light.GREEN, title="pass: nothing got worse", url="https://trials.example.org/1"
    ) == only(scene, commit)


def only(scene: Scene, commit: str) -> ShownCheck:
    """The one check of a commit."""
    (found,) = scene.checks(commit)
    return found


@pytest.mark.parametrize("conclusion", [found for found in Conclusion if found is not Conclusion.SUCCESS])
@pytest.mark.usefixtures("number")
def test_nothing_but_success_is_green(scene: Scene, forge: Forge, branch: str, conclusion: Conclusion) -> None:
    """Failed, inconclusive, broken and cancelled let no change pass."""
    commit = scene.tip(branch)
    forge.set_check(ended(scene, commit, conclusion))
    assert Light.RED == only(scene, commit).light


@pytest.mark.usefixtures("number")
def test_the_same_check_again_leaves_no_trace(scene: Scene, forge: Forge, branch: str) -> None:
    """A repetition, of which durable steps have many, adds no record to those that the forge keeps."""
    commit = scene.tip(branch)
    said = ended(scene, commit, Conclusion.FAILURE, "fail: slower by 3 ms")
    forge.set_check(said)
    kept = scene.kept(commit)
    for _ in range(2):
        forge.set_check(said)
    assert kept == scene.kept(commit)
    assert ["fail: slower by 3 ms"] == [found.title for found in scene.checks(commit)]


@pytest.mark.usefixtures("number")
def test_another_run_of_a_commit_replaces_its_check(scene: Scene, forge: Forge, branch: str) -> None:
    """An ended check of one key gives way to a waiting one of another: still one, and it waits."""
    commit = scene.tip(branch)
    forge.set_check(ended(scene, commit, Conclusion.FAILURE))
    forge.set_check(replace(check(scene, commit), key="trial-2"))
    assert Light.WAITING == only(scene, commit).light


@pytest.mark.usefixtures("number")
def test_two_projects_have_two_checks(scene: Scene, forge: Forge, branch: str) -> None:
    """Checks of different names stand beside each other and do not touch."""
    commit = scene.tip(branch)
    forge.set_check(replace(ended(scene, commit, Conclusion.SUCCESS), name="seatrial / wine"))
    forge.set_check(replace(ended(scene, commit, Conclusion.FAILURE), name="seatrial / beer"))
    assert {"seatrial / wine": Light.GREEN, "seatrial / beer": Light.RED} == {
        found.name: found.light for found in scene.checks(commit)
    }


@pytest.mark.usefixtures("number")
def test_a_long_title_is_no_error(scene: Scene, forge: Forge, branch: str) -> None:
    """140 characters of any alphabet are taken, and a check without a page of its own as well."""
    commit = scene.tip(branch)
    forge.set_check(replace(ended(scene, commit, Conclusion.SUCCESS, "船" * 140), url=""))
    assert (Light.GREEN, "船" * 140) == (only(scene, commit).light, only(scene, commit).title)


# Who may do what.


@on("accounts")
def test_permissions_are_those_of_the_repository(scene: Scene, forge: Forge) -> None:
    """Only those who may push may write; an account that does not exist has no permission."""
    found = {name: forge.permission(scene.repository, name) for name in (scene.admin, scene.writer, scene.reader)}
    assert {
        scene.admin: Permission.ADMIN,
        scene.writer: Permission.WRITE,
        scene.reader: Permission.READ,
    } == found
    assert not forge.permission(scene.repository, scene.stranger).may_write
    assert Permission.NONE == forge.permission(scene.repository, NOBODY)


@on("rights")
def test_a_token_without_the_right_is_told_what_grants_it(scene: Scene, branch: str, number: int) -> None:
    """Reading works; writing names the remedy and leaves nothing behind."""
    reading = scene.reading()
    commit = scene.tip(branch)
    assert number == reading.pull(scene.repository, number).number
    for call in (
        lambda: reading.create_comment(scene.repository, number, "hello"),
        lambda: reading.set_check(check(scene, commit)),
    ):
        with pytest.raises(PermanentError) as caught:
            call()
        assert caught.value.remedy
        assert not [secret for secret in scene.secrets if secret in str(caught.value)]
    assert [] == bodies(scene, number)
    assert [] == list(scene.checks(commit))


# Git.


def test_what_git_needs_holds_no_secret_in_the_url(scene: Scene, forge: Forge, number: int) -> None:
    """The token travels in a header of its own, never in a URL, which ends up in git's configuration and in logs."""
    url = forge.clone_url(scene.repository)
    assert not [secret for secret in scene.secrets if secret in url]
    assert str(number) in forge.fetch_ref(number)
    header = forge.git_header(scene.repository)
    assert header == "" or header.startswith("Authorization: Basic ")


@on("git")
def test_git_fetches_the_newest_commit_of_a_pull_request(
    scene: Scene, forge: Forge, branch: str, number: int, tmp_path: Path
) -> None:
    """URL, ref and header are all that git needs."""
    assert scene.tip(branch) == fetched(forge, scene.repository, number, tmp_path)


@on("git", "forks")
def test_git_fetches_commits_of_a_fork_from_the_repository_itself(
    scene: Scene, forge: Forge, branch: str, tmp_path: Path
) -> None:
    """A token that can't read the fork gets its commits all the same."""
    number = scene.open_pull(branch, fork=True)
    assert scene.tip(branch) == fetched(forge, scene.repository, number, tmp_path)


def fetched(forge: Forge, repository: str, number: int, folder: Path) -> str:
    """Id of the commit that git gets."""
    environ = dict(os.environ) | {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "http.extraHeader",
        "GIT_CONFIG_VALUE_0": forge.git_header(repository),
    }

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=folder, env=environ, capture_output=True, text=True, check=False)
        assert 0 == done.returncode, done.stderr
        return done.stdout.strip()

    git("init", "--quiet")
    git("fetch", "--quiet", "--depth", "1", forge.clone_url(repository), forge.fetch_ref(number))
    return git("rev-parse", "FETCH_HEAD")
