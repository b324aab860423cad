"""The contract of the Notify port, on the shipped fake, the log, and apprise with a real webhook and real mail servers.

What Slack and Teams would get is sent by apprise's own code to the loopback; their services themselves are not reached.
"""

import io
import logging
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from apprise.plugins.slack import NotifySlack
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from seatrial.adapters.notify.apprise import DEADLINE, AppriseNotify
from seatrial.adapters.notify.log import LogNotify
from seatrial.notices import text
from seatrial.ports import Notify
from seatrial.records import (
    EventKind,
    Notice,
    NotifySpec,
    PermanentError,
    SeatrialError,
    TemporaryError,
    UsageError,
    Verdict,
)
from seatrial.testing import MemoryNotify
from seatrial.wiring import open_notifier
from seatrial.wording.inert import JOINER
from tests.contract import receivers
from tests.contract.receivers import MAILBOX, PASSWORD, USER, Mails, Webhook
from tests.waiting import wait_until

NOTICE = Notice(
    key="promotion:20261121-120000-7f3a",
    event=EventKind.PROMOTION,
    project="wine-quality",
    subject="wine-quality: wine v7 was not promoted to Production – fail",
    verdict=Verdict.FAIL,
    sentences=("latency_p99 went 12.1 → 18.2 ms.", "It was compared with v6 of Production."),
    headings=("verdict", "metric", "change"),
    rows=(("fail", "latency_p99", "12.1 → 18.2 ms"), ("pass", "accuracy", "92.1 → 96.8%")),
    link="https://ci.example/runs/7",
)
SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7"


@dataclass(frozen=True)
class Received:
    """One notice as it arrived."""

    subject: str
    text: str


@dataclass(frozen=True)
class Bench:
    """A receiver under test, and what has arrived there."""

    notify: Notify
    received: Callable[[], list[Received]]


def _memory() -> Iterator[Bench]:
    notify = MemoryNotify()
    yield Bench(
        notify,
        lambda: [Received(each.subject, " ".join([*each.sentences, each.link])) for each in notify.notices],
    )


def _log() -> Iterator[Bench]:
    stream = io.StringIO()
    yield Bench(
        LogNotify(stream=stream),
        lambda: [Received(line.partition("notice: ")[2], line) for line in stream.getvalue().splitlines()],
    )


def _webhook() -> Iterator[Bench]:
    with receivers.webhook() as got:
        notify = _open(f"json://127.0.0.1:{got.port}/hook")
        yield Bench(notify, lambda: [Received(each.json["title"], each.json["message"]) for each in got.requests])


def _mail() -> Iterator[Bench]:
    with receivers.mail_server() as got:
        yield Bench(_open(_mailto(got)), lambda: [_mailed(got, index) for index in range(len(got.messages))])


def _open(url: str, *, name: str = "ship's log", deadline: float = DEADLINE) -> AppriseNotify:
    return AppriseNotify(NotifySpec(name=name, url="${URL}"), url, deadline=deadline)


def _mailto(got: Mails, login: str = "", options: str = "", scheme: str = "mailto") -> str:
    return f"{scheme}://{login}127.0.0.1:{got.port}/?from=seatrial@example.org&to={MAILBOX}{options}"


def _mailed(got: Mails, index: int) -> Received:
    message = got.messages[index]
    body = message.get_body(("plain",))
    return Received(str(message["Subject"]), body.get_content() if body else "")


_BENCHES = {"memory": _memory, "log": _log, "webhook": _webhook, "mail": _mail}


@pytest.fixture(params=_BENCHES)
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Each receiver in turn."""
    yield from _BENCHES[request.param]()


@pytest.fixture
def hook() -> Iterator[Webhook]:
    """A web server that keeps what it is posted."""
    with receivers.webhook() as got:
        yield got


def test_a_notice_arrives_with_what_matters(bench: Bench) -> None:
    """Subject, first sentence and link."""
    bench.notify.send(NOTICE)
    (got,) = bench.received()

    assert "wine-quality: wine v7 was not promoted to Production – fail" in got.subject
    assert "latency_p99 went 12.1 → 18.2 ms." in got.text
    assert "https://ci.example/runs/7" in got.text


def test_notices_arrive_in_their_order(bench: Bench) -> None:
    """One after the other, each whole."""
    for number in range(3):
        bench.notify.send(replace(NOTICE, subject=f"number {number}"))

    assert ["number 0", "number 1", "number 2"] == [each.subject.partition(":")[0] for each in bench.received()]


def test_a_notice_of_a_subject_alone_arrives(bench: Bench) -> None:
    """No sentence, no table, no link, no verdict."""
    bench.notify.send(Notice(key="k", event=EventKind.TRIAL, project="p", subject="p: a test"))

    assert ["p: a test"] == [each.subject for each in bench.received()]


def test_notices_from_many_threads_all_arrive(bench: Bench) -> None:
    """A receiver may be told of several things at once."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: bench.notify.send(replace(NOTICE, subject=f"number {number}")), range(8)))

    assert {f"number {number}" for number in range(8)} == {each.subject.partition(":")[0] for each in bench.received()}


@pytest.mark.parametrize(
    "nasty",
    ["x\r\nBcc: victim@example.org", "x\n.\n", "x\x00\x1b[31m\u202e", "<!channel> @here", '"><script>', "${HOME}"],
)
def test_what_others_wrote_stays_text(bench: Bench, nasty: str) -> None:
    """Neither a header nor a second line nor a mention comes of a name; the notice arrives all the same."""
    bench.notify.send(replace(NOTICE, subject=f"a {nasty}", sentences=(f"b {nasty}",), rows=(("fail", nasty, "x"),)))
    (got,) = bench.received()

    assert got.subject.startswith("a ")
    if not isinstance(bench.notify, MemoryNotify):
        assert 1 == len(got.subject.splitlines())
        assert "\x1b" not in got.subject + got.text


def test_the_fake_fails_as_often_as_it_is_told() -> None:
    """So that a test sees what its program does about a receiver that is down."""
    notify = MemoryNotify([TemporaryError("down")] * 2)
    for _ in range(2):
        with pytest.raises(TemporaryError, match="down"):
            notify.send(NOTICE)
    notify.send(NOTICE)

    assert (3, [NOTICE]) == (notify.tries, notify.notices)


def test_the_log_is_one_line() -> None:
    """What was told, and where the report is."""
    stream = io.StringIO()
    LogNotify(stream=stream).send(NOTICE)

    assert (
        "notice: wine-quality: wine v7 was not promoted to Production – fail: latency_p99 went 12.1 → 18.2 ms. "
        "(https://ci.example/runs/7)\n"
    ) == stream.getvalue()


def test_the_log_is_standard_error_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output belongs to results."""
    open_notifier(NotifySpec(name="log", url="log://"), {}).send(NOTICE)
    printed = capsys.readouterr()

    assert ("", True) == (printed.out, printed.err.startswith("notice: wine-quality"))


def test_a_log_that_nobody_reads_is_a_failure_and_no_crash() -> None:
    """As a closed pipe."""
    stream = io.StringIO()
    stream.close()
    with pytest.raises(TemporaryError, match="'log' takes no line"):
        LogNotify(stream=stream).send(NOTICE)


def test_a_webhook_gets_text_for_people_and_fields_for_programs(hook: Webhook) -> None:
    """Whatever a program may want to sort by has a field of its own."""
    _open(f"json://127.0.0.1:{hook.port}/hook?:team=red").send(NOTICE)
    (request,) = hook.requests
    got = request.json

    assert "/hook" == request.path
    assert NOTICE.key == request.headers["X-Seatrial-Key"]
    assert {
        "key": NOTICE.key,
        "event": "promotion",
        "project": "wine-quality",
        "verdict": "fail",
        "link": "https://ci.example/runs/7",
        "type": "failure",
        "team": "red",
    } == {name: got[name] for name in ("key", "event", "project", "verdict", "link", "type", "team")}
    assert text.subject(NOTICE) == got["title"]
    assert text.body(NOTICE, text.Form.TEXT).strip() == got["message"].strip()


@pytest.mark.parametrize("scheme", ["xml", "form"])
def test_other_forms_of_webhooks_carry_the_key_too(hook: Webhook, scheme: str) -> None:
    """In the header and in the body."""
    _open(f"{scheme}://127.0.0.1:{hook.port}/hook").send(NOTICE)
    (request,) = hook.requests

    assert NOTICE.key == request.headers["X-Seatrial-Key"]
    assert NOTICE.key in request.body.replace("%3A", ":")


def test_what_the_url_says_of_headers_and_fields_wins(hook: Webhook) -> None:
    """A receiver may name the fields as it likes."""
    _open(
        f"json://127.0.0.1:{hook.port}/?:key=mine&+X-Seatrial-Key=mine&+Authorization=Bearer%20b&:title=headline"
    ).send(NOTICE)
    (request,) = hook.requests

    assert ("mine", "mine", "Bearer b") == (
        request.json["key"],
        request.headers["X-Seatrial-Key"],
        request.headers["Authorization"],
    )
    assert text.subject(NOTICE) == request.json["headline"]


@pytest.mark.parametrize(("form", "expected"), [("markdown", text.Form.MARKDOWN), ("html", text.Form.HTML)])
def test_the_url_chooses_the_form(hook: Webhook, form: str, expected: text.Form) -> None:
    """`format=` holds as apprise has it."""
    _open(f"json://127.0.0.1:{hook.port}/?format={form}").send(NOTICE)

    assert text.body(NOTICE, expected).strip() == hook.requests[0].json["message"].strip()


@pytest.mark.parametrize(
    ("verdict", "kind"),
    [
        (Verdict.PASS, "success"),
        (Verdict.INCONCLUSIVE, "warning"),
        (Verdict.ERROR, "failure"),
        (Verdict.FAIL, "failure"),
        (None, "info"),
    ],
)
def test_only_a_pass_looks_like_one(hook: Webhook, verdict: Verdict | None, kind: str) -> None:
    """The colour or sign that a service gives a message follows the verdict."""
    _open(f"json://127.0.0.1:{hook.port}/").send(replace(NOTICE, verdict=verdict))

    assert kind == hook.requests[0].json["type"]


def test_a_repeated_notice_can_be_told_by_its_key(hook: Webhook) -> None:
    """Its key is the same again; that of another notice is not, and a strange one breaks no header."""
    notify = _open(f"json://127.0.0.1:{hook.port}/")
    for key in ("trial:1", "trial:1", "trial:2", "naïve\r\nX-Evil: 1"):
        notify.send(replace(NOTICE, key=key))

    assert ["trial:1", "trial:1", "trial:2", "na-ve--X-Evil:-1"] == [
        request.headers["X-Seatrial-Key"] for request in hook.requests
    ]
    assert [] == [request for request in hook.requests if "X-Evil" in request.headers]


def test_a_mail_has_subject_table_link_and_key() -> None:
    """HTML for those who see it, plain text for those who don't."""
    with receivers.mail_server() as got:
        _open(_mailto(got)).send(NOTICE)
    (message,) = got.messages
    (page,) = (part.get_content() for part in message.walk() if part.get_content_type() == "text/html")

    assert (text.subject(NOTICE), NOTICE.key) == (message["Subject"], message["X-Seatrial-Key"])
    assert [[MAILBOX]] == got.recipients
    assert 'href="https://ci.example/runs/7"' in page
    assert [True, True] == ["fail     latency_p99  12.1 → 18.2 ms" in shown for shown in (page, _mailed(got, 0).text)]
    assert [] == [name for name in ("Message-ID", "Subject", "From", "To") if len(message.get_all(name, [])) != 1]


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(subject=st.text(min_size=1, max_size=80))
@example(subject="s\r\nBcc: victim@example.org\r\n\r\nhello")
@example(subject="=?utf-8?q?=0D=0ABcc:_victim@example.org?=")
def test_no_subject_adds_a_header_or_a_recipient(mailbox: Mails, subject: str) -> None:
    """Whatever a model, a branch or a project is called."""
    before = len(mailbox.messages)
    _open(_mailto(mailbox)).send(replace(NOTICE, subject=subject))
    message = mailbox.messages[before]

    assert [MAILBOX] == mailbox.recipients[before]
    assert ("victim@example.org" in str(message["Bcc"] or ""), 1) == (False, len(message.get_all("Subject", [])))


def test_a_mail_brings_the_plot_along(mailbox: Mails, tmp_path: Path) -> None:
    """A picture that is there is attached; one that is gone holds nothing up."""
    plot = tmp_path / "evidence.png"
    plot.write_bytes(b"\x89PNG plot")
    _open(_mailto(mailbox)).send(replace(NOTICE, pictures=(str(plot), str(tmp_path / "gone.png"))))
    (message,) = mailbox.messages
    attached = [(part.get_filename(), part.get_content()) for part in message.iter_attachments()]
    assert [("evidence.png", b"\x89PNG plot")] == attached


@pytest.fixture
def mailbox() -> Iterator[Mails]:
    """A mail server that takes everything."""
    with receivers.mail_server() as got:
        yield got


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")
def test_a_mail_server_may_ask_for_a_login() -> None:
    """The login of the URL is used."""
    with receivers.mail_server(login=True) as got:
        _open(_mailto(got, f"{USER}:{PASSWORD}@")).send(NOTICE)

    assert ([USER], 1) == (got.logins, len(got.messages))


def test_a_mail_server_may_insist_on_encryption(monkeypatch: pytest.MonkeyPatch) -> None:
    """STARTTLS before the login, with a certificate that this machine trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(receivers.CERTIFICATE))
    with receivers.mail_server(login=True, starttls=True) as got:
        _open(_mailto(got, f"{USER}:{PASSWORD}@", "&mode=starttls", "mailtos")).send(NOTICE)

    assert ([USER], [True]) == (got.logins, got.encrypted)


def test_a_mail_server_that_nobody_vouches_for_gets_neither_login_nor_mail() -> None:
    """Its certificate is not trusted: a retry will not mend that."""
    with receivers.mail_server(login=True, starttls=True) as got:
        notify = _open(_mailto(got, f"{USER}:{PASSWORD}@", "&mode=starttls", "mailtos"))
        with pytest.raises(PermanentError, match="certificate"):
            notify.send(NOTICE)

    assert ([], []) == (got.logins, got.messages)


def test_a_webhook_that_nobody_vouches_for_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As above, over HTTPS; once its certificate is trusted, it does."""
    with receivers.webhook(tls=True) as got:
        with pytest.raises(PermanentError, match="certificate"):
            _open(f"jsons://{USER}:{PASSWORD}@127.0.0.1:{got.port}/").send(NOTICE)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(receivers.CERTIFICATE))
        _open(f"jsons://127.0.0.1:{got.port}/").send(NOTICE)

    assert [None] == [request.headers.get("Authorization") for request in got.requests]


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")
def test_a_wrong_password_is_for_good() -> None:
    """The mail server says so, and the message tells who, not what."""
    with receivers.mail_server(login=True) as got, pytest.raises(PermanentError, match="SMTP 535") as caught:
        _open(_mailto(got, f"{USER}:wrong-secret@")).send(NOTICE)

    assert "wrong-secret" not in str(caught.value)
    assert [] == got.messages


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [("451 try later", TemporaryError), ("452 mailbox full", TemporaryError), ("550 no such user", PermanentError)],
)
def test_a_refused_mail_may_pass_or_not_by_its_code(refusal: str, kind: type[SeatrialError]) -> None:
    """4yz may pass, 5yz will not (RFC 5321)."""
    with receivers.mail_server() as got:
        got.refusal = refusal
        with pytest.raises(kind, match=f"SMTP {refusal[:3]}"):
            _open(_mailto(got)).send(NOTICE)

    assert [] == got.messages


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, TemporaryError) for status in (408, 425, 429, 500, 502, 503, 504)),
        *((status, PermanentError) for status in (301, 307, 400, 401, 403, 404, 410, 413)),
    ],
)
def test_a_refused_post_may_pass_or_not_by_its_status(hook: Webhook, status: int, kind: type[SeatrialError]) -> None:
    """Busy and broken servers are tried again; what the request itself is to blame for is not. Nothing is redirected."""
    hook.statuses = [status]
    with pytest.raises(kind, match=f"HTTP {status}"):
        _open(f"json://127.0.0.1:{hook.port}/").send(NOTICE)

    assert 1 == len(hook.requests)


def test_a_receiver_that_is_back_gets_the_notice(hook: Webhook) -> None:
    """The same notifier can be used again after a failure."""
    hook.statuses = [503]
    notify = _open(f"json://127.0.0.1:{hook.port}/")
    with pytest.raises(TemporaryError):
        notify.send(NOTICE)
    notify.send(NOTICE)

    assert [NOTICE.key] * 2 == [request.json["key"] for request in hook.requests]


def test_options_that_hide_a_failure_do_not(hook: Webhook) -> None:
    """Of the URL: `optional=yes` makes apprise call a failure success, and `retry=` makes it wait by itself."""
    hook.statuses = [404]
    with pytest.raises(PermanentError):
        _open(f"json://127.0.0.1:{hook.port}/?optional=yes&retry=3&wait=9").send(NOTICE)

    assert 1 == len(hook.requests)


@pytest.mark.parametrize("scheme", ["json", "mailto"])
def test_nobody_at_home_may_pass(scheme: str) -> None:
    """A refused connection is found out at once."""
    with receivers.silent() as port:
        pass
    with pytest.raises(TemporaryError, match="can't be reached"):
        _open(f"{scheme}://127.0.0.1:{port}/?from=a@example.org&to=b@example.org").send(NOTICE)


@pytest.mark.parametrize("scheme", ["json", "mailto"])
def test_a_receiver_that_never_answers_holds_nobody_up(scheme: str) -> None:
    """It takes the connection and is silent; the sender goes on after the deadline, and nothing waits behind its back."""
    with receivers.silent() as port:
        notify = _open(f"{scheme}://127.0.0.1:{port}/?from=a@example.org&to=b@example.org&cto=99&rto=99", deadline=0.3)
        began = time.monotonic()
        with pytest.raises(TemporaryError, match=r"did not take the notice within 0\.3 s|can't be reached"):
            notify.send(NOTICE)

        assert time.monotonic() - began < 3
        wait_until(_all_threads_gone)


def test_a_receiver_that_answers_for_ever_holds_nobody_up() -> None:
    """A byte at a time: no read takes long, the whole would never end."""
    with receivers.dripping() as port:
        notify = _open(f"json://127.0.0.1:{port}/", deadline=0.4)
        began = time.monotonic()
        with pytest.raises(TemporaryError, match=r"did not take the notice within 0\.4 s"):
            notify.send(NOTICE)

        assert time.monotonic() - began < 3
    wait_until(_all_threads_gone)


def _all_threads_gone() -> bool:
    return "seatrial-notice" not in {thread.name for thread in threading.enumerate()}


def test_a_process_ends_though_a_receiver_holds_its_line() -> None:
    """What still waits for a receiver does not keep the program."""
    program = (
        "import sys, time; from seatrial.records import *; from seatrial.adapters.notify.apprise import AppriseNotify\n"
        "notify = AppriseNotify(NotifySpec(name='n', url=''), sys.argv[1], deadline=0.2)\n"
        "try: notify.send(Notice(key='k', event=EventKind.TRIAL, project='p', subject='s'))\n"
        "except TemporaryError as error: print(error.what)\n"
    )
    with receivers.dripping() as port:
        done = subprocess.run(
            [sys.executable, "-c", program, f"json://127.0.0.1:{port}/"],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )

    assert "receiver 'n' did not take the notice within 0.2 s" == done.stdout.strip()


def _fails(url: str) -> SeatrialError:
    with pytest.raises(SeatrialError) as caught:
        open_notifier(NotifySpec(name="ship's log", url="${URL}"), {"URL": url}).send(NOTICE)
    return caught.value


@pytest.fixture
def every_log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """All that a program gets to see that logs everything."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    monkeypatch.setattr(root, "level", logging.NOTSET + 1)
    logging.getLogger("urllib3.connectionpool").setLevel(logging.DEBUG)
    root.addHandler(handler)
    yield stream
    root.removeHandler(handler)


def test_no_message_and_no_log_shows_a_url(
    hook: Webhook, every_log: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither login, path, header nor query, however much is logged and whatever goes wrong."""
    hook.statuses = [200, 404]
    good = f"json://{USER}:{PASSWORD}@127.0.0.1:{hook.port}/path-secret?+X-Token=header-secret&-q=query-secret"
    open_notifier(NotifySpec(name="n", url="${URL}"), {"URL": good}).send(NOTICE)
    with receivers.silent() as port:
        pass
    urls = [
        good,
        good.replace(str(hook.port), str(port)),
        "slack://path-secret/query-secret",
        "nope://hunter2-secret@path-secret",
        "hunter2-secret",
        f"mailto://{USER}:{PASSWORD}@127.0.0.1:{port}/?from=a@example.org&name=query-secret",
    ]
    told = [_fails(url) for url in urls]
    logging.getLogger("seatrial").warning("the log is seen")
    printed = capsys.readouterr()
    shown = "\n".join([*map(str, told), *map(repr, told), every_log.getvalue(), printed.out, printed.err])

    assert [True] * 6 == ["ship's log" in error.what for error in told]
    assert "the log is seen" in shown
    assert [] == [
        word for word in ("hunter2", "path-secret", "header-secret", "query-secret", f"{USER}:") if word in shown
    ]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nope://x", "that apprise doesn't know"),
        ("not a url", "that apprise doesn't know"),
        ("tgram://x", "tgram:// URL that can't be read"),
        ("slack://x", "a URL of Slack in which something is missing or wrong"),
    ],
)
def test_a_url_that_can_not_work_is_refused_before_anything_is_sent(url: str, said: str) -> None:
    """The message names the receiver and says what a URL may begin with, or where to compare it."""
    with pytest.raises(UsageError, match=said) as caught:
        open_notifier(NotifySpec(name="team", url=url), {})

    assert "'team'" in caught.value.what
    assert "slack" in caught.value.remedy


def test_a_variable_that_is_not_set_is_named() -> None:
    """The receiver and the variable; other variables' values are not shown."""
    with pytest.raises(UsageError, match=r"the url of 'team' refers to \$\{SLACK_TOKENS\}, which is not set"):
        open_notifier(NotifySpec(name="team", url="slack://${SLACK_TOKENS}"), {"OTHER": "secret"})


def test_a_variable_is_filled_in(hook: Webhook) -> None:
    """Secrets come from the environment."""
    url = f"json://127.0.0.1:{hook.port}/${{HOOK}}"
    open_notifier(NotifySpec(name="team", url=url), {"HOOK": "abc"}).send(NOTICE)

    assert ["/abc"] == [request.path for request in hook.requests]


def test_without_apprise_the_message_says_what_to_install() -> None:
    """It belongs to an extra."""
    program = (
        "import sys; sys.modules['apprise'] = None\n"
        "from seatrial.wiring import open_notifier; from seatrial.records import NotifySpec\n"
        "open_notifier(NotifySpec(name='log', url='log://'), {})\n"
        "try: open_notifier(NotifySpec(name='team', url='json://x'), {})\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert "UsageError notify: receiver 'team' needs a package that is not installed: apprise" in done.stdout
    assert "pip install 'seatrial[models]'" in done.stdout


def test_nothing_imports_apprise_before_a_receiver_needs_it() -> None:
    """It costs some tenths of a second and 45 MiB."""
    program = (
        "import sys, seatrial.cli.main, seatrial.wiring, seatrial.notices.compose, seatrial.notices.choose, seatrial.testing\n"
        "from seatrial.records import NotifySpec\n"
        "seatrial.wiring.open_notifier(NotifySpec(name='log', url='log://'), {})\n"
        "print('apprise' in sys.modules, 'requests' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert "False False" == done.stdout.strip()


def test_slack_gets_its_own_markup_and_nothing_rings(hook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    """What apprise posts to Slack's webhook: one attachment in the verdict's colour, the table as code, mentions broken."""
    monkeypatch.setattr(NotifySlack, "webhook_url", f"http://127.0.0.1:{hook.port}/services")
    nasty = "<!channel> @here <@U1> & *bold* <https://evil.example|click>"
    notice = replace(
        NOTICE,
        subject=f"promoted {nasty}",
        sentences=(f"first {nasty}", f"second {nasty}"),
        rows=(("fail", f"``` {nasty}", "x"),),
    )
    _open(SLACK).send(notice)
    (request,) = hook.requests
    (attachment,) = request.json["attachments"]
    shown = f"{attachment['title']}\n{attachment['text']}"

    assert "/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7" == request.path
    assert ("#A32037", "seatrial") == (attachment["color"], attachment["footer"])
    assert "*FAIL* first" in attachment["text"]
    assert "<https://ci.example/runs/7|Report>" in attachment["text"]
    assert ["<https://ci.example/runs/7|Report>"] == re.findall(r"<[^>]*>", shown)
    assert [] == [ringing for ringing in ("@here", "!channel>", "@U1", "https://evil") if ringing in shown]
    assert JOINER in shown
    assert "icon_url" not in request.json
    assert "http" not in str({**attachment, "text": "", "title": ""})


def test_teams_gets_a_card_that_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A workflow of Teams takes a thousand characters: the link is among the first, and what is cut is the table's end."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(receivers.CERTIFICATE))
    rows = tuple(("pass", f"metric_{number}", "1 → 2") for number in range(15))
    with receivers.webhook(tls=True) as got:
        notify = _open(f"workflows://127.0.0.1:{got.port}/workflow1/signature1/")
        notify.send(replace(NOTICE, sentences=("s" * 300,) * 5, rows=rows))
    (request,) = got.requests
    (attachment,) = request.json["attachments"]
    shown = [part["text"] for part in attachment["content"]["body"] if part["type"] == "TextBlock"]

    assert text.subject(NOTICE) == shown[0]
    assert "**FAIL** sss" in shown[1]
    assert "https://ci.example/runs/7" in shown[1]
    assert len(shown[1]) <= 1000
