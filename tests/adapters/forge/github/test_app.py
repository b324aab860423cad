"""The adapter as an App: where it is installed it gets tokens, renews them in time, and tells what keeps it from it."""

import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from seatrial.adapters.forge.github import GithubForge
from seatrial.adapters.forge.github_app import AppKey, GithubApp
from seatrial.adapters.forge.github_renewal import RenewedBearers
from seatrial.records import Check, CheckPhase, PermanentError, TemporaryError
from seatrial.testing import FakeClock
from tests.adapters.forge.github.conftest import REPOSITORY, AppScene
from tests.forges.github.apps import private_key
from tests.forges.github.fake import Fault
from tests.forges.github.state import Pull

pytestmark = pytest.mark.usefixtures("pull")
_MINUTE = 60.0
_HOUR = 60 * _MINUTE


def _git_token(forge: GithubForge, repository: str = REPOSITORY) -> str:
    login = base64.b64decode(forge.git_header(repository).removeprefix("Authorization: Basic ")).decode()
    return login.removeprefix("x-access-token:")


def _check(pull: Pull) -> Check:
    return Check(
        repository=REPOSITORY, commit=pull.head, name="seatrial", key="1", phase=CheckPhase.QUEUED, title="waits"
    )


def test_an_app_speaks_under_its_own_name(scene: AppScene, pull: Pull) -> None:
    """Comments are of its bot and known as its own, the check is a check run, and one token serves for all of it."""
    made = scene.forge.create_comment(REPOSITORY, 1, "mine")
    scene.fake.world.comment(REPOSITORY, 1, "alice", "hers")
    scene.fake.world.account("other[bot]", bot=True)
    scene.fake.world.comment(REPOSITORY, 1, "other[bot]", "another App's")
    scene.forge.set_check(_check(pull))

    assert ("seatrial[bot]", True) == (made.author, made.own)
    assert [True, False, False] == [one.own for one in scene.forge.comments(REPOSITORY, 1)]
    assert ["seatrial"] == [run.name for run in scene.fake.world.repositories[REPOSITORY].runs]
    assert 1 == scene.grants()


def test_an_app_that_has_not_spoken_yet_knows_its_comments(scene: AppScene) -> None:
    """Its name is GitHub's to tell, so that a bot that was started again goes on with its comment; it is asked once."""
    scene.forge.create_comment(REPOSITORY, 1, "mine")
    again = scene.opened()

    assert [[True], [True]] == [[one.own for one in again.comments(REPOSITORY, 1)] for _ in range(2)]
    assert 1 == len([path for _, path, _ in scene.fake.asked if path.endswith("/app")])


def test_an_app_goes_by_its_id_or_its_client_id(scene: AppScene) -> None:
    """GitHub's page shows both."""
    assert 1 == scene.opened(app=scene.app.client).pull(REPOSITORY, 1).number


def test_a_token_is_renewed_before_it_ends(scene: AppScene) -> None:
    """For a day on end no request is refused, and there is one new token for each 55 minutes."""
    for _ in range(24 * 12):
        assert 1 == scene.forge.pull(REPOSITORY, 1).number
        scene.clock.sleep(5 * _MINUTE)

    assert -(-24 * 60 // 55) == scene.grants()
    assert [] == [status for _, _, status in scene.fake.asked if status not in {200, 201, 304}]


def test_gits_token_is_valid_for_minutes_yet(scene: AppScene) -> None:
    """Whoever fetches for long gets a new one in time; the old one still works then."""
    first = _git_token(scene.forge)
    scene.clock.sleep(54 * _MINUTE)
    assert first == _git_token(scene.forge)
    scene.clock.sleep(1 * _MINUTE)
    second = _git_token(scene.forge)

    assert [first, second] == scene.fake.world.granted()


def test_many_threads_get_one_token(scene: AppScene) -> None:
    """At the start, when it ends, and when it was revoked: one asks, the others wait for the answer."""
    many = 12

    def together(call: Callable[[], object]) -> None:
        barrier = Barrier(many)

        def one() -> object:
            barrier.wait()
            return call()

        with ThreadPoolExecutor(many) as pool:
            for future in [pool.submit(one) for _ in range(many)]:
                future.result()

    granted = []
    for pause, revoked in ((0.0, False), (_HOUR, False), (2 * _MINUTE, True)):
        scene.clock.sleep(pause)
        if revoked:
            scene.fake.world.revoke(scene.installation)
        together(lambda: scene.forge.comments(REPOSITORY, 1))
        granted.append(scene.grants())

    assert [1, 2, 3] == granted


def test_a_token_that_is_revoked_early_is_renewed(scene: AppScene, pull: Pull) -> None:
    """The request is sent again with a new one, and the caller learns nothing of it."""
    scene.forge.pull(REPOSITORY, 1)
    scene.clock.sleep(10 * _MINUTE)
    scene.fake.world.revoke(scene.installation)
    scene.forge.create_comment(REPOSITORY, 1, "once")

    assert ["once"] == [one.body for one in pull.comments]
    assert 2 == scene.grants()


def test_a_token_that_another_thread_has_replaced_is_not_renewed_again(scene: AppScene) -> None:
    """Whoever comes late with the old one gets the new one at once, however young it is."""
    app = GithubApp(
        f"{scene.fake.url}/api/v3",
        AppKey(app=scene.app.client, key=private_key()),
        clock=scene.clock,
        timeout=5,
        patience=0.0,
    )
    bearers = RenewedBearers(app, REPOSITORY, scene.clock)
    first = bearers.current()
    scene.clock.sleep(_HOUR)
    second = bearers.current()

    assert (True, second, 2) == (bearers.take_back(first), bearers.current(), scene.grants())


def test_a_token_that_stays_unknown_is_renewed_once(scene: AppScene) -> None:
    """More tokens would fare no better; it is waited as for any trouble, and then told."""
    scene.forge.pull(REPOSITORY, 1)
    scene.clock.sleep(10 * _MINUTE)
    scene.fake.faults.append(Fault(401, "Bad credentials", path="/pulls/", times=99))
    with pytest.raises(TemporaryError, match="does not accept the token that it has just given the App"):
        scene.forge.pull(REPOSITORY, 1)

    assert 2 == scene.grants()


def test_a_token_that_githubs_servers_do_not_all_know_yet_is_tried_again(scene: AppScene) -> None:
    """GitHub's own libraries wait for that as well: there is no need of another."""
    scene.fake.faults.append(Fault(401, "Bad credentials", path="/pulls/", times=2))

    assert 1 == scene.forge.pull(REPOSITORY, 1).number
    assert (3.0, 1) == (scene.clock.monotonic(), scene.grants())


def test_a_renewal_that_fails_is_put_off_while_the_old_token_holds(scene: AppScene) -> None:
    """Nothing but a token is refused for these minutes; once the old one has ended the caller is told."""
    scene.forge.pull(REPOSITORY, 1)
    scene.fake.faults.append(Fault(503, path="access_tokens", times=99))
    scene.clock.sleep(56 * _MINUTE)
    assert 1 == scene.forge.pull(REPOSITORY, 1).number
    assert 1 == scene.forge.pull(REPOSITORY, 1).number
    scene.clock.sleep(5 * _MINUTE)
    with pytest.raises(TemporaryError, match="answered 503"):
        scene.forge.pull(REPOSITORY, 1)

    scene.fake.faults.clear()
    assert 1 == scene.forge.pull(REPOSITORY, 1).number


def test_one_app_serves_several_owners(scene: AppScene) -> None:
    """Each repository is spoken to, and fetched, with a token of its own owner's installation."""
    world = scene.fake.world
    world.repository("vines/grape")
    world.open_pull("vines/grape", "change")
    other = world.install(scene.app, "vines")
    for repository in (REPOSITORY, "vines/grape"):
        scene.forge.create_comment(repository, 1, "hello")

    mine, theirs = _git_token(scene.forge), _git_token(scene.forge, "vines/grape")
    assert [scene.installation, other] == [world.tokens[text].installation for text in (mine, theirs)]


def test_a_spent_rate_limit_is_that_of_one_owner(scene: AppScene) -> None:
    """All repositories of that owner wait for it unasked; another owner's are served."""
    world = scene.fake.world
    for repository in ("acme/beer", "vines/grape"):
        world.repository(repository)
        world.open_pull(repository, "change")
        scene.forge.pull(repository, 1) if repository.startswith("acme") else world.install(scene.app, "vines")
    spent = {"retry-after": "3000"}
    scene.fake.faults.append(Fault(403, "You have exceeded a secondary rate limit.", spent, path="acme/wine/pulls"))
    with pytest.raises(TemporaryError, match="takes no requests for a while"):
        scene.forge.pull(REPOSITORY, 1)
    asked = len(scene.fake.asked)
    with pytest.raises(TemporaryError, match="takes no requests for a while"):
        scene.forge.pull("acme/beer", 1)

    assert asked == len(scene.fake.asked)
    assert 1 == scene.forge.pull("vines/grape", 1).number


@pytest.mark.parametrize("repository", ["vines/grape", "acme/beer", "acme/nothing"])
def test_an_app_that_is_not_installed_says_where_to_install_it(scene: AppScene, repository: str) -> None:
    """With nobody there, or for chosen repositories only; as soon as it is installed it works."""
    scene.installation.repositories = {REPOSITORY}
    for name in ("vines/grape", "acme/beer"):
        scene.fake.world.repository(name)
        scene.fake.world.open_pull(name, "change")
    with pytest.raises(PermanentError, match="the App seatrial is not installed on the repository") as caught:
        scene.forge.pull(repository, 1)
    assert repository == caught.value.where
    assert f"{scene.fake.url}/github-apps/seatrial/installations/new" in caught.value.remedy

    if repository != "acme/nothing":
        scene.fake.world.install(scene.app, repository.partition("/")[0])
        assert 1 == scene.forge.pull(repository, 1).number


def test_an_app_that_was_installed_again_goes_on(scene: AppScene) -> None:
    """Its installation has another id then."""
    scene.forge.pull(REPOSITORY, 1)
    scene.clock.sleep(10 * _MINUTE)
    scene.fake.world.uninstall(scene.installation)
    scene.fake.world.install(scene.app, "acme")

    assert 1 == scene.forge.pull(REPOSITORY, 1).number


def test_an_app_that_is_taken_away_meanwhile_is_not_installed(scene: AppScene) -> None:
    """Between finding the installation and asking for its token."""
    scene.fake.faults.append(Fault(404, "Not Found", path="access_tokens"))
    with pytest.raises(PermanentError, match="is not installed on the repository"):
        scene.forge.pull(REPOSITORY, 1)


def test_a_repository_that_is_no_longer_chosen_is_told(scene: AppScene) -> None:
    """The token is good, and the repository is not there for it."""
    scene.forge.pull(REPOSITORY, 1)
    scene.installation.repositories = set()
    with pytest.raises(PermanentError, match="or the App may not see it") as caught:
        scene.forge.comments(REPOSITORY, 1)
    assert caught.value.remedy.endswith(f"/organizations/acme/settings/installations/{scene.installation.id}")


def test_a_repository_that_moved_to_another_owner_is_served_again(scene: AppScene) -> None:
    """With the next token, which is of the new owner's installation."""
    scene.forge.pull(REPOSITORY, 1)
    scene.fake.world.rename(REPOSITORY, "vines/wine")
    scene.fake.world.install(scene.app, "vines")
    scene.clock.sleep(_HOUR)

    assert "vines/wine" == scene.forge.pull(REPOSITORY, 1).repository


def test_a_suspended_app_says_where_that_is_ended(scene: AppScene) -> None:
    """Its installation is there, and gives no token."""
    scene.installation.suspended = scene.clock.now()
    with pytest.raises(PermanentError, match="suspended") as caught:
        scene.forge.pull(REPOSITORY, 1)
    assert f"/organizations/acme/settings/installations/{scene.installation.id}" in caught.value.remedy


def test_a_refusal_of_the_app_is_in_githubs_words(scene: AppScene) -> None:
    """An allow list of addresses, say."""
    scene.fake.faults.append(Fault(403, "your IP address is not permitted to access this resource", path="access_tok"))
    with pytest.raises(PermanentError, match="GitHub refuses the App: your IP address is not permitted"):
        scene.forge.pull(REPOSITORY, 1)


@pytest.mark.parametrize(
    ("missing", "call", "named"),
    [
        ("pull_requests", lambda forge, _: forge.create_comment(REPOSITORY, 1, "x"), "Pull requests: Read and write"),
        ("pull_requests", lambda forge, _: forge.pull(REPOSITORY, 1), "Pull requests: Read-only"),
        ("checks", lambda forge, pull: forge.set_check(_check(pull)), "Checks: Read-only"),
    ],
)
def test_a_permission_that_the_app_lacks_is_named(
    scene: AppScene, pull: Pull, missing: str, call: Callable[[GithubForge, Pull], object], named: str
) -> None:
    """With the page where the owner accepts it; a workflow's lines would be no help."""
    scene.installation.rights.pop(missing)
    scene.installation.rights.pop("statuses")
    with pytest.raises(PermanentError, match="the App may not ") as caught:
        call(scene.forge, pull)

    assert f"give the App “{named}” of the repository" in caught.value.remedy
    assert f"/settings/installations/{scene.installation.id}" in caught.value.remedy
    assert "permissions:" not in caught.value.remedy


def test_a_permission_that_was_given_counts_at_once(scene: AppScene, pull: Pull) -> None:
    """Nothing is remembered of the refusal but a token, and the check is a check run."""
    scene.installation.rights |= {"checks": "read", "statuses": "read"}
    with pytest.raises(PermanentError, match="the App may not set checks"):
        scene.forge.set_check(_check(pull))
    scene.installation.rights |= {"checks": "write"}
    scene.clock.sleep(_HOUR)
    scene.forge.set_check(_check(pull))

    assert ["seatrial"] == [run.name for run in scene.fake.world.repositories[REPOSITORY].runs]


def test_a_key_that_is_not_the_apps_is_told(scene: AppScene) -> None:
    """Another App's, or one that was deleted; one that is made anew does."""
    forge = scene.opened(key=1)
    with pytest.raises(PermanentError, match=f"does not accept what the App {scene.app.id} signs") as caught:
        forge.pull(REPOSITORY, 1)
    assert "forge.key has to be a key of this very App" in caught.value.remedy


def test_an_app_that_is_not_there_is_told(scene: AppScene) -> None:
    """Its id is mistyped, or it is another GitHub's."""
    with pytest.raises(PermanentError, match="there is no App with the id 4711") as caught:
        scene.opened(app="4711").pull(REPOSITORY, 1)
    assert "forge.app" in caught.value.remedy


@pytest.mark.parametrize(
    ("ahead", "words"),
    [(timedelta(minutes=12), "12 minutes ahead of"), (timedelta(seconds=-310), "5 minutes behind")],
)
def test_a_clock_that_is_wrong_is_told(scene: AppScene, ahead: timedelta, words: str) -> None:
    """GitHub takes no signature of another time, and it is the clock that has to be mended, not the key."""
    forge = scene.opened(clock=FakeClock(scene.clock.now() + ahead))
    with pytest.raises(TemporaryError, match=f"this machine's clock is {words} GitHub's") as caught:
        forge.pull(REPOSITORY, 1)
    assert "set the clock" in caught.value.remedy


@pytest.mark.parametrize("ahead", [timedelta(seconds=50), timedelta(minutes=-4)])
def test_a_clock_that_is_a_little_wrong_does_no_harm(scene: AppScene, ahead: timedelta) -> None:
    """Signatures are dated back, and a token's hour is counted from when it came."""
    own = FakeClock(scene.clock.now() + ahead)
    forge = scene.opened(clock=own)
    first = _git_token(forge)
    for clock in (own, scene.clock):
        clock.sleep(54 * _MINUTE)
    assert first == _git_token(forge)
    for clock in (own, scene.clock):
        clock.sleep(1 * _MINUTE)

    assert first != _git_token(forge)


@pytest.mark.parametrize("key", ["token", "expires_at"])
def test_what_is_no_answer_of_githubs_is_told(scene: AppScene, key: str) -> None:
    """A grant without a token, or without an end."""
    scene.fake.lie = lambda _, body: {**body, key: None} if "token" in body else body
    with pytest.raises(PermanentError, match="does not answer as GitHub does"):
        scene.forge.pull(REPOSITORY, 1)
    scene.fake.wrong.clear()
