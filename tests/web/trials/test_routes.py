"""The bot's pages as a program sees them."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from seatrial.records import BotTrial, CellProgress, TrialState
from seatrial.web.trials import routes
from tests.web.trials.pages import CELLS, QUEUED, TRIAL, bot

ASSETS = Path(routes.__file__).parent / "assets"


def test_an_empty_list_says_what_fills_it(tmp_path: Path) -> None:
    """The first thing that somebody sees."""
    with bot(tmp_path) as shown:
        text = httpx.get(shown.url).text
    assert "None yet" in text
    assert "cellar/wine" in text


def test_the_list_shows_each_trial_and_how_it_stands(tmp_path: Path) -> None:
    """The newest first, with a link to its page."""
    with bot(tmp_path) as shown:
        shown.begin()
        text = httpx.get(shown.url).text
    assert f'href="/trials/{TRIAL.id}"' in text
    assert "cellar/wine #7" in text
    assert "driving, about 12 s" in text


def test_a_live_trial_shows_where_each_cell_is(tmp_path: Path) -> None:
    """With its stage, how far it is, and what went wrong."""
    with bot(tmp_path) as shown:
        shown.begin()
        text = httpx.get(f"{shown.url}/trials/{TRIAL.id}").text
    assert "50 of 200 requests" in text
    assert "exit code 3" in text


def test_a_trial_that_ended_shows_its_report_in_an_origin_of_its_own(tmp_path: Path) -> None:
    """What a stranger wrote into it can't act on the server's pages; the record is there for programs."""
    with bot(tmp_path) as shown:
        shown.begin()
        shown.finish()
        page = httpx.get(f"{shown.url}/trials/{TRIAL.id}").text
        report = httpx.get(f"{shown.url}/trials/{TRIAL.id}/report")
        record = httpx.get(f"{shown.url}/trials/{TRIAL.id}/report.json")
    assert f'src="/trials/{TRIAL.id}/report"' in page
    assert report.headers["Content-Security-Policy"].startswith("sandbox allow-scripts")
    assert "<title>" in report.text
    assert "wine" == json.loads(record.text)["project"]


def test_what_strangers_wrote_is_text(tmp_path: Path) -> None:
    """A branch, a message or a name with markup in it shows as it is."""
    with bot(tmp_path) as shown:
        shown.begin()
        shown.book.change(TRIAL.id, name="<b>x</b>", project="models/x", cancelling="<script>alert(1)</script>")
        text = httpx.get(f"{shown.url}/trials/{TRIAL.id}").text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text
    assert "<b>x</b>" not in text


@pytest.mark.parametrize(
    ("state", "said"),
    [(TrialState.CANCELLED, "superseded by b00"), (TrialState.BROKEN, "seatrial.yaml: unknown key")],
)
def test_a_trial_without_a_report_says_why(tmp_path: Path, state: TrialState, said: str) -> None:
    """Its report is not found, and its page tells what became of it."""
    with bot(tmp_path) as shown:
        shown.book.add(TRIAL)
        shown.book.change(TRIAL.id, state=state, why=said, ended=QUEUED)
        page = httpx.get(f"{shown.url}/trials/{TRIAL.id}")
        report = httpx.get(f"{shown.url}/trials/{TRIAL.id}/report")
    assert said in page.text
    assert 404 == report.status_code


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    """Trials that nobody knows, and files that are no assets."""
    with bot(tmp_path) as shown:
        for path in ("/trials/x", "/trials/x/events", "/trials/x/report", "/assets/..%2froutes.py", "/assets/x"):
            assert 404 == httpx.get(f"{shown.url}{path}").status_code


def test_the_vendored_scripts_are_those_that_were_pinned() -> None:
    """Their digests stand in assets/README.md, and a licence lies beside them."""
    told = (ASSETS / "README.md").read_text()
    for name in ("htmx.min.js", "hx-sse.min.js"):
        assert hashlib.sha256((ASSETS / name).read_bytes()).hexdigest() in told
    assert "Zero-Clause BSD" in (ASSETS / "htmx.LICENSE").read_text()


def test_a_password_is_asked_for(tmp_path: Path) -> None:
    """The browser's own way; the pages' style is no secret."""
    with bot(tmp_path, password="se:cret") as shown:
        asked = httpx.get(shown.url)
        assert 401 == asked.status_code
        assert asked.headers["WWW-Authenticate"].startswith("Basic")
        assert 200 == httpx.get(shown.url, auth=("me", "se:cret")).status_code
        assert 401 == httpx.get(f"{shown.url}/events").status_code
        assert 200 == httpx.get(f"{shown.url}/assets/pages.css").status_code


def test_a_stranger_is_told_what_would_let_him_in(tmp_path: Path) -> None:
    """Without a password nobody beyond this machine sees a report."""
    with bot(tmp_path) as shown:
        shown.begin()
        shown.finish()
        for path in ("/", f"/trials/{TRIAL.id}", f"/trials/{TRIAL.id}/report", f"/trials/{TRIAL.id}/events"):
            refused = httpx.get(f"{shown.url}{path}", headers={"X-Forwarded-For": "192.0.2.7"})
            assert 403 == refused.status_code
            assert "bot.token" in refused.text


def test_events_follow_a_trial_to_its_end(tmp_path: Path) -> None:
    """One message a change, and then the end, after which the page asks for no more."""
    with bot(tmp_path) as shown:
        shown.begin()
        with httpx.stream("GET", f"{shown.url}/trials/{TRIAL.id}/events", timeout=20) as answer:
            lines = answer.iter_lines()
            first = next(line for line in lines if "50 of 200" in line)
            shown.book.set_progress(TRIAL.id, [CELLS[0], _further(150)])
            second = next(line for line in lines if "150 of 200" in line)
            shown.finish()
            rest = list(lines)
    assert first.startswith("data: ")
    assert second.startswith("data: ")
    assert "event: end" in rest
    assert any("took" in line for line in rest)


def test_silence_is_filled_so_that_no_proxy_ends_the_connection(tmp_path: Path) -> None:
    """While nothing changes, a comment is sent from time to time."""
    with bot(tmp_path, heartbeat=0.2) as shown:
        shown.begin()
        with httpx.stream("GET", f"{shown.url}/events", timeout=20) as answer:
            assert any(line.startswith(":") for line in answer.iter_lines())


def test_many_trials_are_cut_to_the_latest(tmp_path: Path) -> None:
    """The list stays short enough to be read."""
    with bot(tmp_path) as shown:
        for number in range(1, 131):
            shown.book.add(
                BotTrial(id=f"t{number}", repository="cellar/wine", number=number, commit="c", queued=QUEUED)
            )
        text = httpx.get(shown.url).text
    assert 100 == text.count('scope="row"')
    assert "#130" in text


def _further(done: int) -> CellProgress:
    return replace(CELLS[1], done=done)
