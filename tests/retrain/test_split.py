"""Rows are kept from training so that nothing of them leaks into it."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.records import ColumnKind, ColumnSpec, DataCheckSpec, HoldoutSpec, PermanentError, UsageError
from seatrial.retrain.leaks import Files, find_leaks
from seatrial.retrain.rows import micros, opened
from seatrial.retrain.sides import Side, Sided, Wanted
from tests.retrain.splitting import COLUMNS, KEYED, TRAIN, at, dataset, parted, rating, read

BY_TIME = HoldoutSpec(by="time", share=0.25)
BY_USER = HoldoutSpec(by="entity", share=0.3, column="user")
BY_ROW = HoldoutSpec(by="row", share=0.3)

ratings = st.builds(
    rating,
    st.one_of(st.none(), st.integers(0, 12)),
    st.one_of(st.none(), st.integers(1, 9)),
    st.one_of(st.none(), st.sampled_from(["Heat", "Up", "7:Up", ""])),
    st.one_of(st.none(), st.sampled_from([1.0, 2.5, 5.0, float("nan")])),
)


def test_the_latest_rows_are_held_out(tmp_path: Path) -> None:
    """By time: the boundary is a moment, and the files are in the order of the dataset."""
    found = parted(tmp_path, [rating(minute, minute, "Up", 4.0) for minute in (5, 1, 2, 7, 3, 4, 0, 6)], BY_TIME)
    assert at(6) == found.boundary
    assert [5, 1, 2, 3, 4, 0] == [row["user"] for row in read(found.train_file)]
    assert [7, 6] == [row["user"] for row in read(found.test_file)]
    assert (6, 2) == (found.train_rows, found.test_rows)


def test_rows_of_one_moment_stay_together(tmp_path: Path) -> None:
    """However many rows are from the boundary's moment, all of them are on one side: the nearer one to the share."""
    rows = [rating(0, user, "Up", 4.0) for user in range(4)]
    rows += [rating(1, user, "Up", 4.0) for user in range(10, 17)] + [rating(2, 20, "Up", 4.0)]
    found = parted(tmp_path, [*rows, rating(2, 21, "Up", 3.0)], HoldoutSpec(by="time", share=0.3))
    assert at(2) == found.boundary
    assert (11, 2) == (found.train_rows, found.test_rows)


def test_the_label_is_kept_from_who_predicts(tmp_path: Path) -> None:
    """The held-out rows are without the label; the truth has it with what the gate needs, in the same order."""
    found = parted(tmp_path, [rating(minute, minute, "Up", float(minute)) for minute in range(8)], BY_TIME)
    assert [{"time", "user", "movie"}] * 2 == [set(row) for row in read(found.test_file)]
    assert [
        {"rating": 6.0, "movie": "Up", "user": 6},
        {"rating": 7.0, "movie": "Up", "user": 7},
    ] == read(found.truth_file)


def test_nothing_that_the_stages_model_may_have_seen_is_held_out(tmp_path: Path) -> None:
    """By time, a later seal moves the boundary on; what lies between is trained on."""
    rows = [rating(minute, minute, "Up", 4.0) for minute in range(10)]
    found = parted(tmp_path, rows, HoldoutSpec(by="time", share=0.5), sealed_from=at(8))
    assert at(8) == found.boundary
    assert (8, 2) == (found.train_rows, found.test_rows)
    assert any("the model in the stage may have seen" in check for check in found.checks)


def test_too_few_rows_after_the_seal_are_said(tmp_path: Path) -> None:
    """With nothing left to judge on there are no files, and the reason says what to wait for."""
    found = parted(tmp_path, [rating(minute, 1, f"{minute}", 4.0) for minute in range(10)], BY_TIME, sealed_from=at(9))
    assert ("", "", 0) == (found.train_file, found.test_digest, len(found.checks))
    assert "of 10 rows 9 are left to train on and 1 to judge the model on" in found.too_few
    assert "wait for newer rows" in found.too_few


@pytest.mark.parametrize("spec", [BY_TIME, BY_USER, BY_ROW])
def test_no_rows_are_too_few(tmp_path: Path, spec: HoldoutSpec) -> None:
    """An empty version is no error."""
    assert "of 0 rows 0 are left" in parted(tmp_path, [], spec).too_few


def test_one_moment_alone_can_not_be_split_by_time(tmp_path: Path) -> None:
    """There is no boundary between rows of the same moment."""
    found = parted(tmp_path, [rating(3, user, "Up", 4.0) for user in range(10)], BY_TIME)
    assert "of 10 rows 0 are left to train on and 10 to judge" in found.too_few


def test_the_same_users_are_held_out_every_time(tmp_path: Path) -> None:
    """By entity: who is held out depends on nothing but the user, so later versions hold out the same ones."""
    first = [rating(minute, minute % 40, f"{minute}", 4.0) for minute in range(200)]
    later = [rating(1000 + minute, minute % 60, f"{minute}", 2.0) for minute in range(300)]
    held = {row["user"] for row in read(parted(tmp_path, first, BY_USER).test_file)}
    found = parted(tmp_path, [*later, *reversed(first)], BY_USER)
    held_later = {row["user"] for row in read(found.test_file)}
    assert held == {user for user in held_later if user < 40}
    assert not held_later & {row["user"] for row in read(found.train_file)}
    assert f"no user is on both sides ({len(held_later)} held out)" in found.checks


def test_the_hash_is_what_it_was(tmp_path: Path) -> None:
    """The users that are held out today were held out when this test was written."""
    found = parted(tmp_path, [rating(user, user, "Up", 4.0) for user in range(30)], BY_USER)
    assert HELD_OUT == [row["user"] for row in read(found.test_file)]


def test_a_sealed_users_old_rows_are_on_neither_side(tmp_path: Path) -> None:
    """A held-out user's rows that the stage's model may have seen judge nothing, and are not trained on either."""
    rows = [rating(minute, user, f"{minute}", 4.0) for minute in range(10) for user in range(30)]
    found = parted(tmp_path, rows, BY_USER, sealed_from=at(5))
    held = {row["user"] for row in read(found.test_file)}
    assert micros(at(5)) == min(row["time"] for row in read(found.test_file))
    assert not held & {row["user"] for row in read(found.train_file)}
    assert (30 - len(held)) * 10 == found.train_rows
    assert any(check.startswith(f"{len(held) * 5} rows that would be held out") for check in found.checks)


def test_copies_of_one_key_land_on_one_side(tmp_path: Path) -> None:
    """By row: what was rated again later is where the first rating is."""
    rows = [rating(minute, minute % 50, "Up", float(minute % 5)) for minute in range(200)]
    found = parted(tmp_path, rows, BY_ROW)
    assert not {row["user"] for row in read(found.test_file)} & {row["user"] for row in read(found.train_file)}
    assert 200 == found.train_rows + found.test_rows


def test_by_time_a_copy_of_what_is_held_out_is_not_trained_on(tmp_path: Path) -> None:
    """An earlier row of a held-out key is on neither side, and that is said."""
    rows = [rating(minute, minute, "Up", 4.0) for minute in range(9)]
    found = parted(tmp_path, [*rows, rating(9, 0, "Up", 5.0)], HoldoutSpec(by="time", share=0.2))
    assert (7, 2) == (found.train_rows, found.test_rows)
    assert "1 row of which a copy (by user, movie) is held out: on neither side" in found.checks


def test_old_rows_are_not_used(tmp_path: Path) -> None:
    """History counts back from the newest row."""
    spec = HoldoutSpec(by="time", share=0.5, history=180.0)
    found = parted(tmp_path, [rating(minute, minute, "Up", 4.0) for minute in range(10)], spec)
    assert [6, 7] == [row["user"] for row in read(found.train_file)]
    assert "6 rows older than 180 seconds: on neither side" in found.checks


def test_rows_without_a_label_or_a_time_are_on_neither_side(tmp_path: Path) -> None:
    """What can't be judged or placed is left out, and counted."""
    rows = [rating(minute, minute, "Up", 4.0) for minute in range(8)]
    found = parted(tmp_path, [*rows, rating(2, 9, "Up", None), rating(None, 8, "Up", 3.0)], BY_TIME)
    assert 8 == found.train_rows + found.test_rows
    assert "2 rows without rating or time: on neither side" in found.checks


@pytest.mark.parametrize(
    ("spec", "sealed"), [(BY_TIME, False), (HoldoutSpec(by="row", history=60.0), False), (BY_USER, True)]
)
def test_what_needs_a_time_says_so(tmp_path: Path, spec: HoldoutSpec, sealed: bool) -> None:  # noqa: FBT001
    """Without a time column nothing is guessed."""
    with pytest.raises(UsageError, match="no time column"):
        parted(tmp_path, [], spec, checks=DataCheckSpec(), sealed_from=at(3) if sealed else None)


def test_csv_holds_the_same_rows(tmp_path: Path) -> None:
    """Trainers that read CSV get what those that read Parquet get; the checks read that file too."""
    rows = [rating(minute + 0.001, minute, 'U"p,\n', 4.1) for minute in range(8)]
    as_parquet = parted(tmp_path, rows, BY_TIME)
    as_csv = parted(tmp_path, rows, BY_TIME, train=replace(TRAIN, format="csv"))
    assert read(as_parquet.train_file) == read(as_csv.train_file)
    assert read(as_parquet.test_file) == read(as_csv.test_file)
    assert "time,user,movie" == Path(as_csv.test_file).read_text().splitlines()[0]
    assert as_parquet.checks == as_csv.checks


@pytest.mark.parametrize("spec", [BY_TIME, BY_USER, BY_ROW])
def test_the_same_rows_are_split_into_the_same_bytes(tmp_path: Path, spec: HoldoutSpec) -> None:
    """A step that was cut off is done again with the same outcome."""
    rows = [rating(minute, minute % 100, f"{minute}", 4.0) for minute in range(3000)]
    assert parted(tmp_path, rows, spec) == parted(tmp_path, rows, spec)


def test_a_leak_ends_the_run(tmp_path: Path) -> None:
    """The check looks at the files: a row that got into both is found, whatever was meant."""
    folder = tmp_path / "run"
    folder.mkdir()
    (tmp_path / "a").mkdir()
    train = dataset(tmp_path / "a", [rating(1, 1, "Up", 4.0), rating(2, 2, "Up", 4.0)])
    held = tuple(column for column in COLUMNS if column.name != "rating")
    test = dataset(tmp_path, [rating(2, 2, "Up", 4.0)[:3]], held)
    truth = dataset(folder, [(4.0,)], (ColumnSpec(name="rating", kind=ColumnKind.NUMBER),))
    files = Files(train=train, test=test, truth=truth, features=held)
    for spec, checks, told in (
        (BY_ROW, KEYED, "1 row to train on is held out as well, by user, movie"),
        (BY_USER, DataCheckSpec(time="time", key=("time", "rating")), "1 row to train on is held out"),
        (BY_USER, DataCheckSpec(time="time", key=("movie", "time", "user", "rating")), "held-out values of user|1 row"),
    ):
        wanted = Wanted(
            spec=spec,
            columns={column.name: column for column in COLUMNS},
            label="rating",
            time="time",
            key=checks.key,
            sealed_from=None,
        )
        sided = Sided(counts={Side.TRAIN: 2, Side.TEST: 1})
        with opened(folder) as connection, pytest.raises(PermanentError, match=told):
            find_leaks(connection, files, wanted, sided)


@settings(max_examples=40)
@given(
    rows=st.lists(ratings, max_size=60),
    spec=st.sampled_from([BY_TIME, BY_USER, BY_ROW, HoldoutSpec(by="time", share=0.5, history=300.0)]),
    sealed=st.one_of(st.none(), st.integers(0, 12)),
    key=st.sampled_from([(), ("user", "movie"), ("movie",), ("time", "user")]),
)
def test_no_split_leaks(
    rows: list[tuple[object, ...]], spec: HoldoutSpec, sealed: int | None, key: tuple[str, ...]
) -> None:
    """Whatever the rows are: nothing is on both sides, nothing sealed is held out, no row is invented or doubled."""
    with TemporaryDirectory() as folder:
        checks = DataCheckSpec(time="time", key=key)
        seal = None if sealed is None else at(sealed)
        found = parted(Path(folder), rows, spec, checks=checks, sealed_from=seal)
        if found.too_few:
            assert not found.train_file
            return
        train, test, truth = (read(file) for file in (found.train_file, found.test_file, found.truth_file))
        whole = [{**row, "rating": told["rating"]} for row, told in zip(test, truth, strict=True)]
        identity = key or ("time", "user", "movie", "rating")
        keys = [{tuple(row[column] for column in identity) for row in side} for side in (train, whole)]
        assert not keys[0] & keys[1]
        assert seal is None or all(row["time"] >= micros(seal) for row in test)
        if spec.by == "time":
            assert max(row["time"] for row in train) < min(row["time"] for row in test)
        if spec.by == "entity":
            assert not {row["user"] for row in train} & {row["user"] for row in test}
        given = sorted(str(_plain(row)) for row in rows)
        for row in (str(tuple(row.values())) for row in (*train, *whole)):
            given.remove(row)


def _plain(row: tuple[object, ...]) -> tuple[object, ...]:
    """A row as `read` gives it."""
    return (micros(row[0]) if row[0] is not None else None, *row[1:])  # type: ignore[arg-type]


HELD_OUT = [3, 8, 18, 29]
