"""A GitLab server that is busy, down, slow or forgetful: what is tried again, for how long, and what is never done twice."""

import socket

import pytest

from seatrial.adapters.forge.gitlab import GitlabForge
from seatrial.records import CheckPhase, TemporaryError
from seatrial.testing import FakeClock
from tests.adapters.forge.gitlab_scene import a_check, clock, forge, scene
from tests.forges.gitlab.opener import TOKEN, GitlabScene
from tests.forges.gitlab.server import Fault

__all__ = ["clock", "forge", "scene"]


@pytest.mark.parametrize("status", [0, 408, 429, 500, 502, 503, 504, 522])
def test_reading_is_tried_again(scene: GitlabScene, forge: GitlabForge, clock: FakeClock, status: int) -> None:
    """After half a second, then one, then two: three failures of a server don't matter."""
    number = scene.open_pull("a")
    scene.server.faults.append(Fault("GET", f"/merge_requests/{number}", status, times=3))
    assert number == forge.pull(scene.repository, number).number
    assert 3.5 == clock.monotonic()


@pytest.mark.parametrize("status", [0, 429, 503])
def test_a_server_that_stays_down_is_a_temporary_error(scene: GitlabScene, forge: GitlabForge, status: int) -> None:
    """After four times the caller decides."""
    number = scene.open_pull("a")
    scene.server.faults.append(Fault("GET", "/merge_requests/", status, times=4))
    with pytest.raises(TemporaryError) as caught:
        forge.pull(scene.repository, number)
    assert [] == scene.server.faults
    assert scene.server.url in caught.value.where


def test_a_server_that_does_not_answer_is_a_temporary_error(clock: FakeClock) -> None:
    """It takes the connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        forge = GitlabForge(f"http://127.0.0.1:{silent.getsockname()[1]}", "", TOKEN, clock=clock, timeout=0.02)
        with pytest.raises(TemporaryError, match="did not answer in time"):
            forge.pull("ship/wine", 1)


@pytest.mark.parametrize(
    "headers",
    [{"Retry-After": "7"}, {"RateLimit-Reset": "{reset}"}],
    ids=["seconds", "moment"],
)
def test_a_rate_limit_is_waited_for(
    scene: GitlabScene, forge: GitlabForge, clock: FakeClock, headers: dict[str, str]
) -> None:
    """As long as the server asks. Nothing was done by then, so that comments are tried again as well."""
    number = scene.open_pull("a")
    reset = str(int(clock.now().timestamp()) + 7)
    asked = {name: value.format(reset=reset) for name, value in headers.items()}
    scene.server.faults.append(Fault("POST", "/notes", 429, headers=asked))
    forge.create_comment(scene.repository, number, "hello")
    assert 7 == clock.monotonic()
    assert ["hello"] == [comment.body for comment in forge.comments(scene.repository, number)]


def test_a_rate_limit_that_is_spent_for_long_is_not(scene: GitlabScene, forge: GitlabForge, clock: FakeClock) -> None:
    """A minute is bearable, an hour is not; the error says how long it takes."""
    number = scene.open_pull("a")
    for method in ("GET", "POST"):
        scene.server.faults.append(Fault(method, "/notes", 429, headers={"Retry-After": "3600"}))
    for call in (
        lambda: forge.comments(scene.repository, number),
        lambda: forge.create_comment(scene.repository, number, "hello"),
    ):
        with pytest.raises(TemporaryError, match="3600 s"):
            call()
    assert (0, []) == (clock.monotonic(), scene.server.faults)


def test_waits_are_bounded_in_all(scene: GitlabScene, forge: GitlabForge, clock: FakeClock) -> None:
    """Three times half a minute is more than a minute."""
    number = scene.open_pull("a")
    scene.server.faults.append(Fault("GET", "/notes", 429, times=3, headers={"Retry-After": "29"}))
    with pytest.raises(TemporaryError, match="29 s"):
        forge.comments(scene.repository, number)
    assert 58 == clock.monotonic()


@pytest.mark.parametrize("status", [0, 500, 502])
@pytest.mark.parametrize("late", [True, False], ids=["done", "not-done"])
def test_a_comment_whose_answer_is_lost_is_there_once(
    scene: GitlabScene, forge: GitlabForge, status: int, *, late: bool
) -> None:
    """It is looked for before it is written again."""
    number = scene.open_pull("a")
    scene.say(number, scene.people["ada"], "hello")
    scene.server.faults.append(Fault("POST", "/notes", status, late=late))
    made = forge.create_comment(scene.repository, number, "hello")
    mine = [comment.id for comment in forge.comments(scene.repository, number) if comment.own]
    assert [made.id] == mine


@pytest.mark.parametrize("status", [0, 502])
@pytest.mark.parametrize("late", [True, False], ids=["done", "not-done"])
def test_a_status_whose_answer_is_lost_is_there_once(
    scene: GitlabScene, forge: GitlabForge, status: int, *, late: bool
) -> None:
    """Likewise."""
    scene.open_pull("a")
    commit = scene.tip("a")
    scene.server.faults.append(Fault("POST", "/statuses/", status, late=late))
    forge.set_check(a_check(scene, commit))
    assert 1 == scene.kept(commit)


@pytest.mark.parametrize("late", [True, False], ids=["done", "not-done"])
def test_a_reaction_whose_answer_is_lost_is_there_once(scene: GitlabScene, forge: GitlabForge, *, late: bool) -> None:
    """GitLab refuses a second one."""
    number = scene.open_pull("a")
    comment = scene.comment_as_other(number, "/seatrial run")
    scene.server.faults.append(Fault("POST", "/award_emoji", 502, late=late))
    forge.acknowledge(scene.repository, number, comment)
    assert ["eyes"] == list(scene.reactions(number, comment))


def test_another_update_of_a_status_is_waited_for(scene: GitlabScene, forge: GitlabForge, clock: FakeClock) -> None:
    """GitLab does one at a time and answers 409 to the other."""
    scene.open_pull("a")
    commit = scene.tip("a")
    scene.server.faults.append(Fault("POST", "/statuses/", 409, times=2))
    forge.set_check(a_check(scene, commit, phase=CheckPhase.RUNNING, title="a: measures"))
    assert ["a: measures"] == [check.title for check in scene.checks(commit)]
    assert 1.5 == clock.monotonic()


def test_a_comment_that_can_not_be_written_is_not_tried_for_ever(scene: GitlabScene, forge: GitlabForge) -> None:
    """Three times, with a look in between."""
    number = scene.open_pull("a")
    scene.server.faults.append(Fault("POST", "/notes", 500, times=4))
    with pytest.raises(TemporaryError):
        forge.create_comment(scene.repository, number, "hello")
    assert [1] == [fault.times for fault in scene.server.faults]


def test_an_answer_that_is_cut_off_does_not_hold_the_token(scene: GitlabScene, forge: GitlabForge) -> None:
    """Errors are published; tokens are not."""
    number = scene.open_pull("a")
    scene.server.faults.append(Fault("GET", "/merge_requests/", 500, times=4, headers={"X-Echo": TOKEN}))
    with pytest.raises(TemporaryError) as caught:
        forge.pull(scene.repository, number)
    assert TOKEN not in repr(caught.value) + str(caught.value)
