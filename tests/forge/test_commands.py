"""What a comment asks of seatrial."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.forge.commands import Command, CommandKind, parse_command
from tests.forge.reading import NASTY, dangers

RUN = Command(kind=CommandKind.RUN)


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("/seatrial run", RUN),
        ("/seatrial run --attribute", Command(kind=CommandKind.RUN, attribute=True)),
        ("/seatrial run \u2014attribute", Command(kind=CommandKind.RUN, attribute=True)),
        ("/seatrial cancel", Command(kind=CommandKind.CANCEL)),
        ("/seatrial explain latency_p99", Command(kind=CommandKind.EXPLAIN, metric="latency_p99")),
        (
            "/seatrial explain `accuracy [colour=red]`",
            Command(kind=CommandKind.EXPLAIN, metric="accuracy [colour=red]"),
        ),
        ("/SeaTrial RUN", RUN),
        ("  /seatrial   run  ", RUN),
        ("Thanks!\r\n/seatrial run\r\nplease", RUN),
        ("> /seatrial cancel\n\n/seatrial run", RUN),
        ("```\n/seatrial cancel\n```\n/seatrial run", RUN),
        ("~~~~\n```\n~~~\n/seatrial cancel\n~~~~~\n/seatrial run", RUN),
        (">>>\n/seatrial cancel\n>>>\n/seatrial run", RUN),
        ("<!-- a note\n/seatrial cancel\n-->\n/seatrial run", RUN),
        ("a <!-- b --> c\n/seatrial run", RUN),
        ("a `<!--` b\n/seatrial run", RUN),
        ("/seatrial run\n/seatrial cancel", RUN),
    ],
)
def test_a_command_is_read(text: str, command: Command) -> None:
    """At the start of a line of its author's own; the first one counts."""
    assert command == parse_command(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "run", "please /seatrial run", "/seatrials run", "seatrial run", "/ seatrial run", "`/seatrial run`",
        "> /seatrial run", "    /seatrial run", "\t/seatrial run", "```\n/seatrial run", "```sh\n/seatrial run\n~~~",
        "````\n```\n/seatrial run\n````", "<!--\n/seatrial run", "x <!-- a\n/seatrial run\nb -->", ">>>\n/seatrial run\n>>>",
        "- /seatrial run", "x" * 70_000 + "\n/seatrial run",
    ],
)  # fmt: skip
def test_what_is_quoted_shown_or_hidden_is_no_command(text: str) -> None:
    """Nor is one inside a sentence."""
    assert parse_command(text) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("/seatrial", "A command is missing."),
        ("/seatrial rn", "`/seatrial rn` is not known."),
        ("/seatrial run --fast", "`/seatrial run` does not know `--fast`."),
        ("/seatrial cancel now", "`/seatrial cancel` takes no words."),
        ("/seatrial explain", "`/seatrial explain` needs the name of a metric."),
        ("/seatrial explain ``", "`/seatrial explain` needs the name of a metric."),
    ],
)
def test_a_mistyped_command_is_told_which_are_known(text: str, told: str) -> None:
    """So that it can be answered."""
    found = parse_command(text)
    assert found is not None
    assert found.kind is CommandKind.UNKNOWN
    assert found.error.lower().startswith(told.lower())
    assert "`/seatrial explain METRIC`" in found.error


@given(NASTY | st.text(max_size=60))
def test_nobodys_words_do_anything_in_the_answer(text: str) -> None:
    """Whatever was typed."""
    for line in (f"/seatrial {text}", f"/seatrial run {text}", f"/seatrial cancel {text}"):
        found = parse_command(line)
        assert found is not None
        assert dangers(found.error) == []


@given(st.text(alphabet="/seatrial run\n`~> -<!", max_size=60))
def test_any_text_is_survived(text: str) -> None:
    """Reading never raises, and only lines that begin with it are commands."""
    if parse_command(text) is not None:
        assert "/seatrial" in text


def test_a_comment_that_opens_thousands_of_notes_hides_nothing_after_them() -> None:
    """Notes that nobody closed hide nothing: what stands below them is read, however many they are."""
    assert parse_command("x<!--\n" * 10_000 + "/seatrial cancel") == Command(kind=CommandKind.CANCEL)
    assert parse_command("x<!--\n" * 10 + "/seatrial cancel\n-->\n") is None
