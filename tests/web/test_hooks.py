"""The bot's door: who is let in, what is understood, and what is answered to the rest."""

import logging
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlsplit

import httpx
import pytest

from seatrial.bot.decide import LONGEST_COMMENT
from seatrial.records import ForgeKind, Hook, HookKind, UsageError
from seatrial.web.hooks import gitea as gitea_reader
from seatrial.web.hooks import github as github_reader
from seatrial.web.hooks import gitlab as gitlab_reader
from seatrial.web.hooks.routes import LARGEST_BODY, SLOWEST_BODY
from seatrial.web.hooks.verify import TOLERANCE
from tests.waiting import wait_until
from tests.web.bot_serving import SECRET, STANDARD, Serving, bot_serving, headers_of, signature, standard_signature
from tests.web.payloads import (
    B,
    encoded,
    gitea_comment,
    gitea_pull,
    github_comment,
    github_pull,
    gitlab_merge,
    gitlab_note,
)

GITHUB, GITLAB, GITEA = ForgeKind.GITHUB, ForgeKind.GITLAB, ForgeKind.GITEA
SAMPLES = {GITHUB: github_pull("opened"), GITLAB: gitlab_merge("open"), GITEA: gitea_pull("opened")}
LABELS = {
    "changes": {"labels": {"previous": [{"id": 1, "title": "old"}], "current": [{"title": "old"}, {"title": "try"}]}}
}


@pytest.fixture
def github(tmp_path: Path) -> Iterator[Serving]:
    """A server for GitHub."""
    with bot_serving(tmp_path) as found:
        yield found


@pytest.fixture(params=[GITHUB, GITLAB, GITEA])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Serving]:
    """A server for each forge."""
    with bot_serving(tmp_path, request.param) as found:
        yield found


def pushed(kind: HookKind, **fields: Any) -> Hook:
    """What the samples say."""
    given = {"delivery": "d", "repository": "ada/fraud", "number": 7, "head": B, "author": "bob", **fields}
    return Hook(kind=kind, **given)


def said(ident: str, head: str = "", comment: str = "/seatrial run") -> Hook:
    """What the comments of the samples say."""
    return pushed(HookKind.COMMENTED, author="carol", comment=comment, comment_id=ident, head=head)


UNDERSTOOD = [
    (GITHUB, "pull", github_pull("opened"), pushed(HookKind.OPENED)),
    (GITHUB, "pull", github_pull("ready_for_review"), pushed(HookKind.OPENED)),
    (GITHUB, "pull", github_pull("synchronize", before="c" * 40, after=B), pushed(HookKind.SYNCHRONISED)),
    (GITHUB, "pull", github_pull("reopened"), pushed(HookKind.REOPENED)),
    (GITHUB, "pull", github_pull("labeled", label={"name": "try"}), pushed(HookKind.LABELLED, label="try")),
    (GITHUB, "pull", github_pull("closed", pull_request={"merged": True}), pushed(HookKind.CLOSED)),
    (GITHUB, "comment", github_comment(), said("123456789012")),
    (GITHUB, "comment", github_comment("so:\r\n/Seatrial RUN"), said("123456789012", comment="so:\r\n/Seatrial RUN")),
    (GITLAB, "pull", gitlab_merge("open"), pushed(HookKind.OPENED)),
    (GITLAB, "pull", gitlab_merge("update", object_attributes={"oldrev": "c" * 40}), pushed(HookKind.SYNCHRONISED)),
    (GITLAB, "pull", gitlab_merge("update", **LABELS), pushed(HookKind.LABELLED, label="try")),
    (
        GITLAB,
        "pull",
        gitlab_merge("update", changes={"draft": {"previous": True, "current": False}}),
        pushed(HookKind.OPENED),
    ),
    (GITLAB, "pull", gitlab_merge("reopen"), pushed(HookKind.REOPENED)),
    (GITLAB, "pull", gitlab_merge("close"), pushed(HookKind.CLOSED)),
    (GITLAB, "pull", gitlab_merge("merge"), pushed(HookKind.CLOSED)),
    (GITLAB, "pull", gitlab_merge("close", object_attributes={"last_commit": None}), pushed(HookKind.CLOSED, head="")),
    (GITLAB, "comment", gitlab_note(), said("1244", B)),
    (GITLAB, "comment", gitlab_note(object_attributes={"action": None}), said("1244", B)),
    (GITEA, "pull", gitea_pull("opened"), pushed(HookKind.OPENED)),
    (GITEA, "pull", gitea_pull("synchronized"), pushed(HookKind.SYNCHRONISED)),
    (GITEA, "pull", gitea_pull("reopened"), pushed(HookKind.REOPENED)),
    (GITEA, "pull", gitea_pull("label_updated"), pushed(HookKind.LABELLED)),
    (GITEA, "pull", gitea_pull("closed"), pushed(HookKind.CLOSED)),
    (GITEA, "comment", gitea_comment(), said("31", B)),
    (GITEA, "comment", gitea_comment(pull_request=None), said("31")),
    (GITEA, "pull_request_comment", gitea_comment(), said("31", B)),
]


@pytest.mark.parametrize(("kind", "event", "payload", "expected"), UNDERSTOOD)
def test_what_the_bot_cares_for_is_taken(
    tmp_path: Path, kind: ForgeKind, event: str, payload: object, expected: Hook
) -> None:
    """It is in the book when the forge gets its answer, and the pump is told."""
    with bot_serving(tmp_path, kind) as served:
        answer = served.deliver(payload, event, "d")

        assert (202, {"status": "taken", "delivery": "d"}) == (answer.status_code, answer.json())
        assert [expected] == served.taken()
        assert [1] == served.arrived


PASSED_OVER = [
    (GITHUB, "ping", {"zen": "Keep it logically awesome.", "hook_id": 1}),
    (GITHUB, "push", {"ref": "refs/heads/main"}),
    (GITHUB, "pull", github_pull("assigned")),
    (GITHUB, "pull", github_pull("unlabeled", label={"name": "try"})),
    (GITHUB, "comment", github_comment(action="edited")),
    (GITHUB, "comment", github_comment(action="deleted")),
    (GITHUB, "comment", github_comment(issue={"pull_request": None})),
    (GITHUB, "comment", github_comment("nice work")),
    (GITHUB, "comment", github_comment(comment={"body": None})),
    (GITHUB, "comment", github_comment("x" * 20_000 + "\n/seatrial run")),
    (GITLAB, "Push Hook", {"object_kind": "push"}),
    (GITLAB, "pull", gitlab_merge("approved")),
    (GITLAB, "pull", gitlab_merge("update")),
    (GITLAB, "pull", gitlab_merge("update", changes={"labels": {"previous": [{"title": "a"}], "current": []}})),
    (GITLAB, "pull", gitlab_merge("update", changes={"draft": {"previous": False, "current": True}})),
    (GITLAB, "comment", gitlab_note(object_attributes={"action": "update"})),
    (GITLAB, "comment", gitlab_note(object_attributes={"system": True})),
    (GITLAB, "comment", gitlab_note(object_attributes={"type": "DiffNote"})),
    (GITLAB, "comment", gitlab_note(object_attributes={"noteable_type": "Issue"}, merge_request=None)),
    (GITEA, "push", {"ref": "refs/heads/main"}),
    (GITEA, "pull", gitea_pull("edited")),
    (GITEA, "pull", gitea_pull("label_cleared")),
    (GITEA, "comment", gitea_comment(action="edited")),
    (GITEA, "comment", gitea_comment(is_pull=False)),
    (GITEA, "pull_request_comment", {**gitea_pull("reviewed"), "review": {"type": "x", "content": "/seatrial run"}}),
    (GITEA, "pull_request_comment", {**gitea_pull("created"), "is_pull": True}),
]


@pytest.mark.parametrize(("kind", "event", "payload"), PASSED_OVER)
def test_what_starts_nothing_is_passed_over(tmp_path: Path, kind: ForgeKind, event: str, payload: object) -> None:
    """The forge gets a word why, so that its page of deliveries is green; nothing is kept."""
    with bot_serving(tmp_path, kind) as served:
        answer = served.deliver(payload, event)

        assert (200, "passed over") == (answer.status_code, answer.json()["status"])
        assert "pong" == answer.json()["why"] or event != "ping"
        assert ([], []) == (served.taken(), served.arrived)


def test_a_replay_is_refused(served: Serving) -> None:
    """The same id, or the same body under another id: the headers of a delivery are not signed."""
    body = encoded(SAMPLES[served.kind])
    signed = signature(served.kind, body)

    def send(delivery: str) -> int:
        return served.post(body, {**headers_of(served.kind, "pull", delivery), **signed}).status_code

    assert [202, 409, 409] == [send("one"), send("one"), send("two")]
    other = encoded({**SAMPLES[served.kind], "more": 1})
    headers = {**headers_of(served.kind, "pull", "one"), **signature(served.kind, other)}
    assert 409 == served.post(other, headers).status_code
    assert (1, [1]) == (len(served.taken()), served.arrived)


def test_without_a_delivery_id_the_body_is_the_id(served: Serving) -> None:
    """Also where the id is one that nobody would want to keep."""
    body = encoded(SAMPLES[served.kind])
    plain = {
        name: value
        for name, value in headers_of(served.kind, "pull").items()
        if "Delivery" not in name and name != "Idempotency-Key"
    }
    statuses = [served.post(body, {**plain, **signature(served.kind, body)}).status_code for _ in range(2)]

    assert [202, 409] == statuses
    assert 64 == len(served.taken()[0].delivery)
    other = encoded({**SAMPLES[served.kind], "more": 1})
    long = headers_of(served.kind, "pull", "x" * 201)
    assert 202 == served.post(other, {**long, **signature(served.kind, other)}).status_code
    assert 64 == len(served.taken()[1].delivery)


def as_bytes(headers: Mapping[str, str]) -> dict[bytes, bytes]:
    """Headers that are not ASCII, as they can come."""
    return {name.encode(): value.encode() for name, value in headers.items()}


def _unsigned(kind: ForgeKind, body: bytes) -> list[dict[str, str]]:
    """Signatures that are none."""
    right = signature(kind, body)
    ((name, value),) = right.items()
    wrong = [{}, {name: ""}, {name: value[:-1]}, {name: f"{value}0"}, {name: "ä"}, {name: value.upper()}]
    wrong += [signature(kind, body, "another secret"), signature(kind, b""), {name: f"_{value[1:]}"}]
    if kind is GITHUB:
        wrong += [{"X-Hub-Signature": "sha1=0"}, {name: value.removeprefix("sha256=")}, {name: "sha256="}]
        wrong += [{"X-Gitea-Signature": value.removeprefix("sha256=")}]
    if kind is GITEA:
        wrong += [{name: "0" * 64, "X-Hub-Signature-256": f"sha256={value}"}, {name: f"sha256={value}"}]
    return [each for each in wrong if each != right]


def test_who_does_not_know_the_secret_is_refused(served: Serving) -> None:
    """Before anything of the body is looked at, and always with the same words."""
    body = encoded(SAMPLES[served.kind])
    refused = []
    for wrong in _unsigned(served.kind, body):
        for sent in (body, b"{", encoded({**SAMPLES[served.kind], "repository": {"full_name": "no/body"}})):
            headers = as_bytes({**headers_of(served.kind, "pull"), **wrong})
            answer = served.client.post(f"{served.url}/hooks/{served.kind.value}", content=sent, headers=headers)
            if wrong or sent is body:
                refused.append((answer.status_code, answer.text))

    assert {401} == {status for status, _ in refused}
    assert 1 == len({text for _, text in refused})
    assert ([], []) == (served.taken(), served.arrived)


def test_two_signatures_are_none(served: Serving) -> None:
    """Two readers could take different ones."""
    body = encoded(SAMPLES[served.kind])
    ((name, value),) = signature(served.kind, body).items()
    headers = [*headers_of(served.kind, "pull").items(), (name, value), (name, value)]
    answer = served.client.post(f"{served.url}/hooks/{served.kind.value}", content=body, headers=headers)

    assert 401 == answer.status_code


@pytest.mark.parametrize("header", ["X-Forgejo-Signature", "X-Gitea-Signature", "X-Hub-Signature-256"])
def test_each_signature_of_gitea_is_known(tmp_path: Path, header: str) -> None:
    """Forgejo's, Gitea's and the one that is GitHub's."""
    body = encoded(gitea_pull("opened"))
    found = signature(GITEA, body)["X-Gitea-Signature"]
    value = f"sha256={found}" if header.startswith("X-Hub") else found
    with bot_serving(tmp_path, GITEA) as served:
        assert 202 == served.post(body, {**headers_of(GITEA, "pull"), header: value}).status_code


def test_forgejos_own_headers_are_understood(tmp_path: Path) -> None:
    """Its event and delivery have other names than Gitea's."""
    body = encoded(gitea_pull("opened"))
    found = signature(GITEA, body)["X-Gitea-Signature"]
    headers = {"X-Forgejo-Event": "pull_request", "X-Forgejo-Delivery": "f", "X-Forgejo-Signature": found}
    with bot_serving(tmp_path, GITEA) as served:
        assert 202 == served.post(body, {"Content-Type": "application/json", **headers}).status_code
        assert [pushed(HookKind.OPENED, delivery="f")] == served.taken()


def test_gitlabs_signing_tokens_are_checked(tmp_path: Path) -> None:
    """Id, time and body are signed; the time holds for five minutes; the token itself is no password then."""
    body = encoded(gitlab_merge("open"))
    plain = headers_of(GITLAB, "pull")
    with bot_serving(tmp_path, GITLAB, secret=STANDARD) as served:
        now = int(served.clock.now().timestamp())

        def send(signed: dict[str, str], text: bytes = body) -> int:
            return served.post(text, {**plain, **signed}).status_code

        right = standard_signature(body, "w-1", now)
        refused = [
            {},
            {"X-Gitlab-Token": STANDARD},
            {**right, "webhook-id": "w-2"},
            {**right, "webhook-timestamp": str(now + 1)},
            {**right, "webhook-signature": right["webhook-signature"].replace("v1", "v2")},
            standard_signature(body, "w-1", now - 301),
            standard_signature(body, "w-1", now + 301),
            {**right, "webhook-timestamp": "٣"},
            {**right, "webhook-timestamp": "9" * 5000},
            {**right, "webhook-timestamp": "-1"},
            standard_signature(body, "w-1", now, "whsec_" + "A" * 44),
        ]
        url = f"{served.url}/hooks/gitlab"
        headers = [as_bytes({**plain, **each}) for each in refused]
        statuses = [served.client.post(url, content=body, headers=each).status_code for each in headers]
        assert [401] * len(refused) == statuses
        assert 401 == send(right, body + b" ")

        several = {**right, "webhook-signature": f"v1,other {right['webhook-signature']}"}
        assert [202, 409] == [send(several), send(right)]
        assert "w-1" == served.taken()[0].delivery


@pytest.mark.parametrize("secret", ["", " ", "\n"])
def test_a_server_without_a_secret_does_not_start(tmp_path: Path, secret: str) -> None:
    """Anybody could have trials run."""
    with pytest.raises(UsageError, match="webhooks have no secret"), bot_serving(tmp_path, secret=secret):
        pass


def test_a_signing_token_that_is_none_lets_nobody_in(tmp_path: Path) -> None:
    """A key that can't be read is not an empty key."""
    body = encoded(gitlab_merge("open"))
    for secret in ("whsec_", "whsec_!!"):
        with bot_serving(tmp_path, GITLAB, secret=secret) as served:
            now = int(served.clock.now().timestamp())
            signed = standard_signature(body, "w", now, "whsec_")
            assert 401 == served.post(body, {**headers_of(GITLAB, "pull"), **signed}).status_code


def test_a_repository_that_is_not_configured_is_refused(served: Serving) -> None:
    """Without telling which are; the name's case does not count, and the configured spelling is kept."""
    at = {GITHUB: "repository", GITEA: "repository", GITLAB: "project"}[served.kind]
    name = "path_with_namespace" if served.kind is GITLAB else "full_name"
    sample = SAMPLES[served.kind]

    stranger = served.deliver({**sample, at: {**sample[at], name: "eve/other"}})
    assert 404 == stranger.status_code
    assert "fraud" not in stranger.text
    assert 202 == served.deliver({**sample, at: {**sample[at], name: "Ada/FRAUD"}}).status_code
    assert ["ada/fraud"] == [hook.repository for hook in served.taken()]


def test_only_the_forge_of_the_server_has_a_door(github: Serving) -> None:
    """GitLab's token in a header is no way into a server for GitHub."""
    body = encoded(gitlab_merge("open"))
    headers = {**headers_of(GITLAB, "pull"), **signature(GITLAB, body)}
    answer = github.client.post(f"{github.url}/hooks/gitlab", content=body, headers=headers)

    assert (404, ["error"]) == (answer.status_code, list(answer.json()))
    assert 405 == github.client.get(f"{github.url}/hooks/github").status_code


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"action": "opened"}', b"\xff\xfe{}", b'"\\ud800"'])
def test_a_body_that_no_forge_sends_is_an_error(served: Serving, body: bytes) -> None:
    """Signed or not, it says what is wrong, and starts nothing."""
    headers = {**headers_of(served.kind, "pull"), **signature(served.kind, body)}
    answer = served.post(body, headers)

    passed = served.kind is GITLAB and body.startswith(b'{"')
    assert (200 if passed else 400) == answer.status_code
    assert [] == served.taken()


@pytest.mark.parametrize(
    "changes",
    [
        {"number": 0},
        {"number": 2**31},
        {"number": "7"},
        {"number": 7.5},
        {"pull_request": {"head": {"sha": "--upload-pack=x"}}},
        {"pull_request": {"head": {"sha": B[:-1]}}},
        {"pull_request": {"head": {"sha": f"{B}\n"}}},
        {"repository": {"full_name": ""}},
        {"sender": None},
    ],
)
def test_fields_are_checked(github: Serving, changes: dict[str, Any]) -> None:
    """What goes on from here is a number, a commit id, a name; nothing else."""
    answer = github.deliver(github_pull("opened", **changes))

    assert 400 == answer.status_code
    assert "$." in answer.json()["error"]["what"]


def test_github_may_send_a_form(github: Serving) -> None:
    """Its other content type: the payload is a field, and the whole form is signed."""
    body = f"payload={quote_plus(encoded(github_pull('opened')).decode())}".encode()
    headers = {**headers_of(GITHUB, "pull", "d"), "Content-Type": "application/x-www-form-urlencoded"}
    assert 202 == github.post(body, {**headers, **signature(GITHUB, body)}).status_code
    assert [pushed(HookKind.OPENED)] == github.taken()

    for wrong in (b"", b"payload", b"other=1", b"payload=%ff", "payload=ä".encode(), b"a=1&b=1&c=1&d=1&payload=1"):
        assert 400 == github.post(wrong, {**headers, **signature(GITHUB, wrong)}).status_code


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "application/xml", "x;;/"])
def test_only_json_is_read(tmp_path: Path, kind: str) -> None:
    """Forms are GitHub's alone."""
    body = encoded(gitea_pull("opened"))
    with bot_serving(tmp_path, GITEA) as served:
        headers = {**headers_of(GITEA, "pull"), "Content-Type": kind, **signature(GITEA, body)}
        assert 415 == served.post(body, headers).status_code


def test_a_compressed_body_is_refused(github: Serving) -> None:
    """A small one could be large inside."""
    body = encoded(github_pull("opened"))
    headers = {**headers_of(GITHUB, "pull"), **signature(GITHUB, body), "Content-Encoding": "gzip"}
    assert 415 == github.post(body, headers).status_code


def test_a_body_that_is_too_long_is_refused(github: Serving) -> None:
    """At once where it says so, and as soon as it is too long where it doesn't; one that just fits is read."""
    headers = headers_of(GITHUB, "pull")

    def chunks() -> Iterator[bytes]:
        for _ in range(LARGEST_BODY // 65_536 + 2):
            yield b" " * 65_536

    assert 413 == github.post(b" " * (LARGEST_BODY + 1), headers).status_code
    with httpx.Client(timeout=30) as client:
        answer = client.post(f"{github.url}/hooks/github", content=chunks(), headers=headers)
    assert 413 == answer.status_code

    fits = encoded(github_pull("opened")).ljust(LARGEST_BODY)
    assert 202 == github.post(fits, {**headers, **signature(GITHUB, fits)}).status_code


def test_a_body_that_never_ends_is_given_up(tmp_path: Path) -> None:
    """Who sends half of what was announced is told so, and others are answered meanwhile."""
    with bot_serving(tmp_path, slowest=0.5) as served:
        place = urlsplit(served.url)
        with socket.create_connection((place.hostname, place.port), timeout=30) as slow:
            slow.sendall(
                b"POST /hooks/github HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
            )
            assert 202 == served.deliver(github_pull("opened")).status_code
            assert b"HTTP/1.1 408" == slow.recv(4096)[:12]


def test_deliveries_at_once_are_all_taken_once(sql_url: str, tmp_path: Path) -> None:
    """Each delivery is sent twice, all at the same time: one of both is taken, the other a replay."""
    with bot_serving(tmp_path, url=sql_url) as served:
        payloads = [github_pull("opened", number=number) for number in range(1, 31)]
        start = threading.Barrier(8)

        def send(share: int) -> list[int]:
            start.wait()
            mine = range(share, 60, 8)
            return [served.deliver(payloads[each % 30], "pull", f"d-{each % 30}").status_code for each in mine]

        with ThreadPoolExecutor(8) as pool:
            statuses = [status for answers in pool.map(send, range(8)) for status in answers]

        assert (30, 30) == (statuses.count(202), statuses.count(409))
        assert sorted(range(1, 31)) == sorted(hook.number for hook in served.taken())


def test_a_book_that_does_not_answer_is_503(tmp_path: Path) -> None:
    """The forge may send it again, and it is no replay then; health says the same."""
    with bot_serving(tmp_path) as served:
        files = [*tmp_path.glob("bot.db*")]
        away = tmp_path / "away"
        away.mkdir()
        served.book.close()
        for file in files:
            file.rename(away / file.name)
        (tmp_path / "bot.db").mkdir()
        assert 503 == served.deliver(github_pull("opened"), delivery="d").status_code
        assert 503 == served.client.get(f"{served.url}/healthz").status_code

        (tmp_path / "bot.db").rmdir()
        for file in files:
            (away / file.name).rename(file)
        assert 202 == served.deliver(github_pull("opened"), delivery="d").status_code
        assert {"status": "ok"} == served.client.get(f"{served.url}/healthz").json()


def test_answers_are_counted(github: Serving) -> None:
    """For Prometheus, by status."""
    github.deliver(github_pull("opened"))
    github.deliver(github_pull("opened"), secret="wrong")
    github.deliver({}, "ping")
    lines = github.client.get(f"{github.url}/metrics").text.splitlines()

    expected = {f'seatrial_hooks_total{{status="{status}"}} 1' for status in (200, 202, 401)}
    assert expected == {line for line in lines if line.startswith("seatrial_hooks_total")}
    assert 'seatrial_bot_trials{state="queued"} 0' in lines


def test_no_secret_is_told(served: Serving, caplog: pytest.LogCaptureFixture) -> None:
    """Neither in the log nor in an answer, nor when the server's parts are printed; and strangers don't fill the log."""
    with caplog.at_level(logging.DEBUG):
        body = encoded(SAMPLES[served.kind])
        answers = [served.post(body, {**headers_of(served.kind, "pull"), **signature(served.kind, body)})]
        answers += [served.deliver({}, secret=f"{SECRET}{number}") for number in range(20)]
        wait_until(lambda: "8 so far" in caplog.text)

    assert all(SECRET not in answer.text for answer in answers)
    assert SECRET not in caplog.text
    assert 5 == caplog.text.count("were refused")


def test_the_page_lists_what_is_taken_and_answered() -> None:
    """`docs/reference/webhooks.md` names every action, the limits and every status."""
    page = (Path(__file__).parents[2] / "docs" / "reference" / "webhooks.md").read_text(encoding="utf-8")
    words = set(re.findall(r"`([^`\n]+)`", page))

    assert {*github_reader.KINDS, *gitea_reader.KINDS, *gitlab_reader.PLAIN} <= words
    assert f"{LARGEST_BODY >> 20} MiB" in page
    assert f"{SLOWEST_BODY:g} s" in page
    assert f"{LONGEST_COMMENT:,} characters" in page
    assert f"by {TOLERANCE / 60:g} minutes" in page
    statuses = {int(status) for status in re.findall(r"^\| (\d{3}) \|", page, re.MULTILINE)}
    assert {202, 200, 400, 401, 404, 405, 408, 409, 413, 415, 503} == statuses
