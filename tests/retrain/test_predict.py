"""A model is asked about every held-out row, and what is no answer is said."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from seatrial.records import ColumnKind, PermanentError
from seatrial.retrain.predict import predict, read_predictions
from seatrial.retrain.train import train
from tests.retrain import workshop

TRAIN = "time,user,movie,rating\n1,1,Up,4.0\n2,2,Up,5.0\n3,1,Heat,2.0\n"
TEST = "time,user,movie\n4,1,Heat\n5,9,New\n6,2,Up\n"


def asked(folder: Path, predict_code: str, **more: Any) -> Path:
    """The predictions of a file that is a model, by this code."""
    split = workshop.split_of(folder, TRAIN, TEST)
    model = folder / "means.json"
    model.write_text('{"Up": 4.5, "Heat": 2.0}')
    with workshop.opened(folder) as place:
        return predict(
            workshop.spec(predict=predict_code, **more), split, model, place, whose="candidate", label=ColumnKind.NUMBER
        )


def writes(lines: str) -> str:
    """A command that answers so."""
    return f"import os; open(os.environ['SEATRIAL_OUTPUT'], 'w').write({lines!r})"


def test_each_row_gets_its_answer(tmp_path: Path) -> None:
    """What was trained is asked, and answers in the order of the rows."""
    split = workshop.split_of(tmp_path, TRAIN, TEST)
    with workshop.opened(tmp_path) as place:
        model = train(workshop.spec(), split, place)
        found = predict(workshop.spec(), split, Path(model.path), place, whose="candidate", label=ColumnKind.NUMBER)
    assert [2.0, 3.0, 4.5] == read_predictions(found, ColumnKind.NUMBER).tolist()


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("prediction\n1\n2\n", "it holds 2 predictions for 3 rows"),
        ("prediction\n1\n2\n3\n4\n", "it holds 4 predictions for 3 rows"),
        ("prediction\n", "it holds 0 predictions for 3 rows"),
        ("row,prediction\n1,1\n2,\n3,3\n", r"1 of 3 predictions \(row 2\) is missing"),
        ("prediction\nnan\n2\n-inf\n", r"2 of 3 predictions \(row 1, 3\) are not finite"),
        ("stars\n1\n2\n3\n", "it has no column prediction"),
        ("", "the predictions are no answer"),
    ],
)
def test_what_is_no_answer_is_said(tmp_path: Path, written: str, told: str) -> None:
    """Too few, too many, missing, not finite, or another file altogether."""
    with pytest.raises(PermanentError, match=told):
        asked(tmp_path, writes(written))


def test_no_file_is_said(tmp_path: Path) -> None:
    """A command that succeeds without an answer has not answered, whatever an earlier one wrote."""
    with pytest.raises(PermanentError, match="wrote no file"):
        asked(tmp_path, "print('done')")


def test_a_command_that_fails_is_said(tmp_path: Path) -> None:
    """With the end of its log."""
    with pytest.raises(PermanentError, match=r"the predict command failed .*no such layer"):
        asked(tmp_path, "import sys; sys.exit('no such layer')")


@pytest.mark.parametrize(
    ("texts", "label", "found"),
    [
        (["1", "0.5", "-2"], ColumnKind.NUMBER, [1.0, 0.5, -2.0]),
        (["true", "False", "true"], ColumnKind.BOOLEAN, [True, False, True]),
        (["0.9", "0.1", "1"], ColumnKind.BOOLEAN, [0.9, 0.1, 1.0]),
        (["01", "1", "2"], ColumnKind.TEXT, ["01", "1", "2"]),
        (["red", "1", "2"], ColumnKind.INTEGER, ["red", "1", "2"]),
    ],
)
def test_csv_is_read_as_the_label(tmp_path: Path, texts: list[str], label: ColumnKind, found: list[Any]) -> None:
    """`01` is a number where the label is one, and a text where that is."""
    file = tmp_path / "p.csv"
    file.write_text("prediction\n" + "".join(f"{value}\n" for value in texts))
    assert found == read_predictions(file, label).tolist()


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    """Decimals are numbers like others, and structures are what a metric's path leads into."""
    file = tmp_path / "p.parquet"
    duckdb.sql(f"COPY (SELECT 1.50::DECIMAL(4, 2) AS prediction) TO '{file}' (FORMAT parquet)")
    assert [1.5] == read_predictions(file, ColumnKind.NUMBER).tolist()
    duckdb.sql(f"COPY (SELECT {{'class': 'a', 'score': 0.5}} AS prediction) TO '{file}' (FORMAT parquet)")
    assert [{"class": "a", "score": 0.5}] == read_predictions(file, ColumnKind.TEXT).tolist()


def test_parquet_is_asked_for_where_it_is_configured(tmp_path: Path) -> None:
    """What is no Parquet file is said."""
    split = workshop.split_of(tmp_path, TRAIN, TEST)
    spec = workshop.spec(predict=writes("prediction\n1\n2\n3\n"), format="parquet")
    with workshop.opened(tmp_path) as place, pytest.raises(PermanentError, match="it can't be read"):
        predict(spec, split, tmp_path, place, whose="candidate", label=ColumnKind.NUMBER)
