"""Every whole line of the access log is read once."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.gateway.log.follow import LONGEST, Follower


def texts(follower: Follower, files: list[Path]) -> list[bytes]:
    """All that there is to read."""
    return list(follower.read(files).lines)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A file with two lines."""
    path = tmp_path / "access.log"
    path.write_bytes(b"one\ntwo\n")
    return path


def append(path: Path, data: bytes) -> None:
    """Write at a file's end."""
    with path.open("ab") as file:
        file.write(data)


def test_a_line_is_read_once_it_is_whole(log: Path) -> None:
    """What a proxy has written half of is left for later."""
    follower = Follower({})
    append(log, b"thr")

    assert [b"one", b"two"] == texts(follower, [log])
    assert [] == texts(follower, [log])

    append(log, b"ee\n")
    assert [b"three"] == texts(follower, [log])


def test_reading_goes_on_after_a_restart(log: Path) -> None:
    """From the positions that were kept."""
    follower = Follower({})
    texts(follower, [log])
    append(log, b"three\n")

    assert [b"three"] == texts(Follower(follower.positions), [log])


def test_a_rotation_loses_and_repeats_nothing(log: Path) -> None:
    """Lines that came before it, after it, and to the old file after it had its new name."""
    follower = Follower({})
    texts(follower, [log])
    append(log, b"three\n")
    old = log.rename(log.with_name("access-1.log"))
    log.write_bytes(b"five\n")
    append(old, b"four\n")

    assert [b"three", b"four", b"five"] == texts(follower, [old, log])


def test_a_copied_and_emptied_file_is_told_from_the_one_before(log: Path) -> None:
    """What `logrotate` does with `copytruncate`: the copy is known, what comes now is new."""
    follower = Follower({})
    texts(follower, [log])
    copy = log.with_name("access-1.log")
    shutil.copy(log, copy)
    log.write_bytes(b"three\n")

    assert [b"three"] == texts(follower, [copy, log])


def test_a_file_that_is_gone_is_none(log: Path) -> None:
    """It was put away between listing and reading."""
    assert [b"one", b"two"] == texts(Follower({}), [log.with_name("gone.log"), log])


def test_much_is_read_in_bunches(tmp_path: Path) -> None:
    """Which say that there is more, until there isn't."""
    log, lines = tmp_path / "access.log", [b"x" * 1000 + b"%d" % number for number in range(3000)]
    log.write_bytes(b"\n".join(lines) + b"\n")
    follower = Follower({})

    bunches = [follower.read([log], 1 << 20) for _ in range(4)]

    assert [False, False, True, True] == [bunch.caught_up for bunch in bunches]
    assert lines == [one for bunch in bunches for one in bunch.lines]


def test_what_is_no_line_does_not_stop_the_reading(tmp_path: Path) -> None:
    """A disk that was full may leave any bytes."""
    log = tmp_path / "access.log"
    log.write_bytes(b"one\n" + b"\0" * (2 * LONGEST) + b"\ntwo\n")
    follower = Follower({})

    bunches = [follower.read([log]) for _ in range(5)]

    assert bunches[-1].caught_up
    assert [b"one", b"two"] == [one for bunch in bunches for one in bunch.lines if b"\0" not in one]


def test_many_old_files_are_not_read_again(tmp_path: Path) -> None:
    """However many wait to be put away."""
    files = [tmp_path / f"access-{number:03d}.log" for number in range(200)]
    for number, path in enumerate(files):
        path.write_bytes(b"line %d\n" % number)
    follower = Follower({})

    assert 200 == len(texts(follower, files))
    assert [] == texts(follower, files)
    assert [] == texts(Follower(follower.positions), files)


def test_what_is_known_of_files_that_are_gone_is_forgotten(tmp_path: Path) -> None:
    """Or positions would become more for ever."""
    follower = Follower({})
    for number in range(200):
        path = tmp_path / "access.log"
        path.write_bytes(b"line %d\n" % number)
        texts(follower, [path])

    assert 64 == len(follower.positions)


@settings(max_examples=40, deadline=None)
@given(
    steps=st.lists(
        st.one_of(
            st.binary(min_size=1, max_size=8).map(lambda data: ("write", data.replace(b"\n", b""))),
            st.sampled_from([("rotate", b""), ("read", b""), ("kill", b"")]),
        ),
        max_size=40,
    )
)
def test_whatever_happens_each_line_comes_once(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, bytes]]
) -> None:
    """Writing, rotating, reading, and processes that are killed after keeping or before keeping what they read."""
    folder = tmp_path_factory.mktemp("log")
    current, old = folder / "access.log", []
    current.touch()
    follower, kept, taken, written = Follower({}), {}, [], []
    for number, (step, data) in enumerate(steps):
        if step == "write":
            written.append(b"%d %b" % (number, data))
            append(current, written[-1] + b"\n")
        elif step == "rotate" and current.stat().st_size:
            old.append(current.rename(folder / f"access-{number:03d}.log"))
            current.touch()
        elif step == "read":
            taken += texts(follower, [*old, current])
            kept = follower.positions
        elif step == "kill":
            texts(follower, [*old, current])
            follower = Follower(kept)

    assert written == taken + texts(follower, [*old, current])
