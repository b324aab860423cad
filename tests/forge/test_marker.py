"""The hidden line tells whose comment it is and what it remembers, whatever somebody wrote into it."""

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.forge.marker import (
    EMPTY,
    MOST,
    Entry,
    Outcome,
    State,
    is_ours,
    marker,
    merged,
    most_telling,
    project_token,
    read_state,
    shortened,
    without_marker,
)
from seatrial.records import PostedComment
from tests.forge.reading import NASTY

AT = datetime(2026, 11, 21, 3, 15, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def entry(commit: str = "c1", outcome: Outcome = Outcome.PASS, *, minutes: int = 0, headline: str = "fine") -> Entry:
    """A run of `commit`, `minutes` after the first."""
    return Entry(
        commit=commit,
        outcome=outcome,
        headline=headline,
        run=f"run of {commit}",
        link="https://ci.example/1",
        at=AT + timedelta(minutes=minutes),
    )


def posted(body: str, *, own: bool | None = True) -> PostedComment:
    """A comment with this text."""
    return PostedComment(id="1", author="x", body=body, own=own)


def test_what_is_remembered_is_read_back() -> None:
    """The commit that the comment is about, and those before."""
    state = State(current=entry("c2", Outcome.RUNNING), earlier=(entry("c1"), entry("c0", Outcome.FAIL)))
    assert state == read_state(f"{marker('digits', state)}\n\nwords")


@given(TEXT | NASTY, TEXT | NASTY)
def test_no_name_or_word_ends_the_line(project: str, word: str) -> None:
    """The marker is one line that ends where it should, and the comment is that project's only."""
    line = marker(project, State(current=replace(entry(), headline=word.encode("utf-8", "replace").decode())))
    assert line.count("-->") == line.count("<!--") == len(line.splitlines()) == 1
    assert is_ours(posted(f"{line}\nwords"), project)
    assert not is_ours(posted(f"{line}\nwords"), f"{project}x")
    assert without_marker(f"{line}\n\nwords") == "words"


@pytest.mark.parametrize(
    ("body", "own", "ours"),
    [
        ("{}\nwords", True, True),
        ("{}\nwords", None, True),
        ("{}\r\nwords", True, True),
        ("{}", True, True),
        ("{}\nwords", False, False),
        (" {}\nwords", True, False),
        ("> {}\nwords", True, False),
        ("words\n{}\n", True, False),
        ("{} words", True, False),
    ],
)
def test_only_a_comment_that_begins_with_it_is_ours(body: str, *, own: bool | None, ours: bool) -> None:
    """A quoted marker, one further down and somebody else's are none."""
    assert ours == is_ours(posted(body.format(marker("digits", EMPTY)), own=own), "digits")


def packed(text: str | bytes) -> str:
    """A marker with any state."""
    data = text.encode() if isinstance(text, str) else text
    return f"<!-- seatrial:{project_token('digits')} v1 {base64.urlsafe_b64encode(data).rstrip(b'=').decode()} -->\n"


@pytest.mark.parametrize(
    "forged",
    [
        packed("not JSON"),
        packed(b"\xff\xfe"),
        packed("[" * 10_000),
        packed('{"earlier": [{"commit": 1}]}'),
        packed('{"current": {"commit": "c", "outcome": "glorious", "at": "2026-01-01T00:00:00Z"}}'),
        packed('{"current": {"commit": "c", "outcome": "pass", "at": "2026-01-01T00:00:00"}}'),
        packed("x" * 100_000),
        f"<!-- seatrial:{project_token('digits')} v1 A -->\n",
        f"<!-- seatrial:{project_token('digits')} v1  -->\n",
        f"<!-- seatrial:{project_token('digits')} v2 e30 -->\n",
        "no marker at all",
    ],
)
def test_a_broken_state_is_an_empty_one(forged: str) -> None:
    """Whoever may edit the comment can break it, and the next run mends it."""
    assert read_state(forged) == EMPTY


@given(st.binary(max_size=200))
def test_any_state_is_survived(data: bytes) -> None:
    """Reading never raises."""
    assert isinstance(read_state(packed(data)), State)


def test_a_forged_state_is_bounded() -> None:
    """Ten commits, short words, and no address without end."""
    long = replace(entry(), headline="x" * 900, commit="c" * 900, link="https://x.example/" + "x" * 900)
    found = read_state(f"{marker('digits', State(current=long, earlier=(long,) * 12))}\n")
    assert found.current is not None
    assert (len(found.current.headline), len(found.current.commit), found.current.link) == (240, 200, "")
    assert len(found.earlier) == MOST


def test_the_last_ten_commits_stay_the_newest_first() -> None:
    """One entry per commit."""
    found = merged([entry(f"c{n}", minutes=n) for n in range(15)] * 2, without="c14")
    assert [f"c{n}" for n in range(13, 3, -1)] == [each.commit for each in found]


def test_a_result_tells_more_than_no_result() -> None:
    """Of two entries of a commit the verdict stays, whichever came last."""
    late = entry(outcome=Outcome.RUNNING, minutes=9)
    assert most_telling([entry(outcome=Outcome.FAIL), late, entry(outcome=Outcome.SUPERSEDED)], "c1").outcome == "fail"
    assert merged([late, entry(outcome=Outcome.SUPERSEDED)])[0].outcome == "superseded"


@given(st.permutations([entry(f"c{n % 4}", outcome, minutes=n) for n, outcome in enumerate(Outcome)]))
def test_the_order_of_merging_does_not_count(entries: list[Entry]) -> None:
    """Two runs that merge the same come to the same."""
    assert merged(sorted(entries, key=lambda each: each.at)) == merged(entries)


def test_a_shorter_state_keeps_its_own_commit_longest() -> None:
    """Headlines first, then commits, the comment's own last of all."""
    state = State(current=entry("c9"), earlier=tuple(entry(f"c{n}", headline="x" * 200) for n in range(8)))
    sizes = [len(marker("digits", shortened(state, level))) for level in range(5)]
    assert sorted(sizes, reverse=True) == sizes
    assert [8, 8, 3, 0, 0] == [len(shortened(state, level).earlier) for level in range(5)]
    assert shortened(state, 3).current == state.current
    assert shortened(state, 4) == EMPTY
