"""A Gitea that does not answer, or whose answers get lost: what is tried again, and what is written twice (nothing)."""

from collections.abc import Callable, Iterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.adapters.forge.gitea import GiteaForge
from seatrial.adapters.forge.gitea_http import Patience
from seatrial.records import Check, CheckPhase, Conclusion, PermanentError, SeatrialError, TemporaryError
from tests.forges.gitea.faults import Fault, FaultyTransport
from tests.forges.gitea.opener import GiteaScene, opened
from tests.forges.gitea.world import Gitea

HURRIED = Patience(attempts=3, seconds=5.0, first=0.01)
UP = Fault(status=502)
SILENT = Fault(status=0)
TOKEN = "f00d" * 10


@pytest.fixture(scope="module")
def scene(gitea: Gitea) -> Iterator[GiteaScene]:
    """A repository with one pull request."""
    with opened(gitea) as found:
        yield found


@pytest.fixture(scope="module")
def number(scene: GiteaScene) -> int:
    """That pull request."""
    return scene.open_pull("faults")


@pytest.fixture
def through(gitea: Gitea, scene: GiteaScene) -> Callable[..., tuple[GiteaForge, FaultyTransport]]:
    """A forge behind a way on which calls of a method fail as planned."""

    def made(*plan: Fault, method: str = "") -> tuple[GiteaForge, FaultyTransport]:
        way = FaultyTransport(*plan, spoils=lambda request: method in {"", request.method})
        return GiteaForge(gitea.url, "", scene.secrets[0], patience=HURRIED, transport=way), way

    return made


Through = Callable[..., tuple[GiteaForge, FaultyTransport]]


@pytest.mark.parametrize("fault", [UP, SILENT, Fault(status=429, headers={"Retry-After": "0"}), Fault(status=408)])
def test_what_passes_by_itself_is_tried_again(through: Through, scene: GiteaScene, number: int, fault: Fault) -> None:
    """A proxy's error, a time-out and a rate limit are gone on the third try."""
    forge, way = through(fault, fault)
    assert number == forge.pull(scene.repository, number).number
    assert 3 == len(way.calls)


def test_patience_ends(through: Through, scene: GiteaScene, number: int) -> None:
    """A forge that stays silent is given up, as temporary, after the tries that were planned."""
    forge, way = through(*[SILENT] * 9)
    with pytest.raises(TemporaryError, match="does not answer"):
        forge.pull(scene.repository, number)
    assert 3 == len(way.calls)


def test_a_wait_that_is_too_long_is_not_waited(through: Through, scene: GiteaScene, number: int) -> None:
    """The message says how long, as seconds or as a moment of the forge's clock."""
    dated = {"Date": "Sat, 21 Nov 2026 10:00:00 GMT", "Retry-After": "Sat, 21 Nov 2026 11:00:00 GMT"}
    for headers in ({"Retry-After": "3600"}, dated):
        forge, way = through(Fault(status=429, headers=headers))
        with pytest.raises(TemporaryError, match="wait for 3600 s"):
            forge.pull(scene.repository, number)
        assert 1 == len(way.calls)


def test_a_comment_whose_answer_was_lost_is_written_once(through: Through, scene: GiteaScene, number: int) -> None:
    """Before it is sent again, the pull request is looked through for it."""
    for fault in (Fault(status=0, late=True), Fault(status=504, late=True)):
        text = f"lost with {fault.status}"
        forge, _ = through(fault, method="POST")
        made = forge.create_comment(scene.repository, number, text)
        assert [made.id] == [found.id for found in scene.forge.comments(scene.repository, number) if found.body == text]


def test_a_comment_that_never_arrived_is_written_after_all(through: Through, scene: GiteaScene, number: int) -> None:
    """The same text of another account is not taken for it."""
    scene.comment_as_other(number, "never arrived")
    forge, _ = through(SILENT, method="POST")
    made = forge.create_comment(scene.repository, number, "never arrived")
    found = [each for each in scene.forge.comments(scene.repository, number) if each.body == "never arrived"]
    assert [scene.writer, scene.account] == [each.author for each in found]
    assert made.id == found[-1].id


def test_a_check_whose_answer_was_lost_is_set_once(through: Through, scene: GiteaScene) -> None:
    """Gitea keeps every status, so that a second one would stay."""
    commit = scene.push("lost-check")
    forge, _ = through(Fault(status=0, late=True), method="POST")
    forge.set_check(
        Check(
            repository=scene.repository,
            commit=commit,
            name="seatrial",
            key="trial-1",
            phase=CheckPhase.DONE,
            title="pass",
            conclusion=Conclusion.SUCCESS,
        )
    )
    assert 1 == scene.kept(commit)


def test_editing_and_deleting_are_sent_again(through: Through, scene: GiteaScene, number: int) -> None:
    """Twice is as good as once for both."""
    made = scene.forge.create_comment(scene.repository, number, "before")
    forge, way = through(Fault(status=0, late=True), method="PATCH")
    assert "after" == forge.edit_comment(scene.repository, number, made.id, "after").body
    forge, way = through(Fault(status=0, late=True), method="DELETE")
    forge.delete_comment(scene.repository, number, made.id)
    assert 2 == sum(call.startswith("DELETE") for call in way.calls)
    assert made.id not in {found.id for found in scene.forge.comments(scene.repository, number)}


def test_a_forge_that_is_not_there_is_temporary() -> None:
    """Nothing listens at that port; the message names the forge's key in the configuration."""
    forge = GiteaForge("http://127.0.0.1:1", "", TOKEN, patience=HURRIED)
    with pytest.raises(TemporaryError) as caught:
        forge.pull("ship/wine", 7)
    assert "ship/wine#7" == caught.value.where
    assert "`forge.url`" in caught.value.remedy


def test_a_page_for_people_is_no_answer() -> None:
    """A wrong URL, or a proxy that wants a login of its own, answers 200 with HTML, or with JSON of another kind."""
    for answer in (httpx.Response(200, text="<html>Sign in</html>"), httpx.Response(200, json=["something", "else"])):
        with pytest.raises(PermanentError, match="does not answer as Gitea's API"):
            _answering(answer).pull("ship/wine", 7)


def test_calls_are_not_followed_to_another_host() -> None:
    """The token goes to the forge that was named, and nowhere else; the message says where it wanted to lead."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(301, headers={"Location": "https://elsewhere.example.org/api/v1/x"})

    forge = GiteaForge("http://git.example.org", "", TOKEN, patience=HURRIED, transport=httpx.MockTransport(answer))
    with pytest.raises(PermanentError, match=r"https://elsewhere\.example\.org"):
        forge.pull("ship/wine", 7)
    assert {"git.example.org"} == set(asked)


def test_circles_end() -> None:
    """A redirect to itself is given up."""
    with pytest.raises(PermanentError, match="in circles"):
        _answering(httpx.Response(302, headers={"Location": "/api/v1/repos/ship/wine/pulls/7"})).pull("ship/wine", 7)


def test_a_proxy_that_takes_no_long_text_is_told() -> None:
    """413 comes from the proxy; its key is named."""
    with pytest.raises(PermanentError) as caught:
        _answering(httpx.Response(413, text="<html>")).edit_comment("ship/wine", 7, "1", "x")
    assert "client_max_body_size" in caught.value.remedy


def test_a_forge_without_eyes_is_no_error() -> None:
    """Administrators choose the reactions; an acknowledgement that can't be shown stops nothing."""
    said = {"message": "'eyes' is not an allowed reaction"}
    _answering(httpx.Response(403, json=said)).acknowledge("ship/wine", 7, "1")


@given(
    status=st.integers(200, 599).filter(lambda status: status not in {301, 302, 303, 307, 308}),
    body=st.one_of(
        st.binary(max_size=60),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=9),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        ["id", "user", "login", "body", "message", "head", "base", "sha", "state", "statuses"]
                    ),
                    inner,
                    max_size=4,
                )
            ),
            max_leaves=9,
        ),
    ),
)
def test_whatever_answers_the_error_is_one_of_ours_and_holds_no_token(status: int, body: object) -> None:
    """No answer of a stranger ends in a traceback, and none makes a message tell the secret."""
    content = httpx.Response(status, content=body) if isinstance(body, bytes) else httpx.Response(status, json=body)
    once = Patience(attempts=1, seconds=1.0, first=0.0)
    forge = GiteaForge("http://git.example.org", "", TOKEN, patience=once, transport=_always(content))
    check = Check(repository="ship/wine", commit="c1", name="n", key="k", phase=CheckPhase.QUEUED, title="t")
    for call in (
        lambda: forge.pull("ship/wine", 7),
        lambda: forge.comments("ship/wine", 7),
        lambda: forge.create_comment("ship/wine", 7, "x"),
        lambda: forge.permission("ship/wine", "ann"),
        lambda: forge.set_check(check),
    ):
        try:
            call()
        except SeatrialError as error:
            assert TOKEN not in str(error)  # noqa: PT017 - which kind of error it is depends on the answer


def _answering(answer: httpx.Response) -> GiteaForge:
    """A forge that gives this one answer."""
    return GiteaForge("http://git.example.org", "", TOKEN, patience=HURRIED, transport=_always(answer))


def _always(answer: httpx.Response) -> httpx.MockTransport:
    content, headers = answer.content, answer.headers
    return httpx.MockTransport(lambda _request: httpx.Response(answer.status_code, content=content, headers=headers))
