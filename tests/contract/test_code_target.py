"""The contract of the CodeTarget port, on the shipped fake, a directory, buckets and a Databricks workspace."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from seatrial.ports import CodeTarget, Holding
from seatrial.records import PermanentError, SyncSpec, UsageError
from seatrial.testing import MemoryCodeTarget
from seatrial.wiring import open_code_target
from tests.sync.places import Bucket, bucket, environment, workspace

FOLDER = "ml_apps/wine/main"
FILES = {"src/app.py": b"print('hello')\n", "src/lib/__init__.py": b"", "run.sh": b"#!/bin/sh\n"}
LISTING = {path: f"sha256:{number}" for number, path in enumerate(FILES)}


@dataclass(frozen=True)
class Store:
    """A place for code: how a target on it is opened, and what is really there.

    Attributes:
        open: another target on the same place, as another process would have it.
        things: bytes by path of everything below `FOLDER`, seatrial's notes left out.
        put: writes a file below `FOLDER` as somebody else would.
    """

    open: Callable[[], CodeTarget]
    things: Callable[[], dict[str, bytes]]
    put: Callable[[str, bytes], None]

    @property
    def target(self) -> CodeTarget:
        """A target that knows nothing yet."""
        return self.open()

    def fill(self) -> None:
        """Write and note the files."""
        target = self.target
        target.write(FOLDER, FILES)
        target.commit(FOLDER, LISTING, "c1")


def memory() -> Iterator[Store]:
    """The shipped fake."""
    files: dict[str, bytes] = {}
    marks = iter(f"mark-{number}" for number in range(100))
    prefix = f"{FOLDER}/"
    yield Store(
        open=lambda: MemoryCodeTarget(files, mark=next(marks)),
        things=lambda: _without_notes({n.removeprefix(prefix): d for n, d in files.items() if n.startswith(prefix)}),
        put=lambda path, data: files.update({f"{prefix}{path}": data}),
    )


def directory(folder: Path) -> Iterator[Store]:
    """A folder on this machine."""
    root = folder / "workspace" / FOLDER

    def put(path: str, data: bytes) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)

    def things() -> dict[str, bytes]:
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    yield Store(open=_opener(str(folder / "workspace")), things=lambda: _without_notes(things()), put=put)


def objects(server: Bucket, prefix: str) -> Iterator[Store]:
    """A prefix of a bucket."""
    import obstore
    from obstore.store import S3Store

    url = f"{server.url}/{prefix}"
    with environment(server.variables):
        client: Any = S3Store.from_url(f"{url}/{FOLDER}", client_options={"allow_http": True})

        def things() -> dict[str, bytes]:
            found = [each["path"] for page in obstore.list(client) for each in page]
            return {path: bytes(obstore.get(client, path).bytes()) for path in found}

        def put(path: str, data: bytes) -> None:
            obstore.put(client, path, data)

        yield Store(open=_opener(url), things=lambda: _without_notes(things()), put=put)


def databricks() -> Iterator[Store]:
    """A workspace that checks every call."""
    below = f"/Shared/{FOLDER}"
    with workspace() as one, environment(one.variables):
        yield Store(
            open=_opener(one.url),
            things=lambda: _without_notes({path: data for path, (_, data) in one.fake.things(below).items()}),
            put=lambda path, data: one.fake.put(f"{below}/{path}", data),
        )


@pytest.fixture(scope="module")
def buckets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Bucket]]:
    """Object stores by their kind, each started at its first use."""
    with ExitStack() as running:
        yield cache(lambda kind: running.enter_context(bucket(kind, tmp_path_factory.mktemp(kind))))


@pytest.fixture(params=["memory", "directory", "rclone", "moto", "databricks"])
def store(request: pytest.FixtureRequest, tmp_path: Path, buckets: Callable[[str], Bucket]) -> Iterator[Store]:
    """Each place in turn, empty."""
    if request.param == "memory":
        yield from memory()
    elif request.param == "directory":
        yield from directory(tmp_path)
    elif request.param == "databricks":
        yield from databricks()
    else:
        yield from objects(buckets(request.param), tmp_path.name)


def _opener(url: str) -> Callable[[], CodeTarget]:
    return lambda: open_code_target(SyncSpec(target=url), Path(), {})


def _without_notes(things: dict[str, bytes]) -> dict[str, bytes]:
    return {path: data for path, data in things.items() if not path.startswith(".seatrial/")}


def test_a_folder_that_is_not_there_holds_nothing(store: Store) -> None:
    """And looking makes nothing."""
    assert Holding() == store.target.holding(FOLDER)
    assert {} == store.things()


def test_what_was_written_and_noted_is_held(store: Store) -> None:
    """Byte for byte, and another process knows it too."""
    store.fill()

    assert FILES == store.things()
    assert Holding(listing=LISTING, commits=("c1",)) == store.target.holding(FOLDER)


def test_files_are_replaced_and_removed(store: Store) -> None:
    """What goes is gone; the rest is as it was."""
    store.fill()
    target = store.target
    target.write(FOLDER, {"src/app.py": b"new\n"})
    target.remove(FOLDER, ["run.sh", "src/lib/__init__.py", "never/was.py"])
    target.commit(FOLDER, {"src/app.py": "sha256:new"}, "c2")

    assert {"src/app.py": b"new\n"} == store.things()
    assert Holding(listing={"src/app.py": "sha256:new"}, commits=("c2",)) == store.target.holding(FOLDER)


def test_writing_that_was_cut_short_is_known_and_not_trusted(store: Store) -> None:
    """Files that were written and never noted are held without a digest, beside those that were noted."""
    store.fill()
    store.target.write(FOLDER, {"src/app.py": b"half", "src/new.py": b"half"})

    held = store.target.holding(FOLDER)
    assert {**LISTING, "src/app.py": "", "src/new.py": ""} == held.listing
    assert ((), ("c1",)) == (held.strangers, held.commits)


def test_the_next_note_takes_up_what_was_cut_short(store: Store) -> None:
    """Whoever notes next does not forget it; once it is removed it is forgotten."""
    store.target.write(FOLDER, {"src/lost.py": b"lost"})
    target = store.target
    target.write(FOLDER, FILES)
    target.commit(FOLDER, LISTING, "c1")
    assert {**LISTING, "src/lost.py": ""} == store.target.holding(FOLDER).listing

    target = store.target
    target.remove(FOLDER, ["src/lost.py"])
    target.commit(FOLDER, LISTING, "c1")
    assert LISTING == store.target.holding(FOLDER).listing
    assert FILES == store.things()


def test_a_note_forgets_nothing_that_another_process_noted_meanwhile(store: Store) -> None:
    """Of two at once the later note carries the other's files on, without a digest."""
    one, other = store.target, store.target
    one.write(FOLDER, {"one.py": b"1"})
    other.write(FOLDER, {"other.py": b"2"})
    one.commit(FOLDER, {"one.py": "sha256:1"}, "c1")
    other.commit(FOLDER, {"other.py": "sha256:2"}, "c2")

    held = store.target.holding(FOLDER)
    assert ({"one.py": "", "other.py": "sha256:2"}, ("c2",)) == (held.listing, held.commits)


def test_a_file_that_was_changed_before_the_note_has_no_digest(store: Store) -> None:
    """It is not noted as if it were still what it was."""
    store.fill()
    target = store.target
    store.put("src/app.py", b"edited by hand\n")
    target.write(FOLDER, {"new.py": b"1"})
    target.commit(FOLDER, {**LISTING, "new.py": "sha256:1"}, "c2")

    assert {**LISTING, "new.py": "sha256:1", "src/app.py": ""} == store.target.holding(FOLDER).listing


def test_a_file_that_somebody_changed_has_no_digest(store: Store) -> None:
    """Its bytes are not those that were noted any more."""
    store.fill()
    store.put("src/app.py", b"edited by hand\n")

    assert {**LISTING, "src/app.py": ""} == store.target.holding(FOLDER).listing


def test_other_files_are_strangers(store: Store) -> None:
    """They are named, and stay whatever is written and removed."""
    store.put("src/notes.txt", b"mine")
    store.put("output.csv", b"1,2\n")
    store.fill()
    target = store.target
    target.remove(FOLDER, list(FILES))
    target.commit(FOLDER, {}, "c2")

    assert {"src/notes.txt": b"mine", "output.csv": b"1,2\n"} == store.things()
    held = store.target.holding(FOLDER)
    assert ({}, ("output.csv", "src/notes.txt")) == (held.listing, held.strangers)


def test_a_file_may_become_a_folder_and_the_other_way_round(store: Store) -> None:
    """What is in the way is removed first."""
    store.fill()
    target = store.target
    target.remove(FOLDER, ["run.sh", "src/lib/__init__.py"])
    target.write(FOLDER, {"run.sh/main.py": b"1", "src/lib": b"2"})
    listing = {"run.sh/main.py": "sha256:1", "src/lib": "sha256:2", "src/app.py": LISTING["src/app.py"]}
    target.commit(FOLDER, listing, "c2")

    assert {"run.sh/main.py": b"1", "src/lib": b"2", "src/app.py": FILES["src/app.py"]} == store.things()
    assert listing == store.target.holding(FOLDER).listing


@pytest.mark.parametrize(
    "name", ["ünï cödé/日本.py", "a b+c&d=e#f%20g.txt", "[x]*?{}.py", "-dash", "it's,(ok);@~!$.py"]
)
def test_names_are_kept_as_they_are(store: Store, name: str) -> None:
    """Whatever git can hold that is text without control characters."""
    target = store.target
    target.write(FOLDER, {name: b"odd"})
    target.commit(FOLDER, {name: "sha256:odd"}, "c1")

    assert {name: b"odd"} == store.things()
    assert {name: "sha256:odd"} == store.target.holding(FOLDER).listing


def test_only_folders_with_notes_are_listed_and_dropped(store: Store) -> None:
    """One that was cut short counts; one that somebody else made does not, and can't be dropped."""
    store.fill()
    store.target.write("ml_apps/wine/feature~x", {"a.py": b"1"})
    assert ["feature~x", "main"] == list(store.target.folders("ml_apps/wine"))
    assert [] == list(store.target.folders("ml_apps/nowhere"))

    store.target.drop(FOLDER)
    assert ["feature~x"] == list(store.target.folders("ml_apps/wine"))
    assert (Holding(), {}) == (store.target.holding(FOLDER), store.things())
    with pytest.raises(UsageError, match="did not write"):
        store.target.drop(FOLDER)


def test_a_dropped_folder_goes_with_everything_in_it(store: Store) -> None:
    """Strangers among it: the branch is gone."""
    store.fill()
    store.put("output.csv", b"1,2\n")
    store.target.drop(FOLDER)

    assert {} == store.things()


@pytest.mark.parametrize("path", ["../escape.py", "/etc/passwd", "a/../../b", "", "a//b", "."])
def test_paths_stay_below_the_folder(store: Store, path: str) -> None:
    """Whoever asks for another one."""
    with pytest.raises(PermanentError, match="out of the folder"):
        store.target.write(FOLDER, {path: b"1"})
    with pytest.raises(PermanentError, match="out of the folder"):
        store.target.holding(path)


def test_notes_that_lead_elsewhere_are_refused(store: Store) -> None:
    """Somebody who can write into the target can't make a sync remove files beside it."""
    store.fill()
    note = b'{"version":1,"commit":"c","files":{"../../victim":{"stored":"../../victim","digest":"","stamp":""}}}'
    store.put(".seatrial/sync-x.json", note)

    with pytest.raises(PermanentError, match="out of the folder"):
        store.target.holding(FOLDER)


def test_a_damaged_note_is_refused(store: Store) -> None:
    """With what to do about it."""
    store.fill()
    store.put(".seatrial/sync-x.json", b'{"version":1,')

    with pytest.raises(PermanentError, match="damaged") as caught:
        store.target.holding(FOLDER)
    assert "move the folder away" in caught.value.remedy
