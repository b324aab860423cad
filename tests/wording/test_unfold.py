"""What is folded is laid open where nothing folds."""

from seatrial.wording.inert import details, fence
from seatrial.wording.unfold import unfolded


def test_a_fold_is_laid_open() -> None:
    """Its summary is a bold line, and nothing is lost."""
    assert "# x\n\n<b>3 cells</b>\n\nall of them\n\nend" == unfolded(
        f"# x\n\n{details('3 cells', 'all of them')}\n\nend"
    )


def test_code_is_left_as_it_is() -> None:
    """A log line that looks like a fold is a log line."""
    log = fence("<details>\n<summary>x</summary>\n```\n</details>")
    assert f"<b>log</b>\n\n{log}" == unfolded(details("log", log)).strip()


def test_text_without_folds_is_the_same() -> None:
    """Nothing is touched."""
    assert "a\n\n\n\nb" == unfolded("a\n\n\n\nb")
