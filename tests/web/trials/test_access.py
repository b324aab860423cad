"""Who may look at the pages."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.web.trials.access import Access, Visitor, access

HOME = Visitor(peer="127.0.0.1", host="localhost:8300")


def basic(password: str, user: str = "anyone") -> str:
    """The header that a browser sends."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    "visitor",
    [HOME, Visitor(peer="::1", host="[::1]:8300"), Visitor(peer="127.0.0.1", host="127.0.0.1")],
)
def test_without_a_password_this_machine_is_let_in(visitor: Visitor) -> None:
    """A laptop needs nothing set."""
    assert access(visitor, "") is Access.GRANTED


@pytest.mark.parametrize(
    "visitor",
    [
        Visitor(peer="192.0.2.7", host="bot.cellar.example"),
        Visitor(peer="127.0.0.1", host="bot.cellar.example", forwarded=True),
        Visitor(peer="127.0.0.1", host="localhost", forwarded=True),
        Visitor(peer="127.0.0.1", host="evil.example:8300"),
        Visitor(peer="", host=""),
    ],
)
def test_without_a_password_nobody_else_is(visitor: Visitor) -> None:
    """Not over the network, not through a proxy, and not by a page elsewhere whose name was made to lead here."""
    assert access(visitor, "") is Access.DENIED


def test_with_a_password_whoever_knows_it_is_let_in_from_anywhere() -> None:
    """Whatever the user name; everyone else is asked, this machine too."""
    far = Visitor(peer="192.0.2.7", host="bot.cellar.example", forwarded=True, authorization=basic("se:cret"))
    assert access(far, "se:cret") is Access.GRANTED
    assert access(HOME, "se:cret") is Access.ASK


@given(st.text(max_size=40))
def test_no_other_header_opens_the_pages(header: str) -> None:
    """Whatever is sent is compared, and never ends in an error."""
    assert access(Visitor(peer="127.0.0.1", host="localhost", authorization=header), "se:cret") is Access.ASK
    assert access(Visitor(peer="", host="", authorization=f"Basic {header}"), "se:cret") is Access.ASK
