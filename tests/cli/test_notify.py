"""`seatrial notify test` as a user meets it: what is printed where, what arrives, and the exit codes."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer.main

from seatrial.cli.main import app, main
from tests.contract import receivers
from tests.contract.receivers import Webhook
from tests.docs.pages import ROOT

CONFIG = """\
name: digits
requests: {file: requests.jsonl, label: label}
deployments: {model: {run: python server.py}}
notify:
"""


@dataclass(frozen=True)
class Done:
    """What the command left behind."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def hook() -> Iterator[Webhook]:
    """A web server that keeps what it is posted."""
    with receivers.webhook() as got:
        yield got


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `seatrial notify test` in a project with these receivers."""
    monkeypatch.setenv("COLUMNS", "160")

    def command(notify: list[dict[str, Any]], *args: str) -> Done:
        entries = "".join(f"- {json.dumps(each)}\n" for each in notify)
        (tmp_path / "seatrial.yaml").write_text(f"{CONFIG}{entries or '  []'}", encoding="utf-8")
        monkeypatch.setattr(sys, "argv", ["seatrial", "notify", "test", "--project", str(tmp_path), *args])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Done(int(ended.value.code or 0), captured.out, captured.err)

    return command


def test_every_receiver_gets_it_whatever_it_wants_to_hear(run: Run, hook: Webhook) -> None:
    """Events and verdicts do not matter to a test; the log's line is on standard error."""
    url = f"json://127.0.0.1:{hook.port}/"
    done = run([{"url": url, "name": "team", "events": ["release"], "verdicts": ["fail"]}, {"url": "log://"}])

    assert 0 == done.code
    assert ["team yes", "log-2 yes"] == [" ".join(line.split()) for line in done.out.splitlines()[1:]]
    assert "notice: digits: a test of this receiver" in done.err
    assert ["digits: a test of this receiver"] == [request.json["title"] for request in hook.requests]
    assert [("", "info")] == [(request.json["verdict"], request.json["type"]) for request in hook.requests]


def test_what_did_not_arrive_is_told_by_name_and_exits_with_4(run: Run, hook: Webhook) -> None:
    """The others are told all the same, and no URL is shown."""
    hook.statuses = [404]
    done = run(
        [
            {"url": f"json://ship:hunter2@127.0.0.1:{hook.port}/path-secret", "name": "wrong"},
            {"url": "slack://${SEATRIAL_TEST_UNSET}", "name": "unset"},
            {"url": "log://", "name": "log"},
        ]
    )

    assert 4 == done.code
    assert re.search(r"wrong +no +receiver 'wrong' did not take the notice: HTTP 404", done.out)
    assert re.search(r"unset +no +the url of 'unset' refers to \$\{SEATRIAL_TEST_UNSET\}, which is not set", done.out)
    assert re.search(r"log +yes", done.out)
    assert "• unset: export SEATRIAL_TEST_UNSET" in done.out
    assert [] == [word for word in ("hunter2", "path-secret") if word in done.out + done.err]


def test_json_is_the_only_thing_on_standard_output(run: Run, hook: Webhook) -> None:
    """A program reads it as it is; the exit code still tells."""
    hook.statuses = [503]
    done = run(
        [{"url": f"json://127.0.0.1:{hook.port}/", "name": "a"}, {"url": "log://", "name": "b"}], "--format", "json"
    )

    assert 4 == done.code
    assert [("a", False), ("b", True)] == [(each["receiver"], each["arrived"]) for each in json.loads(done.out)]


def test_only_those_named_are_told(run: Run, hook: Webhook) -> None:
    """The rest stays in peace."""
    done = run(
        [{"url": f"json://127.0.0.1:{hook.port}/", "name": "team"}, {"url": "log://", "name": "log"}], "--only", "log"
    )

    assert (0, []) == (done.code, hook.requests)


def test_an_unknown_receiver_is_a_usage_error_that_names_the_known_ones(run: Run) -> None:
    """Nothing is sent."""
    done = run([{"url": "log://", "name": "log"}], "--only", "team")

    assert (2, "") == (done.code, done.out)
    assert "there is no receiver 'team'" in done.err
    assert "there are 'log'" in done.err


def test_a_project_without_receivers_is_told_how_to_add_one(run: Run) -> None:
    """No news would look like success."""
    done = run([])

    assert (2, "") == (done.code, done.out)
    assert "no receiver is configured" in done.err
    assert "slack://" in done.err


def test_the_reference_names_every_option() -> None:
    """The command is part of a group, whose options the comparison of all pages leaves out."""
    group: Any = typer.main.get_command(app)
    options = {name for parameter in group.commands["notify"].commands["test"].params for name in parameter.opts}
    page = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    section = page.partition("## `seatrial notify`")[2].partition("\n## ")[0]

    assert options == set(re.findall(r"`(--[a-z]+)", section)) | {"--help"} & options
