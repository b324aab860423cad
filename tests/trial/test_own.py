"""What a project names as `module:attribute`."""

from pathlib import Path

import pytest

from seatrial.records import UsageError
from seatrial.trial.own import load_own


def test_what_was_edited_is_read_again(tmp_path: Path) -> None:
    """A server that runs for weeks loads the parser as it is on the disk, not as it once was."""
    module = tmp_path / "own_parser_of_a_test.py"
    module.write_text("ANSWER = 1\n")
    first = load_own("own_parser_of_a_test:ANSWER", tmp_path, what="the parser", where="parse")
    module.write_text("ANSWER = 'two'\n")
    second = load_own("own_parser_of_a_test:ANSWER", tmp_path, what="the parser", where="parse")
    assert (1, "two") == (first, second)


def test_what_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    """With the key and the remedy."""
    with pytest.raises(UsageError) as raised:
        load_own("no_such_module:function", tmp_path, what="the parser", where="parse.function")
    assert "the parser 'no_such_module:function' can't be loaded" in raised.value.what
    assert "parse.function" == raised.value.where
