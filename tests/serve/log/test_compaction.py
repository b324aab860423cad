"""Merging small segments: no row is lost or doubled, whenever it stops and whoever else does it."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from seatrial.records.telemetry import Segment, segment_name, visible
from seatrial.serve.log import Compacted, Label, compact
from seatrial.serve.log.compaction import Sized, plan
from seatrial.serve.log.places import Directory, Kept
from seatrial.serve.log.scribe import Stamped
from tests.serve.log.makers import DAY, MIXED, NOON, answered, desk, numbers, rows, segments

LATER = 1e12
"""A clock so late that every worker is gone."""
FOLDER = "predictions/date=2026-11-21"


def later() -> float:
    """See LATER."""
    return LATER


def fill(place: Path | Directory, count: int, worker: str = "w1", time: float = NOON, each: int = 1) -> list[str]:
    """Writes `count` segments of `each` rows and returns the request ids."""
    made = desk(place, worker=worker)
    written = []
    for number in range(count):
        ids = [f"{worker}.{number}.{row}" for row in range(each)]
        made.convert([numbers(*ids, time=time)])
        made.write()
        written += ids
    return sorted(written)


def ids(folder: Path) -> list[str]:
    """The request ids that a reader sees."""
    return rows(folder, "request_id", order="request_id")


def test_segments_of_a_worker_that_is_gone_become_one(tmp_path: Path) -> None:
    """Named after the numbers that it holds; every row is still there."""
    written = fill(tmp_path, 5, each=2)
    assert Compacted(merged=5, written=1, rows=10) == compact(str(tmp_path), clock=later)
    assert (["w1-000001-000005.parquet"], written) == (segments(tmp_path), ids(tmp_path))


def test_values_and_nulls_survive(tmp_path: Path) -> None:
    """All columns of all kinds."""
    made = desk(tmp_path, MIXED)
    for value in ([41, True, "NL"], [None, None, None]):
        made.convert([answered([value], np.array([1.0]))])
        made.write()
    before = rows(tmp_path, order="input_age")
    compact(str(tmp_path), clock=later)
    assert (1, before) == (len(segments(tmp_path)), rows(tmp_path, order="input_age"))


def test_a_second_time_there_is_nothing_to_do(tmp_path: Path) -> None:
    """So that the command may run from cron."""
    fill(tmp_path, 5)
    compact(str(tmp_path), clock=later)
    assert Compacted() == compact(str(tmp_path), clock=later)


def test_workers_dates_and_kinds_stay_apart(tmp_path: Path) -> None:
    """A merged segment belongs to one worker and one date, as its parts do."""
    fill(tmp_path, 2, worker="w1")
    fill(tmp_path, 2, worker="w2")
    fill(tmp_path, 2, worker="w3", time=NOON + DAY)
    made = desk(tmp_path, worker="w4")
    for label in range(2):
        made.convert([Stamped(time=NOON, label=Label(request_id="a", label=label))])
        made.write()
    assert Compacted(merged=8, written=4, rows=8) == compact(str(tmp_path), clock=later)
    assert [f"w{worker}-000001-000002.parquet" for worker in (1, 2, 3)] == segments(tmp_path)
    assert ["w4-000001-000002.parquet"] == segments(tmp_path, "labels")


def test_only_one_date_is_compacted_where_one_is_named(tmp_path: Path) -> None:
    """The others stay as they are."""
    fill(tmp_path, 2, worker="w1")
    fill(tmp_path, 2, worker="w2", time=NOON + DAY)
    assert 2 == compact(str(tmp_path), day=date(2026, 11, 22), clock=later).merged
    assert ["w1-000001-000001.parquet", "w1-000002-000002.parquet", "w2-000001-000002.parquet"] == segments(tmp_path)


def test_numbers_that_belong_to_another_date_are_not_swallowed(tmp_path: Path) -> None:
    """Around midnight a worker may go back and forth; a range never holds a number of the other date."""
    made = desk(tmp_path)
    for number, time in enumerate((NOON, NOON, NOON + DAY, NOON, NOON)):
        made.convert([numbers(f"r{number}", time=time)])
        made.write()
    compact(str(tmp_path), clock=later)
    expected = ["w1-000001-000002.parquet", "w1-000003-000003.parquet", "w1-000004-000005.parquet"]
    assert (expected, [f"r{number}" for number in range(5)]) == (segments(tmp_path), ids(tmp_path))


def test_of_a_worker_at_work_only_whole_blocks_are_merged(tmp_path: Path) -> None:
    """What it writes next must fit beside them: 5 segments are a block of 4 and one that waits."""
    fill(tmp_path, 5)
    now = (tmp_path / FOLDER / "w1-000005-000005.parquet").stat().st_mtime
    compact(str(tmp_path), clock=lambda: now + 599)
    assert ["w1-000001-000004.parquet", "w1-000005-000005.parquet"] == segments(tmp_path)
    compact(str(tmp_path), clock=lambda: now + 601)
    assert ["w1-000001-000005.parquet"] == segments(tmp_path)


def test_of_a_date_that_a_worker_left_everything_is_merged(tmp_path: Path) -> None:
    """Its numbers go on in the next date, so that no more can come."""
    made = desk(tmp_path)
    for number in range(4):
        made.convert([numbers(f"r{number}", time=NOON if number < 3 else NOON + DAY)])
        made.write()
    compact(str(tmp_path), clock=lambda: 0.0)
    assert ["w1-000001-000003.parquet", "w1-000004-000004.parquet"] == segments(tmp_path)


def test_no_merged_segment_has_more_rows_than_wanted(tmp_path: Path) -> None:
    """Blocks are halved until they fit."""
    written = fill(tmp_path, 8, each=3)
    compact(str(tmp_path), target_rows=12, clock=later)
    assert ["w1-000001-000004.parquet", "w1-000005-000008.parquet"] == segments(tmp_path)
    assert written == ids(tmp_path)


class Stopping(Directory):
    """A place where the process is killed at one of its calls."""

    def __init__(self, root: Path, stop_before: str, after: int = 0) -> None:
        super().__init__(root)
        self.stop_before, self.left = stop_before, after

    def _step(self, name: str) -> None:
        if name == self.stop_before:
            if self.left == 0:
                raise KeyboardInterrupt
            self.left -= 1

    def write(self, path: str, content: bytes | memoryview) -> None:
        """Or not."""
        self._step("write")
        super().write(path, content)

    def delete(self, paths: Sequence[str]) -> None:
        """One after another, or not."""
        for path in paths:
            self._step("delete")
            super().delete([path])


@pytest.mark.parametrize(("stop_before", "after"), [("write", 0), ("delete", 0), ("delete", 2)])
def test_a_crash_at_any_point_loses_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop_before: str, after: int
) -> None:
    """Before the merged segment is there, before its parts are deleted, and in the middle of that."""
    written = fill(tmp_path, 4)
    stopping = Stopping(tmp_path, stop_before, after)
    monkeypatch.setattr("seatrial.serve.log.compaction.open_place", lambda _: stopping)
    with pytest.raises(KeyboardInterrupt):
        compact(str(tmp_path), clock=later)
    assert written == ids(tmp_path)
    monkeypatch.undo()
    done = compact(str(tmp_path), clock=later)
    assert (written, ["w1-000001-000004.parquet"]) == (ids(tmp_path), segments(tmp_path))
    assert 4 - after == done.merged + done.removed


def test_a_file_that_is_no_segment_is_told_and_left_alone(tmp_path: Path) -> None:
    """Whatever put it there; the segments beside it are merged."""
    written = fill(tmp_path, 4)
    broken = tmp_path / FOLDER / "w1-000005-000005.parquet"
    broken.write_bytes((tmp_path / FOLDER / "w1-000004-000004.parquet").read_bytes()[:-20])
    done = compact(str(tmp_path), clock=later)
    assert (4, (f"{FOLDER}/{broken.name}",)) == (done.merged, done.broken)
    broken.unlink()
    assert written == ids(tmp_path)


@pytest.mark.parametrize("damage", [b"", b"PAR1", b"PAR1" + b"\xff" * 40 + b"PAR1"])
def test_damage_of_any_kind_is_no_crash(tmp_path: Path, damage: bytes) -> None:
    """A reader that panics would take the process with it."""
    fill(tmp_path, 1)
    (tmp_path / FOLDER / "w1-000002-000002.parquet").write_bytes(damage)
    assert (0, 1) == (compact(str(tmp_path), clock=later).merged, len(compact(str(tmp_path), clock=later).broken))


def test_damage_inside_is_found_before_anything_is_deleted(tmp_path: Path) -> None:
    """Where a page cannot be read, all parts stay."""
    fill(tmp_path, 2, each=50)
    path = tmp_path / FOLDER / "w1-000002-000002.parquet"
    content = bytearray(path.read_bytes())
    content[4:1000] = b"\xff" * 996
    path.write_bytes(content)
    assert 2 == len(compact(str(tmp_path), clock=later).broken)
    assert ["w1-000001-000001.parquet", "w1-000002-000002.parquet"] == segments(tmp_path)


class Vanishing(Directory):
    """A place where another compaction is faster."""

    def __init__(self, root: Path, at: str) -> None:
        super().__init__(root)
        self.at = at

    def list(self, folder: str) -> list[Kept]:
        """What was there before the other one ended."""
        found = super().list(folder)
        if self.at == "list":
            compact(str(self._root), clock=later)
        return found

    def read(self, path: str) -> bytes:
        """Gone, once the other one ended."""
        if self.at == "read":
            compact(str(self._root), clock=later)
        return super().read(path)


@pytest.mark.parametrize("at", ["list", "read"])
def test_another_compaction_at_the_same_time_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """The slower one leaves what the faster one made."""
    written = fill(tmp_path, 4)
    monkeypatch.setattr("seatrial.serve.log.compaction.open_place", Directory)
    place = Vanishing(tmp_path, at)
    with monkeypatch.context() as patch:
        chosen = iter([place])
        patch.setattr("seatrial.serve.log.compaction.open_place", lambda _: next(chosen, Directory(tmp_path)))
        assert Compacted() == compact(str(tmp_path), clock=later)
    assert (written, ["w1-000001-000004.parquet"]) == (ids(tmp_path), segments(tmp_path))


def sized(*parts: tuple[int, int, int]) -> list[Sized]:
    """Segments from first and last number and rows."""
    return [Sized(Segment(path="", worker="w", first=first, last=last), count) for first, last, count in parts]


def ranges(groups: list[list[Sized]]) -> list[tuple[int, int]]:
    """What each group would be named after."""
    return [(group[0].segment.first, group[-1].segment.last) for group in groups]


@pytest.mark.parametrize(
    ("parts", "target", "final", "expected"),
    [
        ([(1, 1, 1)], 10, True, []),
        ([(1, 1, 5), (2, 2, 6)], 10, True, []),
        ([(2, 2, 1), (3, 3, 1)], 10, True, [(2, 3)]),
        ([(2, 2, 1), (3, 3, 1)], 10, False, []),
        ([(2, 2, 1), (3, 3, 1), (4, 4, 1)], 10, False, [(2, 4)]),
        ([(1, 40, 1), *((number, number, 1) for number in range(41, 65))], 99, False, [(1, 64)]),
        ([(1, 40, 90), *((number, number, 1) for number in range(41, 65))], 99, False, [(41, 48), (49, 64)]),
    ],
    ids=["one", "too large", "final", "growing", "left of a block is gone", "all fit", "across the middle"],
)
def test_blocks_are_aligned(
    parts: list[tuple[int, int, int]], target: int, expected: list[tuple[int, int]], *, final: bool
) -> None:
    """1–2, 3–4, 1–4, 5–8, 1–8 … and what is there of them, where nothing will be added."""
    assert expected == ranges(plan(sized(*parts), target, final=final))


@settings(max_examples=200)
@given(
    first=st.integers(1, 40),
    seen=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 50)), min_size=2, max_size=2),
    rows_each=st.lists(st.integers(1, 9), min_size=101, max_size=101),
)
def test_compactions_that_know_nothing_of_each_other_never_cross(
    first: int, seen: list[tuple[int, int]], rows_each: list[int]
) -> None:
    """Whatever each has seen of a growing run, and however large its segments may be: inside or apart."""
    found = [
        ranges(plan(sized(*((n, n, rows_each[n]) for n in range(first, first + length + 1))), target, final=False))
        for length, target in seen
    ]
    for one_first, one_last in found[0]:
        for other_first, other_last in found[1]:
            apart = one_last < other_first or other_last < one_first
            inside = (one_first <= other_first and other_last <= one_last) or (
                other_first <= one_first and one_last <= other_last
            )
            assert apart or inside


class Compactions(RuleBasedStateMachine):
    """A worker that writes, and several compactions that stop anywhere and start from listings that are stale."""

    @initialize()
    def begin(self) -> None:
        """Number n holds row n."""
        self.files: dict[tuple[int, int], set[int]] = {}
        self.number = 0
        self.stale: list[dict[tuple[int, int], set[int]]] = [{}, {}]

    @rule(count=st.integers(1, 9))
    def write(self, count: int) -> None:
        """The worker goes on."""
        for _ in range(count):
            self.number += 1
            self.files[self.number, self.number] = {self.number}

    @rule(which=st.integers(0, 1))
    def look(self, which: int) -> None:
        """A compaction lists the folder and reads all of it."""
        self.stale[which] = dict(self.files)

    @rule(which=st.integers(0, 1), most=st.integers(2, 40), delete=st.integers(0, 40))
    def merge(self, which: int, most: int, delete: int) -> None:
        """It writes from what it read, and is killed after it deleted so many parts."""
        known = self.stale[which]
        shown = visible(segment_name("w", *one) for one in known)
        parts = [Sized(one, len(known[one.first, one.last])) for one in shown]
        for group in plan(parts, most, final=False):
            numbers_of = [(one.segment.first, one.segment.last) for one in group]
            self.files[numbers_of[0][0], numbers_of[-1][1]] = set().union(*(known[one] for one in numbers_of))
            for one in numbers_of[:delete]:
                self.files.pop(one, None)

    @invariant()
    def every_row_is_seen_once(self) -> None:
        """By a reader who lists the folder now."""
        shown = visible(segment_name("w", *one) for one in self.files)
        seen = sorted(number for one in shown for number in self.files[one.first, one.last])
        assert list(range(1, self.number + 1)) == seen


def test_whatever_compactions_do_at_the_same_time_each_row_is_seen_once() -> None:
    """See `Compactions`."""
    run_state_machine_as_test(Compactions, settings=settings(max_examples=60, stateful_step_count=30, deadline=None))


def test_nothing_unfinished_is_left(tmp_path: Path) -> None:
    """Only whole segments are in the folder."""
    fill(tmp_path, 3)
    compact(str(tmp_path), clock=later)
    assert ["w1-000001-000003.parquet"] == [path.name for path in (tmp_path / FOLDER).iterdir()]
