"""The page on GitHub names the messages that the adapter has."""

import inspect
import re

import pytest

from seatrial.adapters.forge import (
    github,
    github_api,
    github_app,
    github_checks,
    github_key,
    github_patience,
    github_refusals,
)
from tests.docs.pages import ROOT

_PAGE = (ROOT / "docs" / "how-to" / "github.md").read_text(encoding="utf-8")
_TABLE = _PAGE.partition("## If it does not work")[2]
_MESSAGES = [
    message for row in re.findall(r"^\| (`.+?) \|", _TABLE, re.MULTILINE) for message in re.findall(r"`([^`]+)`", row)
]
_MODULES = (github, github_api, github_app, github_checks, github_key, github_patience, github_refusals)
_SOURCE = "\n".join(map(inspect.getsource, _MODULES))
_FILLED = ("the token may not ", "the App may not ", "there is no ")


@pytest.mark.parametrize("message", _MESSAGES)
def test_messages_of_the_page_are_the_adapters(message: str) -> None:
    """Word by word; where the message names what it was about, both of its parts."""
    parts = next(([start, message.removeprefix(start)] for start in _FILLED if message.startswith(start)), [message])
    told = [part for whole in parts for part in whole.split(", or ")]

    assert [] == [part for part in told if part not in _SOURCE]


def test_the_page_has_messages() -> None:
    """The table is read."""
    assert 21 == len(_MESSAGES)
