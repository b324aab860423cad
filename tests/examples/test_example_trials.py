"""The examples keep their promises when they are really tried: verdicts, tests and reports, also of a change made bad on purpose."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
WINE_DATA = ROOT.parent / "shared" / "data" / "winequality-red.csv"
_SEATRIAL = (sys.executable, "-c", "from seatrial.cli.entry import main; main()")
REPORTS = {"report.json", "report.md", "report.html", "junit.xml"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Tried:
    """One trial: the command's exit code, its record, and the files that it left with `--out`."""

    exit_code: int
    report: Mapping[str, Any]
    files: set[str]

    def deployment(self, name: str) -> Mapping[str, Any]:
        """One deployment of the record."""
        return next(found for found in self.report["deployments"] if found["name"] == name)

    def gate(self, deployment: str, metric: str) -> Mapping[str, Any]:
        """One judged metric of one deployment."""
        compared = self.deployment(deployment)["comparisons"]
        return next(c for c in compared if (c["metric"], c["slice"]) == (metric, "") and c["verdict"] is not None)

    def tests(self, deployment: str) -> dict[tuple[str, str], bool]:
        """Whether each test passed, by role of the cell and name of the test."""
        cells = self.deployment(deployment)["cells"]
        return {(cell["role"], test["test"]): test["passed"] for cell in cells for test in cell["result"]["tests"]}


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """The examples in a repository of their own, committed, so that nothing is written into this one."""
    ignored = shutil.ignore_patterns(".seatrial", "__pycache__", "model.joblib", "artifacts")
    folder = tmp_path / "repository"
    shutil.copytree(ROOT / "examples", folder / "examples", ignore=ignored)
    for command in (
        ["init", "--quiet", "--initial-branch=main"],
        ["add", "--all"],
        ["commit", "--quiet", "-m", "first"],
    ):
        subprocess.run(["git", *command], cwd=folder, env=_environment(), check=True)
    return folder / "examples"


def _environment(**more: str) -> dict[str, str]:
    names = {f"GIT_{who}_{what}": "t" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    return {**os.environ, **names, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, **more}


def _replace(file: Path, *changes: tuple[str, str]) -> None:
    """Change a file; every text to be replaced has to be there, so that an example's README stays true."""
    text = file.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")


def _shorten(digits: Path) -> None:
    """Half of the requests, and no behave: enough for what is plainly worse."""
    _untested(digits)
    _replace(digits / "seatrial.yaml", ("  rate: 100/s\n", "  rate: 100/s\n  count: 450\n"))


def _untested(project: Path) -> None:
    """Take the external tests out of an example, where they are not what is tried."""
    lines = (project / "seatrial.yaml").read_text(encoding="utf-8").split("\n")
    begin = lines.index("tests:")
    end = lines.index("", begin)
    (project / "seatrial.yaml").write_text("\n".join(lines[:begin] + lines[end:]), encoding="utf-8")


def _try(project: Path, **environment: str) -> Tried:
    out = project.parent / "out"
    done = subprocess.run(
        [*_SEATRIAL, "trial", str(project), "--format", "json", "--out", str(out)],
        env=_environment(**environment),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    return Tried(done.returncode, json.loads(done.stdout), {file.name for file in out.iterdir()})


def test_digits_passes(examples: Path) -> None:
    """The better model passes: more accurate beyond doubt, behave passes on both versions, every report is there."""
    tried = _try(examples / "digits")
    accuracy = tried.gate("digits", "accuracy")

    assert "pass" == tried.report["verdict"], tried.report["headline"]
    assert 0 == tried.exit_code
    assert accuracy["interval"]["low"] > 0
    assert {("baseline", "behave"): True, ("candidate", "behave"): True} == tried.tests("digits")
    assert REPORTS <= tried.files


def test_digits_with_skewed_serving_fails(examples: Path) -> None:
    """Training/serving skew, as the README describes it, fails on accuracy and not on errors."""
    digits = examples / "digits"
    shutil.copy(digits / "train.py", digits / "baseline" / "train.py")
    _replace(digits / "train.py", ("[DARKEST] * PIXELS", "[255] * PIXELS"))
    _shorten(digits)

    tried = _try(digits)

    assert 1 == tried.exit_code
    assert "fail" == tried.gate("digits", "accuracy")["verdict"]
    assert "pass" == tried.gate("digits", "errors")["verdict"]


def test_digits_that_cannot_be_trained_is_a_row(examples: Path) -> None:
    """A build that fails, as the README describes it, fails the trial with its stage and the end of its log."""
    digits = examples / "digits"
    _replace(digits / "model.py", ("reg_param=0.02", ""))
    _shorten(digits)

    tried = _try(digits)
    candidate = next(cell for cell in tried.deployment("digits")["cells"] if cell["role"] == "candidate")
    failure = candidate["result"]["failure"]

    assert 1 == tried.exit_code
    assert "build" == failure["stage"]
    assert "Error" in failure["log_tail"]


SLOW_IMPORTS = """\
from time import sleep

from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
"""


def test_digits_made_slow_fails_on_latency_alone(examples: Path) -> None:
    """A slow model, as the README describes it, fails on latency and passes on accuracy."""
    digits = examples / "digits"
    _replace(
        digits / "model.py",
        ("def make_model() -> QuadraticDiscriminantAnalysis:", "def make_model():"),
        (
            "    return QuadraticDiscriminantAnalysis(reg_param=0.02)",
            "    return make_pipeline(FunctionTransformer(slow), QuadraticDiscriminantAnalysis(reg_param=0.02))",
        ),
        (
            "from sklearn.discriminant_analysis import",
            SLOW_IMPORTS + "from sklearn.discriminant_analysis import",
        ),
    )
    with (digits / "model.py").open("a") as model:
        model.write("\n\ndef slow(pixels):\n    sleep(0.005)\n    return pixels\n")
    _shorten(digits)

    tried = _try(digits)

    assert 1 == tried.exit_code
    assert "fail" == tried.gate("digits", "latency_p50")["verdict"]
    assert "pass" == tried.gate("digits", "accuracy")["verdict"]


needs_wine = pytest.mark.skipif(
    not WINE_DATA.exists(),
    reason=f"{WINE_DATA} is missing: examples/wine-quality/README.md says where winequality-red.csv comes from",
)


def _shortened_wine(examples: Path) -> Path:
    """The wine example with its requests made, and driven for a few seconds only, so without a 99th percentile."""
    wine = examples / "wine-quality"
    subprocess.run(
        [sys.executable, "make_requests.py"], cwd=wine, env=_environment(WINE_DATA=str(WINE_DATA)), check=True
    )
    _replace(
        wine / "seatrial.yaml",
        ("count: 1196", "count: 598"),
        ("rate: 100/s", "rate: 150/s"),
        ("errors: {margin: 0.5pp}", "errors: {margin: 1pp}"),
        ("  latency_p99: {limit: 300ms}\n", ""),
        ("run_time: 5s", "run_time: 2s"),
    )
    return wine


@needs_wine
def test_wine_passes_with_three_deployments(examples: Path) -> None:
    """All three better models pass, each with its smoke test and its load, and six cells were driven."""
    tried = _try(_shortened_wine(examples), WINE_DATA=str(WINE_DATA))
    verdicts = {found["name"]: found["verdict"] for found in tried.report["deployments"]}
    both = {(role, test): True for role in ("baseline", "candidate") for test in ("pytest", "locust")}

    assert {"ridge": "pass", "forest": "pass", "boosting": "pass"} == verdicts, tried.report["headline"]
    assert 0 == tried.exit_code
    assert [both] * 3 == [tried.tests(name) for name in verdicts]
    assert 6 == sum(len(found["cells"]) for found in tried.report["deployments"])


@needs_wine
def test_wine_with_a_bad_ridge_fails_alone(examples: Path) -> None:
    """The README's bad ridge fails on its mean absolute error, and the other two still pass."""
    wine = _shortened_wine(examples)
    _untested(wine)
    _replace(wine / "models.py", ("Ridge(alpha=1)", "Ridge(alpha=10_000)"))

    tried = _try(wine, WINE_DATA=str(WINE_DATA))
    verdicts = {found["name"]: found["verdict"] for found in tried.report["deployments"]}

    assert {"ridge": "fail", "forest": "pass", "boosting": "pass"} == verdicts, tried.report["headline"]
    assert "fail" == tried.gate("ridge", "mean_absolute_error")["verdict"]
    assert 1 == tried.exit_code
