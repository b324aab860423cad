"""The fake GitHub tells on itself and on whoever asks: what it says is held against GitHub's document."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import jwt
import pytest
from github import Auth, Github, GithubIntegration

from seatrial.adapters.clock import SystemClock
from seatrial.adapters.forge.github import GithubForge
from seatrial.records import PermanentError
from seatrial.testing import FakeClock
from tests.forges.github.apps import pem, private_key
from tests.forges.github.document import Operation, document
from tests.forges.github.fake import FakeGithub, serving

_POST_RUN = "POST /repos/{owner}/{repo}/check-runs"


@contextmanager
def _found_wrong(expected: str) -> Iterator[FakeGithub]:
    """The end of the fake has to fail, and to say that."""
    with ExitStack() as stack:
        stack.enter_context(pytest.raises(AssertionError, match=expected))
        fake = stack.enter_context(serving(FakeClock()))
        fake.world.repository("acme/wine")
        fake.world.open_pull("acme/wine", "change")
        yield fake


def _forge(fake: FakeGithub) -> GithubForge:
    return GithubForge(fake.url, "", fake.world.token("app", "seatrial[bot]"), clock=FakeClock())


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [("state", "half-open", "'half-open' is not one of"), ("html_url", 7, "7 is not of type 'string'")],
)
def test_an_answer_that_github_would_not_give_fails_the_test(key: str, value: Any, expected: str) -> None:
    """A word that the document does not list, or a value of another kind."""

    def lie(_: Operation, body: Any) -> Any:
        return {**body, key: value}

    with _found_wrong(expected) as fake:
        fake.lie = lie
        _forge(fake).pull("acme/wine", 1)


def test_an_answer_without_a_required_key_fails_the_test() -> None:
    """What every client may rely on is there."""

    def lie(_: Operation, body: Any) -> Any:
        return {key: value for key, value in body.items() if key != "node_id"}

    with _found_wrong("'node_id' is a required property") as fake:
        fake.lie = lie
        _forge(fake).pull("acme/wine", 1)


def test_a_request_that_github_would_refuse_is_refused_and_fails_the_test() -> None:
    """The text of a comment is text."""
    with _found_wrong("7 is not of type 'string'") as fake, pytest.raises(PermanentError, match="Invalid request"):
        _forge(fake).create_comment("acme/wine", 1, 7)  # type: ignore[arg-type]


def test_an_operation_that_is_not_in_the_document_fails_the_test() -> None:
    """A path that GitHub does not have is a mistake, whatever is answered."""
    with _found_wrong("GET /repos/acme/wine/merges is not in the document") as fake:
        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        asked = Request(f"{fake.url}/api/v3/repos/acme/wine/merges", headers=headers)
        with pytest.raises(HTTPError) as caught:
            urlopen(asked)
        caught.value.close()
    assert 404 == caught.value.code


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"name": "x"}, "'head_sha' is a required property"),
        ({"name": "x", "head_sha": "1", "sumary": "y"}, "'sumary' was unexpected"),
        ({"name": "x", "head_sha": "1", "started_at": "yesterday"}, "is not a 'date-time'"),
        ({"name": "x", "head_sha": "1", "output": {"title": "t"}}, "'summary' is a required property"),
    ],
)
def test_requests_are_read_closely(body: dict[str, Any], expected: str) -> None:
    """Keys that are missing, mistyped or of another form are found."""
    (fault,) = document().operation(_POST_RUN).faults_of_request({}, body)
    assert expected in fault


def test_a_query_that_github_does_not_know_is_found() -> None:
    """So is one of another kind."""
    operation = document().operation("GET /repos/{owner}/{repo}/issues/{issue_number}/comments")
    assert ["query sort is unknown"] == operation.faults_of_request({"sort": "asc", "per_page": "100"}, None)
    assert 1 == len(operation.faults_of_request({"per_page": "many"}, None))


def test_another_client_gets_along_with_it() -> None:
    """PyGithub's own objects read and write there, so that it is no GitHub of our adapter's making."""
    with serving(FakeClock()) as fake:
        fake.world.repository("acme/wine")
        pull = fake.world.open_pull("acme/wine", "change", labels=("model",))
        fake.world.comment("acme/wine", 1, "alice", "hello")
        token = Auth.Token(fake.world.token("app", "seatrial[bot]"))
        options: dict[str, Any] = {"seconds_between_requests": 0, "seconds_between_writes": 0, "lazy": True}
        with Github(auth=token, base_url=f"{fake.url}/api/v3", api_version="2022-11-28", **options) as client:
            repository = client.get_repo("acme/wine")
            found = repository.get_pull(1)
            title, labels = found.title, [label.name for label in found.labels]
            (comment,) = repository.get_issue(1).get_comments()
            comment.edit("Hello")
            repository.create_check_run("other", pull.head, status="in_progress")
        # It says another word for what it accepts.
        fake.wrong = [fault for fault in fake.wrong if not fault.startswith("accept ")]

        assert ("Change change", ["model"]) == (title, labels)
        assert ["Hello"] == [one.body for one in pull.comments]
        assert ["other"] == [run.name for run in fake.world.repositories["acme/wine"].runs]


def test_another_client_gets_along_with_it_as_an_app() -> None:
    """PyGithub's own signatures are taken, and the token that it gets for them lets in."""
    with serving(SystemClock()) as fake:
        fake.world.repository("acme/wine")
        app = fake.world.app("seatrial", private_key().public_key())
        installed = fake.world.install(app, "acme")
        auth = Auth.AppAuth(app.id, pem(private_key()))
        with GithubIntegration(auth=auth, base_url=f"{fake.url}/api/v3", api_version="2022-11-28") as client:
            found = client.get_repo_installation("acme", "wine")
            token = client.get_access_token(found.id)
        fake.wrong = [fault for fault in fake.wrong if not fault.startswith("accept ")]

        assert (installed.id, fake.world.granted()) == (found.id, [token.token])


@pytest.mark.parametrize(
    ("key", "issued", "ends", "expected"),
    [
        (0, 0, 600, 200),
        (1, 0, 600, 401),  # another App's key
        (0, 1, 600, 401),
        (0, -60, 601, 401),
        (0, -60, 0, 401),
    ],
)
def test_signatures_are_checked_as_github_checks_them(key: int, issued: int, ends: int, expected: int) -> None:
    """By the App's keys, and none from the future, none that has ended, and none that ends in more than ten minutes."""
    clock = FakeClock()
    with serving(clock) as fake:
        app = fake.world.app("seatrial", private_key().public_key())
        now = int(clock.now().timestamp())
        signed = jwt.encode({"iat": now + issued, "exp": now + ends, "iss": app.client}, private_key(key), "RS256")
        headers = {"user-agent": "x", "accept": "application/vnd.github+json", "x-github-api-version": "2022-11-28"}
        answer = fake.reply("GET", "/api/v3/app", {**headers, "authorization": f"Bearer {signed}"}, b"")

        assert expected == (answer and answer.status)


def test_what_is_an_apps_alone_is_no_tokens() -> None:
    """What is asked in the App's own name needs its signature."""
    with serving(FakeClock()) as fake:
        token = fake.world.token("app", "seatrial[bot]")
        headers = {"user-agent": "x", "accept": "application/vnd.github+json", "x-github-api-version": "2022-11-28"}
        answer = fake.reply("GET", "/api/v3/app", {**headers, "authorization": f"token {token}"}, b"")

        assert 401 == (answer and answer.status)
