"""The digits example keeps its promises: honest requests, and a change that is one small file and an improvement."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

DIGITS = Path(__file__).parents[2] / "examples" / "digits"


def _python(folder: Path, *arguments: str) -> str:
    """What a Python command prints when it is run in `folder`."""
    done = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example, so that nothing is written into the repository."""
    ignored = shutil.ignore_patterns(".seatrial", "__pycache__", "model.joblib")
    return Path(shutil.copytree(DIGITS, tmp_path_factory.mktemp("examples") / "digits", ignore=ignored))


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    """The committed requests."""
    return [json.loads(line) for line in (DIGITS / "requests.jsonl").read_text(encoding="utf-8").splitlines()]


def test_committed_requests_are_what_the_script_writes(digits: Path) -> None:
    """Making the requests again gives the committed file, byte for byte."""
    committed = (DIGITS / "requests.jsonl").read_bytes()
    (digits / "requests.jsonl").unlink()

    _python(digits, "make_requests.py")

    assert committed == (digits / "requests.jsonl").read_bytes()


def test_no_request_was_trained_on(digits: Path, rows: list[dict[str, Any]]) -> None:
    """No held-out digit equals a training digit, pixel for pixel."""
    code = "import json; from dataset import split; print(json.dumps(split()[0].astype(int).tolist()))"
    trained = {tuple(pixels) for pixels in json.loads(_python(digits, "-c", code))}
    requested = {tuple(row["inputs"]) for row in rows}

    assert set() == trained & requested


def test_each_row_is_a_labelled_digit_with_its_slice(rows: list[dict[str, Any]]) -> None:
    """Each row holds 64 pixels, a label and its ink, and the file is small enough to be committed."""
    assert {("inputs", "label", "ink")} == {tuple(row) for row in rows}
    assert {64} == {len(row["inputs"]) for row in rows}
    assert set(range(10)) == {row["label"] for row in rows}
    assert {"light", "medium", "heavy"} == {row["ink"] for row in rows}
    assert (DIGITS / "requests.jsonl").stat().st_size < 300_000


def test_overlay_replaces_a_file_of_the_candidate() -> None:
    """The change under trial is one file, so that a reader sees it at a glance."""
    assert ["model.py"] == [path.name for path in (DIGITS / "baseline").glob("*.py")]
    assert (DIGITS / "model.py").is_file()


@pytest.mark.slow
def test_candidate_beats_the_baseline_where_neither_was_trained(digits: Path) -> None:
    """Training twice, once with the overlay, shows the improvement that the README names."""
    candidate = _accuracy(_python(digits, "train.py"))
    shutil.copy(digits / "baseline" / "model.py", digits / "model.py")
    baseline = _accuracy(_python(digits, "train.py"))
    shutil.copy(DIGITS / "model.py", digits / "model.py")

    assert (digits / "model.joblib").is_file()
    assert candidate > baseline + 0.02


def _accuracy(printed: str) -> float:
    """The figure in `held-out accuracy 0.9633 on 899 digits`."""
    return float(printed.split()[2])
