"""Drift: which columns are compared with what, and what the verdict rests on."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from seatrial.records import UsageError, Verdict
from seatrial.telemetry.drift import ColumnDrift, DriftReport, Size, find_drift
from seatrial.telemetry.log import open_log
from seatrial.telemetry.reference import read_reference
from seatrial.telemetry.window import Bucket, Selection
from tests.telemetry.making import at, prediction, write_predictions

DAY = 86_400.0


def values(rng: np.random.Generator, rows: int, shift: float = 0.0) -> list[float]:
    """Normal numbers of three decimals."""
    return [round(float(value), 3) for value in rng.normal(shift, 1, rows)]


def training(path: Path, columns: Mapping[str, Sequence[object]]) -> Path:
    """A CSV of these columns."""
    rows = zip(*columns.values(), strict=True)
    lines = [",".join("" if cell is None else str(cell) for cell in row) for row in rows]
    path.write_text("\n".join([",".join(columns), *lines]) + "\n")
    return path


def logged(
    root: Path,
    columns: Mapping[str, Sequence[object]],
    kinds: Mapping[str, str],
    *,
    time: float = 0.0,
    number: int = 1,
    **given: Any,
) -> None:
    """A segment with these inputs."""
    rows = [
        prediction(
            request_id=str(n),
            time=at(time),
            **given,
            **{f"input_{name}": one for name, one in zip(columns, row, strict=True)},
        )
        for n, row in enumerate(zip(*columns.values(), strict=True))
    ]
    write_predictions(root, rows, inputs=kinds, numbers=(number, number))


def found(
    root: Path, reference: Path | str, by: Bucket = Bucket.ALL, selection: Selection | None = None, **options: Any
) -> DriftReport:
    """The report on a log."""
    sample = read_reference(str(reference), output=options.pop("output", None))
    with open_log(str(root), selection) as log:
        return find_drift(log, sample, by, **options)


def column(report: DriftReport, name: str) -> ColumnDrift:
    """One column over all rows."""
    (one,) = [each for each in report.whole.columns if each.column == name]
    return one


@pytest.fixture
def rng() -> np.random.Generator:
    """Always the same numbers."""
    return np.random.default_rng(11)


@pytest.mark.parametrize(
    ("expected", "rows", "shift"),
    [
        ((Verdict.PASS, Size.SMALL), 400, 0.0),
        ((Verdict.PASS, Size.MODERATE), 5000, 0.35),
        ((Verdict.FAIL, Size.LARGE), 400, 1.0),
        ((Verdict.INCONCLUSIVE, Size.LARGE), 30, 0.7),
        ((Verdict.INCONCLUSIVE, Size.SMALL), 10, 0.0),
    ],
)
def test_the_verdict_is_by_the_size_of_the_change(
    tmp_path: Path, rng: np.random.Generator, expected: tuple[Verdict, Size], rows: int, shift: float
) -> None:
    """A shift of one standard deviation is a drift; a third of one is none with 5000 rows either; 20 rows tell nothing."""
    reference = training(tmp_path / "train.csv", {"x": values(rng, 4000)})
    logged(tmp_path, {"x": values(rng, rows, shift)}, {"x": "float64"})
    report = found(tmp_path, reference)
    assert expected == (column(report, "x").verdict, column(report, "x").size)
    assert expected[0] is report.verdict


def test_many_rows_make_a_small_change_significant_but_no_drift(tmp_path: Path, rng: np.random.Generator) -> None:
    """The p-value of Kolmogorov and Smirnov's test is nearly 0, the verdict is pass all the same."""
    reference = training(tmp_path / "train.csv", {"x": values(rng, 20_000)})
    logged(tmp_path, {"x": values(rng, 20_000, 0.1)}, {"x": "float64"})
    found_ = column(found(tmp_path, reference), "x")
    assert (found_.ks_p or 0.0) < 1e-6
    assert (Verdict.PASS, Size.SMALL) == (found_.verdict, found_.size)
    assert 0.1 == pytest.approx(found_.wasserstein, abs=0.03)


def test_too_few_rows_say_how_many_would_do(tmp_path: Path, rng: np.random.Generator) -> None:
    """About; and none where the reference itself is too small."""
    large = training(tmp_path / "large.csv", {"x": values(rng, 4000)})
    small = training(tmp_path / "small.csv", {"x": values(rng, 25)})
    logged(tmp_path, {"x": values(rng, 30)}, {"x": "float64"})
    assert 30 < (column(found(tmp_path, large), "x").needed or 0) < 1000
    assert column(found(tmp_path, small), "x").needed is None


def test_categories_are_compared_by_their_shares(tmp_path: Path) -> None:
    """Half of the reds became green: total variation 0.25."""
    reference = training(tmp_path / "train.csv", {"colour": ["red", "white"] * 500, "sweet": ["true", "false"] * 500})
    logged(
        tmp_path,
        {"colour": ["red", "green", "white", "white"] * 250, "sweet": [True, False] * 500},
        {"colour": "string", "sweet": "bool"},
    )
    report = found(tmp_path, reference)
    colour, sweet = column(report, "colour"), column(report, "sweet")
    assert ("category", Verdict.FAIL, 0.25) == (colour.kind, colour.verdict, colour.total_variation)
    assert ["red", "white", "others"] == [one.name for one in colour.bins]
    assert [0.25, 0.5, 0.25] == [one.current for one in colour.bins]
    assert ("number", Verdict.PASS, 0.0) == (sweet.kind, sweet.verdict, sweet.psi)


def test_values_that_go_missing_are_a_drift(tmp_path: Path, rng: np.random.Generator) -> None:
    """Though those that are left look as before."""
    reference = training(tmp_path / "train.csv", {"x": values(rng, 2000)})
    cells: list[object] = [one if n % 2 else None for n, one in enumerate(values(rng, 2000))]
    logged(tmp_path, {"x": cells}, {"x": "float64"})
    one = column(found(tmp_path, reference), "x")
    assert (Verdict.FAIL, 0.5, 0.0, 1000) == (one.verdict, one.missing, one.missing_reference, one.rows)


def test_a_column_that_was_never_logged_is_undecided(tmp_path: Path) -> None:
    """It may be redacted, so that it can be left out by name."""
    reference = training(tmp_path / "train.csv", {"x": [1.5, 2.5] * 500, "name": ["a", "b"] * 500})
    logged(tmp_path, {"x": [1.5, 2.5] * 500, "name": [None] * 1000}, {"x": "float64", "name": "string"})
    report = found(tmp_path, reference)
    assert (Verdict.INCONCLUSIVE, True) == (report.verdict, "redacted" in column(report, "name").note)
    assert Verdict.PASS is found(tmp_path, reference, ignore=["name"]).verdict


def test_columns_of_only_one_side_are_noted(tmp_path: Path) -> None:
    """What the model doesn't take is of no interest; what the reference lacks is said."""
    reference = training(tmp_path / "train.csv", {"x": [1.5, 2.5] * 500, "quality": [5, 6] * 500})
    logged(tmp_path, {"x": [1.5, 2.5] * 500, "y": [1.0] * 1000}, {"x": "float64", "y": "float64"})
    report = found(tmp_path, reference)
    assert (["x"], Verdict.PASS) == ([one.column for one in report.whole.columns], report.verdict)
    assert any(note.endswith("not compared: y") for note in report.notes)
    assert any("--output" in note for note in report.notes)


def test_answers_are_held_against_the_predictions_of_the_sample(tmp_path: Path, rng: np.random.Generator) -> None:
    """By the column `prediction`, or by one that is named."""
    sample = values(rng, 3000)
    reference = training(
        tmp_path / "train.csv", {"x": sample, "quality": [one + 3 for one in sample], "prediction": sample}
    )
    logged(tmp_path, {"x": sample}, {"x": "float64"}, prediction=5.0)
    report = found(tmp_path, reference)
    assert [("x", False, Verdict.PASS), ("prediction", True, Verdict.FAIL)] == [
        (one.column, one.output, one.verdict) for one in report.whole.columns
    ]
    by_name = column(found(tmp_path, reference, output="quality"), "prediction")
    assert by_name.wasserstein != column(report, "prediction").wasserstein


def test_answers_in_words_are_held_against_words(tmp_path: Path) -> None:
    """The log has them as JSON, the sample doesn't."""
    reference = training(tmp_path / "train.csv", {"x": [1.5, 2.5] * 500, "prediction": ["good", "bad"] * 500})
    logged(tmp_path, {"x": [1.5, 2.5] * 500}, {"x": "float64"}, prediction=None, answer='"good"')
    answers = column(found(tmp_path, reference), "prediction")
    assert (Verdict.FAIL, 0.5) == (answers.verdict, answers.total_variation)


def test_another_log_may_be_the_reference(tmp_path: Path, rng: np.random.Generator) -> None:
    """With all of its inputs and its answers."""
    sample = values(rng, 1000)
    for name in ("now", "then"):
        logged(tmp_path / name, {"x": sample}, {"x": "float64"})
    report = found(tmp_path / "now", tmp_path / "then")
    assert (Verdict.PASS, 1000, ["x", "prediction"]) == (
        report.verdict,
        report.reference_rows,
        [one.column for one in report.whole.columns],
    )


def test_each_step_has_a_verdict_and_one_that_fails_decides(tmp_path: Path, rng: np.random.Generator) -> None:
    """A drift of the last day isn't hidden by the days before; a day of few rows doesn't keep the whole from passing."""
    reference = training(tmp_path / "train.csv", {"x": values(rng, 4000)})
    for day in range(9):
        logged(tmp_path, {"x": values(rng, 500)}, {"x": "float64"}, time=day * DAY, number=day + 1)
    logged(tmp_path, {"x": values(rng, 5)}, {"x": "float64"}, time=9 * DAY, number=10)
    quiet = found(tmp_path, reference, Bucket.DAY)
    assert [Verdict.PASS] * 9 + [Verdict.INCONCLUSIVE] == [step.verdict for step in quiet.steps]
    assert Verdict.PASS is quiet.verdict
    logged(tmp_path, {"x": values(rng, 500, 1.2)}, {"x": "float64"}, time=10 * DAY, number=11)
    report = found(tmp_path, reference, Bucket.DAY)
    assert (Verdict.FAIL, Verdict.PASS, Verdict.FAIL) == (
        report.verdict,
        report.whole.verdict,
        report.steps[-1].verdict,
    )


def test_no_rows_never_pass(tmp_path: Path) -> None:
    """Nor do requests that were not answered."""
    reference = training(tmp_path / "train.csv", {"x": [1.0, 2.0]})
    logged(tmp_path, {"x": [None]}, {"x": "float64"}, prediction=None, status=503)
    report = found(tmp_path, reference)
    assert (Verdict.INCONCLUSIVE, 0) == (report.verdict, report.whole.rows)
    assert Verdict.INCONCLUSIVE is found(tmp_path, reference, Bucket.DAY, Selection(version="v9")).verdict


def test_several_versions_are_noted(tmp_path: Path) -> None:
    """Their answers are taken together unless one is picked."""
    reference = training(tmp_path / "train.csv", {"x": [1.0, 2.0]})
    logged(tmp_path, {"x": [1.0]}, {"x": "float64"})
    logged(tmp_path, {"x": [1.0]}, {"x": "float64"}, number=2, version="v2")
    assert any("v1, v2" in note for note in found(tmp_path, reference).notes)
    assert not any("v1" in note for note in found(tmp_path, reference, selection=Selection(version="v2")).notes)


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet", "jsonl", "json"])
def test_samples_are_read_from_many_kinds_of_file(tmp_path: Path, ending: str) -> None:
    """With or without the prefix of the log's columns."""
    path = tmp_path / f"train.{ending}"
    rows = [{"input_x": n % 7 + 0.5, "colour": "red"} for n in range(700)]
    if ending == "parquet":
        duckdb.execute(f"COPY (SELECT n % 7 + 0.5 AS input_x, 'red' AS colour FROM range(700) r(n)) TO '{path}'")
    elif ending in {"csv", "tsv"}:
        separator = "," if ending == "csv" else "\t"
        lines = [f"{row['input_x']}{separator}{row['colour']}" for row in rows]
        path.write_text("\n".join([f"input_x{separator}colour", *lines]))
    else:
        path.write_text(json.dumps(rows) if ending == "json" else "\n".join(map(json.dumps, rows)))
    logged(
        tmp_path,
        {"x": [n % 7 + 0.5 for n in range(700)], "colour": ["red"] * 700},
        {"x": "float64", "colour": "string"},
    )
    report = found(tmp_path, path)
    assert [("x", "number", 0.0), ("colour", "category", 0.0)] == [
        (one.column, one.kind, one.psi) for one in report.whole.columns
    ]


@pytest.mark.parametrize(
    ("expected", "text", "options"),
    [
        ("no column of the log", "alcohol\n1\n", {}),
        ("has no row", "x\n", {}),
        ("no column 'quality'", "x\n1\n", {"output": "quality"}),
        ("no column 'y'", "x\n1\n", {"ignore": ["y"]}),
    ],
)
def test_references_that_do_not_fit_are_refused(
    tmp_path: Path, expected: str, text: str, options: dict[str, Any]
) -> None:
    """The message says which columns there are."""
    path = tmp_path / "train.csv"
    path.write_text(text)
    logged(tmp_path, {"x": [1.0]}, {"x": "float64"})
    with pytest.raises(UsageError, match=expected):
        found(tmp_path, path, **options)


def test_a_reference_that_is_neither_file_nor_log_is_refused(tmp_path: Path) -> None:
    """Also a file that is gone, and one that is no table."""
    logged(tmp_path, {"x": [1.0]}, {"x": "float64"})
    (tmp_path / "bad.parquet").write_text("x")
    for reference in ("gone.csv", "gone", "bad.parquet"):
        with pytest.raises(UsageError):
            found(tmp_path, tmp_path / reference)
