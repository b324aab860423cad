"""`seatrial judge` as a user meets it: what is printed where, what is kept, and the exit codes."""

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import typer.main

from seatrial.cli.main import app, main
from seatrial.judge.backtest import Past, Rules, Seen, replay
from seatrial.records import JudgePolicy, Release, ReleaseOutcome, ReleasePhase, ReleaseSpec
from seatrial.release.book import open_release_book
from seatrial.release.kept import Kept, Observed
from tests.docs.pages import ROOT
from tests.web.streams import BEGIN, history, lines, stream

CONFIG = """\
name: shop
requests: {file: requests.jsonl, label: label}
deployments: {model: {run: python server.py}}
services: {shop: {release: {warmup: 0, margins: {latency_p99: 20%}}}}
"""


@dataclass(frozen=True)
class Done:
    """What the command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as one document."""
        return json.loads(self.out)


Run = Callable[..., Done]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `seatrial judge` in a project."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "seatrial.yaml").write_text(CONFIG, encoding="utf-8")

    def command(*args: str | Path) -> Done:
        monkeypatch.setattr(sys, "argv", ["seatrial", "judge", *map(str, args)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Done(int(ended.value.code or 0), captured.out, captured.err)

    return command


def _file(folder: Path, name: str = "windows.jsonl", *, count: int = 30, **options: float) -> Path:
    file = folder / name
    file.write_bytes(lines(history(30)) + lines(stream(count, **options)))  # type: ignore[arg-type]
    return file


def test_a_harmless_canary_is_promoted(run: Run, tmp_path: Path) -> None:
    """Exit code 0, and a row for each metric."""
    done = run("run", _file(tmp_path), "--warmup", "0")

    assert 0 == done.code
    assert "promote: no metric is worse than its margin" in " ".join(done.out.split())
    for name in ("errors", "latency_p50", "latency_p90", "latency_p99"):
        assert name in done.out
    assert "" == done.err


def test_harm_aborts(run: Run, tmp_path: Path) -> None:
    """Exit code 1, and the metric is named."""
    done = run("run", _file(tmp_path, failing=0.05), "--warmup", "0", "--format", "json")

    assert 1 == done.code
    assert ("abort", "fail") == (done.json["decision"], done.json["verdict"])
    assert "error rate" in done.json["why"]


def test_nothing_is_settled_without_data(run: Run, tmp_path: Path) -> None:
    """Exit code 3: during warm-up, without requests, and without windows."""
    (tmp_path / "none.jsonl").write_bytes(b"")

    assert 3 == run("run", _file(tmp_path, count=5)).code
    assert 3 == run("run", _file(tmp_path, requests=0), "--warmup", "0").code
    empty = run("run", "none.jsonl")
    assert (3, "continue: no window has been judged yet\n") == (empty.code, empty.out)


def test_standard_input_is_read(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-` for the file; with --every a line for each window."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines(stream(4)))))
    done = run("run", "-", "--every", "--format", "json")

    judgements = [json.loads(line) for line in done.out.splitlines()]
    assert [1, 2, 3, 4] == [each["windows"] for each in judgements]


def test_the_state_goes_on_between_calls(run: Run, tmp_path: Path) -> None:
    """Called again with a longer file, as cron does, only new windows count; the end is that of all at once."""
    half = _file(tmp_path, "half.jsonl", count=3, slower=1.01)
    whole = _file(tmp_path, "whole.jsonl", count=6, slower=1.01)
    first = run("run", half, "--service", "shop", "--state", "state.json")
    second = run("run", whole, "--state", "state.json", "--format", "json")
    again = run("run", whole, "--state", "state.json", "--format", "json")
    at_once = run("run", whole, "--service", "shop", "--format", "json")

    assert first.code in {0, 3}
    assert at_once.json["judgement"] == second.json["judgement"] == again.json["judgement"]


def test_the_state_keeps_its_policy(run: Run, tmp_path: Path) -> None:
    """Error rates hold for the policy that a release was begun with."""
    file = _file(tmp_path)
    run("run", file, "--alpha", "0.02", "--state", "state.json")
    done = run("run", file, "--alpha", "0.05", "--state", "state.json")

    assert 2 == done.code
    assert "another policy" in done.err


def test_policies_from_everywhere(run: Run, tmp_path: Path) -> None:
    """A file in YAML or JSON, a service, options: margins and error rates arrive in the judgement."""
    file = _file(tmp_path, count=2)
    (tmp_path / "p.yaml").write_text("warmup: 0\nmargins: {latency_p99: 30%}\n", encoding="utf-8")
    (tmp_path / "p.json").write_text('{"warmup": 0, "margins": {"latency_p99": "30%"}}', encoding="utf-8")

    def margin(*options: str) -> float:
        metrics = run("run", file, "--format", "json", *options).json["judgement"]["metrics"]
        return float(next(each["margin"] for each in metrics if each["name"] == "latency_p99"))

    assert 0.3 == margin("--policy", "p.yaml") == margin("--policy", "p.json")
    assert 0.2 == margin("--service", "shop")
    assert 0.4 == margin("--policy", "p.yaml", "--margin", "latency_p99=40%")
    assert 0.15 == margin("--margin", "latency_p99=15%")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["missing.jsonl"], "missing.jsonl: it can't be read"),
        (["broken.jsonl"], "broken.jsonl:2: object contains unknown field `weigth`"),
        (["broken.jsonl"], "did you mean `weight`?"),
        (["windows.jsonl", "--policy", "wrong.yaml"], "wrong.yaml: line 1: unknown key 'alpa'; did you mean 'alpha'?"),
        (["windows.jsonl", "--policy", "missing.yaml"], "missing.yaml: it can't be read"),
        (["windows.jsonl", "--service", "shap"], "there is no service 'shap'"),
        (["windows.jsonl", "--service", "shop", "--alpha", "0.1"], "--alpha: --service shop says what holds"),
        (["windows.jsonl", "--policy", "wrong.yaml", "--service", "shop"], "both --policy and --service"),
        (["windows.jsonl", "--alpha", "much"], "--alpha: 'much' is no number"),
        (["windows.jsonl", "--alpha", "2"], "alpha: input should be less than"),
        (["windows.jsonl", "--margin", "latency_p99"], "--margin: 'latency_p99' is no margin"),
        (["windows.jsonl", "--margin", "latency_p98=1%"], "margins.latency_p98"),
        (["windows.jsonl", "--state", "wrong.yaml"], "this is no state of the judge"),
    ],
)
def test_what_is_wrong_is_said(run: Run, tmp_path: Path, options: list[str], said: str) -> None:
    """Exit code 2 with file, line and key on standard error, and nothing on standard output."""
    file = _file(tmp_path, count=1)
    broken = file.read_bytes().splitlines()[1].replace(b'"weight"', b'"weigth"')
    (tmp_path / "broken.jsonl").write_bytes(lines(stream(1)) + broken)
    (tmp_path / "wrong.yaml").write_text("alpa: 0.01\n", encoding="utf-8")
    done = run("run", *options)

    assert (2, "") == (done.code, done.out)
    assert said in " ".join(done.err.split())


# Past releases.


def _keep_release(project: Path, number: int, outcome: ReleaseOutcome | None, **options: float) -> Release:
    """A release as the server leaves it: in the list, with its windows and what was said of them."""
    rules = Rules(policy=JudgePolicy(warmup=0.0))
    started = BEGIN + timedelta(days=number)
    release = Release(
        id=f"2026112{number}-120000-abcd",
        service="shop",
        model="shop",
        number=number,
        started=started,
        spec=ReleaseSpec(policy=rules.policy),
        phase=ReleasePhase.ENDED,
        outcome=outcome,
        verdict_at=started if outcome is not None else None,
    )
    root = project / ".seatrial"
    root.mkdir(exist_ok=True)
    book = open_release_book(root)
    book.add(release, if_running="refuse")
    book.close()
    kept = Kept(root / "releases" / release.id)
    seen = [Seen(window=window, warm=True) for window in history(30)]
    seen += [Seen(window=window) for window in stream(20, **options)]  # type: ignore[arg-type]
    for each in seen:
        kept.add_window(Observed(window=each.window, values=each.values, warm=each.warm))
    for judgement in replay(Past(name=release.id, windows=tuple(seen)), rules):
        kept.add_judgement(judgement)
    return release


@pytest.fixture
def releases(tmp_path: Path) -> tuple[Release, Release]:
    """One that was promoted and one that was aborted."""
    return (
        _keep_release(tmp_path, 1, ReleaseOutcome.PROMOTED),
        _keep_release(tmp_path, 2, ReleaseOutcome.ABORTED, slower=1.5),
    )


def test_past_releases_are_judged_again(run: Run, tmp_path: Path, releases: tuple[Release, Release]) -> None:
    """By its own rules each comes to the same end at the same moment; other rules stand beside each other."""
    (tmp_path / "late.yaml").write_text("warmup: 60\n", encoding="utf-8")
    (tmp_path / "blind.yaml").write_text("warmup: 2h\n", encoding="utf-8")
    own = run("backtest", "--format", "json")
    tried = run("backtest", "--policy", "late.yaml", "--policy", "blind.yaml", "--format", "json")
    table = run("backtest", "--policy", "late.yaml", "--policy", "blind.yaml")

    assert {each.id for each in releases} == {row["name"] for row in own.json["releases"]}
    assert [0.0, 0.0] == [row["earlier"]["its own rules"] for row in own.json["releases"]]
    assert {"good": 1, "bad": 1, "missed": 0, "alarms": 0} == {
        key: own.json["scores"]["its own rules"][key] for key in ("good", "bad", "missed", "alarms")
    }
    late = next(row for row in tried.json["releases"] if row["truth"] == "bad")
    assert late["earlier"]["late"] < 0
    assert 1 == tried.json["scores"]["blind"]["missed"]
    assert 0 == table.code
    assert all(word in table.out for word in ("late", "blind", "missed", "false alarms", "abort after", "−"))


def test_what_was_said_is_said_again(run: Run, releases: tuple[Release, Release]) -> None:
    """Replayed with its own rules, a release gives the stored judgements to the last bit."""
    done = run("backtest", "--verify")

    assert (0, f"{len(releases)} replayed\n") == (done.code, done.out)


def test_what_is_said_differently_is_found(run: Run, tmp_path: Path, releases: tuple[Release, Release]) -> None:
    """One figure that differs in its last bit is named with its place, and the exit code is 1."""
    file = tmp_path / ".seatrial" / "releases" / releases[1].id / "judgements.jsonl"
    stored = file.read_bytes().splitlines(keepends=True)
    said = json.loads(stored[4])
    said["evidence"]["evidence"] *= 1 + 2**-52
    stored[4] = json.dumps(said).encode() + b"\n"
    file.write_bytes(b"".join(stored))

    text = run("backtest", "--verify")
    document = run("backtest", "--verify", "--format", "json")

    assert 1 == text.code == document.code
    assert f"{releases[1].id}: judgement 5" in text.out
    assert [(releases[1].id, 5)] == [(each["name"], each["window"]) for each in document.json["differing"]]


def test_the_line_that_a_crash_left_is_no_difference(
    run: Run, tmp_path: Path, releases: tuple[Release, Release]
) -> None:
    """A last judgement that was not written, or half, is passed over."""
    file = tmp_path / ".seatrial" / "releases" / releases[0].id / "judgements.jsonl"
    file.write_bytes(file.read_bytes()[:-20])

    assert 0 == run("backtest", "--verify").code


def test_files_with_outcomes(run: Run, tmp_path: Path) -> None:
    """Windows from anywhere, with what they turned out to be."""
    harmless, harmful = _file(tmp_path, "harmless.jsonl"), _file(tmp_path, "harmful.jsonl", slower=1.5)
    (tmp_path / "quick.yaml").write_text("warmup: 0\n", encoding="utf-8")
    done = run(
        "backtest", harmless, harmful, "--outcome", "good", "--outcome", "harmful=bad", "--policy", "quick.yaml",
        "--format", "json",
    )  # fmt: skip

    score = done.json["scores"]["quick"]
    assert (1, 1, 0, 0) == (score["good"], score["bad"], score["missed"], score["alarms"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["missing.jsonl"], "there is no such file"),
        (["windows.jsonl", "--outcome", "fine"], "'fine' is no outcome"),
        (["windows.jsonl", "--outcome", "other=bad"], "there is no release 'other'"),
        (["windows.jsonl", "--verify"], "nothing is kept of what was said then"),
    ],
)
def test_wrong_backtests(run: Run, tmp_path: Path, options: list[str], said: str) -> None:
    """Exit code 2."""
    _file(tmp_path, count=1)
    done = run("backtest", *options)

    assert 2 == done.code
    assert said in done.err


def test_no_releases_are_no_trouble(run: Run) -> None:
    """A project that never released anything has an empty table."""
    done = run("backtest")

    assert (0, "no past release is here\n") == (done.code, done.out)


# The server.


@pytest.mark.slow
def test_the_server_answers_and_goes_on_after_a_kill(tmp_path: Path) -> None:
    """On loopback, on a free port; killed without warning, the next one knows what this one knew."""
    windows = [msgspec.to_builtins(window, str_keys=True) for window in stream(3)]
    body = {"release": "shop-7", "policy": {"warmup": 0}, "windows": windows}
    with _serve(tmp_path) as (url, process):
        answer = httpx.post(f"{url}/v1/judge", json=body).json()
        process.kill()
    with _serve(tmp_path) as (url, process):
        again = httpx.get(f"{url}/v1/judge?release=shop-7").json()
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=20)

    assert 3 == answer["windows"]
    assert answer == again
    assert 0 == code


class _serve:  # noqa: N801 - reads as a verb
    """`seatrial judge serve` as a process of its own."""

    def __init__(self, project: Path, *options: str) -> None:
        command = [sys.executable, "-m", "seatrial", "judge", "serve", "--port", "0", "--format", "json"]
        self._process = subprocess.Popen(
            [*command, "--project", str(project), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "SEATRIAL_JUDGE_TOKEN": ""},
        )

    def __enter__(self) -> tuple[str, "subprocess.Popen[str]"]:
        assert self._process.stdout is not None
        said = ""
        while not said.endswith("}\n"):
            line = self._process.stdout.readline()
            assert line, self._process.stderr.read() if self._process.stderr else ""
            said += line
        return json.loads(said)["url"], self._process

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


def test_an_address_that_is_taken(run: Run, tmp_path: Path) -> None:
    """Exit code 2, and a remedy."""
    with _serve(tmp_path) as (url, _):
        done = run("serve", "--port", url.rpartition(":")[2])

    assert 2 == done.code
    assert "take another --port" in done.err


# The pages.


def _documented() -> dict[str, set[str]]:
    """Options of each command, by its heading on the page."""
    text = (ROOT / "docs" / "reference" / "judge.md").read_text(encoding="utf-8")
    found: dict[str, set[str]] = {}
    for part in text.split("\n## ")[1:]:
        if part.startswith("`seatrial judge "):
            name = part.removeprefix("`seatrial judge ").partition("`")[0]
            rows = [line for line in part.splitlines() if line.startswith("| `--")]
            found[name] = {row.split("`")[1].split(" ")[0] for row in rows}
    return found


def test_the_page_has_every_command_and_option() -> None:
    """docs/reference/judge.md names what the program has, and nothing else."""
    group: Any = typer.main.get_command(app)
    commands = group.commands["judge"].commands
    options = {
        name: {option for parameter in command.params for option in parameter.opts if option.startswith("--")}
        - {"--help"}
        for name, command in commands.items()
    }

    assert options == _documented()
