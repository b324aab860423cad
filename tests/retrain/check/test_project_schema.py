"""The project's own pandera schema, beside the columns."""

from itertools import count
from pathlib import Path
from typing import Any

import pytest

from seatrial.records import Checked, ColumnKind, ColumnSpec, DataCheckSpec, UsageError, Verdict
from tests.retrain.check.batches import RATINGS, checked, finding, findings, ratings, reasons_of

HEAD = "import pandera.pandas as pa\nfrom pandera.pandas import Check, Column, DataFrameSchema\n\n"
_NUMBERS = count()


def found_with(folder: Path, schema: str, *, columns: tuple[ColumnSpec, ...] = RATINGS, **given: Any) -> Checked:
    """What is found of a hundred ratings with this schema of the project's, called `own`."""
    module = f"own_schema_{next(_NUMBERS)}"
    (folder / f"{module}.py").write_text(HEAD + schema)
    spec = DataCheckSpec(time="time", key=("user", "movie", "time"), most_bad=0.5, schema=f"{module}:own")
    return checked(folder, ratings(100, **given), spec, columns)


def test_rows_that_it_refuses_are_quarantined(tmp_path: Path) -> None:
    """By a check of a column, of each value, and of whole rows."""
    found = found_with(
        tmp_path,
        """own = DataFrameSchema(
            {
                "user": Column(str, Check.str_startswith("u", name="known_user")),
                "rating": Column(int, Check(lambda value: value != 3, element_wise=True, name="decided")),
            },
            checks=[Check(lambda rows: rows["movie"] != rows["user"], name="not_oneself")],
        )""",
        rating=[1, 2, 3, 4, *[5] * 96],
        user={5: "x1", 6: "u9"},
        movie={6: "u9"},
    )
    module = found.findings[0].reason.rpartition(" of ")[2]
    assert {
        2: f"rating: 3 fails decided of {module}",
        5: f"user: 'x1' fails known_user of {module}",
        6: f"fails not_oneself of {module}",
    } == reasons_of(found)
    assert "'x1'" == finding(found, "schema", "user").examples[0]
    assert Verdict.PASS is found.verdict


def test_what_it_says_of_all_rows_together_refuses_the_batch(tmp_path: Path) -> None:
    """A mean is nobody's row: all are quarantined, good ones too, and the reason is in each."""
    found = found_with(
        tmp_path,
        """own = DataFrameSchema(
            {"rating": Column(int, Check(lambda values: values.mean() > 4.5, name="happy"))},
            checks=[Check(lambda rows: len(rows) > 99, name="enough")],
        )""",
        rating=[1] * 99 + [9],
    )
    assert (Verdict.FAIL, 0, 100, "") == (found.verdict, found.good, found.bad, found.good_file)
    sentences = sorted(one.reason.partition(" of own_schema")[0] for one in findings(found, "schema") if one.verdict)
    assert ["rating fails happy", "the batch fails enough"] == sentences
    reasons = reasons_of(found)
    assert "rating: 9 is above 5" == reasons[99]
    assert reasons[0].startswith("refused with its batch: ")


def test_it_sees_all_rows_that_are_right_by_their_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Together, however they are read elsewhere, and of types that it can rely on: a bad row does not make them others."""
    monkeypatch.setattr("seatrial.retrain.check.batch.CHUNK", 10)
    found = found_with(
        tmp_path,
        """own = DataFrameSchema(
            {
                "user": Column(str),
                "rating": Column("int64"),
                "time": Column("datetime64[us, UTC]"),
                "share": Column(float, nullable=True),
                "votes": Column("Int64", nullable=True),
                "seen": Column(bool),
            },
            checks=[Check(lambda rows: len(rows) == 98, name="ninety_eight")],
        )""",
        columns=(
            *RATINGS,
            ColumnSpec(name="share", kind=ColumnKind.NUMBER, optional=True),
            ColumnSpec(name="votes", kind=ColumnKind.INTEGER, optional=True),
            ColumnSpec(name="seen", kind=ColumnKind.BOOLEAN),
        ),
        rating={3: None, 55: 9},
        share=[None, *[0.5] * 99],
        votes=[None, *[2**62 + 1] * 99],
        seen=[True] * 100,
    )
    assert (Verdict.PASS, 2) == (found.verdict, found.bad)


def test_a_model_is_a_schema_too(tmp_path: Path) -> None:
    """As a class."""
    found = found_with(
        tmp_path,
        "class own(pa.DataFrameModel):\n    rating: int = pa.Field(le=4)\n",
        rating=[5, 5, *[1] * 98],
    )
    assert [0, 1] == sorted(reasons_of(found))


@pytest.mark.parametrize(
    "schema",
    [
        "own = DataFrameSchema({'rating': Column(int, Check.le(4))}, drop_invalid_rows=True)",
        "own = DataFrameSchema({'rating': Column(int, Check.le(4, n_failure_cases=1))})",
        "own = DataFrameSchema({'rating': Column(int, Check.le(4, ignore_na=False))}, coerce=True)",
    ],
)
def test_no_row_is_hidden_by_an_option(tmp_path: Path, schema: str) -> None:
    """Dropping bad rows, or telling of the first alone, changes nothing."""
    found = found_with(tmp_path, schema, rating=[5, 5, *[1] * 98])
    assert [0, 1] == sorted(reasons_of(found))


def test_uniqueness_is_about_rows(tmp_path: Path) -> None:
    """All rows that are not unique are refused, as pandera says."""
    found = found_with(
        tmp_path,
        "own = DataFrameSchema({}, unique=['user', 'movie'])",
        user=[f"u{n}" for n in range(98)] + ["u0", "u0"],
        movie=["m"] * 100,
    )
    assert [0, 98, 99] == sorted(reasons_of(found))


def test_an_optional_value_that_is_missing_can_be_refused(tmp_path: Path) -> None:
    """Where the project is stricter than the columns."""
    found = found_with(
        tmp_path,
        "own = DataFrameSchema({'note': Column(str, nullable=False)})",
        columns=(*RATINGS, ColumnSpec(name="note", kind=ColumnKind.TEXT, optional=True)),
        note=[None, *["x"] * 99],
    )
    (reason,) = reasons_of(found).values()
    assert reason.startswith("note: fails not_nullable of own_schema_")


@pytest.mark.parametrize(
    ("message", "schema"),
    [
        ("can't be loaded", "there_is = None"),
        ("can't be loaded", "raise RuntimeError('broken')"),
        ("is no schema of pandera", "own = {'rating': int}"),
        ("ZeroDivisionError", "own = DataFrameSchema({'rating': Column(int, Check(lambda values: 1 / 0))})"),
        ("column 'colour' not in dataframe", "own = DataFrameSchema({'colour': Column(str)})"),
        ("'rating' to have type float64", "own = DataFrameSchema({'rating': Column(float)})"),
        ("column 'user' not in", "own = DataFrameSchema({'rating': Column(int)}, strict=True)"),
    ],
)
def test_a_schema_that_can_t_be_applied_quarantines_nothing(tmp_path: Path, message: str, schema: str) -> None:
    """It is the project's fault and no row's: an error says what to mend, and no file is written."""
    with pytest.raises(UsageError, match=message) as raised:
        found_with(tmp_path, schema)
    assert "data.checks.pandera" == raised.value.where
    assert not list(tmp_path.glob("*good*")) + list(tmp_path.glob("*bad*"))
