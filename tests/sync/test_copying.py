"""Copying ends with what the ref has: whoever else writes, wherever one is killed."""

import hashlib
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from seatrial.adapters.code.place import Place
from seatrial.records import TemporaryError, UsageError
from seatrial.sync.copying import Copied, copy_code, preview
from seatrial.sync.files import Code, CodeFile
from seatrial.testing import FakeClock, MemoryCodeTarget

FOLDER = "ml_apps/wine/main"
STRANGERS = {"output/result.csv": b"mine", "notes.txt": b"mine too"}
PATHS = st.sampled_from(["a.py", "b.py", "lib/c.py", "lib/d.py", "e"])
ORDERS = st.lists(st.tuples(st.integers(0, 1), st.integers(1, 12)), max_size=16).map(
    lambda runs: [who for who, steps in runs for _ in range(steps)]
)
TREES = st.dictionaries(PATHS, st.sampled_from([b"1", b"2"]), min_size=1, max_size=5)


def code(files: Mapping[str, bytes]) -> Code:
    """The code of a ref that has these files."""
    found = {
        path: CodeFile(path=path, digest=f"sha256:{hashlib.sha256(data).hexdigest()}", size=len(data), oid="")
        for path, data in files.items()
    }

    def read(wanted: Sequence[CodeFile]) -> Iterator[Mapping[str, bytes]]:
        """One file at a time, so that there is more to interrupt."""
        yield from ({file.path: files[file.path]} for file in wanted)

    return Code(files=found, stored={path: path for path in files}, read=read)


def commit_of(files: Mapping[str, bytes]) -> str:
    """Another one for other files."""
    return hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()[:12]


def sync(place: dict[str, bytes], files: Mapping[str, bytes], mark: str = "mark") -> Copied:
    """One whole sync."""
    return copy_code(MemoryCodeTarget(place, mark=mark), FOLDER, code(files), commit_of(files), FakeClock())


def things(place: dict[str, bytes]) -> dict[str, bytes]:
    """What is in the folder but seatrial's notes."""
    prefix = f"{FOLDER}/"
    found = {name.removeprefix(prefix): data for name, data in place.items() if name.startswith(prefix)}
    return {path: data for path, data in found.items() if not path.startswith(".seatrial/")}


def with_strangers() -> dict[str, bytes]:
    """A place where somebody else's files are."""
    return {f"{FOLDER}/{path}": data for path, data in STRANGERS.items()} | {"elsewhere/x": b"theirs"}


@given(refs=st.lists(TREES, min_size=1, max_size=5))
def test_after_each_sync_the_folder_is_the_ref(refs: list[dict[str, bytes]]) -> None:
    """Through any history; strangers and everything outside the folder stay."""
    place = with_strangers()
    for files in refs:
        before = things(place)
        copied = sync(place, files)
        assert {**files, **STRANGERS} == things(place)
        assert b"theirs" == place["elsewhere/x"]
        assert copied.unchanged == (before == {**files, **STRANGERS})
        assert copied.unchanged or (commit_of(files),) == MemoryCodeTarget(place).holding(FOLDER).commits


def test_nothing_is_written_where_nothing_changed() -> None:
    """Not even the note, although the commit is another one."""
    place: dict[str, bytes] = {}
    sync(place, {"a.py": b"1"})
    before = dict(place)
    again = copy_code(MemoryCodeTarget(place), FOLDER, code({"a.py": b"1"}), "another commit", FakeClock())

    assert again.unchanged
    assert before == place


def test_what_somebody_changed_is_put_back_and_said() -> None:
    """The copy goes one way."""
    place: dict[str, bytes] = {}
    sync(place, {"a.py": b"1", "b.py": b"2"})
    place[f"{FOLDER}/a.py"] = b"edited"
    del place[f"{FOLDER}/b.py"]
    copied = sync(place, {"a.py": b"1", "b.py": b"2"})

    assert {"a.py": b"1", "b.py": b"2"} == things(place)
    assert {"a.py", "b.py"} == copied.written
    assert ("written again, not being as seatrial left them: a.py",) == copied.notes


def test_strangers_are_said_and_left_alone() -> None:
    """By name."""
    copied = sync(with_strangers(), {"a.py": b"1"})

    assert ("left alone, because seatrial did not write them: notes.txt, output/result.csv",) == copied.notes


def test_a_stranger_in_the_way_stops_the_sync_before_it_writes() -> None:
    """Somebody's work is not overwritten, and nothing else happens either."""
    place = {f"{FOLDER}/a.py": b"somebody's"}
    with pytest.raises(UsageError, match=r"did not write a\.py"):
        sync(place, {"a.py": b"1", "b.py": b"2"})
    with pytest.raises(UsageError, match=r"did not write a\.py"):
        preview(MemoryCodeTarget(place), FOLDER, code({"a.py": b"1"}))

    assert {f"{FOLDER}/a.py": b"somebody's"} == place


@given(before=TREES, after=TREES)
def test_a_preview_says_what_the_sync_does_and_touches_nothing(
    before: dict[str, bytes], after: dict[str, bytes]
) -> None:
    """The same words, the same files."""
    place = with_strangers()
    sync(place, before)
    frozen = dict(place)
    foreseen = preview(MemoryCodeTarget(place), FOLDER, code(after))
    assert frozen == place

    assert sync(place, after) == foreseen


class KilledError(BaseException):
    """The process is gone: nothing that it would have done later happens."""


class Stepped:
    """A place that asks before each of its steps, and in the middle of a writing or removal of many."""

    largest: int | None = None

    def __init__(self, place: Place, ask: Any) -> None:
        self._place = place
        self._ask = ask

    def stored_as(self, path: str, data: bytes) -> str:
        """As it is."""
        return self._place.stored_as(path, data)

    def files(self, folder: str, known: Collection[str] = ()) -> Mapping[str, str]:
        """One step."""
        self._ask()
        return self._place.files(folder, known)

    def read(self, name: str) -> bytes | None:
        """One step."""
        self._ask()
        return self._place.read(name)

    def put(self, folder: str, files: Mapping[str, bytes], executable: Collection[str] = ()) -> Mapping[str, str]:
        """A step a file."""
        stamps: dict[str, str] = {}
        for path, data in files.items():
            self._ask()
            stamps.update(self._place.put(folder, {path: data}, executable))
        return stamps

    def delete(self, folder: str, names: Sequence[str]) -> None:
        """A step a file."""
        for name in names:
            self._ask()
            self._place.delete(folder, [name])

    def folders(self, above: str) -> Sequence[str]:
        """Not a step of a copy."""
        return self._place.folders(above)

    def clear(self, folder: str, last: str) -> None:
        """Not a step of a copy."""
        self._place.clear(folder, last)


def stepped(place: dict[str, bytes], mark: str, ask: Any) -> MemoryCodeTarget:
    """A target on a place that asks before each step."""
    target = MemoryCodeTarget(place, mark=mark)
    target._place = Stepped(target._place, ask)
    return target


def killed(place: dict[str, bytes], files: Mapping[str, bytes], after: int, mark: str) -> bool:
    """A sync that is killed after so many steps; whether it was, and did not end before."""
    left = after

    def ask() -> None:
        nonlocal left
        if left == 0:
            raise KilledError
        left -= 1

    try:
        copy_code(stepped(place, mark, ask), FOLDER, code(files), commit_of(files), FakeClock())
    except KilledError:
        return True
    return False


@settings(max_examples=200)
@given(before=TREES, kills=st.lists(st.tuples(TREES, st.integers(0, 25)), min_size=1, max_size=3), last=TREES)
def test_the_next_sync_completes_what_was_killed(
    before: dict[str, bytes], kills: list[tuple[dict[str, bytes], int]], last: dict[str, bytes]
) -> None:
    """Whatever the killed ones were about: no file of theirs is left and no stranger is touched."""
    place = with_strangers()
    sync(place, before)
    for number, (files, after) in enumerate(kills):
        killed(place, files, after, f"killed-{number}")
    sync(place, last)

    assert {**last, **STRANGERS} == things(place)
    held = MemoryCodeTarget(place).holding(FOLDER)
    assert (code(last).digests, tuple(sorted(STRANGERS))) == (held.listing, held.strangers)


def test_every_step_can_be_the_last_one() -> None:
    """One sync, killed after each of its steps in turn."""
    before, after = {"a.py": b"1", "gone.py": b"1", "lib": b"1"}, {"a.py": b"2", "lib/new.py": b"1"}
    steps = 0
    while True:
        place = with_strangers()
        sync(place, before)
        if not killed(place, after, steps, "killed"):
            break
        sync(place, {"a.py": b"3"})
        assert {"a.py": b"3", **STRANGERS} == things(place), f"killed after {steps} steps"
        steps += 1
    assert steps > 10


def test_what_was_announced_is_not_forgotten_before_it_is_written() -> None:
    """A sync that has announced a file is slow; another one comes and goes; then the file appears and its writer dies."""
    for steps in range(40):
        place = with_strangers()
        sync(place, {"a.py": b"1"})
        assert killed(place, {"a.py": b"1", "late.py": b"1"}, steps, "slow")
        if any("pending" in name for name in place):
            break
    assert "late.py" not in things(place)
    sync(place, {"a.py": b"2"})
    place[f"{FOLDER}/late.py"] = b"1"
    sync(place, {"a.py": b"3"})

    assert {"a.py": b"3", **STRANGERS} == things(place)


class Baton:
    """Lets several threads make one step at a time, in a given order."""

    def __init__(self, order: Sequence[int]) -> None:
        self._order = list(order)
        self._turn = threading.Condition()
        self._waiting: set[int] = set()
        self._running: set[int] = {0, 1}
        self._going: int | None = None

    def step(self, who: int) -> None:
        """Return when it is this one's turn."""
        with self._turn:
            self._going = None if self._going == who else self._going
            self._waiting.add(who)
            self._choose()
            self._turn.wait_for(lambda: self._going == who)

    def end(self, who: int) -> None:
        """This one has nothing more to do."""
        with self._turn:
            self._running.discard(who)
            self._waiting.discard(who)
            self._going = None if self._going == who else self._going
            self._choose()

    def _choose(self) -> None:
        """Once all that run are waiting, the order says whose turn it is."""
        if self._going is not None or self._waiting != self._running or not self._waiting:
            return
        wanted = self._order.pop(0) if self._order else min(self._waiting)
        self._going = wanted if wanted in self._waiting else min(self._waiting)
        self._waiting.discard(self._going)
        self._turn.notify_all()


def at_once(
    place: dict[str, bytes], refs: Sequence[Mapping[str, bytes]], order: Sequence[int], *, dies: int | None = None
) -> None:
    """Two syncs at once, step by step in the given order; the first is killed after `dies` steps."""
    baton = Baton(order)
    errors: list[BaseException] = []

    def run(who: int) -> None:
        steps = count()

        def ask() -> None:
            baton.step(who)
            if who == 0 and next(steps) == dies:
                raise KilledError

        try:
            copy_code(stepped(place, f"mark-{who}", ask), FOLDER, code(refs[who]), commit_of(refs[who]), FakeClock())
        except KilledError:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again below, in the test's thread
            errors.append(error)
        finally:
            baton.end(who)

    threads = [threading.Thread(target=run, args=(who,)) for who in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in errors:
        raise error


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(before=TREES, one=TREES, other=TREES, order=ORDERS)
@example(before={"e": b"1"}, one={"a.py": b"1"}, other={"b.py": b"2"}, order=[0, 1] * 40)
@example(before={"e": b"1"}, one={"a.py": b"1", "e": b"2"}, other={"e": b"1"}, order=[1, 1, 1, *[0] * 60])
def test_two_at_once_end_as_one_of_them(
    before: dict[str, bytes], one: dict[str, bytes], other: dict[str, bytes], order: list[int]
) -> None:
    """Whatever their order, step by step: never a mixture, nothing forgotten, strangers untouched."""
    place = with_strangers()
    sync(place, before)
    at_once(place, (one, other), order)

    assert things(place) in ({**one, **STRANGERS}, {**other, **STRANGERS})
    assert MemoryCodeTarget(place).holding(FOLDER).listing in (code(one).digests, code(other).digests)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(
    refs=st.tuples(TREES, TREES, TREES, TREES),
    order=ORDERS,
    dies=st.integers(0, 40),
)
def test_one_of_two_may_be_killed(
    refs: tuple[dict[str, bytes], dict[str, bytes], dict[str, bytes], dict[str, bytes]], order: list[int], dies: int
) -> None:
    """The next sync still finds every file that either of them wrote."""
    before, one, other, last = refs
    place = with_strangers()
    sync(place, before)
    at_once(place, (one, other), order, dies=dies)
    sync(place, last)

    assert {**last, **STRANGERS} == things(place)


def test_a_folder_that_never_settles_is_given_up() -> None:
    """Somebody who changes a file after every writing is named as the reason."""
    place: dict[str, bytes] = {}

    class Meddled(MemoryCodeTarget):
        def commit(self, folder: str, listing: Mapping[str, str], commit: str) -> None:
            super().commit(folder, listing, commit)
            self.files[f"{folder}/a.py"] = b"meddled"

    with pytest.raises(TemporaryError, match="keep changing"):
        copy_code(Meddled(place), FOLDER, code({"a.py": b"1"}), "c1", FakeClock())


@pytest.mark.parametrize(("other", "least", "most"), [("sync-zz-000.json", 3, 10), ("sync-aa-000.json", 0.1, 1)])
def test_of_two_with_notes_one_waits_longer(other: str, least: float, most: float) -> None:
    """So that they do not put the folder right at the same time, over and over."""
    theirs: dict[str, bytes] = {}
    sync(theirs, {"a.py": b"theirs"})
    (note,) = (data for name, data in theirs.items() if "sync-" in name)
    meddling = iter([True])
    clock = FakeClock()

    class Beside(MemoryCodeTarget):
        def commit(self, folder: str, listing: Mapping[str, str], commit: str) -> None:
            super().commit(folder, listing, commit)
            if next(meddling, False):
                self.files |= {f"{FOLDER}/.seatrial/{other}": note, f"{FOLDER}/a.py": b"theirs"}

    place: dict[str, bytes] = {}
    copy_code(Beside(place, mark="mm"), FOLDER, code({"a.py": b"1"}), "c1", clock)

    assert {"a.py": b"1"} == things(place)
    assert least <= clock.monotonic() <= most


def test_a_sync_that_was_overtaken_says_so() -> None:
    """And leaves the folder to the other one."""
    place: dict[str, bytes] = {}

    class Overtaken(MemoryCodeTarget):
        def commit(self, folder: str, listing: Mapping[str, str], commit: str) -> None:
            super().commit(folder, listing, commit)
            sync(self.files, {"b.py": b"2"}, "other")

    copied = copy_code(Overtaken(place), FOLDER, code({"a.py": b"1"}), "c1", FakeClock())

    assert {"b.py": b"2"} == things(place)
    assert (f"another sync has put commit {commit_of({'b.py': b'2'})} there meanwhile",) == copied.notes
