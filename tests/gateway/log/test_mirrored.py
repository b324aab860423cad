"""Answers to copies are held against answers to their originals."""

from pathlib import Path
from typing import Any

import pytest

from seatrial.gateway.log.mirrored import Logged, compare_mirrored
from seatrial.records import Differing, MirrorReport, UsageError
from tests.telemetry.making import at, prediction, write_predictions


def compared(folder: Path, *, since: float | None = None, until: float | None = None) -> MirrorReport:
    """Both arms in one log."""
    return compare_mirrored(
        Logged(target=str(folder), version="1"),
        Logged(target=str(folder), version="2"),
        since=None if since is None else at(since),
        until=None if until is None else at(until),
    )


def both(request_id: str, stable: float | None, canary: float | None, **given: object) -> list[dict[str, object]]:
    """A request that both answered."""
    return [
        prediction(request_id=request_id, version=version, prediction=value, **given)
        for version, value in (("1", stable), ("2", canary))
    ]


def test_numbers_are_compared_row_by_row(tmp_path: Path) -> None:
    """Differences are canary − stable; a millionth is none."""
    write_predictions(
        tmp_path, [*both("a", 5.0, 5.0), *both("b", 5.0, 5.000001), *both("c", 5.0, 5.5), *both("d", 5.0, 3.0)]
    )

    report = compared(tmp_path)

    assert (4, 4, 2, 4, 0.5) == (report.rows, report.compared, report.same, report.numbers, report.agreement)
    assert report.mean == pytest.approx(-0.375)
    assert report.mean_absolute == pytest.approx(0.625)
    assert 2.0 == report.largest_absolute
    assert (
        Differing(request_id="d", row=0, stable="5.0", canary="3.0", difference=-2.0),
        Differing(request_id="c", row=0, stable="5.0", canary="5.5", difference=0.5),
    ) == report.differing


def test_classes_are_the_same_or_not(tmp_path: Path) -> None:
    """And have no differences."""
    write_predictions(
        tmp_path,
        [
            prediction(request_id=request_id, version=version, prediction=None, answer=answer)
            for request_id, version, answer in (
                ("a", "1", '"red"'),
                ("a", "2", '"red"'),
                ("b", "1", '"red"'),
                ("b", "2", '"white"'),
            )
        ],
    )

    report = compared(tmp_path)

    assert (2, 1, 0, None) == (report.compared, report.same, report.numbers, report.mean)
    assert (Differing(request_id="b", row=0, stable='"red"', canary='"white"'),) == report.differing


def test_rows_that_one_side_has_not_or_failed_at_are_told(tmp_path: Path) -> None:
    """They are not compared."""
    write_predictions(
        tmp_path,
        [
            *both("a", 5.0, 5.0),
            prediction(request_id="lost", version="1"),
            prediction(request_id="user", version="2"),
            prediction(request_id="b", version="1"),
            prediction(request_id="b", version="2", status=422, prediction=None),
            prediction(request_id="c", version="1", status=500, prediction=None),
            prediction(request_id="c", version="2"),
        ],
    )

    report = compared(tmp_path)

    assert (3, 1) == (report.rows, report.compared)
    assert (1, 1) == (report.only_stable, report.only_canary)
    assert (1, 1) == (report.canary_failed, report.stable_failed)


def test_answers_that_were_not_logged_do_not_agree(tmp_path: Path) -> None:
    """They are not compared, and neither a number nor a text agrees with the other kind."""
    write_predictions(tmp_path, [*both("a", None, None), *both("b", 5.0, None)])
    kinds: list[dict[str, Any]] = [
        {"version": "1", "answer": '"5"', "prediction": None},
        {"version": "2", "prediction": 5.0},
    ]
    write_predictions(tmp_path, [prediction(request_id="c", **kind) for kind in kinds], numbers=(2, 2))

    report = compared(tmp_path)

    assert (3, 1, 0) == (report.rows, report.compared, report.same)


def test_arms_may_have_logs_of_their_own(tmp_path: Path) -> None:
    """Several rows of a request are compared each with its own; of a repeated one the last counts."""
    write_predictions(tmp_path / "s", [prediction(version="1", row=row, prediction=float(row)) for row in range(3)])
    write_predictions(
        tmp_path / "c",
        [
            prediction(version="2", row=0, prediction=9.0, time=at(-1.0)),
            *(prediction(version="2", row=row, prediction=float(row)) for row in range(3)),
        ],
    )

    report = compare_mirrored(
        Logged(target=str(tmp_path / "s"), version="1"), Logged(target=str(tmp_path / "c"), version="2")
    )

    assert (3, 3) == (report.compared, report.same)


def test_only_a_span_is_looked_at(tmp_path: Path) -> None:
    """That of the mirror step."""
    write_predictions(tmp_path, [*both("a", 1.0, 1.0, time=at(0.0)), *both("b", 1.0, 1.0, time=at(60.0))])

    assert 1 == compared(tmp_path, since=30.0).rows
    assert 1 == compared(tmp_path, until=30.0).rows


def test_without_copies_nothing_is_said(tmp_path: Path) -> None:
    """No agreement, and no zero either."""
    write_predictions(tmp_path, [prediction(version="1")])

    report = compared(tmp_path)

    assert (0, None, None, 1) == (report.compared, report.agreement, report.mean, report.only_stable)


def test_without_a_log_there_is_an_error(tmp_path: Path) -> None:
    """It names what would write one."""
    with pytest.raises(UsageError, match="no prediction was logged here"):
        compared(tmp_path)
