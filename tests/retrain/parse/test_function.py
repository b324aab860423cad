"""Lines that a function of the project reads."""

from pathlib import Path

import pytest

from seatrial.records import ParserKind, ParserSpec, UsageError
from seatrial.retrain.parse import Parser, open_parser
from tests.retrain.parse.batches import batch, column, moment, reasons, rows, values

PROGRAM = """
from datetime import datetime, timedelta, timezone
import numpy as np

def read(line):
    if line.startswith("#"):
        return None
    if line == "broken":
        raise ValueError("it is\\nbroken")
    if line == "bug":
        return {}["x"]
    if line == "list":
        return (1, 2)
    if line == "silent":
        raise ValueError
    if line == "odd":
        return [{"user": 1}, {"user": Odd()}]
    return [{"user": part, "more": 1} for part in line.split()]

def typed(line):
    zone = timezone(timedelta(hours=2))
    return {"user": np.int64(3), "at": datetime(2026, 1, 1, 2, tzinfo=zone), "share": np.float32(0.5), "new": np.bool_(True)}

def surrogate(line):
    return {"name": "\\ud800"}

class Odd:
    def __repr__(self):
        raise RuntimeError("no")
    def __eq__(self, other):
        raise RuntimeError("no")
    __hash__ = None
"""


def parser_of(folder: Path, name: str, *columns: tuple[str, str]) -> Parser:
    """The program's function."""
    (folder / "lines_of_test.py").write_text(PROGRAM)
    spec = ParserSpec(kind=ParserKind.FUNCTION, function=f"lines_of_test:{name}")
    return open_parser(spec, tuple(column(*each) for each in columns), folder)


def test_a_line_may_give_several_rows_or_none(tmp_path: Path) -> None:
    """Rows of one line have its offset; None is a line that is none of its business."""
    parsed = parser_of(tmp_path, "read", ("user", "integer")).parse(batch(b"1 2", b"# x", b"3", offset=10))
    assert [(1, 10), (2, 10), (3, 12)] == [(row["user"], row["_offset"]) for row in rows(parsed)]
    assert (1, 3, ()) == (parsed.ignored, parsed.lines, parsed.dead)


def test_a_line_with_one_wrong_row_is_dead_as_a_whole(tmp_path: Path) -> None:
    """Half a line would be neither taken nor refused."""
    parsed = parser_of(tmp_path, "read", ("user", "integer")).parse(batch(b"1 x 2", b"3"))
    assert ([3], {0: "user: 'x' is not an integer"}) == (values(parsed, "user"), reasons(parsed))


def test_whatever_the_function_raises_ends_only_that_line(tmp_path: Path) -> None:
    """A reason comes from ValueError; a mistake in the function is named as such."""
    lines = [b"broken", b"bug", b"list", b"silent", b"odd", b"5"]
    parsed = parser_of(tmp_path, "read", ("user", "integer")).parse(batch(*lines))
    assert [5] == values(parsed, "user")
    assert {
        0: "it is broken",
        1: "the function raised KeyError: 'x'",
        2: "the function gave a tuple, which is neither a dict nor a list of dicts nor None",
        3: "the function raised ValueError without a reason",
        4: "user: a Odd is not an integer",
    } == reasons(parsed)


def test_values_of_datetime_and_numpy_are_taken(tmp_path: Path) -> None:
    """A moment with a zone is kept in UTC."""
    columns = [("user", "integer"), ("at", "time"), ("share", "number"), ("new", "boolean")]
    found = rows(parser_of(tmp_path, "typed", *columns).parse(batch(b"x")))
    assert [{"user": 3, "at": moment(2026, 1, 1), "share": 0.5, "new": True, "_offset": 0}] == found


def test_text_that_can_not_be_stored_makes_the_line_dead(tmp_path: Path) -> None:
    """A lone surrogate is no character."""
    parsed = parser_of(tmp_path, "surrogate", ("name", "text")).parse(batch(b"x"))
    assert {0: r"name: '\ud800' is not valid Unicode"} == reasons(parsed)


@pytest.mark.parametrize("name", ["lines_of_test:nothing", "no_such_module_of_test:read", "lines_of_test:PROGRAM"])
def test_a_function_that_is_not_there_is_the_users_to_mend(name: str, tmp_path: Path) -> None:
    """It is found before anything is collected."""
    (tmp_path / "lines_of_test.py").write_text("PROGRAM = 1\n")
    with pytest.raises(UsageError, match=r"can't be loaded|is not a function"):
        open_parser(ParserSpec(kind=ParserKind.FUNCTION, function=name), (column("a", "text"),), tmp_path)
