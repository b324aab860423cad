"""Labels that come in later join the windows of any source."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial.adapters.metrics.labels import LAG, PERIOD, with_labels
from seatrial.ports import Metrics, Watched
from seatrial.records import ArmWindow, Labels, Sums, TemporaryError, Window
from seatrial.testing import ScriptedMetrics
from tests.telemetry.making import at, label, prediction, write_labels, write_predictions

WATCHED = Watched(
    service="wine", stable="1", canary="2", release="r", begun=at(0), quality=("rmse", "mae", "error_rate")
)
Seen = dict[tuple[datetime, str], tuple[Sums, Sums]]


def _plain() -> Metrics:
    return ScriptedMetrics(
        lambda start: Window(start=start, weight=0.2, stable=ArmWindow(requests=5), canary=ArmWindow(requests=1))
    )


def _labels(windows: Sequence[Window]) -> Iterator[Labels]:
    return (one for window in windows for one in window.labels)


def _seen(windows: Sequence[Window]) -> Seen:
    """Everything that was told, by the window that served and metric; each must be told as often as it is added up here."""
    found: dict[tuple[datetime, str], list[Labels]] = defaultdict(list)
    for one in _labels(windows):
        found[one.served, one.metric].append(one)
    return {
        key: (_added([one.stable for one in some]), _added([one.canary for one in some])) for key, some in found.items()
    }


def _added(sums: Sequence[Sums]) -> Sums:
    return Sums(
        count=sum(one.count for one in sums),
        total=sum(one.total for one in sums),
        squares=sum(one.squares for one in sums),
    )


def _asked(root: Path, *, until: float = 600.0, watched: Watched = WATCHED) -> Sequence[Window]:
    return with_labels(_plain(), str(root)).windows(watched, at(0), at(until))


def _predictions(root: Path, *rows: Mapping[str, Any]) -> None:
    write_predictions(root, [prediction(**row) for row in rows])


def test_losses_are_added_up_by_arm_and_by_the_window_that_answered(tmp_path: Path) -> None:
    """The error, its square and whether the class is another; their squares with them."""
    _predictions(
        tmp_path,
        {"request_id": "a", "version": "1", "time": at(3), "prediction": 5.0},
        {"request_id": "b", "version": "1", "time": at(4), "prediction": 5.0},
        {"request_id": "c", "version": "2", "time": at(9.9), "prediction": 3.0},
        {"request_id": "d", "version": "2", "time": at(10), "prediction": 4.0},
    )
    came = at(40)
    write_labels(tmp_path, [label(name, value, time=came) for name, value in zip("abcd", (7, 5, 6, 4), strict=True)])
    seen = _seen(_asked(tmp_path))

    assert (Sums(count=2, total=4.0, squares=16.0), Sums(count=1, total=9.0, squares=81.0)) == seen[at(0), "rmse"]
    assert (Sums(count=2, total=2.0, squares=4.0), Sums(count=1, total=3.0, squares=9.0)) == seen[at(0), "mae"]
    assert (Sums(count=2, total=1.0, squares=1.0), Sums(count=1, total=1.0, squares=1.0)) == seen[at(0), "error_rate"]
    assert (Sums(), Sums(count=1)) == seen[at(10), "mae"]
    assert {(at(0), name) for name in WATCHED.quality} | {(at(10), name) for name in WATCHED.quality} == set(seen)


def test_a_label_is_told_once_it_has_surely_been_written(tmp_path: Path) -> None:
    """With the window that ends the minute, at least half a minute after it came in."""
    _predictions(tmp_path, *({"request_id": name, "version": "1", "time": at(1)} for name in "ab"))
    write_labels(tmp_path, [label("a", 5, time=at(PERIOD - LAG - 0.001)), label("b", 5, time=at(PERIOD - LAG))])
    told = {
        window.end: sum(one.stable.count for one in window.labels if one.metric == "mae") for window in _asked(tmp_path)
    }

    assert {at(PERIOD): 1, at(2 * PERIOD): 1} == {end: count for end, count in told.items() if count}


def test_of_several_labels_for_a_row_the_first_counts(tmp_path: Path) -> None:
    """Whether the second one comes within the same minute or much later."""
    _predictions(tmp_path, *({"request_id": name, "version": "2", "time": at(1), "prediction": 5.0} for name in "ab"))
    write_labels(
        tmp_path,
        [
            label("a", 6, time=at(40)),
            label("a", 9, time=at(41)),
            label("b", 7, time=at(42)),
            label("b", 5, time=at(300)),
        ],
    )

    assert (Sums(), Sums(count=2, total=3.0, squares=5.0)) == _seen(_asked(tmp_path))[at(0), "mae"]


def test_what_belongs_to_neither_arm_is_left_out(tmp_path: Path) -> None:
    """Labels without a prediction, of another version, of before the release, and of rows that aren't there."""
    _predictions(
        tmp_path,
        {"request_id": "old", "version": "1", "time": at(-5)},
        {"request_id": "other", "version": "3", "time": at(5)},
        {"request_id": "one-row", "version": "1", "time": at(5)},
    )
    names = ("old", "other", "nobody")
    write_labels(tmp_path, [*(label(name, 5, time=at(40)) for name in names), label("one-row", 5, time=at(40), row=1)])

    assert {} == _seen(_asked(tmp_path))


def test_classes_are_compared_as_classes(tmp_path: Path) -> None:
    """A text is right where it is the same; numbers of it there are none."""
    _predictions(
        tmp_path,
        {"request_id": "a", "version": "1", "time": at(1), "prediction": None, "answer": '"red"'},
        {"request_id": "b", "version": "1", "time": at(1), "prediction": None, "answer": '"white"'},
    )
    write_labels(tmp_path, [label(name, None, time=at(40), json='"red"') for name in "ab"])

    assert {(at(0), "error_rate"): (Sums(count=2, total=1.0, squares=1.0), Sums())} == _seen(_asked(tmp_path))


def test_without_a_log_or_a_wish_windows_stay_as_they_are(tmp_path: Path) -> None:
    """Nothing was predicted yet, or no metric is asked for."""
    plain = _plain().windows(WATCHED, at(0), at(600))
    _predictions(tmp_path / "log", {"request_id": "a", "version": "1", "time": at(1)})
    write_labels(tmp_path / "log", [label("a", 5, time=at(40))])

    assert plain == _asked(tmp_path / "missing")
    assert plain == _asked(tmp_path / "log", watched=replace(WATCHED, quality=()))
    assert plain != _asked(tmp_path / "log")


def test_a_source_that_is_silent_is_so_with_labels_too(tmp_path: Path) -> None:
    """Its error is handed on."""
    source = ScriptedMetrics(lambda start: Window(start=start, weight=0.0))
    source.down = "silent"

    with pytest.raises(TemporaryError, match="silent"):
        with_labels(source, str(tmp_path)).windows(WATCHED, at(0), at(600))


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cuts=st.sets(st.integers(1, 59), max_size=3),
    came=st.lists(st.integers(0, 500), min_size=1, max_size=20),
    seconds=st.sampled_from((5.0, 7.0, 10.0, 90.0)),
)
def test_every_label_is_told_once_however_windows_are_asked_for(
    tmp_path_factory: pytest.TempPathFactory, cuts: set[int], came: list[int], seconds: float
) -> None:
    """Asked for at once or piece by piece, with windows of any length."""
    root = tmp_path_factory.mktemp("log")
    watched = replace(WATCHED, seconds=seconds, quality=("mae",))
    names = [f"r{number}" for number in range(len(came))]
    _predictions(root, *({"request_id": name, "version": "1", "time": at(0.5)} for name in names))
    write_labels(root, [label(name, 5, time=at(after)) for name, after in zip(names, came, strict=True)])
    source = with_labels(ScriptedMetrics(lambda start: Window(start=start, seconds=seconds, weight=0.0)), str(root))
    begin = at(0) - timedelta(seconds=at(0).timestamp() % seconds)
    pieces: list[Window] = []
    for cut in (*sorted(cuts), 75):
        pieces += source.windows(watched, pieces[-1].end if pieces else begin, at(10.0 * cut))
    whole = source.windows(watched, begin, at(750))

    assert list(whole) == pieces
    assert len(came) == sum(one.stable.count for one in _labels(pieces))
