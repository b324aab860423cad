"""`seatrial gateway` as a user meets it: what is printed where, and the exit codes."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from seatrial.adapters.runtime.loopback import PortReserve
from seatrial.cli.main import main
from seatrial.deployments.server import only_server
from seatrial.gateway.command import read_share
from seatrial.records import UsageError
from tests.gateway.test_with_envoy import ENVOY, answers, small
from tests.gateway.worlds import a_wish
from tests.waiting import wait_until

HEAD = "name: cellar\nstack: host\nrequests: {file: r.jsonl}\ndeployments: {wine: {serve: wine.joblib}}\n"


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Its JSON."""
        return json.loads(self.out)


Run = Callable[..., Done]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `seatrial gateway` in a project."""
    monkeypatch.setenv("COLUMNS", "160")

    def command(*words: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["seatrial", "gateway", *words, "--project", str(tmp_path)])
        with pytest.raises(SystemExit) as left:
            main()
        captured = capsys.readouterr()
        return Done(int(left.value.code or 0), captured.out, captured.err)

    return command


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """One service, and nothing runs."""
    port = PortReserve().free_port()
    (tmp_path / "seatrial.yaml").write_text(f"{HEAD}gateway: {{port: {port}}}\nservices: {{wine: {{}}}}\n")
    return tmp_path


@pytest.mark.parametrize("words", [("status",), ("weight", "wine", "1%"), ("config",), ("stop",), ()])
def test_a_project_without_services_is_told_so(tmp_path: Path, run: Run, words: tuple[str, ...]) -> None:
    """With the remedy; nothing is started."""
    (tmp_path / "seatrial.yaml").write_text(HEAD)
    done = run(*words)

    assert (2, "") == (done.code, done.out)
    assert "the project has no services" in done.err
    assert "services: {wine: {model: wine}}" in done.err


@pytest.mark.usefixtures("project")
def test_the_state_of_a_gateway_that_does_not_run(run: Run) -> None:
    """What is missing and how to make it, and an exit code for scripts."""
    text, whole = run("status"), run("status", "--format", "json")

    assert (4, 4) == (text.code, whole.code)
    assert "no server runs, so nobody keeps the proxy: seatrial gateway" in text.out
    assert "seatrial deploy wine@VERSION --name wine --replicas 2" in text.out
    assert (False, None, "wine") == (
        whole.document["proxy"]["running"],
        whole.document["server"],
        whole.document["services"][0]["name"],
    )


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("wine", "20%"), "wine has no canary"),
        (("beer", "20%"), "there is no service 'beer'"),
        (("wine", "all"), "'all' is no share of requests"),
    ],
)
def test_a_share_that_cannot_be_given_is_refused(run: Run, words: tuple[str, str], told: str) -> None:
    """In one message, with exit code 2."""
    done = run("weight", *words)

    assert (2, "") == (done.code, done.out)
    assert told in done.err


@pytest.mark.parametrize(
    ("text", "thousandths"), [("20%", 200), ("0.5 %", 5), ("20", 200), ("0%", 0), ("100%", 1000), ("33.3%", 333)]
)
def test_a_share_is_written_in_per_cent(text: str, thousandths: int) -> None:
    """In steps of a tenth."""
    assert thousandths == read_share(text)


@pytest.mark.parametrize("text", ["", "%", "101%", "-1%", "0.05%", "1e1", "nan", "1 000%", "20%%"])
def test_what_is_no_share_is_refused(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(UsageError, match="is no share of requests"):
        read_share(text)


@pytest.mark.slow
@pytest.mark.skipif(ENVOY is None, reason="no Envoy is installed")
def test_commands_beside_a_server(tmp_path: Path, run: Run) -> None:
    """A share by hand, how it is, the end of the proxy, and its return; all of it done by the server."""
    with small(tmp_path) as project, only_server(tmp_path / ".seatrial"):
        project.book.put(a_wish("wine", 3))
        project.book.put(a_wish("wine-canary", 4))
        for name, number in (("wine", 3), ("wine-canary", 4)):
            project.start(name, 0, number)
        up = lambda: run("status").code == 0  # noqa: E731
        wait_until(up, deadline=30)
        given = run("weight", "wine", "12.5%")
        status = run("status", "--format", "json").document
        config, table = run("config"), run("status").out
        wait_until(lambda: answers(status["metrics"]))
        scraped = httpx.get(status["metrics"], trust_env=False).text
        stopped, ended = run("stop", "--format", "json"), run("status")
        again = run()
        wait_until(up, deadline=30)

    service = status["services"][0]
    assert (0, "12.5 % of the requests of wine go to the canary\n") == (given.code, given.out)
    assert (True, 125, 125) == (status["proxy"]["running"], service["weight"], service["in_force"]["weight"])
    assert "87.5 %" in table
    assert "share of the canary: 12.5 %" in config.out
    assert 'seatrial_gateway_weight{service="wine"} 0.125' in scraped
    assert ({"stopped": True}, 4) == (stopped.document, ended.code)
    assert "the proxy was stopped" in ended.out
    assert (0, True) == (again.code, "keeps the gateway at http://127.0.0.1:" in again.out)
