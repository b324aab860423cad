"""`seatrial telemetry` as a user meets it: what is printed where, and the exit codes."""

import csv
import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from seatrial.cli.main import main
from tests.telemetry.making import at, label, prediction, write_labels, write_predictions


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as one JSON document."""
        return json.loads(self.out)


Run = Callable[..., Done]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `seatrial telemetry` with these arguments."""
    monkeypatch.setenv("COLUMNS", "120")

    def command(*args: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["seatrial", "telemetry", *map(str, args)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Done(int(ended.value.code or 0), captured.out, captured.err)

    return command


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Two minutes of two versions, some labels, and one broken file."""
    root = tmp_path / "log"
    rows = [
        prediction(
            request_id=f"r{n}",
            time=at(n),
            version=f"v{1 + n % 2}",
            prediction=n + 0.5,
            total_seconds=0.001 * (n + 1),
            input_x=n * 0.1,
        )
        for n in range(100)
    ]
    write_predictions(root, rows, inputs={"x": "float64"})
    write_predictions(root, rows, numbers=(2, 2)).write_bytes(b"PAR1")
    write_labels(root, [label(f"r{n}", n + 1.0) for n in range(50)])
    return root


def test_latency_is_a_table_or_json(run: Run, log: Path) -> None:
    """The broken file is named on standard error, and no more than that."""
    table, document = run("latency", log), run("latency", log, "--format", "json")
    assert (0, 0) == (table.code, document.code)
    assert ["time", "version", "requests", "errors", "p50", "ms"] == table.out.split()[:6]
    assert "2026-11-20 12:01  v2" in table.out
    assert "p99 v1 ▅█" in table.out
    assert ["v1", "v2", "v1", "v2"] == [step["version"] for step in document.json["steps"]]
    assert 0.03 == pytest.approx(document.json["steps"][0]["total"]["p50"])
    assert [1, 1] == [done.err.count("w1-000002-000002.parquet is left out") for done in (table, document)]


def test_options_select_what_is_counted(run: Run, log: Path) -> None:
    """Time, version and route; a window without requests says so."""
    options = ("--by", "all", "--since", "2026-11-20T12:00:10", "--until", "2026-11-20T12:00:20", "--version", "v2")
    (step,) = run("latency", log, *options, "--format", "json").json["steps"]
    assert 5 == step["requests"]
    empty = run("latency", log, "--route", "/nowhere")
    assert (0, True) == (empty.code, "no request was logged in this time" in empty.out)


def test_quality_is_a_table_or_json(run: Run, log: Path) -> None:
    """Each figure with its interval; coverage beside it."""
    table = run("quality", log, "--metric", "mae,rmse", "--metric", "bias")
    assert (0, True) == (table.code, "25 (50.0%)" in table.out)
    assert "0.500 0.500…0.500" in table.out
    document = run("quality", log, "--format", "json").json
    assert ("regression", ["mae", "rmse", "r2"]) == (document["task"], document["metrics"])
    assert 0.5 == document["steps"][0]["coverage"]


def test_quality_joins_a_file_of_labels(run: Run, log: Path, tmp_path: Path) -> None:
    """And `label` puts them into the log for good."""
    file = tmp_path / "late.csv"
    file.write_text("request_id,label\n" + "".join(f"r{n},{n}\n" for n in range(50, 100)))
    by_file = run("quality", log, "--labels", file, "--format", "json").json
    assert [50, 50] == [step["labelled"] for step in by_file["steps"]]
    assert [25, 25] == [step["labelled"] for step in run("quality", log, "--format", "json").json["steps"]]
    assert "50 labels imported" in run("label", log, file).out
    assert [50, 50] == [step["labelled"] for step in run("quality", log, "--format", "json").json["steps"]]
    assert {"labels": 50} == run("label", log, file, "--format", "json").json


@pytest.mark.parametrize(
    ("expected", "verdict", "cells"),
    [
        (0, "pass", [n % 100 * 0.1 for n in range(2000)]),
        (1, "fail", [n % 100 * 0.1 + 8 for n in range(2000)]),
        (3, "inconclusive", [n * 1.0 for n in range(10)]),
    ],
)
def test_drift_judges(run: Run, log: Path, tmp_path: Path, expected: int, verdict: str, cells: list[float]) -> None:
    """The exit code is the verdict's, in text and in JSON."""
    sample = tmp_path / "train.csv"
    sample.write_text("x\n" + "".join(f"{cell:.1f}\n" for cell in cells))
    options = ("drift", log, "--reference", sample, "--limit", "0.5")
    table, document = run(*options, "--by", "day"), run(*options, "--format", "json")
    assert (expected, expected) == (table.code, document.code)
    assert (verdict, verdict.upper() in table.out) == (document.json["verdict"], True)
    assert "2026-11-20" in table.out


def test_a_drift_of_nothing_is_no_pass(run: Run, log: Path, tmp_path: Path) -> None:
    """A window without rows is inconclusive."""
    sample = tmp_path / "train.csv"
    sample.write_text("x\n1\n2\n")
    done = run("drift", log, "--reference", sample, "--until", "2026-11-20")
    assert (3, True) == (done.code, "no answered row" in done.out)


def test_sql_prints_tables_json_and_csv(run: Run, log: Path) -> None:
    """Rows as they are."""
    query = "SELECT version, count(*) AS n, [1, 2] AS list, NULL AS nothing FROM predictions GROUP BY ALL ORDER BY ALL"
    assert [{"version": "v1", "n": 50, "list": [1, 2], "nothing": None}] == run(
        "sql", log, query, "--format", "json"
    ).json[:1]
    rows = list(csv.reader(io.StringIO(run("sql", log, query, "--format", "csv").out)))
    assert [["version", "n", "list", "nothing"], ["v1", "50", "[1,2]", ""]] == rows[:2]
    assert ["version", "n", "list", "nothing", "v1", "50"] == run("sql", log, query).out.split()[:6]


def test_a_table_of_many_rows_says_that_there_are_more(run: Run, log: Path) -> None:
    """A terminal gets the first ones, CSV gets all."""
    query = "SELECT * FROM range(1000)"
    assert "there are more than these 200 rows" in run("sql", log, query).out
    assert 1001 == len(run("sql", log, query, "--format", "csv").out.splitlines())


def test_show_prints_the_last_rows(run: Run, log: Path) -> None:
    """All columns in JSON, among them the inputs."""
    assert "r99" in run("show", log, "--last", "1").out
    (row,) = run("show", log, "--last", "1", "--format", "json").json
    assert ("r99", 99.5) == (row["request_id"], row["prediction"])
    assert 9.9 == pytest.approx(row["input_x"])


def test_segments_prints_folders_and_problems(run: Run, log: Path, tmp_path: Path) -> None:
    """One line a folder."""
    done = run("segments", log)
    assert "predictions/date=2026-11-20      2   100" in done.out
    assert "half written" in done.out
    assert 3 == len(run("segments", log, "--format", "json").json["segments"])
    (tmp_path / "empty").mkdir()
    assert "no file is here" in run("segments", tmp_path / "empty").out


def test_compact_joins_segments(run: Run, tmp_path: Path) -> None:
    """Fewer files, and not a row more or less."""
    for number in (1, 2, 3, 4):
        write_predictions(tmp_path, [prediction(request_id=f"r{number}")], numbers=(number, number))
    done = run("compact", tmp_path, "--format", "json")
    assert (0, 4, 1, 4, []) == (done.code, *(done.json[name] for name in ("merged", "written", "rows", "broken")))
    assert 1 == len(run("segments", tmp_path, "--format", "json").json["segments"])
    assert 4 == run("latency", tmp_path, "--format", "json").json["steps"][0]["requests"]


@pytest.mark.parametrize(
    ("expected", "args"),
    [
        ("no such directory", ("latency", "nowhere")),
        ("is no time", ("latency", "{log}", "--since", "yesterday")),
        ("there is no metric 'maf'", ("quality", "{log}", "--metric", "maf")),
        ("there is no such file", ("quality", "{log}", "--labels", "gone.csv")),
        ("there is no such file", ("drift", "{log}", "--reference", "gone.csv")),
        ("only one SELECT", ("sql", "{log}", "DROP VIEW predictions")),
        ("Missing option", ("drift", "{log}")),
        ("Invalid value", ("latency", "{log}", "--by", "week")),
    ],
)
def test_a_mistake_is_one_message_and_exit_code_2(run: Run, log: Path, expected: str, args: tuple[str, ...]) -> None:
    """On standard error, without a traceback."""
    done = run(*(arg.format(log=log) for arg in args))
    assert (2, "") == (done.code, done.out)
    assert expected in done.err
    assert "Traceback" not in done.err
