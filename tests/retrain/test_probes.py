"""Looks at streams and prediction logs: an alarm sounds when its interval is beyond the bound, and not before."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from seatrial.records import AlarmSpec, TemporaryError, UsageError
from seatrial.retrain.probes import find_alarm, new_rows
from seatrial.retrain.schedule import Finding
from seatrial.testing import MemoryStream
from tests.telemetry.making import NOON, at, label, prediction, write_labels, write_predictions

RMSE = AlarmSpec(kind="quality", log="log", metric="rmse", above=1.0)
DRIFT = AlarmSpec(kind="drift", log="log", above=0.2)
LATER = NOON + timedelta(hours=1)


def logged(
    root: Path,
    errors: Sequence[float],
    *,
    version: str = "3",
    number: int = 1,
    labelled: bool = True,
    time: float = 0.0,
) -> None:
    """Predictions that are off by these errors."""
    idents = [f"{version}-{number}-{row}" for row in range(len(errors))]
    rows = [prediction(request_id=ident, version=version, time=at(time)) for ident in idents]
    write_predictions(root, rows, numbers=(number, number))
    if labelled:
        given = zip(idents, errors, strict=True)
        write_labels(root, [label(ident, 5.0 - error, time=at(time)) for ident, error in given], number=number)


def drawn(rows: int, scale: float) -> list[float]:
    """Normal errors of this size."""
    return [float(value) for value in np.random.default_rng(7).normal(0, scale, rows)]


def look(alarm: AlarmSpec, root: Path, *, version: str | None = None, reference: Path | None = None) -> Finding:
    """What is found an hour after noon."""
    return find_alarm(alarm, LATER, target=str(root), version=version, reference=lambda: reference)


def test_new_rows_are_those_behind_the_newest_version() -> None:
    """Whatever the group was told; without a version all that the stream has."""
    stream = MemoryStream("ratings/0", "ratings/1")
    stream.put("ratings/0", [b"a", b"b", b"c"])
    stream.put("ratings/1", [b"d"])

    assert 4 == new_rows(stream, dict)
    stream.commit({"ratings/0": 3})
    assert 2 == new_rows(stream, lambda: {"ratings/0": 2})
    stream.answer(answering=False)
    with pytest.raises(TemporaryError):
        new_rows(stream, dict)


def test_quality_sounds_when_its_interval_is_beyond_the_bound(tmp_path: Path) -> None:
    """The sentence has figure, interval, bound, rows and window."""
    logged(tmp_path, drawn(1_000, 1.5))
    found = look(RMSE, tmp_path)

    assert found.sounds
    assert found.said.startswith("rmse of version 3 is 1.4")
    assert found.said.endswith(", above 1, over 1,000 labelled rows within 1 d")


@pytest.mark.parametrize(("scale", "rows"), [(0.8, 1_000), (1.05, 1_000), (1.5, 8)])
def test_quality_is_quiet_while_chance_can_explain_it(scale: float, rows: int, tmp_path: Path) -> None:
    """Below the bound; above it by less than the interval; far above it on a handful of rows."""
    logged(tmp_path, drawn(rows, scale))
    found = look(RMSE, tmp_path)

    assert (False, "") == (found.sounds, found.note)


def test_quality_without_labels_is_no_alarm(tmp_path: Path) -> None:
    """It says so, as it does of a window in which nobody asked, and of one label, which has no interval."""
    logged(tmp_path, drawn(5, 9.0), labelled=False)
    note = "0 of 5 predictions within 1 d have a label: too few"
    assert Finding(sounds=False, said="", note=note) == look(RMSE, tmp_path)

    short = AlarmSpec(kind="quality", log="log", metric="rmse", above=1.0, window=1800.0)
    assert Finding(sounds=False, said="", note="nothing was predicted within 30 min") == look(short, tmp_path)

    write_labels(tmp_path, [label("3-1-0", 99.0)])
    note = "1 of 5 predictions within 1 d have a label: too few"
    assert Finding(sounds=False, said="", note=note) == look(RMSE, tmp_path)


def test_quality_is_that_of_the_version_in_the_stage(tmp_path: Path) -> None:
    """What its predecessor did begins no training any more; where it never answered, the one with most labels counts."""
    logged(tmp_path, drawn(1_000, 2.0), version="3")
    logged(tmp_path, drawn(200, 0.5), version="4", number=2)

    assert [True, False, True, True] == [
        look(RMSE, tmp_path, version=version).sounds for version in ("3", "4", "5", None)
    ]


def test_an_error_rate_is_what_accuracy_leaves(tmp_path: Path) -> None:
    """Its interval is accuracy's, turned round; a bound from below is crossed downwards."""
    rows = [prediction(request_id=str(n), prediction=None, answer='"cat"', version="3") for n in range(400)]
    write_predictions(tmp_path, rows)
    labels = [label(str(n), None, json='"cat"' if n % 4 else '"dog"') for n in range(400)]
    write_labels(tmp_path, labels)

    def sounds(metric: str, *, above: float | None = None, below: float | None = None) -> bool:
        alarm = AlarmSpec(kind="quality", log="log", metric=metric, above=above, below=below)
        return look(alarm, tmp_path).sounds

    assert [True, False, False] == [sounds("error_rate", above=bound) for bound in (0.2, 0.25, 0.3)]
    assert [False, False, True] == [sounds("accuracy", below=bound) for bound in (0.7, 0.75, 0.8)]


def test_drift_sounds_when_an_input_is_shown_to_have_moved(tmp_path: Path) -> None:
    """It names the input that moved most; one that did not move, or may have by chance, is no reason."""
    rng = np.random.default_rng(3)
    kinds = {"age": "float64", "fare": "float64"}

    def write(folder: Path, shift: float, rows: int) -> Path:
        inputs = zip(rng.normal(shift, 1, rows), rng.normal(0, 1, rows), strict=True)
        asked = [
            prediction(request_id=str(n), time=at(n / 10), input_age=float(age), input_fare=float(fare))
            for n, (age, fare) in enumerate(inputs)
        ]
        write_predictions(folder, asked, inputs=kinds)
        return folder

    reference = tmp_path / "training.csv"
    lines = [f"{age:.4f},{fare:.4f}" for age, fare in rng.normal(0, 1, (4_000, 2))]
    reference.write_text("\n".join(["age,fare", *lines]) + "\n")
    moved = look(DRIFT, write(tmp_path / "moved", 2.0, 2_000), reference=reference)

    assert moved.sounds
    assert moved.said.startswith("drift of age: stability index ")
    assert moved.said.endswith(", above 0.2, over 2,000 rows within 1 d")
    assert not look(DRIFT, write(tmp_path / "same", 0.0, 2_000), reference=reference).sounds
    assert not look(DRIFT, write(tmp_path / "few", 0.3, 20), reference=reference).sounds


def test_drift_without_a_reference_is_no_alarm(tmp_path: Path) -> None:
    """Before the first model, or where nobody kept what it was trained on."""
    logged(tmp_path, drawn(5, 1.0))
    found = look(DRIFT, tmp_path)

    note = "nobody knows what the model in the stage was trained on; name a reference: in the alarm"
    assert Finding(sounds=False, said="", note=note) == found


def test_a_log_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """It is told; what is told and how often is the scheduler's business."""
    with pytest.raises(UsageError, match="no such directory"):
        look(RMSE, tmp_path / "nowhere")
