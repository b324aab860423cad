"""Releases are kept by name, one request at a time, over restarts, and for as long as somebody asks."""

import resource
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.records import JudgePolicy, PermanentError, TemporaryError, UsageError
from seatrial.testing import FakeClock
from seatrial.web import kept as room
from seatrial.web.kept import Kept, check_name
from seatrial.web.session import begin_session, feed
from seatrial.web.windows import Given
from tests.web.streams import stream


def _kept(folder: Path, clock: FakeClock | None = None, forget: float = 3600.0) -> Kept:
    return Kept(folder=folder, clock=clock or FakeClock(), forget=forget)


def _keep(kept: Kept, release: str) -> None:
    session = begin_session(JudgePolicy())
    for window in stream(2):
        feed(session, Given(window=window))
    with kept.held(release) as entry:
        entry.save(session)


def test_another_process_goes_on(tmp_path: Path) -> None:
    """What one server kept, the next one finds."""
    _keep(_kept(tmp_path), "shop-7")

    with _kept(tmp_path).held("shop-7") as entry:
        session = entry.load()

    assert session is not None
    assert session.last is not None
    assert 2 == session.last.windows


@pytest.mark.parametrize(
    "name", ["..", ".", "", "a/b", "../a", "a\\b", "a\x00", "-a", ".a", "a\n", "ü", "a" * 151, "a b"]
)
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    """No name of a release is a path, hidden, or longer than a file's name may be; nothing is written for it."""
    with pytest.raises(UsageError, match="can't name a release"), _kept(tmp_path).held(name):
        pass

    assert [] == list(tmp_path.iterdir())


@given(st.text(max_size=200))
def test_a_name_is_a_file_in_the_folder(name: str) -> None:
    """Whatever is accepted is the name of one file in the folder itself."""
    try:
        check_name(name)
    except UsageError:
        return

    assert Path("folder") == (Path("folder") / f"{name}.json").resolve().relative_to(Path.cwd()).parent
    assert len(f".{name}.json.12345678".encode()) < 255


def test_one_request_at_a_time(tmp_path: Path) -> None:
    """A second one waits, and gives up when the first takes too long: it may ask again."""
    with (
        _kept(tmp_path).held("shop"),
        pytest.raises(TemporaryError, match="still judging this release"),
        _kept(tmp_path, FakeClock()).held("shop"),
    ):
        pass


def test_the_second_request_goes_on_when_the_first_is_done(tmp_path: Path) -> None:
    """Nothing that the first one learned is lost to the second."""
    begun, done = threading.Event(), threading.Event()
    order: list[str] = []

    class Waiting(FakeClock):
        def sleep(self, seconds: float) -> None:
            done.set()
            thread.join(seconds)

    def first() -> None:
        with _kept(tmp_path).held("shop"):
            begun.set()
            done.wait()
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    begun.wait()
    with _kept(tmp_path, Waiting()).held("shop"):
        order.append("second")
    thread.join()

    assert ["first", "second"] == order


def test_silence_is_forgotten(tmp_path: Path) -> None:
    """A release whose name comes up again after an hour is another release."""
    clock = FakeClock()
    kept = _kept(tmp_path, clock)
    _keep(kept, "shop")
    clock.sleep(3599)
    with kept.held("shop") as entry:
        assert entry.load() is not None
    clock.sleep(2)

    with kept.held("shop") as entry:
        assert entry.load() is None


def test_a_release_can_be_deleted(tmp_path: Path) -> None:
    """Once: there is nothing the second time."""
    kept = _kept(tmp_path)
    _keep(kept, "shop")
    with kept.held("shop") as entry:
        assert entry.delete()

    with kept.held("shop") as entry:
        assert not entry.delete()


def test_names_do_not_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a most of releases, and those that are known go on beyond it."""
    monkeypatch.setattr(room, "MOST_RELEASES", 2)
    kept = _kept(tmp_path)
    _keep(kept, "one")
    _keep(kept, "two")

    with pytest.raises(PermanentError, match="2 releases are kept already"), kept.held("three"):
        pass
    with kept.held("two") as entry:
        assert entry.load() is not None


def test_a_disk_that_takes_no_more_is_said(tmp_path: Path) -> None:
    """Where the state can't be written the request fails, and the state of before is still there, alone."""
    kept = _kept(tmp_path)
    _keep(kept, "shop")
    before = (tmp_path / "shop.json").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with kept.held("shop") as entry:
        session = entry.load()
        assert session is not None
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
        try:
            with pytest.raises(PermanentError, match="can't be written"):
                entry.save(session)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert before == (tmp_path / "shop.json").read_bytes()
    assert {"shop.json", "shop.lock"} == {file.name for file in tmp_path.iterdir()}
