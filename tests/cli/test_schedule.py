"""`seatrial schedule` as a user meets it, and what a server does with the same loops."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from seatrial.cli.main import app
from seatrial.cli.scheduling import opened_scheduling
from seatrial.config import load_project
from seatrial.deployments.server import only_server
from seatrial.records import (
    Actor,
    RetrainOutcome,
    RetrainPhase,
    TriggerKind,
    UsageError,
)
from seatrial.wiring import Scheduling, open_scheduling
from tests.retrain.looping import result
from tests.waiting import wait_until

CONFIG = """
name: movies
deployments:
  recommender: {run: "true", requests: {file: requests.jsonl}}
retrain:
  ratings:
    stream: events
    parse: {json: {rating: rating}}
    data: {columns: {rating: number}}
    holdout: {by: row}
    train: {train: "true", predict: "true", label: rating}
    gate: [rmse < 1]
    on: {schedule: {cron: 0 20 */2 * *, zone: Europe/Berlin}, rows: 3, webhook: "${TOKEN}"}
  prices:
    stream: {kafka: "127.0.0.1:1", topics: [prices], settings: {sasl.password: "${NOBODY}"}}
    parse: {json: {rating: rating}}
    data: {columns: {rating: number}}
    holdout: {by: row}
    train: {train: "true", predict: "true", label: rating}
    gate: [rmse < 1]
hooks: {port: 0}
"""


@dataclass
class Shell:
    """A user in the project."""

    folder: Path

    def run(self, *words: str, status: int = 0) -> str:
        """What one command prints on standard output."""
        done = CliRunner().invoke(app, ["schedule", *words, "--project", str(self.folder)])
        if isinstance(done.exception, Exception) and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert status == done.exit_code, done.output
        return done.stdout

    def json(self, *words: str) -> Any:
        """The same as JSON."""
        return json.loads(self.run(*words, "--format", "json"))

    def loop(self, name: str = "ratings") -> dict[str, Any]:
        """What the list has of a loop."""
        loops: list[dict[str, Any]] = self.json("list")["loops"]
        return next(each for each in loops if each["name"] == name)


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Two loops: ratings from a folder, with a schedule; prices from a broker whose password is not set."""
    monkeypatch.setenv("SEATRIAL_ACTOR", "ada")
    monkeypatch.setenv("TOKEN", "a token")
    monkeypatch.setenv("COLUMNS", "200")
    folder = tmp_path / "movies"
    (folder / "events").mkdir(parents=True)
    (folder / "events" / "day.jsonl").write_text('{"rating": 4}\n' * 2)
    (folder / "seatrial.yaml").write_text(CONFIG)
    return Shell(folder)


@pytest.fixture
def scheduling(shell: Shell) -> Iterator[Scheduling]:
    """What begins the project's retrainings."""
    with open_scheduling(shell.folder) as found:
        yield found


def test_the_list_says_when_each_loop_runs_and_how_it_stands(shell: Shell, scheduling: Scheduling) -> None:
    """Next and last run, events that wait, what else begins it, and that nothing does without a server."""
    assert None is shell.json("list")["server"]
    ratings, prices = shell.loop(), shell.loop("prices")
    assert ("idle", 2, 3, 0, True) == tuple(ratings[key] for key in ("state", "events", "rows", "alarms", "webhook"))
    assert datetime.now(UTC) < datetime.fromisoformat(ratings["next"]) < datetime.now(UTC) + timedelta(days=3)
    assert (None, None, "") == (prices["next"], prices["events"], prices["schedule"])

    ended = result(phase=RetrainPhase.ENDED, outcome=RetrainOutcome.REFUSED)
    scheduling.book.put(ended)
    shown = shell.run("list")
    assert "0 20 */2 * *" in shown
    assert "20:00 Europe/Berlin" in shown
    assert f"{ended.run}  refused  idle" in shown
    assert "ratings also begins at 3 new events, by its webhook" in shown
    assert "no server runs, so that nothing begins by itself" in shown


def test_the_list_shows_what_is_on(shell: Shell, scheduling: Scheduling) -> None:
    """The run, where it is, and who has paused what comes after it."""
    scheduling.book.put(result(phase=RetrainPhase.TRAINING))
    assert ("running", "20260301-120000", "training") == tuple(
        shell.loop()[key] for key in ("state", "running", "phase")
    )
    assert "running 20260301-120000 (training)" in shell.run("list")
    shell.run("pause", "ratings")
    assert "running 20260301-120000 (training), paused by ada since " in shell.run("list")


def test_a_stream_that_cannot_be_asked_is_a_note(shell: Shell) -> None:
    """The rest of the list is there; a broker is asked only by `--events`."""
    found = next(each for each in shell.json("list", "--events")["loops"] if each["name"] == "prices")

    assert found["events"] is None
    assert (
        "events can't be counted: stream.settings.sasl.password refers to ${NOBODY}, which is not set" == found["note"]
    )
    assert "" == shell.loop("prices")["note"]


def test_what_is_paused_is_resumed(shell: Shell) -> None:
    """The list says who paused it, and that no next run is known."""
    assert "ratings is paused by ada since " in shell.run("pause", "ratings")
    assert ("paused", "ada", None) == tuple(shell.loop()[key] for key in ("state", "paused_by", "next"))
    assert "paused by ada" in shell.run("list")
    assert "ratings is idle; next run " in shell.run("resume", "ratings")
    assert ("idle", "") == tuple(shell.json("resume", "ratings")[key] for key in ("state", "paused_by"))


@pytest.mark.parametrize("word", ["pause", "resume", "run"])
def test_a_loop_is_named(word: str, shell: Shell) -> None:
    """Where there are several, or none of that name, the message lists them."""
    with pytest.raises(UsageError, match="there are 2 loops") as several:
        shell.run(word)
    assert "name one: ratings, prices" == several.value.remedy
    with pytest.raises(UsageError, match="no loop 'rating'"):
        shell.run(word, "rating")


def test_run_needs_a_server(shell: Shell, scheduling: Scheduling) -> None:
    """Without one it says how to run it here, and leaves nothing behind that would begin later."""
    with pytest.raises(UsageError, match="no server runs") as refused:
        shell.run("run", "ratings")

    assert "seatrial retrain ratings runs it here" in refused.value.remedy
    assert [] == list(scheduling.book.waiting_wishes())


def test_run_enters_a_wish_for_the_server(shell: Shell, scheduling: Scheduling) -> None:
    """Also of a paused loop: a person decides."""
    shell.run("pause", "ratings")
    with only_server(shell.folder / ".seatrial"):
        entered = shell.json("run", "ratings", "--reason", "new features")
        assert "the server begins ratings (hand:ratings:" in shell.run("run", "ratings")

    first, second = scheduling.book.waiting_wishes()
    assert {"loop": "ratings", "wish": first.id} == entered
    assert (TriggerKind.HAND, "ada: new features") == (first.trigger, first.why)
    assert (Actor(name="ada", via="SEATRIAL_ACTOR"), "asked for by ada") == (second.actor, second.why)
    assert "waiting" == shell.loop()["state"]


def test_a_project_without_loops_says_so(shell: Shell) -> None:
    """It is no error to have none."""
    (shell.folder / "seatrial.yaml").write_text(CONFIG.partition("retrain:")[0])

    assert "there is no loop; describe one under retrain:" in shell.run("list")
    with pytest.raises(UsageError, match="there are 0 loops"):
        shell.run("pause")
    with opened_scheduling(shell.folder, load_project(shell.folder), print, lambda: None) as parts:
        assert parts is None


def test_a_server_begins_what_is_due(shell: Shell) -> None:
    """New events in the folder, and a webhook, become wishes; the address is said."""
    said, arrived, stop = list[str](), threading.Semaphore(0), threading.Event()
    with (shell.folder / "events" / "day.jsonl").open("a") as file:
        file.write('{"rating": 5}\n')
    with opened_scheduling(shell.folder, load_project(shell.folder), said.append, arrived.release) as parts:
        assert parts is not None
        book, (duty,) = parts.scheduling.book, parts.duties
        running = threading.Thread(target=duty, args=(stop,))
        running.start()
        try:
            (entered,) = wait_until(book.waiting_wishes)
            url = said[0].partition(" are taken at ")[2].replace("NAME", "ratings")
            answer = httpx.post(url, headers={"Authorization": "Bearer a token"})
        finally:
            stop.set()
            running.join()
        assert [entered.id, answer.json()["wish"]] == [each.id for each in book.waiting_wishes()]
    assert [True, True] == [arrived.acquire(timeout=30) for _ in range(2)]
    assert ("rows:ratings:the first", "rows") == (entered.id, entered.actor.via)
    assert "ratings is due: 3 new events in the stream, and 3 begin a run" in said


def test_a_server_whose_token_is_missing_does_not_start(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither does one whose address is taken; the key that mends it is named."""
    configured = load_project(shell.folder)
    monkeypatch.setenv("TOKEN", "")
    with (
        pytest.raises(UsageError, match="anybody could begin"),
        opened_scheduling(shell.folder, configured, print, lambda: None),
    ):
        pass
    monkeypatch.delenv("TOKEN")
    with (
        pytest.raises(UsageError, match=r"refers to \$\{TOKEN\}, which is not set"),
        opened_scheduling(shell.folder, configured, print, lambda: None),
    ):
        pass


def test_a_server_whose_address_is_taken_does_not_start(shell: Shell) -> None:
    """The message says which key sets another."""
    said = list[str]()
    with opened_scheduling(shell.folder, load_project(shell.folder), said.append, lambda: None):
        port = said[0].partition("127.0.0.1:")[2].partition("/")[0]
        (shell.folder / "seatrial.yaml").write_text(CONFIG.replace("port: 0", f"port: {port}"))
        with (
            pytest.raises(UsageError, match="can't listen") as refused,
            opened_scheduling(shell.folder, load_project(shell.folder), print, lambda: None),
        ):
            pass
    assert "set another hooks.port or hooks.host in seatrial.yaml" == refused.value.remedy
