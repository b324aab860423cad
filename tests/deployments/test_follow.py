"""Logs are read once or as they grow, by whole lines, without secrets."""

from pathlib import Path

import pytest

from seatrial.adapters.runtime.logs import cut
from seatrial.deployments.follow import LogFollower


@pytest.fixture
def logs(tmp_path: Path) -> dict[int, Path]:
    """Two replicas' logs; only the first is there."""
    (tmp_path / "0").write_text("one\ntwo\nthree\n")
    return {0: tmp_path / "0", 1: tmp_path / "1"}


def new(follower: LogFollower) -> list[tuple[int, str]]:
    """What is new, as pairs."""
    return [(line.replica, line.text) for line in follower.new()]


def append(path: Path, text: str) -> None:
    """Write at the end."""
    with path.open("a") as file:
        file.write(text)


def test_the_last_lines_come_first_and_then_what_is_written(logs: dict[int, Path]) -> None:
    """Of a log that appears later everything is new."""
    follower = LogFollower(logs, {}, 2)
    first = new(follower)
    append(logs[0], "four\n")
    append(logs[1], "eins\nzwei\n")

    assert [(0, "two"), (0, "three")] == first
    assert [(0, "four"), (1, "eins"), (1, "zwei")] == new(follower)
    assert [] == new(follower)


def test_half_a_line_waits_for_its_end(logs: dict[int, Path]) -> None:
    """Nobody reads half a word, or half of a secret."""
    follower = LogFollower(logs, {"API_TOKEN": "very-secret"}, 0)
    new(follower)
    append(logs[0], "the token is very-")
    half = new(follower)
    append(logs[0], "secret\n")

    assert [] == half
    assert [(0, "the token is ****")] == new(follower)


def test_a_log_that_was_cut_goes_on(logs: dict[int, Path]) -> None:
    """Logs are bounded: their middle is dropped while somebody follows."""
    follower = LogFollower(logs, {}, 0)
    append(logs[0], "".join(f"line {n}\n" for n in range(2000)))
    new(follower)
    cut(logs[0], keep=100, dropped=0)
    new(follower)
    append(logs[0], "after\n")

    assert [(0, "after")] == new(follower)


def test_escape_sequences_reach_no_terminal(logs: dict[int, Path]) -> None:
    """A model's log can't repaint the screen of whoever reads it."""
    follower = LogFollower(logs, {}, 0)
    new(follower)
    append(logs[0], "\x1b[2Jred \x1b[31malert\x07\n")

    assert [(0, "red alert")] == new(follower)
