"""A real `seatrial server` that begins retrainings by itself, is killed in the middle of them, and is told to end."""

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from seatrial.records import RetrainOutcome, TriggerKind
from tests.waiting import wait_until
from tests.workflows.loops import LOOP, Loop, make_loop, ratings

PATIENCE = 90.0
BY_ROWS = "    on: {rows: 100, pause: 0s}\n"
BY_ROWS_AND_WEBHOOK = "    on: {rows: 100, pause: 0s, webhook: '${TOKEN}'}\n"
TOKEN = "let-me-in"
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info \S.*")


class Server:
    """A server that runs, and its log."""

    def __init__(self, process: "subprocess.Popen[str]", log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def log(self) -> str:
        """Everything that it has said."""
        return self._log.read_text()

    def says(self, text: str) -> str:
        """Wait until it says something; the line."""
        whole = re.compile(rf"(.*{re.escape(text)}.*)\n")
        return str(wait_until(lambda: whole.findall(self.log), PATIENCE, poll=0.1)[0])

    def post(self, **body: str) -> tuple[int, Any]:
        """Ask for a run of `ratings` by its webhook; status and JSON."""
        url = self.says("webhooks that begin").rpartition(" ")[2].replace("NAME", "ratings")
        answer = httpx.post(url, json=body, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=PATIENCE)
        return answer.status_code, answer.json()

    def end(self) -> int:
        """Tell it to end, as an init system does; what it exits with."""
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=PATIENCE)
        return self.process.returncode


@contextmanager
def serving(loop: Loop, log: Path, **more: Any) -> Iterator[Server]:
    """A server of the project; what is left of it at the end is killed."""
    with loop.running("server", log=log, fake=True, **more) as process:
        server = Server(process, log)
        server.says("supervising")
        yield server


def also_others(loop: str) -> str:
    """A second loop over the same events, that never has enough rows."""
    text = LOOP.format(then="register", stream="events", more=BY_ROWS).removeprefix("retrain:\n")
    return loop + text.replace("  ratings:", "  others:", 1).replace("fewest: 20", "fewest: 1000")


@pytest.mark.slow
def test_new_rows_and_a_webhook_begin_runs_and_a_pause_holds_them(tmp_path: Path) -> None:
    """Each once, also when the server is killed in the middle of one; the log says what happened."""
    loop = make_loop(tmp_path, more=also_others(BY_ROWS_AND_WEBHOOK), config="hooks: {port: 0}\n", TOKEN=TOKEN)
    with serving(loop, tmp_path / "first.log") as first:
        assert 0 == loop.run("schedule", "pause", "ratings").returncode
        assert 409 == first.post(id="a")[0]
        loop.rate(ratings(120))
        # It looks at ratings first, so that it has looked at them by then.
        first.says("retraining others: 120 new events in the stream, and 100 begin a run")
        assert [] == loop.results()
        assert 0 == loop.run("schedule", "resume", "ratings").returncode
        first.says("retraining ratings: 120 new events in the stream, and 100 begin a run")
        (promoted,) = wait_until(loop.ended, PATIENCE, poll=0.1)
        first.says(f"the retraining of ratings ({promoted.run}) ended: promoted: small@1 holds Production now")

        loop.hold()
        loop.rate(ratings(60, seed=1))
        assert (202, {"status": "taken", "wish": "webhook:ratings:a"}) == first.post(id="a", why="new films")
        wait_until(loop.held, PATIENCE)
        assert (202, {"status": "known", "wish": "webhook:ratings:a"}) == first.post(id="a")
        first.process.send_signal(signal.SIGKILL)
    loop.let_go()

    with serving(loop, tmp_path / "second.log") as second:
        run = loop.results()[-1].run
        second.says(f"going on with the retraining of ratings ({run}), which was cut off")
        assert (202, {"status": "known", "wish": "webhook:ratings:a"}) == second.post(id="a")
        (result,) = wait_until(lambda: loop.ended()[1:], PATIENCE, poll=0.1)
        second.says(f"the retraining of ratings ({run}) ended: {result.outcome}: {result.headline}")
        assert 0 == second.end()

    assert (TriggerKind.ROWS, RetrainOutcome.PROMOTED) == (promoted.trigger, promoted.outcome)
    assert (run, TriggerKind.WEBHOOK, "webhook: new films") == (result.run, result.trigger, result.why)
    assert ([1, 2], 2) == ([version.number for version in loop.versions()], len(loop.results()))
    assert [] == [line for line in (first.log + second.log).splitlines() if not LINE.fullmatch(line)]


@pytest.mark.slow
def test_a_server_that_dies_before_it_says_that_it_began_a_run_begins_it_once(tmp_path: Path) -> None:
    """The next one goes on with it; one that is told to end leaves the run to the one after, and no process of it."""
    loop = make_loop(tmp_path, then="register", more=BY_ROWS)
    loop.rate(ratings(120))
    loop.hold()
    with serving(loop, tmp_path / "first.log", dying=("unsaid", "")) as first:
        first.process.communicate(timeout=PATIENCE)
        assert -signal.SIGKILL == first.process.returncode

    with serving(loop, tmp_path / "second.log") as second:
        wait_until(loop.held, PATIENCE)
        second.says("going on with the retraining of ratings, which was cut off")
        assert 0 == second.end()
    assert [None] == [each.outcome for each in loop.results()]
    loop.let_go()

    done = loop.run("resume")
    assert 0 == done.returncode, done.stderr
    (result,) = loop.results()
    assert (RetrainOutcome.REGISTERED, TriggerKind.ROWS) == (result.outcome, result.trigger)
    assert [120] == [version.rows for version in loop.versions()]
    assert [1] == [model.number for model in loop.models()]
