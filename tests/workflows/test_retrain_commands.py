"""What `seatrial retrain` says, leaves and exits with, as real processes on a folder of events."""

import json
import signal
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from seatrial.cli.main import main
from seatrial.records import RetrainOutcome, RunState, Verdict
from tests.waiting import wait_until
from tests.workflows.loops import BEGAN, LOOP, TRAIN, Loop, make_loop, ratings
from tests.workflows.projects import JUDGED, MODELS

PATIENCE = 60.0


def only(printed: str) -> dict[str, Any]:
    """The one retraining in what a command printed, which is one JSON document."""
    (found,) = json.loads(printed)["retrainings"]
    assert isinstance(found, dict)
    return found


def gone(processes: list[int]) -> bool:
    """Whether none of them is there any more."""
    return not any(psutil.pid_exists(each) for each in processes)


@pytest.mark.slow
def test_one_run_of_a_model_at_a_time(tmp_path: Path) -> None:
    """Another one waits, and says for which, or says which and leaves; the one that waited takes what is left."""
    loop = make_loop(tmp_path)
    loop.rate(ratings(120))
    loop.hold()
    log = tmp_path / "log"
    with loop.running("retrain", fake=True) as first:
        wait_until(loop.held, PATIENCE)
        (on,) = loop.results()
        skipped = loop.run("retrain", "--if-running", "skip", "--format", "json")
        assert (3, "skipped") == (skipped.returncode, only(skipped.stdout)["outcome"])
        assert f"run {on.run} of small was on" == only(skipped.stdout)["headline"]
        loop.rate(ratings(10, seed=1, begin=BEGAN + timedelta(days=1)))
        with loop.running("retrain", log=log) as second:
            wait_until(lambda: f"ratings: waiting for run {on.run} of small" in log.read_text(), PATIENCE)
            loop.let_go()
            first.communicate(timeout=PATIENCE)
            out, _ = second.communicate(timeout=PATIENCE)

    assert (0, 3) == (first.returncode, second.returncode)
    assert "10 new rows; 20 are needed before small is trained again" in out
    assert 1 == log.read_text().count("waiting for run")
    assert [120, 130] == [version.rows for version in loop.versions()]
    assert ["Production"] == [model.stage for model in loop.models()]


@pytest.mark.slow
def test_ctrl_c_and_sigterm_end_it_wherever_it_is(tmp_path: Path) -> None:
    """In collecting nothing was taken; in training the rows stay, no process does, and the next run trains on them."""
    loop = make_loop(tmp_path)
    loop.rate(ratings(120))
    log = tmp_path / "log"
    with loop.running("retrain", "--window", "5m", log=log) as process:
        wait_until(lambda: "120 lines" in log.read_text(), PATIENCE)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=PATIENCE)
    assert 130 == process.returncode, log.read_text()
    assert "interrupted: it was interrupted" in out
    assert "Nothing was taken from the stream." in out
    assert ([], False) == (loop.versions(), loop.busy())

    loop.hold()
    for number in (signal.SIGINT, signal.SIGTERM):
        with loop.running("retrain", "--format", "json") as process:
            training = wait_until(loop.held, PATIENCE)
            process.send_signal(number)
            out, err = process.communicate(timeout=PATIENCE)
        assert (130, "interrupted") == (process.returncode, only(out)["outcome"]), err
        assert gone(training)
        assert not loop.busy()

    loop.let_go()
    done = loop.run("retrain", fake=True)
    assert 0 == done.returncode, done.stderr
    assert [120] == [version.rows for version in loop.versions()]
    assert [*[RetrainOutcome.INTERRUPTED] * 3, RetrainOutcome.PROMOTED] == [each.outcome for each in loop.results()]


@pytest.mark.slow
def test_ctrl_c_in_the_trial_leaves_the_version_where_it_is(tmp_path: Path) -> None:
    """It is registered, and nothing says that its trial has refused it."""
    loop = make_loop(tmp_path)
    loop.rate(ratings(120))
    loop.small.write("waits", "")
    with loop.running("retrain", "--format", "json", fake=True) as process:
        wait_until(lambda: loop.trials, PATIENCE)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)

    found = only(out)
    assert (130, "interrupted") == (process.returncode, found["outcome"]), err
    assert "small@1 is registered; its trial was interrupted" == found["headline"]
    assert ["None"] == [model.stage for model in loop.models()]
    assert not loop.busy()


@pytest.mark.slow
def test_a_mistake_of_ours_keeps_no_model(tmp_path: Path) -> None:
    """What nobody foresaw is told, and the run is over for all who look."""
    loop = make_loop(tmp_path, then="register")
    loop.rate(ratings(120))
    done = loop.run("retrain", dying=("mistaken", "conclude"))

    assert 4 == done.returncode
    assert "the retraining broke: a mistake of ours" in " ".join(done.stderr.split())
    assert not loop.busy()
    assert [(RetrainOutcome.BROKEN, "ValueError: a mistake of ours")] == [
        (each.outcome, each.headline) for each in loop.results()
    ]
    assert [(RunState.FINISHED, Verdict.ERROR)] == [(each.state, each.verdict) for each in loop.runs()]


@pytest.mark.slow
def test_a_run_that_was_cut_off_can_be_given_up(tmp_path: Path) -> None:
    """Whoever began it: its model is free then, also for what begins runs by itself, and its rows are trained on."""
    loop = make_loop(tmp_path)
    loop.rate(ratings(120))
    loop.hold()
    with loop.running("retrain") as process:
        training = wait_until(loop.held, PATIENCE)
        process.send_signal(signal.SIGKILL)
    wait_until(lambda: gone(training), PATIENCE)
    run = loop.results()[-1].run
    shown = loop.run("show", run)
    assert (2, True) == (shown.returncode, f"seatrial resume {run} goes on with it" in shown.stderr)
    _give_up(loop, "left")

    loop.let_go()
    assert -signal.SIGKILL == loop.run("retrain", dying=("older", "train")).returncode
    _give_up(loop, "stranded")

    done = loop.run("retrain", fake=True)
    assert 0 == done.returncode, done.stderr
    assert [120] == [version.rows for version in loop.versions()]
    assert ["given up", "given up"] == [each.headline for each in loop.results()[:-1]]


def _give_up(loop: Loop, state: str) -> None:
    """The only unfinished run, which is in this state."""
    run = loop.results()[-1].run
    (unfinished,) = loop.json("resume", "--list")
    assert ("retraining", [run], state) == (unfinished["kind"], unfinished["runs"], unfinished["state"])
    assert loop.busy()
    given_up = loop.run("resume", run, "--cancel")
    assert 0 == given_up.returncode, given_up.stderr
    assert not loop.busy()


@pytest.mark.slow
def test_what_becomes_of_a_loop_is_said_and_kept(tmp_path: Path) -> None:
    """A first model, nothing new, a worse one, a bad batch, a broken trainer, a good one: each with its exit code."""
    loop = make_loop(tmp_path)
    # Forty held-out rows show no more than this.
    wide = (loop.folder / "seatrial.yaml").read_text().replace("margin: 10%}}", "margin: 60%}}")
    loop.small.write("seatrial.yaml", wide)
    day = iter(range(10))

    def rate(count: int = 120) -> None:
        number = next(day)
        loop.rate(ratings(count, seed=number, begin=BEGAN + timedelta(days=number)))

    def retrain(*words: str) -> tuple[int, str, dict[str, Any]]:
        done = loop.run("retrain", *words, "--format", "json", fake=True)
        found = only(done.stdout)
        return done.returncode, found["outcome"], found

    rate()
    assert (0, "promoted") == retrain()[:2]
    assert (3, "nothing new") == retrain()[:2]
    assert (0, "promoted") == retrain("--anyway")[:2]
    assert {1: "None", 2: "Production"} == {each.number: each.stage for each in loop.models()}

    rate()
    loop.small.write("bias.txt", "2.0")
    code, outcome, refused = retrain()
    assert (1, "refused") == (code, outcome)
    assert refused["headline"].startswith("rmse went ")
    assert "95% interval [" in refused["headline"]
    assert {1: "None", 2: "Production"} == {each.number: each.stage for each in loop.models()}
    (loop.folder / "bias.txt").unlink()

    bad = [line.rpartition("=")[0] for line in ratings(60, seed=7, begin=BEGAN + timedelta(days=20))]
    loop.rate([f"{line}=9" for line in bad])
    code, outcome, quarantined = retrain()
    assert (1, "quarantined") == (code, outcome)
    assert (3, 240, 0) == (quarantined["dataset"], quarantined["rows"], quarantined["added"])

    rate()
    loop.small.write("train.py", "print('epoch 1')\nraise SystemExit('no space for the embeddings')\n")
    code, outcome, broken = retrain()
    assert (4, "broken") == (code, outcome)
    assert "no space for the embeddings" in broken["headline"]
    loop.small.write("train.py", TRAIN)
    code, outcome, mended = retrain()
    assert (0, "promoted") == (code, outcome), mended["headline"]
    assert (4, 360, 0) == (mended["dataset"], mended["rows"], mended["added"])

    _check_shown(loop, refused, mended)


def _check_shown(loop: Loop, refused: dict[str, Any], last: dict[str, Any]) -> None:
    """The history has the same, later too."""
    listed = [each for each in loop.json("runs") if each["kind"] == "retraining"]
    assert [each.run for each in loop.results()][::-1] == [each["id"] for each in listed]
    assert ("pass", "small@3") == (listed[0]["verdict"], listed[0]["candidate"])

    shown = loop.run("show", refused["run"])
    assert 1 == shown.returncode, shown.stderr
    assert f"FAIL  refused: {refused['headline']}" in shown.stdout
    assert "✘ fail   rmse" in shown.stdout
    again = loop.run("show", last["run"], "--format", "json")
    assert (0, last) == (again.returncode, json.loads(again.stdout)["result"])


@pytest.fixture
def handlers() -> Iterator[None]:
    """The command takes SIGTERM for Ctrl-C; afterwards it is this process's own again."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


TWO = LOOP.format(then="register", stream="events", more="") + LOOP.format(
    then="register", stream="events", more=""
).replace("retrain:\n  ratings:", "  prices:")


@pytest.mark.parametrize(
    ("words", "loops", "told"),
    [
        (("nobody",), TWO, ("there is no loop 'nobody'", "there are ratings, prices")),
        ((), TWO, ("which loop is meant? there are ratings, prices", "seatrial retrain NAME")),
        ((), "", ("seatrial.yaml describes no loop", "see docs/how-to/retrain.md")),
        (("ratings", "--window", "soon"), TWO, ("--window: 'soon' is not a duration", "write for example 250ms, 30s")),
        (
            ("ratings", "--window", "0s"),
            TWO,
            ("--window: the window is over before it begins", "write for example 15m"),
        ),
        (("ratings", "--to", "7"), TWO, ("--to: '7' is no offset", "write for example ratings/0=1234")),
        (("ratings", "--to", "ratings/0=-1"), TWO, ("'ratings/0=-1' is no offset",)),
        (("ratings", "--events", "0"), TWO, ("--events",)),
        (("ratings", "--if-running", "kill"), TWO, ("--if-running",)),
    ],
)
@pytest.mark.usefixtures("handlers")
def test_what_can_not_be_meant_is_told_before_anything_is_done(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    loops: str,
    told: tuple[str, ...],
) -> None:
    """With what would be right."""
    (tmp_path / "seatrial.yaml").write_text(f"{JUDGED}{MODELS}{loops}")
    monkeypatch.setattr(sys, "argv", ["seatrial", "retrain", *words, "--project", str(tmp_path), "--format", "json"])
    with pytest.raises(SystemExit) as ended:
        main()

    printed = capsys.readouterr()
    assert (2, "") == (ended.value.code, printed.out)
    assert [] == [each for each in told if each not in " ".join(printed.err.split())], printed.err
    assert not (tmp_path / ".seatrial").exists()
