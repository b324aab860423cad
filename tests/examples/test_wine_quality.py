"""The wine example keeps its promises: a split that can't leak, requests from any Python, and clear words for a missing file."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

WINE = Path(__file__).parents[2] / "examples" / "wine-quality"
UCI = Path(__file__).parents[3] / "shared" / "data" / "winequality-red.csv"
HEADER = (
    '"fixed acidity";"volatile acidity";"citric acid";"residual sugar";"chlorides";"free sulfur dioxide";'
    '"total sulfur dioxide";"density";"pH";"sulphates";"alcohol";"quality"'
)
needs_data = pytest.mark.skipif(not UCI.is_file(), reason=f"needs the UCI red wine data at {UCI}")


def _row(number: int) -> str:
    """A made-up wine."""
    return f"{5 + number / 100};0.5;0.2;2.0;0.08;15;45;0.997;3.3;0.6;{9 + number % 5};{3 + number % 6}"


def _write(path: Path, rows: list[str]) -> Path:
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return path


def _run(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def dataset() -> ModuleType:
    """The example's own module."""
    spec = importlib.util.spec_from_file_location("wine_dataset", WINE / "dataset.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_wine_stands_on_both_sides(dataset: ModuleType, tmp_path: Path) -> None:
    """Repeated rows stay together: no held-out wine equals a training wine."""
    trained, held_out = dataset.split(_write(tmp_path / "wine.csv", [_row(n) for n in range(200)] * 2))

    assert 400 == len(trained) + len(held_out)
    assert 0.1 < len(held_out) / 400 < 0.3
    assert set() == {wine.features for wine in trained} & {wine.features for wine in held_out}


def test_a_wine_keeps_its_side_when_rows_are_added(dataset: ModuleType, tmp_path: Path) -> None:
    """The held-out wines of the shorter file are held out of the longer one as well."""
    _, before = dataset.split(_write(tmp_path / "before.csv", [_row(n) for n in range(50, 150)]))
    trained, after = dataset.split(_write(tmp_path / "after.csv", [_row(n) for n in range(200)]))

    assert set(before) <= set(after)
    assert set() == set(before) & set(trained)


def test_requests_hold_the_body_the_label_and_the_slice(dataset: ModuleType, tmp_path: Path) -> None:
    """Each line is one held-out wine; what is sent does not contain the label."""
    data = _write(tmp_path / "wine.csv", [_row(n) for n in range(100)])

    done = _run(WINE / "make_requests.py", "--data", data, "--out", tmp_path / "requests.jsonl", cwd=tmp_path)

    rows = [json.loads(line) for line in (tmp_path / "requests.jsonl").read_text(encoding="utf-8").splitlines()]
    assert 0 == done.returncode
    assert len(dataset.split(data)[1]) == len(rows)
    assert {("wine", "quality", "alcohol")} == {tuple(row) for row in rows}
    assert {dataset.FEATURES} == {tuple(row["wine"]) for row in rows}


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "README.md says how to get it"), ("a;b\n1;2\n", "is not winequality-red.csv"), ("", "is not")],
)
def test_missing_or_other_data_are_said_to_be_so(content: str | None, said: str, tmp_path: Path) -> None:
    """A missing or foreign file ends with one sentence, not with a traceback."""
    data = tmp_path / "data.csv"
    if content is not None:
        data.write_text(content, encoding="utf-8")

    done = _run(WINE / "make_requests.py", "--data", data, "--out", tmp_path / "requests.jsonl", cwd=tmp_path)

    assert 1 == done.returncode
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@needs_data
@pytest.mark.slow
@pytest.mark.parametrize("model", ["ridge", "forest", "boosting"])
def test_each_candidate_beats_its_baseline(model: str, tmp_path: Path) -> None:
    """Model and scaler are written apart, and the overlay's model has the larger held-out error."""
    errors = {}
    for version, overlay in (("candidate", WINE), ("baseline", WINE / "baseline")):
        folder = tmp_path / version
        folder.mkdir()
        for source in (WINE / "train.py", WINE / "dataset.py", overlay / "models.py"):
            (folder / source.name).write_bytes(source.read_bytes())
        done = _run("train.py", "--data", UCI, "--model", model, cwd=folder)
        found = re.search(r"MAE (\d\.\d+)", done.stdout)
        assert found is not None, done.stderr
        errors[version] = float(found[1])
        assert ["model.joblib", "scaler.joblib"] == sorted(
            path.name for path in (folder / "artifacts" / model).iterdir()
        )

    assert errors["candidate"] < errors["baseline"]
