"""The commands as a user meets them: what is printed where, and the exit codes."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from seatrial.cli.main import _explained
from seatrial.records import Report
from seatrial.trial.report import load_report
from tests.end_to_end.projects import CONFIG, SmallProject, make_project, rows

pytestmark = pytest.mark.slow


def seatrial(project: SmallProject, *args: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run one command in the project's folder."""
    command = [sys.executable, "-c", "from seatrial.cli.entry import main; main()", *args]
    env = {"PATH": "/usr/bin:/bin:/usr/local/bin", "HOME": str(project.folder), "COLUMNS": "100", **environ}
    return subprocess.run(
        command, cwd=project.folder, capture_output=True, text=True, timeout=120, check=False, env=env
    )


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    """A project with two finished trials: a good candidate, then a bad one."""
    project = make_project(tmp_path_factory.mktemp("cli") / "small")
    assert 0 == seatrial(project, "trial").returncode
    project.write("model.json", {"right": 1})
    assert 1 == seatrial(project, "trial").returncode
    return project


def report(done: "subprocess.CompletedProcess[str]") -> Report:
    """The record on standard output."""
    return load_report(done.stdout.encode())


def test_a_trial_prints_its_verdict_and_where_the_reports_are(tried: SmallProject) -> None:
    """The table goes to standard output, progress to standard error."""
    done = seatrial(tried, "trial")
    assert 1 == done.returncode
    assert re.search(r"✘ +accuracy +100(\.0)? → 20(\.0)?%", done.stdout)
    assert "FAIL" in done.stdout
    assert all(name in done.stdout for name in ("report.html", "report.md", "report.json", "junit.xml"))
    assert "drive" in done.stderr
    assert "drive" not in done.stdout


def test_json_is_the_only_thing_on_standard_output(tried: SmallProject) -> None:
    """A program can read it as it is; the exit code still carries the verdict."""
    done = seatrial(tried, "trial", "--format", "json")
    assert (1, "fail") == (done.returncode, report(done).verdict.value)


def test_a_dry_run_prints_the_plan_and_starts_nothing(tried: SmallProject) -> None:
    """No run is entered in the history."""
    before = seatrial(tried, "runs", "--format", "json").stdout
    done = seatrial(tried, "trial", "--dry-run", "--format", "json")
    plan = json.loads(done.stdout)["plan"]
    assert ["baseline", "candidate"] == [cell["role"] for cell in plan["cells"]]
    assert before == seatrial(tried, "runs", "--format", "json").stdout
    assert "small@candidate" in seatrial(tried, "trial", "--dry-run").stdout


def test_past_trials_are_listed_and_shown_again(tried: SmallProject) -> None:
    """The newest comes first; its report is the one that was written, and so is the exit code."""
    listing = json.loads(seatrial(tried, "runs", "--format", "json").stdout)
    assert ["fail", "pass"] == [run["verdict"] for run in listing][-2:]
    first = listing[-1]["id"]
    again = seatrial(tried, "show", first, "--format", "json")
    written = (tried.folder / ".seatrial" / "runs" / first / "report.json").read_bytes()
    assert (0, load_report(written)) == (again.returncode, report(again))
    assert first in seatrial(tried, "runs", COLUMNS="60").stdout, "an id is there to be copied, so it is never cut"
    assert "PASS" in seatrial(tried, "show", first).stdout


def test_two_past_trials_are_compared(tried: SmallProject) -> None:
    """The second run's candidate is worse than the first's, request by request."""
    good, bad = sorted(run["id"] for run in json.loads(seatrial(tried, "runs", "--format", "json").stdout))[:2]
    done = seatrial(tried, "compare", good, bad, "--format", "json")
    found = next(c for d in report(done).deployments for c in d.comparisons if c.metric == "accuracy")
    assert (1, 1.0, 120) == (done.returncode, found.baseline, found.samples)
    assert found.candidate == pytest.approx(0.2)


def test_runs_with_other_requests_are_not_compared(tmp_path: Path) -> None:
    """Pairs of different requests would say nothing; and a past run keeps its labels when the file changes."""
    project = make_project(tmp_path / "p")
    project.write("helper.py", "x = 1\n")
    seatrial(project, "trial")
    project.write("requests.jsonl", rows(100))
    seatrial(project, "trial")
    first, second = sorted(run["id"] for run in json.loads(seatrial(project, "runs", "--format", "json").stdout))
    refused = seatrial(project, "compare", first, second)
    assert (2, True) == (refused.returncode, "different requests" in refused.stderr)
    itself = report(seatrial(project, "compare", first, first, "--format", "json"))
    found = next(c for d in itself.deployments for c in d.comparisons if c.metric == "accuracy")
    assert (1.0, 120) == (found.candidate, found.samples)


def test_reports_are_also_written_where_they_are_wanted(tried: SmallProject, tmp_path: Path) -> None:
    """`--out` gets all four."""
    done = seatrial(tried, "trial", "--out", str(tmp_path / "out"))
    assert 1 == done.returncode
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"report.json", "report.md", "report.html", "junit.xml", ".gitignore"} == written, "git leaves them alone"


@pytest.mark.parametrize(
    ("expected", "args"),
    [
        ("there is no seatrial.yaml", ("trial", "/")),
        ("there is no revision 'nowhere'", ("trial", "--base", "nowhere")),
        ("there is no deployment 'smal'", ("trial", "--only", "smal")),
        ("there is no run 'x'", ("show", "x")),
        ("No such option", ("trial", "--bse", "main")),
    ],
)
def test_a_mistake_is_one_message_and_exit_code_2(tried: SmallProject, expected: str, args: tuple[str, ...]) -> None:
    """On standard error, with a remedy and without a traceback."""
    done = seatrial(tried, *args)
    assert (2, "") == (done.returncode, done.stdout)
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


def test_an_inconclusive_trial_exits_with_3(tmp_path: Path) -> None:
    """Ten requests decide nothing, and that is no pass."""
    project = make_project(tmp_path / "p", requests=10)
    done = seatrial(project, "trial")
    assert 3 == done.returncode
    assert "INCONCLUSIVE" in done.stdout
    assert "more request" in done.stdout


def test_a_broken_baseline_exits_with_4(tmp_path: Path) -> None:
    """Something broke, and it wasn't the candidate."""
    project = make_project(tmp_path / "p", model={"mode": "dies at start"})
    project.write("model.json", {})
    assert 4 == seatrial(project, "trial").returncode


def test_secrets_in_headers_reach_the_server_and_no_file(tmp_path: Path) -> None:
    """`${NAME}` is filled in for the driver alone."""
    project = make_project(
        tmp_path / "p", config=CONFIG.replace("warmup: 5,", 'warmup: 5, headers: {x-key: "${API_KEY}"},')
    )
    server = (project.folder / "server.py").read_text()
    project.write(
        "server.py",
        server.replace(
            "        global COUNT\n", '        global COUNT\n        assert self.headers["x-key"] == "hush-hush"\n'
        ),
    )
    done = seatrial(project, "trial", "--format", "json", API_KEY="hush-hush")
    assert {} == report(done).deployments[0].cells[1].errors
    leaks = [
        path
        for path in (project.folder / ".seatrial").rglob("*")
        if path.is_file() and b"hush-hush" in path.read_bytes()
    ]
    assert [] == [path for path in leaks if path.name != "server.py"]
    unset = seatrial(project, "trial")
    assert (2, True) == (unset.returncode, "API_KEY" in unset.stderr)


def test_the_doctor_says_what_is_here() -> None:
    """Versions, cgroup kind and engines, as text and as JSON."""
    here = SmallProject(Path.cwd())
    facts = json.loads(seatrial(here, "doctor", "--format", "json").stdout)
    assert {"machine", "runtime", "engines", "folders"} == set(facts)
    assert facts["engines"]["git"].startswith("git version")
    assert "cgroup" in seatrial(here, "doctor").stdout


def test_what_nobody_foresaw_is_no_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    """A defect of ours exits with 4 and shows its traceback; 1 would mean that the candidate failed."""
    assert 4 == _explained(ZeroDivisionError("a defect"))
    assert "ZeroDivisionError: a defect" in capsys.readouterr().err


def test_a_missing_extra_names_the_command_that_brings_it(capsys: pytest.CaptureFixture[str]) -> None:
    """The base installation is small; what a trial needs is an extra."""
    assert 2 == _explained(ModuleNotFoundError("No module named 'duckdb'", name="duckdb"))
    assert "pip install 'seatrial[trial]'" in capsys.readouterr().err
