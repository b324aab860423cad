"""Whatever is sent to the bot's door: it is never a 5xx, and nothing gets into the book that was not signed."""

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial.records import ForgeKind, Hook, HookKind
from tests.web.bot_serving import Serving, bot_serving, headers_of, signature
from tests.web.payloads import (
    encoded,
    gitea_comment,
    gitea_pull,
    github_comment,
    github_pull,
    gitlab_merge,
    gitlab_note,
)

EXAMPLES = 150
KINDS = (ForgeKind.GITHUB, ForgeKind.GITLAB, ForgeKind.GITEA)
SAMPLES: Mapping[ForgeKind, Mapping[str, list[dict[str, Any]]]] = {
    ForgeKind.GITHUB: {
        "pull": [github_pull("opened"), github_pull("labeled", label={"name": "try"})],
        "comment": [github_comment()],
    },
    ForgeKind.GITLAB: {
        "pull": [gitlab_merge("open"), gitlab_merge("update", object_attributes={"oldrev": "c" * 40})],
        "comment": [gitlab_note()],
    },
    ForgeKind.GITEA: {"pull": [gitea_pull("opened"), gitea_pull("label_updated")], "comment": [gitea_comment()]},
}
NO_LIMIT = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(params=KINDS, scope="module")
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server for each forge, for all examples."""
    folder: Path = tmp_path_factory.mktemp("bot")
    with bot_serving(folder, request.param) as found:
        yield found


@dataclass(frozen=True)
class Raw:
    """A value that Python's json does not write: its text stands as it is."""

    text: str


ODD = st.sampled_from(
    [
        Raw("9" * 5_000),
        Raw("-0"),
        Raw("1e400"),
        Raw("1" + "0" * 30),
        Raw("[" * 5_000 + "]" * 5_000),
        Raw('{"a":' * 5_000 + "1" + "}" * 5_000),
        Raw('"\\ud800"'),
        Raw('"\\u0000"'),
        Raw("NaN"),
        Raw('"\\x"'),
        Raw(""),
    ]
)
VALUES = st.one_of(
    ODD,
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(["", "opened", "created", "closed", "x" * 100_000, "../..", "<script>", "/seatrial run", "a\nb"]),
    st.lists(st.none(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.none(), max_size=2),
)


def _paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield at
    if isinstance(value, dict):
        for key in value:
            yield from _paths(value[key], (*at, key))
    if isinstance(value, list):
        for index in range(len(value)):
            yield from _paths(value[index], (*at, index))


def _replaced(value: Any, at: tuple[Any, ...], new: Any) -> Any:
    if not at:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[at[0]] = _replaced(value[at[0]], at[1:], new)
    return copy


def _text(payload: Any) -> bytes:
    """JSON in which each `Raw` stands as it is."""
    raws: list[str] = []

    def mark(value: object) -> str:
        assert isinstance(value, Raw)
        raws.append(value.text)
        return f"raw-{len(raws) - 1}-raw"

    text = json.dumps(payload, default=mark)
    for index, raw in enumerate(raws):
        text = text.replace(f'"raw-{index}-raw"', raw)
    return text.encode()


@st.composite
def payloads(draw: st.DrawFn, payload: Any) -> bytes:
    """A payload in which a few values are others."""
    for _ in range(draw(st.integers(0, 2))):
        path = draw(st.sampled_from(sorted(_paths(payload), key=repr)))
        payload = _replaced(payload, path, draw(VALUES))
    return _text(payload)


@st.composite
def broken(draw: st.DrawFn, body: bytes) -> bytes:
    """A body that was cut, or in which bytes are others."""
    at = draw(st.integers(0, len(body)))
    return draw(
        st.sampled_from(
            [
                body,
                body[:at],
                body[:at] + draw(st.binary(max_size=3)) + body[at + 1 :],
                body + body,
                body.decode("utf-8", "replace").encode("utf-16"),
                b"\xef\xbb\xbf" + body,
            ]
        )
    )


@given(data=st.data())
@NO_LIMIT
def test_signed_nonsense_is_no_5xx(served: Serving, data: st.DataObject) -> None:
    """Samples with other values inside, cut, flipped, in other encodings; what is taken is well-formed."""
    event = data.draw(st.sampled_from(["pull", "comment", "ping", "push", ""]))
    samples = SAMPLES[served.kind].get(event) or SAMPLES[served.kind]["pull"]
    body = data.draw(broken(data.draw(payloads(data.draw(st.sampled_from(samples))))))
    before = {number for number, _ in served.book.waiting(limit=10_000)}
    answer = served.post(body, {**headers_of(served.kind, event), **signature(served.kind, body)})

    assert answer.status_code in {200, 202, 400, 404, 409}
    new = [hook for number, hook in served.book.waiting(limit=10_000) if number not in before]
    assert (answer.status_code == 202) == bool(new)
    assert all(_is_plausible(hook) for hook in new)


def _is_plausible(hook: Hook) -> bool:
    commented = hook.kind is HookKind.COMMENTED
    return (
        hook.repository == "ada/fraud"
        and 0 < hook.number < 1 << 31
        and (hook.head == "" or set(hook.head) <= set("0123456789abcdef"))
        and commented == bool(hook.comment_id)
        and ("/seatrial" in hook.comment.casefold()) == commented
    )


PRINTABLE = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=80)


@given(data=st.data())
@NO_LIMIT
def test_nothing_unsigned_is_taken(served: Serving, data: st.DataObject) -> None:
    """A signature of another body or secret, a part of the right one, any text, or none at all."""
    event = data.draw(st.sampled_from(["pull", "comment"]))
    payload = data.draw(st.sampled_from(SAMPLES[served.kind][event]))
    body = encoded({**payload, "number_of_try": data.draw(st.integers())})
    ((name, right),) = signature(served.kind, body).items()
    wrong = data.draw(
        st.one_of(
            st.none(),
            PRINTABLE,
            st.integers(0, len(right)).map(lambda at: right[:at].strip()),
            PRINTABLE.map(lambda secret: signature(served.kind, body, secret)[name]),
            st.just(signature(served.kind, b"{}", "another")[name]),
        ).filter(lambda value: value != right)
    )
    before = len(served.book.waiting(limit=10_000))
    answer = served.post(body, {**headers_of(served.kind, event), **({} if wrong is None else {name: wrong})})

    assert 401 == answer.status_code
    assert before == len(served.book.waiting(limit=10_000))


LINES = st.lists(
    st.one_of(
        st.sampled_from(
            [
                b"Content-Type: application/json",
                b"Content-Type: \xff\xfe",
                b"Content-Type: application/json; charset=utf-7",
                b"Content-Length: 5",
                b"Content-Length: -1",
                b"Content-Length: 99999999999999999999",
                b"Transfer-Encoding: chunked",
                b"Transfer-Encoding: gzip, chunked",
                b"Content-Encoding: gzip",
                b"Content-Encoding: br",
                b"Expect: 100-continue",
                b"X-GitHub-Event: pull_request",
                b"X-Hub-Signature-256: sha256=\xff",
                b"X-Gitlab-Token: \xc3\xa4",
                b"X-Gitea-Signature: ",
                b"Host: a",
                b"X: " + b"y" * 9_000,
            ]
        ),
        st.binary(max_size=30).filter(lambda line: b"\n" not in line and b"\r" not in line),
    ),
    max_size=6,
)


@given(
    method=st.sampled_from([b"POST", b"GET", b"PUT", b"OPTIONS", b"\xff", b""]),
    path=st.sampled_from([b"hooks/github", b"hooks/gitlab", b"hooks/gitea", b"hooks", b"hooks/%00", b"..%2f", b"\xff"]),
    lines=LINES,
    body=st.binary(max_size=40),
)
@NO_LIMIT
def test_raw_requests_are_no_5xx(served: Serving, method: bytes, path: bytes, lines: list[bytes], body: bytes) -> None:
    """Headers, methods and lengths that no client library would send; the server goes on answering."""
    before = len(served.book.waiting(limit=10_000))
    request = b"\r\n".join([method + b" /" + path + b" HTTP/1.1", b"Connection: close", *lines, b"", body])
    place = urlsplit(served.url)
    with closing(socket.create_connection((place.hostname, place.port), timeout=30)) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = _read(connection)

    assert not answer.startswith((b"HTTP/1.1 5", b"HTTP/1.0 5"))
    assert before == len(served.book.waiting(limit=10_000))
    assert 200 == served.client.get(f"{served.url}/healthz").status_code


def _read(connection: socket.socket) -> bytes:
    """All that is answered until the other side closes."""
    parts = []
    try:
        while part := connection.recv(65_536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)
