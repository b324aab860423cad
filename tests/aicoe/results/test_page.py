"""The reference page shows what is printed and stored."""

from tests.aicoe.results.test_comment import ONE
from tests.aicoe.results.test_layout import PROCESSED
from tests.docs.pages import ROOT, blocks

PAGE = ROOT / "docs" / "reference" / "aicoe.md"


def test_the_page_shows_the_comment_and_the_object_to_the_letter() -> None:
    """As the tests of both have them."""
    shown = [block.text for block in blocks(PAGE, "text")]

    assert ONE in shown
    assert f"{PROCESSED}\n" in shown


def test_the_page_shows_the_queries() -> None:
    """Those that are asked."""
    from seatrial.aicoe.platform import cpu_query, memory_query

    shown = [block.text for block in blocks(PAGE, "text")]

    assert f"{cpu_query('N', 'P')}\n{memory_query('N', 'P')}\n" in shown
